"""The books recomputed from their rows, and every row named that does not fit.

What the rest of the program relies on is worked out anew here from the entries alone: each
transaction sums to zero, a reversing entry is the exact opposite of what it takes back, each
voucher's points lie where its state says, each report was paid what it shows, the month's figure
is what the entries say, and nobody is below zero but after something was taken back.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import (
    Account,
    LedgerEntry,
    LedgerTransaction,
    MonthlyBudget,
    Report,
    Voucher,
    VoucherEvent,
)
from models.ledger import AccountKind
from models.rewards import VoucherState
from models.workflow import State
from services.ledger import ADJUSTMENT, APPROVAL, FIX, JOINER, REVERSAL
from services.payments import PAYMENTS

# Rows looked at in one go.
STEP = 20_000
# Told what is under way, how much of it is done, and how much it is in all.
Show = Callable[[str, int, int], object]
# What each event leaves a voucher as; having been shown anew leaves it as it was.
_LEFT_AS = {
    "issued": VoucherState.ISSUED,
    "undone": VoucherState.ISSUED,
    "used": VoucherState.USED,
    "cancelled": VoucherState.CANCELLED,
    "expired": VoucherState.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that does not fit.

    Attributes:
        where: which, e.g. `transaction 17`, `voucher V3`, `report #1042`, `month 2026-11`.
        what: what is wrong with it, for operators.
    """

    where: str
    what: str


def verify(session: Session, *, show: Show) -> Iterator[Fault]:
    """Recompute everything.

    Args:
        session: a transaction that sees one moment of the database; nothing is changed.
        show: told how far it has come.

    Yields:
        Each fault, as it is found.
    """
    yield from _transactions(session, show)
    yield from _reversals(session, show)
    yield from _vouchers(session, show)
    yield from _payments(session, show)
    yield from _accounts(session)


def _chunks(session: Session, column: Any, what: str, show: Show) -> Iterator[tuple[int, int]]:
    """Half-open spans of ids from one, each told of once it is done."""
    last = session.scalar(select(func.max(column))) or 0
    for begin in range(1, last + 1, STEP):
        yield begin, begin + STEP
        show(what, min(begin + STEP - 1, last), last)


