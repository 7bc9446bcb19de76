"""Which updates were taken in, and what becomes of those that would not go in."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from models import FailedUpdate, SeenUpdate, clock
from services.upserts import insert_new

# After so many tries an update is set aside, and its sender told.
TRIES = 3
# What people sent is kept so long for whoever mends what it broke.
FAILED_FOR = timedelta(days=30)
# Telegram keeps an update for a day at most; after that none can come twice.
SEEN_FOR = timedelta(days=3)


def first_sight(session: Session, *, update_id: int) -> bool:
    """Take note of an update.

    Returns:
        False if it was applied before: then nothing may be done for it.
    """
    return insert_new(session, model=SeenUpdate, values={"update_id": update_id, "at": clock.now()})


@dataclass(frozen=True, slots=True)
class Failure:
    """What became of a failed update: how often it was tried, and whether that was the last."""

    tries: int
    set_aside: bool


def failed(session: Session, *, update_id: int, error: str, payload: dict[str, Any]) -> Failure:
    """Count a failure; the third sets the update aside for good.

    Args:
        session: the transaction, another than the one that failed.
        update_id: whose handling raised.
        error: the traceback, without values.
        payload: the update itself, for whoever mends it.

    Returns:
        How it stands with the update now.
    """
    now = clock.now()
    values = {
        "update_id": update_id,
        "tries": 0,
        "first_at": now,
        "last_at": now,
        "error": "",
        # Numbers that are none are no JSON, and PostgreSQL insists on that.
        "payload": json.loads(json.dumps(payload), parse_constant=str),
    }
    # It may fail in two processes at the same moment.
    insert_new(session, model=FailedUpdate, values=values)
    row = session.get_one(FailedUpdate, update_id, with_for_update=True)
    row.tries += 1
    row.last_at = now
    row.error = error
    if row.tries >= TRIES and row.set_aside_at is None:
        row.set_aside_at = now
        first_sight(session, update_id=update_id)
    session.flush()
    return Failure(tries=row.tries, set_aside=row.set_aside_at is not None)


def forget_failure(session: Session, *, update_id: int) -> None:
    """An update that failed before went in: what was kept of it goes."""
    session.execute(delete(FailedUpdate).where(FailedUpdate.update_id == update_id))


def forget_old(session: Session) -> None:
    """Drop the ids of updates that can no longer come twice, and failures nobody looked into."""
    now = clock.now()
    session.execute(delete(SeenUpdate).where(SeenUpdate.at < now - SEEN_FOR))
    session.execute(delete(FailedUpdate).where(FailedUpdate.last_at < now - FAILED_FOR))
