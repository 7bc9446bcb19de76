"""handlers/review.py: one tap decides, once; who may, and what everybody reads."""

from datetime import timedelta

import pytest

from models import Card, LedgerEntry, LedgerTransaction, Report, clock
from tests.conversations.people import CHEN, DESK, LIN, RESIDENT, RIDER, RIDER_ZH
from tests.conversations.scene import HERE, Scene, buttons_of, labels_of, text_of
from tests.pictures import jpeg, jpeg_with_gps


async def reported(scene: Scene, who: int = RIDER, label: str = "guardrail") -> Report:
    scene.world.send_photos(who, who, [jpeg(1)], caption="broken rail")
    scene.world.send_location(who, who, *HERE, accuracy=12)
    await scene.settle()
    await scene.press(who, who, label)
    report: Report = scene.rows(Report)[-1]
    return report


class TestCard:
    async def test_tells_everything_on_one_message(self, scene: Scene) -> None:
        report = await reported(scene)
        [card] = scene.from_bot(DESK)
        assert "photo" in card
        text = text_of(card)
        for part in (
            f"#{report.id}",
            "护栏",
            "危险",
            "山腰街道",
            "12",
            "broken rail",
            "首次上报",
            "地图",
        ):
            assert part in text
        labels = [label for _, label in buttons_of(card)]
        assert [label.split()[-1] for label in labels[:3]] == ["★", "★★", "★★★"]

    async def test_never_shows_a_riders_name(self, scene: Scene) -> None:
        await reported(scene)
        name = scene.world.people[RIDER].user["first_name"]
        assert name not in text_of(scene.from_bot(DESK)[0])

    async def test_album_comes_before_its_card(self, scene: Scene) -> None:
        scene.world.send_photos(RIDER, RIDER, [jpeg(n) for n in range(3)])
        scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
        await scene.settle()
        await scene.press(RIDER, RIDER, "guardrail")
        messages = scene.from_bot(DESK)
        assert ["photo" in message for message in messages] == [True, True, True, False]
        await scene.press(LIN, DESK, "★★★")
        assert "+20" in scene.said(DESK)

    async def test_a_forwarded_photo_is_told(self, scene: Scene) -> None:
        scene.world.forward_photo(RIDER, RIDER, jpeg(1))
        scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
        await scene.settle()
        await scene.press(RIDER, RIDER, "guardrail")
        assert "转发" in text_of(scene.last(DESK))

    async def test_a_photo_sent_as_a_file_is_shown_as_a_photo(self, scene: Scene) -> None:
        scene.world.send_document(RIDER, RIDER, jpeg_with_gps(*HERE), "a.jpg", "image/jpeg")
        await scene.settle()
        await scene.press(RIDER, RIDER, "Use it")
        await scene.press(RIDER, RIDER, "guardrail")
        [card] = scene.from_bot(DESK)
        assert "photo" in card


