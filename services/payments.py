"""What riders are paid for, by the rules of `points` in the configuration.

The rule as it was applied is kept with each booking: `terms` say what it would have been, and what
made it less. All of it is decided under the lock of the month's budget, so that of two payments at
once each sees the other: in its fading, in the day's cap, and in the budget.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Joiner, Report, clock
from models.policy import Policy
from models.workflow import State
from services import ledger, programme
from services.ledger import APPROVAL, FIX, JOINER, PROGRAMME

PAYMENTS = (APPROVAL, JOINER, FIX)


class Less(StrEnum):
    """Why somebody got less than the grade says; kept in a booking's terms under `less`."""

    FADED = "faded"
    DAY = "day"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Payment:
    """What a rule pays somebody now.

    Attributes:
        points: how many; none where a cap or the budget leaves nothing.
        terms: the rule as it was applied.
        day: the local day whose cap it counts against; None: against none.
    """

    points: int
    terms: dict[str, Any]
    day: date | None


def for_approval(session: Session, *, report: Report, grade: int, policy: Policy) -> Payment:
    """What the reporter is to get for a report with so many stars.

    The month's budget is locked: what is worked out here still holds when it is booked.

    Args:
        session: the transaction; the report's row is locked in it.
        report: the one that is being approved.
        grade: 1 to 3.
        policy: the rules of today.
    """
    rules = policy.points
    month = programme.lock_month(session, policy=policy)
    day = _local_day(report.created_at, policy)
    full = rules.grades[grade - 1]
    before = _approved_there(session, report=report, day=day, policy=policy)
    share = rules.fading[min(before, len(rules.fading) - 1)]
    worth = _rounded(full * share)
    terms = {"grade": grade, "grades": list(rules.grades), "fading": share, "worth": worth}
    return _within_limits(
        session,
        person_id=report.reporter_id,
        worth=worth,
        terms=terms,
        less=[Less.FADED] if worth < full else [],
        day=day,
        month=month,
        policy=policy,
    )


def pay_approval(session: Session, *, report: Report, payment: Payment, policy: Policy) -> None:
    """Book what `for_approval` found, and the shares of those who had joined.

    Args:
        session: the transaction, in which the report was approved.
        report: the one.
        payment: out of `for_approval`, in the same transaction.
        policy: the rules of today.
    """
    _pay(
        session,
        report=report,
        person_id=report.reporter_id,
        payment=payment,
        rule=APPROVAL,
        subject=f"report:{report.id}",
        policy=policy,
    )
    _settle_joiners(session, report=report, policy=policy, all_of_them=True)


def settle_joiners(session: Session, *, report: Report, policy: Policy) -> None:
    """Bring the joiners' shares in line with who was merged into a report, and who is no more.

    Who joined before the approval got a share with it; who is merged into an approved report by a
    reviewer gets one now; who is no joiner any more gives it back. Who joins an approved report by
    themselves gets none: nobody looked at what they saw. Doing it twice changes nothing.

    Args:
        session: the transaction; the report's row is locked in it.
        report: it may be in any state; nothing is paid unless it is approved.
        policy: the rules of today.
    """
    _settle_joiners(session, report=report, policy=policy, all_of_them=False)


def _settle_joiners(session: Session, *, report: Report, policy: Policy, all_of_them: bool) -> None:
    paid = {
        int(one.subject.partition("#")[0].rpartition(":")[2]): one
        for one in ledger.standing(session, rules=(JOINER,), report_id=report.id)
    }
    rows = session.execute(
        select(Joiner.person_id, Joiner.joined_at, Joiner.merged_from)
        .where(Joiner.report_id == report.id)
        .order_by(Joiner.id)
    ).all()
    joiners = {person_id for person_id, _, _ in rows}
    for person_id, booking in paid.items():
        if person_id not in joiners:
            _take_back(session, booking=booking, why="no joiner any more")
    if report.state != State.APPROVED or not policy.points.joiner_share:
        return
    approvals = ledger.standing(session, rules=(APPROVAL,), report_id=report.id)
    if not approvals:
        return
    # A report from before there were shares has no worth in its terms: its grade says enough.
    terms = approvals[-1].terms
    worth = terms.get("worth", terms["grades"][terms["grade"] - 1])
    for person_id, joined_at, merged_from in rows:
        if person_id in paid or not (all_of_them or merged_from is not None):
            continue
        share = _rounded(worth * policy.points.joiner_share)
        day = _local_day(joined_at, policy)
        payment = _within_limits(
            session,
            person_id=person_id,
            worth=share,
            terms={"worth": share, "share": policy.points.joiner_share, "of": worth},
            less=[],
            day=day,
            month=programme.lock_month(session, policy=policy),
            policy=policy,
        )
        _pay(
            session,
            report=report,
            person_id=person_id,
            payment=payment,
            rule=JOINER,
            subject=f"report:{report.id}:person:{person_id}",
            policy=policy,
        )


