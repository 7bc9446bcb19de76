"""`sentinel restore`: a backup becomes the installation, and what was there before is kept aside.

The archive is unpacked beside its place and looked through to the end before anything is touched.
Then a few renames put it in: the photos first, the database last.
"""

import hashlib
import os
import sqlite3
import tarfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from alembic.script import ScriptDirectory
from pydantic import ValidationError

from bot import schema
from bot.backup import (
    DATABASE,
    KINDS,
    MANIFEST,
    PHOTO,
    Damaged,
    Digests,
    Manifest,
    counts_of,
    read_only,
    require_sound,
    revision_of,
)
from bot.progress import Show
from models import clock

# Rights of the store's folders and files, as services/photo_store.py gives them.
_RIGHTS = {"originals": (0o700, 0o600), "previews": (0o750, 0o640)}
# A database's own file, and what SQLite may have left beside it.
_PARTS = ("", "-wal", "-shm", "-journal")

# Numbers left out, so that none given after the backup is given again: the buttons under a lost
# report must not decide another.
GAP = 10_000

_CHUNK = 1024 * 1024
# More than any manifest needs.
_LONGEST_MANIFEST = 1024 * 1024


class Occupied(Exception):  # noqa: N818 - an answer to the operator
    """An installation is there already; the message says where."""


class TooNew(Exception):  # noqa: N818 - an answer to the operator
    """The backup was made by a newer program; the message says which."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back, and where what was there before lies now."""

    manifest: Manifest
    aside: list[Path]


def restore(
    archive: Path, *, database: Path, photos: Path | None, replace: bool, show: Show
) -> Restored:
    """Put a backup in place, or leave everything as it is.

    Args:
        archive: from `bot.backup`.
        database: where the database's file belongs. Nobody may use it meanwhile.
        photos: where their folder belongs; None where they belong in a bucket: those of the archive
            are looked at and left in it.
        replace: move aside what is there already.
        show: told how much of the archive has been read, and how much it is.

    Returns:
        What came back. An older database is brought to its newest by the next start.

    Raises:
        Occupied: something is there already and is not to be replaced.
        Damaged: the archive is incomplete, changed, or no backup.
        TooNew: this program does not know the database's shape.
        OSError: the archive cannot be read, or there is no room.
    """
    occupied = _occupied(database, photos)
    if occupied and not replace:
        raise Occupied(" and ".join(str(path) for path in occupied))
    with ExitStack() as until_the_end:
        new_database = _beside(until_the_end, database.parent) / DATABASE
        new_photos = None
        if photos is not None:
            # In the folder where there is one: it may be a disk of its own.
            near = photos if photos.is_dir() else photos.parent
            new_photos = _beside(until_the_end, near)
        manifest = _unpack(archive, new_database, new_photos, show)
        _look_through(new_database, manifest)
        _leave_numbers_out(new_database)
        aside = _place(
            database,
            new_database,
            photos if manifest.photos is not None else None,
            new_photos,
        )
    return Restored(manifest, aside)


def _occupied(database: Path, photos: Path | None) -> list[Path]:
    places = [Path(f"{database}{part}") for part in _PARTS]
    if photos is not None:
        places += [photos / kind for kind in KINDS]
    return [place for place in places if place.exists()]


