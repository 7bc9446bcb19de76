"""The one place that moves a report from state to state."""

from typing import Any, cast

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from models import Report, ReportEvent, clock
from models.workflow import TRANSITIONS, Actor, State, Transition
from services.refusals import AlreadyDecided
from services.upserts import insert_row

# What a reviewer may, a chief may as well.
_ALSO = {Actor.CHIEF: {Actor.CHIEF, Actor.REVIEWER}}


def move(
    session: Session,
    *,
    report: Report,
    transition: str,
    actor: Actor,
    actor_id: int | None,
    reason: str | None = None,
    target: State | None = None,
    **changes: Any,
) -> None:
    """Move a report on, if it still stands where the move begins. Of two at once, one succeeds.

    Whatever moves it ends the claim on it.

    Args:
        session: the transaction.
        report: as it was read; brought up to date on success.
        transition: a name in `models.workflow.TRANSITIONS`.
        actor: in what capacity.
        actor_id: who; None for the system.
        reason: why, for the record.
        target: where to, if the move may lead from here to several states.
        changes: columns to set in the same breath.

    Raises:
        AlreadyDecided: the report has moved on in the meantime.
        ValueError: there is no such move, not for that actor, or the reason is missing.
    """
    moves = _moves(transition, actor=actor, reason=reason)
    step = next(
        (step for step in moves if step.source == report.state and target in (None, step.target)),
        None,
    )
    if step is None:
        session.refresh(report)
        raise AlreadyDecided(state=report.state, by=report.decided_by_name)
    statement = (
        update(Report)
        .where(Report.id == report.id, Report.state == step.source)
        .values({"state": step.target, "claimed_by": None, "claimed_until": None} | changes)
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
    (step,) = _moves("submitted", actor=Actor.RIDER, reason=None)
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


def _moves(name: str, *, actor: Actor, reason: str | None) -> list[Transition]:
    steps = [step for step in TRANSITIONS if step.name == name]
    if not steps:
        raise ValueError(f"no such transition: {name}")
    allowed = [step for step in steps if step.actor in _ALSO.get(actor, {actor})]
    if not allowed:
        raise ValueError(f"{name} is not for a {actor}")
    if not reason and any(step.reason_required for step in allowed):
        raise ValueError(f"{name} needs a reason")
    return allowed
