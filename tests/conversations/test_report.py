"""handlers/report.py: photo, place and category in any order; three touches; nothing lost."""

from datetime import timedelta

import pytest

from models import Draft, Joiner, Photo, Report, ReportEvent, ReportPhoto, clock
from tests.conversations.people import DESK, LIN, RIDER, RIDER_ZH
from tests.conversations.scene import FAR_AWAY, HERE, Scene, buttons_of, text_of
from tests.pictures import jpeg, jpeg_with_gps


async def photo(scene: Scene, who: int = RIDER, caption: str | None = None, seed: int = 1) -> None:
    scene.world.send_photos(who, who, [jpeg(seed)], caption=caption)
    await scene.settle()


async def place(
    scene: Scene, who: int = RIDER, at: tuple[float, float] = HERE, accuracy: float | None = 12
) -> None:
    scene.world.send_location(who, who, *at, accuracy=accuracy)
    await scene.settle()


async def words(scene: Scene, text: str, who: int = RIDER) -> None:
    scene.world.say(who, who, text)
    await scene.settle()


class TestThreeTouches:
    async def test_photo_place_category_submits_at_once(self, scene: Scene) -> None:
        await photo(scene)
        assert "Where is it?" in scene.said(RIDER)
        keyboard = scene.last(RIDER)["reply_markup"]["keyboard"]
        assert keyboard[0][0]["request_location"] is True
        await place(scene)
        assert "What kind?" in scene.said(RIDER)
        await scene.press(RIDER, RIDER, "guardrail")
        [report] = scene.rows(Report)
        assert f"#{report.id}" in scene.said(RIDER)
        assert [label for _, label in buttons_of(scene.last(RIDER))] == [
            "Add note",
            "Add photo",
            "Withdraw",
        ]
        assert (report.category, report.district, report.accuracy_m) == ("guardrail", "shanyao", 12)
        assert scene.rows(Draft) == []

    async def test_each_answer_is_one_message(self, scene: Scene) -> None:
        await photo(scene)
        await place(scene)
        await scene.press(RIDER, RIDER, "guardrail")
        assert len(scene.from_bot(RIDER)) == 3

    @pytest.mark.parametrize("order", ["place first", "command first"])
    async def test_any_order(self, scene: Scene, order: str) -> None:
        if order == "command first":
            await words(scene, "/report")
            assert "photo" in scene.said(RIDER).lower()
        await place(scene)
        assert "photo" in scene.said(RIDER).lower()
        await photo(scene)
        assert "What kind?" in scene.said(RIDER)
        await scene.press(RIDER, RIDER, "pothole")
        assert len(scene.rows(Report)) == 1

    async def test_chinese_rider_reads_chinese(self, scene: Scene) -> None:
        await photo(scene, RIDER_ZH)
        assert "在哪" in scene.said(RIDER_ZH)
        await place(scene, RIDER_ZH)
        await scene.press(RIDER_ZH, RIDER_ZH, "护栏")
        assert "护栏" in scene.said(RIDER_ZH)
        assert "山腰" in scene.said(RIDER_ZH)

    async def test_category_by_name_typed(self, scene: Scene) -> None:
        await photo(scene)
        await place(scene)
        await words(scene, "Pothole")
        assert scene.rows(Report)[0].category == "pothole"

    async def test_every_category_is_one_tap_away(self, scene: Scene) -> None:
        await photo(scene)
        await place(scene)
        assert len(buttons_of(scene.last(RIDER))) == 4
        await scene.press(RIDER, RIDER, "More")
        assert len(buttons_of(scene.last(RIDER))) == len(scene.settings.categories)
        await scene.press(RIDER, RIDER, "uncivil conduct")
        assert scene.rows(Report)[0].category == "conduct"

    async def test_caption_is_the_note_and_sorts_the_keyboard(self, scene: Scene) -> None:
        await photo(scene, caption="the manhole cover is gone")
        await place(scene)
        assert "manhole" in buttons_of(scene.last(RIDER))[0][1]
        await scene.press(RIDER, RIDER, "manhole")
        assert scene.rows(Report)[0].note == "the manhole cover is gone"

    async def test_history_of_the_place_sorts_the_keyboard(self, scene: Scene) -> None:
        await photo(scene, RIDER_ZH)
        await place(scene, RIDER_ZH)
        await scene.press(RIDER_ZH, RIDER_ZH, "更多")
        await scene.press(RIDER_ZH, RIDER_ZH, "积水")
        await photo(scene, seed=2)
        await place(scene)
        assert "flooding" in buttons_of(scene.last(RIDER))[0][1]


