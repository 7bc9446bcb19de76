"""handlers/review.py and replies.py: everything a desk can do beside a plain decision."""

from datetime import timedelta

import pytest

from models import (
    Joiner,
    LedgerEntry,
    LedgerTransaction,
    Person,
    Report,
    ReportEvent,
    Role,
    Vote,
    clock,
)
from tests.conversations.people import CHEN, DESK, LIN, RESIDENT, RIDER, RIDER_ZH
from tests.conversations.scene import (
    HERE,
    MOSTLY_SQLITE,
    Message,
    Scene,
    buttons_of,
    labels_of,
    text_of,
)
from tests.pictures import jpeg

pytestmark = MOSTLY_SQLITE

NEAR = (HERE[0] + 0.0005, HERE[1])
NEW_COLLEAGUE = 5001


async def reported(scene: Scene, who: int = RIDER_ZH, *, picture: int = 1, at=HERE) -> Report:
    scene.world.send_photos(who, who, [jpeg(picture)])
    scene.world.send_location(who, who, *at, accuracy=12)
    await scene.settle()
    await scene.press(who, who, "护栏" if who != RIDER else "guardrail")
    if "同一处" in scene.said(who) or "same one" in scene.said(who):
        await scene.press(who, who, "不是" if who != RIDER else "Different")
    report: Report = scene.rows(Report)[-1]
    return report


def card_of(scene: Scene, report: Report) -> Message:
    """The newest message in the desk that shows a report."""
    return next(
        message
        for message in reversed(scene.from_bot(DESK))
        if text_of(message).startswith(f"#{report.id} ")
    )


def fresh(scene: Scene, report: Report) -> Report:
    return next(row for row in scene.rows(Report) if row.id == report.id)


def kinds(scene: Scene, report: Report) -> list[str]:
    return [row.kind for row in scene.rows(ReportEvent) if row.report_id == report.id]


async def tap(scene: Scene, who: int, report: Report, label: str) -> None:
    await scene.press(who, DESK, label, card_of(scene, report))


async def reply(scene: Scene, who: int, report: Report, text: str) -> None:
    scene.world.say(who, DESK, text, reply_to=card_of(scene, report)["message_id"])
    await scene.settle()


async def meet_third_colleague(scene: Scene) -> None:
    """A third reviewer joins, and the desk has heard of all three."""
    scene.world.add_person(
        {"id": NEW_COLLEAGUE, "first_name": "王", "language_code": "zh-hans"}, role="reviewer"
    )
    scene.world.add_member(LIN, DESK, NEW_COLLEAGUE)
    await scene.settle()


async def make_chief(scene: Scene, person_id: int) -> None:
    scene.world.say(person_id, person_id, "/start")
    await scene.settle()
    scene.database.run_here(
        lambda session: session.add(Role(person_id=person_id, role="chief", granted_at=clock.now()))
    )


class TestClaim:
    async def test_it_is_shown_to_all_and_keeps_colleagues_off(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "我来看")
        assert "林正在看，到 09:20" in text_of(card_of(scene, report))
        await tap(scene, CHEN, report, "★★★")
        assert "林正在看" in scene.toasts()[-1]
        assert fresh(scene, report).state == "submitted"
        await tap(scene, LIN, report, "★★★")
        assert fresh(scene, report).state == "approved"
        assert "正在看" not in text_of(card_of(scene, report))

    async def test_it_ends_by_releasing(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "我来看")
        await tap(scene, CHEN, report, "交还")
        assert "林正在看" in scene.toasts()[-1]
        await tap(scene, LIN, report, "交还")
        assert "正在看" not in text_of(card_of(scene, report))
        await tap(scene, CHEN, report, "★★")
        assert fresh(scene, report).state == "approved"

    async def test_it_ends_by_time(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "我来看")
        clock.advance(timedelta(minutes=5, seconds=1))
        await tap(scene, CHEN, report, "★★")
        assert fresh(scene, report).decided_by_name == "陈"

    async def test_the_sweep_shows_that_time_is_over(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "我来看")
        clock.advance(timedelta(minutes=5, seconds=1))
        await scene.sweep()
        assert "正在看" not in text_of(card_of(scene, report))
        assert kinds(scene, report) == ["submitted", "claimed", "claim_released"]

    async def test_only_a_chief_takes_over(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "我来看")
        await tap(scene, CHEN, report, "接手")
        assert "林正在看" in text_of(card_of(scene, report))
        await make_chief(scene, CHEN)
        await tap(scene, CHEN, report, "接手")
        assert "陈正在看" in text_of(card_of(scene, report))


