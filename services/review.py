"""Decisions: one wins, the other learns who did; points are booked in the same transaction."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from models import Report, clock
from models.policy import Policy
from models.workflow import Actor
from services import ledger, reports, workflow
from services.refusals import OwnReport, UnknownCode

APPROVAL = "approval"


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who sits at the desk.

    Attributes:
        id: Telegram's.
        name: as colleagues know them.
        is_chief: they may settle what reviewers cannot agree on.
    """

    id: int
    name: str
    is_chief: bool

    @property
    def actor(self) -> Actor:
        """In what capacity they act."""
        return Actor.CHIEF if self.is_chief else Actor.REVIEWER


def approve(
    session: Session,
    *,
    report: Report,
    reviewer: Reviewer,
    grade: int,
    policy: Policy,
) -> int:
    """Approve a report and pay its rider, at once or not at all.

    Args:
        session: the transaction.
        report: the one on the card.
        reviewer: who decides.
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
    refuse_own(session, report=report, reviewer=reviewer)
    points = policy.points.grades[grade - 1]
    workflow.move(
        session,
        report=report,
        transition="approved",
        actor=reviewer.actor,
        actor_id=reviewer.id,
        grade=grade,
        points=points,
        decided_at=clock.now(),
        decided_by=reviewer.id,
        decided_by_name=reviewer.name,
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
    reviewer: Reviewer,
    reason: str,
    policy: Policy,
) -> None:
    """Reject a report with one of the configured reasons.

    Args:
        session: the transaction.
        report: the one on the card.
        reviewer: who decides.
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
    refuse_own(session, report=report, reviewer=reviewer)
    workflow.move(
        session,
        report=report,
        transition="rejected",
        actor=reviewer.actor,
        actor_id=reviewer.id,
        reason=words.code,
        reject_reason=words.code,
        reason_text_zh=words.answer_zh,
        reason_text_en=words.answer_en,
        decided_at=clock.now(),
        decided_by=reviewer.id,
        decided_by_name=reviewer.name,
    )


def refuse_own(session: Session, *, report: Report, reviewer: Reviewer) -> None:
    """Stop somebody from deciding on a report of their own.

    Raises:
        OwnReport: they made or joined it.
    """
    if reviewer.id == report.reporter_id or reviewer.id in reports.joiners(
        session, report_id=report.id
    ):
        raise OwnReport
