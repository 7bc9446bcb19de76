"""Dealing: which desk, within a group's budget, in which order; the board; /queue."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from bot import desks, schedule
from bot.database import Database
from bot.settings import Settings, load
from handlers.context import Turn
from localchat.seed import BOT, TOKEN, seed
from localchat.world import World
from models import Card, Chat, ChatBudget, Outgoing, Report, clock
from models.cards import CardPurpose
from models.outgoing import OutgoingState
from services import chats, claims, reports
from services.districts import Districts, DistrictsError
from services.refusals import Claimed
from services.reviewers import Reviewer
from tests.conversations.conftest import MORNING
from tests.conversations.people import CHEN, DESK, LIN, RESIDENT, RIDER, RIDER_ZH
from tests.conversations.scene import HERE, Message, Scene, buttons_of, text_of
from tests.pictures import jpeg

# In the middle of Fengwei.
FENGWEI = (25.138, 118.965)


async def reported(
    scene: Scene,
    who: int = RIDER_ZH,
    kind: str = "guardrail",
    at: tuple[float, float] = HERE,
    photos: int = 1,
) -> Report:
    """A report of its own place, far enough from all others."""
    number = len(scene.rows(Report))
    place = (at[0] + 0.0006 * (number % 12), at[1] + 0.0006 * (number // 12))
    pictures = [jpeg(100 * number + index) for index in range(photos)]
    scene.world.send_photos(who, who, pictures)
    scene.world.send_location(who, who, *place, accuracy=12)
    await scene.settle()
    question = next(m for m in reversed(scene.from_bot(who)) if buttons_of(m))
    data = next(data for data, _ in buttons_of(question) if data.startswith("d:cat"))
    data = f"{data.rsplit(':', 1)[0]}:{kind}"
    scene.world.press(who, who, question["message_id"], data, forge=True)
    await scene.settle()
    return all_reports(scene)[-1]


def all_reports(scene: Scene) -> list[Report]:
    return sorted(scene.rows(Report), key=lambda report: report.id)


def number_of(message: Message) -> int:
    found = re.match(r"#(\d+) ", text_of(message))
    return int(found[1]) if found else 0


def dealt(scene: Scene, chat_id: int) -> list[int]:
    """The numbers of the cards in a chat, in their order; an album's captions left out."""
    return [number for m in scene.from_bot(chat_id) if (number := number_of(m))]


def card_of(scene: Scene, chat_id: int, report: Report) -> Message:
    return next(m for m in reversed(scene.from_bot(chat_id)) if number_of(m) == report.id)


def is_open(card: Message) -> bool:
    """Whether a card offers the decisions."""
    return any(":a2:" in data for data, _ in buttons_of(card))


def chat_row(scene: Scene, chat_id: int) -> Chat:
    row: Chat = next(chat for chat in scene.rows(Chat) if chat.id == chat_id)
    return row


def dead(scene: Scene) -> list[str]:
    return [row.error for row in scene.rows(Outgoing) if row.state == OutgoingState.DEAD]


async def say(scene: Scene, who: int, chat: int, text: str, topic: int | None = None) -> None:
    scene.world.say(who, chat, text, thread_id=topic)
    await scene.settle()


async def admin(scene: Scene) -> None:
    assert scene.code is not None
    await say(scene, LIN, LIN, scene.code.text)


async def pass_time(scene: Scene, seconds: int) -> None:
    """The clock goes on, and the timetable with it."""
    for second in range(3, seconds + 1, 3):
        clock.advance(timedelta(seconds=3))
        if second % 30 == 0:
            await scene.sweep()
        else:
            await scene.deal()


