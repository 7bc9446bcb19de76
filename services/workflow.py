"""The one place that moves a report from state to state."""

from typing import Any, cast

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from models import Report, ReportEvent, clock
from models.workflow import TRANSITIONS, Actor, Transition
from services.refusals import AlreadyDecided
from services.upserts import insert_row

_BY_NAME = {transition.name: transition for transition in TRANSITIONS}


def move(
    session: Session,
    *,
    report: Report,
    transition: str,
    actor: Actor,
    actor_id: int | None,
    reason: str | None = None,
    **changes: Any,
) -> None:
    """Move a report on, if it still stands where the move begins. Of two at once, one succeeds.

    Args:
        session: the transaction.
        report: as it was read; brought up to date on success.
        transition: a name in `models.workflow.TRANSITIONS`.
        actor: in what capacity.
        actor_id: who; None for the system.
        reason: why, for the record.
        changes: columns to set in the same breath.

    Raises:
        AlreadyDecided: the report has moved on in the meantime.
        ValueError: there is no such move, not for that actor, or the reason is missing.
    """
    step = _checked(transition, actor=actor, reason=reason)
    statement = (
        update(Report)
        .where(Report.id == report.id, Report.state == step.source)
        .values(state=step.target, **changes)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", session.execute(statement)).rowcount != 1:
        session.refresh(report)
        raise AlreadyDecided(state=report.state, by=report.decided_by_name)
    session.refresh(report)
    record(
        session,
        report=report,
        kind=step.name,
        actor=actor,
        actor_id=actor_id,
        reason=reason,
        step=step,
    )


def begin(session: Session, *, report: Report) -> None:
    """Record the birth of a report that its rider has just submitted."""
    step = _checked("submitted", actor=Actor.RIDER, reason=None)
    record(
        session,
        report=report,
        kind=step.name,
        actor=step.actor,
        actor_id=report.reporter_id,
        step=step,
    )


def record(
    session: Session,
    *,
    report: Report,
    kind: str,
    actor: Actor,
    actor_id: int | None,
    reason: str | None = None,
    step: Transition | None = None,
) -> None:
    """Add an event to a report's history.

    Args:
        session: the transaction.
        report: whose history.
        kind: what happened.
        actor: in what capacity somebody acted.
        actor_id: who; None for the system.
        reason: why.
        step: the move it was, if the state changed.
    """
    insert_row(
        session,
        model=ReportEvent,
        values={
            "report_id": report.id,
            "at": clock.now(),
            "actor_id": actor_id,
            "actor_role": actor,
            "kind": kind,
            "from_state": step.source if step else report.state,
            "to_state": step.target if step else report.state,
            "reason": reason,
        },
    )


def _checked(name: str, *, actor: Actor, reason: str | None) -> Transition:
    step = _BY_NAME.get(name)
    if step is None:
        raise ValueError(f"no such transition: {name}")
    if step.actor != actor:
        raise ValueError(f"{name} is not for a {actor}")
    if step.reason_required and not reason:
        raise ValueError(f"{name} needs a reason")
    return step
