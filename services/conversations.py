"""Where each conversation stands, read and written within the update's transaction."""

from datetime import datetime

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from models import Conversation, clock
from services.statements import Prepared
from services.upserts import insert_or_update

Key = tuple[int, ...]


_ALL_OF_KEY = (
    Conversation.chat_id == bindparam("chat_id"),
    Conversation.person_id == bindparam("person_id"),
)
_ONE = (Conversation.name == bindparam("name"), *_ALL_OF_KEY)

_STATES = Prepared(select(Conversation.name, Conversation.state).where(*_ALL_OF_KEY))
_FORGET = Prepared(delete(Conversation).where(*_ONE))


def states(session: Session, *, key: Key) -> dict[str, str]:
    """The states of all conversations that are going on under a key, in one question.

    Args:
        session: the transaction.
        key: chat id and person id.

    Returns:
        State by name.
    """
    chat_id, person_id = key
    return dict(_STATES.rows(session, chat_id=chat_id, person_id=person_id))


def set_state(session: Session, *, name: str, key: Key, state: str | None) -> None:
    """Move a conversation on, or end it with None."""
    chat_id, person_id = key
    if state is None:
        forget(session, name=name, key=key)
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
    _FORGET.run(session, name=name, chat_id=chat_id, person_id=person_id)


_SUBJECT = select(Conversation.subject_id).where(*_ONE)


def subject(session: Session, *, name: str, key: Key) -> int | None:
    """What the conversation is about, e.g. the report a note is awaited for."""
    chat_id, person_id = key
    values = {"name": name, "chat_id": chat_id, "person_id": person_id}
    return session.connection().scalar(_SUBJECT, values)


_UPDATED_AT = select(Conversation.updated_at).where(*_ONE)


def moved_at(session: Session, *, name: str, key: Key) -> datetime | None:
    """When the conversation last moved; None if there is none."""
    chat_id, person_id = key
    values = {"name": name, "chat_id": chat_id, "person_id": person_id}
    return session.connection().scalar(_UPDATED_AT, values)


def set_subject(session: Session, *, name: str, key: Key, subject_id: int) -> None:
    """Say what the conversation is about."""
    chat_id, person_id = key
    session.connection().execute(
        update(Conversation)
        .where(
            Conversation.name == name,
            Conversation.chat_id == chat_id,
            Conversation.person_id == person_id,
        )
        .values(subject_id=subject_id)
    )