class TestBudget:
    async def test_cards_leave_room_for_edits(self, scene: Scene) -> None:
        for number in range(15):
            await reported(scene, RIDER if number % 2 else RIDER_ZH)
        assert dealt(scene, DESK) == list(range(1, 13))
        assert chat_row(scene, DESK).behind
        first = scene.from_bot(DESK)[0]
        scene.world.press(LIN, DESK, first["message_id"], buttons_of(first)[0][0])
        await scene.settle()
        # Decided at once, in the same second, though others wait.
        assert not is_open(scene.from_bot(DESK)[0])
        await pass_time(scene, 63)
        assert dealt(scene, DESK) == list(range(1, 16))
        assert not chat_row(scene, DESK).behind

    async def test_what_comes_later_waits_behind_what_waits(self, scene: Scene) -> None:
        for number in range(14):
            await reported(scene, RIDER if number % 2 else RIDER_ZH)
        # There is room again, and nobody has dealt since.
        clock.advance(timedelta(seconds=61))
        await reported(scene, kind="other")
        danger = await reported(scene)
        await scene.deal()
        assert dealt(scene, DESK) == [*range(1, 15), danger.id, danger.id - 1]

    async def test_no_more_is_sent_than_a_group_takes(self, scene: Scene) -> None:
        report = await reported(scene)
        for number in range(30):
            scene.database.run_here(
                lambda session, text=f"word {number}": Turn(session, scene.house).call(
                    DESK, "sendMessage", text=text
                )
            )
        await scene.settle()
        assert len(scene.from_bot(DESK)) == 18
        clock.advance(timedelta(seconds=59))
        await scene.settle()
        assert len(scene.from_bot(DESK)) == 18
        clock.advance(timedelta(seconds=1))
        await scene.settle()
        assert [text_of(m) for m in scene.from_bot(DESK)[1:]] == [f"word {n}" for n in range(30)]
        [spent] = [row.spent for row in scene.rows(ChatBudget)]
        assert len(spent) == 13
        assert number_of(scene.from_bot(DESK)[0]) == report.id

    async def test_private_chats_are_not_counted(self, scene: Scene) -> None:
        for _ in range(30):
            await say(scene, RIDER, RIDER, "/points")
        assert len(scene.from_bot(RIDER)) == 30
        assert scene.rows(ChatBudget) == []

    async def test_an_album_costs_as_much_as_it_has_pictures(self, scene: Scene) -> None:
        await reported(scene, RIDER, photos=5)
        await reported(scene, RIDER_ZH, photos=5)
        await reported(scene, RIDER, photos=5)
        assert dealt(scene, DESK) == [1, 2]
        assert sum(len(row.spent) for row in scene.rows(ChatBudget)) == 12
        await pass_time(scene, 63)
        assert dealt(scene, DESK) == [1, 2, 3]

    async def test_a_report_that_waits_comes_as_it_is_by_then(self, scene: Scene) -> None:
        for number in range(13):
            await reported(scene, RIDER if number % 2 else RIDER_ZH)
        await scene.press(RIDER_ZH, RIDER_ZH, "补充说明")
        await say(scene, RIDER_ZH, RIDER_ZH, "夜里看不清")
        assert dealt(scene, DESK) == list(range(1, 13))
        await pass_time(scene, 63)
        assert "夜里看不清" in text_of(scene.cards(DESK)[-1])

    async def test_what_is_taken_back_while_it_waits_never_comes(self, scene: Scene) -> None:
        for number in range(13):
            await reported(scene, RIDER if number % 2 else RIDER_ZH)
        await scene.press(RIDER_ZH, RIDER_ZH, "撤回")
        await pass_time(scene, 63)
        assert dealt(scene, DESK) == list(range(1, 13))
        assert not chat_row(scene, DESK).behind

    async def test_an_upgraded_group_gets_its_cards_within_the_budget(self, play: Any) -> None:
        scene = play(None)
        await admin(scene)
        group = scene.world.create_group(LIN, "Small desk", [CHEN])
        await scene.settle()
        await say(scene, LIN, group, "/here moderators")
        for number in range(20):
            await reported(scene, RIDER if number % 2 else RIDER_ZH)
            clock.advance(timedelta(seconds=6))
            await scene.deal()
        assert sorted(dealt(scene, group)) == list(range(1, 21))
        desk = scene.world.upgrade_group(LIN, group)
        await scene.settle()
        assert 0 < len(dealt(scene, desk)) <= 12
        await pass_time(scene, 120)
        assert dealt(scene, desk) == list(range(1, 21))

    async def test_a_card_goes_to_the_bottom_once_more(self, scene: Scene) -> None:
        first = await reported(scene, photos=2)
        await reported(scene, RIDER)

        def redeal(turn: Turn) -> None:
            from handlers import cards

            row = reports.get(turn.session, report_id=first.id)
            assert row is not None
            cards.redeal(turn, row)

        await scene.intake.say(redeal, origin="test")
        await scene.settle()
        assert dealt(scene, DESK) == [1, 2, 1]
        assert sum("media_group_id" in m for m in scene.from_bot(DESK)) == 4
        await scene.press(LIN, DESK, "★★", scene.cards(DESK)[-1])
        assert not is_open(scene.cards(DESK)[-1])


