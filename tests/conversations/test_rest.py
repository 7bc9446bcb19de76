"""The other doors: /start, /help, /language, /points, /myreports, additions, setting up."""

from datetime import timedelta

import pytest

from handlers.start import NAMES
from models import Chat, Draft, DraftPhoto, Person, Report, ReportPhoto, Role, clock
from tests.conversations.people import CHEN, DESK, LIN, RESIDENT, RIDER, RIDER_ZH
from tests.conversations.scene import HERE, MOSTLY_SQLITE, Scene, buttons_of, text_of
from tests.pictures import jpeg

pytestmark = MOSTLY_SQLITE


async def words(scene: Scene, text: str, who: int = RIDER) -> None:
    scene.world.say(who, who, text)
    await scene.settle()


async def reported(scene: Scene, number: int = 1, label: str = "guardrail") -> Report:
    scene.world.send_photos(RIDER, RIDER, [jpeg(number)])
    scene.world.send_location(RIDER, RIDER, HERE[0] + 0.0007 * number, HERE[1], accuracy=12)
    await scene.settle()
    await scene.press(RIDER, RIDER, label)
    report: Report = scene.rows(Report)[-1]
    return report


class TestFirstWords:
    async def test_start(self, scene: Scene) -> None:
        await words(scene, "/start")
        assert "photo" in scene.said(RIDER)

    @pytest.mark.parametrize("payload", ["abc", "x" * 64, "%00", "rd_1'--", "流动哨兵"])
    async def test_unknown_link_is_said(self, scene: Scene, payload: str) -> None:
        await words(scene, f"/start {payload}")
        assert "not valid" in scene.said(RIDER)

    async def test_help_names_every_command(self, scene: Scene) -> None:
        await words(scene, "/help")
        for command in ("/report", "/myreports", "/points", "/language", "/cancel"):
            assert command in scene.said(RIDER)

    async def test_language_is_kept(self, scene: Scene) -> None:
        await words(scene, "/language")
        assert [label for _, label in buttons_of(scene.last(RIDER))] == list(NAMES.values())
        await scene.press(RIDER, RIDER, "中文")
        await words(scene, "/help")
        assert "上报" in scene.said(RIDER)

    async def test_unknown_command(self, scene: Scene) -> None:
        await words(scene, "/nonsense")
        assert "/help" in scene.said(RIDER)

    async def test_nothing_to_cancel(self, scene: Scene) -> None:
        await words(scene, "/cancel")
        assert "Nothing is open" in scene.said(RIDER)

    async def test_words_out_of_the_blue(self, scene: Scene) -> None:
        await words(scene, "hello")
        assert "photo" in scene.said(RIDER)
        scene.world.send_video(RIDER, RIDER, b"video")
        await scene.settle()
        assert "Photos only" in scene.said(RIDER)


class TestPoints:
    async def test_none_yet(self, scene: Scene) -> None:
        await words(scene, "/points")
        assert "0 points" in scene.said(RIDER)

    async def test_balance_and_entries(self, scene: Scene) -> None:
        first = await reported(scene)
        await scene.press(LIN, DESK, "★★★")
        second = await reported(scene, 2, "pothole")
        await scene.press(CHEN, DESK, "采纳 ★")
        await words(scene, "/points")
        text = scene.said(RIDER)
        assert "25 points" in text
        assert f"+20 · #{first.id}" in text
        assert f"+5 · #{second.id}" in text


class TestMyReports:
    async def test_none_yet(self, scene: Scene) -> None:
        await words(scene, "/myreports")
        assert "No reports yet" in scene.said(RIDER)

    async def test_pages_and_one_with_its_photo(self, scene: Scene) -> None:
        for number in range(1, 8):
            await reported(scene, number)
        await words(scene, "/myreports")
        message = scene.last(RIDER)
        assert "1/2" in text_of(message)
        await scene.press(RIDER, RIDER, "▶")
        [edited] = [m for m in scene.from_bot(RIDER) if m["message_id"] == message["message_id"]]
        assert "2/2" in text_of(edited)
        await scene.press(RIDER, RIDER, "#1", edited)
        assert "photo" in scene.last(RIDER)
        assert "In review" in scene.said(RIDER)

    async def test_nobody_reads_anothers(self, scene: Scene) -> None:
        report = await reported(scene)
        await words(scene, "/start", RESIDENT)
        scene.world.press(
            RESIDENT,
            RESIDENT,
            scene.last(RESIDENT)["message_id"],
            f"m:show:{report.id}",
            forge=True,
        )
        await scene.settle()
        assert "not" in scene.toasts()[-1] or "不" in scene.toasts()[-1]
        assert len(scene.from_bot(RESIDENT)) == 1


