"""What riders see of their points: the balance, why it is what it is, and the rules."""

from datetime import timedelta
from functools import partial

from models import Person, clock
from services import adjustments, ledger, programme
from tests.conversations.people import DESK, LIN, RIDER, RIDER_ZH
from tests.conversations.scene import HERE, MOSTLY_SQLITE, Scene, text_of
from tests.pictures import jpeg


async def report(scene: Scene, who: int, number: int) -> None:
    scene.world.send_photos(who, who, [jpeg(number)])
    # Some steps apart, so that none is taken for another, and in one cell.
    latitude, longitude = HERE[0] - 0.0004 * (number - 1), HERE[1]
    scene.world.send_location(who, who, latitude, longitude, accuracy=12)
    await scene.settle()
    await scene.press(who, who, "护栏" if who == RIDER_ZH else "guardrail")


async def approved(scene: Scene, who: int, number: int, stars: str = "★★") -> None:
    await report(scene, who, number)
    await scene.press(LIN, DESK, stars)


async def ask(scene: Scene, who: int, text: str) -> str:
    scene.world.say(who, who, text)
    await scene.settle()
    return scene.said(who)


pytestmark = MOSTLY_SQLITE


class TestPoints:
    async def test_a_rider_reads_what_they_have_and_what_for(self, scene: Scene) -> None:
        await approved(scene, RIDER, 1)
        said = await ask(scene, RIDER, "/points")
        assert said.splitlines()[0] == "10 points"
        assert "+10 · #1 approved" in said

    async def test_long_reasons_of_an_operator_are_cut(self, scene: Scene) -> None:
        await ask(scene, RIDER, "/start")
        for number in range(10):
            clock.advance(timedelta(seconds=1))
            scene.database.run_here(
                partial(
                    adjustments.adjust, person_id=RIDER, points=5, why=f"{number} " + "why " * 150
                )
            )
        said = await ask(scene, RIDER, "/points")
        assert said.splitlines()[0] == "50 points"
        assert "booked by hand: 9 why" in said
        assert len(said) < 4096

    async def test_why_a_report_earned_less_is_told_twice(self, scene: Scene) -> None:
        await approved(scene, RIDER_ZH, 1)
        await approved(scene, RIDER, 2)
        assert "+5 points (balance 5)" in scene.said(RIDER)
        assert "reported there before" in scene.said(RIDER)
        assert "so it earns less" in await ask(scene, RIDER, "/points")

    async def test_what_waits_is_told_apart(self, scene: Scene) -> None:
        await approved(scene, RIDER, 1)
        with scene.database.transaction() as session:
            ledger.move(
                session,
                points=7,
                source=ledger.PROGRAMME,
                to=ledger.rider(RIDER),
                rule=ledger.JOINER,
                subject="held",
                terms={},
                report_id=1,
                available_at=clock.now() + timedelta(hours=1),
            )
        assert "7 of them wait" in await ask(scene, RIDER, "/points")

    async def test_the_rules_are_told_in_plain_words(self, scene: Scene) -> None:
        said = await ask(scene, RIDER_ZH, "/points rules")
        for words in ("5、10 或 20 分", "20%", "100%、50%、25%", "最多得 100 分", "50,000"):
            assert words in said
        await ask(scene, RIDER, "/points")
        await scene.press(RIDER, RIDER, "The rules")
        for words in ("5, 10 or 20 points", "100%, 50%, 25%", "100 points at most"):
            assert words in scene.said(RIDER)
        # No bonus is promised while none is paid.
        assert "fix" not in scene.said(RIDER)


class TestBudget:
    async def test_the_admins_hear_of_it_once_at_four_fifths_and_once_at_the_end(
        self, scene: Scene
    ) -> None:
        assert scene.code is not None
        await ask(scene, LIN, scene.code.text)
        with scene.database.transaction() as session:
            programme.lock_month(session, policy=scene.house.policy)
            programme.note_payment(session, month="2026-11", points=39_999)
        heard = len(scene.from_bot(LIN))
        await scene.sweep()
        assert len(scene.from_bot(LIN)) == heard
        await approved(scene, RIDER, 1)
        for _ in range(2):
            await scene.sweep()
        assert ["40,009" in text_of(one) for one in scene.from_bot(LIN)[heard:]] == [True]
        with scene.database.transaction() as session:
            programme.note_payment(session, month="2026-11", points=9_991)
        for _ in range(2):
            await scene.sweep()
        assert ["已发完" in text_of(one) for one in scene.from_bot(LIN)[heard:]] == [False, True]
        await approved(scene, RIDER_ZH, 2)
        assert "+0 分" not in scene.said(RIDER_ZH)
        assert "本月积分已发完" in scene.said(RIDER_ZH)
        assert "已发完" in await ask(scene, RIDER_ZH, "/points rules")


async def test_who_blocked_the_bot_finds_their_points_again(scene: Scene) -> None:
    await approved(scene, RIDER, 1)
    with scene.database.transaction() as session:
        session.get_one(Person, RIDER).unreachable_since = clock.now()
    assert (await ask(scene, RIDER, "/points")).startswith("10 points")
