"""What is found out after the commit: taken in once, given up in the end, forgotten in time."""

import errno
import os
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError, OperationalError

from bot import errands as runner_module
from bot.errands import AT_ONCE, Errands
from bot.outbox import FIRST_WAIT, WAITS_FOR_A_COPY
from handlers import answers, timers
from models import Draft, Errand, Photo, clock
from services import errands, photo_bucket, photos, pictures
from services.photo_store import open_store
from tests.buckets import NOBODY, point_at
from tests.conversations.people import DESK, LIN, RIDER, RIDER_ZH
from tests.conversations.scene import HERE, PROCESS, Scene, text_of
from tests.pictures import jpeg, jpeg_with_gps

MORE = timedelta(days=8)


def runner(scene: Scene) -> Errands:
    return Errands(
        database=scene.database,
        intake=scene.intake,
        api=scene.api,
        store=scene.store,
        house=scene.house,
        geocoder=None,
        process=PROCESS,
    )


async def become_admin(scene: Scene) -> None:
    assert scene.code is not None
    scene.world.say(LIN, LIN, scene.code.text)
    await scene.settle()


async def wait_through_all_tries(scene: Scene) -> None:
    for wait in errands.WAITS:
        await scene.settle()
        clock.advance(timedelta(seconds=wait))
    await scene.settle()


def files(scene: Scene) -> list[str]:
    return sorted(file.name for file in scene.store.root.rglob("*") if file.is_file())