class TestQuestion:
    async def test_with_one_tap_and_an_answer_in_words(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "问骑手")
        await tap(scene, LIN, report, "具体在哪")
        assert fresh(scene, report).state == "asked"
        assert "已问：具体在哪个位置" in text_of(card_of(scene, report))
        assert f"关于 #{report.id}：具体在哪个位置" in scene.said(RIDER_ZH)
        before = card_of(scene, report)["message_id"]
        scene.world.say(RIDER_ZH, RIDER_ZH, "永嘉路 88 号门口")
        await scene.settle()
        card = card_of(scene, report)
        assert card["message_id"] > before
        assert "永嘉路 88 号门口" in text_of(card)
        assert "已回答" in text_of(card)
        assert fresh(scene, report).state == "submitted"
        await tap(scene, CHEN, report, "★★")
        assert fresh(scene, report).state == "approved"
        assert kinds(scene, report)[-4:] == ["asked", "note_added", "answered", "approved"]

    async def test_in_own_words_and_a_photo_as_the_answer(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "问骑手")
        await reply(scene, LIN, report, "左边还是右边?")
        assert "左边还是右边?" in scene.said(RIDER_ZH)
        await scene.press(RIDER_ZH, RIDER_ZH, "回答")
        scene.world.send_photos(RIDER_ZH, RIDER_ZH, [jpeg(7)])
        await scene.settle()
        assert fresh(scene, report).state == "submitted"
        assert scene.said(RIDER_ZH) == f"收到，#{report.id} 继续审核。还有照片吗？"
        photos_shown = [m for m in scene.from_bot(DESK) if "photo" in m]
        assert len(photos_shown) >= 3
        await tap(scene, LIN, report, "★★")
        assert fresh(scene, report).state == "approved"

    async def test_a_photo_long_after_the_button_is_still_the_answer(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "问骑手")
        await tap(scene, LIN, report, "近一点的照片")
        await scene.press(RIDER_ZH, RIDER_ZH, "回答")
        clock.advance(timedelta(minutes=40))
        scene.world.send_photos(RIDER_ZH, RIDER_ZH, [jpeg(7)])
        await scene.settle()
        assert fresh(scene, report).state == "submitted"

    async def test_whatever_is_added_meanwhile_answers_it(self, scene: Scene) -> None:
        report = await reported(scene)
        await scene.press(RIDER_ZH, RIDER_ZH, "补充说明")
        await tap(scene, LIN, report, "问骑手")
        await tap(scene, LIN, report, "具体在哪")
        scene.world.say(RIDER_ZH, RIDER_ZH, "路口东北角")
        await scene.settle()
        assert fresh(scene, report).state == "submitted"
        assert "路口东北角" in text_of(card_of(scene, report))

    async def test_the_same_photo_again_is_no_answer(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "问骑手")
        await tap(scene, LIN, report, "近一点的照片")
        await scene.press(RIDER_ZH, RIDER_ZH, "回答")
        scene.world.send_photos(RIDER_ZH, RIDER_ZH, [jpeg(1)])
        await scene.settle()
        assert fresh(scene, report).state == "asked"
        scene.world.say(RIDER_ZH, RIDER_ZH, "没法再近了")
        await scene.settle()
        assert fresh(scene, report).state == "submitted"

    async def test_an_english_rider_is_asked_in_english(self, scene: Scene) -> None:
        report = await reported(scene, RIDER)
        await tap(scene, LIN, report, "问骑手")
        await tap(scene, LIN, report, "还在吗")
        assert "Is the hazard still there?" in scene.said(RIDER)

    async def test_it_is_taken_back(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "问骑手")
        await tap(scene, LIN, report, "还在吗")
        await tap(scene, CHEN, report, "不等了")
        await tap(scene, CHEN, report, "★★")
        assert fresh(scene, report).state == "approved"

    async def test_without_an_answer_it_is_closed_and_an_answer_opens_it(
        self, scene: Scene
    ) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "问骑手")
        await tap(scene, LIN, report, "还在吗")
        clock.advance(timedelta(days=5))
        await scene.sweep()
        assert fresh(scene, report).state == "unanswered"
        assert "没回答" in text_of(card_of(scene, report))
        assert "随时回答" in scene.said(RIDER_ZH)
        await scene.press(RIDER_ZH, RIDER_ZH, "回答")
        scene.world.say(RIDER_ZH, RIDER_ZH, "还在")
        await scene.settle()
        assert fresh(scene, report).state == "submitted"
        assert "还在" in text_of(card_of(scene, report))
        await tap(scene, LIN, report, "★★")
        assert fresh(scene, report).state == "approved"

    async def test_a_rider_may_take_the_report_back_instead(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "问骑手")
        await tap(scene, LIN, report, "还在吗")
        await scene.press(RIDER_ZH, RIDER_ZH, "撤回")
        assert fresh(scene, report).state == "withdrawn"

    async def test_a_late_decision_reads_that_a_question_is_open(self, scene: Scene) -> None:
        report = await reported(scene)
        card = card_of(scene, report)
        await tap(scene, LIN, report, "问骑手")
        await tap(scene, LIN, report, "还在吗")
        await scene.press(CHEN, DESK, "★★", card, late=True)
        assert scene.toasts()[-1] == "正在等骑手回答。"

    async def test_a_photo_soon_after_it_is_the_answer(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "问骑手")
        await tap(scene, LIN, report, "近一点的照片")
        scene.world.send_photos(RIDER_ZH, RIDER_ZH, [jpeg(8)])
        await scene.settle()
        assert fresh(scene, report).state == "submitted"
        assert scene.said(RIDER_ZH) == f"收到，#{report.id} 继续审核。还有照片吗？"
        scene.world.say(RIDER_ZH, RIDER_ZH, "右边车道")
        await scene.settle()
        assert "右边车道" in text_of(card_of(scene, report))

    async def test_a_photo_long_after_it_begins_a_report_of_its_own(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "问骑手")
        await tap(scene, LIN, report, "还在吗")
        clock.advance(timedelta(minutes=16))
        scene.world.send_photos(RIDER_ZH, RIDER_ZH, [jpeg(8)])
        await scene.settle()
        assert fresh(scene, report).state == "asked"
        assert "在哪" in scene.said(RIDER_ZH)

    async def test_a_file_that_is_no_photo_leaves_a_closed_question_to_be_answered(
        self, scene: Scene
    ) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "问骑手")
        await tap(scene, LIN, report, "近一点的照片")
        clock.advance(timedelta(days=5))
        await scene.sweep()
        await scene.press(RIDER_ZH, RIDER_ZH, "回答")
        scene.world.send_document(RIDER_ZH, RIDER_ZH, b"%PDF", "a.pdf", "application/pdf")
        await scene.settle()
        assert "不是照片" in scene.said(RIDER_ZH)
        scene.world.send_photos(RIDER_ZH, RIDER_ZH, [jpeg(8)])
        await scene.settle()
        assert fresh(scene, report).state == "submitted"
        assert len(scene.rows(Report)) == 1

    async def test_a_photo_for_an_open_draft_stays_there(self, scene: Scene) -> None:
        report = await reported(scene)
        scene.world.send_location(RIDER_ZH, RIDER_ZH, HERE[0] + 0.01, HERE[1], accuracy=12)
        await scene.settle()
        await tap(scene, LIN, report, "问骑手")
        await tap(scene, LIN, report, "还在吗")
        scene.world.send_photos(RIDER_ZH, RIDER_ZH, [jpeg(8)])
        await scene.settle()
        assert fresh(scene, report).state == "asked"

    async def test_what_was_to_be_written_is_forgotten_with_the_next_tap(
        self, scene: Scene
    ) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "驳回")
        await tap(scene, LIN, report, "采纳 ★★")
        await tap(scene, LIN, report, "撤销")
        await reply(scene, LIN, report, "谢谢")
        assert "用来做什么" in scene.said(DESK)
        assert fresh(scene, report).state == "submitted"


