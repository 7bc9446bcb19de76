"""A morning's work, backed up while the bot goes on, comes back whole in another place."""

from pathlib import Path

import pytest
from sqlalchemy import event

from bot import backup, restore, schema
from bot.database import Database, create
from bot.intake import Outcome
from models import Draft, LedgerEntry, Photo, Report, SeenUpdate, clock
from models.photos import PhotoState
from tests import rows
from tests.conversations.people import DESK, LIN, RIDER, RIDER_ZH
from tests.conversations.scene import HERE, Scene
from tests.pictures import jpeg
from tests.scene import UP_THE_ROAD


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Only SQLite is backed up by us."""
    return sqlite_url


async def report(scene: Scene, who: int, seed: int, kind: str) -> None:
    scene.world.send_photos(
        who, who, [jpeg(seed), jpeg(seed + 1)], caption="栏杆断了，夜里看不清 🌙"
    )
    scene.world.send_location(who, who, *HERE, accuracy=12)
    await scene.settle()
    await scene.press(who, who, kind)


async def morning(scene: Scene) -> None:
    """Reports approved and waiting, a rider in the middle of one, a photo nothing came of."""
    await report(scene, RIDER, 1, "guardrail")
    await scene.press(LIN, DESK, "★★")
    await report(scene, RIDER_ZH, 11, "坑")
    scene.world.send_photos(RIDER, RIDER, [jpeg(21)])
    await scene.settle()


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file()
    }


async def test_all_of_it_comes_back_and_goes_on(
    scene: Scene, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await morning(scene)
    before, photos = rows.all_rows(database.engine), files(scene.store.root)
    # The bot writes on, at each step of the backup, and need not wait for it.
    event.listen(database.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=0"))
    database.engine.dispose()
    monkeypatch.setattr(backup, "PAGES", 10)
    steps = []

    def write_on(what: str, done: int, total: int) -> None:
        steps.append(what)
        assert len(steps) < 500, "it begins anew whenever somebody writes"
        row = SeenUpdate(update_id=10_000_000 + len(steps), at=clock.now())
        database.run_here(lambda session: session.add(row))

    archive = tmp_path / "backup.tar"
    _, missing = backup.make(
        archive, database=tmp_path / "sentinel.db", photos=scene.store.root, show=write_on
    )
    assert missing == 0
    assert steps.count("database") > 5
    assert steps.count("photos") == len(photos) == 10
    assert archive.stat().st_mode & 0o777 == 0o600

    elsewhere = tmp_path / "elsewhere"
    restore.restore(
        archive,
        database=elsewhere / "sentinel.db",
        photos=elsewhere / "photos",
        replace=False,
        show=lambda *_: None,
    )

    assert files(elsewhere / "photos") == photos
    there = Database(create(f"sqlite:///{elsewhere / 'sentinel.db'}"))
    assert schema.is_current(there.engine)
    assert rows.all_rows(there.engine) == before
    await _go_on(scene, there)
    there.close()


async def _go_on(scene: Scene, there: Database) -> None:
    again = Scene(
        world=scene.world, database=there, settings=scene.settings, districts=scene.house.districts
    )
    [draft] = again.rows(Draft)
    # What Telegram brings once more changes nothing.
    seen = again.rows(SeenUpdate)[0].update_id
    assert await again.intake.apply({"update_id": seen}) == Outcome.DUPLICATE
    again.world.send_location(RIDER, RIDER, *UP_THE_ROAD, accuracy=12)
    await again.settle()
    await again.press(RIDER, RIDER, "pothole")
    numbers = [report.id for report in again.rows(Report)]
    assert again.rows(Draft) == []
    assert numbers == [1, 2, restore.GAP + 3]
    assert again.rows(Report)[-1].draft_id == draft.id
    assert sum(entry.points for entry in again.rows(LedgerEntry)) == 0
    assert {photo.state for photo in again.rows(Photo)} == {PhotoState.STORED}
