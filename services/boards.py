"""What the pinned message of a review desk tells: how much waits, and what was decided today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models import Chat, Report, clock
from models.policy import Policy
from models.workflow import DESK_STATES, State
from services import budgets, chats, outbox
from services.chats import Area

# How often a board may change.
PACE = timedelta(minutes=1)
AGAIN = timedelta(seconds=10)
# Boards looked at in one go, so that many desks hold nobody up.
AT_ONCE = 10
# What a board leaves of the group's budget, for decisions made at the same moment.
LEAVES = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """How a desk stands.

    Attributes:
        waiting: reports it has to decide on, dealt or not.
        dangers: those of them that can hurt somebody today.
        oldest: when the oldest of them was made.
        approved: today's decisions that still hold.
        rejected: likewise.
        merged: likewise.
        held: reports put aside, which nobody but their card reminds of.
    """

    waiting: int
    dangers: int
    oldest: datetime | None
    approved: int
    rejected: int
    merged: int
    held: int


def standing(session: Session, *, area: Area, policy: Policy) -> Standing:
    """How a desk stands at this moment.

    Args:
        session: the transaction.
        area: what it reviews.
        policy: says when the day began.
    """
    waits = Report.state != State.HELD
    waiting, dangers, oldest, held = session.execute(
        select(
            func.count().filter(waits),
            func.count().filter(waits, Report.danger),
            func.min(Report.created_at).filter(waits),
            func.count().filter(~waits),
        ).where(area.lies_in, Report.state.in_({*DESK_STATES, State.HELD}))
    ).one()
    local = clock.now().astimezone(policy.zone)
    midnight = datetime.combine(local.date(), time(), tzinfo=policy.zone)
    # By the moment only: by state or district far more reports would be read.
    today = session.execute(
        select(Report.district, Report.state).where(Report.decided_at >= midnight)
    ).all()
    decided = [state for district, state in today if area.holds(district)]
    return Standing(
        waiting=waiting,
        dangers=dangers,
        oldest=oldest,
        approved=decided.count(State.APPROVED),
        rejected=decided.count(State.REJECTED),
        merged=decided.count(State.DUPLICATE),
        held=held,
    )


def due(session: Session) -> Sequence[Chat]:
    """Moderator chats whose board is to be looked at; a few, their rows locked."""
    return session.scalars(
        chats.DESKS.where(or_(Chat.board_due.is_(None), Chat.board_due <= clock.now()))
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()


def post(session: Session, *, chat: Chat, text: str, per_minute: int) -> None:
    """Have a board tell something else, if it does not say so already and there is room for it.

    Where there is no room it is looked at again soon, otherwise in a minute.

    Args:
        session: the transaction.
        chat: the desk.
        text: HTML.
        per_minute: the group's budget; 0: none is kept.
    """
    chat.board_due = clock.now() + PACE
    if chat.board_text != text:
        if _has_room(session, chat, per_minute):
            outbox.queue(
                session,
                chat_id=chat.id,
                method=outbox.BOARD,
                payload={"text": text, "message_id": chat.board_message_id},
            )
            chat.board_text = text
        else:
            chat.board_due = clock.now() + AGAIN
    session.flush()


def _has_room(session: Session, chat: Chat, per_minute: int) -> bool:
    if outbox.is_waiting(session, chat_id=chat.id, method=outbox.BOARD):
        # One is on its way.
        return False
    if not per_minute:
        return True
    # A new one is pinned, too.
    price = 1 if chat.board_message_id is not None else 2
    return budgets.used(session, chat_id=chat.id) + price <= max(per_minute - LEAVES, price)
