"""handlers/rewards.py: what points are good for, and how they are spent, by tapping."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import update

from models import Draft, Item, Outgoing, Person, Photo, Report, Voucher, clock
from services import catalogue_file, catalogue_import, ledger
from tests.conversations.people import RIDER, RIDER_ZH
from tests.conversations.scene import HERE, MOSTLY_SQLITE, Scene, buttons_of, labels_of, text_of
from tests.pictures import jpeg

pytestmark = MOSTLY_SQLITE
EXAMPLE = Path(__file__).parents[2] / "rewards" / "example.yaml"


@pytest.fixture
async def street(scene: Scene) -> Scene:
    """The example's shops are open; the English rider has 45 points."""
    wanted = catalogue_file.read(EXAMPLE)
    for picture in wanted.pictures.values():
        found = picture.found
        scene.store.put(found.sha256, picture.file.read_bytes(), found.preview, found.suffix)
    scene.database.run_here(
        partial(catalogue_import.bring_in, wanted=wanted, restock=False, policy=scene.house.policy)
    )
    scene.world.say(RIDER, RIDER, "/start")
    await scene.settle()
    pay(scene, RIDER, 45)
    return scene


def pay(scene: Scene, person_id: int, points: int, **told) -> None:
    number = len(scene.rows(Outgoing)) + points
    scene.database.run_here(
        partial(
            ledger.move,
            points=points,
            source=ledger.PROGRAMME,
            to=ledger.rider(person_id),
            rule=ledger.APPROVAL,
            subject=f"test:{person_id}:{number}",
            terms={},
            **told,
        )
    )


def change(scene: Scene, code: str, **values) -> None:
    scene.database.run_here(
        lambda session: session.execute(update(Item).where(Item.code == code).values(**values))
    )


async def says(scene: Scene, text: str, who: int = RIDER) -> str:
    scene.world.say(who, who, text)
    await scene.settle()
    return scene.said(who)


def titles(scene: Scene) -> list[str]:
    """The items of the page, in order."""
    lines = scene.said(RIDER).splitlines()[1:]
    return [line.split(" · ")[0].split(" ", 1)[1] for line in lines if not line.startswith(" ")]


def redeemed(scene: Scene) -> list[tuple[str, int]]:
    return [(voucher.title_en, voucher.cost) for voucher in scene.rows(Voucher)]


class TestLooking:
    async def test_what_is_affordable_stands_first_and_sold_out_last(self, street: Scene) -> None:
        change(street, "hot-water", stock=0)
        change(street, "brake-check", paused=True)
        text = await says(street, "/rewards")
        assert text.startswith("45 points to spend\n🎁 Lemon tea · 20 points\n    Yongjia Tea")
        assert titles(street) == [
            "Lemon tea",
            "House milk tea",
            "Seafood noodle soup",
            "Rain cape",
            "Flask of hot water",
        ]
        assert "✖️ Flask of hot water · sold out" in text

    async def test_a_card_shows_its_picture_which_is_uploaded_once(self, street: Scene) -> None:
        for _ in range(2):
            await says(street, "/rewards")
            await street.press(RIDER, RIDER, "House milk tea")
        card = street.last(RIDER)
        assert card["photo"]
        assert "30 points\n🏪 Yongjia Tea\n📍 12 Yongjia Plaza, Shanyao · map" in text_of(card)
        assert "60 left · 2 for each rider · voucher good for 14 days" in text_of(card)
        assert labels_of(card) == ["Redeem"]
        # Bytes are no value of a call: the second time its id goes.
        [kept] = [photo.preview_file_id for photo in street.rows(Photo) if photo.preview_file_id]
        calls = [values for method, values in street.request.calls if method == "sendPhoto"]
        assert [values.get("photo") for values in calls] == [None, kept]

    async def test_what_one_lacks_is_told_instead_of_a_button(self, street: Scene) -> None:
        pay(street, RIDER, 10, available_at=clock.now() + timedelta(days=2))
        assert "45 points to spend · 10 more later" in await says(street, "/rewards")
        await street.press(RIDER, RIDER, "Seafood")
        assert "15 points are missing. 10 of them are yours already" in street.said(RIDER)
        assert labels_of(street.last(RIDER)) == []

    async def test_pages_turn_on_the_same_message(self, street: Scene) -> None:
        def six_more(session):
            for number in range(6):
                item = session.query(Item).first()
                values = {c.name: getattr(item, c.name) for c in Item.__table__.columns}
                del values["id"]
                session.add(Item(**values | {"code": f"x{number}", "cost": 1000 + number}))
            session.flush()

        street.database.run_here(six_more)
        assert "1/2" in await says(street, "/rewards")
        count = len(street.from_bot(RIDER))
        await street.press(RIDER, RIDER, "▶")
        assert "2/2" in street.said(RIDER)
        await street.press(RIDER, RIDER, "◀")
        assert "1/2" in street.said(RIDER)
        assert len(street.from_bot(RIDER)) == count

    async def test_nothing_on_offer(self, scene: Scene) -> None:
        assert "可用 0 分\n现在没有可兑换的奖品" in await says(scene, "/rewards", RIDER_ZH)