def _beside(until_the_end: ExitStack, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    temporary = TemporaryDirectory(prefix=".sentinel-restore-", dir=folder)
    return Path(until_the_end.enter_context(temporary))


def _unpack(archive: Path, database: Path, photos: Path | None, show: Show) -> Manifest:
    digests, sha256, manifest = Digests(), "", None
    try:
        with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            size = os.fstat(file.fileno()).st_size
            while (member := tar.next()) is not None:
                # It would remember every file it has seen; the types know nothing of that.
                tar.members = []  # type: ignore[attr-defined]
                content = _content(tar, member)
                name = member.name
                if manifest is not None:
                    raise Damaged(f"{name!r} comes after its end")
                if name == MANIFEST and sha256:
                    manifest = _manifest(content.read(_LONGEST_MANIFEST))
                elif name == DATABASE and not sha256:
                    sha256 = _pour(content, member.size, database, 0o600)
                elif (photo := PHOTO.fullmatch(name)) and sha256:
                    digests.add(name, _unpack_photo(content, member, photo[1], photos))
                else:
                    raise Damaged(f"{name!r} does not belong into a backup")
                show("archive", member.offset_data + member.size, size)
    except tarfile.TarError as error:
        raise Damaged(str(error)) from error
    if manifest is None:
        raise Damaged("its end is missing")
    if sha256 != manifest.database.sha256:
        raise Damaged("the database is not the one that was put in")
    if (manifest.photos or Digests().told()) != digests.told():
        raise Damaged("the photos are not those that were put in")
    return manifest


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    # A link or a device could lead out of the folder it is unpacked into.
    content = tar.extractfile(member) if member.type == tarfile.REGTYPE else None
    if content is None:
        raise Damaged(f"{member.name!r} is no file")
    return content


def _manifest(text: bytes) -> Manifest:
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise Damaged("its manifest is not understood; was it made by a newer version?") from error


def _unpack_photo(
    content: IO[bytes], member: tarfile.TarInfo, kind: str, photos: Path | None
) -> str:
    file = None
    folder_mode, file_mode = _RIGHTS[kind]
    if photos is not None:
        file = photos / Path(member.name).relative_to("photos")
        for folder in (file.parent.parent, file.parent):
            if not folder.is_dir():
                folder.mkdir()
                folder.chmod(folder_mode)
    return _pour(content, member.size, file, file_mode)


def _pour(content: IO[bytes], size: int, file: Path | None, mode: int) -> str:
    """Write a file out of an archive, or only read it; its digest."""
    sha256 = hashlib.sha256()
    with ExitStack() as until_the_end:
        target = until_the_end.enter_context(file.open("xb")) if file is not None else None
        if target is not None:
            os.fchmod(target.fileno(), mode)
        while piece := content.read(_CHUNK):
            sha256.update(piece)
            size -= len(piece)
            if target is not None:
                target.write(piece)
    if size:
        raise Damaged("its end is missing")
    return sha256.hexdigest()


def _look_through(database: Path, manifest: Manifest) -> None:
    with closing(read_only(database)) as rows:
        require_sound(rows)
        if counts_of(rows) != manifest.database.rows:
            raise Damaged("its manifest is not of this database")
        revision = revision_of(rows)
    scripts = ScriptDirectory.from_config(schema.config()).walk_revisions()
    if all(script.revision != revision for script in scripts):
        raise TooNew(f"version {manifest.version}, database {revision}")


def _leave_numbers_out(database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as rows:
        rows.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT name, 0 FROM sqlite_master "
            "WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%' "
            "AND name NOT IN (SELECT name FROM sqlite_sequence)"
        )
        rows.execute("UPDATE sqlite_sequence SET seq = seq + ?", (GAP,))


def _place(
    database: Path, new_database: Path, photos: Path | None, new_photos: Path | None
) -> list[Path]:
    """Move the old aside and the new in; where what was there before lies now."""
    stamp = f"replaced-{clock.now():%Y%m%dT%H%M%SZ}"
    moves: list[tuple[Path, Path]] = []
    aside: list[Path] = []
    if photos is not None and new_photos is not None:
        old = [(photos / kind, photos / stamp / kind) for kind in KINDS if (photos / kind).exists()]
        new = [(new_photos / kind, photos / kind) for kind in KINDS if (new_photos / kind).exists()]
        moves += old + new
        aside += [photos / stamp] if old else []
    kept = database.with_name(f"{database.stem}.{stamp}{database.suffix}")
    parts = [part for part in _PARTS if Path(f"{database}{part}").exists()]
    moves += [(Path(f"{database}{part}"), Path(f"{kept}{part}")) for part in parts]
    aside += [kept] if "" in parts else []
    moves.append((new_database, database))
    os.sync()
    _move(moves)
    os.sync()
    return aside


def _move(moves: list[tuple[Path, Path]]) -> None:
    done: list[tuple[Path, Path]] = []
    try:
        for old, new in moves:
            if new.exists():
                raise FileExistsError(f"{new} is there already")
            new.parent.mkdir(parents=True, exist_ok=True)
            old.rename(new)
            done.append((new, old))
    except OSError:
        for new, old in reversed(done):
            new.rename(old)
        raise
