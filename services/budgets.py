"""What may still be said in a group: Telegram takes 20 messages and edits a minute, and no more.

Whoever sends spends first, in the transaction that takes the message. One message of a chat is on
its way at a time, so nobody else spends for that chat meanwhile.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from models import ChatBudget, ChatPause, Outgoing, clock
from models.outgoing import OutgoingState
from services.statements import Prepared
from services.upserts import insert_or_update

WINDOW_S = 60.0
# Calls about a group that say nothing in it. Pinning does: a line tells of it.
_SILENT = frozenset({"leaveChat"})
# Of what waits for a group no more is counted: it is full long before.
_MANY = 50

_SPENT = Prepared(select(ChatBudget.spent).where(ChatBudget.chat_id == bindparam("chat")))
_WAITING = Prepared(
    select(Outgoing.method, Outgoing.payload)
    .where(
        Outgoing.chat_id == bindparam("chat"),
        Outgoing.state == OutgoingState.QUEUED,
        Outgoing.bulk.is_(False),
    )
    .limit(_MANY)
)


def price(method: str, payload: dict[str, Any]) -> int:
    """How many messages of the budget a call takes; an album as many as it has pictures."""
    if method in _SILENT:
        return 0
    return max(1, len(payload.get("photo_ids") or ()))


def spend(
    session: Session, *, chat_id: int, method: str, payload: dict[str, Any], per_minute: int
) -> bool:
    """Pay for a call from a group's budget.

    The group rests until there is room: where there is none for this call, and where none is left
    after it.

    Args:
        session: the transaction.
        chat_id: a group.
        method: what is called.
        payload: with what.
        per_minute: the budget.

    Returns:
        False if the call has to wait; then nothing was paid.
    """
    cost = price(method, payload)
    if not cost:
        return True
    now = clock.now().timestamp()
    spent = _spent(session, chat_id=chat_id, now=now)
    over = len(spent) + cost - per_minute
    if over > 0 and spent:
        # What is larger than the whole budget goes once nothing else is in the way.
        _rest(session, chat_id=chat_id, since=spent[min(over, len(spent)) - 1])
        return False
    spent += [round(now, 3)] * cost
    insert_or_update(
        session, model=ChatBudget, values={"chat_id": chat_id, "spent": spent}, key=("chat_id",)
    )
    if len(spent) >= per_minute:
        _rest(session, chat_id=chat_id, since=spent[-per_minute])
    return True


def used(session: Session, *, chat_id: int) -> int:
    """How much of a group's budget is spent, or will be by what waits to be sent to it.

    Args:
        session: the transaction; what it has queued is counted.
        chat_id: a group.

    Returns:
        Messages of the last minute and of what waits; of many that wait, at least 50.
    """
    waiting = _WAITING.rows(session, chat=chat_id)
    spent = _spent(session, chat_id=chat_id, now=clock.now().timestamp())
    return len(spent) + sum(price(method, payload) for method, payload in waiting)


def _spent(session: Session, *, chat_id: int, now: float) -> list[float]:
    all_of_it: Sequence[float] = _SPENT.scalar(session, chat=chat_id) or ()
    # Moments are written down in milliseconds.
    return [moment for moment in all_of_it if moment + WINDOW_S > now + 0.001]


def _rest(session: Session, *, chat_id: int, since: float) -> None:
    until = datetime.fromtimestamp(since + WINDOW_S, tz=UTC)
    insert_or_update(
        session,
        model=ChatPause,
        values={"chat_id": chat_id, "until": until},
        key=("chat_id",),
    )