def pay_fix(session: Session, *, report: Report, policy: Policy) -> int:
    """Pay the reporter's bonus for a fix that was confirmed, once for a report.

    Args:
        session: the transaction; the report's row is locked in it.
        report: the one that was fixed.
        policy: the rules of today.

    Returns:
        The points; none where there is no bonus, or it was paid before.
    """
    bonus = policy.points.fix_bonus
    if not bonus or ledger.standing(session, rules=(FIX,), report_id=report.id):
        return 0
    payment = _within_limits(
        session,
        person_id=report.reporter_id,
        worth=bonus,
        terms={"worth": bonus},
        less=[],
        day=None,
        month=programme.lock_month(session, policy=policy),
        policy=policy,
    )
    _pay(
        session,
        report=report,
        person_id=report.reporter_id,
        payment=payment,
        rule=FIX,
        subject=f"report:{report.id}",
        policy=policy,
    )
    return payment.points


def take_back(session: Session, *, report: Report) -> None:
    """Book back all that was paid for a report whose approval is undone.

    Args:
        session: the transaction; the report's row is locked in it.
        report: the one.
    """
    for booking in ledger.standing(session, rules=PAYMENTS, report_id=report.id):
        _take_back(session, booking=booking, why="undone")


def why_less(session: Session, *, report_id: int, person_id: int) -> list[Less]:
    """Why somebody got less for a report than its grade says; none if they got it all."""
    subjects = (f"report:{report_id}", f"report:{report_id}:person:{person_id}")
    bookings = ledger.standing(session, rules=(APPROVAL, JOINER), report_id=report_id)
    mine = [one for one in bookings if one.subject.partition("#")[0] in subjects]
    return [Less(code) for code in mine[-1].terms.get("less", [])] if mine else []


def earned(session: Session, *, report_id: int, person_id: int) -> int | None:
    """What somebody who joined a report was paid for it; None if nothing is booked."""
    subject = f"report:{report_id}:person:{person_id}"
    for one in ledger.standing(session, rules=(JOINER,), report_id=report_id):
        if one.subject.partition("#")[0] == subject:
            return int(one.terms["points"])
    return None


def _within_limits(
    session: Session,
    *,
    person_id: int,
    worth: int,
    terms: dict[str, Any],
    less: list[Less],
    day: date | None,
    month: programme.Month,
    policy: Policy,
) -> Payment:
    points = worth
    cap = policy.points.per_day
    if cap and day is not None:
        room = max(0, cap - ledger.earned_on(session, person_id=person_id, day=day))
        if room < points:
            points, less = room, [*less, Less.DAY]
    if month.left is not None and month.left < points:
        points, less = month.left, [*less, Less.BUDGET]
    told = {**terms, "points": points, "less": [code.value for code in less]}
    # The month is kept with the booking: midnight may pass between this and the booking.
    limits = {"per_day": cap, "budget": month.budget, "month": month.name}
    return Payment(points, told | limits, day)


def _pay(
    session: Session,
    *,
    report: Report,
    person_id: int,
    payment: Payment,
    rule: str,
    subject: str,
    policy: Policy,
) -> None:
    before = ledger.count(session, rule=rule, subject=subject, report_id=report.id, voucher_id=None)
    hold = timedelta(hours=policy.points.hold_hours)
    booked = ledger.move(
        session,
        points=payment.points,
        source=PROGRAMME,
        to=ledger.rider(person_id),
        rule=rule,
        # Approved anew after an undoing, it is paid anew, and each time once.
        subject=ledger.numbered(subject, before),
        terms=payment.terms,
        report_id=report.id,
        day=payment.day,
        available_at=clock.now() + hold if hold and payment.points else None,
    )
    if booked:
        programme.note_payment(session, month=payment.terms["month"], points=payment.points)


def _take_back(session: Session, *, booking: ledger.Standing, why: str) -> None:
    taken = ledger.reverse(session, transaction_id=booking.id, why=why)
    # What was paid before there was a budget was not counted either.
    if taken and "month" in booking.terms:
        programme.note_payment(
            session, month=booking.terms["month"], points=-booking.terms["points"]
        )


def _approved_there(session: Session, *, report: Report, day: date, policy: Policy) -> int:
    """How many others of the kind are approved in the same cell, made on the same local day."""
    begin = datetime.combine(day, datetime.min.time(), policy.zone)
    end = datetime.combine(day + timedelta(days=1), datetime.min.time(), policy.zone)
    states = session.scalars(
        select(Report.state).where(
            Report.cell == report.cell,
            Report.category == report.category,
            Report.created_at >= begin,
            Report.created_at < end,
            Report.id != report.id,
        )
    )
    # Asked for by state, they might be looked for among all approved of the day, wherever they lie.
    return sum(state == State.APPROVED for state in states)


def _local_day(moment: datetime, policy: Policy) -> date:
    return moment.astimezone(policy.zone).date()


def _rounded(points: float) -> int:
    """Halves go up; what is worth anything is worth a point."""
    return max(1, int(points + 0.5)) if points > 0 else 0
