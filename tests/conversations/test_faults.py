"""Whatever goes wrong on the way in or out: nothing lost, nothing doubled, no silence."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from bot import schedule
from bot.database import Database
from bot.intake import AWAY_TRIES, DatabaseAway, Outcome
from handlers import cards, questions, timers
from handlers import report as report_handlers
from handlers.context import Turn
from handlers.views import View
from models import (
    ChatPause,
    Draft,
    FailedUpdate,
    LedgerEntry,
    Outgoing,
    Person,
    Report,
    ReportPhoto,
    Role,
    clock,
)
from services import decisions, drafts, people, reports
from tests.conversations.people import CHEN, DESK, LIN, RIDER, RIDER_ZH
from tests.conversations.scene import HERE, MOSTLY_SQLITE, Scene, buttons_of, text_of
from tests.pictures import jpeg

pytestmark = MOSTLY_SQLITE


def send_everything(scene: Scene) -> None:
    scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
    scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)


async def reported(scene: Scene) -> Report:
    send_everything(scene)
    await scene.settle()
    await scene.press(RIDER, RIDER, "guardrail")
    report: Report = scene.rows(Report)[-1]
    return report


def _said_by(sender: dict[str, Any] | None) -> dict[str, Any]:
    message = {
        "message_id": 5,
        "date": 1,
        "chat": {"id": 20001, "type": "private", "first_name": "X"},
        "photo": [{"file_id": "a", "file_unique_id": "b", "width": 1, "height": 1}],
    }
    return message if sender is None else {**message, "from": sender}


def _press_by(sender: dict[str, Any], **about: Any) -> dict[str, Any]:
    chat = about.get("chat", {"id": 20001, "type": "private", "first_name": "X"})
    return {
        "id": "1",
        "from": sender,
        "chat_instance": "1",
        "message": {"message_id": about.get("number", 5), "date": 0, "chat": chat},
        "data": about.get("data", "o:undo:1"),
    }


class TestComingIn:
    async def test_the_same_update_twice_changes_nothing(self, scene: Scene) -> None:
        send_everything(scene)
        updates = scene.pending()
        for update in updates * 3:
            await scene.intake.apply(update)
        await scene.settle()
        assert scene.outcomes == [Outcome.DUPLICATE] * len(updates)
        assert len(scene.from_bot(RIDER)) == 2

    async def test_a_handler_that_raises_is_rolled_back_and_set_aside(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scene.may_fail = True
        assert scene.code is not None
        scene.world.say(LIN, LIN, scene.code.text)
        await scene.settle()

        def broken(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError(kwargs["latitude"])

        with monkeypatch.context() as broken_code:
            broken_code.setattr(drafts, "set_place", broken)
            send_everything(scene)
            await scene.settle()
        assert scene.outcomes[-2:] == [Outcome.APPLIED, Outcome.SET_ASIDE]
        assert "our side" in scene.said(RIDER)
        assert "🚨" in scene.said(LIN)
        [failed] = scene.rows(FailedUpdate)
        assert failed.tries == 3
        assert str(HERE[0]) not in failed.error
        # What came before is safe, and the step can be done again.
        scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
        await scene.settle()
        assert "What kind?" in scene.said(RIDER)

    async def test_a_handler_that_raises_once_is_tried_again(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scene.may_fail = True
        times = iter([True])
        right = drafts.set_place

        def sometimes(*args: Any, **kwargs: Any) -> None:
            if next(times, False):
                raise RuntimeError("once")
            right(*args, **kwargs)

        monkeypatch.setattr(report_handlers.drafts, "set_place", sometimes)
        send_everything(scene)
        await scene.settle()
        assert Outcome.SET_ASIDE not in scene.outcomes
        assert "What kind?" in scene.said(RIDER)
        # What the rider had sent is kept for nobody once it went in.
        assert scene.rows(FailedUpdate) == []

    async def test_a_handler_that_waits_is_found_out(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scene.may_fail = True

        async def calls_telegram(update: Any, context: Any) -> None:
            await context.bot.send_message(RIDER, "hello")

        table = await scene.database.in_thread(scene.intake._application)
        handler = next(
            h for h in table.handlers[0] if getattr(h, "commands", None) == frozenset({"points"})
        )
        monkeypatch.setattr(handler, "callback", calls_telegram)
        scene.world.say(RIDER, RIDER, "/points")
        await scene.settle()
        assert scene.outcomes[-1] is Outcome.SET_ASIDE

    async def test_updates_of_every_kind_are_taken(self, scene: Scene) -> None:
        kinds = (
            "channel_post",
            "poll",
            "inline_query",
            "message_reaction",
            "chat_join_request",
            "shipping_query",
            "business_message",
            "something_of_2030",
        )
        for number, kind in enumerate(kinds):
            outcome = await scene.intake.apply({"update_id": 9000 + number, kind: _body(kind)})
            assert outcome is Outcome.APPLIED

    @pytest.mark.parametrize(
        "update",
        [
            {"message": _said_by({"id": 20001, "is_bot": True, "first_name": "Other bot"})},
            {"message": _said_by(None)},
            {"edited_message": _said_by(None)},
            {"callback_query": _press_by({"id": 20001, "is_bot": True, "first_name": "Other bot"})},
        ],
    )
    async def test_nobody_is_answered_who_is_nobody(
        self, scene: Scene, update: dict[str, Any]
    ) -> None:
        people_before = len(scene.rows(Person))
        assert await scene.intake.apply({"update_id": 9000, **update}) is Outcome.APPLIED
        assert len(scene.rows(Person)) == people_before
        assert scene.rows(Outgoing) == []

    @pytest.mark.parametrize("number", [None, "7", 7.5, 0, -1001000000001, 2**63, [7]])
    async def test_who_has_no_number_is_set_aside(self, scene: Scene, number: Any) -> None:
        update = {
            "update_id": 9000,
            "message": _said_by({"id": number, "is_bot": False, "first_name": "X"}),
        }
        outcomes = [await scene.intake.apply(update) for _ in range(4)]
        assert outcomes[2:] == [Outcome.SET_ASIDE, Outcome.DUPLICATE]
        assert number not in [person.id for person in scene.rows(Person)]

    @pytest.mark.parametrize("number", [None, "7", [7], False, 2**63])
    async def test_no_message_without_a_number_is_answered(self, scene: Scene, number: Any) -> None:
        # What it was answered with could never be sent, and would keep all after it from going.
        update = {
            "update_id": 9000,
            "callback_query": _press_by(
                {"id": 20002, "is_bot": False, "first_name": "X"}, data="m:page:0", number=number
            ),
        }
        outcomes = [await scene.intake.apply(update) for _ in range(4)]
        assert outcomes[2:] == [Outcome.SET_ASIDE, Outcome.DUPLICATE]
        assert [row.method for row in scene.rows(Outgoing)] == ["say"]

    async def test_a_press_that_cannot_be_answered_is_set_aside(self, scene: Scene) -> None:
        press = _press_by({"id": 20002, "is_bot": False, "first_name": "X"}, data="m:page:0")
        update = {"update_id": 9000, "callback_query": press | {"id": ["1"]}}
        outcomes = [await scene.intake.apply(update) for _ in range(3)]
        assert outcomes[2] is Outcome.SET_ASIDE
        assert scene.answers == []

    async def test_what_no_database_takes_is_left_out(self, scene: Scene) -> None:
        send_everything(scene)
        await scene.settle()
        await scene.press(RIDER, RIDER, "guardrail")
        [report] = scene.rows(Report)
        outcome = await scene.intake.apply(
            {
                "update_id": 9000,
                "callback_query": _press_by(
                    {"id": CHEN, "is_bot": False, "first_name": "陈\0\ud83d"},
                    chat={"id": DESK, "type": "supergroup", "title": "\0\udc00desk"},
                    data=f"v:a1:{report.id}",
                ),
            }
        )
        assert outcome is Outcome.APPLIED
        # Telegram is asked who that is, and then it is done.
        await scene.settle()
        [report] = scene.rows(Report)
        assert report.decided_by_name == "陈"

    async def test_buttons_and_messages_side_by_side(self, scene: Scene) -> None:
        for seed in range(4):
            chance = random.Random(seed)
            scene.world.send_photos(RIDER, RIDER, [jpeg(seed)])
            scene.world.send_location(RIDER, RIDER, HERE[0] + 0.002 * seed, HERE[1], accuracy=12)
            await scene.settle()
            keyboard = scene.last(RIDER)
            scene.world.press(RIDER, RIDER, keyboard["message_id"], buttons_of(keyboard)[0][0])
            scene.world.say(RIDER, RIDER, "a note")
            updates = scene.pending()
            chance.shuffle(updates)
            for update in updates:
                await scene.intake.apply(update)
            await scene.settle()
            if scene.rows(Draft):
                scene.world.say(RIDER, RIDER, "/cancel")
                await scene.settle()
        assert len(scene.rows(Report)) == 4


def _body(kind: str) -> dict[str, Any]:
    user = {"id": 77, "is_bot": False, "first_name": "X"}
    chat = {"id": -100200, "type": "channel", "title": "News"}
    return {
        "channel_post": {"message_id": 1, "date": 1, "chat": chat, "text": "hi"},
        "poll": {
            "id": "1",
            "question": "?",
            "options": [],
            "total_voter_count": 0,
            "is_closed": True,
            "is_anonymous": True,
            "type": "regular",
            "allows_multiple_answers": False,
            "allows_revoting": False,
            "members_only": False,
        },
        "inline_query": {"id": "1", "from": user, "query": "", "offset": ""},
        "message_reaction": {
            "chat": chat,
            "message_id": 1,
            "user": user,
            "date": 1,
            "old_reaction": [],
            "new_reaction": [],
        },
        "chat_join_request": {"chat": chat, "from": user, "user_chat_id": 77, "date": 1},
        "shipping_query": {
            "id": "1",
            "from": user,
            "invoice_payload": "x",
            "shipping_address": {
                "country_code": "CN",
                "state": "",
                "city": "",
                "street_line1": "",
                "street_line2": "",
                "post_code": "",
            },
        },
        "business_message": {
            "message_id": 1,
            "date": 1,
            "text": "hi",
            "from": user,
            "chat": {"id": 77, "type": "private", "first_name": "X"},
        },
        "something_of_2030": {"a": 1},
    }[kind]


class TestGoingOut:
    async def test_429_rests_that_chat_only(self, scene: Scene) -> None:
        scene.world.faults.add("sendPhoto", chat_id=DESK, error=429, retry_after=7)
        await reported(scene)
        assert "Reported" in scene.said(RIDER)
        assert scene.from_bot(DESK) == []
        assert [pause.chat_id for pause in scene.rows(ChatPause)] == [DESK]
        clock.advance(timedelta(seconds=8))
        await scene.settle()
        assert len(scene.from_bot(DESK)) == 1

    async def test_order_is_kept_through_failures(self, scene: Scene) -> None:
        scene.world.faults.add(chat_id=RIDER, error=500, times=2)
        send_everything(scene)
        await scene.settle()
        for _ in range(4):
            clock.advance(timedelta(seconds=10))
            await scene.settle()
        said = [message["text"] for message in scene.from_bot(RIDER)]
        assert "Where is it?" in said[0]
        assert "What kind?" in said[1]
        assert len(said) == 2

    async def test_what_takes_long_is_settled_though_others_were_settled_meanwhile(
        self, scene: Scene
    ) -> None:
        """A slow answer to one rider must not be forgotten over quick ones to others."""
        slow = scene.request.hold("sendMessage", RIDER)
        # The second message of a chat is on its way only once the first was settled.
        second = scene.request.hold("sendMessage", RIDER_ZH, passing=1)
        scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
        for _ in range(2):
            scene.world.say(RIDER_ZH, RIDER_ZH, "/help")
        for update in scene.pending():
            await scene.intake.apply(update)
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            tasks.create_task(scene.send())
            await second.reached.wait()
            slow.release.set()
            second.release.set()
        assert scene.rows(Outgoing) == []

    @pytest.mark.parametrize("kind", ["drop_before", "hang"])
    async def test_what_did_not_arrive_is_sent_again(self, scene: Scene, kind: str) -> None:
        scene.world.faults.add("sendMessage", chat_id=RIDER, kind=kind)
        scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
        await scene.settle()
        clock.advance(timedelta(seconds=10))
        await scene.settle()
        assert len(scene.from_bot(RIDER)) == 1

    async def test_what_may_have_arrived_is_sent_again_too(self, scene: Scene) -> None:
        scene.world.faults.add("sendMessage", chat_id=RIDER, kind="drop_after")
        scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
        await scene.settle()
        clock.advance(timedelta(seconds=10))
        await scene.settle()
        assert len(scene.from_bot(RIDER)) == 2

    async def test_blocked_keeps_reports_and_points(self, scene: Scene) -> None:
        await reported(scene)
        scene.world.faults.add(
            chat_id=RIDER, error=403, description="Forbidden: bot was blocked by the user"
        )
        await scene.press(LIN, DESK, "★★★")
        [person] = [row for row in scene.rows(Person) if row.id == RIDER]
        assert person.unreachable_since is not None
        assert max(entry.points for entry in scene.rows(LedgerEntry)) == 20
        assert scene.rows(Outgoing) == []

    async def test_a_refused_message_is_kept_and_told(self, scene: Scene) -> None:
        assert scene.code is not None
        scene.world.say(LIN, LIN, scene.code.text)
        await scene.settle()
        scene.world.faults.add(
            "sendMessage", chat_id=RIDER, error=400, description="Bad Request: no"
        )
        scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
        await scene.settle()
        [dead] = scene.rows(Outgoing)
        assert dead.state == "dead"
        assert "🚨" in scene.said(LIN)

    async def test_a_card_goes_without_a_photo_telegram_will_not_take(self, scene: Scene) -> None:
        scene.world.faults.add(
            "sendPhoto",
            chat_id=DESK,
            error=400,
            description="Bad Request: wrong file identifier/HTTP URL specified",
        )
        await reported(scene)
        [card] = scene.from_bot(DESK)
        assert "photo" not in card
        assert [label for _, label in buttons_of(card)][:3] == ["采纳 ★", "采纳 ★★", "采纳 ★★★"]

    async def test_a_picture_that_cannot_be_fetched_holds_nothing_up(self, scene: Scene) -> None:
        scene.world.faults.add("getFile", error=500, times=None)
        await reported(scene)
        assert len(scene.from_bot(DESK)) == 1

    async def test_a_file_that_cannot_be_fetched_holds_its_card_two_minutes(
        self, scene: Scene
    ) -> None:
        scene.world.faults.add("getFile", error=500, times=None)
        scene.world.send_document(RIDER, RIDER, jpeg(3), "a.jpg", "image/jpeg")
        scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
        await scene.settle()
        await scene.press(RIDER, RIDER, "guardrail")
        assert scene.from_bot(DESK) == []
        clock.advance(timedelta(minutes=3))
        await scene.sweep()
        assert len(scene.cards(DESK)) == 1
        assert len(scene.rows(ReportPhoto)) == 1


class TestTimers:
    async def test_one_draft_that_breaks_stops_neither_reminders_nor_the_rest(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for rider in (RIDER, RIDER_ZH):
            scene.world.send_photos(rider, rider, [jpeg(rider)])
        scene.world.send_photos(CHEN, CHEN, [jpeg(3)])
        await scene.settle()
        with scene.database.transaction() as session:
            draft = drafts.current(session, person_id=CHEN)
            assert draft is not None
            draft.expires_at = clock.now()
        clock.advance(timedelta(minutes=31))
        right = questions.question
        broken_for: list[int] = []

        def breaks_once(turn: Turn, draft: Draft, *args: Any, **kwargs: Any) -> View:
            if not broken_for:
                broken_for.append(draft.person_id)
                raise RuntimeError("one bad draft")
            return right(turn, draft, *args, **kwargs)

        monkeypatch.setattr(questions, "question", breaks_once)
        await scene.sweep()
        [unlucky] = broken_for
        lucky = ({RIDER, RIDER_ZH} - {unlucky}).pop()
        assert len(scene.from_bot(lucky)) == 2
        assert len(scene.from_bot(unlucky)) == 1
        assert {draft.person_id for draft in scene.rows(Draft)} == {RIDER, RIDER_ZH}
        # Its one reminder was used up: it does not break every sweep from now on.
        assert all(draft.reminded_at is not None for draft in scene.rows(Draft))

    async def test_one_card_that_breaks_holds_no_other_up(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        right = cards.deal_now
        with monkeypatch.context() as nobody_deals:
            nobody_deals.setattr(cards, "deal", lambda turn, report: False)
            await reported(scene)
            scene.world.send_photos(RIDER_ZH, RIDER_ZH, [jpeg(2)])
            scene.world.send_location(RIDER_ZH, RIDER_ZH, *HERE, accuracy=12)
            await scene.settle()
            await scene.press(RIDER_ZH, RIDER_ZH, "坑洼")
        assert scene.from_bot(DESK) == []

        def all_but_the_first(turn: Turn, report: Report) -> None:
            if report.id == 1:
                raise RuntimeError("one bad report")
            right(turn, report)

        monkeypatch.setattr(cards, "deal_now", all_but_the_first)
        await scene.sweep()
        [card] = scene.cards(DESK)
        assert "#2" in text_of(card)

    async def test_a_database_that_is_away_leaves_the_job_to_the_next_run(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*args: Any, **kwargs: Any) -> None:
            raise OperationalError("SELECT 1", {}, OSError("away"))

        scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
        await scene.settle()
        clock.advance(timedelta(minutes=31))
        timetable = schedule.scheduler(scene.intake, scene.house.policy.zone)
        with monkeypatch.context() as no_database:
            no_database.setattr(questions, "question", away)
            for job in timetable.get_jobs():
                await job.func()
        assert scene.rows(Draft)[0].reminded_at is None
        await scene.sweep()
        assert "not finished" in scene.said(RIDER)


@contextmanager
def no_space(database: Database) -> Iterator[None]:
    """Whatever comes in meets the very error of a full disk."""
    fill, empty = _NO_SPACE[database.engine.dialect.name]
    # On SQLite a connection has its own limit: the worker's, and each that it gets from the pool.
    limit = 1000

    def set_limit(connection: Any, *_: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {limit}")

    def set_workers(session: Session) -> None:
        set_limit(session.connection().connection.driver_connection)

    with database.engine.begin() as connection:
        for statement in fill:
            connection.exec_driver_sql(statement)
    if database.is_sqlite:
        event.listen(database.engine, "checkout", set_limit)
        database._workers.submit(database.run_here, set_workers).result()
    yield
    limit = 1_000_000
    if database.is_sqlite:
        database._workers.submit(database.run_here, set_workers).result()
    with database.engine.begin() as connection:
        for statement in empty:
            connection.exec_driver_sql(statement)


_NO_SPACE = {
    "sqlite": (
        (
            "CREATE TABLE ballast (bytes BLOB)",
            """CREATE TRIGGER no_space BEFORE INSERT ON seen_update
            BEGIN INSERT INTO ballast VALUES (zeroblob(10000000)); END""",
        ),
        ("DROP TRIGGER no_space", "DROP TABLE ballast"),
    ),
    "postgresql": (
        (
            """CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$""",
            "CREATE TRIGGER no_space BEFORE INSERT ON seen_update EXECUTE FUNCTION no_space()",
        ),
        ("DROP FUNCTION no_space CASCADE",),
    ),
}


class TestFullDisk:
    async def test_no_update_is_to_blame_and_the_admins_hear_of_it_once(self, scene: Scene) -> None:
        assert scene.code is not None
        scene.world.say(LIN, LIN, scene.code.text)
        await scene.settle()
        for picture in (1, 2):
            scene.world.send_photos(RIDER, RIDER, [jpeg(picture)])
            with no_space(scene.database):
                for _ in range(AWAY_TRIES + 3):
                    with pytest.raises(DatabaseAway, match="no space left"):
                        await scene.intake.apply(scene.pending()[0])
            await scene.settle()
        assert scene.rows(FailedUpdate) == []
        assert len(scene.from_bot(RIDER)) == 2
        assert [text_of(m).count("磁盘写满了") for m in scene.from_bot(LIN)].count(1) == 1

    async def test_an_alarm_that_finds_no_space_either_is_given_later(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def still_full(*args: Any, **kwargs: Any) -> None:
            raise OperationalError("INSERT", {}, Exception("disk is full"))

        assert scene.code is not None
        scene.world.say(LIN, LIN, scene.code.text)
        await scene.settle()
        send_everything(scene)
        first, second = scene.pending()
        with no_space(scene.database), pytest.raises(DatabaseAway):
            await scene.intake.apply(first)
        with monkeypatch.context() as full:
            full.setattr(timers, "alarm", still_full)
            assert await scene.intake.apply(first) is Outcome.APPLIED
        assert await scene.intake.apply(second) is Outcome.APPLIED
        await scene.settle()
        assert "磁盘写满了" in scene.said(LIN)


class TestComingBack:
    async def test_who_blocked_the_bot_hears_what_was_decided_meanwhile(self, scene: Scene) -> None:
        await reported(scene)
        scene.world.faults.add(
            chat_id=RIDER, error=403, description="Forbidden: bot was blocked by the user"
        )
        await scene.press(LIN, DESK, "★★★")
        assert "approved" not in scene.said(RIDER)
        [person] = [row for row in scene.rows(Person) if row.id == RIDER]
        since = person.unreachable_since
        assert since is not None
        clock.advance(timedelta(days=3))

        def back(turn: Turn) -> None:
            people.reachable(turn.session, person_id=RIDER)
            timers.catch_up(turn, person, since)

        await scene.intake.say(back, origin="test")
        await scene.settle()
        assert "approved" in scene.said(RIDER)

    async def test_who_joined_hears_it_too_and_others_nothing(self, scene: Scene) -> None:
        await reported(scene)
        with scene.database.transaction() as session:
            for person_id in (RIDER_ZH, CHEN):
                people.meet(
                    session, person_id=person_id, language_code="en", policy=scene.house.policy
                )
            report = reports.get(session, report_id=1)
            joiner = people.find(session, person_id=RIDER_ZH)
            assert report is not None
            assert joiner is not None
            reports.join(session, report=report, person=joiner)
        await scene.press(LIN, DESK, "★★★")
        with scene.database.transaction() as session:
            ask = lambda who, at: [  # noqa: E731
                row.id for row in decisions.missed(session, person_id=who, since=at)
            ]
            assert ask(RIDER_ZH, clock.now()) == ask(RIDER, clock.now()) == [1]
            assert ask(CHEN, clock.now()) == []
            assert ask(RIDER, clock.now() + timedelta(days=2)) == []


class TestRestart:
    async def test_a_new_process_goes_on_at_every_step(self, scene: Scene) -> None:
        again = lambda: Scene(  # noqa: E731
            world=scene.world,
            database=scene.database,
            settings=scene.settings,
            districts=scene.house.districts,
        )
        scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
        await again().settle()
        scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
        await again().settle()
        await again().press(RIDER, RIDER, "guardrail")
        await again().press(CHEN, DESK, "★★★")
        assert "approved" in scene.said(RIDER)

    async def test_what_was_committed_but_not_sent_is_sent(self, scene: Scene) -> None:
        send_everything(scene)
        for update in scene.pending():
            await scene.intake.apply(update)
        with scene.database.transaction() as session:
            session.execute(text("UPDATE outgoing SET state = 'sending'"))
        second = Scene(
            world=scene.world,
            database=scene.database,
            settings=scene.settings,
            districts=scene.house.districts,
        )
        await second.settle()
        assert len(second.from_bot(RIDER)) == 2

    async def test_the_code_of_the_start_before_is_void(self, bare_scene: Scene) -> None:
        scene = bare_scene
        old = scene.code
        second = Scene(
            world=scene.world,
            database=scene.database,
            settings=scene.settings,
            districts=scene.house.districts,
        )
        assert old is not None
        scene.world.say(LIN, LIN, old.text)
        await second.settle()
        assert second.rows(Role) == []
