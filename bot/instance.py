"""One bot a folder: two on the same files would take each other's updates."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "running.lock"


class AlreadyRunning(Exception):  # noqa: N818 - an answer to the operator
    """Somebody else works in this folder."""


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold a folder for ourselves for the length of a `with` block.

    The system lets go of it when the process ends, however it ends.

    Args:
        folder: made if it is not there.

    Raises:
        AlreadyRunning: another process holds it.
        OSError: the folder cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning from error
        yield
