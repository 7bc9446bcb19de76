"""A small economy: riders, reviewers, shops with staff, and few things to be had for points.

`Books` is what the database says of it, read with plain selects; `check` holds that to the rules
which have to hold whatever happened, and in whatever order.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import (
    Account,
    Item,
    Joiner,
    LedgerEntry,
    LedgerTransaction,
    MonthlyBudget,
    Report,
    Shop,
    ShopStaff,
    Voucher,
    VoucherEvent,
    clock,
)
from models.policy import Policy
from services import people, verification
from services.reviewers import Reviewer
from tests.scene import HERE, UP_THE_ROAD, Scene

RIDERS, REVIEWERS = 3, 2
PLACES, CATEGORIES = (HERE, UP_THE_ROAD), ("guardrail", "pothole")
# Three grades' points go as far as a few of these.
ITEMS: tuple[dict[str, Any], ...] = (
    {"cost": 4, "stock": 1, "per_person": None, "valid_days": 1},
    {"cost": 6, "stock": 2, "per_person": 1, "valid_days": 14},
    {"cost": 3, "stock": None, "per_person": 2, "valid_days": 40},
)
PAYING = ("approval", "joiner", "fix")


def ruled(policy: Policy, **points: Any) -> Policy:
    """The shipped rules, but one reviewer decides, and the points are few."""
    eyes = policy.review.second_eyes.model_copy(update={"from_reviewers": 0})
    few = {"per_day": 30, "monthly_budget": 90, "fix_bonus": 3, **points}
    return policy.model_copy(
        update={
            "review": policy.review.model_copy(update={"second_eyes": eyes}),
            "points": policy.points.model_copy(update=few),
            "limits": policy.limits.model_copy(update={"reports_per_day": 1000}),
        }
    )


@dataclass
class World:
    """Who and what an example is about.

    Attributes:
        riders: the last of them works at the second shop.
        staff: one a shop.
        items: the first and the last are the first shop's.
        since: the last transaction in the ledger before it all.
        before: what lay in the accounts there is one of.
    """

    database: Any
    scene: Scene
    policy: Policy
    riders: list[int]
    reviewers: list[Reviewer]
    shops: list[int]
    staff: list[int]
    items: list[int]
    since: int
    before: dict[str, int]
    reports: list[int] = field(default_factory=list)

    def act(self, who: int, does: Callable[[Session], Any]) -> Any:
        """A transaction of somebody's, with their row locked, as an update is."""
        with self.database.transaction() as session:
            people.meet(session, person_id=who, language_code=None, policy=self.policy)
            return does(session)


def make(database: Any, scene: Scene, policy: Policy, *, riders: int = RIDERS) -> World:
    """An economy of its own, in a database that may hold others."""
    # Reports are made by the same rules.
    scene.policy = policy
    with database.transaction() as session:
        met = [scene.person(session).id for _ in range(riders)]
        sit = [scene.person(session).id for _ in range(REVIEWERS)]
        wu = scene.person(session).id
        shops, staff = [], [wu, met[-1]]
        for who in staff:
            shop = Shop(
                code=f"shop_{who}", name_zh="面馆", name_en="Noodles", created_at=clock.now()
            )
            session.add(shop)
            session.flush()
            shops.append(shop.id)
            session.add(ShopStaff(shop_id=shop.id, person_id=who, name="Wu", joined_at=clock.now()))
        items = []
        for number, told in enumerate(ITEMS):
            item = Item(
                code=f"item_{wu}_{number}",
                shop_id=shops[number % 2],
                title_zh="汤面",
                title_en="Noodle soup",
                created_at=clock.now(),
                **told,
            )
            session.add(item)
            session.flush()
            items.append(item.id)
        return World(
            database=database,
            scene=scene,
            policy=policy,
            riders=met,
            reviewers=[
                Reviewer(who, name, is_chief=False) for who, name in zip(sit, "林陈", strict=True)
            ],
            shops=shops,
            staff=staff,
            items=items,
            since=session.scalar(select(func.max(LedgerTransaction.id))) or 0,
            before={kind: points for (kind, _), points in _sums(session, owners=[0]).items()},
        )


# --- what the books say ---


@dataclass
class Books:
    """All the database says of an economy.

    Attributes:
        accounts: points by kind and owner; of those there is one of, since it began.
        entries: of each rider's account, with the rule that booked them, in order.
        uneven: transactions that do not sum to zero or have not two sides.
        vouchers: by number.
        events: of each voucher, by kind.
        moved: for each voucher and kind of account, the points that came in for it, net.
        stock: by item.
        paid: by month, as the budget has it.
        payments: paid for reports: rows of id, rule, report_id, person_id, points, day,
            available_at, at and terms.
        taken_back: the payments of these that were.
        reports: by number.
        joiners: rows in the order they came.
    """

    accounts: dict[tuple[str, int], int]
    entries: dict[int, list[Any]]
    uneven: list[int]
    vouchers: dict[int, Any]
    events: dict[int, Counter[str]]
    moved: dict[int, dict[str, int]]
    stock: dict[int, int | None]
    paid: dict[str, int]
    payments: list[Any]
    taken_back: set[int]
    reports: dict[int, Any]
    joiners: list[Any]

    @property
    def standing(self) -> list[Any]:
        """Payments nobody took back."""
        return [one for one in self.payments if one.id not in self.taken_back]

    def balance(self, person_id: int) -> int:
        """What a rider has."""
        return self.accounts.get(("rider", person_id), 0)


