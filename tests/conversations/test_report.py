"""handlers/report.py: photo, place and category in any order; three touches; nothing lost."""

from datetime import timedelta

import pytest

from bot.intake import Outcome
from handlers.callbacks import base36
from handlers.context import Turn
from handlers.conversation import REPORT
from models import Draft, Joiner, Photo, Report, ReportEvent, ReportPhoto, clock
from services import conversations
from tests.conversations.people import DESK, LIN, RESIDENT, RIDER, RIDER_ZH
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


async def forged(scene: Scene, data: str, who: int = RIDER) -> None:
    scene.world.press(who, who, scene.last(who)["message_id"], data, forge=True)
    await scene.settle()


async def all_but_the_photo(scene: Scene) -> None:
    await place(scene)
    await forged(scene, f"d:cat:{base36(scene.rows(Draft)[0].id)}:guardrail")


async def album(
    scene: Scene, count: int, *, caption_on: int | None = None, caption: str = ""
) -> None:
    """Send an album; Telegram lets any of its photos carry the caption."""
    scene.world.send_photos(RIDER, RIDER, [jpeg(number) for number in range(count)])
    updates = scene.pending()
    if caption_on is not None:
        updates[caption_on]["message"]["caption"] = caption
    for update in updates:
        scene.outcomes.append(await scene.intake.apply(update))
        scene.call("getUpdates", offset=update["update_id"] + 1, limit=1, timeout=0)
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

    async def test_asking_for_all_kinds_before_there_is_a_place_breaks_nothing(
        self, scene: Scene
    ) -> None:
        await photo(scene)
        draft = scene.rows(Draft)[0]
        await forged(scene, f"d:more:{base36(draft.id)}")
        assert scene.outcomes[-1] is Outcome.APPLIED
        await place(scene)
        await scene.press(RIDER, RIDER, "guardrail")
        assert scene.rows(Report)[0].category == "guardrail"

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
        await all_but_the_photo(scene)
        await album(scene, 4)
        assert len(scene.rows(Report)) == 1
        assert len(scene.rows(ReportPhoto)) == 4
        assert scene.rows(Draft) == []
        # The card with the first photo, then the others, each as it came.
        shown = [message for message in scene.from_bot(DESK) if "photo" in message]
        assert len({message["photo"][-1]["file_unique_id"] for message in shown}) == 4
        assert [bool(buttons_of(message)) for message in shown] == [True, False, False, False]
        assert not [said for said in scene.from_bot(RIDER)[2:] if "#" not in text_of(said)]

    async def test_words_on_a_late_part_of_an_album_reach_the_card(self, scene: Scene) -> None:
        await all_but_the_photo(scene)
        await album(scene, 3, caption_on=1, caption="both sides")
        [report] = scene.rows(Report)
        assert report.note == "both sides"
        card = scene.from_bot(DESK)[0]
        assert "both sides" in text_of(card)
        assert card["photo"]
        assert scene.rows(Draft) == []

    @pytest.mark.parametrize("third_touch", [True, False])
    async def test_parts_that_find_no_room_are_told_of_once(
        self, scene: Scene, third_touch: bool
    ) -> None:
        if third_touch:
            await all_but_the_photo(scene)
        await album(scene, 8)
        told = [text_of(said) for said in scene.from_bot(RIDER)]
        assert sum("takes 5 photos" in text for text in told) == 1
        assert scene.rows(Draft) == [] if third_touch else len(told) == 2

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

    async def test_only_a_place_that_a_photo_carries_is_taken_as_its(self, scene: Scene) -> None:
        await photo(scene)
        await forged(scene, f"d:gps:{base36(scene.rows(Draft)[0].id)}:{HERE[0]:.5f},{HERE[1]:.5f}")
        assert scene.rows(Draft)[0].latitude is None
        assert "Where is it?" in scene.said(RIDER)

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

    async def live(self, scene: Scene, accuracy: float) -> int:
        await photo(scene)
        message = scene.world.send_location(RIDER, RIDER, *HERE, accuracy=accuracy, live_period=900)
        await scene.settle()
        return int(message["message_id"])

    async def moved(self, scene: Scene, message: int, accuracy: float) -> Draft:
        scene.world.move_live(RIDER, RIDER, message, HERE[0] + 0.001, HERE[1], accuracy=accuracy)
        await scene.settle()
        draft: Draft = scene.rows(Draft)[0]
        return draft

    async def test_live_location_is_followed_until_it_is_exact(self, scene: Scene) -> None:
        message = await self.live(scene, 400)
        before = len(scene.from_bot(RIDER))
        draft = await self.moved(scene, message, 350)
        assert draft.latitude == pytest.approx(HERE[0] + 0.001)
        assert draft.place_source == "live"
        assert len(scene.from_bot(RIDER)) == before
        await self.moved(scene, message, 10)
        assert "What kind?" in scene.said(RIDER)
        await scene.press(RIDER, RIDER, "guardrail")
        assert len(scene.rows(Report)) == 1

    async def test_riding_on_does_not_drag_the_place_along(self, scene: Scene) -> None:
        message = await self.live(scene, 10)
        draft = await self.moved(scene, message, 10)
        assert draft.latitude == pytest.approx(HERE[0])

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

    async def test_same_one_is_the_one_that_was_shown(self, scene: Scene) -> None:
        shown = await self.first_report(scene)
        await self.second_rider_comes(scene)
        question = scene.last(RIDER)
        # Another one turns up, nearer than the one shown.
        await photo(scene, RESIDENT, seed=3)
        await place(scene, RESIDENT, at=(HERE[0] + 0.0001, HERE[1]))
        await scene.press(RESIDENT, RESIDENT, "护栏")
        await scene.press(RESIDENT, RESIDENT, "不是这个")
        await scene.press(RIDER, RIDER, "Same one", question)
        assert [(row.report_id, row.person_id) for row in scene.rows(Joiner)] == [(shown.id, RIDER)]

    async def test_another_one_near_is_asked_about_anew(self, scene: Scene) -> None:
        shown = await self.first_report(scene)
        receipt = scene.last(RIDER_ZH)
        await self.second_rider_comes(scene)
        question = scene.last(RIDER)
        await photo(scene, RESIDENT, seed=3)
        await place(scene, RESIDENT)
        await scene.press(RESIDENT, RESIDENT, "护栏")
        await scene.press(RESIDENT, RESIDENT, "不是这个")
        await scene.press(RIDER_ZH, RIDER_ZH, "撤回", receipt)
        await scene.press(RIDER, RIDER, "Same one", question)
        assert scene.rows(Joiner) == []
        assert f"#{shown.id + 1}" in scene.said(RIDER)
        assert "same one?" in scene.said(RIDER)

    async def test_what_was_just_done_is_said_before_the_question(self, scene: Scene) -> None:
        await self.first_report(scene)
        await self.second_rider_comes(scene)
        await words(scene, "the left side")
        assert "Note saved." in scene.said(RIDER)
        assert "same one?" in scene.said(RIDER)

    async def own_again(self, scene: Scene) -> Report:
        await photo(scene)
        await place(scene)
        await scene.press(RIDER, RIDER, "guardrail")
        await photo(scene, seed=2, caption="wider now")
        await place(scene)
        await scene.press(RIDER, RIDER, "guardrail")
        return scene.rows(Report)[0]

    async def test_the_same_as_ones_own_adds_to_it(self, scene: Scene) -> None:
        report = await self.own_again(scene)
        question = scene.last(RIDER)
        await scene.press(RIDER, RIDER, "Same one")
        assert f"Added to #{report.id}" in scene.said(RIDER)
        assert len(scene.rows(ReportPhoto)) == 2
        assert scene.rows(Draft) == []
        desk = scene.from_bot(DESK)
        assert "wider now" in text_of(desk[0])
        assert "photo" in desk[1]
        await scene.press(RIDER, RIDER, "Same one", question, late=True)
        assert "is done" in scene.toasts()[-1]

    async def test_the_same_as_ones_own_decided_one_says_so(self, scene: Scene) -> None:
        report = await self.own_again(scene)
        question = scene.last(RIDER)
        await scene.press(LIN, DESK, "★★", scene.from_bot(DESK)[0])
        await scene.press(RIDER, RIDER, "Same one", question)
        assert f"#{report.id} is yours and decided already" in scene.said(RIDER)
        assert scene.rows(Draft) == []

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

    async def test_nobody_talks_the_desk_full(self, scene: Scene) -> None:
        await photo(scene)
        await place(scene)
        await scene.press(RIDER, RIDER, "guardrail")
        receipt = scene.last(RIDER)
        for _ in range(4):
            await scene.press(RIDER, RIDER, "Add note", receipt)
            scene.world.send_voice(RIDER, RIDER, b"OggS voice")
            await scene.settle()
        assert "3 spoken notes" in scene.said(RIDER)
        assert sum("voice" in message for message in scene.from_bot(DESK)) == 3
        await words(scene, "The rest in words")
        assert "Note added" in scene.said(RIDER)

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

    async def test_an_edit_changes_its_own_words_only(self, scene: Scene) -> None:
        await photo(scene, caption="broken rail")
        message = scene.world.say(RIDER, RIDER, "left sied")
        await scene.settle()
        await words(scene, "since Monday")
        scene.world.edit(RIDER, RIDER, message["message_id"], text="left side")
        await scene.settle()
        assert scene.rows(Draft)[0].note == "broken rail\nleft side\nsince Monday"
        await place(scene)
        await scene.press(RIDER, RIDER, "guardrail")
        scene.world.edit(RIDER, RIDER, message["message_id"], text="right side")
        await scene.settle()
        assert scene.rows(Report)[0].note == "broken rail\nright side\nsince Monday"
        assert "right side" in text_of(scene.from_bot(DESK)[0])

    async def test_what_no_database_takes_is_left_out_of_a_note(self, scene: Scene) -> None:
        await photo(scene)
        await words(scene, "hole\0 here \ud83d!")
        assert scene.rows(Draft)[0].note == "hole here !"

    async def test_a_category_that_is_gone_was_never_chosen(self, scene: Scene) -> None:
        await place(scene)
        await forged(scene, f"d:cat:{base36(scene.rows(Draft)[0].id)}:guardrail")

        def forget_category(turn: Turn) -> None:
            turn.session.query(Draft).one().category = "abolished"

        await scene.intake.say(forget_category, origin="test")
        await photo(scene)
        assert "What kind?" in scene.said(RIDER)
        await scene.press(RIDER, RIDER, "pothole")
        assert len(scene.rows(Report)) == 1

    @pytest.mark.parametrize("argument", ["nope", "guardrail1"])
    async def test_an_unknown_category_shows_the_question_again(
        self, scene: Scene, argument: str
    ) -> None:
        await photo(scene)
        await place(scene)
        asked = len(scene.from_bot(RIDER))
        await forged(scene, f"d:cat:{base36(scene.rows(Draft)[0].id)}:{argument}")
        assert "What kind?" in scene.said(RIDER)
        assert len(scene.from_bot(RIDER)) == asked + 1
        assert "out of date" in scene.toasts()[-1]

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
        asked = len(scene.from_bot(RIDER))
        await scene.press(RIDER, RIDER, "guardrail", old)
        assert "out of date" in scene.toasts()[-1]
        assert len(scene.from_bot(RIDER)) == asked + 1
        assert "Where is it?" in scene.said(RIDER)
        assert scene.rows(Report) == []

    async def test_a_button_finds_a_draft_whose_conversation_is_lost(self, scene: Scene) -> None:
        await photo(scene)
        await place(scene)
        await self.lose_conversation(scene)
        await scene.press(RIDER, RIDER, "guardrail")
        assert "What kind?" in scene.said(RIDER)
        await scene.press(RIDER, RIDER, "guardrail")
        assert len(scene.rows(Report)) == 1

    async def test_cancel_finds_a_draft_whose_conversation_is_lost(self, scene: Scene) -> None:
        await photo(scene)
        await self.lose_conversation(scene)
        await words(scene, "/cancel")
        assert "thrown away" in scene.said(RIDER)
        assert scene.rows(Draft) == []

    async def lose_conversation(self, scene: Scene) -> None:
        def forget(turn: Turn) -> None:
            conversations.forget(turn.session, name=REPORT, key=(RIDER, RIDER))

        await scene.intake.say(forget, origin="test")

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


async def test_an_answered_question_keeps_no_buttons(scene: Scene) -> None:
    await photo(scene)
    await place(scene, accuracy=350)
    await scene.press(RIDER, RIDER, "Yes, here")
    await scene.press(RIDER, RIDER, "guardrail")
    *questions, receipt = scene.from_bot(RIDER)
    assert [buttons_of(message) for message in questions] == [[], [], []]
    assert len(buttons_of(receipt)) == 3


class TestLimit:
    async def test_one_too_many_keeps_the_draft_until_tomorrow(self, scene: Scene) -> None:
        limit = scene.settings.limits.reports_per_day
        for number in range(limit):
            clock.advance(timedelta(minutes=1))
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
        await place(scene, accuracy=350)
        count = len(scene.from_bot(RIDER))
        clock.advance(timedelta(minutes=31))
        await scene.sweep()
        await scene.sweep()
        assert len(scene.from_bot(RIDER)) == count + 1
        assert "Is it there?" in scene.said(RIDER)
        clock.advance(timedelta(hours=24))
        await scene.sweep()
        assert scene.rows(Draft) == []
        await scene.press(RIDER, RIDER, "Yes, here")
        assert "draft is gone" in scene.toasts()[-1]
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
