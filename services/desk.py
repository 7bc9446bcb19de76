"""How the review desk is doing."""

import math
from datetime import timedelta
from statistics import median

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from models import Report, clock
from models.workflow import State
from services.statements import Prepared

# From so many decisions of late on, a promise can be made.
ENOUGH = 5


_LATEST = Prepared(
    select(Report.created_at, Report.decided_at)
    .where(
        Report.decided_at >= bindparam("since"),
        or_(Report.state == State.APPROVED, Report.state == State.REJECTED),
    )
    .order_by(Report.decided_at.desc())
    .limit(50)
)


def usual_wait_minutes(session: Session) -> int | None:
    """How long a decision usually takes, as can be promised to a rider.

    Returns:
        The median of the last 50 decisions within 14 days, in minutes rounded up to 5, 10, 15, 20,
        30, 45, 60 or whole hours; None where too few were made, or it takes longer than a day.
    """
    rows = _LATEST.rows(session, since=clock.now() - timedelta(days=14))
    if len(rows) < ENOUGH:
        return None
    waits = [decided - created for created, decided in rows]
    minutes = median(wait.total_seconds() / 60 for wait in waits)
    for step in (5, 10, 15, 20, 30, 45, 60):
        if minutes <= step:
            return step
    hours = math.ceil(minutes / 60)
    return hours * 60 if hours <= 24 else None
