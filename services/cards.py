"""Which messages show a report, and which reports still lack the card they should have."""

from collections.abc import Sequence

from sqlalchemy import bindparam, exists, func, or_, select
from sqlalchemy.orm import Session

from models import Card, Joiner, Outgoing, Report, Vote, clock
from models.cards import CardPurpose
from models.outgoing import OutgoingState
from models.workflow import DESK_STATES, UNDECIDED_STATES, State
from services import budgets
from services.chats import Area
from services.reviewers import Reviewer
from services.statements import Prepared
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
    if card.message_id is not None:
        return False
    return session.scalar(select(Card.id).where(Card.id == card.id, ~_SEEN)) is not None


def forget_place(session: Session, *, card: Card) -> None:
    """Have a card sent as a new message when it is dealt next; with what came since, once more."""
    card.message_id, card.has_photo, card.has_album = None, False, False
    session.flush()


def undealt(session: Session, *, chat_id: int, area: Area, limit: int) -> Sequence[Report]:
    """Reports that wait for their card in a chat, dangers first, then the oldest.

    One that somebody has been dealt in private waits until their claim is over. What is not the
    desk's to decide just now needs a card only where there was one before.

    Args:
        session: the transaction.
        chat_id: the chat.
        area: what it reviews.
        limit: how many at most.
    """
    here = exists().where(
        Card.report_id == Report.id,
        Card.chat_id == chat_id,
        Card.purpose == CardPurpose.REVIEW,
    )
    return session.scalars(
        select(Report)
        .where(
            area.lies_in,
            Report.state.in_(UNDECIDED_STATES),
            or_(Report.state.in_(DESK_STATES), here),
            ~here.where(_SEEN),
            or_(Report.claimed_until.is_(None), Report.claimed_until <= clock.now()),
        )
        .order_by(Report.danger.desc(), Report.id)
        .limit(limit)
    ).all()


def to_review(session: Session, *, area: Area, reviewer: Reviewer, limit: int) -> Sequence[Report]:
    """What somebody can decide on next, dangers first, then the oldest; the rows are locked.

    Left out is what is theirs or a colleague's for now, and what they may not decide on.

    Args:
        session: the transaction.
        area: what their desk reviews.
        reviewer: who asks.
        limit: how many at most.
    """
    me = reviewer.id
    joined = exists().where(Joiner.report_id == Report.id, Joiner.person_id == me)
    voted = exists().where(Vote.report_id == Report.id, Vote.reviewer_id == me)
    statement = (
        select(Report)
        .where(
            area.lies_in,
            Report.state.in_(DESK_STATES if reviewer.is_chief else DESK_STATES - _FOR_CHIEFS),
            Report.reporter_id != me,
            ~joined,
            ~voted,
            or_(Report.appealed_against.is_(None), Report.appealed_against != me),
            or_(Report.claimed_until.is_(None), Report.claimed_until <= clock.now()),
        )
        .order_by(Report.danger.desc(), Report.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return session.scalars(statement).all()


_FOR_CHIEFS = {State.DISPUTED}


# The part of a group's budget that cards leave to edits and answers, at most.
RESERVE = 1 / 3


def has_room(session: Session, *, chat_id: int, price: int, per_minute: int) -> bool:
    """Whether a card may be sent to a group now.

    A decision's edit must not wait behind cards. So one edit is kept for each card that lies open
    there, and one for an answer, up to a third of the budget; a card that takes more than half of
    it counts as half, or it would wait for ever at a busy desk.

    Args:
        session: the transaction.
        chat_id: a moderator chat.
        price: how many messages the card takes.
        per_minute: the group's budget; 0: none is kept.
    """
    if not per_minute:
        return True
    most = int(per_minute * RESERVE)
    left = per_minute - budgets.used(session, chat_id=chat_id)
    left -= min(price, max(per_minute // 2, 1))
    if left < min(most, 1):
        return False
    lying_open: int = _OPEN.scalar(session, chat=chat_id, most=most)
    return left >= min(most, 1 + lying_open)


# Found by their state: of a chat's cards nearly all are decided, of all reports few are open.
_OPEN = Prepared(
    select(func.count()).select_from(
        select(Report.id)
        .where(
            or_(*(Report.state == state for state in sorted(DESK_STATES))),
            exists().where(
                Card.report_id == Report.id,
                Card.chat_id == bindparam("chat"),
                Card.purpose == CardPurpose.REVIEW,
            ),
        )
        .limit(bindparam("most"))
        .subquery()
    )
)
