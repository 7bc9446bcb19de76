"""`sentinel backup`: the SQLite database and the photos in one archive, made while the bot runs.

    sentinel.db                  the database as it was at one moment
    photos/originals/ab/abcd….jpg
    photos/previews/ab/abcd….jpg
    manifest.json                what is in it, with checksums

It is a plain tar: photos are compressed already, and a plain one can be read by hand. The database
goes first. A photo's file is there before its row says so, and it goes a week after nothing needs
it; so what the copied database needs is in the folder when its turn comes. The manifest goes last:
an archive that has one is whole.
"""

import hashlib
import os
import re
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Literal

from pydantic import BaseModel
from sqlalchemy.engine import make_url

from bot.progress import Show
from bot.settings import Settings
from models import clock
from services.photo_store import ORIGINALS, PREVIEWS, FolderStore, open_store

DATABASE = "sentinel.db"
MANIFEST = "manifest.json"
# As services/photo_store.py lays them out.
KINDS = (ORIGINALS, PREVIEWS)
PHOTO = re.compile(r"photos/(originals|previews)/([0-9a-f]{2})/\2[0-9a-f]{62}\.[a-z0-9]{1,8}")

# Pages of the database copied between two steps of the progress bar.
PAGES = 1024


class NoDatabase(Exception):  # noqa: N818 - an answer to the operator
    """There is no SQLite database to work with; the message says why."""


class OnPostgreSQL(NoDatabase):
    """The database is on PostgreSQL, which has its own tools."""


class Damaged(Exception):  # noqa: N818 - a state of the world
    """A database or an archive is not what it should be; the message says in what."""


class DatabaseTold(BaseModel):
    """What a manifest says of the database."""

    sha256: str
    # Alembic's name for its shape.
    revision: str
    rows: dict[str, int]


class PhotosTold(BaseModel):
    """What a manifest says of the photos."""

    files: int
    sha256: str


class Manifest(BaseModel):
    """What is in an archive."""

    format: Literal[1] = 1
    made_at: datetime
    # Of the program.
    version: str
    database: DatabaseTold
    # None: they lie elsewhere, in a bucket.
    photos: PhotosTold | None


class Digests:
    """One digest for many files: what `sha256sum` says of them, in order, through it once more."""

    def __init__(self) -> None:
        self.files = 0
        self._whole = hashlib.sha256()

    def add(self, name: str, sha256: str) -> None:
        """Count a file in."""
        self.files += 1
        self._whole.update(f"{sha256}  {name}\n".encode())

    def told(self) -> PhotosTold:
        """What a manifest says of them."""
        return PhotosTold(files=self.files, sha256=self._whole.hexdigest())


def database_file(settings: Settings) -> Path:
    """The file of an installation's database.

    Raises:
        OnPostgreSQL: it has none.
        NoDatabase: it is in memory only.
    """
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite":
        raise OnPostgreSQL
    if not url.database or url.database == ":memory:":
        raise NoDatabase("the database is in memory only")
    return Path(url.database)


def photo_folder(settings: Settings) -> Path | None:
    """The folder of an installation's photos; None where they lie in a bucket.

    Raises:
        StoreUnusable: its URL is none.
    """
    url = settings.photos.url
    if url is not None and url.startswith("s3:"):
        # It is not opened: that would want its keys.
        return None
    store = open_store(url, settings.state_dir / "photos")
    assert isinstance(store, FolderStore)
    return store.root


def name_for(where: Path) -> Path:
    """The file to write: the one named, or in a folder one named after the moment."""
    return where / f"sentinel-{clock.now():%Y%m%dT%H%M%SZ}.tar" if where.is_dir() else where


def make(archive: Path, *, database: Path, photos: Path | None, show: Show) -> tuple[Manifest, int]:
    """Make a backup; nobody has to wait for it.

    Args:
        archive: the file to write. It appears once all of it is on the disk, and is for this
            process's user alone, since photos are in it as they came.
        database: its file; of any version.
        photos: their folder; None to leave them out.
        show: told what is copied, how much of it has been, and how much there is.

    Returns:
        What is in it, and how many files of the photos of reports are missing or not what they were
        when they came: 0 if all is well.

    Raises:
        NoDatabase: there is no such database.
        Damaged: it is damaged, or none of ours.
        OSError: the archive cannot be written, or there is such a file already.
    """
    if archive.exists():
        raise FileExistsError(f"{archive} is there already")
    made_at = clock.now()
    with TemporaryDirectory(prefix=".sentinel-backup-", dir=archive.parent) as folder:
        copy, unfinished = Path(folder) / DATABASE, Path(folder) / "unfinished.tar"
        _copy_database(database, copy, lambda done, total: show("database", done, total))
        with unfinished.open("xb") as file, tarfile.open(fileobj=file, mode="w") as tar:
            told, pictures, missing = _pack(tar, copy, photos, show)
            manifest = Manifest(
                made_at=made_at, version=version("street-sentinel"), database=told, photos=pictures
            )
            listed = Path(folder) / MANIFEST
            listed.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
            _add(tar, listed, MANIFEST)
        unfinished.chmod(0o600)
        _flush(unfinished)
        unfinished.rename(archive)
        _flush(archive.parent)
    return manifest, missing