class TestRejecting:
    async def test_in_own_words(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "驳回")
        await reply(scene, LIN, report, "这是 <私人> 停车场里面。")
        assert fresh(scene, report).state == "rejected"
        assert "这是 <私人> 停车场里面。" in scene.said(RIDER_ZH)
        assert "停车场" in text_of(card_of(scene, report))

    async def test_words_unasked_for_are_asked_what_for(self, scene: Scene) -> None:
        report = await reported(scene)
        await reply(scene, LIN, report, "不在我们片区")
        assert "用来做什么" in scene.said(DESK)
        chooser = scene.last(DESK)
        await scene.press(CHEN, DESK, "以此驳回", chooser)
        assert fresh(scene, report).state == "submitted"
        await scene.press(LIN, DESK, "以此驳回", chooser)
        assert fresh(scene, report).state == "rejected"
        assert "不在我们片区" in scene.said(RIDER_ZH)


class TestHold:
    async def test_needs_a_reason_and_is_taken_up_again(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "更多")
        await tap(scene, LIN, report, "暂缓")
        scene.world.send_photos(LIN, DESK, [jpeg(3)], reply_to=card_of(scene, report)["message_id"])
        await scene.settle()
        assert scene.said(DESK) == "请用文字回复。"
        await reply(scene, LIN, report, "等路政回话")
        assert fresh(scene, report).state == "held"
        assert "暂缓：等路政回话" in text_of(card_of(scene, report))
        await tap(scene, CHEN, report, "继续处理")
        assert fresh(scene, report).state == "submitted"
        assert "等路政" not in text_of(card_of(scene, report))