class TestAddition:
    async def test_a_note_reaches_the_card(self, scene: Scene) -> None:
        report = await reported(scene)
        await scene.press(RIDER, RIDER, "Add note")
        await words(scene, "both sides")
        assert f"#{report.id}" in scene.said(RIDER)
        assert "both sides" in text_of(scene.from_bot(DESK)[0])

    async def test_photos_reach_the_desk(self, scene: Scene) -> None:
        await reported(scene)
        await scene.press(RIDER, RIDER, "Add photo")
        for number in (11, 12):
            scene.world.send_photos(RIDER, RIDER, [jpeg(number)])
            await scene.settle()
        await scene.press(RIDER, RIDER, "Done")
        assert len(scene.rows(ReportPhoto)) == 3
        assert sum("photo" in message for message in scene.from_bot(DESK)) == 3
        assert len(scene.rows(Report)) == 1

    async def test_after_the_decision_it_is_too_late(self, scene: Scene) -> None:
        await reported(scene)
        receipt = scene.last(RIDER)
        await scene.press(LIN, DESK, "★★★")
        scene.world.press(
            RIDER, RIDER, receipt["message_id"], buttons_of(receipt)[2][0], forge=True
        )
        await scene.settle()
        assert scene.rows(Report)[0].state == "approved"
        assert "decided already" in scene.toasts()[-1]

    async def test_decided_while_the_note_is_typed(self, scene: Scene) -> None:
        await reported(scene)
        await scene.press(RIDER, RIDER, "Add note")
        await scene.press(LIN, DESK, "★★★")
        await words(scene, "too late")
        assert "decided already" in scene.said(RIDER)
        await words(scene, "hello")
        assert "photo" in scene.said(RIDER)

    async def test_a_note_that_is_cut_says_so_and_a_long_one_is_read_whole(
        self, scene: Scene
    ) -> None:
        await reported(scene)
        receipt = scene.last(RIDER)
        await scene.press(RIDER, RIDER, "Add note")
        await words(scene, "a" * 400)
        assert "Only the first" not in scene.said(RIDER)
        assert "a" * 400 in text_of(scene.last(DESK))
        await scene.press(RIDER, RIDER, "Add note", receipt)
        await words(scene, "b" * 700)
        assert "Only the first 1,000 characters" in scene.said(RIDER)
        assert "b" * 599 in text_of(scene.last(DESK))
        assert len(scene.rows(Report)[0].note) == 1000

    @pytest.mark.parametrize("what", ["location", "venue", "photo", "file"])
    async def test_a_new_report_begins_while_a_note_is_awaited(
        self, scene: Scene, what: str
    ) -> None:
        report = await reported(scene)
        await scene.press(RIDER, RIDER, "Add note")
        match what:
            case "location":
                scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
            case "venue":
                scene.world.send_venue(RIDER, RIDER, *HERE, "Market", "Yongjia Rd")
            case "photo":
                scene.world.send_photos(RIDER, RIDER, [jpeg(11)])
            case _:
                scene.world.send_document(RIDER, RIDER, jpeg(11), "a.jpg", "image/jpeg")
        await scene.settle()
        assert len(scene.rows(Draft)) == 1
        # The addition is over: words are the new report's.
        await words(scene, "quite another one")
        assert scene.rows(Draft)[0].note == "quite another one"
        assert [row.note for row in scene.rows(Report)] == [""]
        assert report.id

    async def test_a_place_while_a_photo_is_awaited_begins_a_report(self, scene: Scene) -> None:
        await reported(scene)
        await scene.press(RIDER, RIDER, "Add photo")
        scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
        await scene.settle()
        scene.world.send_photos(RIDER, RIDER, [jpeg(11)])
        await scene.settle()
        assert "What kind?" in scene.said(RIDER)
        await scene.press(RIDER, RIDER, "pothole")
        assert [row.report_id for row in scene.rows(ReportPhoto)] == [1, 2]

    @pytest.mark.parametrize("why", ["decided", "withdrawn", "late"])
    async def test_a_photo_that_comes_too_late_begins_a_report(
        self, scene: Scene, why: str
    ) -> None:
        await reported(scene)
        receipt = scene.last(RIDER)
        await scene.press(RIDER, RIDER, "Add photo")
        if why == "decided":
            await scene.press(LIN, DESK, "★★★")
        elif why == "withdrawn":
            await scene.press(RIDER, RIDER, "Withdraw", receipt)
        else:
            clock.advance(timedelta(minutes=16))
        scene.world.send_photos(RIDER, RIDER, [jpeg(11), jpeg(12)])
        await scene.settle()
        assert "Where is it?" in scene.said(RIDER)
        assert len(scene.rows(DraftPhoto)) == 2
        scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
        await scene.settle()
        await scene.press(RIDER, RIDER, "pothole")
        assert len(scene.rows(Report)) == 2

    async def test_words_that_come_late_belong_to_the_open_draft(self, scene: Scene) -> None:
        await reported(scene)
        receipt = scene.last(RIDER)
        scene.world.send_photos(RIDER, RIDER, [jpeg(11)])
        await scene.settle()
        await scene.press(RIDER, RIDER, "Add note", receipt)
        clock.advance(timedelta(minutes=16))
        await words(scene, "the deep one")
        assert scene.rows(Draft)[0].note == "the deep one"
        assert scene.rows(Report)[0].note == ""

    async def test_an_album_gets_one_answer(self, scene: Scene) -> None:
        await reported(scene)
        await scene.press(RIDER, RIDER, "Add photo")
        before = len(scene.from_bot(RIDER))
        scene.world.send_photos(RIDER, RIDER, [jpeg(n) for n in range(11, 14)], caption="by day")
        await scene.settle()
        assert len(scene.from_bot(RIDER)) == before + 1
        assert scene.rows(Report)[0].note == "by day"
        assert "by day" in text_of(scene.from_bot(DESK)[0])
        assert len(scene.rows(ReportPhoto)) == 4

    async def test_an_album_that_does_not_fit_is_told_of_once(self, scene: Scene) -> None:
        await reported(scene)
        await scene.press(RIDER, RIDER, "Add photo")
        before = len(scene.from_bot(RIDER))
        scene.world.send_photos(RIDER, RIDER, [jpeg(n) for n in range(11, 19)])
        await scene.settle()
        told = [text_of(message) for message in scene.from_bot(RIDER)[before:]]
        assert ["Photo added" in told[0], "takes 5 photos" in told[1]] == [True, True]
        assert len(told) == 2
        assert len(scene.rows(ReportPhoto)) == 5

    async def test_a_picture_file_is_known_by_its_name(self, scene: Scene) -> None:
        await reported(scene)
        await scene.press(RIDER, RIDER, "Add photo")
        scene.world.send_document(RIDER, RIDER, b"%PDF-1.7", "menu.pdf", "application/pdf")
        await scene.settle()
        assert "no photo" in scene.said(RIDER)
        scene.world.send_document(RIDER, RIDER, jpeg(11), "IMG_2.HEIC", "application/octet-stream")
        await scene.settle()
        assert len(scene.rows(ReportPhoto)) == 2
        assert "photo" in scene.last(DESK)

    async def test_cancel_adds_nothing(self, scene: Scene) -> None:
        await reported(scene)
        await scene.press(RIDER, RIDER, "Add note")
        await words(scene, "/cancel")
        assert "nothing added" in scene.said(RIDER)
        assert len(scene.rows(Report)) == 1