def read(world: World) -> Books:
    """Read it all, in one transaction."""
    with world.database.transaction() as session:
        return _read(session, world)


def _read(session: Session, world: World) -> Books:
    ours = LedgerTransaction.id > world.since
    sums = _sums(session, owners=[0, *world.riders, *world.shops])
    accounts = {
        (kind, owner): points - (world.before.get(kind, 0) if owner == 0 else 0)
        for (kind, owner), points in sums.items()
        if owner == 0 or owner in (world.riders if kind == "rider" else world.shops)
    }
    uneven = session.scalars(
        select(LedgerEntry.transaction_id)
        .where(LedgerEntry.transaction_id > world.since)
        .group_by(LedgerEntry.transaction_id)
        .having((func.sum(LedgerEntry.points) != 0) | (func.count() != 2))
    ).all()
    table = Voucher.__table__
    vouchers = session.execute(
        select(table).where(table.c.person_id.in_(world.riders)).order_by(table.c.id)
    ).all()
    events: dict[int, Counter[str]] = defaultdict(Counter)
    for number, kind, count in session.execute(
        select(VoucherEvent.voucher_id, VoucherEvent.kind, func.count())
        .join(Voucher, Voucher.id == VoucherEvent.voucher_id)
        .where(Voucher.person_id.in_(world.riders))
        .group_by(VoucherEvent.voucher_id, VoucherEvent.kind)
    ):
        events[number][kind] = count
    moved: dict[int, dict[str, int]] = defaultdict(dict)
    for number, kind, points in session.execute(
        select(LedgerTransaction.voucher_id, Account.kind, func.sum(LedgerEntry.points))
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .join(Account, Account.id == LedgerEntry.account_id)
        .where(ours, LedgerTransaction.voucher_id.is_not(None))
        .group_by(LedgerTransaction.voucher_id, Account.kind)
    ):
        moved[number][kind] = int(points)
    payments = session.execute(
        select(
            LedgerTransaction.id,
            LedgerTransaction.rule,
            LedgerTransaction.report_id,
            Account.owner_id.label("person_id"),
            LedgerEntry.points,
            LedgerEntry.day,
            LedgerEntry.available_at,
            LedgerTransaction.at,
            LedgerTransaction.terms,
        )
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .join(Account, Account.id == LedgerEntry.account_id)
        .where(ours, LedgerTransaction.rule.in_(PAYING), Account.kind == "rider")
        .order_by(LedgerTransaction.id)
    ).all()
    reversals = session.scalars(
        select(LedgerTransaction.subject).where(ours, LedgerTransaction.rule == "reversal")
    )
    report, joiner = Report.__table__, Joiner.__table__
    entries: dict[int, list[Any]] = defaultdict(list)
    for entry in session.execute(
        select(Account.owner_id, LedgerTransaction.rule, LedgerEntry.points)
        .join(LedgerEntry, LedgerEntry.account_id == Account.id)
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(ours, Account.kind == "rider")
        .order_by(LedgerEntry.id)
    ):
        entries[entry.owner_id].append(entry)
    return Books(
        accounts=accounts,
        entries=entries,
        uneven=list(uneven),
        vouchers={row.id: row for row in vouchers},
        events=events,
        moved=moved,
        stock=dict(
            session.execute(select(Item.id, Item.stock).where(Item.id.in_(world.items))).all()
        ),
        paid=dict(session.execute(select(MonthlyBudget.month, MonthlyBudget.paid)).all()),
        payments=list(payments),
        taken_back={int(subject.removeprefix("transaction:")) for subject in reversals},
        reports={
            row.id: row
            for row in session.execute(select(report).where(report.c.id.in_(world.reports)))
        },
        joiners=list(
            session.execute(
                select(joiner).where(joiner.c.report_id.in_(world.reports)).order_by(joiner.c.id)
            )
        ),
    )


def _sums(session: Session, *, owners: list[int]) -> dict[tuple[str, int], int]:
    rows = session.execute(
        select(Account.kind, Account.owner_id, func.sum(LedgerEntry.points))
        .join(LedgerEntry, LedgerEntry.account_id == Account.id)
        .where(Account.owner_id.in_(owners))
        .group_by(Account.kind, Account.owner_id)
    )
    return {(kind, owner): int(points) for kind, owner, points in rows}


# --- the rules ---


