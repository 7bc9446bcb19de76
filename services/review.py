"""Decisions: one wins, the other learns who did; points are booked in the same transaction."""

from sqlalchemy.orm import Session

from models import Report, clock
from models.policy import Policy
from models.workflow import Actor
from services import ledger, reports, workflow
from services.refusals import OwnReport, UnknownCode

APPROVAL = "approval"


def approve(
    session: Session,
    *,
    report: Report,
    reviewer_id: int,
    reviewer_name: str,
    grade: int,
    policy: Policy,
) -> int:
    """Approve a report and pay its rider, at once or not at all.

    Args:
        session: the transaction.
        report: the one on the card.
        reviewer_id: who decides.
        reviewer_name: as colleagues know them.
        grade: 1 to 3 stars for the contribution.
        policy: what each grade earns today.

    Returns:
        The points.

    Raises:
        OwnReport: the reviewer made or joined it.
        AlreadyDecided: somebody was faster.
        UnknownCode: no such grade.
    """
    if not 1 <= grade <= len(policy.points.grades):
        raise UnknownCode
    refuse_own(session, report=report, reviewer_id=reviewer_id)
    points = policy.points.grades[grade - 1]
    workflow.move(
        session,
        report=report,
        transition="approved",
        actor=Actor.REVIEWER,
        actor_id=reviewer_id,
        grade=grade,
        points=points,
        decided_at=clock.now(),
        decided_by=reviewer_id,
        decided_by_name=reviewer_name,
    )
    ledger.pay_rider(
        session,
        person_id=report.reporter_id,
        points=points,
        rule=APPROVAL,
        subject=f"report:{report.id}",
        terms={"grade": grade, "grades": list(policy.points.grades)},
        report_id=report.id,
    )
    return points


def reject(
    session: Session,
    *,
    report: Report,
    reviewer_id: int,
    reviewer_name: str,
    reason: str,
    policy: Policy,
) -> None:
    """Reject a report with one of the configured reasons.

    Args:
        session: the transaction.
        report: the one on the card.
        reviewer_id: who decides.
        reviewer_name: as colleagues know them.
        reason: its code.
        policy: the reasons and their words, which are kept with the report.

    Raises:
        OwnReport: the reviewer made or joined it.
        AlreadyDecided: somebody was faster.
        UnknownCode: there is no such reason (any more).
    """
    words = policy.reject_reason(reason)
    if words is None:
        raise UnknownCode
    refuse_own(session, report=report, reviewer_id=reviewer_id)
    workflow.move(
        session,
        report=report,
        transition="rejected",
        actor=Actor.REVIEWER,
        actor_id=reviewer_id,
        reason=words.code,
        reject_reason=words.code,
        reason_text_zh=words.answer_zh,
        reason_text_en=words.answer_en,
        decided_at=clock.now(),
        decided_by=reviewer_id,
        decided_by_name=reviewer_name,
    )


def refuse_own(session: Session, *, report: Report, reviewer_id: int) -> None:
    """Stop somebody from deciding on a report of their own.

    Raises:
        OwnReport: they made or joined it.
    """
    if reviewer_id == report.reporter_id or reviewer_id in reports.joiners(
        session, report_id=report.id
    ):
        raise OwnReport
