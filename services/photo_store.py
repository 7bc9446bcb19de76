"""Where photos' bytes lie: named by the SHA-256 of the original, in a folder or in a bucket.

    originals/ab/abcd….jpg    as it came, EXIF and all: for the bot alone
    previews/ab/abcd….jpg     small, upright, without metadata: for everyone else

The names are the same everywhere, so a folder copied into a bucket is a store there. `open_store`
picks the store by its URL; the bucket is in `services/photo_bucket.py`, the folder is here.
"""

import errno
import os
import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile, mkstemp
from typing import Protocol
from urllib.parse import unquote

from models import clock

# What a name must look like before it becomes a part of a path.
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")

_FILE_URL = re.compile(r"file://(/[^?#]+)")

ORIGINALS = "originals"
PREVIEWS = "previews"

_TEMPORARY = ".part"
# Nobody takes this long over one file: older ones were left by processes that died.
_STRAY_AFTER = timedelta(days=1)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class StoreFull(Exception):  # noqa: N818 - a state of the disk, not of the code
    """There is no room for another photo; nothing was stored."""


class StoreAway(Exception):  # noqa: N818 - a state of the network, not of the code
    """The store did not do its part this time; later it may. The message is for operators."""


class StoreUnusable(Exception):  # noqa: N818 - an answer to the operator
    """The store cannot be opened as it is configured; the message is for operators."""


class PhotoStore(Protocol):
    """Photos by their digest. Any number of threads, processes and machines may share one.

    Whoever finds a photo finds it whole. Its original is put last and deleted first: where there is
    an original there is a preview. Every call may wait for a disk or a network.
    """

    def put(self, sha256: str, original: bytes, preview: bytes, suffix: str) -> None:
        """Keep a photo; when this returns it is safe. One that is there already stays as it is.

        Args:
            sha256: of the original, 64 lower-case hex digits.
            original: the file as it came.
            preview: a JPEG fit for everyone.
            suffix: how the original's name ends, like `.heic`; it follows from the bytes.

        Raises:
            StoreFull: there is no room left, or none of what we may use.
            StoreAway: the store is out of reach; what is there of the photo may be half of it.
            ValueError: the digest or the suffix is none.
        """

    def original(self, sha256: str) -> bytes:
        """The file as it came, with all its camera wrote into it.

        Raises:
            KeyError: no such photo.
            StoreAway: the store is out of reach.
            ValueError: the digest is none.
        """

    def preview(self, sha256: str) -> bytes:
        """The JPEG for everyone.

        Raises:
            KeyError: no such photo.
            StoreAway: the store is out of reach.
            ValueError: the digest is none.
        """

    def delete(self, sha256: str) -> None:
        """Forget a photo; one that is not there is forgotten already.

        Whether anybody still needs it, and that nobody puts it at the same moment, is for the
        caller to know.

        Raises:
            StoreAway: the store is out of reach; what is left of the photo goes the next time.
            ValueError: the digest is none.
        """

    def sweep(self) -> int:
        """Remove what killed processes left half written; safe while others write.

        Returns:
            How many files were removed.
        """

    def probe(self) -> None:
        """See whether photos could be put, read and deleted; leaves nothing behind.

        Raises:
            StoreFull: there is no room left.
            StoreAway: the store is out of reach, or refuses us.
            OSError: the folder cannot be used.
        """


def open_store(url: str | None, default: Path) -> PhotoStore:
    """The store a URL names; nothing is read or written yet.

    Args:
        url: `file:///folder` or `s3://bucket/prefix`; None for the default.
        default: the folder to use where there is no URL.

    Raises:
        StoreUnusable: the URL is neither, or what a bucket needs is not there.
    """
    if not url:
        return FolderStore(default)
    if folder := _FILE_URL.fullmatch(url):
        return FolderStore(Path(unquote(folder[1])))
    if not url.startswith("s3://"):
        raise StoreUnusable("photos.url: expected file:///… or s3://bucket/prefix")
    try:
        # Most bots keep a folder and have no need of the package.
        from services.photo_bucket import BucketStore  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "obstore":
            raise
        raise StoreUnusable(
            "photos.url: a bucket needs the package obstore; install street-sentinel[s3]"
        ) from error
    return BucketStore(url)


def original_name(sha256: str, suffix: str) -> str:
    """What an original is called in every store.

    Raises:
        ValueError: the digest or the suffix is none.
    """
    if not _SUFFIX.fullmatch(suffix):
        raise ValueError(f"not a suffix: {suffix!r}")
    return f"{shelf(ORIGINALS, sha256)}/{sha256}{suffix}"