class TestPhotos:
    async def test_album_joins_one_draft_and_gets_one_answer(self, scene: Scene) -> None:
        scene.world.send_photos(RIDER, RIDER, [jpeg(n) for n in range(3)], caption="broken rail")
        await scene.settle()
        assert len(scene.from_bot(RIDER)) == 1
        await place(scene)
        await scene.press(RIDER, RIDER, "guardrail")
        assert len(scene.rows(ReportPhoto)) == 3
        assert scene.rows(Report)[0].note == "broken rail"

    async def test_album_as_the_third_touch_is_one_report(self, scene: Scene) -> None:
        await place(scene)
        draft = scene.rows(Draft)[0]
        scene.world.press(
            RIDER, RIDER, scene.last(RIDER)["message_id"], f"d:cat:{draft.id}:guardrail", forge=True
        )
        await scene.settle()
        scene.world.send_photos(RIDER, RIDER, [jpeg(n) for n in range(4)])
        await scene.settle()
        assert len(scene.rows(Report)) == 1
        assert len(scene.rows(ReportPhoto)) == 4
        assert scene.rows(Draft) == []

    async def test_the_same_photo_counts_once(self, scene: Scene) -> None:
        await photo(scene)
        await photo(scene)
        assert "already" in scene.said(RIDER)
        assert len(scene.rows(Photo)) == 1

    async def test_more_than_fits_stays_out(self, scene: Scene) -> None:
        scene.world.send_photos(RIDER, RIDER, [jpeg(n) for n in range(7)])
        await scene.settle()
        await place(scene)
        await scene.press(RIDER, RIDER, "guardrail")
        assert len(scene.rows(ReportPhoto)) == 5

    async def test_bytes_are_fetched_and_kept(self, scene: Scene) -> None:
        await photo(scene)
        [row] = scene.rows(Photo)
        assert row.state == "stored"
        assert scene.store.preview(row.sha256)
        assert row.dhash is not None

    async def test_file_offers_its_place(self, scene: Scene) -> None:
        scene.world.send_document(RIDER, RIDER, jpeg_with_gps(*HERE), "IMG_1.jpg", "image/jpeg")
        await scene.settle()
        assert "Shanyao" in scene.said(RIDER)
        await scene.press(RIDER, RIDER, "Use it")
        await scene.press(RIDER, RIDER, "guardrail")
        [report] = scene.rows(Report)
        assert report.place_source == "file"
        assert abs(report.latitude - HERE[0]) < 1e-4

    @pytest.mark.parametrize(
        ("at", "says"), [(FAR_AWAY, "outside our area"), ((0.0, 0.0), "makes no sense")]
    )
    async def test_useless_place_in_a_file_is_said(
        self, scene: Scene, at: tuple[float, float], says: str
    ) -> None:
        scene.world.send_document(RIDER, RIDER, jpeg_with_gps(*at), "IMG_1.jpg", "image/jpeg")
        await scene.settle()
        assert says in scene.said(RIDER)
        assert scene.rows(Draft)[0].latitude is None

    @pytest.mark.parametrize(
        ("data", "name", "mime", "says"),
        [
            (b"hello, this is text", "photo.jpg", "image/jpeg", "cannot be opened"),
            (jpeg(1)[:900], "cut.jpg", "image/jpeg", "cannot be opened"),
            (b"%PDF-1.7", "menu.pdf", "application/pdf", "Only photos"),
        ],
    )
    async def test_a_file_that_is_no_picture_gets_a_sentence(
        self, scene: Scene, data: bytes, name: str, mime: str, says: str
    ) -> None:
        scene.world.send_document(RIDER, RIDER, data, name, mime)
        await scene.settle()
        assert says in scene.said(RIDER)
        await photo(scene)
        assert "Where is it?" in scene.said(RIDER)

    async def test_too_large_a_file_gets_a_sentence(self, scene: Scene) -> None:
        scene.world.send_document(
            RIDER, RIDER, b"\xff\xd8" + bytes(21 << 20), "a.jpg", "image/jpeg"
        )
        await scene.settle()
        assert "too large" in scene.said(RIDER)