class TestDesks:
    async def test_each_district_has_its_desk(self, scene: Scene) -> None:
        await admin(scene)
        other = scene.world.create_group(LIN, "Fengwei desk", supergroup=True)
        await scene.settle()
        await say(scene, LIN, other, "/here moderators 峰尾镇 Nanpu")
        assert chat_row(scene, other).districts == ["fengwei", "nanpu"]
        here = await reported(scene)
        there = await reported(scene, at=FENGWEI)
        assert there.district == "fengwei"
        assert (dealt(scene, DESK), dealt(scene, other)) == ([here.id], [there.id])

    async def test_a_district_named_anew_leaves_its_desk(self, scene: Scene) -> None:
        await admin(scene)
        one, two = (
            scene.world.create_group(LIN, name, supergroup=True) for name in ("一组", "二组")
        )
        await scene.settle()
        await say(scene, LIN, one, "/here moderators shanyao fengwei")
        await say(scene, LIN, two, "/here moderators fengwei")
        assert chat_row(scene, one).districts == ["shanyao"]
        assert "二组" in scene.said(one)
        assert "峰尾" in scene.said(one)
        await say(scene, LIN, two, "/here moderators shanyao")
        # Nothing, not everything else.
        assert chat_row(scene, one).districts == []
        report = await reported(scene)
        assert (dealt(scene, one), dealt(scene, two)) == ([], [report.id])
        elsewhere = await reported(scene, at=FENGWEI)
        assert dealt(scene, DESK) == [elsewhere.id]

    async def test_a_new_desk_for_the_rest_takes_over(self, scene: Scene) -> None:
        before = await reported(scene)
        await admin(scene)
        other = scene.world.create_group(LIN, "新组", supergroup=True)
        await scene.settle()
        await say(scene, LIN, other, "/here moderators")
        assert "新组" in scene.said(DESK)
        # What was dealt already comes here as well; either card works.
        assert dealt(scene, other) == [before.id]
        await scene.press(LIN, DESK, "★★", card_of(scene, DESK, before))
        assert not is_open(card_of(scene, other, before))
        after = await reported(scene, RIDER)
        assert (dealt(scene, DESK), dealt(scene, other)) == ([before.id], [before.id, after.id])

    async def test_a_district_nobody_knows_is_answered_with_those_there_are(
        self, scene: Scene
    ) -> None:
        await admin(scene)
        other = scene.world.create_group(LIN, "新组", supergroup=True)
        await scene.settle()
        await say(scene, LIN, other, "/here moderators shanyao atlantis")
        assert "atlantis" in scene.said(other)
        assert "fengwei" in scene.said(other)
        assert chat_row(scene, other).purpose is None

    async def test_a_wrong_here_is_told_how(self, scene: Scene) -> None:
        await admin(scene)
        await say(scene, LIN, DESK, "/here teams")
        assert "/here topic" in scene.said(DESK)

    async def test_waiting_reports_come_when_their_desk_does(self, bare_scene: Scene) -> None:
        scene = bare_scene
        await admin(scene)
        report, _ = await reported(scene, at=FENGWEI), await reported(scene)
        desk = scene.world.create_group(LIN, "峰尾组", supergroup=True)
        await scene.settle()
        await say(scene, LIN, desk, "/here moderators fengwei")
        assert dealt(scene, desk) == [report.id]

    async def test_whose_reports_wait_for_a_desk_is_said_where_one_is_made(
        self, bare_scene: Scene
    ) -> None:
        scene = bare_scene
        await admin(scene)
        one, two = (
            scene.world.create_group(LIN, name, supergroup=True) for name in ("一组", "二组")
        )
        await scene.settle()
        await say(scene, LIN, one, "/here moderators fengwei")
        [told] = [text_of(m) for m in scene.from_bot(one) if "还没有人审" in text_of(m)]
        assert "南埔镇" in told
        assert "峰尾镇" not in told.split("。")[-2]
        await say(scene, LIN, two, "/here moderators")
        assert not any("还没有人审" in text_of(m) for m in scene.from_bot(two))

    async def test_the_configuration_names_desks(
        self, database: Database, districts: Districts, settings_for: Any, tmp_path: Any
    ) -> None:
        settings_for(None)
        world = seed(World(token=TOKEN, bot=BOT, clock=lambda: clock.now().timestamp()))
        own = world.create_group(LIN, "峰尾组", forum=True, bot="administrator", quiet=True)
        topic = world.call(TOKEN, "createForumTopic", {"chat_id": own, "name": "坑洼"}, {})
        number = topic["result"]["message_thread_id"]
        told = {"chat": own, "districts": ["fengwei"], "topics": {"pothole": number}}
        settings = load({"data_dir": tmp_path, "chats": {"moderators": DESK, "desks": [told]}})
        with clock.stopped(MORNING):
            scene = Scene(world=world, database=database, settings=settings, districts=districts)
            report = await reported(scene, kind="pothole", at=FENGWEI)
            assert (dealt(scene, DESK), dealt(scene, own)) == ([], [report.id])
            assert scene.cards(own)[-1]["message_thread_id"] == number
            # Whatever /here said meanwhile: the next start follows the configuration.
            await say(scene, LIN, LIN, scene.code.text)  # type: ignore[union-attr]
            await say(scene, LIN, DESK, "/here moderators fengwei")
            assert chat_row(scene, own).districts == []
            scene = Scene(world=world, database=database, settings=settings, districts=districts)
            assert chat_row(scene, own).districts == ["fengwei"]
            assert chat_row(scene, DESK).districts is None

    async def test_a_configured_district_that_is_not_there_stops_the_start(
        self, districts: Districts, settings_for: Any, tmp_path: Any
    ) -> None:
        settings_for(None)
        for told, said in (
            ({"chat": -5, "districts": ["atlantis"]}, "no such district: atlantis"),
            ({"chat": -5, "districts": ["nanpu"], "topics": {"kraken": 3}}, "kraken"),
        ):
            settings = load({"data_dir": tmp_path, "chats": {"desks": [told]}})
            with pytest.raises(DistrictsError, match=said):
                desks.require_known(settings, districts)

    async def test_a_district_without_a_desk_is_an_alarm_at_the_start(
        self, bare_scene: Scene
    ) -> None:
        scene = bare_scene
        await admin(scene)
        desk = scene.world.create_group(LIN, "峰尾组", supergroup=True)
        await scene.settle()
        await say(scene, LIN, desk, "/here moderators fengwei")
        await self.start(scene)
        assert "南埔镇" in scene.said(LIN)
        assert "峰尾镇" not in scene.said(LIN)
        said = len(scene.from_bot(LIN))
        await self.start(scene)
        assert len(scene.from_bot(LIN)) == said

    async def test_a_desk_the_bot_is_not_in_is_an_alarm_at_the_start(self, scene: Scene) -> None:
        await admin(scene)
        scene.world.faults.add("getChat", error=403, description="Forbidden: bot was kicked")
        await self.start(scene)
        assert str(DESK) in scene.said(LIN)

    async def test_all_is_well_in_silence(self, scene: Scene) -> None:
        await admin(scene)
        said = len(scene.from_bot(LIN))
        await self.start(scene)
        assert len(scene.from_bot(LIN)) == said

    async def start(self, scene: Scene) -> None:
        await desks.inspect(scene.database, scene.intake, scene.api, scene.house.districts)
        await scene.settle()