class TestDuplicate:
    async def two(self, scene: Scene) -> tuple[Report, Report]:
        first = await reported(scene, RIDER, picture=1)
        second = await reported(scene, RIDER_ZH, picture=2, at=NEAR)
        return first, second

    async def test_candidates_come_with_photo_distance_and_age(self, scene: Scene) -> None:
        first, second = await self.two(scene)
        clock.advance(timedelta(minutes=7))
        await tap(scene, LIN, second, "重复")
        shown = scene.last(DESK)
        assert "photo" in shown
        assert f"#{second.id} 和 #{first.id} 是同一处吗" in text_of(shown)
        assert "56 米" in text_of(shown)
        assert "7" in text_of(shown)

    async def test_merging_makes_the_rider_a_joiner(self, scene: Scene) -> None:
        first, second = await self.two(scene)
        await tap(scene, LIN, second, "重复")
        await scene.press(LIN, DESK, "合并")
        assert not any("合并" in label for label in labels_of(scene.last(DESK)))
        merged = fresh(scene, second)
        assert (merged.state, merged.duplicate_of) == ("duplicate", first.id)
        assert f"与 #{first.id} 相同" in text_of(card_of(scene, second))
        assert f"和更早的 #{first.id} 是同一处" in scene.said(RIDER_ZH)
        assert "还有 1 位骑手" in text_of(card_of(scene, first))
        await tap(scene, LIN, first, "★★")
        # Who saw it, too, gets a share.
        assert f"#{first.id} 已采纳 · +2 分（余额 2）" in scene.said(RIDER_ZH)
        assert [t.rule for t in scene.rows(LedgerTransaction)] == ["approval", "joiner"]

    async def test_undoing_a_merger_takes_the_rider_along(self, scene: Scene) -> None:
        first, second = await self.two(scene)
        await tap(scene, LIN, second, "重复")
        await scene.press(LIN, DESK, "合并")
        await tap(scene, LIN, second, "撤销")
        undone = fresh(scene, second)
        assert (undone.state, undone.duplicate_of) == ("submitted", None)
        assert scene.rows(Joiner) == []
        assert "还有 1 位骑手" not in text_of(card_of(scene, first))

    async def test_when_the_other_is_taken_back_it_is_dealt_again(self, scene: Scene) -> None:
        first, second = await self.two(scene)
        await tap(scene, LIN, second, "重复")
        await scene.press(LIN, DESK, "合并")
        before = card_of(scene, second)["message_id"]
        await scene.press(RIDER, RIDER, "Withdraw")
        assert fresh(scene, first).state == "withdrawn"
        assert (fresh(scene, second).state, fresh(scene, second).duplicate_of) == (
            "submitted",
            None,
        )
        assert card_of(scene, second)["message_id"] > before
        assert "审核后会告诉你" in scene.said(RIDER_ZH)
        assert scene.rows(Joiner) == []
        await tap(scene, CHEN, second, "★★")
        assert "+10" in scene.said(RIDER_ZH)

    async def test_by_number_in_reply(self, scene: Scene) -> None:
        first, second = await self.two(scene)
        await tap(scene, LIN, second, "重复")
        await reply(scene, LIN, second, "就是那个")
        assert "编号" in scene.said(DESK)
        await reply(scene, LIN, second, f"#{first.id + 700}")
        assert "不是待处理的上报" in scene.said(DESK)
        await reply(scene, LIN, second, f"#{first.id}")
        assert fresh(scene, second).state == "duplicate"

    async def test_none_around(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "重复")
        assert "没有别的" in scene.toasts()[-1]

    async def test_the_next_candidate_is_another_one(self, scene: Scene) -> None:
        first, second = await self.two(scene)
        third = await reported(scene, RIDER_ZH, picture=3, at=(HERE[0] + 0.001, HERE[1]))
        await tap(scene, LIN, third, "重复")
        assert f"#{second.id} 是同一处" in scene.said(DESK)
        await scene.press(LIN, DESK, "下一条")
        assert f"#{first.id} 是同一处" in scene.said(DESK)
        assert not any("下一条" in label for label in labels_of(scene.last(DESK)))


