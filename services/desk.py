"""How the review desk is doing."""

import math
from datetime import timedelta
from statistics import median

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from models import Report, clock
from models.workflow import DECIDED_STATES
from services.statements import Prepared

# From so many decisions of late on, a promise can be made.
ENOUGH = 5
# So many of them are looked at.
LATEST = 50


# Of all states: by the state SQLite would look first, and read nearly all reports.
_LATEST = Prepared(
    select(Report.created_at, Report.decided_at, Report.state)
    .where(Report.decided_at >= bindparam("since"))
    .order_by(Report.decided_at.desc())
    # Some of them were withdrawn.
    .limit(2 * LATEST)
)


def usual_wait_minutes(session: Session) -> int | None:
    """How long a decision usually takes, as can be promised to a rider.

    Returns:
        The median of the last 50 decisions within 14 days, in minutes rounded up to 5, 10, 15, 20,
        30, 45, 60 or whole hours; None where too few were made, or it takes longer than a day.
    """
    rows = _LATEST.rows(session, since=clock.now() - timedelta(days=14))
    decisions = [
        decided - created
        for created, decided, state in rows
        if decided is not None and state in DECIDED_STATES
    ]
    if len(decisions) < ENOUGH:
        return None
    waits = decisions[:LATEST]
    minutes = median(wait.total_seconds() / 60 for wait in waits)
    for step in (5, 10, 15, 20, 30, 45, 60):
        if minutes <= step:
            return step
    hours = math.ceil(minutes / 60)
    return hours * 60 if hours <= 24 else None