class TestPlace:
    async def test_vague_place_asks_to_confirm(self, scene: Scene) -> None:
        await photo(scene)
        await place(scene, accuracy=350)
        assert "350 m" in scene.said(RIDER)
        await scene.press(RIDER, RIDER, "Yes, here")
        assert "What kind?" in scene.said(RIDER)

    async def test_a_better_place_replaces_a_vague_one(self, scene: Scene) -> None:
        await photo(scene)
        await place(scene, accuracy=350)
        await place(scene, accuracy=8)
        assert "What kind?" in scene.said(RIDER)
        assert scene.rows(Draft)[0].accuracy_m == 8

    @pytest.mark.parametrize("at", [FAR_AWAY, (90.0, 0.0), (-90.0, 180.0)])
    async def test_outside_names_the_nearest_and_keeps_the_draft(
        self, scene: Scene, at: tuple[float, float]
    ) -> None:
        await photo(scene)
        await place(scene, at=at)
        assert "outside our area" in scene.said(RIDER)
        assert "draft is kept" in scene.said(RIDER)
        await place(scene)
        assert "What kind?" in scene.said(RIDER)

    async def test_outside_without_a_draft_makes_none(self, scene: Scene) -> None:
        await place(scene, at=FAR_AWAY)
        assert "outside our area" in scene.said(RIDER)
        assert scene.rows(Draft) == []

    async def test_live_location_is_followed(self, scene: Scene) -> None:
        await photo(scene)
        message = scene.world.send_location(RIDER, RIDER, *HERE, accuracy=10, live_period=900)
        await scene.settle()
        before = len(scene.from_bot(RIDER))
        scene.world.move_live(RIDER, RIDER, message["message_id"], HERE[0] + 0.001, HERE[1])
        await scene.settle()
        assert len(scene.from_bot(RIDER)) == before
        [draft] = scene.rows(Draft)
        assert draft.latitude == pytest.approx(HERE[0] + 0.001)
        assert draft.place_source == "live"

    async def test_venue(self, scene: Scene) -> None:
        await photo(scene)
        scene.world.send_venue(RIDER, RIDER, *HERE, "Market", "Yongjia Rd")
        await scene.settle()
        assert "What kind?" in scene.said(RIDER)
        assert scene.rows(Draft)[0].place_source == "venue"


