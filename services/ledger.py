"""The books: double entry, added to and never changed. A balance is a sum.

Every transaction sums to zero; the unique key of rule and subject keeps anything from being booked
twice; what was wrong is taken back by a reversing entry. What is paid for what is another module's
(services/payments.py, services/vouchers.py).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, case, func, select
from sqlalchemy.orm import Session

from models import Account, LedgerEntry, LedgerTransaction, clock
from models.ledger import AccountKind
from services.statements import Prepared
from services.upserts import insert_new, insert_row

# Rules, as they stand in `LedgerTransaction.rule`.
APPROVAL, JOINER, FIX = "approval", "joiner", "fix"
REDEEM, CONFIRM, CANCEL, EXPIRY, REFUND = "redeem", "confirm", "cancel", "expiry", "refund"
ADJUSTMENT = "adjustment"
# The rule under which a booking is taken back.
REVERSAL = "reversal"

PROGRAMME = (AccountKind.PROGRAMME, 0)
VOUCHERS = (AccountKind.VOUCHERS, 0)
EXPIRED = (AccountKind.EXPIRED, 0)
CORRECTIONS = (AccountKind.CORRECTIONS, 0)
# Whose an account is: its kind, and its owner's id.
Holder = tuple[AccountKind, int]


def rider(person_id: int) -> Holder:
    """The account of a rider."""
    return (AccountKind.RIDER, person_id)


def shop(shop_id: int) -> Holder:
    """The account of a shop."""
    return (AccountKind.SHOP, shop_id)


@dataclass(frozen=True, slots=True)
class Balance:
    """What somebody has.

    Attributes:
        points: all of it; below zero after what was spent had to be taken back.
        pending: the part that cannot be spent yet.
    """

    points: int
    pending: int

    @property
    def spendable(self) -> int:
        """What can be spent now."""
        return max(0, self.points - max(0, self.pending))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a rider's statement.

    Attributes:
        points: added (positive) or taken.
        rule: why, e.g. `approval`.
        report_id: for which report, if for one.
        voucher_id: for which voucher, if for one.
        terms: the rule as it was applied.
        at: when.
    """

    points: int
    rule: str
    report_id: int | None
    voucher_id: int | None
    terms: dict[str, Any]
    at: datetime


_ACCOUNT = Prepared(
    select(Account.id).where(
        Account.kind == bindparam("kind"), Account.owner_id == bindparam("owner")
    )
)


def account_id(session: Session, *, holder: Holder) -> int:
    """The id of an account, opened when first asked for."""
    kind, owner_id = holder
    found = _ACCOUNT.scalar(session, kind=kind.value, owner=owner_id)
    if found is None:
        insert_new(session, model=Account, values={"kind": kind.value, "owner_id": owner_id})
        found = _ACCOUNT.scalar(session, kind=kind.value, owner=owner_id)
    assert isinstance(found, int)
    return found


_TRANSACTION = Prepared(
    select(LedgerTransaction.id).where(
        LedgerTransaction.rule == bindparam("rule"),
        LedgerTransaction.subject == bindparam("subject"),
    )
)


def move(
    session: Session,
    *,
    points: int,
    source: Holder,
    to: Holder,
    rule: str,
    subject: str,
    terms: dict[str, Any],
    report_id: int | None = None,
    voucher_id: int | None = None,
    day: date | None = None,
    available_at: datetime | None = None,
) -> bool:
    """Book points from one account to another, once for a rule and subject.

    Args:
        session: the transaction.
        points: how many; none where a rule came to nothing, which is worth a line, too.
        source: the account they leave.
        to: the account they reach.
        rule: which rule says so.
        subject: what for; with the rule it is the key nothing is booked twice under.
        terms: the rule as it stands now, kept with the booking.
        report_id: the report it is for.
        voucher_id: the voucher it is for.
        day: the local day whose cap it counts against.
        available_at: when they can be spent; None: at once.

    Returns:
        False if this was booked before; nothing is booked then.

    Raises:
        ValueError: less than no points.
    """
    if points < 0:
        raise ValueError("points are moved the other way round")
    taken = _Posting(account_id(session, holder=source), -points, None, None)
    given = _Posting(account_id(session, holder=to), points, day, available_at)
    return _book(
        session,
        rule=rule,
        subject=subject,
        report_id=report_id,
        voucher_id=voucher_id,
        terms=terms,
        postings=(taken, given),
    )


def find(session: Session, *, rule: str, subject: str) -> int | None:
    """The number of a transaction; None if nothing was booked under that rule for that subject."""
    found: int | None = _TRANSACTION.scalar(session, rule=rule, subject=subject)
    return found


def reverse(session: Session, *, transaction_id: int, why: str) -> bool:
    """Book a transaction back, by a reversing entry, once.

    Args:
        session: the transaction.
        transaction_id: which.
        why: kept with the booking.

    Returns:
        False if it was booked back before.

    Raises:
        LookupError: there is no such transaction, or it takes one back itself.
    """
    original = session.get(LedgerTransaction, transaction_id)
    if original is None or original.rule == REVERSAL:
        raise LookupError(transaction_id)
    entries = session.execute(
        select(
            LedgerEntry.account_id, LedgerEntry.points, LedgerEntry.day, LedgerEntry.available_at
        )
        .where(LedgerEntry.transaction_id == transaction_id)
        .order_by(LedgerEntry.id)
    ).all()
    return _book(
        session,
        rule=REVERSAL,
        subject=_reversal_of(transaction_id),
        report_id=original.report_id,
        voucher_id=original.voucher_id,
        terms={"of": original.rule, "why": why},
        # Of the same day and no sooner to be spent: caps and what is pending come out even.
        postings=[_Posting(account, -points, day, at) for account, points, day, at in entries],
    )