class TestTopics:
    async def forum(self, scene: Scene) -> tuple[int, list[int]]:
        await admin(scene)
        desk = scene.world.create_group(LIN, "论坛", forum=True, bot="administrator")
        await scene.settle()
        made = [scene.call("createForumTopic", chat_id=desk, name=name) for name in "一二三"]
        return desk, [topic["message_thread_id"] for topic in made]

    async def test_cards_go_where_here_was_said(self, scene: Scene) -> None:
        desk, (one, two, three) = await self.forum(scene)
        await say(scene, LIN, desk, "/here moderators shanyao", topic=one)
        await say(scene, LIN, desk, "/here moderators shanyao fengwei")
        assert chat_row(scene, desk).topics == {}
        await say(scene, LIN, desk, "/here moderators shanyao fengwei", topic=one)
        await say(scene, LIN, desk, "/here topic 峰尾镇", topic=two)
        await say(scene, LIN, desk, "/here topic pothole", topic=three)
        assert scene.last(desk)["message_thread_id"] == three
        rail = await reported(scene)
        hole = await reported(scene, RIDER, kind="pothole", at=FENGWEI)
        there = await reported(scene, at=FENGWEI)
        threads = [card_of(scene, desk, r)["message_thread_id"] for r in (rail, hole, there)]
        assert threads == [one, three, two]
        await scene.press(LIN, desk, "★★", card_of(scene, desk, rail))
        assert not is_open(card_of(scene, desk, rail))

    async def test_all_that_belongs_to_a_card_goes_with_it(self, scene: Scene) -> None:
        desk, (one, *_) = await self.forum(scene)
        await say(scene, LIN, desk, "/here moderators", topic=one)
        before = len(scene.from_bot(desk))
        scene.world.send_photos(RIDER, RIDER, [jpeg(1), jpeg(2)])
        scene.world.send_voice(RIDER, RIDER, b"OggS voice", 3)
        scene.world.say(RIDER, RIDER, "long " * 150)
        await reported(scene, RIDER)
        said = scene.from_bot(desk)[before:]
        assert len(said) == 6
        assert {m.get("message_thread_id") for m in said} == {one}

    async def test_a_card_that_is_gone_comes_anew_in_its_topic(self, scene: Scene) -> None:
        desk, (one, *_) = await self.forum(scene)
        await say(scene, LIN, desk, "/here moderators", topic=one)
        report = await reported(scene)
        scene.call(
            "deleteMessage",
            chat_id=desk,
            message_id=card_of(scene, desk, report)["message_id"],
        )
        await scene.press(RIDER_ZH, RIDER_ZH, "撤回")
        assert card_of(scene, desk, report)["message_thread_id"] == one

    async def test_a_topic_that_is_gone_holds_nothing_up(self, scene: Scene) -> None:
        desk, (one, *_) = await self.forum(scene)
        await say(scene, LIN, desk, "/here moderators", topic=one)
        with scene.database.transaction() as session:
            chats.find(session, chat_id=desk).topics = {"*": 4711}  # type: ignore[union-attr]
        report = await reported(scene)
        assert "message_thread_id" not in card_of(scene, desk, report)
        assert dead(scene) == []

    async def test_what_is_asked_in_a_topic_is_answered_there(self, scene: Scene) -> None:
        desk, (one, two, _) = await self.forum(scene)
        await say(scene, LIN, desk, "/here moderators shanyao", topic=one)
        scene.world.add_member(LIN, desk, CHEN)
        await scene.settle()
        for who, text in ((LIN, "/help"), (LIN, "/role"), (CHEN, "/role"), (CHEN, "/show 99")):
            before = len(scene.from_bot(desk))
            await say(scene, who, desk, text, topic=two)
            assert [m["message_thread_id"] for m in scene.from_bot(desk)[before:]] == [two]

    async def test_a_topic_of_no_desk_is_refused(self, scene: Scene) -> None:
        desk, (one, *_) = await self.forum(scene)
        await say(scene, LIN, desk, "/here topic pothole", topic=one)
        assert "/here moderators" in scene.said(desk)
        assert chat_row(scene, desk).topics is None


