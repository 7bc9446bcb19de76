"""Which messages show a report, and which reports still lack the card they should have."""

from collections.abc import Sequence

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from models import Card, Report
from models.cards import CardPurpose
from models.workflow import UNDECIDED_STATES
from services.upserts import new_row

_FIND = select(Card).where(
    Card.report_id == bindparam("report_id"),
    Card.chat_id == bindparam("chat_id"),
    Card.purpose == bindparam("purpose"),
)


def find(session: Session, *, report_id: int, chat_id: int, purpose: CardPurpose) -> Card | None:
    """The card of a report in a chat, if it has one."""
    return session.scalar(_FIND, {"report_id": report_id, "chat_id": chat_id, "purpose": purpose})


def find_or_make(
    session: Session, *, report_id: int, chat_id: int, purpose: CardPurpose
) -> tuple[Card, bool]:
    """The card of a report in a chat, a new one if there is none: one a report and chat, ever.

    Returns:
        The card, and whether it is new.
    """
    values = {
        "report_id": report_id,
        "chat_id": chat_id,
        "purpose": purpose,
        "has_photo": False,
    }
    card = new_row(session, model=Card, values=values)
    if card is not None:
        return card, True
    card = find(session, report_id=report_id, chat_id=chat_id, purpose=purpose)
    assert card is not None
    return card, False


def of_report(session: Session, *, report_id: int, purpose: CardPurpose) -> Sequence[Card]:
    """All cards of a report for one purpose."""
    return session.scalars(
        select(Card).where(Card.report_id == report_id, Card.purpose == purpose).order_by(Card.id)
    ).all()


def undealt(session: Session, *, chat_id: int, limit: int) -> Sequence[Report]:
    """Undecided reports that have no review card in a chat, dangers first, then the oldest."""
    dealt = select(Card.report_id).where(
        Card.chat_id == chat_id, Card.purpose == CardPurpose.REVIEW
    )
    return session.scalars(
        select(Report)
        .where(Report.state.in_(UNDECIDED_STATES), Report.id.not_in(dealt))
        .order_by(Report.danger.desc(), Report.id)
        .limit(limit)
    ).all()


def unplaced(session: Session, *, chat_id: int) -> Sequence[Report]:
    """Undecided reports whose review card in a chat has no message (any more)."""
    return session.scalars(
        select(Report)
        .join(Card, Card.report_id == Report.id)
        .where(
            Card.chat_id == chat_id,
            Card.purpose == CardPurpose.REVIEW,
            Card.message_id.is_(None),
            Report.state.in_(UNDECIDED_STATES),
        )
        .order_by(Report.id)
    ).all()