def _reversal_of(transaction_id: int) -> str:
    return f"transaction:{transaction_id}"


@dataclass(frozen=True, slots=True)
class _Posting:
    account_id: int
    points: int
    day: date | None
    available_at: datetime | None


def _book(
    session: Session,
    *,
    rule: str,
    subject: str,
    report_id: int | None,
    voucher_id: int | None,
    terms: dict[str, Any],
    postings: Sequence[_Posting],
) -> bool:
    values = {
        "rule": rule,
        "subject": subject,
        "report_id": report_id,
        "voucher_id": voucher_id,
        "terms": terms,
        "at": clock.now(),
    }
    if not insert_new(session, model=LedgerTransaction, values=values):
        return False
    transaction_id = _TRANSACTION.scalar(session, rule=rule, subject=subject)
    for posting in postings:
        insert_row(
            session,
            model=LedgerEntry,
            values={
                "transaction_id": transaction_id,
                "account_id": posting.account_id,
                "points": posting.points,
                "day": posting.day,
                "available_at": posting.available_at,
            },
        )
    return True


@dataclass(frozen=True, slots=True)
class Standing:
    """A booking that was not taken back.

    Attributes:
        id: of the transaction.
        rule: which rule booked it.
        subject: what for.
        terms: the rule as it was applied.
        at: when.
    """

    id: int
    rule: str
    subject: str
    terms: dict[str, Any]
    at: datetime


def standing(
    session: Session,
    *,
    rules: Collection[str],
    report_id: int | None = None,
    voucher_id: int | None = None,
) -> list[Standing]:
    """What some rules booked for a report or a voucher and nobody took back, oldest first."""
    about = (
        LedgerTransaction.report_id == report_id
        if report_id is not None
        else LedgerTransaction.voucher_id == voucher_id
    )
    rows = session.execute(
        select(
            LedgerTransaction.id,
            LedgerTransaction.rule,
            LedgerTransaction.subject,
            LedgerTransaction.terms,
            LedgerTransaction.at,
        )
        .where(about)
        .order_by(LedgerTransaction.id)
    ).all()
    reversed_ones = {subject for _, rule, subject, _, _ in rows if rule == REVERSAL}
    return [
        Standing(*row)
        for row in rows
        if row[1] in rules and _reversal_of(row[0]) not in reversed_ones
    ]


def count(
    session: Session, *, rule: str, subject: str, report_id: int | None, voucher_id: int | None
) -> int:
    """How often a rule has booked for a subject, what was taken back included."""
    about = (
        LedgerTransaction.report_id == report_id
        if report_id is not None
        else LedgerTransaction.voucher_id == voucher_id
    )
    subjects = session.scalars(
        select(LedgerTransaction.subject).where(about, LedgerTransaction.rule == rule)
    )
    return sum(1 for known in subjects if known.partition("#")[0] == subject)


def numbered(subject: str, before: int) -> str:
    """A subject that was booked so often before: each time it has a key of its own."""
    return subject if before == 0 else f"{subject}#{before + 1}"


_BALANCE = Prepared(
    select(
        func.coalesce(func.sum(LedgerEntry.points), 0),
        func.coalesce(
            func.sum(case((LedgerEntry.available_at > bindparam("now"), LedgerEntry.points))), 0
        ),
    ).where(LedgerEntry.account_id == bindparam("account"))
)
_EARNED_ON = Prepared(
    select(func.coalesce(func.sum(LedgerEntry.points), 0)).where(
        LedgerEntry.account_id == bindparam("account"), LedgerEntry.day == bindparam("day")
    )
)


def balance(session: Session, *, person_id: int) -> Balance:
    """What a rider has, and how much of it waits."""
    account = _ACCOUNT.scalar(session, kind=AccountKind.RIDER.value, owner=person_id)
    if account is None:
        return Balance(0, 0)
    row = _BALANCE.first(session, account=account, now=clock.now())
    assert row is not None
    return Balance(int(row[0]), int(row[1]))


def earned_on(session: Session, *, person_id: int, day: date) -> int:
    """What a rider got for a day, of what counts against its cap."""
    account = account_id(session, holder=rider(person_id))
    return int(_EARNED_ON.scalar(session, account=account, day=day))


def statement(session: Session, *, person_id: int, limit: int = 10) -> Sequence[Line]:
    """The newest lines of a rider's account, newest first."""
    rows = session.execute(
        select(
            LedgerEntry.points,
            LedgerTransaction.rule,
            LedgerTransaction.report_id,
            LedgerTransaction.voucher_id,
            LedgerTransaction.terms,
            LedgerTransaction.at,
        )
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .join(Account, Account.id == LedgerEntry.account_id)
        .where(Account.kind == AccountKind.RIDER, Account.owner_id == person_id)
        .order_by(LedgerEntry.id.desc())
        .limit(limit)
    )
    return [Line(*row) for row in rows]
