"""Where photos' bytes lie: files named by the SHA-256 of the original.

    root/originals/ab/abcd….jpg    as it came, EXIF and all: for this process's user alone
    root/previews/ab/abcd….jpg     small, upright, without metadata: for everyone else

A file appears under its name only once all of it is on the disk, so whoever finds one finds it
whole, and being killed at any point leaves at most a stray temporary file, which `sweep` removes.
The same photo put twice is one file.

`put`, `original`, `preview` and `delete` are all that the rest of the house asks for; another kind
of store need offer no more.
"""

import errno
import os
import re
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

# What a name must look like before it becomes a part of a path.
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")

_TEMPORARY = ".part"

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class StoreFull(Exception):  # noqa: N818 - a state of the disk, not of the code
    """There is no room for another photo; nothing was stored."""


class PhotoStore:
    """Photos in a folder. Any number of threads and processes may share one."""

    def __init__(self, root: Path) -> None:
        """Use a folder; it is made when the first photo comes.

        Args:
            root: the folder.
        """
        self.root = root
        self._originals = root / "originals"
        self._previews = root / "previews"

    def put(self, sha256: str, original: bytes, preview: bytes, suffix: str) -> None:
        """Keep a photo; when this returns it is on the disk.

        Args:
            sha256: of the original, 64 lower-case hex digits.
            original: the file as it came.
            preview: a JPEG fit for everyone.
            suffix: how the original's name ends, like `.heic`.

        Raises:
            StoreFull: the disk, or the share of it this user may use, is full.
            ValueError: the digest or the suffix is none.
        """
        if not _SUFFIX.fullmatch(suffix):
            raise ValueError(f"not a suffix: {suffix!r}")
        # The original last: once it is there, the photo is complete.
        _keep(self._preview_file(sha256), preview, folder_mode=0o750, file_mode=0o640)
        if self._original_file(sha256) is None:
            file = _shelf(self._originals, sha256) / f"{sha256}{suffix}"
            _keep(file, original, folder_mode=0o700, file_mode=0o600)

    def original(self, sha256: str) -> bytes:
        """The file as it came, with all its camera wrote into it.

        Raises:
            KeyError: no such photo.
            ValueError: the digest is none.
        """
        file = self._original_file(sha256)
        if file is None:
            raise KeyError(sha256)
        return file.read_bytes()

    def preview(self, sha256: str) -> bytes:
        """The JPEG for everyone.

        Raises:
            KeyError: no such photo.
            ValueError: the digest is none.
        """
        try:
            return self._preview_file(sha256).read_bytes()
        except FileNotFoundError:
            raise KeyError(sha256) from None

    def delete(self, sha256: str) -> None:
        """Forget a photo; one that is not there is forgotten already.

        Whether anybody still needs it, and that nobody puts it at the same moment, is for the
        caller to know.

        Raises:
            ValueError: the digest is none.
        """
        # The original first: without it the photo counts as not there, and `put` brings it back.
        while (file := self._original_file(sha256)) is not None:
            file.unlink(missing_ok=True)
        self._preview_file(sha256).unlink(missing_ok=True)

    def sweep(self) -> int:
        """Remove what killed processes left half written.

        Call it at the start, while no other process writes to the same folder.

        Returns:
            How many files were removed.
        """
        strays = list(self.root.glob(f"*/*/*{_TEMPORARY}"))
        for stray in strays:
            stray.unlink(missing_ok=True)
        return len(strays)

    def _original_file(self, sha256: str) -> Path | None:
        # By digest alone: the same bytes are the same photo, whatever they were called.
        found = _shelf(self._originals, sha256).glob(f"{sha256}.*")
        return next((file for file in found if file.suffix != _TEMPORARY), None)

    def _preview_file(self, sha256: str) -> Path:
        return _shelf(self._previews, sha256) / f"{sha256}.jpg"


def _shelf(folder: Path, sha256: str) -> Path:
    """The sub-folder for a digest; 256 of them keep each short."""
    if not _DIGEST.fullmatch(sha256):
        raise ValueError(f"not a SHA-256: {sha256!r}")
    return folder / sha256[:2]


def _keep(file: Path, content: bytes, *, folder_mode: int, file_mode: int) -> None:
    if file.exists():
        return
    try:
        _make_folder(file.parent, folder_mode)
        _write(file, content, file_mode)
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull(str(file.parent)) from error
        raise


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