class TestNear:
    async def test_a_place_brings_what_is_near_first_and_begins_no_report(
        self, street: Scene
    ) -> None:
        pay(street, RIDER, 1000)
        await says(street, "/rewards")
        await street.press(RIDER, RIDER, "Near me")
        assert street.last(RIDER)["reply_markup"]["keyboard"]
        street.world.send_location(RIDER, RIDER, *HERE)
        await street.settle()
        assert titles(street)[:2] == ["Lemon tea", "House milk tea"]
        assert "Yongjia Tea · 54 m" in street.said(RIDER)
        assert street.rows(Draft) == []
        await street.press(RIDER, RIDER, "Rain cape")
        assert "Swift E-bike Repairs · 3.2 km" in street.said(RIDER)
        # Asked for once: the next place is a report's.
        street.world.send_location(RIDER, RIDER, *HERE)
        await street.settle()
        assert len(street.rows(Draft)) == 1

    async def test_a_shops_poster_shows_what_it_has_first(self, street: Scene) -> None:
        pay(street, RIDER, 1000)
        said = await says(street, "/start r_swift-repairs")
        assert said.startswith("Swift E-bike Repairs takes your points.\n1,045 points to spend")
        assert labels_of(street.last(RIDER))[:2] == ["Brake check", "Rain cape"]

    async def test_a_report_begun_since_or_a_long_wait_keeps_the_place(self, street: Scene) -> None:
        await says(street, "/rewards")
        await street.press(RIDER, RIDER, "Near me")
        street.world.send_photos(RIDER, RIDER, [jpeg(3)])
        street.world.send_location(RIDER, RIDER, *HERE)
        await street.settle()
        [draft] = street.rows(Draft)
        assert draft.has_place
        clock.advance(timedelta(hours=25))
        await street.sweep()
        await says(street, "/rewards")
        await street.press(RIDER, RIDER, "Near me")
        clock.advance(timedelta(minutes=11))
        street.world.send_location(RIDER, RIDER, *HERE)
        await street.settle()
        assert len(street.rows(Draft)) == 1

    async def test_an_older_draft_leaves_the_place_to_what_asked_last(self, street: Scene) -> None:
        street.world.send_photos(RIDER, RIDER, [jpeg(3)])
        await street.settle()
        clock.advance(timedelta(minutes=1))
        await says(street, "/rewards")
        await street.press(RIDER, RIDER, "Near me")
        street.world.send_location(RIDER, RIDER, *HERE)
        await street.settle()
        assert "Yongjia Tea · 54 m" in street.said(RIDER)
        [draft] = street.rows(Draft)
        assert not draft.has_place