def _transactions(session: Session, show: Show) -> Iterator[Fault]:
    total = func.sum(LedgerEntry.points)
    sides = func.count(LedgerEntry.id)
    for begin, end in _chunks(session, LedgerTransaction.id, "transactions", show):
        rows = session.execute(
            select(LedgerTransaction.id, total, sides)
            .outerjoin(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
            .where(LedgerTransaction.id >= begin, LedgerTransaction.id < end)
            .group_by(LedgerTransaction.id)
            .having((total != 0) | (sides < 2))
        )
        for number, points, count in rows:
            what = "has fewer than two entries" if count < 2 else f"sums to {points}, not to zero"
            yield Fault(f"transaction {number}", what)


def _reversals(session: Session, show: Show) -> Iterator[Fault]:
    for begin, end in _chunks(session, LedgerTransaction.id, "reversals", show):
        rows = session.execute(
            select(LedgerTransaction.id, LedgerTransaction.subject).where(
                LedgerTransaction.id >= begin,
                LedgerTransaction.id < end,
                LedgerTransaction.rule == REVERSAL,
            )
        ).all()
        taken_back = {number: int(subject.partition(":")[2]) for number, subject in rows}
        entries = _entries_of(session, {*taken_back, *taken_back.values()})
        for number, original in taken_back.items():
            opposite = Counter(
                (account, -points, *at) for account, points, *at in entries[original]
            )
            if Counter(entries[number]) != opposite:
                what = f"is not the opposite of transaction {original}, which it takes back"
                yield Fault(f"transaction {number}", what)


def _entries_of(session: Session, numbers: set[int]) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    wanted = sorted(numbers)
    for at in range(0, len(wanted), 500):
        rows = session.execute(
            select(
                LedgerEntry.transaction_id,
                LedgerEntry.account_id,
                LedgerEntry.points,
                LedgerEntry.day,
                LedgerEntry.available_at,
            ).where(LedgerEntry.transaction_id.in_(wanted[at : at + 500]))
        )
        for number, *entry in rows:
            found[number].append(tuple(entry))
    return found


def _vouchers(session: Session, show: Show) -> Iterator[Fault]:
    for begin, end in _chunks(session, Voucher.id, "vouchers", show):
        vouchers = session.execute(
            select(
                Voucher.id, Voucher.state, Voucher.cost, Voucher.person_id, Voucher.shop_id
            ).where(Voucher.id >= begin, Voucher.id < end)
        ).all()
        lie: dict[int, dict[tuple[str, int], int]] = defaultdict(dict)
        rows = session.execute(
            select(
                LedgerTransaction.voucher_id,
                Account.kind,
                Account.owner_id,
                func.sum(LedgerEntry.points),
            )
            .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
            .join(Account, Account.id == LedgerEntry.account_id)
            .where(LedgerTransaction.voucher_id >= begin, LedgerTransaction.voucher_id < end)
            .group_by(LedgerTransaction.voucher_id, Account.kind, Account.owner_id)
        )
        for number, kind, owner, points in rows:
            if number is not None and points:
                lie[number][kind, owner] = int(points)
        states = _states_by_events(session, begin, end)
        for number, state, cost, person_id, shop_id in vouchers:
            if lie.pop(number, {}) != _should_lie(state, cost, person_id, shop_id):
                yield Fault(f"voucher V{number}", f"is {state}, but its points lie elsewhere")
            if states.get(number) != state:
                yield Fault(f"voucher V{number}", f"is {state}, but its events say otherwise")
        for number in lie:
            yield Fault(f"voucher V{number}", "is booked for, but does not exist")


def _should_lie(state: str, cost: int, person_id: int, shop_id: int) -> dict[tuple[str, int], int]:
    paid: dict[tuple[str, int], int] = {(AccountKind.RIDER, person_id): -cost}
    match state:
        case VoucherState.ISSUED:
            return {**paid, (AccountKind.VOUCHERS, 0): cost}
        case VoucherState.USED:
            return {**paid, (AccountKind.SHOP, shop_id): cost}
    return {}


def _states_by_events(session: Session, begin: int, end: int) -> dict[int, str]:
    rows = session.execute(
        select(VoucherEvent.voucher_id, VoucherEvent.kind)
        .where(VoucherEvent.voucher_id >= begin, VoucherEvent.voucher_id < end)
        .order_by(VoucherEvent.id)
    )
    return {number: _LEFT_AS[kind] for number, kind in rows if kind in _LEFT_AS}


@dataclass(frozen=True, slots=True)
class _Booking:
    """What moved on a rider's account for a report."""

    id: int
    rule: str
    subject: str
    month: str | None
    person_id: int
    points: int


def _payments(session: Session, show: Show) -> Iterator[Fault]:
    months: Counter[str] = Counter()
    # Joined to the accounts, SQLite would go through all entries of all riders, each time anew.
    riders = dict(
        session.execute(
            select(Account.id, Account.owner_id).where(Account.kind == AccountKind.RIDER)
        ).all()
    )
    for begin, end in _chunks(session, Report.id, "reports", show):
        reports = session.execute(
            select(Report.id, Report.state, Report.points, Report.reporter_id)
            .where(Report.id >= begin, Report.id < end)
            .order_by(Report.id)
        )
        bookings = {
            number: [
                _Booking(one, rule, subject, month, riders[account], points)
                for _, account, points, one, rule, subject, month in rows
                if account in riders
            ]
            for number, rows in groupby(_booked(session, begin, end), itemgetter(0))
        }
        for number, state, points, reporter_id in reports:
            booked = bookings.get(number, [])
            yield from _report(number, state, points, reporter_id, booked)
            _add_up(months, booked)
    for month, paid in session.execute(select(MonthlyBudget.month, MonthlyBudget.paid)):
        if months[month] != paid:
            what = f"is said to have paid {paid}, but the entries say {months[month]}"
            yield Fault(f"month {month}", what)


def _booked(session: Session, begin: int, end: int) -> Sequence[Any]:
    return session.execute(
        select(
            LedgerTransaction.report_id,
            LedgerEntry.account_id,
            LedgerEntry.points,
            LedgerTransaction.id,
            LedgerTransaction.rule,
            LedgerTransaction.subject,
            # Taken out by the database: reading all of the terms would take longer than all else.
            LedgerTransaction.terms["month"].as_string(),
        )
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .where(LedgerTransaction.report_id >= begin, LedgerTransaction.report_id < end)
        .order_by(LedgerTransaction.report_id, LedgerTransaction.id)
    ).all()


def _report(
    number: int, state: str, points: int | None, reporter_id: int, booked: list[_Booking]
) -> Iterator[Fault]:
    taken_back = {int(one.subject.partition(":")[2]) for one in booked if one.rule == REVERSAL}
    standing = [one for one in booked if one.rule in PAYMENTS and one.id not in taken_back]
    where = f"report #{number}"
    if state != State.APPROVED:
        if standing:
            yield Fault(where, f"is {state}, but is paid for")
        return
    approvals = [one for one in standing if one.rule == APPROVAL]
    if [(one.person_id, one.points) for one in approvals] != [(reporter_id, points)]:
        yield Fault(where, f"shows {points} points, but the entries say otherwise")
    for rule in (JOINER, FIX):
        paid = Counter(one.person_id for one in standing if one.rule == rule)
        if any(count > 1 for count in paid.values()):
            yield Fault(where, f"paid somebody twice under the rule {rule}")


def _add_up(months: Counter[str], booked: list[_Booking]) -> None:
    paid_in: dict[int, str] = {}
    for one in booked:
        if one.rule in PAYMENTS and one.month is not None:
            # Before there was a budget nothing was counted.
            paid_in[one.id] = one.month
            months[one.month] += one.points
        elif one.rule == REVERSAL:
            month_of_it = paid_in.get(int(one.subject.partition(":")[2]))
            if month_of_it is not None:
                months[month_of_it] += one.points


def _accounts(session: Session) -> Iterator[Fault]:
    total = func.sum(LedgerEntry.points)
    rows = session.execute(
        select(Account.id, Account.kind, Account.owner_id, total)
        .join(LedgerEntry, LedgerEntry.account_id == Account.id)
        .where(Account.kind.in_((AccountKind.RIDER, AccountKind.EXPIRED, AccountKind.VOUCHERS)))
        .group_by(Account.id, Account.kind, Account.owner_id)
        .having((Account.kind != AccountKind.RIDER) | (total < 0))
    ).all()
    good = session.scalar(
        select(func.coalesce(func.sum(Voucher.cost), 0)).where(Voucher.state == VoucherState.ISSUED)
    )
    for number, kind, _, points in rows:
        where = f"account {number} ({kind})"
        if kind == AccountKind.EXPIRED and points:
            yield Fault(where, f"holds {points}: not every expired voucher was refunded")
        elif kind == AccountKind.VOUCHERS and points != good:
            yield Fault(where, f"holds {points}, but good vouchers are worth {good}")
        elif kind == AccountKind.RIDER and not _was_taken_from(session, number):
            yield Fault(where, f"is at {points}, though nothing was taken back")


def _was_taken_from(session: Session, account_id: int) -> bool:
    """Whether something was taken back from an account: only then may it be below zero."""
    found = session.scalar(
        select(LedgerEntry.id)
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(
            LedgerEntry.account_id == account_id,
            LedgerEntry.points < 0,
            LedgerTransaction.rule.in_((REVERSAL, ADJUSTMENT)),
        )
        .limit(1)
    )
    return found is not None
