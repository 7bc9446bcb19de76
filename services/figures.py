"""How things stand, in numbers: for whoever watches over the bot."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, false, func, or_, select
from sqlalchemy.orm import Session

from models import Errand, FailedUpdate, JobRun, Outgoing, Report, clock
from models.outgoing import OutgoingState
from models.workflow import UNDECIDED_STATES


@dataclass(frozen=True, slots=True)
class Figures:
    """What the database says at one moment.

    Attributes:
        outbox: messages by state; every state is there.
        oldest_waiting: when the oldest message that waits was written, bulk left out.
        errands: things still to be found out.
        set_aside: updates that could not be handled and were kept.
        open_reports: reports without an answer.
        overdue_reports: those of them whose category's deadline has passed.
        jobs: when each job last succeeded.
    """

    outbox: Mapping[str, int]
    oldest_waiting: datetime | None
    errands: int
    set_aside: int
    open_reports: int
    overdue_reports: int
    jobs: Mapping[str, datetime]


def now(session: Session) -> Figures:
    """Count what stands open; by indexes only, so that it may be asked every few seconds."""
    states = select(Outgoing.state, func.count()).group_by(Outgoing.state)
    found = {row[0]: row[1] for row in session.execute(states)}
    return Figures(
        outbox={state: found.get(state, 0) for state in OutgoingState},
        oldest_waiting=session.scalar(
            select(func.min(Outgoing.created_at)).where(
                Outgoing.state.in_((OutgoingState.QUEUED, OutgoingState.SENDING)),
                Outgoing.bulk.is_(False),
            )
        ),
        errands=_count(session, select(func.count(Errand.id))),
        set_aside=_count(
            session,
            select(func.count(FailedUpdate.update_id)).where(
                FailedUpdate.set_aside_at.is_not(None)
            ),
        ),
        open_reports=_count(session, select(func.count(Report.id)).where(_OPEN)),
        overdue_reports=_overdue(session),
        jobs={job.name: job.succeeded_at for job in session.scalars(select(JobRun))},
    )


_OPEN = Report.state.in_(UNDECIDED_STATES)


def _overdue(session: Session) -> int:
    # Each report keeps the deadline of its day; there are few different ones.
    moment = clock.now()
    deadlines = session.scalars(select(Report.deadline_hours).where(_OPEN).distinct()).all()
    late = or_(
        false(),
        *(
            and_(
                Report.deadline_hours == hours,
                Report.created_at < moment - timedelta(hours=hours),
            )
            for hours in deadlines
        ),
    )
    return _count(session, select(func.count(Report.id)).where(_OPEN, late))


def _count(session: Session, statement: object) -> int:
    return session.scalar(statement) or 0  # type: ignore[call-overload]
