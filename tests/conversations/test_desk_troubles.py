"""What a hostile reader found: the bot kicked, pictures gone, groups upgraded at a bad moment."""

import shutil
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from bot.intake import DatabaseAway, Outcome
from models import Card, Outgoing, Report
from services import outbox, updates
from tests.conversations.people import CHEN, DESK, LIN, RIDER
from tests.conversations.scene import HERE, Scene, buttons_of, text_of
from tests.pictures import jpeg


async def reported(scene: Scene, photos: int = 1, *, as_file: bool = False) -> Report:
    number = len(scene.rows(Report))
    if as_file:
        scene.world.send_document(RIDER, RIDER, jpeg(40 + number), "a.jpg", "image/jpeg")
    else:
        pictures = [jpeg(10 * number + n) for n in range(photos)]
        scene.world.send_photos(RIDER, RIDER, pictures)
    scene.world.send_location(RIDER, RIDER, HERE[0] + 0.001 * number, HERE[1], accuracy=12)
    await scene.settle()
    await scene.press(RIDER, RIDER, "guardrail")
    report: Report = scene.rows(Report)[-1]
    return report


async def small_desk(scene: Scene) -> int:
    """A basic group as the desk, so that it can be upgraded."""
    assert scene.code is not None
    scene.world.say(LIN, LIN, scene.code.text)
    group: int = scene.world.create_group(LIN, "Small desk", [CHEN])
    await scene.settle()
    scene.world.say(LIN, group, "/here moderators")
    await scene.settle()
    return group


class TestPictures:
    async def test_a_copy_that_is_gone_stops_nobody(self, scene: Scene) -> None:
        scene.world.send_document(RIDER, RIDER, jpeg(3), "a.jpg", "image/jpeg")
        scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
        await scene.settle()
        shutil.rmtree(scene.settings.data_dir / "photos")
        await scene.press(RIDER, RIDER, "guardrail")
        [card] = scene.from_bot(DESK)
        assert "photo" not in card
        assert [label for _, label in buttons_of(card)][:3] == ["采纳 ★", "采纳 ★★", "采纳 ★★★"]
        assert "Reported" in scene.said(RIDER)

    async def test_an_album_telegram_refuses_comes_one_by_one(self, scene: Scene) -> None:
        scene.world.faults.add(
            "sendMediaGroup", error=400, description="Bad Request: wrong file identifier"
        )
        await reported(scene, photos=3)
        assert ["photo" in message for message in scene.from_bot(DESK)] == [True, True, True, False]

    async def test_an_album_stays_before_its_card(self, scene: Scene) -> None:
        await reported(scene, photos=2)
        await scene.press(LIN, DESK, "★★★")
        assert len(scene.from_bot(DESK)) == 3
        assert "+20" in text_of(scene.last(DESK))