class TestSettingUp:
    async def test_the_code_makes_the_first_admin_once(self, scene: Scene) -> None:
        assert scene.code is not None
        await words(scene, "AAAA-BBBB-CCCC")
        assert "not valid" in scene.said(RIDER)
        await words(scene, scene.code.text.lower(), LIN)
        assert [row.person_id for row in scene.rows(Role)] == [LIN]
        await words(scene, scene.code.text)
        assert len(scene.rows(Role)) == 1

    async def test_words_like_a_code_are_a_note_once_there_is_an_admin(self, scene: Scene) -> None:
        assert scene.code is not None
        await words(scene, scene.code.text, LIN)
        scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
        await scene.settle()
        await words(scene, "ABCD-EFGH-JKLM")
        assert "Note saved" in scene.said(RIDER)

    async def test_here_registers_and_tells_what_is_missing(self, scene: Scene) -> None:
        assert scene.code is not None
        await words(scene, scene.code.text, LIN)
        group = scene.world.create_group(LIN, "New desk")
        await scene.settle()
        scene.world.say(LIN, group, "/here moderators")
        await scene.settle()
        [chat] = [chat for chat in scene.rows(Chat) if chat.id == group]
        assert chat.purpose == "moderators"
        assert "管理员" in scene.said(group)

    async def test_here_by_anybody_else_is_refused(self, scene: Scene) -> None:
        group = scene.world.create_group(RIDER_ZH, "Mine")
        await scene.settle()
        scene.world.say(RIDER_ZH, group, "/here moderators")
        await scene.settle()
        assert all(chat.purpose is None for chat in scene.rows(Chat) if chat.id == group)
        assert "管理员" in scene.said(group)

    async def test_waiting_reports_come_when_the_desk_opens(self, bare_scene: Scene) -> None:
        scene = bare_scene
        await reported(scene)
        assert scene.from_bot(DESK) == []
        assert scene.code is not None
        await words(scene, scene.code.text, LIN)
        scene.world.say(LIN, DESK, "/here moderators")
        await scene.settle()
        assert any(buttons_of(message) for message in scene.from_bot(DESK))


class TestBlocking:
    async def test_blocked_and_back(self, scene: Scene) -> None:
        await reported(scene)
        scene.world.block(RIDER)
        await scene.settle()
        [person] = [row for row in scene.rows(Person) if row.id == RIDER]
        assert person.unreachable_since is not None
        await scene.press(LIN, DESK, "★★★")
        assert "Reported" in scene.said(RIDER)
        scene.world.unblock(RIDER)
        await scene.settle()
        # Back again, they read what was decided meanwhile.
        assert "approved · +20" in scene.said(RIDER)
        await words(scene, "/points")
        assert "20 points" in scene.said(RIDER)