def preview_name(sha256: str) -> str:
    """What a preview is called in every store.

    Raises:
        ValueError: the digest is none.
    """
    return f"{shelf(PREVIEWS, sha256)}/{sha256}.jpg"


def shelf(kind: str, sha256: str) -> str:
    """Where the originals or previews beside a digest's lie; 256 shelves keep each short.

    Raises:
        ValueError: the digest is none.
    """
    if not _DIGEST.fullmatch(sha256):
        raise ValueError(f"not a SHA-256: {sha256!r}")
    return f"{kind}/{sha256[:2]}"


class FolderStore:
    """Photos in a folder; originals are readable for this process's user alone.

    A file appears under its name only once all of it is on the disk, so being killed at any point
    leaves at most a stray temporary file. Several machines may share the folder where it behaves
    as one on a disk does: renames at once, names that are made only once.
    """

    def __init__(self, root: Path) -> None:
        """Use a folder; it is made when the first photo comes.

        Args:
            root: the folder.
        """
        self.root = root

    def put(self, sha256: str, original: bytes, preview: bytes, suffix: str) -> None:
        """Keep a photo; when this returns it is on the disk."""
        file = self.root / original_name(sha256, suffix)
        # The original last: once it is there, the photo is complete.
        _keep(self.root / preview_name(sha256), preview, folder_mode=0o750, file_mode=0o640)
        if self._original_file(sha256) is None:
            _keep(file, original, folder_mode=0o700, file_mode=0o600)

    def original(self, sha256: str) -> bytes:
        """The file as it came."""
        file = self._original_file(sha256)
        if file is None:
            raise KeyError(sha256)
        return _read(file, sha256)

    def preview(self, sha256: str) -> bytes:
        """The JPEG for everyone."""
        return _read(self.root / preview_name(sha256), sha256)

    def delete(self, sha256: str) -> None:
        """Forget a photo."""
        # The original first: without it the photo counts as not there, and `put` brings it back.
        while (file := self._original_file(sha256)) is not None:
            file.unlink(missing_ok=True)
        (self.root / preview_name(sha256)).unlink(missing_ok=True)

    def sweep(self) -> int:
        """Remove temporary files that are a day old; younger ones may be somebody's at work."""
        latest = (clock.now() - _STRAY_AFTER).timestamp()
        removed = 0
        for stray in list(self.root.glob(f"*/*/*{_TEMPORARY}")):
            # Another process may sweep as well.
            with suppress(FileNotFoundError):
                if stray.stat().st_mtime < latest:
                    stray.unlink()
                    removed += 1
        return removed

    def probe(self) -> None:
        """See whether files can be written and read where photos go."""
        for kind in (ORIGINALS, PREVIEWS):
            # No folder is made: whoever asks may not be the user the bot runs as.
            folder = self.root / kind
            while not folder.exists():
                folder = folder.parent
            try:
                with NamedTemporaryFile(suffix=_TEMPORARY, dir=folder) as file:
                    file.write(kind.encode())
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                _refuse_if_full(error)
                raise

    def _original_file(self, sha256: str) -> Path | None:
        # By digest alone: the same bytes are the same photo, whatever they were called.
        found = (self.root / shelf(ORIGINALS, sha256)).glob(f"{sha256}.*")
        return next((file for file in found if file.suffix != _TEMPORARY), None)


def _read(file: Path, sha256: str) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise KeyError(sha256) from None


def _keep(file: Path, content: bytes, *, folder_mode: int, file_mode: int) -> None:
    if file.exists():
        return
    try:
        _make_folder(file.parent, folder_mode)
        _write(file, content, file_mode)
    except OSError as error:
        _refuse_if_full(error)
        raise


def _refuse_if_full(error: OSError) -> None:
    if error.errno in _FULL:
        raise StoreFull("no space left") from error


def _make_folder(folder: Path, mode: int) -> None:
    """The folder and the one above it with these rights, whatever the umask; the rest by umask."""
    folder.parent.parent.mkdir(parents=True, exist_ok=True)
    for part in (folder.parent, folder):
        try:
            part.mkdir(mode)
        except FileExistsError:
            continue
        part.chmod(mode)
        # A new folder survives a power cut only once the one it stands in has been written too.
        _flush_folder(part.parent)


def _write(file: Path, content: bytes, mode: int) -> None:
    handle, name = mkstemp(suffix=_TEMPORARY, dir=file.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        temporary.replace(file)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    _flush_folder(file.parent)


def _flush_folder(folder: Path) -> None:
    """Make a rename or a new name in a folder outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
