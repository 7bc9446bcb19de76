"""Points: double entry, added to and never changed. A balance is a sum."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Account, LedgerEntry, LedgerTransaction, clock
from models.ledger import AccountKind
from services.upserts import insert_new

PROGRAMME = (AccountKind.PROGRAMME, 0)
# The rule under which a booking is taken back.
REVERSAL = "reversal"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a rider's statement.

    Attributes:
        points: added (positive) or taken.
        rule: why, e.g. `approval`.
        report_id: for which report, if for one.
        at: when.
    """

    points: int
    rule: str
    report_id: int | None
    at: datetime


def account_id(session: Session, *, kind: AccountKind, owner_id: int) -> int:
    """The id of an account, opened when first asked for."""
    query = select(Account.id).where(Account.kind == kind, Account.owner_id == owner_id)
    found = session.scalar(query)
    if found is None:
        insert_new(session, model=Account, values={"kind": kind, "owner_id": owner_id})
        found = session.scalar(query)
    assert found is not None
    return found


def pay_rider(
    session: Session,
    *,
    person_id: int,
    points: int,
    rule: str,
    subject: str,
    terms: dict[str, Any],
    report_id: int | None = None,
) -> bool:
    """Book points from the programme to a rider, once for a rule and subject.

    Args:
        session: the transaction in which it was earned.
        person_id: the rider.
        points: how many; more than none.
        rule: which rule pays.
        subject: what for; with the rule it is the key nothing is paid twice under.
        terms: the rule as it stands now, kept with the booking.
        report_id: the report it is for.

    Returns:
        False if this was paid before; nothing is booked then.

    Raises:
        ValueError: no points.
    """
    if points <= 0:
        raise ValueError("only points can be paid")
    rider = account_id(session, kind=AccountKind.RIDER, owner_id=person_id)
    programme = account_id(session, kind=PROGRAMME[0], owner_id=PROGRAMME[1])
    return _book(
        session,
        rule=rule,
        subject=subject,
        report_id=report_id,
        terms=terms,
        amounts=((rider, points), (programme, -points)),
    )


def reverse_last(session: Session, *, rule: str, report_id: int) -> bool:
    """Book back what a rule paid last for a report, by a reversing entry, once.

    Args:
        session: the transaction.
        rule: which rule paid.
        report_id: for which report.

    Returns:
        False if nothing was paid, or it was booked back before.
    """
    paid = session.scalar(
        select(func.max(LedgerTransaction.id)).where(
            LedgerTransaction.rule == rule, LedgerTransaction.report_id == report_id
        )
    )
    if paid is None:
        return False
    entries = session.execute(
        select(LedgerEntry.account_id, LedgerEntry.points)
        .where(LedgerEntry.transaction_id == paid)
        .order_by(LedgerEntry.id)
    ).all()
    return _book(
        session,
        rule=REVERSAL,
        subject=f"transaction:{paid}",
        report_id=report_id,
        terms={"of": rule},
        amounts=[(account, -points) for account, points in entries],
    )


def count(session: Session, *, rule: str, report_id: int) -> int:
    """How often a rule has paid for a report, what was booked back included."""
    found = session.scalar(
        select(func.count(LedgerTransaction.id)).where(
            LedgerTransaction.rule == rule, LedgerTransaction.report_id == report_id
        )
    )
    return found or 0


def _book(
    session: Session,
    *,
    rule: str,
    subject: str,
    report_id: int | None,
    terms: dict[str, Any],
    amounts: Sequence[tuple[int, int]],
) -> bool:
    values = {
        "rule": rule,
        "subject": subject,
        "report_id": report_id,
        "terms": terms,
        "at": clock.now(),
    }
    if not insert_new(session, model=LedgerTransaction, values=values):
        return False
    transaction_id = session.scalar(
        select(LedgerTransaction.id).where(
            LedgerTransaction.rule == rule, LedgerTransaction.subject == subject
        )
    )
    for account, points in amounts:
        session.add(LedgerEntry(transaction_id=transaction_id, account_id=account, points=points))
    session.flush()
    return True


def balance(session: Session, *, person_id: int) -> int:
    """A rider's points."""
    total = session.scalar(
        select(func.sum(LedgerEntry.points))
        .join(Account, Account.id == LedgerEntry.account_id)
        .where(Account.kind == AccountKind.RIDER, Account.owner_id == person_id)
    )
    return int(total or 0)


def statement(session: Session, *, person_id: int, limit: int = 10) -> Sequence[Line]:
    """The newest lines of a rider's account, newest first."""
    rows = session.execute(
        select(
            LedgerEntry.points,
            LedgerTransaction.rule,
            LedgerTransaction.report_id,
            LedgerTransaction.at,
        )
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .join(Account, Account.id == LedgerEntry.account_id)
        .where(Account.kind == AccountKind.RIDER, Account.owner_id == person_id)
        .order_by(LedgerEntry.id.desc())
        .limit(limit)
    )
    return [Line(*row) for row in rows]
