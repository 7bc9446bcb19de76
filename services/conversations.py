"""Where each conversation stands, read and written within the update's transaction."""

from sqlalchemy import delete
from sqlalchemy.orm import Session

from models import Conversation, clock
from services.upserts import insert_or_update

Key = tuple[int, ...]


def state(session: Session, *, name: str, key: Key) -> str | None:
    """The state of a conversation.

    Args:
        session: the transaction.
        name: which conversation.
        key: chat id and person id.

    Returns:
        The state; None if the conversation is not going on.
    """
    chat_id, person_id = key
    row = session.get(Conversation, (name, chat_id, person_id))
    return row.state if row else None


def set_state(session: Session, *, name: str, key: Key, state: str | None) -> None:
    """Move a conversation on, or end it with None."""
    chat_id, person_id = key
    if state is None:
        forget(session, name=name, key=key)
        return
    row = session.get(Conversation, (name, chat_id, person_id))
    if row is not None:
        row.state, row.updated_at = state, clock.now()
        return
    values = {
        "name": name,
        "chat_id": chat_id,
        "person_id": person_id,
        "state": state,
        "updated_at": clock.now(),
    }
    insert_or_update(
        session, model=Conversation, values=values, key=("name", "chat_id", "person_id")
    )


def forget(session: Session, *, name: str, key: Key) -> None:
    """End a conversation."""
    chat_id, person_id = key
    session.execute(
        delete(Conversation).where(
            Conversation.name == name,
            Conversation.chat_id == chat_id,
            Conversation.person_id == person_id,
        )
    )


def subject(session: Session, *, name: str, key: Key) -> int | None:
    """What the conversation is about, e.g. the report a note is awaited for."""
    chat_id, person_id = key
    row = session.get(Conversation, (name, chat_id, person_id))
    return row.subject_id if row else None


def set_subject(session: Session, *, name: str, key: Key, subject_id: int) -> None:
    """Say what the conversation is about."""
    chat_id, person_id = key
    row = session.get(Conversation, (name, chat_id, person_id))
    if row is not None:
        row.subject_id = subject_id
