"""Decisions: one wins, the other learns who did; points are booked in the same transaction.

Some reports need two reviewers (config `review.second_eyes`): the first decision is a vote then,
and so is a second that differs; a chief settles what two could not agree on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from models import Report, Vote, clock
from models.policy import Policy
from models.reports import Verdict
from models.workflow import DECIDED_STATES, State
from services import claims, merges, payments, people, reports, reviewers, workflow
from services.refusals import (
    AlreadyDecided,
    ChiefOnly,
    DecidedBefore,
    NothingSaid,
    NotYourDecision,
    TooLateToUndo,
    UnknownCode,
    VotedBefore,
)
from services.reviewers import Reviewer
from services.upserts import insert_new

# Under this code a rejection in a reviewer's own words is kept.
OWN_WORDS = "own_words"
MOST_CHARACTERS = 300
# At a small desk everybody may have had their say: an appeal or a dispute nobody else has decided
# for so long is decided by a chief, whoever that is. Every report gets an answer.
STUCK_AFTER = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a report is rejected.

    Attributes:
        code: of the configured reason, or `OWN_WORDS`.
        zh: what a Chinese rider reads.
        en: what any other rider reads.
    """

    code: str
    zh: str
    en: str


def reason_of(code: str, *, policy: Policy) -> Reason:
    """A configured reason.

    Raises:
        UnknownCode: there is none of that code (any more).
    """
    words = policy.reject_reason(code)
    if words is None:
        raise UnknownCode
    return Reason(words.code, words.answer_zh, words.answer_en)


def own_words(text: str) -> Reason:
    """A reason in a reviewer's own words, the same for every rider.

    Raises:
        NothingSaid: there are none.
    """
    words = text.strip()[:MOST_CHARACTERS]
    if not words:
        raise NothingSaid
    return Reason(OWN_WORDS, words, words)


def approve(
    session: Session,
    *,
    report: Report,
    reviewer: Reviewer,
    grade: int,
    policy: Policy,
    desk_size: int,
) -> None:
    """Approve a report and pay its rider, at once or not at all; or vote for it.

    Args:
        session: the transaction; the report's row is locked in it.
        report: the one on the card.
        reviewer: who decides.
        grade: 1 to 3 stars for the contribution.
        policy: what each grade earns today, and who needs a second pair of eyes.
        desk_size: how many reviewers the desk has.

    Raises:
        OwnReport: the reviewer made or joined it.
        Claimed: a colleague has the card.
        VotedBefore: it needs somebody else now.
        ChiefOnly: it needs a chief.
        DecidedBefore: they rejected it, and the rider has appealed.
        AlreadyDecided: somebody was faster.
        UnknownCode: no such grade.
    """
    if not 1 <= grade <= len(policy.points.grades):
        raise UnknownCode
    _refuse(session, report=report, reviewer=reviewer)
    if not _is_last_word(
        session,
        report=report,
        reviewer=reviewer,
        verdict=Verdict.APPROVE,
        grade=grade,
        policy=policy,
        desk_size=desk_size,
    ):
        return
    payment = payments.for_approval(session, report=report, grade=grade, policy=policy)
    workflow.move(
        session,
        report=report,
        transition="approved",
        actor=reviewer.actor,
        actor_id=reviewer.id,
        grade=grade,
        points=payment.points,
        reject_reason=None,
        reason_text_zh=None,
        reason_text_en=None,
        **_decision(session, report, reviewer),
    )
    payments.pay_approval(session, report=report, payment=payment, policy=policy)


def reject(
    session: Session,
    *,
    report: Report,
    reviewer: Reviewer,
    reason: Reason,
    policy: Policy,
    desk_size: int,
) -> None:
    """Reject a report; or vote against it.

    Args:
        session: the transaction; the report's row is locked in it.
        report: the one on the card.
        reviewer: who decides.
        reason: what the rider reads; its words are kept with the report.
        policy: who needs a second pair of eyes.
        desk_size: how many reviewers the desk has.

    Raises:
        OwnReport: the reviewer made or joined it.
        Claimed: a colleague has the card.
        VotedBefore: it needs somebody else now.
        ChiefOnly: it needs a chief.
        DecidedBefore: they rejected it, and the rider has appealed.
        AlreadyDecided: somebody was faster.
    """
    _refuse(session, report=report, reviewer=reviewer)
    if not _is_last_word(
        session,
        report=report,
        reviewer=reviewer,
        verdict=Verdict.REJECT,
        grade=None,
        policy=policy,
        desk_size=desk_size,
    ):
        return
    workflow.move(
        session,
        report=report,
        transition="rejected",
        actor=reviewer.actor,
        actor_id=reviewer.id,
        reason=reason.code if reason.code != OWN_WORDS else reason.zh,
        reject_reason=reason.code,
        reason_text_zh=reason.zh,
        reason_text_en=reason.en,
        **_decision(session, report, reviewer),
    )