class TestSettling:
    async def test_one_outcome_that_cannot_be_written_stops_no_other(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        right = outbox.settle

        def broken(session: Any, *, holder: int, outcomes: Any) -> None:
            if any(isinstance(outcome, outbox.Sent) and outcome.has_photo for outcome in outcomes):
                raise IntegrityError("INSERT", {}, Exception("unique"))
            right(session, holder=holder, outcomes=outcomes)

        monkeypatch.setattr(outbox, "settle", broken)
        await reported(scene)
        assert "Reported" in scene.said(RIDER)
        [dead] = scene.rows(Outgoing)
        assert dead.state == "dead"
        assert dead.chat_id == DESK

    async def test_a_bug_in_sending_stops_no_other(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def broken(*args: Any) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr("bot.outbox.Outbox._send_photo", broken)
        await reported(scene)
        assert "Reported" in scene.said(RIDER)
        assert [row.state for row in scene.rows(Outgoing)] == ["dead"]


class TestKicked:
    async def test_reports_of_that_time_are_dealt_when_the_bot_is_back(self, scene: Scene) -> None:
        scene.world.remove_member(LIN, DESK, scene.me["id"])
        await scene.settle()
        report = await reported(scene)
        assert scene.from_bot(DESK) == []
        scene.world.add_member(LIN, DESK, scene.me["id"])
        await scene.settle()
        assert any(f"#{report.id}" in text_of(message) for message in scene.from_bot(DESK))

    async def test_a_card_nobody_could_be_sent_is_dealt_by_the_sweep(self, scene: Scene) -> None:
        scene.world.faults.add("sendPhoto", chat_id=DESK, error=403, description="Forbidden: no")
        report = await reported(scene)
        assert scene.from_bot(DESK) == []
        await scene.sweep()
        assert f"#{report.id}" in text_of(scene.cards(DESK)[-1])


class TestUpgrade:
    async def test_the_sending_may_learn_of_it_first(self, bare_scene: Scene) -> None:
        scene = bare_scene
        group = await small_desk(scene)
        first = await reported(scene)
        desk = scene.world.upgrade_group(LIN, group)
        told = scene.pending()
        scene.call("getUpdates", offset=told[-1]["update_id"] + 1, limit=1, timeout=0)
        second = await reported(scene)
        for update in told:
            assert await scene.intake.apply(update) is Outcome.APPLIED
        await scene.settle()
        cards = "\n".join(text_of(message) for message in scene.from_bot(desk))
        assert f"#{first.id}" in cards
        assert f"#{second.id}" in cards

    async def test_the_new_chat_may_be_registered_first(self, bare_scene: Scene) -> None:
        scene = bare_scene
        group = await small_desk(scene)
        report = await reported(scene)
        desk = scene.world.upgrade_group(LIN, group)
        told = scene.pending()
        scene.call("getUpdates", offset=told[-1]["update_id"] + 1, limit=1, timeout=0)
        scene.world.say(LIN, desk, "/here moderators")
        await scene.settle()
        for update in told:
            assert await scene.intake.apply(update) is Outcome.APPLIED
        await scene.settle()
        [card] = [row for row in scene.rows(Card) if row.purpose == "review"]
        assert (card.chat_id, card.report_id) == (desk, report.id)
        await scene.press(CHEN, desk, "★★★", scene.world.message(desk, card.message_id))
        assert scene.rows(Report)[0].state == "approved"


class TestFailingToFail:
    async def test_the_database_away_while_counting_is_no_crash(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError("a bug")

        def full(*args: Any, **kwargs: Any) -> None:
            raise OperationalError("INSERT", {}, Exception("disk is full"))

        monkeypatch.setattr("services.drafts.start", broken)
        monkeypatch.setattr(updates, "failed", full)
        scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
        [update] = scene.pending()
        with pytest.raises(DatabaseAway):
            await scene.intake.apply(update)

    async def test_an_update_that_cannot_even_be_counted_stops_no_other(self, scene: Scene) -> None:
        update = {
            "update_id": 77,
            "message": {
                "message_id": 1,
                "date": 1,
                "chat": {"id": 2**70, "type": "private", "first_name": "X"},
                "from": {"id": 2**70, "is_bot": False, "first_name": "X"},
                "text": "hello",
            },
        }
        outcomes = [await scene.intake.apply(update) for _ in range(3)]
        assert outcomes[-1] is Outcome.SET_ASIDE

    async def test_a_public_group_is_no_desk(self, scene: Scene) -> None:
        scene.world.say(LIN, LIN, scene.code.text if scene.code else "")
        await scene.settle()
        update = {
            "update_id": 9_000_001,
            "message": {
                "message_id": 5,
                "date": 1,
                "chat": {
                    "id": -1009,
                    "type": "supergroup",
                    "title": "Open to all",
                    "username": "everybody",
                },
                "from": {"id": LIN, "is_bot": False, "first_name": "林"},
                "text": "/here moderators",
                "entities": [{"type": "bot_command", "offset": 0, "length": 5}],
            },
        }
        await scene.intake.apply(update)
        [row] = [row for row in scene.rows(Outgoing) if row.chat_id == -1009]
        assert "公开" in row.payload["text"]
