"""Which messages show a report, and which reports still lack the card they should have."""

from collections.abc import Sequence

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session

from models import Card, Outgoing, Report
from models.cards import CardPurpose
from models.outgoing import OutgoingState
from models.workflow import UNDECIDED_STATES
from services.upserts import insert_new_object

_FIND = select(Card).where(
    Card.report_id == bindparam("report_id"),
    Card.chat_id == bindparam("chat_id"),
    Card.purpose == bindparam("purpose"),
)


def find(session: Session, *, report_id: int, chat_id: int, purpose: CardPurpose) -> Card | None:
    """The card of a report in a chat, if it has one."""
    return session.scalar(_FIND, {"report_id": report_id, "chat_id": chat_id, "purpose": purpose})


def report_on(session: Session, *, chat_id: int, message_id: int) -> int | None:
    """The number of the report a message shows to reviewers; None if it shows none."""
    return session.scalar(
        select(Card.report_id).where(
            Card.chat_id == chat_id,
            Card.message_id == message_id,
            Card.purpose == CardPurpose.REVIEW,
        )
    )


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
        "message_id": None,
        "has_photo": False,
        "has_album": False,
    }
    card = insert_new_object(session, model=Card, values=values)
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


# The card has a message, or one is on its way: it is, or will be, seen.
_ON_ITS_WAY = exists().where(
    Outgoing.card_id == Card.id,
    Outgoing.state.in_((OutgoingState.QUEUED, OutgoingState.SENDING)),
)
_SEEN = Card.message_id.is_not(None) | _ON_ITS_WAY


def is_lost(session: Session, *, card: Card) -> bool:
    """Whether a card has no message and none is on its way, e.g. since the bot was kicked out."""
    return session.scalar(select(Card.id).where(Card.id == card.id, ~_SEEN)) is not None


def undealt(session: Session, *, chat_id: int, limit: int) -> Sequence[Report]:
    """Undecided reports nobody in a chat sees a card of, dangers first, then the oldest."""
    seen = exists().where(
        Card.report_id == Report.id,
        Card.chat_id == chat_id,
        Card.purpose == CardPurpose.REVIEW,
        _SEEN,
    )
    return session.scalars(
        select(Report)
        .where(Report.state.in_(UNDECIDED_STATES), ~seen)
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
