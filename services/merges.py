"""Duplicates: several reports of one hazard. The riders of one follow the other; no chain forms.

`duplicate_of` always names a report that is no duplicate itself: what was merged into a report that
is merged on goes along. `merged_into` keeps what the reviewer had decided, for undoing it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from models import Joiner, Report, Vote, clock
from models.policy import Policy
from models.workflow import OPEN_STATES, Actor, State
from services import places, reports, workflow
from services.refusals import Busy, MovedOn, NoSuchReport
from services.upserts import insert_new

# So many are offered; further ones are named by their number.
MOST = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A report that may be of the same hazard.

    Attributes:
        report: which.
        distance_m: how far away, in metres.
    """

    report: Report
    distance_m: float


def candidates(session: Session, *, report: Report, policy: Policy) -> list[Candidate]:
    """Open reports around a report, of whatever category, the nearest first.

    Args:
        session: the transaction.
        report: the one on the card.
        policy: how far around, and how old.

    Returns:
        At most `MOST`.
    """
    here = (report.latitude, report.longitude)
    radius_m = policy.review.duplicate_m
    since = clock.now() - timedelta(days=policy.limits.nearby_days)
    found = session.scalars(
        select(Report).where(
            Report.cell.in_(places.cells_around(*here, radius_m)),
            Report.created_at >= since,
            Report.id != report.id,
        )
    ).all()
    # Asked for by state, they might be looked for among all approved of late, wherever they lie.
    near = [
        Candidate(other, places.distance_m(here, (other.latitude, other.longitude)))
        for other in found
        if other.state in OPEN_STATES
    ]
    inside = [candidate for candidate in near if candidate.distance_m <= radius_m]
    return sorted(inside, key=lambda candidate: (candidate.distance_m, candidate.report.id))[:MOST]


def target(session: Session, *, report: Report, number: int) -> Report:
    """The report another one is to be merged into, locked.

    Of two that are merged into each other at the same moment neither waits for the other.

    Args:
        session: the transaction; the report's row is locked in it.
        report: the duplicate.
        number: of the other.

    Raises:
        NoSuchReport: the other does not exist, is the same one, or is no longer open.
        Busy: somebody else works on the other at this moment.
    """
    if number == report.id:
        raise NoSuchReport(number=number)
    other = _locked(session, number)
    if other is None:
        if session.scalar(select(Report.id).where(Report.id == number)) is None:
            raise NoSuchReport(number=number)
        raise Busy
    if other.state not in OPEN_STATES:
        raise NoSuchReport(number=number)
    return other


def _locked(session: Session, number: int) -> Report | None:
    session.flush()
    return session.scalar(
        select(Report)
        .where(Report.id == number)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def bring_along(session: Session, *, report: Report, into: Report) -> None:
    """Let the riders of a duplicate, and what was merged into it, go over to the other report.

    Args:
        session: the transaction; both rows are locked in it.
        report: the duplicate.
        into: the other.
    """
    session.execute(
        update(Report).where(Report.duplicate_of == report.id).values(duplicate_of=into.id)
    )
    _follow(session, riders=_riders(session, report), came_with=report.id, report=into)


def _riders(session: Session, report: Report) -> Sequence[int]:
    return (report.reporter_id, *reports.joiners(session, report_id=report.id))


def _follow(session: Session, *, riders: Sequence[int], came_with: int, report: Report) -> None:
    for person_id in riders:
        if person_id == report.reporter_id:
            continue
        values = {
            "report_id": report.id,
            "person_id": person_id,
            "joined_at": clock.now(),
            "merged_from": came_with,
        }
        insert_new(session, model=Joiner, values=values)


def require_undoable(session: Session, *, report: Report) -> None:
    """Stop undoing a merger on which another was built; lock the report it was merged into.

    Raises:
        MovedOn: the other was merged on.
        Busy: somebody else works on the other at this moment.
    """
    if report.duplicate_of is None or report.duplicate_of != report.merged_into:
        raise MovedOn
    if _locked(session, report.duplicate_of) is None:
        raise Busy


def take_back(session: Session, *, report: Report, into: int) -> None:
    """Undo what `bring_along` did.

    Args:
        session: the transaction; both rows are locked in it.
        report: the duplicate that is none any more.
        into: the number of the report it was merged into.
    """
    for below in _came_with(session, report=report, into=into):
        session.execute(update(Report).where(Report.id == below).values(duplicate_of=report.id))
    session.execute(delete(Joiner).where(Joiner.report_id == into, Joiner.merged_from == report.id))
    # Somebody may have come with another duplicate, too, and was counted with this one.
    root = session.get_one(Report, into)
    others = select(Report).where(Report.duplicate_of == into, Report.merged_into == into)
    for other in session.scalars(others).all():
        _follow(session, riders=_riders(session, other), came_with=other.id, report=root)


def let_go(session: Session, *, report: Report) -> list[Report]:
    """Have a report's duplicates looked at by themselves again: it was taken back, or closed.

    Args:
        session: the transaction; the report's row is locked in it.
        report: that nobody will decide on any more.

    Returns:
        What waits for its decision again; what had been merged into one of these stays with it.
    """
    direct = select(Report).where(Report.duplicate_of == report.id, Report.merged_into == report.id)
    reopened = []
    for duplicate in session.scalars(direct.order_by(Report.id)).all():
        reports.lock(session, report=duplicate)
        if duplicate.duplicate_of != report.id:
            # Its merger was undone at this very moment.
            continue
        appealed = duplicate.decided_from == State.APPEALED
        workflow.move(
            session,
            report=duplicate,
            transition="reopened",
            actor=Actor.SYSTEM,
            actor_id=None,
            target=State.APPEALED if appealed else State.SUBMITTED,
            duplicate_of=None,
            merged_into=None,
            decided_at=None,
            decided_by=None,
            decided_by_name=None,
            decided_from=None,
        )
        # It begins anew; that somebody had voted on it before stays in its history.
        session.execute(delete(Vote).where(Vote.report_id == duplicate.id))
        take_back(session, report=duplicate, into=report.id)
        reopened.append(duplicate)
    return reopened


def _came_with(session: Session, *, report: Report, into: int) -> set[int]:
    """What had been merged into a duplicate, at any remove, before that was merged itself."""
    found: set[int] = set()
    edge = {report.id}
    while edge:
        below = session.scalars(
            select(Report.id).where(Report.duplicate_of == into, Report.merged_into.in_(edge))
        )
        edge = set(below) - found
        found |= edge
    return found