class TestBoard:
    def pinned(self, scene: Scene, chat_id: int = DESK) -> Message:
        message: Message = scene.call("getChat", chat_id=chat_id)["pinned_message"]
        return message

    async def test_tells_what_waits_and_what_was_decided(self, scene: Scene) -> None:
        await scene.sweep()
        board = self.pinned(scene)
        assert "没有" in text_of(board)
        assert "\n" not in text_of(board)
        await reported(scene)
        await reported(scene, RIDER, kind="other")
        await pass_time(scene, 60)
        assert "2" in text_of(self.pinned(scene)).split("\n", maxsplit=1)[0]
        await scene.press(LIN, DESK, "★★", scene.cards(DESK)[0])
        await pass_time(scene, 60)
        now = self.pinned(scene)
        assert now["message_id"] == board["message_id"]
        assert re.search(r"1", text_of(now).split("\n")[0])
        assert re.search(r"1.*0", text_of(now).split("\n")[1])

    async def test_reminds_of_what_is_on_hold(self, scene: Scene) -> None:
        report = await reported(scene)
        card = card_of(scene, DESK, report)["message_id"]
        scene.world.press(LIN, DESK, card, f"v:h:{report.id}", forge=True)
        await scene.settle()
        scene.world.say(LIN, DESK, "等市政回复", reply_to=card)
        await scene.settle()
        await pass_time(scene, 60)
        assert "没有待审" in text_of(self.pinned(scene))
        assert text_of(self.pinned(scene)).endswith("⏸ 暂缓 1")

    async def test_changes_once_a_minute_and_only_if_there_is_news(self, scene: Scene) -> None:
        await scene.sweep()

        def edits() -> int:
            return sum(method == "editMessageText" for method, _ in scene.request.calls)

        await pass_time(scene, 300)
        assert edits() == 0
        for number in range(6):
            await reported(scene, RIDER if number % 2 else RIDER_ZH)
            await pass_time(scene, 30)
        assert 3 <= edits() <= 4

    async def test_is_sent_anew_when_somebody_deleted_it(self, scene: Scene) -> None:
        await scene.sweep()
        old = self.pinned(scene)
        scene.call("deleteMessage", chat_id=DESK, message_id=old["message_id"])
        await reported(scene)
        await pass_time(scene, 60)
        new = self.pinned(scene)
        assert new["message_id"] > old["message_id"]
        assert chat_row(scene, DESK).board_message_id == new["message_id"]

    async def test_a_bot_that_may_not_pin_breaks_nothing(self, scene: Scene) -> None:
        scene.world.faults.add(
            "pinChatMessage", error=400, description="Bad Request: not enough rights", times=None
        )
        await scene.sweep()
        assert chat_row(scene, DESK).board_message_id is not None
        assert dead(scene) == []
        assert scene.rows(Outgoing) == []

    async def test_leaves_room_for_decisions(self, scene: Scene) -> None:
        await scene.sweep()
        clock.advance(timedelta(seconds=61))
        await reported(scene)
        with scene.database.transaction() as session:
            turn = Turn(session, scene.house)
            for number in range(16):
                turn.call(DESK, "sendMessage", text=f"word {number}")
        await scene.sweep()
        assert not any(method == "editMessageText" for method, _ in scene.request.calls)
        await pass_time(scene, 60)
        assert any(method == "editMessageText" for method, _ in scene.request.calls)

    async def test_one_is_on_its_way_at_a_time(self, scene: Scene) -> None:
        for _ in range(3):
            clock.advance(timedelta(seconds=61))
            await scene.intake.say(schedule.show_boards, origin="timer:sweep")
        assert [row.method for row in scene.rows(Outgoing)] == ["board"]


