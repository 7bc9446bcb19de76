"""What operators must know at once, told at most once an hour for the same cause."""

from datetime import timedelta

from sqlalchemy.orm import Session

from models import Alarm, clock
from services.upserts import insert_new

QUIET = timedelta(hours=1)


def ring_once(session: Session, *, key: str) -> bool:
    """Whether an alarm is to be raised that is raised once and never again."""
    return insert_new(session, model=Alarm, values={"key": key[:128], "rang_at": clock.now()})


def ring(session: Session, *, key: str) -> bool:
    """Whether an alarm is to be raised now.

    Args:
        session: the transaction.
        key: its cause; the same cause is quiet for an hour.

    Returns:
        True if it has not rung of late; it counts as rung then.
    """
    now = clock.now()
    if insert_new(session, model=Alarm, values={"key": key[:128], "rang_at": now}):
        return True
    row = session.get(Alarm, key[:128], with_for_update=True)
    if row is None or row.rang_at > now - QUIET:
        return False
    row.rang_at = now
    return True