def _refuse(session: Session, *, report: Report, reviewer: Reviewer, settles: bool = True) -> None:
    """Stop whom a decision is not for; `settles`: it is more than to find it is there already."""
    reviewers.refuse_own(session, report=report, reviewer=reviewer)
    claims.require_free(report, reviewer=reviewer)
    cast = votes(session, report_id=report.id)
    voters = {vote.reviewer_id for vote in cast}
    match report.state:
        case State.SECOND if reviewer.id in voters:
            if not (reviewer.is_chief and _stuck(cast[-1].at)):
                raise VotedBefore
        case State.DISPUTED:
            if not reviewer.is_chief and (settles or reviewer.id in voters):
                raise ChiefOnly
            # Where every chief is a party, one of them has to settle it all the same.
            others = people.chiefs(session) - voters - _riders(session, report)
            if reviewer.id in voters and others and not _stuck(cast[-1].at):
                raise VotedBefore
        case State.APPEALED if reviewer.id in voters | {report.appealed_against}:
            if not (reviewer.is_chief and _stuck(report.appealed_at)):
                raise DecidedBefore


def _stuck(since: datetime | None) -> bool:
    """Whether nobody else came for so long that a chief who is a party may settle it."""
    return since is not None and since + STUCK_AFTER <= clock.now()


def _riders(session: Session, report: Report) -> set[int]:
    return {report.reporter_id, *reports.joiners(session, report_id=report.id)}


def _is_last_word(
    session: Session,
    *,
    report: Report,
    reviewer: Reviewer,
    verdict: Verdict,
    grade: int | None,
    policy: Policy,
    desk_size: int,
) -> bool:
    """Whether what a reviewer says decides; else it was taken down as a vote."""
    said = verdict.value if grade is None else f"{verdict.value}:{grade}"
    if report.state == State.SUBMITTED and _needs_two(
        session, report=report, grade=grade, policy=policy, desk_size=desk_size
    ):
        transition = "voted"
    elif report.state == State.SECOND:
        (first,) = votes(session, report_id=report.id)
        if first.reviewer_id == reviewer.id:
            # No second one came for days: a chief decides alone.
            return True
        agreed = (first.verdict, first.grade) == (verdict, grade)
        transition = "" if agreed else "disputed"
    else:
        return True
    if not transition:
        _vote(session, report, reviewer, verdict, grade)
        return True
    workflow.move(
        session,
        report=report,
        transition=transition,
        actor=reviewer.actor,
        actor_id=reviewer.id,
        reason=said,
    )
    _vote(session, report, reviewer, verdict, grade)
    return False


def _needs_two(
    session: Session, *, report: Report, grade: int | None, policy: Policy, desk_size: int
) -> bool:
    rule = policy.review.second_eyes
    if not 0 < rule.from_reviewers <= desk_size:
        return False
    if report.drawn or (rule.top_grade and grade == len(policy.points.grades)):
        return True
    so_far = session.scalar(
        select(func.count()).select_from(
            select(Report.id)
            .where(Report.reporter_id == report.reporter_id, Report.id <= report.id)
            .limit(rule.first_reports + 1)
            .subquery()
        )
    )
    return (so_far or 0) <= rule.first_reports


def _vote(
    session: Session, report: Report, reviewer: Reviewer, verdict: Verdict, grade: int | None
) -> None:
    values = {
        "report_id": report.id,
        "reviewer_id": reviewer.id,
        "reviewer_name": reviewer.name,
        "verdict": verdict,
        "grade": grade,
        "at": clock.now(),
    }
    if not insert_new(session, model=Vote, values=values):
        raise VotedBefore


def votes(session: Session, *, report_id: int) -> list[Vote]:
    """The votes on a report, in the order they were cast."""
    return list(session.scalars(select(Vote).where(Vote.report_id == report_id).order_by(Vote.id)))


def _decision(session: Session, report: Report, reviewer: Reviewer) -> dict[str, Any]:
    """What a decision writes down; where two agreed, the names of both."""
    first = votes(session, report_id=report.id)[:1] if report.state == State.SECOND else []
    names = [*(vote.reviewer_name for vote in first), reviewer.name]
    return _decided(report, reviewer, name=" + ".join(names))


def _decided(report: Report, reviewer: Reviewer, *, name: str) -> dict[str, Any]:
    return {
        "decided_at": clock.now(),
        "decided_by": reviewer.id,
        "decided_by_name": name[:128],
        "decided_from": report.state,
    }


def merge(
    session: Session, *, report: Report, into: int, reviewer: Reviewer, policy: Policy
) -> Report:
    """Decide that a report is the same hazard as another one; its rider follows that one then.

    Where the other is approved already, its riders get a joiner's share at once.

    Args:
        session: the transaction; the report's row is locked in it.
        report: the one on the card.
        into: the number of the other.
        reviewer: who decides.
        policy: what a joiner's share is today.

    Returns:
        The other report.

    Raises:
        OwnReport: the reviewer made or joined one of them.
        Claimed: a colleague has the card.
        NoSuchReport: the other does not exist, is the same one, or is no longer open.
        Busy: somebody else works on the other at this moment.
        VotedBefore: it needs somebody else now.
        ChiefOnly: they are one of two who differ.
        DecidedBefore: they rejected it, or voted on it, and the rider has appealed.
        AlreadyDecided: somebody was faster.
    """
    _refuse(session, report=report, reviewer=reviewer, settles=False)
    other = merges.target(session, report=report, number=into)
    reviewers.refuse_own(session, report=other, reviewer=reviewer)
    workflow.move(
        session,
        report=report,
        transition="merged",
        actor=reviewer.actor,
        actor_id=reviewer.id,
        reason=f"#{other.id}",
        duplicate_of=other.id,
        merged_into=other.id,
        **_decided(report, reviewer, name=reviewer.name),
    )
    merges.bring_along(session, report=report, into=other)
    payments.settle_joiners(session, report=other, policy=policy)
    return other