def _pack(
    tar: tarfile.TarFile, copy: Path, photos: Path | None, show: Show
) -> tuple[DatabaseTold, PhotosTold | None, int]:
    digest = _add(tar, copy, DATABASE)
    with closing(read_only(copy)) as rows:
        told = DatabaseTold(sha256=digest, revision=revision_of(rows), rows=counts_of(rows))
        if photos is None:
            return told, None, 0
        return told, *_add_photos(tar, photos, rows, show)


def _copy_database(database: Path, copy: Path, step: Callable[[int, int], object]) -> None:
    if not database.is_file():
        raise NoDatabase(f"{database} is not there")
    try:
        with (
            closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            # One transaction that only reads: what is written meanwhile neither waits nor shows.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(
                target, pages=PAGES, progress=lambda _, left, total: step(total - left, total)
            )
            # A file by itself, with no log beside it.
            target.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.DatabaseError as error:
        raise Damaged(f"database: {error}") from error
    with closing(read_only(copy)) as rows:
        require_sound(rows)


def read_only(database: Path) -> sqlite3.Connection:
    """Open a database nobody writes to, without leaving a file beside it."""
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def require_sound(database: sqlite3.Connection) -> None:
    """Look through a whole database.

    Raises:
        Damaged: it is broken, is none of ours, or a row refers to one that is not there.
    """
    try:
        verdict: str = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
        orphan = database.execute("PRAGMA foreign_key_check").fetchone()
        revision_of(database)
    except sqlite3.DatabaseError as error:
        raise Damaged(f"database: {error}") from error
    if verdict != "ok":
        raise Damaged(f"database: {' '.join(verdict.split())}")
    if orphan is not None:
        raise Damaged(f"database: a row of {orphan[0]} refers to none of {orphan[2]}")


def revision_of(database: sqlite3.Connection) -> str:
    """Alembic's name for the shape of a database."""
    revision: str = database.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    return revision


def counts_of(database: sqlite3.Connection) -> dict[str, int]:
    """How many rows each table has."""
    tables = database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    # The names come from the database itself.
    return {
        name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
        for (name,) in sorted(tables)
    }


def _add_photos(
    tar: tarfile.TarFile, photos: Path, rows: sqlite3.Connection, show: Show
) -> tuple[PhotosTold, int]:
    total = sum(len(files) for _, _, files in _shelves(photos))
    digests, missing = Digests(), 0
    for kind, shelf, files in _shelves(photos):
        needed = _needed(rows, shelf)
        for file in files:
            name = f"photos/{kind}/{shelf}/{file.name}"
            try:
                digest = _add(tar, file, name)
            except FileNotFoundError:
                # Deleted this moment.
                continue
            digests.add(name, digest)
            if kind == "previews" or digest == file.stem:
                needed.discard(file.stem)
            show("photos", digests.files, total)
        missing += len(needed)
    return digests.told(), missing


def _shelves(photos: Path) -> Iterator[tuple[str, str, list[Path]]]:
    """The files of a store, shelf by shelf; what is half written is none."""
    for kind in KINDS:
        for shelf in (f"{number:02x}" for number in range(256)):
            files = sorted((photos / kind / shelf).glob(f"{shelf}*"))
            yield (
                kind,
                shelf,
                [f for f in files if PHOTO.fullmatch(f"photos/{kind}/{shelf}/{f.name}")],
            )


def _needed(rows: sqlite3.Connection, shelf: str) -> set[str]:
    found = rows.execute(
        "SELECT DISTINCT sha256 FROM photo JOIN report_photo ON photo_id = photo.id "
        "WHERE sha256 BETWEEN ? AND ?",
        # Hex digits end before g.
        (shelf, f"{shelf}g"),
    )
    return {digest for (digest,) in found}


class _Read:
    """A file that remembers the digest of what was read of it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self.sha256.update(piece)
        return piece


def _add(tar: tarfile.TarFile, file: Path, name: str) -> str:
    """Put a file into an archive; its digest."""
    with file.open("rb") as stream:
        status = os.fstat(stream.fileno())
        member = tarfile.TarInfo(name)
        member.size, member.mtime = status.st_size, int(status.st_mtime)
        # Whoever unpacks it by hand gets the rights the store gives.
        member.mode = 0o640 if name.startswith("photos/previews/") else 0o600
        content = _Read(stream)
        tar.addfile(member, content)
    # It would remember every file it was given; the types know nothing of that.
    tar.members = []  # type: ignore[attr-defined]
    return content.sha256.hexdigest()


def _flush(path: Path) -> None:
    """Let a file, or the names in a folder, outlast a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