class TestDecision:
    @pytest.mark.parametrize(("grade", "points"), [(1, 5), (2, 10), (3, 20)])
    async def test_approval_pays_by_grade(self, scene: Scene, grade: int, points: int) -> None:
        report = await reported(scene)
        await press_data(scene, LIN, f"v:a{grade}:")
        text = scene.said(DESK)
        assert "Lin" in text or "林" in text
        assert f"+{points}" in text
        assert labels_of(scene.last(DESK)) == ["撤销"]
        assert f"#{report.id} approved · +{points} points (balance {points})" in scene.said(RIDER)
        entries = scene.rows(LedgerEntry)
        assert sum(entry.points for entry in entries) == 0
        assert max(entry.points for entry in entries) == points

    async def test_rejection_says_why(self, scene: Scene) -> None:
        await reported(scene)
        await scene.press(CHEN, DESK, "驳回")
        await scene.press(CHEN, DESK, "看不清")
        assert "看不清" in scene.said(DESK)
        assert "closer" in scene.said(RIDER)
        assert scene.rows(LedgerEntry) == []

    async def test_back_from_the_reasons(self, scene: Scene) -> None:
        await reported(scene)
        before = buttons_of(scene.last(DESK))
        await scene.press(LIN, DESK, "驳回")
        await scene.press(LIN, DESK, "«")
        assert buttons_of(scene.last(DESK)) == before

    async def test_a_decision_has_the_last_word_on_a_card_that_waits(self, scene: Scene) -> None:
        await reported(scene)
        card = scene.last(DESK)
        scene.world.faults.add("editMessageCaption", chat_id=DESK, error=429, retry_after=60)
        # The desk rests, and the card is to show the note as soon as it may.
        await scene.press(RIDER, RIDER, "Add note")
        scene.world.say(RIDER, RIDER, "it is deep")
        await scene.settle()
        await scene.press(CHEN, DESK, "驳回", card)
        await scene.press(LIN, DESK, "★★", card)
        clock.advance(timedelta(minutes=2))
        await scene.settle()
        assert "+10" in scene.said(DESK)
        assert labels_of(scene.last(DESK)) == ["撤销"]

    async def test_of_two_taps_at_once_one_wins(self, scene: Scene) -> None:
        await reported(scene)
        card = scene.last(DESK)
        data = [data for data, _ in buttons_of(card)]
        scene.world.press(LIN, DESK, card["message_id"], data[1])
        scene.world.press(CHEN, DESK, card["message_id"], data[2])
        await scene.settle()
        assert len(scene.rows(LedgerTransaction)) == 1
        assert any("approved it" in toast or "采纳" in toast for toast in scene.toasts())
        assert "+10" in scene.said(DESK)

    async def test_nobody_decides_their_own(self, scene: Scene) -> None:
        await reported(scene, LIN, "护栏")
        await press_data(scene, LIN, "v:a1:")
        assert scene.rows(Report)[0].state == "submitted"
        assert "同事" in scene.toasts()[-1]
        await press_data(scene, CHEN, "v:a1:")
        assert scene.rows(Report)[0].state == "approved"

    async def test_a_joiner_does_not_decide_either(self, scene: Scene) -> None:
        await reported(scene)
        scene.world.send_photos(LIN, LIN, [jpeg(5)])
        scene.world.send_location(LIN, LIN, *HERE, accuracy=12)
        await scene.settle()
        await scene.press(LIN, LIN, "护栏")
        await scene.press(LIN, LIN, "就是这个")
        await press_data(scene, LIN, "v:a1:")
        assert scene.rows(Report)[0].state == "submitted"

    async def test_a_forged_press_from_elsewhere_does_nothing(self, scene: Scene) -> None:
        report = await reported(scene)
        scene.world.say(RESIDENT, RESIDENT, "/start")
        await scene.settle()
        scene.world.press(
            RESIDENT,
            RESIDENT,
            scene.last(RESIDENT)["message_id"],
            f"v:a3:{report.id}",
            forge=True,
        )
        await scene.settle()
        assert scene.rows(Report)[0].state == "submitted"

    async def test_who_has_left_decides_nothing(self, scene: Scene) -> None:
        await reported(scene)
        card = scene.last(DESK)
        scene.world.remove_member(LIN, DESK, CHEN)
        await scene.settle()
        scene.world.press(CHEN, DESK, card["message_id"], buttons_of(card)[0][0], forge=True)
        await scene.settle()
        assert scene.rows(Report)[0].state == "submitted"

    async def test_withdrawn_is_told_on_the_card(self, scene: Scene) -> None:
        await reported(scene)
        await scene.press(RIDER, RIDER, "Withdraw")
        assert buttons_of(scene.last(DESK)) == []
        assert "撤回" in scene.said(DESK)


class TestGroups:
    async def test_an_upgraded_group_keeps_working(self, bare_scene: Scene) -> None:
        scene = bare_scene
        assert scene.code is not None
        scene.world.say(LIN, LIN, scene.code.text)
        group = scene.world.create_group(LIN, "Small desk", [CHEN])
        await scene.settle()
        scene.world.say(LIN, group, "/here moderators")
        await scene.settle()
        await reported(scene)
        old = scene.last(group)
        desk = scene.world.upgrade_group(LIN, group)
        await scene.settle()
        card = scene.last(desk)
        assert buttons_of(card) == buttons_of(old)
        scene.world.press(CHEN, desk, card["message_id"], buttons_of(card)[0][0])
        await scene.settle()
        assert scene.rows(Report)[0].state == "approved"
        assert all(row.chat_id in (desk, RIDER) for row in scene.rows(Card))

    async def test_an_upgrade_told_only_by_a_refusal_is_followed(self, bare_scene: Scene) -> None:
        scene = bare_scene
        assert scene.code is not None
        scene.world.say(LIN, LIN, scene.code.text)
        group = scene.world.create_group(LIN, "Small desk", [CHEN])
        await scene.settle()
        scene.world.say(LIN, group, "/here moderators")
        await scene.settle()
        desk = scene.world.upgrade_group(LIN, group)
        for update in scene.pending():
            # The service messages get lost; the first sending finds out.
            scene.call("getUpdates", offset=update["update_id"] + 1, limit=1, timeout=0)
        await reported(scene)
        assert buttons_of(scene.last(desk))

    async def test_a_card_that_cannot_be_edited_is_sent_anew(self, scene: Scene) -> None:
        await reported(scene, RIDER_ZH, "护栏")
        card = scene.last(DESK)
        scene.call("deleteMessage", chat_id=DESK, message_id=card["message_id"])
        await scene.press(RIDER_ZH, RIDER_ZH, "撤回")
        assert "撤回" in scene.said(DESK)


async def press_data(scene: Scene, who: int, prefix: str) -> None:
    card = scene.last(DESK)
    for data, _ in buttons_of(card):
        if data.startswith(prefix):
            scene.world.press(who, DESK, card["message_id"], data)
            await scene.settle()
            return
    raise AssertionError(prefix)