class TestGivingUp:
    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def examine(data: bytes) -> None:
            raise RuntimeError(data)

        monkeypatch.setattr(pictures, "examine", examine)

    @pytest.mark.usefixtures("broken")
    async def test_what_breaks_every_time_is_given_up_and_told(self, scene: Scene) -> None:
        await become_admin(scene)
        scene.world.send_document(RIDER, RIDER, jpeg(3), "a.jpg", "image/jpeg")
        await wait_through_all_tries(scene)
        assert scene.rows(Errand) == []
        assert "could not be fetched" in scene.said(RIDER)
        assert "🚨" in scene.said(LIN)
        [photo] = scene.rows(Photo)
        assert photo.state == "refused"

    @pytest.mark.usefixtures("broken")
    async def test_a_picture_telegram_can_show_is_given_up_without_a_word_to_the_rider(
        self, scene: Scene
    ) -> None:
        scene.world.send_photos(RIDER, RIDER, [jpeg(3)])
        await wait_through_all_tries(scene)
        assert scene.rows(Errand) == []
        assert len(scene.from_bot(RIDER)) == 1

    @pytest.mark.usefixtures("broken")
    async def test_where_even_giving_up_breaks_the_errand_goes(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError("this as well")

        monkeypatch.setattr(answers, "picture_refused", refused)
        await become_admin(scene)
        scene.world.send_document(RIDER, RIDER, jpeg(3), "a.jpg", "image/jpeg")
        await wait_through_all_tries(scene)
        assert scene.rows(Errand) == []
        assert "🚨" in scene.said(LIN)

    async def test_an_answer_the_database_refuses_is_tried_again_and_given_up(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def found(*args: Any, **kwargs: Any) -> None:
            raise IntegrityError("INSERT", {}, ValueError("a bug"))

        monkeypatch.setattr(answers, "picture_found", found)
        scene.world.send_document(RIDER, RIDER, jpeg(3), "a.jpg", "image/jpeg")
        await wait_through_all_tries(scene)
        assert scene.rows(Errand) == []

    async def test_a_database_that_is_away_is_no_reason_to_give_up(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*args: Any, **kwargs: Any) -> None:
            raise OperationalError("INSERT", {}, OSError("away"))

        with monkeypatch.context() as no_database:
            no_database.setattr(answers, "picture_found", away)
            scene.world.send_document(RIDER, RIDER, jpeg(3), "a.jpg", "image/jpeg")
            for _ in range(len(errands.WAITS) + 3):
                await scene.settle()
                clock.advance(errands.LEASE)
        await scene.settle()
        assert scene.rows(Errand) == []
        [photo] = scene.rows(Photo)
        assert photo.state == "stored"


class TestTheLoop:
    async def test_without_room_it_waits_for_news_whatever_is_due(self, scene: Scene) -> None:
        scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
        for update in scene.pending():
            await scene.intake.apply(update)
        asking = runner(scene)
        asking._running = AT_ONCE
        assert scene.database.run_here(asking._take) == ([], None)
        asking._running = AT_ONCE - 1
        taken, _ = scene.database.run_here(asking._take)
        assert len(taken) == 1

    async def test_what_the_database_kept_from_being_finished_is_due_at_once(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def found(*args: Any, **kwargs: Any) -> None:
            raise OperationalError("INSERT", {}, ValueError("away"))

        # What was asked at the start is out of the way.
        await scene.settle()
        scene.world.send_document(RIDER, RIDER, jpeg(3), "a.jpg", "image/jpeg")
        for update in scene.pending():
            await scene.intake.apply(update)
        asking = runner(scene)
        [task], _ = scene.database.run_here(asking._take)
        with monkeypatch.context() as away:
            away.setattr(answers, "picture_found", found)
            asking._running += 1
            await asking._do(task)
        taken, _ = scene.database.run_here(partial(asking._take, unfinished=[task]))
        assert asking._unfinished == taken == [task]
        assert [row.tries for row in scene.rows(Errand)] == [1]

    async def test_what_a_killed_process_left_half_written_goes_at_the_start(
        self, scene: Scene
    ) -> None:
        half = scene.store.root / "originals" / "ab" / "half.part"
        half.parent.mkdir(parents=True)
        half.write_bytes(b"half")
        days_ago = (clock.now() - timedelta(days=2)).timestamp()
        os.utime(half, (days_ago, days_ago))
        asking = runner(scene)
        asking.stop()
        await asking.run()
        assert files(scene) == []


class TestTakingIn:
    @pytest.mark.parametrize("good", [True, False])
    async def test_the_rider_is_locked_before_anything_of_theirs_is_read(
        self, scene: Scene, good: bool
    ) -> None:
        said: list[str] = []
        # With a place, so that the draft is looked for.
        data = jpeg_with_gps(*HERE) if good else b"no picture"
        scene.world.send_document(RIDER, RIDER, data, "a.jpg", "image/jpeg")
        for update in scene.pending():
            await scene.intake.apply(update)
            scene.call("getUpdates", offset=update["update_id"] + 1, limit=1, timeout=0)

        def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
            said.append(statement)

        event.listen(scene.database.engine, "before_cursor_execute", note)
        await scene.run_errands()
        event.remove(scene.database.engine, "before_cursor_execute", note)
        lock = next(i for i, statement in enumerate(said) if "FROM person" in statement)
        assert scene.database.is_sqlite or "FOR NO KEY UPDATE" in said[lock]
        assert lock < next(i for i, statement in enumerate(said) if "draft" in statement)

    @pytest.mark.parametrize(
        ("written", "taken_at"),
        [
            ("2026:11:24 08:05:00", datetime(2026, 11, 24, 0, 5, tzinfo=UTC)),
            # A clock nobody set, before the beginning of time in UTC.
            ("0001:01:01 00:00:00", None),
        ],
    )
    async def test_a_camera_without_a_zone_is_where_we_are(
        self, scene: Scene, written: str, taken_at: datetime | None
    ) -> None:
        image = Image.open(BytesIO(jpeg(5)))
        exif = Image.Exif()
        exif[0x8769] = {0x9003: written}
        buffer = BytesIO()
        image.save(buffer, "JPEG", exif=exif)
        scene.world.send_document(RIDER, RIDER, buffer.getvalue(), "a.jpg", "image/jpeg")
        await scene.settle()
        [photo] = scene.rows(Photo)
        assert photo.state == "stored"
        assert photo.taken_at == taken_at


class TestForgetting:
    async def sent_and_cancelled(self, scene: Scene, data: bytes) -> None:
        scene.world.send_photos(RIDER, RIDER, [data])
        await scene.settle()
        scene.world.say(RIDER, RIDER, "/cancel")
        await scene.settle()
        assert scene.rows(Draft) == []

    async def tidy(self, scene: Scene) -> None:
        await scene.intake.say(timers.tidy, origin="timer:tidy")
        await scene.settle()

    async def test_a_picture_of_no_report_goes_after_a_week(self, scene: Scene) -> None:
        await self.sent_and_cancelled(scene, jpeg(1))
        await self.tidy(scene)
        assert len(files(scene)) == 2
        clock.advance(MORE)
        await self.tidy(scene)
        assert scene.rows(Photo) == []
        assert files(scene) == []
        assert scene.rows(Errand) == []

    async def test_pictures_of_drafts_and_reports_stay(self, scene: Scene) -> None:
        for rider, seed in ((RIDER, 1), (RIDER_ZH, 2)):
            scene.world.send_photos(rider, rider, [jpeg(seed)])
        scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
        await scene.settle()
        await scene.press(RIDER, RIDER, "guardrail")
        clock.advance(MORE)
        await self.tidy(scene)
        assert len(scene.rows(Photo)) == 2
        assert len(files(scene)) == 4

    async def test_a_file_another_picture_needs_stays(self, scene: Scene) -> None:
        data = jpeg(1)
        await self.sent_and_cancelled(scene, data)
        clock.advance(MORE)
        scene.world.send_photos(RIDER_ZH, RIDER_ZH, [data])
        await scene.settle()
        await self.tidy(scene)
        [photo] = scene.rows(Photo)
        assert photo.owner_id == RIDER_ZH
        assert photo.sha256 is not None
        assert scene.store.preview(photo.sha256)
        assert len(files(scene)) == 2

    async def test_a_process_killed_in_between_leaves_the_file_to_the_next(
        self, scene: Scene
    ) -> None:
        await self.sent_and_cancelled(scene, jpeg(1))
        clock.advance(MORE)
        await scene.intake.say(timers.tidy, origin="timer:tidy")
        scene.database.run_here(lambda session: errands.take(session, limit=20, holder=PROCESS))
        assert len(files(scene)) == 2
        again = Scene(
            world=scene.world,
            database=scene.database,
            settings=scene.settings,
            districts=scene.house.districts,
        )
        await again.settle()
        assert files(scene) == []

    async def test_no_more_at_once_than_asked_for(self, scene: Scene) -> None:
        for seed in range(3):
            await self.sent_and_cancelled(scene, jpeg(seed))
        clock.advance(MORE)
        forget = lambda session: photos.forget_unused(session, limit=2)  # noqa: E731
        assert [scene.database.run_here(forget) for _ in range(3)] == [2, 1, 0]


class TestTheStore:
    @pytest.fixture
    def in_a_bucket(self, scene: Scene, bucket_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
        """The photos of the scene are in a bucket; its URL."""
        monkeypatch.setattr(photo_bucket, "_TRIES_MORE", 0)
        scene.store = open_store(bucket_url, Path("nowhere"))
        return bucket_url

    def lose_the_bucket(self, scene: Scene, url: str, patch: pytest.MonkeyPatch) -> None:
        point_at(NOBODY, patch)
        scene.store = open_store(url, Path("nowhere"))

    @pytest.mark.usefixtures("in_a_bucket")
    async def test_a_photo_goes_into_the_bucket_and_its_preview_on_the_card(
        self, scene: Scene
    ) -> None:
        sent = jpeg_with_gps(*HERE)
        scene.world.send_document(RIDER, RIDER, sent, "a.jpg", "image/jpeg")
        await scene.settle()
        [photo] = scene.rows(Photo)
        assert photo.preview_file_id is None
        assert scene.store.original(photo.sha256) == sent
        await scene.press(RIDER, RIDER, "Use it")
        await scene.press(RIDER, RIDER, "guardrail")
        [card] = scene.from_bot(DESK)
        [photo] = scene.rows(Photo)
        assert photo.preview_file_id == card["photo"][-1]["file_id"]
        file = await scene.api.call("getFile", {"file_id": photo.preview_file_id})
        shown = pictures.examine(await scene.api.download(file["file_path"]))
        assert shown.dhash == photo.dhash
        assert shown.latitude is None

    async def test_a_bucket_out_of_reach_is_told_and_tried_again(
        self, scene: Scene, in_a_bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await become_admin(scene)
        reachable = scene.store
        with monkeypatch.context() as patch:
            self.lose_the_bucket(scene, in_a_bucket, patch)
            scene.world.send_document(RIDER, RIDER, jpeg(3), "a.jpg", "image/jpeg")
            for wait in errands.WAITS[:3]:
                await scene.settle()
                clock.advance(timedelta(seconds=wait))
        [errand] = scene.rows(Errand)
        assert errand.tries == 3
        told = [text for text in map(text_of, scene.from_bot(LIN)) if "照片库" in text]
        assert len(told) == 1
        scene.store = reachable
        await scene.settle()
        [photo] = scene.rows(Photo)
        assert photo.state == "stored"
        assert scene.store.original(photo.sha256) == jpeg(3)

    async def reported_without_the_bucket(
        self, scene: Scene, url: str, patch: pytest.MonkeyPatch
    ) -> None:
        scene.world.send_document(RIDER, RIDER, jpeg_with_gps(*HERE), "a.jpg", "image/jpeg")
        await scene.settle()
        await scene.press(RIDER, RIDER, "Use it")
        self.lose_the_bucket(scene, url, patch)
        await scene.press(RIDER, RIDER, "guardrail")
        assert scene.from_bot(DESK) == []
        assert "Reported" in scene.said(RIDER)

    async def test_a_card_waits_for_its_picture(
        self, scene: Scene, in_a_bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reachable = scene.store
        await self.reported_without_the_bucket(scene, in_a_bucket, monkeypatch)
        scene.store = reachable
        clock.advance(timedelta(seconds=FIRST_WAIT))
        await scene.settle()
        [card] = scene.from_bot(DESK)
        assert "photo" in card

    async def test_a_card_does_not_wait_for_its_picture_for_long(
        self, scene: Scene, in_a_bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await self.reported_without_the_bucket(scene, in_a_bucket, monkeypatch)
        for tries in range(WAITS_FOR_A_COPY):
            assert scene.from_bot(DESK) == []
            clock.advance(timedelta(seconds=FIRST_WAIT * 2**tries))
            await scene.settle()
        [card] = scene.from_bot(DESK)
        assert "photo" not in card

    async def test_what_nobody_needs_goes_when_the_bucket_is_back(
        self, scene: Scene, in_a_bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scene.world.send_photos(RIDER, RIDER, [jpeg(3)])
        await scene.settle()
        [photo] = scene.rows(Photo)
        scene.world.say(RIDER, RIDER, "/cancel")
        await scene.settle()
        clock.advance(MORE)
        reachable = scene.store
        with monkeypatch.context() as patch:
            self.lose_the_bucket(scene, in_a_bucket, patch)
            await scene.intake.say(timers.tidy, origin="timer:tidy")
            await scene.settle()
        assert len(scene.rows(Errand)) == 1
        scene.store = reachable
        assert scene.store.preview(photo.sha256)
        clock.advance(timedelta(seconds=errands.WAITS[0]))
        await scene.settle()
        assert scene.rows(Errand) == []
        with pytest.raises(KeyError):
            scene.store.preview(photo.sha256)

    async def test_a_full_disk_is_told_and_tried_again(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(handle: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        await become_admin(scene)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            scene.world.send_photos(RIDER, RIDER, [jpeg(3)])
            await scene.settle()
        assert "空间满了" in scene.said(LIN)
        assert files(scene) == []
        assert len(scene.rows(Errand)) == 1
        clock.advance(timedelta(seconds=errands.WAITS[0]))
        await scene.settle()
        assert scene.rows(Errand) == []
        assert len(files(scene)) == 2


def test_every_kind_of_bad_picture_has_its_words() -> None:
    assert set(runner_module._REFUSALS) == set(pictures.BadPicture.__subclasses__())
