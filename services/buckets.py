"""How much one person may send: a token bucket in their row, the same for every process.

The bucket is kept as one moment: when it will be full again (the generic cell rate algorithm of
ITU-T I.371). What is let in puts that moment off by one step; what would put it further off than
a whole bucket lasts is not let in, and takes nothing. Who was told so rests until a part of
the bucket is full again: meanwhile nothing is let in, so nobody has to guess which of their
messages arrived, and every notice is the only one of its rest.
"""

from datetime import datetime, timedelta

from sqlalchemy import bindparam
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from models import Person, clock
from models.policy import Limits

# Nobody who stops sending rests longer than this: they are told to wait a minute.
LONGEST_REST = timedelta(minutes=1)

# Built once, and beside the session's own way: this is in the way of every update.
_PUT_OFF = (
    Person.__table__.update()  # type: ignore[attr-defined]
    .where(Person.id == bindparam("person"))
    .values(bucket_full_at=bindparam("until"))
)


def let_in(session: Session, *, person: Person, limits: Limits, share: float = 1.0) -> bool:
    """Take a token from somebody's bucket for an update of theirs, if there is one for it.

    Args:
        session: the transaction; it must hold the lock of the person's row (`people.meet` does).
        person: who sent the update.
        limits: how many tokens a bucket holds, and how fast they come back.
        share: the part of the bucket the update may draw on; the rest is kept for others.

    Returns:
        False if the update is too much; then nothing was taken.
    """
    now = clock.now()
    bucket = limits.burst * limits.step
    stored = person.bucket_full_at or now
    # Further off than a bucket lasts means that the limits were lowered, or a clock set back.
    full_at = min(max(stored, now), now + bucket)
    until = full_at + limits.step
    room = bucket * share
    if person.flood_told_at is not None:
        room = min(room, bucket - _rest(limits))
    if until > now + room:
        if stored > full_at:
            _put_off(session, person, full_at)
        return False
    _put_off(session, person, until)
    if person.flood_told_at is not None:
        person.flood_told_at = None
        session.flush()
    return True


def stop(session: Session, *, person: Person) -> bool:
    """Begin the rest of somebody who sent too much.

    Args:
        session: the transaction, with the lock of the person's row.
        person: who has to be told.

    Returns:
        False if they rest already: then they were told.
    """
    if person.flood_told_at is not None:
        return False
    person.flood_told_at = clock.now()
    session.flush()
    return True


def _rest(limits: Limits) -> timedelta:
    # Half a bucket, so that the next notice is not near. The first token after the rest must be in
    # the bucket as well, which is why the longest is shorter by one.
    return min(limits.burst * limits.step / 2, LONGEST_REST - limits.step)


def _put_off(session: Session, person: Person, until: datetime) -> None:
    session.connection().execute(_PUT_OFF, {"person": person.id, "until": until})
    set_committed_value(person, "bucket_full_at", until)
