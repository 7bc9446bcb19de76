"""Things to find out from the outside world after a commit: written down, taken, finished."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from models import Errand, clock
from models.errands import ErrandKind
from services.statements import Prepared
from services.upserts import insert_row

# While an errand runs nobody else takes it; a process that died leaves it to the next after this.
LEASE = timedelta(minutes=2)
# What is due is done in order; by so much what cannot wait goes before the rest.
AHEAD = timedelta(hours=1)
# Waits between tries, in seconds; after the last the errand is given up.
WAITS = (2, 5, 15, 60, 300, 900, 3600)


@dataclass(frozen=True, slots=True)
class Task:
    """An errand handed out.

    Attributes:
        id: the row.
        kind: what is to be found out.
        payload: about what.
        first: it is the first try.
        last: no further try will follow.
        origin: what it came from, for the log.
    """

    id: int
    kind: ErrandKind
    payload: dict[str, Any]
    first: bool
    last: bool
    origin: str | None = None


def ask(
    session: Session, *, kind: ErrandKind, payload: dict[str, Any], first: bool = False
) -> None:
    """Write down something to find out once this transaction is committed.

    Args:
        session: the transaction.
        kind: what is to be found out.
        payload: about what.
        first: before whatever else is due, because somebody waits with a finger on a button.
    """
    now = clock.now()
    insert_row(
        session,
        model=Errand,
        values={
            "kind": kind,
            "payload": payload,
            "created_at": now,
            "not_before": now - AHEAD if first else now,
            "tries": 0,
            "origin": session.info.get("origin"),
        },
    )


# What a newer version asks is left to it: while two run side by side, or after a step back.
_KNOWN = Errand.kind.in_([bindparam(f"kind_{kind}", kind.value) for kind in ErrandKind])
_DUE = Prepared(
    select(Errand.id, Errand.kind, Errand.payload, Errand.tries, Errand.origin)
    .where(Errand.not_before <= bindparam("now"), _KNOWN)
    .order_by(Errand.not_before, Errand.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_TAKE = Prepared(
    update(Errand)
    .where(Errand.id == bindparam("row"))
    .values(not_before=bindparam("lease"), tries=Errand.tries + 1, holder=bindparam("process"))
)


def take(session: Session, *, limit: int, holder: int) -> list[Task]:
    """Take errands that are due; they are the process's until `LEASE` from now.

    Args:
        session: the transaction.
        limit: how many at most.
        holder: the number of the process that runs them.

    Returns:
        What is to be done.
    """
    now = clock.now()
    rows = _DUE.rows(session, now=now, most=limit)
    _TAKE.many(session, [{"row": row[0], "lease": now + LEASE, "process": holder} for row in rows])
    return [
        Task(
            id_,
            ErrandKind(kind),
            payload,
            first=tries == 0,
            last=tries >= len(WAITS),
            origin=origin,
        )
        for id_, kind, payload, tries, origin in rows
    ]


_DONE = Prepared(delete(Errand).where(Errand.id == bindparam("row")).returning(Errand.id))


def done(session: Session, *, task: Task) -> bool:
    """The answer is in; to be called in the transaction that takes it in.

    Returns:
        False if somebody else has finished it: then nothing more may be done for it.
    """
    return _DONE.first(session, row=task.id) is not None


def again(session: Session, *, task: Task) -> None:
    """It did not work this time; try later. After the last try call `done` instead."""
    row = session.get(Errand, task.id)
    if row is not None:
        wait = WAITS[min(row.tries, len(WAITS)) - 1]
        row.not_before = clock.now() + timedelta(seconds=wait)
        row.holder = None


def hand_back(session: Session, *, task: Task) -> None:
    """It could not be finished for want of the database: it is due at once, and was not tried."""
    row = session.get(Errand, task.id)
    if row is not None:
        row.not_before = clock.now()
        row.tries -= 1
        row.holder = None
        # Prepared statements see nothing before it is flushed.
        session.flush()


def holders(session: Session) -> set[int]:
    """The numbers of the processes that have taken errands."""
    statement = select(Errand.holder).where(Errand.holder.is_not(None)).distinct()
    return {holder for holder in session.scalars(statement) if holder is not None}


def recover(session: Session, *, gone: Collection[int]) -> int:
    """What processes that are gone had taken is due now.

    Args:
        session: the transaction.
        gone: the numbers of the processes that are not there any more, out of `holders`.

    Returns:
        How many errands were taken up.
    """
    statement = (
        update(Errand)
        .where(Errand.holder.in_(gone))
        .values(not_before=clock.now(), holder=None)
        .returning(Errand.id)
        .execution_options(synchronize_session=False)
    )
    return len(session.execute(statement).all())


_NEXT = Prepared(select(func.min(Errand.not_before)).where(_KNOWN))


def next_due(session: Session) -> datetime | None:
    """When the next errand is due; None if there is none."""
    due: datetime | None = _NEXT.scalar(session)
    return due