class TestQueue:
    async def start(self, scene: Scene, *people: int) -> None:
        for person in people:
            await say(scene, person, person, "/start")

    async def test_deals_the_next_dangers_first(self, scene: Scene) -> None:
        await self.start(scene, LIN)
        calm = await reported(scene, kind="other")
        rest = [await reported(scene, RIDER) for _ in range(5)]
        in_group = len(scene.from_bot(DESK))
        await say(scene, LIN, DESK, "/queue")
        assert dealt(scene, LIN) == [report.id for report in rest]
        assert len(scene.from_bot(DESK)) == in_group
        held = {r.id for r in scene.rows(Report) if r.claimed_by == LIN}
        assert held == {report.id for report in rest}
        [until] = {r.claimed_until for r in scene.rows(Report) if r.claimed_by == LIN}
        assert until == clock.now() + timedelta(minutes=5)
        await say(scene, CHEN, CHEN, "/start")
        await say(scene, CHEN, DESK, "/queue")
        assert dealt(scene, CHEN) == [calm.id]

    async def test_is_decided_there_and_shown_everywhere(self, scene: Scene) -> None:
        await self.start(scene, LIN)
        report = await reported(scene)
        await say(scene, LIN, DESK, "/queue")
        await scene.press(LIN, LIN, "★★", card_of(scene, LIN, report))
        assert not is_open(card_of(scene, LIN, report))
        assert not is_open(card_of(scene, DESK, report))
        assert scene.rows(Report)[0].state == "approved"

    async def test_in_private_it_serves_all_desks_of_the_asker(self, scene: Scene) -> None:
        await self.start(scene, LIN)
        await say(scene, LIN, DESK, "/queue")
        assert "没有" in scene.said(LIN)
        report = await reported(scene)
        await say(scene, LIN, LIN, "/queue")
        assert dealt(scene, LIN) == [report.id]

    async def test_is_for_reviewers(self, scene: Scene) -> None:
        await reported(scene)
        await self.start(scene, RESIDENT)
        await say(scene, RESIDENT, RESIDENT, "/queue")
        assert "审核" in scene.said(RESIDENT)
        assert dealt(scene, RESIDENT) == []
        strangers = scene.world.create_group(RESIDENT, "Somewhere", supergroup=True)
        await say(scene, RESIDENT, strangers, "/queue")
        assert dealt(scene, RESIDENT) == []

    async def test_who_has_left_gets_nothing(self, scene: Scene) -> None:
        await self.start(scene, CHEN)
        await reported(scene)
        await say(scene, CHEN, DESK, "/queue")
        assert len(dealt(scene, CHEN)) == 1
        scene.world.remove_member(LIN, DESK, CHEN)
        await scene.settle()
        await reported(scene, RIDER)
        await say(scene, CHEN, CHEN, "/queue")
        assert len(dealt(scene, CHEN)) == 1

    async def test_never_deals_ones_own(self, scene: Scene) -> None:
        await self.start(scene, LIN)
        await reported(scene, LIN)
        await say(scene, LIN, DESK, "/queue")
        assert [number for number in dealt(scene, LIN) if number] == []
        assert "没有" in scene.said(LIN)

    async def test_no_more_than_one_can_hold(self, scene: Scene) -> None:
        await self.start(scene, LIN)
        for number in range(7):
            await reported(scene, RIDER if number % 2 else RIDER_ZH)
        await say(scene, LIN, DESK, "/queue")
        await say(scene, LIN, DESK, "/queue")
        assert dealt(scene, LIN) == [1, 2, 3, 4, 5]
        assert "5" in scene.said(LIN)
        await scene.press(LIN, LIN, "★", card_of(scene, LIN, all_reports(scene)[0]))
        await say(scene, LIN, DESK, "/queue")
        assert dealt(scene, LIN) == [1, 2, 3, 4, 5, 6]

    async def test_when_the_claim_is_over_it_comes_once_more(self, scene: Scene) -> None:
        await self.start(scene, LIN)
        report = await reported(scene)
        await say(scene, LIN, DESK, "/queue")
        clock.advance(timedelta(minutes=6))
        await say(scene, LIN, DESK, "/queue")
        assert dealt(scene, LIN) == [report.id, report.id]

    async def test_one_dealt_in_private_only_comes_to_the_desk_later(self, scene: Scene) -> None:
        await self.start(scene, LIN)
        for number in range(14):
            await reported(scene, RIDER if number % 2 else RIDER_ZH, kind="other")
        danger = await reported(scene, RIDER)
        await say(scene, LIN, DESK, "/queue")
        assert dealt(scene, LIN)[0] == danger.id
        await pass_time(scene, 120)
        assert danger.id not in dealt(scene, DESK)
        await pass_time(scene, 240)
        assert danger.id in dealt(scene, DESK)
        assert sorted(dealt(scene, DESK)) == list(range(1, 16))

    async def test_who_cannot_be_written_to_is_told_in_the_desk(self, scene: Scene) -> None:
        report = await reported(scene)
        await say(scene, CHEN, DESK, "/queue")
        last = scene.last(DESK)
        assert "陈" in text_of(last)
        [[button]] = last["reply_markup"]["inline_keyboard"]
        assert button["url"] == f"https://t.me/{BOT['username']}"
        # Nothing is kept for somebody who does not see it.
        assert scene.rows(Report)[0].claimed_by is None
        assert is_open(card_of(scene, DESK, report))
        # Known by now, it is said at once, and nothing is claimed first.
        await say(scene, CHEN, DESK, "/queue")
        assert "陈" in scene.said(DESK)
        await self.start(scene, CHEN)
        await say(scene, CHEN, DESK, "/queue")
        assert dealt(scene, CHEN) == [report.id]

    async def test_what_a_colleague_has_is_not_taken(self, scene: Scene) -> None:
        await reported(scene)
        lin, chen = (Reviewer(who, "x", is_chief=False) for who in (LIN, CHEN))
        with scene.database.transaction() as session:
            report = reports.get(session, report_id=1)
            assert report is not None
            claims.take(session, report=report, reviewer=lin, policy=scene.house.policy)
            with pytest.raises(Claimed):
                claims.take(session, report=report, reviewer=chen, policy=scene.house.policy)
        await self.start(scene, CHEN)
        await say(scene, CHEN, DESK, "/queue")
        assert dealt(scene, CHEN) == []


