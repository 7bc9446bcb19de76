"""What a reviewer's next reply to a card is taken for."""

from datetime import timedelta
from enum import StrEnum

from sqlalchemy import delete
from sqlalchemy.orm import Session

from models import Prompt, clock
from services.upserts import insert_or_update

# A reply this long after the button is asked again what it is for.
LIFE = timedelta(minutes=30)


class PromptKind(StrEnum):
    """What was asked for."""

    ASK = "ask"
    REJECT = "reject"
    HOLD = "hold"
    MERGE = "merge"
    PIN = "pin"
    WARN = "warn"
    BAN = "ban"


def expect(
    session: Session,
    *,
    chat_id: int,
    person_id: int,
    report_id: int,
    kind: PromptKind | None,
    text: str = "",
) -> None:
    """Remember what somebody's next reply is for; what it was for before is forgotten.

    Args:
        session: the transaction.
        chat_id: where they reply.
        person_id: who.
        report_id: about what.
        kind: what it is taken for; None: they wrote first, and are asked what it is for.
        text: what they wrote; of a ban, the days.
    """
    session.flush()
    insert_or_update(
        session,
        model=Prompt,
        values={
            "chat_id": chat_id,
            "person_id": person_id,
            "report_id": report_id,
            "kind": kind,
            "text": text,
            "at": clock.now(),
        },
        key=("chat_id", "person_id"),
    )


def find(session: Session, *, chat_id: int, person_id: int, report_id: int) -> Prompt | None:
    """What somebody's words about a report are for.

    Returns:
        The prompt; None if nothing was asked of them, or too long ago, or about another report.
    """
    prompt = session.get(Prompt, (chat_id, person_id), populate_existing=True)
    if prompt is None or prompt.report_id != report_id or prompt.at < clock.now() - LIFE:
        return None
    return prompt


def forget(session: Session, *, chat_id: int, person_id: int, report_id: int) -> None:
    """No words about a report are expected of somebody (any more)."""
    session.execute(
        delete(Prompt).where(
            Prompt.chat_id == chat_id,
            Prompt.person_id == person_id,
            Prompt.report_id == report_id,
        )
    )