class TestCorrecting:
    async def test_the_category(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "更多")
        await tap(scene, LIN, report, "更正")
        await tap(scene, LIN, report, "类别")
        await tap(scene, LIN, report, "积水")
        assert fresh(scene, report).category == "flooding"
        assert "积水" in text_of(card_of(scene, report))
        [event] = [row for row in scene.rows(ReportEvent) if row.kind == "corrected"]
        assert event.reason == "category: guardrail → flooding"

    async def test_the_district(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "更多")
        await tap(scene, LIN, report, "更正")
        await tap(scene, LIN, report, "片区")
        card = card_of(scene, report)
        name = labels_of(card)[0]
        await tap(scene, LIN, report, name)
        assert fresh(scene, report).district != "shanyao"
        assert name in text_of(card_of(scene, report))

    @pytest.mark.parametrize("said", ["25.1190, 118.9050", "25.1190，118.9050"])
    async def test_the_pin_in_words(self, scene: Scene, said: str) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "更多")
        await tap(scene, LIN, report, "更正")
        await tap(scene, LIN, report, "位置")
        await reply(scene, LIN, report, "往北一点")
        assert "这不是位置" in scene.said(DESK)
        await reply(scene, LIN, report, said)
        assert (fresh(scene, report).latitude, fresh(scene, report).longitude) == (25.119, 118.905)

    async def test_the_pin_outside_is_refused(self, scene: Scene) -> None:
        report = await reported(scene)
        await reply(scene, LIN, report, "51.3800, -2.3600")
        assert "不在服务范围内" in scene.said(DESK)
        assert fresh(scene, report).latitude == HERE[0]


class TestUndo:
    async def test_points_come_back_by_a_reversing_entry(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "★★★")
        await tap(scene, CHEN, report, "撤销")
        assert scene.toasts()[-1] == "谁审的谁才能撤销。"
        await tap(scene, LIN, report, "撤销")
        assert fresh(scene, report).state == "submitted"
        assert "★" in " ".join(labels_of(card_of(scene, report)))
        assert sum(e.points for e in scene.rows(LedgerEntry)) == 0
        assert [t.rule for t in scene.rows(LedgerTransaction)] == ["approval", "reversal"]
        assert "审核后会告诉你" in scene.said(RIDER_ZH)
        await tap(scene, CHEN, report, "★★")
        assert "+10" in scene.said(RIDER_ZH)
        assert "余额 10" in scene.said(RIDER_ZH)
        scene.world.say(RIDER_ZH, RIDER_ZH, "/points")
        await scene.settle()
        assert "10" in scene.said(RIDER_ZH)

    async def test_only_for_ten_minutes(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "★★★")
        clock.advance(timedelta(minutes=10, seconds=1))
        await tap(scene, LIN, report, "撤销")
        assert scene.toasts()[-1] == "10 分钟内才能撤销。"
        assert fresh(scene, report).state == "approved"