class TestNearby:
    async def first_report(self, scene: Scene) -> Report:
        await photo(scene, RIDER_ZH)
        await place(scene, RIDER_ZH)
        await scene.press(RIDER_ZH, RIDER_ZH, "护栏")
        return scene.rows(Report)[0]

    async def second_rider_comes(self, scene: Scene) -> None:
        await photo(scene, seed=2)
        await place(scene, at=(HERE[0] + 0.0001, HERE[1]))
        await scene.press(RIDER, RIDER, "guardrail")

    async def test_same_one_joins(self, scene: Scene) -> None:
        report = await self.first_report(scene)
        await self.second_rider_comes(scene)
        question = scene.last(RIDER)
        assert "photo" in question
        assert f"#{report.id}" in text_of(question)
        await scene.press(RIDER, RIDER, "Same one")
        assert len(scene.rows(Report)) == 1
        assert [joiner.person_id for joiner in scene.rows(Joiner)] == [RIDER]
        assert f"#{report.id}" in scene.said(RIDER)
        assert scene.rows(Draft) == []

    async def test_different_makes_a_second_report(self, scene: Scene) -> None:
        await self.first_report(scene)
        await self.second_rider_comes(scene)
        await scene.press(RIDER, RIDER, "Different")
        assert len(scene.rows(Report)) == 2
        assert scene.rows(Joiner) == []

    async def test_other_category_is_no_question(self, scene: Scene) -> None:
        await self.first_report(scene)
        await photo(scene, seed=2)
        await place(scene)
        await scene.press(RIDER, RIDER, "pothole")
        assert len(scene.rows(Report)) == 2

    async def test_decided_in_the_meantime_goes_its_own_way(self, scene: Scene) -> None:
        await self.first_report(scene)
        await self.second_rider_comes(scene)
        question = scene.last(RIDER)
        await scene.press(RIDER_ZH, RIDER_ZH, "撤回")
        await scene.press(RIDER, RIDER, "Same one", question)
        assert len(scene.rows(Report)) == 2

    async def test_joiner_hears_of_the_decision(self, scene: Scene) -> None:
        await self.first_report(scene)
        await self.second_rider_comes(scene)
        await scene.press(RIDER, RIDER, "Same one")
        await scene.press(LIN, DESK, "★★", scene.from_bot(DESK)[0])
        assert "approved" in scene.said(RIDER).lower()


class TestOtherThings:
    @pytest.mark.parametrize("step", [0, 1, 2])
    async def test_words_are_kept_as_a_note(self, scene: Scene, step: int) -> None:
        await words(scene, "/report")
        if step > 0:
            await photo(scene)
        if step > 1:
            await place(scene)
        await words(scene, "at night you can't see it")
        assert "Note saved" in scene.said(RIDER)
        assert scene.rows(Draft)[0].note == "at night you can't see it"

    async def test_a_huge_text_is_cut_and_said_so(self, scene: Scene) -> None:
        await photo(scene)
        await words(scene, "x" * 4096)
        assert "1,000" in scene.said(RIDER)
        assert len(scene.rows(Draft)[0].note) == 1000

    async def test_voice_is_kept_for_the_reviewer(self, scene: Scene) -> None:
        await photo(scene)
        scene.world.send_voice(RIDER, RIDER, b"OggS voice")
        await scene.settle()
        assert "Voice note" in scene.said(RIDER)
        await place(scene)
        await scene.press(RIDER, RIDER, "guardrail")
        assert any("voice" in message for message in scene.from_bot(DESK))

    async def test_video_and_sticker_lose_nothing(self, scene: Scene) -> None:
        await photo(scene)
        scene.world.send_video(RIDER, RIDER, b"video")
        await scene.settle()
        assert "Photos only" in scene.said(RIDER)
        assert "Where is it?" in scene.said(RIDER)
        scene.world.send_sticker(RIDER, RIDER)
        await scene.settle()
        assert "Where is it?" in scene.said(RIDER)
        assert len(scene.rows(Draft)) == 1

    async def test_editing_the_caption_edits_the_note(self, scene: Scene) -> None:
        message = scene.world.send_photos(RIDER, RIDER, [jpeg(1)], caption="wrnog")[0]
        await scene.settle()
        scene.world.edit(RIDER, RIDER, message["message_id"], caption="wrong way round")
        await scene.settle()
        assert scene.rows(Draft)[0].note == "wrong way round"

    async def test_commands_in_the_middle(self, scene: Scene) -> None:
        await photo(scene)
        for command in ("/help", "/points", "/myreports", "/start", "/language"):
            await words(scene, command)
        await place(scene)
        await scene.press(RIDER, RIDER, "guardrail")
        assert len(scene.rows(Report)) == 1

    async def test_cancel_throws_away(self, scene: Scene) -> None:
        await photo(scene)
        await words(scene, "/cancel")
        assert scene.rows(Draft) == []
        await place(scene)
        assert "photo" in scene.said(RIDER).lower()

    async def test_a_button_of_an_old_draft_shows_the_current_question(self, scene: Scene) -> None:
        await photo(scene)
        await place(scene)
        old = scene.last(RIDER)
        await words(scene, "/cancel")
        await photo(scene, seed=2)
        await scene.press(RIDER, RIDER, "guardrail", old)
        assert "out of date" in scene.toasts()[-1]
        assert scene.rows(Report) == []

    async def test_a_button_pressed_twice_makes_one_report(self, scene: Scene) -> None:
        await photo(scene)
        await place(scene)
        keyboard = scene.last(RIDER)
        data = buttons_of(keyboard)[0][0]
        scene.world.press(RIDER, RIDER, keyboard["message_id"], data)
        scene.world.press(RIDER, RIDER, keyboard["message_id"], data)
        await scene.settle()
        assert len(scene.rows(Report)) == 1

    @pytest.mark.parametrize(
        "data",
        [
            "",
            "d",
            "d:cat:",
            "d:cat:zzzzzzzzzzzzz:guardrail",
            "d:cat:1:nope",
            "d:gps:1:nan,nan",
            "d:addr:1:1,2,3",
            "v:a1:1",
            "v:a9:1",
            "o:undo:1",
            "o:note:999",
            "m:page:zzzzz",
            "m:show:1",
            "l:set:0:xx",
            "x" * 64,
            "💥",
            "d:cat:1:guardrail'; DROP TABLE report",
        ],
    )
    async def test_forged_buttons_do_nothing(self, scene: Scene, data: str) -> None:
        await photo(scene)
        scene.world.press(RIDER, RIDER, scene.last(RIDER)["message_id"], data, forge=True)
        await scene.settle()
        assert scene.rows(Report) == []
        assert len(scene.rows(Draft)) == 1
        assert all(outcome in ("applied", "duplicate") for outcome in scene.outcomes)


