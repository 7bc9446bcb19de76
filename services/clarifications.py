"""Questions to a rider about a report: asked, answered, called back, or left open too long."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Report, clock
from models.policy import Policy
from models.workflow import Actor, State
from services import claims, reviewers, workflow
from services.refusals import AlreadyDecided, NothingSaid
from services.reviewers import Reviewer

# Longer questions are cut; nobody reads more between two deliveries.
MOST_CHARACTERS = 300


def ask(session: Session, *, report: Report, reviewer: Reviewer, text: str) -> None:
    """Put a question to the rider; the report waits for the answer.

    Args:
        session: the transaction; the report's row is locked in it.
        report: that waits for its decision.
        reviewer: who wants to know.
        text: the question as the rider reads it.

    Raises:
        OwnReport: it is their own.
        Claimed: a colleague has the card.
        NothingSaid: there is no question.
        AlreadyDecided: it does not wait for its first decision.
    """
    reviewers.refuse_own(session, report=report, reviewer=reviewer)
    claims.require_free(report, reviewer=reviewer)
    question = text.strip()[:MOST_CHARACTERS]
    if not question:
        raise NothingSaid
    workflow.move(
        session,
        report=report,
        transition="asked",
        actor=reviewer.actor,
        actor_id=reviewer.id,
        reason=question,
        question=question,
        asked_at=clock.now(),
    )


def recall(session: Session, *, report: Report, reviewer: Reviewer) -> None:
    """Take a question back; the desk decides without the answer.

    Raises:
        OwnReport: it is their own.
        AlreadyDecided: no question is open.
    """
    reviewers.refuse_own(session, report=report, reviewer=reviewer)
    workflow.move(
        session,
        report=report,
        transition="recalled",
        actor=reviewer.actor,
        actor_id=reviewer.id,
        question=None,
        asked_at=None,
    )


def answered(session: Session, *, report: Report) -> None:
    """The rider has answered, also long after; the report waits for its decision again.

    Args:
        session: the transaction; the report's row is locked in it.
        report: with a question that is open, or was until it was closed for want of an answer.

    Raises:
        AlreadyDecided: no question is open.
    """
    late = report.state == State.UNANSWERED
    workflow.move(
        session,
        report=report,
        transition="resumed" if late else "answered",
        actor=Actor.RIDER,
        actor_id=report.reporter_id,
        asked_at=None,
        decided_at=None,
    )


def require_question(report: Report) -> None:
    """Stop answers to what nobody asks.

    Raises:
        AlreadyDecided: no question is open.
    """
    if report.state not in (State.ASKED, State.UNANSWERED):
        raise AlreadyDecided(state=report.state, by=report.decided_by_name)


def open_for(session: Session, *, person_id: int) -> Report | None:
    """The report of a rider with the newest open question; None if nobody asks them anything."""
    return session.scalar(
        select(Report)
        .where(Report.reporter_id == person_id, Report.state == State.ASKED)
        .order_by(Report.asked_at.desc())
        .limit(1)
    )


def overdue(session: Session, *, policy: Policy, limit: int = 50) -> Sequence[Report]:
    """Reports whose question was open for too long; their rows are locked."""
    return session.scalars(
        select(Report)
        .where(
            Report.state == State.ASKED,
            Report.asked_at <= clock.now() - timedelta(days=policy.review.answer_days),
        )
        .order_by(Report.asked_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()


def close(session: Session, *, report: Report) -> None:
    """Close a report whose rider has not answered.

    Raises:
        AlreadyDecided: they just have.
    """
    workflow.move(
        session,
        report=report,
        transition="unanswered",
        actor=Actor.SYSTEM,
        actor_id=None,
        decided_at=clock.now(),
        decided_by_name=None,
    )