class TestAppeal:
    async def rejected(self, scene: Scene) -> Report:
        report = await reported(scene)
        await tap(scene, LIN, report, "驳回")
        await tap(scene, LIN, report, "不是隐患")
        return report

    async def test_another_reviewer_decides_once(self, scene: Scene) -> None:
        report = await self.rejected(scene)
        before = card_of(scene, report)["message_id"]
        await scene.press(RIDER_ZH, RIDER_ZH, "申诉")
        scene.world.say(RIDER_ZH, RIDER_ZH, "护栏真的断了，晚上看不见")
        await scene.settle()
        card = card_of(scene, report)
        assert card["message_id"] > before
        assert "骑手申诉：“护栏真的断了，晚上看不见”" in text_of(card)
        await tap(scene, LIN, report, "★★")
        assert "同事来定" in scene.toasts()[-1]
        await tap(scene, CHEN, report, "★★")
        assert fresh(scene, report).state == "approved"

    async def test_a_second_rejection_is_the_last_word(self, scene: Scene) -> None:
        report = await self.rejected(scene)
        receipt = scene.last(RIDER_ZH)
        await scene.press(RIDER_ZH, RIDER_ZH, "申诉")
        scene.world.say(RIDER_ZH, RIDER_ZH, "请再看看")
        await scene.settle()
        await tap(scene, CHEN, report, "驳回")
        await tap(scene, CHEN, report, "不是隐患")
        assert fresh(scene, report).state == "rejected"
        await scene.press(RIDER_ZH, RIDER_ZH, "申诉", receipt, late=True)
        assert scene.toasts()[-1] == "每条上报只能申诉一次。"

    async def test_a_photo_does_not_end_it(self, scene: Scene) -> None:
        report = await self.rejected(scene)
        await scene.press(RIDER_ZH, RIDER_ZH, "申诉")
        scene.world.send_photos(RIDER_ZH, RIDER_ZH, [jpeg(8)])
        await scene.settle()
        assert "只收文字" in scene.said(RIDER_ZH)
        scene.world.send_voice(RIDER_ZH, RIDER_ZH, b"OggS", 3)
        await scene.settle()
        assert "只收文字" in scene.said(RIDER_ZH)
        scene.world.say(RIDER_ZH, RIDER_ZH, "请再看看")
        await scene.settle()
        assert fresh(scene, report).state == "appealed"

    async def test_not_for_ever(self, scene: Scene) -> None:
        await self.rejected(scene)
        clock.advance(timedelta(days=14, seconds=1))
        await scene.press(RIDER_ZH, RIDER_ZH, "申诉")
        assert scene.toasts()[-1] == "14 天内才能申诉。"

    async def test_nobody_elses(self, scene: Scene) -> None:
        report = await self.rejected(scene)
        scene.world.say(RESIDENT, RESIDENT, "/start")
        await scene.settle()
        message = scene.last(RESIDENT)["message_id"]
        data = next(data for data, label in buttons_of(scene.last(RIDER_ZH)) if label == "申诉")
        scene.world.press(RESIDENT, RESIDENT, message, data, forge=True)
        await scene.settle()
        assert fresh(scene, report).state == "rejected"