class CountingWorld(World):
    """A world that enforces Telegram's limits and counts whom it sent away."""

    sent_away = 0

    def call(self, token: str, method: str, params: Any = None, files: Any = None) -> Any:
        answer = super().call(token, method, params, files)
        if answer.get("error_code") == 429:
            self.sent_away += 1
        return answer


RIDERS = 500


@pytest.fixture
def rush(
    database: Database, districts: Districts, settings_for: Callable[[int | None], Settings]
) -> Iterator[Callable[[], Scene]]:
    """Makes a process of the bot, each time a new one, in one world with many riders."""
    with clock.stopped(MORNING):
        world = CountingWorld(
            token=TOKEN, bot=BOT, clock=lambda: clock.now().timestamp(), limits=True
        )
        seed(world)
        for number in range(RIDERS):
            world.add_person({"id": 50_001 + number, "first_name": "R", "language_code": "en"})
        settings = settings_for(DESK)
        yield lambda: Scene(world=world, database=database, settings=settings, districts=districts)


@pytest.mark.drill
async def test_five_hundred_reports_in_a_minute(rush: Callable[[], Scene]) -> None:
    scene = rush()
    decided: dict[int, int] = {}

    async def decide(count: int) -> None:
        """Some cards are decided, and each must show it within seconds."""
        open_ones = [m for m in scene.from_bot(DESK) if number_of(m) and is_open(m)]
        for card in open_ones[:count]:
            data = next(data for data, _ in buttons_of(card) if ":a2:" in data)
            scene.world.press(LIN, DESK, card["message_id"], data)
            await scene.settle()
            decided[number_of(card)] = 1
            waited = 0
            while is_open(scene.world.message(DESK, card["message_id"])):
                clock.advance(timedelta(seconds=1))
                await scene.send()
                waited += 1
                assert waited <= 5

    # A minute in which they all come.
    for second in range(60):
        for number in range(RIDERS * second // 60, RIDERS * (second + 1) // 60):
            await arrive(scene, number)
        if second % 3 == 0:
            await scene.deal()
        if second in (20, 40):
            await decide(2)
        if second == 50:
            # The process is killed; another goes on with what is in the database.
            scene = rush()
        clock.advance(timedelta(seconds=1))
    assert len(scene.rows(Report)) == RIDERS
    arrived = clock.now()
    minutes = 0
    while chat_row(scene, DESK).behind or minutes == 0:
        minutes += 1
        await pass_time(scene, 60)
        await decide(3)
        assert minutes < 90
    numbers = dealt(scene, DESK)
    assert sorted(numbers) == list(range(1, RIDERS + 1))
    check_order(scene, numbers)
    assert dead(scene) == []
    assert isinstance(scene.world, CountingWorld)
    assert scene.world.sent_away == 0
    # A group takes 18 a minute; what is left for edits is not wasted either.
    assert (clock.now() - arrived).total_seconds() / 60 <= RIDERS / 10
    await pass_time(scene, 90)
    board = text_of(scene.call("getChat", chat_id=DESK)["pinned_message"])
    first, second_line = board.split("\n")
    assert str(RIDERS - len(decided)) in first
    assert re.search(rf"\b{len(decided)}\b", second_line)
    assert max(len(row.spent) for row in scene.rows(ChatBudget)) <= 18
    assert {card.chat_id for card in review_cards(scene)} == {DESK}


async def arrive(scene: Scene, number: int) -> None:
    """One rider reports; every fifth report is a danger."""
    who = 50_001 + number
    place = (HERE[0] - 0.006 + 0.0005 * (number % 25), HERE[1] - 0.005 + 0.0005 * (number // 25))
    scene.world.send_photos(who, who, [PICTURE])
    scene.world.send_location(who, who, *place, accuracy=12)
    await scene.settle()
    question = scene.last(who)
    data = next(data for data, _ in buttons_of(question) if data.startswith("d:cat"))
    kind = "manhole" if number % 5 == 0 else "light"
    data = f"{data.rsplit(':', 1)[0]}:{kind}"
    scene.world.press(who, who, question["message_id"], data, forge=True)
    await scene.settle()


PICTURE = jpeg(7)


def review_cards(scene: Scene) -> list[Card]:
    return [card for card in scene.rows(Card) if card.purpose == CardPurpose.REVIEW]


def check_order(scene: Scene, numbers: list[int]) -> None:
    """Whatever was dealt before something more urgent, was dealt before that came."""
    rows = {report.id: report for report in scene.rows(Report)}
    sent = {number_of(m): m["date"] for m in scene.from_bot(DESK) if number_of(m)}

    def urgency(number: int) -> tuple[bool, int]:
        return (not rows[number].danger, number)

    for place, number in enumerate(numbers):
        for later in numbers[place + 1 :]:
            if urgency(later) < urgency(number):
                came = rows[later].created_at.timestamp()
                assert came >= sent[number] - schedule.OFTEN_S, (number, later)
