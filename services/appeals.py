"""A rider may object to a rejection, once; somebody else decides then."""

from datetime import timedelta

from sqlalchemy.orm import Session

from models import Report, clock
from models.policy import Policy
from models.workflow import Actor, State
from services import workflow
from services.refusals import AlreadyDecided, AppealedBefore, NothingSaid, TooLateToAppeal

MOST_CHARACTERS = 500


def is_open(report: Report, *, policy: Policy) -> bool:
    """Whether a report's rider may still object to its rejection."""
    return (
        report.state == State.REJECTED
        and report.appealed_at is None
        and report.decided_at is not None
        and clock.now() <= report.decided_at + timedelta(days=policy.review.appeal_days)
    )


def require_open(report: Report, *, policy: Policy) -> None:
    """Stop an appeal that cannot be made.

    Raises:
        AlreadyDecided: it is not rejected (any more).
        AppealedBefore: there was an appeal already.
        TooLateToAppeal: the time for it is over.
    """
    if report.state != State.REJECTED:
        raise AlreadyDecided(state=report.state, by=None)
    if report.appealed_at is not None:
        raise AppealedBefore
    if not is_open(report, policy=policy):
        raise TooLateToAppeal(days=policy.review.appeal_days)


def appeal(session: Session, *, report: Report, text: str, policy: Policy) -> None:
    """Object to a rejection.

    Args:
        session: the transaction; the report's row is locked in it.
        report: of the rider who objects.
        text: why.
        policy: says how long there is time.

    Raises:
        AlreadyDecided: it is not rejected (any more).
        AppealedBefore: there was an appeal already.
        TooLateToAppeal: the time for it is over.
        NothingSaid: it does not say why.
    """
    require_open(report, policy=policy)
    why = text.strip()[:MOST_CHARACTERS]
    if not why:
        raise NothingSaid
    workflow.move(
        session,
        report=report,
        transition="appealed",
        actor=Actor.RIDER,
        actor_id=report.reporter_id,
        reason=why,
        appeal=why,
        appealed_at=clock.now(),
        appealed_against=report.decided_by,
        decided_at=None,
    )