class TestSecondEyes:
    async def test_a_small_desk_decides_with_one_tap(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "★★★")
        assert fresh(scene, report).state == "approved"

    async def test_two_agree(self, scene: Scene) -> None:
        await meet_third_colleague(scene)
        await self.all_have_pressed(scene)
        report = await reported(scene, RIDER)
        await tap(scene, LIN, report, "★★")
        assert fresh(scene, report).state == "second"
        text = text_of(card_of(scene, report))
        assert "还差一位" in text
        # The second reviewer does not see what the first one thinks.
        assert "+10" not in text
        assert "林" not in text
        assert "approved" not in scene.said(RIDER)
        await tap(scene, LIN, report, "★★")
        assert "你已经投过票" in scene.toasts()[-1]
        await tap(scene, CHEN, report, "★★")
        assert fresh(scene, report).decided_by_name == "林 + 陈"
        assert "+10" in scene.said(RIDER)

    async def test_two_differ_and_a_chief_decides(self, scene: Scene) -> None:
        await meet_third_colleague(scene)
        await self.all_have_pressed(scene)
        report = await reported(scene, RIDER)
        await tap(scene, LIN, report, "★★")
        await tap(scene, CHEN, report, "驳回")
        await tap(scene, CHEN, report, "不是隐患")
        assert fresh(scene, report).state == "disputed"
        assert scene.rows(LedgerEntry) == []
        await tap(scene, NEW_COLLEAGUE, report, "★★")
        assert "组长" in scene.toasts()[-1]
        await make_chief(scene, NEW_COLLEAGUE)
        await tap(scene, NEW_COLLEAGUE, report, "★")
        assert fresh(scene, report).state == "approved"

    async def test_a_vote_is_undone(self, scene: Scene) -> None:
        await meet_third_colleague(scene)
        await self.all_have_pressed(scene)
        report = await reported(scene, RIDER)
        await tap(scene, LIN, report, "★★")
        await tap(scene, CHEN, report, "撤回我的票")
        assert scene.toasts()[-1] == "谁审的谁才能撤销。"
        await tap(scene, LIN, report, "撤回我的票")
        assert fresh(scene, report).state == "submitted"
        assert [vote for vote in scene.rows(Vote) if vote.report_id == report.id] == []

    async def all_have_pressed(self, scene: Scene) -> None:
        """Those who were there from the start are known once they do something."""
        report = await reported(scene, RIDER_ZH, picture=9, at=(25.119, 118.9042))
        for colleague in (LIN, CHEN):
            await tap(scene, colleague, report, "我来看")
            await tap(scene, colleague, report, "交还")
        await scene.press(RIDER_ZH, RIDER_ZH, "撤回")


class TestReplies:
    async def test_to_something_else_of_ours(self, scene: Scene) -> None:
        report = await reported(scene)
        await reply(scene, LIN, report, "这个")
        scene.world.say(LIN, DESK, "嗯", reply_to=scene.last(DESK)["message_id"])
        await scene.settle()
        assert "请回复对应上报的卡片" in scene.said(DESK)

    async def test_among_colleagues_are_theirs(self, scene: Scene) -> None:
        await reported(scene)
        said = scene.world.say(LIN, DESK, "中午吃什么")
        scene.world.say(CHEN, DESK, "面", reply_to=said["message_id"])
        before = len(scene.from_bot(DESK))
        await scene.settle()
        assert len(scene.from_bot(DESK)) == before

    async def test_to_what_is_decided(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "★★")
        await reply(scene, CHEN, report, "再看看")
        assert "采纳" in scene.said(DESK)


class TestRider:
    async def menu(self, scene: Scene, who: int, report: Report, label: str) -> None:
        await tap(scene, who, report, "更多")
        await tap(scene, who, report, "骑手")
        await tap(scene, who, report, label)

    async def test_a_warning_in_the_reviewers_words(self, scene: Scene) -> None:
        report = await reported(scene)
        await self.menu(scene, LIN, report, "警告")
        await reply(scene, LIN, report, "请不要边骑边拍")
        assert "请不要边骑边拍" in scene.said(RIDER_ZH)
        assert "林" not in scene.said(RIDER_ZH)
        assert scene.said(DESK) == "已警告骑手。"
        assert "★" in " ".join(labels_of(card_of(scene, report)))

    async def test_no_ban_without_warnings(self, scene: Scene) -> None:
        report = await reported(scene)
        await self.menu(scene, LIN, report, "禁报 7 天")
        assert "警告" in scene.toasts()[-1]
        await reply(scene, LIN, report, "乱报")
        assert [person.banned_until for person in scene.rows(Person) if person.banned_until] == []

    async def test_a_chief_bans_and_lifts(self, scene: Scene) -> None:
        await make_chief(scene, LIN)
        report = await reported(scene)
        await self.menu(scene, LIN, report, "禁报 7 天")
        await reply(scene, LIN, report, "多次虚假上报")
        assert "多次虚假上报" in scene.said(RIDER_ZH)
        scene.world.send_photos(RIDER_ZH, RIDER_ZH, [jpeg(4)])
        await scene.settle()
        assert "12 月 1 日" in scene.said(RIDER_ZH)
        await self.menu(scene, CHEN, report, "解除禁报")
        assert "组长" in scene.toasts()[-1]
        await tap(scene, CHEN, report, "返回")
        await self.menu(scene, LIN, report, "解除禁报")
        assert "可以" in scene.said(RIDER_ZH)


