"""Which decisions somebody may not have heard of."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Joiner, Report
from models.workflow import State

# That a rider has blocked the bot shows only when a message is refused, and the first to be refused
# is often the decision itself, some retries after it was made. Telling twice is harmless.
BEFORE = timedelta(days=1)
# More than anybody reads; Telegram takes one message a second in a chat.
MOST = 50


def missed(session: Session, *, person_id: int, since: datetime) -> Sequence[Report]:
    """Reports of a rider, or joined by them, that were decided while they could not be reached.

    Args:
        session: the transaction.
        person_id: whose.
        since: from when on they were known to be unreachable.

    Returns:
        The newest `MOST` of them, in the order of their numbers.
    """
    joined = select(Joiner.report_id).where(Joiner.person_id == person_id)
    # Of all states: by the state SQLite would look first, and read nearly all reports.
    closed = session.scalars(
        select(Report)
        .where(
            (Report.reporter_id == person_id) | Report.id.in_(joined),
            Report.decided_at >= since - BEFORE,
        )
        .order_by(Report.decided_at.desc(), Report.id.desc())
    ).all()
    newest = [report for report in closed if report.state != State.WITHDRAWN][:MOST]
    return sorted(newest, key=lambda report: report.id)