def hold(session: Session, *, report: Report, reviewer: Reviewer, reason: str) -> None:
    """Put a report aside, with a reason, until somebody takes it up again.

    Raises:
        OwnReport: it is the reviewer's own.
        Claimed: a colleague has the card.
        NothingSaid: there is no reason.
        AlreadyDecided: it does not wait for its first decision.
    """
    reviewers.refuse_own(session, report=report, reviewer=reviewer)
    claims.require_free(report, reviewer=reviewer)
    why = reason.strip()[:MOST_CHARACTERS]
    if not why:
        raise NothingSaid
    workflow.move(
        session,
        report=report,
        transition="held",
        actor=reviewer.actor,
        actor_id=reviewer.id,
        reason=why,
        held_because=why,
    )


def release(session: Session, *, report: Report, reviewer: Reviewer) -> None:
    """Take up a report again that was put aside.

    Raises:
        OwnReport: it is the reviewer's own.
        AlreadyDecided: it is not on hold.
    """
    reviewers.refuse_own(session, report=report, reviewer=reviewer)
    workflow.move(
        session,
        report=report,
        transition="released",
        actor=reviewer.actor,
        actor_id=reviewer.id,
        held_because=None,
    )


def undo(session: Session, *, report: Report, reviewer: Reviewer, policy: Policy) -> None:
    """Take back one's own decision or vote while there is time; what was paid is booked back.

    Args:
        session: the transaction; the report's row is locked in it.
        report: the one on the card.
        reviewer: who decided.
        policy: says how long there is time.

    Raises:
        AlreadyDecided: nothing is decided (any more).
        NotYourDecision: somebody else decided.
        TooLateToUndo: the time is over.
        MovedOn: the report it was merged into was merged on.
    """
    minutes = policy.review.undo_minutes
    if report.state in (State.SECOND, State.DISPUTED):
        _undo_vote(session, report=report, reviewer=reviewer, minutes=minutes)
        return
    if report.state not in DECIDED_STATES:
        raise AlreadyDecided(state=report.state, by=report.decided_by_name)
    if report.decided_by != reviewer.id:
        raise NotYourDecision
    if report.decided_at is None or report.decided_at + timedelta(minutes=minutes) < clock.now():
        raise TooLateToUndo(minutes=minutes)
    target = State(report.decided_from or State.SUBMITTED)
    was, into = report.state, report.duplicate_of
    if target is State.DISPUTED and was != State.DUPLICATE and not reviewer.is_chief:
        raise ChiefOnly
    if was == State.DUPLICATE:
        merges.require_undoable(session, report=report)
    workflow.move(
        session,
        report=report,
        transition="undone",
        actor=reviewer.actor,
        actor_id=reviewer.id,
        target=target,
        grade=None,
        points=None,
        reject_reason=None,
        reason_text_zh=None,
        reason_text_en=None,
        decided_at=None,
        decided_by=None,
        decided_by_name=None,
        decided_from=None,
        duplicate_of=None,
        merged_into=None,
    )
    if was == State.APPROVED:
        payments.take_back(session, report=report)
    if was == State.DUPLICATE and into is not None:
        merges.take_back(session, report=report, into=into)
        root = session.get_one(Report, into)
        payments.settle_joiners(session, report=root, policy=policy)
    if target is State.SECOND and was != State.DUPLICATE:
        _delete_vote(session, report=report, reviewer=reviewer)


def _undo_vote(session: Session, *, report: Report, reviewer: Reviewer, minutes: int) -> None:
    if report.state == State.DISPUTED:
        # Who could take back a vote that differs would know what the other one says.
        raise ChiefOnly
    last = votes(session, report_id=report.id)[-1]
    if last.reviewer_id != reviewer.id:
        raise NotYourDecision
    if last.at + timedelta(minutes=minutes) < clock.now():
        raise TooLateToUndo(minutes=minutes)
    workflow.move(
        session,
        report=report,
        transition="vote_undone",
        actor=reviewer.actor,
        actor_id=reviewer.id,
    )
    _delete_vote(session, report=report, reviewer=reviewer)


def _delete_vote(session: Session, *, report: Report, reviewer: Reviewer) -> None:
    # That it was cast stays in the report's history.
    session.execute(
        delete(Vote).where(Vote.report_id == report.id, Vote.reviewer_id == reviewer.id)
    )
