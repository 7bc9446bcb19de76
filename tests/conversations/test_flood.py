"""Too much, from the wrong people, or guessed: one word about it, and everybody else goes on."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from bot.database import Database, create
from bot.intake import Intake, Outcome
from handlers import timers
from models import Attempt, Chat, Draft, Outgoing, Person, Report, Role, SeenUpdate, clock
from tests.conversations.people import CHEN, DESK, LIN, RIDER, RIDER_ZH
from tests.conversations.scene import HERE, MOSTLY_SQLITE, Scene, buttons_of, text_of
from tests.pictures import jpeg

pytestmark = MOSTLY_SQLITE

TOO_FAST = {RIDER: "Wait a minute, then go on.", RIDER_ZH: "等 1 分钟再继续。"}


async def flood(scene: Scene, who: int = RIDER, times: int = 61) -> list[Outcome]:
    """So many messages at once; what became of them."""
    before = len(scene.outcomes)
    for _ in range(times):
        scene.world.say(who, who, "hello")
    await scene.settle()
    return scene.outcomes[before:]


def notices(scene: Scene, who: int = RIDER) -> int:
    return sum(TOO_FAST[who] in text_of(message) for message in scene.from_bot(who))


def report_press(update_id: int, who: int, data: str) -> dict[str, object]:
    """A press on a button at the desk, as Telegram tells of it."""
    return {
        "update_id": update_id,
        "callback_query": {
            "id": str(update_id),
            "from": {"id": who, "is_bot": False, "first_name": "x", "language_code": "en"},
            "chat_instance": "1",
            "data": data,
            "message": {
                "message_id": 1,
                "date": 1,
                "chat": {"id": DESK, "type": "supergroup", "title": "desk"},
            },
        },
    }


class TestTooMuch:
    @pytest.mark.parametrize("who", [RIDER, RIDER_ZH])
    async def test_what_is_beyond_the_burst_stays_outside_and_is_told_once(
        self, scene: Scene, who: int
    ) -> None:
        outcomes = await flood(scene, who, 70)
        assert Counter(outcomes) == {Outcome.APPLIED: 60, Outcome.FLOODED: 10}
        assert notices(scene, who) == 1
        assert TOO_FAST[who] in scene.said(who)
        # Settled like any other: none of them comes again.
        assert len(scene.rows(SeenUpdate)) == 70

    async def test_a_draft_stays_and_goes_on_after_the_rest(self, scene: Scene) -> None:
        scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
        await scene.settle()
        await flood(scene)
        scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
        await scene.settle()
        assert scene.outcomes[-1] is Outcome.FLOODED
        [draft] = scene.rows(Draft)
        assert draft.latitude is None
        clock.advance(timedelta(minutes=1))
        scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
        await scene.settle()
        await scene.press(RIDER, RIDER, "guardrail")
        assert len(scene.rows(Report)) == 1
        [person] = [row for row in scene.rows(Person) if row.id == RIDER]
        assert person.flood_told_at is None

    async def test_who_floods_again_is_told_again(self, scene: Scene) -> None:
        await flood(scene)
        clock.advance(timedelta(minutes=2))
        await flood(scene)
        assert notices(scene) == 2

    async def test_who_never_stops_is_told_no_more_than_once_a_rest(self, scene: Scene) -> None:
        await flood(scene, times=60)
        for _ in range(15):
            clock.advance(timedelta(seconds=5))
            await flood(scene, times=10)
        # At twice the rate: a notice, a rest until half the bucket is full, and so on.
        assert notices(scene) == 2
        assert Counter(scene.outcomes) == {Outcome.APPLIED: 130, Outcome.FLOODED: 80}

    async def test_a_press_too_many_is_told_on_the_button(self, scene: Scene) -> None:
        scene.world.say(RIDER, RIDER, "/language")
        await scene.settle()
        button = buttons_of(scene.last(RIDER))[0][0]
        message_id = scene.last(RIDER)["message_id"]
        await flood(scene, times=59)
        said = len(scene.from_bot(RIDER))
        for _ in range(2):
            scene.world.press(RIDER, RIDER, message_id, button)
        await scene.settle()
        assert scene.outcomes[-2:] == [Outcome.FLOODED] * 2
        assert [TOO_FAST[RIDER] in toast for toast in scene.toasts()] == [True, True]
        assert len(scene.from_bot(RIDER)) == said

    async def test_others_go_on(self, scene: Scene) -> None:
        await flood(scene)
        assert await flood(scene, RIDER_ZH, 1) == [Outcome.APPLIED]

    async def test_an_album_of_ten_is_let_in_whole(self, scene: Scene) -> None:
        scene.world.send_photos(RIDER, RIDER, [jpeg(number) for number in range(10)])
        await scene.settle()
        assert set(scene.outcomes) == {Outcome.APPLIED}

    async def test_a_fast_reviewer_is_no_flood(self, scene: Scene) -> None:
        # Nearly two presses a second for a minute: faster than anybody reads a card.
        for number in range(110):
            clock.advance(timedelta(milliseconds=500))
            outcome = await scene.intake.apply(report_press(7_000_000 + number, LIN, "x:1"))
            assert outcome is Outcome.APPLIED

    async def test_a_press_at_the_desk_is_told_on_the_button_only(self, scene: Scene) -> None:
        outcomes = [
            await scene.intake.apply(report_press(7_000_000 + number, CHEN, "x:1"))
            for number in range(62)
        ]
        assert Counter(outcomes) == {Outcome.APPLIED: 60, Outcome.FLOODED: 2}
        told = [answer for answer in scene.answers if TOO_FAST[RIDER] in answer.text]
        assert [answer.alert for answer in told] == [True, True]
        assert scene.rows(Outgoing) == []

    async def test_a_live_location_leaves_room_for_what_its_sender_says(self, scene: Scene) -> None:
        message = scene.world.send_location(RIDER, RIDER, *HERE, accuracy=300, live_period=3600)
        await scene.settle()
        said = len(scene.from_bot(RIDER))
        # As after an outage: an hour of it at once.
        for number in range(1, 90):
            latitude = HERE[0] + number * 1e-5
            scene.world.move_live(
                RIDER, RIDER, message["message_id"], latitude, HERE[1], accuracy=300
            )
        await scene.settle()
        assert Counter(scene.outcomes) == {Outcome.APPLIED: 15, Outcome.FLOODED: 75}
        # A phone that moves is told nothing.
        assert len(scene.from_bot(RIDER)) == said
        assert set(await flood(scene, times=45)) == {Outcome.APPLIED}
        assert notices(scene) == 0

    async def test_what_people_say_in_groups_costs_nothing(self, scene: Scene) -> None:
        for _ in range(80):
            scene.world.say(LIN, DESK, "good morning")
        await scene.settle()
        assert Outcome.FLOODED not in scene.outcomes
        assert all(row.bucket_full_at is None for row in scene.rows(Person))

    async def test_who_blocks_the_bot_is_heard_in_any_flood(self, scene: Scene) -> None:
        await flood(scene)
        scene.world.block(RIDER)
        await scene.settle()
        [person] = [row for row in scene.rows(Person) if row.id == RIDER]
        assert person.unreachable_since is not None

    async def test_a_second_delivery_costs_nothing(self, scene: Scene) -> None:
        scene.world.say(RIDER, RIDER, "hello")
        [update] = scene.pending()
        outcomes = [await scene.intake.apply(update) for _ in range(70)]
        assert outcomes == [Outcome.APPLIED] + [Outcome.DUPLICATE] * 69
        assert await flood(scene, times=59) == [Outcome.DUPLICATE] + [Outcome.APPLIED] * 59

    async def test_processes_beside_each_other_share_the_bucket(
        self, scene: Scene, database_url: str
    ) -> None:
        others = [Database(create(database_url)) for _ in range(2)]
        intakes = [
            scene.intake,
            *(Intake(other, scene.house, scene.me, scene.metrics) for other in others),
        ]
        for _ in range(75):
            scene.world.say(RIDER, RIDER, "hello")
        outcomes = await asyncio.gather(
            *(intakes[number % 3].apply(update) for number, update in enumerate(scene.pending()))
        )
        assert Counter(outcomes) == {Outcome.APPLIED: 60, Outcome.FLOODED: 15}
        for other in others:
            other.close()


async def become_admin(scene: Scene, who: int) -> None:
    assert scene.code is not None
    scene.world.say(who, who, scene.code.text)
    await scene.settle()
    assert [row.person_id for row in scene.rows(Role)] == [who]


def standing(scene: Scene, chat_id: int) -> str:
    member = scene.call("getChatMember", chat_id=chat_id, user_id=scene.me["id"])
    return str(member["status"])


def is_out(scene: Scene, chat_id: int) -> bool:
    """Whether the bot left; it cannot ask after a chat it is not in."""
    [row] = [row for row in scene.rows(Chat) if row.id == chat_id]
    return row.bot_status == "left" and not scene.rows(Outgoing)


class TestUnknownGroups:
    @pytest.mark.parametrize(("who", "words"), [(RIDER, "so I am leaving"), (RIDER_ZH, "先退出了")])
    async def test_one_that_a_stranger_opens_is_left(
        self, scene: Scene, who: int, words: str
    ) -> None:
        await become_admin(scene, LIN)
        group = scene.world.create_group(who, "Mine")
        await scene.settle()
        [message] = scene.from_bot(group)[:1]
        assert words in text_of(message)
        assert f"@{scene.me['username']}" in text_of(message)
        assert is_out(scene, group)
        assert not scene.world.room(group).standing(scene.me["id"]).present

    async def test_one_that_an_admin_opens_is_greeted(self, scene: Scene) -> None:
        await become_admin(scene, LIN)
        group = scene.world.create_group(LIN, "Teams")
        await scene.settle()
        assert "/here moderators" in scene.said(group)
        assert standing(scene, group) == "member"

    async def test_where_it_may_not_speak_it_leaves_without_a_word(self, scene: Scene) -> None:
        await become_admin(scene, LIN)
        group = scene.world.create_group(RIDER, "Mine")
        scene.world.faults.add(
            "sendMessage", chat_id=group, error=400, description="Bad Request: not enough rights"
        )
        await scene.settle()
        assert not scene.world.room(group).standing(scene.me["id"]).present
        assert scene.rows(Outgoing) == []
        assert "🚨" not in scene.said(LIN)

    async def test_one_it_was_thrown_out_of_meanwhile_rings_no_alarm(self, scene: Scene) -> None:
        await become_admin(scene, LIN)
        group = scene.world.create_group(RIDER, "Mine")
        scene.world.faults.add(
            "leaveChat", chat_id=group, error=403, description="Forbidden: bot was kicked"
        )
        await scene.settle()
        assert scene.rows(Outgoing) == []
        assert "🚨" not in scene.said(LIN)

    async def test_before_there_is_an_admin_anybody_may_begin(self, scene: Scene) -> None:
        group = scene.world.create_group(RIDER, "Mine")
        await scene.settle()
        assert "/here moderators" in scene.said(group)
        assert standing(scene, group) == "member"

    async def test_a_desk_it_was_taken_out_of_gets_nothing_until_it_is_back(
        self, scene: Scene
    ) -> None:
        await become_admin(scene, LIN)
        scene.world.remove_member(LIN, DESK, scene.me["id"])
        await scene.settle()
        assert "review desk" in scene.said(LIN) or "审核群" in scene.said(LIN)
        scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
        scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
        await scene.settle()
        await scene.press(RIDER, RIDER, "guardrail")
        clock.advance(timedelta(minutes=3))
        await scene.sweep()
        assert scene.rows(Outgoing) == []
        assert scene.from_bot(DESK) == []

        scene.world.add_member(CHEN, DESK, scene.me["id"])
        await scene.settle()
        assert "#1" in scene.said(DESK)

    async def test_the_desk_may_be_rejoined_by_anybody_s_hand(self, scene: Scene) -> None:
        await become_admin(scene, LIN)
        scene.world.remove_member(LIN, DESK, scene.me["id"])
        scene.world.add_member(CHEN, DESK, scene.me["id"])
        await scene.settle()
        assert standing(scene, DESK) in ("member", "administrator")

    async def test_one_without_a_purpose_is_left_after_a_day(self, scene: Scene) -> None:
        await become_admin(scene, LIN)
        group = scene.world.create_group(LIN, "Teams")
        await scene.settle()
        clock.advance(timedelta(hours=23, minutes=59))
        await scene.sweep()
        assert standing(scene, group) == "member"
        clock.advance(timedelta(minutes=1))
        await scene.sweep()
        assert "先退出了" in text_of(scene.from_bot(group)[1])
        assert is_out(scene, group)
        # Once is enough, also where Telegram never tells that we are out.
        said = len(scene.chat(group))
        await scene.sweep()
        assert len(scene.chat(group)) == said

    async def test_one_with_a_purpose_is_never_left(self, scene: Scene) -> None:
        await become_admin(scene, LIN)
        group = scene.world.create_group(LIN, "Desk 2")
        scene.world.say(LIN, group, "/here moderators")
        await scene.settle()
        clock.advance(timedelta(days=30))
        await scene.sweep()
        assert standing(scene, group) == "member"
        assert standing(scene, DESK) == "administrator"

    async def test_the_day_begins_anew_when_it_is_added_again(self, scene: Scene) -> None:
        await become_admin(scene, LIN)
        group = scene.world.create_group(LIN, "Teams")
        await scene.settle()
        scene.world.remove_member(LIN, group, scene.me["id"])
        await scene.settle()
        clock.advance(timedelta(days=3))
        scene.world.add_member(LIN, group, scene.me["id"])
        await scene.settle()
        await scene.sweep()
        assert standing(scene, group) == "member"
        clock.advance(timedelta(hours=24))
        await scene.sweep()
        assert is_out(scene, group)

    async def test_an_upgraded_group_has_a_day_of_its_own(self, scene: Scene) -> None:
        await become_admin(scene, LIN)
        group = scene.world.create_group(LIN, "Teams")
        await scene.settle()
        clock.advance(timedelta(hours=20))
        upgraded = scene.world.upgrade_group(LIN, group)
        await scene.settle()
        clock.advance(timedelta(hours=20))
        await scene.sweep()
        assert standing(scene, upgraded) == "member"
        clock.advance(timedelta(hours=4))
        await scene.sweep()
        assert not scene.world.room(upgraded).standing(scene.me["id"]).present


class TestGuessing:
    @pytest.mark.parametrize(
        ("who", "wrong", "enough"),
        [
            (RIDER, "not valid", "You can try again after 10:15."),
            (RIDER_ZH, "这个", "10:15 后可以再试。"),
        ],
    )
    @pytest.mark.parametrize("what", ["/start rd_{}", "AAAA-BBBB-CCC{}"])
    async def test_after_five_wrong_ones_nothing_is_looked_at(
        self, scene: Scene, who: int, wrong: str, enough: str, what: str
    ) -> None:
        for letter in "ABCDE":
            scene.world.say(who, who, what.format(letter))
            await scene.settle()
            assert wrong in scene.said(who)
        for _ in range(2):
            scene.world.say(who, who, what.format("F"))
            await scene.settle()
            assert scene.said(who).endswith(enough)
        [row] = scene.rows(Attempt)
        assert (row.person_id, row.count) == (who, 5)

    async def test_the_right_code_waits_as_well(self, scene: Scene) -> None:
        assert scene.code is not None
        for letter in "ABCDE":
            scene.world.say(LIN, LIN, f"AAAA-BBBB-CCC{letter}")
        scene.world.say(LIN, LIN, scene.code.text)
        await scene.settle()
        assert scene.rows(Role) == []
        # Nobody else is kept out by it.
        await become_admin(scene, CHEN)

    async def test_and_is_taken_when_the_hour_is_over(self, scene: Scene) -> None:
        for letter in "ABCDEF":
            scene.world.say(LIN, LIN, f"AAAA-BBBB-CCC{letter}")
        await scene.settle()
        clock.advance(timedelta(hours=1))
        await become_admin(scene, LIN)

    async def test_start_alone_guesses_nothing(self, scene: Scene) -> None:
        for _ in range(8):
            scene.world.say(RIDER, RIDER, "/start")
        await scene.settle()
        assert scene.rows(Attempt) == []
        assert "three touches" in scene.said(RIDER)

    async def test_counts_of_yesterday_are_tidied_away(self, scene: Scene) -> None:
        scene.world.say(RIDER, RIDER, "/start nothing")
        await scene.settle()
        clock.advance(timedelta(days=1))
        await scene.intake.say(timers.tidy, origin="timer:tidy")
        assert scene.rows(Attempt) == []
