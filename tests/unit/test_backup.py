"""bot/backup.py and bot/restore.py: whole, or refused with nothing touched."""

import io
import json
import os
import sqlite3
import tarfile
from contextlib import closing
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from bot import backup, restore, schema
from bot.database import create
from models import Photo, ReportPhoto, clock
from models.photos import PhotoState
from services.photo_store import FolderStore
from tests import rows


def quiet(*_):
    """Nobody watches."""


@pytest.fixture
def home(tmp_path, sqlite_url, scene, midday):
    """An installation with a report of two photos."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "sentinel.db").rename(home / "sentinel.db")
    store = FolderStore(home / "photos")
    engine = create(f"sqlite:///{home / 'sentinel.db'}")
    with Session(engine) as session:
        rows.fill(session)
        report = scene.report(session, pictures=2)
        for row in session.query(ReportPhoto).filter_by(report_id=report.id):
            original = f"photo {row.photo_id}".encode() * 5000
            photo = session.get(Photo, row.photo_id)
            photo.sha256, photo.state = sha256(original).hexdigest(), PhotoState.STORED
            store.put(photo.sha256, original, b"preview", ".heic")
        session.commit()
    engine.dispose()
    return home


@pytest.fixture
def archive(home, tmp_path):
    """A backup of it."""
    made(home, tmp_path / "backup.tar")
    return tmp_path / "backup.tar"


def made(home, file):
    return backup.make(file, database=home / "sentinel.db", photos=home / "photos", show=quiet)


def restored(archive, home, *, replace=False):
    return restore.restore(
        archive,
        database=home / "sentinel.db",
        photos=home / "photos",
        replace=replace,
        show=quiet,
    )


def contents(folder):
    return {
        path.relative_to(folder): (path.stat().st_mode, path.is_file() and path.read_bytes())
        for path in folder.rglob("*")
    }


def everything(home):
    engine = create(f"sqlite:///{home / 'sentinel.db'}")
    try:
        return rows.all_rows(engine)
    finally:
        engine.dispose()


def test_everything_comes_back_with_its_rights(home, archive, tmp_path):
    before = os.umask(0)
    try:
        done = restored(archive, tmp_path / "there")
    finally:
        os.umask(before)
    assert done.aside == []
    assert contents(tmp_path / "there" / "photos") == contents(home / "photos")
    assert (tmp_path / "there" / "sentinel.db").stat().st_mode & 0o777 == 0o600
    assert everything(tmp_path / "there") == everything(home)
    assert {path.name for path in (tmp_path / "there").iterdir()} == {"sentinel.db", "photos"}


def test_the_archive_can_be_read_by_hand(home, archive, tmp_path):
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        tar.extractall(tmp_path / "by hand", filter="data")
    assert (names[0], names[-1]) == ("sentinel.db", "manifest.json")
    manifest = json.loads((tmp_path / "by hand" / "manifest.json").read_text())
    assert manifest["database"]["rows"]["report"] == len(everything(home)["report"])
    photos = "".join(
        f"{sha256((tmp_path / 'by hand' / name).read_bytes()).hexdigest()}  {name}\n"
        for name in names[1:-1]
    )
    assert manifest["photos"] == {"files": 4, "sha256": sha256(photos.encode()).hexdigest()}
    assert everything(tmp_path / "by hand") == everything(home)


def test_nothing_is_left_beside_the_archive(home, archive, tmp_path):
    assert {path.name for path in tmp_path.iterdir()} == {"home", "backup.tar"}


def test_a_file_that_is_there_is_not_written_over(home, archive):
    before = archive.read_bytes()
    with pytest.raises(FileExistsError, match="is there already"):
        made(home, archive)
    assert archive.read_bytes() == before


def test_in_a_folder_the_archive_is_named_after_the_moment(tmp_path, midday):
    assert backup.name_for(tmp_path) == tmp_path / "sentinel-20261124T053000Z.tar"
    assert backup.name_for(tmp_path / "mine.tar") == tmp_path / "mine.tar"


def test_half_written_and_foreign_files_stay_out(home, tmp_path):
    shelf = next((home / "photos" / "originals").iterdir())
    (shelf / "tmpabc.part").write_bytes(b"half")
    (home / "photos" / "notes.txt").write_text("mine")
    manifest, _ = made(home, tmp_path / "backup.tar")
    assert manifest.photos.files == 4
    restored(tmp_path / "backup.tar", tmp_path / "there")


def test_files_that_are_missing_or_damaged_are_counted(home, tmp_path):
    lost, damaged = (home / "photos" / "originals").rglob("*.heic")
    lost.unlink()
    damaged.write_bytes(other_byte(damaged.read_bytes()))
    manifest, missing = made(home, tmp_path / "backup.tar")
    assert (manifest.photos.files, missing) == (3, 2)
    # What there is comes back all the same.
    restored(tmp_path / "backup.tar", tmp_path / "there")
    assert (
        contents(tmp_path / "there" / "photos").items()
        >= {path: kept for path, kept in contents(home / "photos").items() if kept[1]}.items()
    )


def test_a_file_deleted_while_the_backup_is_made_is_left_out(home, tmp_path):
    # What `errands` does to a photo nobody needs any more, at the worst moment.
    unneeded = sha256(b"x").hexdigest()
    store = FolderStore(home / "photos")
    store.put(unneeded, b"x", b"preview", ".jpg")
    store.put("00" + "0" * 62, b"first", b"preview", ".jpg")

    def forget(what, *_):
        if what == "photos":
            store.delete(unneeded)

    manifest, missing = backup.make(
        tmp_path / "backup.tar",
        database=home / "sentinel.db",
        photos=home / "photos",
        show=forget,
    )
    assert (manifest.photos.files, missing) == (6, 0)


def test_photos_in_a_bucket_are_left_out(home, tmp_path):
    manifest, missing = backup.make(
        tmp_path / "backup.tar", database=home / "sentinel.db", photos=None, show=quiet
    )
    assert (manifest.photos, missing) == (None, 0)
    restored(tmp_path / "backup.tar", tmp_path / "there")
    assert everything(tmp_path / "there") == everything(home)
    assert not (tmp_path / "there" / "photos").exists()


def test_photos_of_an_archive_stay_in_it_where_a_bucket_is_used(home, archive, tmp_path):
    there = tmp_path / "there" / "sentinel.db"
    done = restore.restore(archive, database=there, photos=None, replace=False, show=quiet)
    assert done.manifest.photos.files == 4
    assert list(there.parent.iterdir()) == [there]


def test_without_a_database_there_is_nothing_to_back_up(tmp_path):
    with pytest.raises(backup.NoDatabase, match="not there"):
        made(tmp_path / "nowhere", tmp_path / "backup.tar")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("harm", ["bytes", "orphan", "foreign"])
def test_a_damaged_database_is_no_backup(home, tmp_path, harm):
    file = home / "sentinel.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        if harm == "orphan":
            database.execute("DELETE FROM person")
        if harm == "foreign":
            database.execute("DROP TABLE alembic_version")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if harm == "bytes":
        content = bytearray(file.read_bytes())
        content[len(content) // 2 : len(content) // 2 + 4096] = b"x" * 4096
        file.write_bytes(content)
    with pytest.raises(backup.Damaged, match="database: "):
        made(home, tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()


def test_a_full_disk_leaves_no_half_archive(home, tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "_flush", full)
    with pytest.raises(OSError, match="No space"):
        made(home, tmp_path / "backup.tar")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def members(archive):
    with tarfile.open(archive) as tar:
        return [
            (member, tar.extractfile(member).read() if member.isfile() else b"") for member in tar
        ]


def written(archive, parts):
    with tarfile.open(archive, "w") as tar:
        for member, content in parts:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def other_byte(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def changed(archive, index):
    parts = members(archive)
    member, content = parts[index]
    parts[index] = (member, other_byte(content))
    written(archive, parts)


def added(archive, name, at=1, **about):
    parts = members(archive)
    member = tarfile.TarInfo(name)
    for key, value in about.items():
        setattr(member, key, value)
    parts.insert(at, (member, b"" if about else b"evil"))
    written(archive, parts)


def without(archive, index):
    parts = members(archive)
    del parts[index]
    written(archive, parts)


def cut(archive, keep):
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * keep)])


A_PHOTO = f"photos/originals/ab/ab{'0' * 62}.jpg"
HARM = {
    "a byte of the database": lambda archive: changed(archive, 0),
    "a byte of an original": lambda archive: changed(archive, 1),
    "a byte of a preview": lambda archive: changed(archive, 4),
    "a byte of the manifest": lambda archive: changed(archive, -1),
    "cut short in the database": lambda archive: cut(archive, 0.3),
    "cut short in the photos": lambda archive: cut(archive, 0.9),
    "cut before the manifest": lambda archive: without(archive, -1),
    "no database": lambda archive: without(archive, 0),
    "a photo less": lambda archive: without(archive, 2),
    "a photo more": lambda archive: added(archive, f"photos/previews/ab/ab{'0' * 62}.jpg"),
    "a photo under a wrong name": lambda archive: added(archive, A_PHOTO),
    "a way up": lambda archive: added(archive, "../../evil"),
    "a way up among photos": lambda archive: added(archive, f"photos/originals/../{'a' * 64}.jpg"),
    "an absolute path": lambda archive: added(archive, str(archive.parent / "evil")),
    "a second database": lambda archive: added(archive, "sentinel.db"),
    "a link": lambda archive: added(archive, A_PHOTO, type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a hard link": lambda archive: added(
        archive, A_PHOTO, type=tarfile.LNKTYPE, linkname="sentinel.db"
    ),
    "a device": lambda archive: added(archive, A_PHOTO, type=tarfile.CHRTYPE),
    "a folder": lambda archive: added(archive, "photos", type=tarfile.DIRTYPE),
    "something after the manifest": lambda archive: added(archive, A_PHOTO, at=6),
    "no archive at all": lambda archive: archive.write_bytes(b"something else" * 1000),
    "nothing": lambda archive: archive.write_bytes(b""),
}


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("replace", [False, True])
def test_a_damaged_archive_is_refused_and_nothing_touched(home, archive, tmp_path, harm, replace):
    HARM[harm](archive)
    there = home if replace else tmp_path / "there"
    there.mkdir(exist_ok=True)
    before = contents(tmp_path)
    with pytest.raises(backup.Damaged):
        restored(archive, there, replace=replace)
    assert contents(tmp_path) == before


def forged(archive, change):
    """An archive whose checksums are right, but whose database is not."""
    parts = members(archive)
    file = archive.with_name("forged.db")
    file.write_bytes(parts[0][1])
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute(change)
    content = file.read_bytes()
    file.unlink()
    manifest = json.loads(parts[-1][1])
    manifest["database"]["sha256"] = sha256(content).hexdigest()
    parts[0] = (parts[0][0], content)
    parts[-1] = (parts[-1][0], json.dumps(manifest).encode())
    written(archive, parts)


def test_a_database_that_is_not_sound_is_refused(archive, tmp_path):
    forged(archive, "DELETE FROM person")
    before = contents(tmp_path)
    with pytest.raises(backup.Damaged, match="refers to none of person"):
        restored(archive, tmp_path / "there")
    assert not list((tmp_path / "there").iterdir())
    assert {**contents(tmp_path), **before}.keys() == before.keys() | {Path("there")}


def test_a_backup_of_a_newer_program_is_refused(archive, tmp_path):
    forged(archive, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(restore.TooNew, match="9999"):
        restored(archive, tmp_path / "there")
    assert not list((tmp_path / "there").iterdir())


def test_an_older_backup_is_brought_to_its_newest_by_the_next_start(tmp_path):
    old = tmp_path / "old" / "sentinel.db"
    engine = create(f"sqlite:///{old}")
    schema.upgrade(engine, "0001")
    engine.dispose()
    made(old.parent, tmp_path / "backup.tar")

    restored(tmp_path / "backup.tar", tmp_path / "there")

    engine = create(f"sqlite:///{tmp_path / 'there' / 'sentinel.db'}")
    assert not schema.is_current(engine)
    schema.upgrade(engine)
    assert schema.is_current(engine)
    assert schema.differences(engine) == []
    engine.dispose()


@pytest.mark.parametrize("what", ["sentinel.db", "sentinel.db-wal", "photos/originals"])
def test_what_is_there_is_not_written_over(archive, tmp_path, what):
    there = tmp_path / "there"
    (there / what).parent.mkdir(parents=True, exist_ok=True)
    (there / what).write_text("mine")
    before = contents(there)
    with pytest.raises(restore.Occupied, match=what):
        restored(archive, there)
    assert contents(there) == before


def test_what_is_there_is_moved_aside_when_asked(home, archive, tmp_path, midday):
    # Left by a bot that was killed: the newest is in the log only.
    engine = create(f"sqlite:///{home / 'sentinel.db'}")
    with Session(engine) as session:
        photo = session.query(Photo).order_by(Photo.id).first()
        photo.file_id = "changed since"
        session.commit()
        number = photo.id
    log = (home / "sentinel.db-wal").read_bytes()
    database = (home / "sentinel.db").read_bytes()
    engine.dispose()
    (home / "sentinel.db").write_bytes(database)
    (home / "sentinel.db-wal").write_bytes(log)
    photos = contents(home / "photos")

    done = restored(archive, home, replace=True)

    kept, pictures = home / "sentinel.replaced-20261124T053000Z.db", home / "photos"
    aside = pictures / "replaced-20261124T053000Z"
    assert done.aside == [aside, kept]
    assert contents(aside) == photos
    there = {path.name for path in home.iterdir()}
    assert there == {"sentinel.db", kept.name, f"{kept.name}-wal", "photos"}
    engine = create(f"sqlite:///{kept}")
    with Session(engine) as session:
        assert session.get(Photo, number).file_id == "changed since"
    engine.dispose()
    assert "changed since" not in {row[2] for row in everything(home)["photo"]}
    for kind in backup.KINDS:
        assert contents(pictures / kind) == contents(aside / kind)


def test_what_was_moved_aside_is_never_written_over(home, archive, midday):
    restored(archive, home, replace=True)
    before = contents(home)
    with pytest.raises(FileExistsError):
        restored(archive, home, replace=True)
    assert contents(home).items() >= before.items()
    clock.advance(timedelta(seconds=1))
    restored(archive, home, replace=True)


def test_a_move_that_fails_half_way_is_undone(home, archive, monkeypatch, midday):
    before = contents(home)
    genuine = Path.rename

    def stuck(self, target):
        if self.parent.name.startswith(".sentinel-restore-") and self.name == "sentinel.db":
            raise OSError(5, "Input/output error")
        return genuine(self, target)

    with monkeypatch.context() as patch:
        # The old database has been moved aside by then, and the photos exchanged.
        patch.setattr(Path, "rename", stuck)
        with pytest.raises(OSError, match="Input/output"):
            restored(archive, home, replace=True)
    # An empty folder is all that tells of it.
    aside = Path("photos") / "replaced-20261124T053000Z"
    assert {path: kept for path, kept in contents(home).items() if path != aside} == before


def test_numbers_given_after_the_backup_are_not_given_again(home, archive, tmp_path, scene):
    highest = max(row[0] for row in everything(home)["draft"])
    restored(archive, tmp_path / "there")
    engine = create(f"sqlite:///{tmp_path / 'there' / 'sentinel.db'}")
    with Session(engine) as session:
        draft = scene.draft(session, scene.person(session))
        assert draft.id > highest + restore.GAP
    engine.dispose()
