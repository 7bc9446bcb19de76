"""Things to find out from the outside world after a commit: written down, taken, finished."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from models import Errand, clock
from models.errands import ErrandKind

# While an errand runs nobody else takes it; a process that died leaves it to the next after this.
LEASE = timedelta(minutes=2)
# Waits between tries, in seconds; after the last the errand is given up.
WAITS = (2, 5, 15, 60, 300, 900, 3600)


@dataclass(frozen=True, slots=True)
class Task:
    """An errand handed out.

    Attributes:
        id: the row.
        kind: what is to be found out.
        payload: about what.
        last: no further try will follow.
    """

    id: int
    kind: ErrandKind
    payload: dict[str, Any]
    last: bool


_ASK = Errand.__table__.insert()  # type: ignore[attr-defined]


def ask(session: Session, *, kind: ErrandKind, payload: dict[str, Any]) -> None:
    """Write down something to find out once this transaction is committed."""
    now = clock.now()
    session.connection().execute(
        _ASK,
        {"kind": kind, "payload": payload, "created_at": now, "not_before": now, "tries": 0},
    )


def take(session: Session, *, limit: int) -> list[Task]:
    """Take errands that are due; they are ours until `LEASE` from now."""
    now = clock.now()
    rows = session.scalars(
        select(Errand)
        .where(Errand.not_before <= now)
        .order_by(Errand.not_before, Errand.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.not_before = now + LEASE
        row.tries += 1
    return [
        Task(row.id, ErrandKind(row.kind), row.payload, last=row.tries > len(WAITS)) for row in rows
    ]


def done(session: Session, *, task: Task) -> bool:
    """The answer is in; to be called in the transaction that takes it in.

    Returns:
        False if somebody else has finished it: then nothing more may be done for it.
    """
    result = session.execute(delete(Errand).where(Errand.id == task.id).returning(Errand.id))
    return result.first() is not None


def again(session: Session, *, task: Task) -> None:
    """It did not work this time; try later. After the last try call `done` instead."""
    row = session.get(Errand, task.id)
    if row is not None:
        wait = WAITS[min(row.tries, len(WAITS)) - 1]
        row.not_before = clock.now() + timedelta(seconds=wait)


def release_all(session: Session) -> None:
    """At the start of the only process: what a killed process had taken is due now."""
    session.execute(update(Errand).where(Errand.tries > 0).values(not_before=clock.now()))


def next_due(session: Session) -> datetime | None:
    """When the next errand is due; None if there is none."""
    return session.scalar(select(func.min(Errand.not_before)))