class TestRedeeming:
    async def asked(self, scene: Scene, title: str = "House milk tea") -> dict:
        await says(scene, "/rewards")
        await scene.press(RIDER, RIDER, title)
        await scene.press(RIDER, RIDER, "Redeem")
        return scene.last(RIDER)

    async def test_two_taps_make_one_voucher(self, street: Scene) -> None:
        question = await self.asked(street)
        assert "Redeem House milk tea for 30 points? 15 will be left." in text_of(question)
        await street.press(RIDER, RIDER, "Redeem", question)
        await street.press(RIDER, RIDER, "Redeem", question, late=True)
        assert redeemed(street) == [("House milk tea", 30)]
        assert "✅ Redeemed: House milk tea · -30 points (balance 15)" in [
            text_of(message) for message in street.from_bot(RIDER)
        ]
        assert "redeemed already" in street.toasts()[-1]

    async def test_back_leaves_all_as_it_is(self, street: Scene) -> None:
        await self.asked(street)
        await street.press(RIDER, RIDER, "Back")
        assert labels_of(street.last(RIDER)) == ["Redeem"]
        assert redeemed(street) == []

    async def test_another_price_is_asked_anew(self, street: Scene) -> None:
        question = await self.asked(street)
        change(street, "milk-tea", cost=35)
        await street.press(RIDER, RIDER, "Redeem", question)
        assert "It costs 35 points by now" in street.toasts()[-1]
        assert redeemed(street) == []
        assert "for 35 points? 10 will be left" in street.said(RIDER)
        await street.press(RIDER, RIDER, "Redeem")
        assert redeemed(street) == [("House milk tea", 35)]

    async def test_an_older_question_is_asked_anew_after_another_voucher(
        self, street: Scene
    ) -> None:
        older = await self.asked(street, "Lemon tea")
        newer = await self.asked(street, "Flask of hot water")
        await street.press(RIDER, RIDER, "Redeem", newer)
        await street.press(RIDER, RIDER, "Redeem", older)
        assert redeemed(street) == [("Flask of hot water", 5)]
        again = next(m for m in street.from_bot(RIDER) if m["message_id"] == older["message_id"])
        assert "for 20 points? 20 will be left" in text_of(again)
        await street.press(RIDER, RIDER, "Redeem", again)
        assert redeemed(street)[1:] == [("Lemon tea", 20)]

    @pytest.mark.parametrize(
        ("values", "toast", "card"),
        [
            ({"stock": 0}, "The last one has just gone", "Sold out."),
            ({"paused": True}, "not on offer just now", "not on offer just now"),
        ],
    )
    async def test_what_went_meanwhile_is_said_and_shown(
        self, street: Scene, values, toast, card
    ) -> None:
        await self.asked(street)
        change(street, "milk-tea", **values)
        await street.press(RIDER, RIDER, "Redeem")
        assert toast in street.toasts()[-1]
        assert card in street.said(RIDER)
        assert labels_of(street.last(RIDER)) == []
        assert redeemed(street) == []

    async def test_no_more_than_one_may_have(self, street: Scene) -> None:
        change(street, "hot-water", per_person=1)
        question = await self.asked(street, "Flask of hot water")
        await street.press(RIDER, RIDER, "Redeem", question)
        await says(street, "/rewards")
        await street.press(RIDER, RIDER, "Flask")
        assert "you have had yours" in street.said(RIDER)
        assert labels_of(street.last(RIDER)) == []

    async def test_a_ban_freezes_spending_and_says_so(self, street: Scene) -> None:
        question = await self.asked(street)
        street.database.run_here(
            lambda session: session.execute(
                update(Person)
                .where(Person.id == RIDER)
                .values(banned_until=clock.now() + timedelta(days=7))
            )
        )
        await street.press(RIDER, RIDER, "Redeem", question)
        assert "so is redeeming" in street.toasts()[-1]
        assert "Redeeming is barred for you until Dec 1" in await says(street, "/rewards")
        assert redeemed(street) == []

    async def test_forged_buttons_do_nothing(self, street: Scene) -> None:
        await says(street, "/rewards")
        message = street.last(RIDER)["message_id"]
        count = len(street.rows(Report))
        for data in (
            "w:yes:1:1-1",
            "w:yes:1:x",
            "w:yes:zz:1-1",
            "w:ask:zzzz",
            "w:item:1:9.9,999.9",
        ):
            street.world.press(RIDER, RIDER, message, data, forge=True)
            await street.settle()
        assert redeemed(street) == []
        assert len(street.rows(Report)) == count
        assert buttons_of(street.last(RIDER))
