"""Guessing at something secret: so many wrong guesses of a person an hour, of each kind by itself.

Counted by person, so that nobody can lock out another. The row of the person must be locked, as it
is while an update of theirs is taken in: then two guesses at once are counted as two.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models import Attempt, Person, clock
from models.policy import Limits
from services.refusals import TooManyGuesses
from services.upserts import insert_or_update

# Kinds: the first admin's one-time code, what a deep link carries, and what is typed at a counter.
SETUP_CODE, LINK, VOUCHER_CODE = "setup_code", "link", "voucher_code"
WINDOW = timedelta(hours=1)


def require_chance(session: Session, *, person: Person, kind: str, limits: Limits) -> None:
    """Stop who has guessed wrong too often of late, whether this guess would be right or not.

    Args:
        session: the transaction.
        person: who guesses.
        kind: at what.
        limits: how often.

    Raises:
        TooManyGuesses: they have to wait until an hour after their first wrong guess.
    """
    since, count = _of_late(session, person, kind)
    if count >= limits.guesses_per_hour:
        raise TooManyGuesses(again_at=since + WINDOW)


def wrong(session: Session, *, person: Person, kind: str) -> None:
    """Count a wrong guess; its refusal keeps the transaction, and the count with it."""
    since, count = _of_late(session, person, kind)
    insert_or_update(
        session,
        model=Attempt,
        values={"person_id": person.id, "kind": kind, "since": since, "count": count + 1},
        key=("person_id", "kind"),
    )


def _of_late(session: Session, person: Person, kind: str) -> tuple[datetime, int]:
    # Columns, not an object: what was counted in this transaction must be seen.
    row = session.execute(
        select(Attempt.since, Attempt.count).where(
            Attempt.person_id == person.id, Attempt.kind == kind
        )
    ).first()
    now = clock.now()
    if row is None or row[0] <= now - WINDOW:
        return now, 0
    return row[0], row[1]


def forget_old(session: Session) -> None:
    """Drop the counts of hours that are over."""
    session.execute(delete(Attempt).where(Attempt.since <= clock.now() - WINDOW))
