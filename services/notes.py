"""A rider's note: the words of several messages, each of which may still be edited by itself."""

from models import Draft, Report


def clean(text: str) -> str:
    """Text without what no database and no network takes: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode("utf-8").strip()


def append(owner: Draft | Report, *, text: str, message_id: int | None, limit: int) -> str:
    """Add the words of a message to the note.

    Args:
        owner: the draft or report whose note it is.
        text: what they wrote.
        message_id: the message it came in, so that its edit finds it.
        limit: how long the whole note may be, in characters.

    Returns:
        What of it fitted.
    """
    kept = clean(text)[: _room(owner.note, limit)]
    if kept:
        _write(owner, [*owner.note_parts, (message_id, kept)])
    return kept


def has_part(owner: Draft | Report, *, message_id: int) -> bool:
    """Whether words of a message are in the note."""
    return any(number == message_id for number, _ in owner.note_parts)


def replace(owner: Draft | Report, *, text: str, message_id: int, limit: int) -> None:
    """Follow the edit of a message: its words change, those of the others stay.

    Args:
        owner: the draft or report whose note it is.
        text: what the message says now.
        message_id: the message.
        limit: how long the whole note may be, in characters.
    """
    others = _joined([part for part in owner.note_parts if part[0] != message_id])
    kept = clean(text)[: _room(others, limit)]
    _write(
        owner,
        [(number, kept if number == message_id else words) for number, words in owner.note_parts],
    )


def _room(note: str, limit: int) -> int:
    # A line's end goes between two parts.
    return max(0, limit - len(note) - 1) if note else limit


def _joined(parts: list[tuple[int | None, str]]) -> str:
    return "\n".join(words for _, words in parts if words)


def _write(owner: Draft | Report, parts: list[tuple[int | None, str]]) -> None:
    owner.note_parts, owner.note = parts, _joined(parts)