class TestEveryWayBack:
    """From each state in which a desk decides: what it may decide, and that it can be undone."""

    async def into(self, scene: Scene, state: str) -> Report:
        """A report in a state, by the buttons that lead there."""
        await meet_third_colleague(scene)
        await make_chief(scene, NEW_COLLEAGUE)
        await TestSecondEyes().all_have_pressed(scene)
        await reported(scene, RIDER, picture=20)
        report = await reported(scene, RIDER_ZH, picture=21, at=NEAR)
        if state in ("second", "disputed"):
            await tap(scene, LIN, report, "★★")
        if state == "disputed":
            await tap(scene, CHEN, report, "★★★")
        if state == "held":
            await tap(scene, LIN, report, "更多")
            await tap(scene, LIN, report, "暂缓")
            await reply(scene, LIN, report, "等路政")
        if state == "appealed":
            for colleague in (LIN, CHEN):
                await tap(scene, colleague, report, "驳回")
                await tap(scene, colleague, report, "不是隐患")
            await scene.press(RIDER_ZH, RIDER_ZH, "申诉")
            scene.world.say(RIDER_ZH, RIDER_ZH, "请再看看")
            await scene.settle()
        assert fresh(scene, report).state == state
        return report

    @pytest.mark.parametrize("state", ["second", "disputed", "appealed"])
    @pytest.mark.parametrize("verdict", ["approved", "rejected"])
    async def test_decided_and_undone(self, scene: Scene, state: str, verdict: str) -> None:
        report = await self.into(scene, state)
        who = CHEN if state == "second" else NEW_COLLEAGUE
        if verdict == "approved":
            await tap(scene, who, report, "★★")
        else:
            if state == "second":
                # Both have to say so.
                await tap(scene, LIN, report, "撤回我的票")
                await tap(scene, LIN, report, "驳回")
                await tap(scene, LIN, report, "看不清")
            await tap(scene, who, report, "驳回")
            await tap(scene, who, report, "看不清")
        assert fresh(scene, report).state == verdict
        await tap(scene, who, report, "撤销")
        assert fresh(scene, report).state == state
        assert sum(entry.points for entry in scene.rows(LedgerEntry)) == 0

    @pytest.mark.parametrize("state", ["second", "disputed", "held", "appealed"])
    async def test_merged_and_undone(self, scene: Scene, state: str) -> None:
        report = await self.into(scene, state)
        await tap(scene, NEW_COLLEAGUE, report, "重复")
        await scene.press(NEW_COLLEAGUE, DESK, "合并")
        assert fresh(scene, report).state == "duplicate"
        await tap(scene, NEW_COLLEAGUE, report, "撤销")
        assert fresh(scene, report).state == state

    @pytest.mark.parametrize("state", ["second", "disputed", "held"])
    async def test_withdrawn(self, scene: Scene, state: str) -> None:
        report = await self.into(scene, state)
        await scene.press(RIDER_ZH, RIDER_ZH, "撤回")
        assert fresh(scene, report).state == "withdrawn"

    async def test_who_differed_cannot_take_it_back_and_look(self, scene: Scene) -> None:
        report = await self.into(scene, "second")
        card = card_of(scene, report)
        await tap(scene, CHEN, report, "★★★")
        assert "撤回我的票" not in labels_of(card_of(scene, report))
        await scene.press(CHEN, DESK, "撤回我的票", card, late=True)
        assert scene.toasts()[-1] == "两位审核意见不同，由组长决定。"
        assert fresh(scene, report).state == "disputed"

    async def test_a_rejection_undone(self, scene: Scene) -> None:
        report = await reported(scene)
        await tap(scene, LIN, report, "驳回")
        await tap(scene, LIN, report, "看不清")
        await tap(scene, LIN, report, "撤销")
        assert fresh(scene, report).state == "submitted"
        assert "审核后会告诉你" in scene.said(RIDER_ZH)

    async def test_an_appealed_duplicate_goes_back_to_its_appeal(self, scene: Scene) -> None:
        report = await self.into(scene, "appealed")
        await tap(scene, NEW_COLLEAGUE, report, "重复")
        await scene.press(NEW_COLLEAGUE, DESK, "合并")
        await scene.press(RIDER, RIDER, "Withdraw")
        assert fresh(scene, report).state == "appealed"