class TestLimit:
    async def test_one_too_many_keeps_the_draft_until_tomorrow(self, scene: Scene) -> None:
        limit = scene.settings.limits.reports_per_day
        for number in range(limit):
            await photo(scene, seed=number)
            await place(scene, at=(HERE[0] + 0.001 * (number % 5), HERE[1] + 0.001 * (number // 5)))
            await scene.press(RIDER, RIDER, "guardrail")
        await photo(scene, seed=99)
        await place(scene)
        await scene.press(RIDER, RIDER, "pothole")
        assert "00:00" in scene.said(RIDER)
        assert len(scene.rows(Report)) == limit
        clock.advance(timedelta(days=1))
        await scene.press(RIDER, RIDER, "Report it")
        assert len(scene.rows(Report)) == limit + 1


class TestDraftsLeftLying:
    async def test_one_reminder_then_gone(self, scene: Scene) -> None:
        await photo(scene)
        count = len(scene.from_bot(RIDER))
        clock.advance(timedelta(minutes=31))
        await scene.sweep()
        await scene.sweep()
        assert len(scene.from_bot(RIDER)) == count + 1
        assert "Where is it?" in scene.said(RIDER)
        clock.advance(timedelta(hours=24))
        await scene.sweep()
        assert scene.rows(Draft) == []
        await place(scene)
        assert "photo" in scene.said(RIDER).lower()


async def test_every_change_is_an_event(scene: Scene) -> None:
    await photo(scene)
    await place(scene)
    await scene.press(RIDER, RIDER, "guardrail")
    await scene.press(RIDER, RIDER, "Withdraw")
    assert [(e.kind, e.from_state, e.to_state) for e in scene.rows(ReportEvent)] == [
        ("submitted", None, "submitted"),
        ("withdrawn", "submitted", "withdrawn"),
    ]
