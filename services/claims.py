"""Claims: a reviewer reserves a card for a few minutes, so that nobody does the same work twice.

A claim is no lock: who decides without one needs one tap, and it ends by itself.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.orm import Session

from models import Report, clock
from models.policy import Policy
from models.workflow import DESK_STATES, Actor
from services import workflow
from services.refusals import AlreadyDecided, Claimed
from services.reviewers import Reviewer


def is_held(report: Report) -> bool:
    """Whether a card is reserved for somebody just now."""
    return report.claimed_until is not None and report.claimed_until > clock.now()


def require_free(report: Report, *, reviewer: Reviewer) -> None:
    """Stop a reviewer from working on what a colleague has reserved.

    Raises:
        Claimed: it is a colleague's for now.
    """
    if is_held(report) and report.claimed_by != reviewer.id:
        assert report.claimed_until is not None
        raise Claimed(by=report.claimed_by_name or "", until=report.claimed_until)


def take(session: Session, *, report: Report, reviewer: Reviewer, policy: Policy) -> None:
    """Reserve a card; who holds it already holds it anew. A chief may take it over.

    Args:
        session: the transaction.
        report: that the desk has to decide on.
        reviewer: for whom.
        policy: says for how long.

    Raises:
        AlreadyDecided: it is not the desk's turn.
        Claimed: a colleague has it.
    """
    if report.state not in DESK_STATES:
        raise AlreadyDecided(state=report.state, by=report.decided_by_name)
    if not reviewer.is_chief:
        require_free(report, reviewer=reviewer)
    now = clock.now()
    statement = (
        update(Report)
        .where(Report.id == report.id, Report.state == report.state)
        .values(
            claimed_by=reviewer.id,
            claimed_by_name=reviewer.name,
            claimed_until=now + timedelta(minutes=policy.review.claim_minutes),
        )
        .execution_options(synchronize_session=False)
    )
    if not reviewer.is_chief:
        statement = statement.where(
            or_(
                Report.claimed_until.is_(None),
                Report.claimed_until <= now,
                Report.claimed_by == reviewer.id,
            )
        )
    taken = cast("CursorResult[Any]", session.execute(statement)).rowcount == 1
    session.refresh(report)
    if not taken:
        require_free(report, reviewer=reviewer)
        raise AlreadyDecided(state=report.state, by=report.decided_by_name)
    workflow.record(
        session, report=report, kind="claimed", actor=reviewer.actor, actor_id=reviewer.id
    )


def release(session: Session, *, report: Report, reviewer: Reviewer) -> None:
    """Give a card back before its time; nothing happens if it is nobody's.

    Raises:
        Claimed: it is a colleague's.
    """
    require_free(report, reviewer=reviewer)
    if report.claimed_by is None:
        return
    report.claimed_by, report.claimed_until = None, None
    session.flush()
    workflow.record(
        session, report=report, kind="claim_released", actor=reviewer.actor, actor_id=reviewer.id
    )


def overdue(session: Session, *, limit: int = 50) -> Sequence[Report]:
    """Reports whose claim has run out and still stands on the card; their rows are locked."""
    return session.scalars(
        select(Report)
        .where(Report.claimed_until <= clock.now())
        .order_by(Report.claimed_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()


def end(session: Session, *, report: Report) -> None:
    """A claim has run out."""
    report.claimed_by, report.claimed_until = None, None
    session.flush()
    workflow.record(
        session, report=report, kind="claim_released", actor=Actor.SYSTEM, actor_id=None
    )


def held_by(session: Session, *, person_id: int) -> Sequence[Report]:
    """What somebody has claimed and not decided on yet."""
    # In order here: for the database's order it would read every report.
    found = session.scalars(
        select(Report).where(Report.claimed_by == person_id, Report.claimed_until > clock.now())
    )
    return sorted(found, key=lambda report: report.id)
