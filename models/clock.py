"""The one clock. Everything that asks for the time asks here, so a test can say what time it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_stopped_at: datetime | None = None


def now() -> datetime:
    """The present moment, zone-aware in UTC."""
    return _stopped_at or datetime.now(UTC)  # noqa: TID251 - this is the one clock


@contextmanager
def stopped(at: datetime) -> Iterator[None]:
    """Stop the clock at a moment for the length of a `with` block.

    Args:
        at: a zone-aware moment.

    Raises:
        ValueError: the moment has no zone.
    """
    global _stopped_at  # noqa: PLW0603 - one clock for every thread is the point
    if at.tzinfo is None:
        raise ValueError("the clock takes zone-aware moments only")
    before, _stopped_at = _stopped_at, at.astimezone(UTC)
    try:
        yield
    finally:
        _stopped_at = before


def advance(by: timedelta) -> None:
    """Move a stopped clock forward.

    Raises:
        RuntimeError: the clock is running.
    """
    global _stopped_at  # noqa: PLW0603
    if _stopped_at is None:
        raise RuntimeError("only a stopped clock can be moved")
    _stopped_at += by