def check(world: World, books: Books, *, stock: dict[int, int | None]) -> None:
    """Hold the books to what is always true.

    Args:
        world: which economy.
        books: what the database says of it.
        stock: how many of each item there would be had nobody redeemed any.
    """
    assert books.uneven == []
    assert sum(books.accounts.values()) == 0
    check_vouchers(world, books, stock=stock)
    check_payments(world, books)
    check_debts(world, books)


def check_vouchers(world: World, books: Books, *, stock: dict[int, int | None]) -> None:
    """Each voucher is used at most once, and its points and its item are where its state says."""
    held: Counter[int] = Counter()
    reserved, earned = 0, Counter[int]()
    spent: Counter[int] = Counter()
    for number, voucher in books.vouchers.items():
        events, cost = books.events[number], voucher.cost
        assert events["issued"] == 1
        assert events["used"] - events["undone"] == (voucher.state == "used")
        assert events["cancelled"] == (voucher.state == "cancelled")
        assert events["expired"] == (voucher.state == "expired")
        lies = {"issued": {"vouchers": cost}, "used": {"shop": cost}}.get(voucher.state)
        expected = {"rider": -cost, **lies} if lies else {}
        assert {kind: points for kind, points in books.moved[number].items() if points} == expected
        assert (voucher.used_at is not None) == (voucher.state == "used")
        if voucher.state in ("issued", "used"):
            held[voucher.item_id] += 1
            spent[voucher.person_id] += cost
            earned[voucher.shop_id] += cost if voucher.state == "used" else 0
            reserved += cost if voucher.state == "issued" else 0
    assert set(books.moved) <= set(books.vouchers)
    for person_id in world.riders:
        numbers = [one.number for one in books.vouchers.values() if one.person_id == person_id]
        assert numbers == list(range(1, len(numbers) + 1))
        got = sum(one.points for one in books.standing if one.person_id == person_id)
        assert books.balance(person_id) == got - spent[person_id]
    assert books.accounts.get(("vouchers", 0), 0) == reserved
    assert books.accounts.get(("expired", 0), 0) == 0
    assert {who: books.accounts.get(("shop", who), 0) for who in world.shops} == {
        who: earned[who] for who in world.shops
    }
    for item, at_first in stock.items():
        left = books.stock[item]
        assert left is None if at_first is None else left == at_first - held[item] >= 0


def check_payments(world: World, books: Books) -> None:
    """An approved report is paid once and what was undone is not; months and caps are kept."""
    by_report: dict[int, Counter[tuple[str, int]]] = defaultdict(Counter)
    for one in books.standing:
        by_report[one.report_id][one.rule, one.person_id] += 1
    follow = defaultdict(set)
    for joiner in books.joiners:
        follow[joiner.report_id].add(joiner.person_id)
    for number, report in books.reports.items():
        paid = by_report.pop(number, Counter())
        assert all(count == 1 for count in paid.values())
        approved = report.state == "approved"
        assert (("approval", report.reporter_id) in paid) == approved
        allowed = {("approval", report.reporter_id), ("fix", report.reporter_id)}
        allowed |= {("joiner", who) for who in follow[number]}
        assert set(paid) <= (allowed if approved else set())
        mine = [
            one.points
            for one in books.standing
            if (one.report_id, one.rule) == (number, "approval")
        ]
        assert ([report.points] if approved else []) == mine
    assert not by_report
    months, days = Counter[str](), Counter[Any]()
    for one in books.standing:
        months[one.at.astimezone(world.policy.zone).strftime("%Y-%m")] += one.points
        if one.day is not None:
            days[one.person_id, one.day] += one.points
    for month, paid_in_it in months.items():
        assert books.paid[month] == paid_in_it
    assert all(paid >= 0 for paid in books.paid.values())
    assert sum(months.values()) == -books.accounts.get(("programme", 0), 0)
    # Of alike ones made on one day only one can have been the first.
    firsts = Counter[Any]()
    for one in books.standing:
        if one.rule == "approval" and one.terms["fading"] == 1.0:
            report = books.reports[one.report_id]
            made_on = report.created_at.astimezone(world.policy.zone).date()
            firsts[report.cell, report.category, made_on] += 1
    assert all(times == 1 for times in firsts.values())
    if world.policy.points.per_day:
        assert all(points <= world.policy.points.per_day for points in days.values())


def check_debts(world: World, books: Books) -> None:
    """Whoever redeemed had the points; nobody owes any but after some were taken back."""
    clawed = {one.person_id for one in books.payments if one.id in books.taken_back}
    for person_id in world.riders:
        assert books.balance(person_id) >= 0 or person_id in clawed
        # What is taken back at the same moment has an earlier number, perhaps, and comes later.
        had = 0
        for one in books.entries[person_id]:
            had += one.points if one.rule != "reversal" else 0
            assert one.rule != "redeem" or had >= 0


def faults(world: World) -> list[Any]:
    """What `sentinel ledger verify` finds wrong in the whole database."""
    with world.database.transaction() as session:
        return list(verification.verify(session, show=lambda *_: None))
