"""Many at once in one economy: threads that do whatever comes, each act a transaction of its own.

What each act came to is taken down once it is committed, so that in the end the books can be held
to it: nothing is lost, and nothing is done twice.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from threading import Barrier, Lock
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models import Item, Person, Report, Voucher, clock
from services import payments, reports, review, vouchers
from services.refusals import Refusal
from tests import economy
from tests.economy import CATEGORIES, ITEMS, PLACES, REVIEWERS

# What a database says to one of two who wait for each other, or who cannot both be right.
COLLIDED = ("40P01", "40001")
# Also over the end of a month, and of what the vouchers are good for.
WAITS = (timedelta(minutes=4), timedelta(minutes=11), timedelta(days=1), timedelta(days=15))


@dataclass
class Tally:
    """What was done, as those who did it know.

    Attributes:
        done: by what was done.
        vouchers: of each, what was done to it.
        numbers: by rider and number, how many vouchers were made of it.
        collided: acts that had to be done again.
    """

    done: Counter[str] = field(default_factory=Counter)
    vouchers: dict[int, Counter[str]] = field(default_factory=dict)
    numbers: Counter[tuple[int, int]] = field(default_factory=Counter)
    collided: int = 0
    lock: Lock = field(default_factory=Lock)

    def note(self, what: str, *, voucher: int | None = None) -> None:
        """Take down what is committed."""
        with self.lock:
            self.done[what] += 1
            if voucher is not None:
                self.vouchers.setdefault(voucher, Counter())[what] += 1


class Somebody:
    """One thread's worth of people."""

    def __init__(self, world: economy.World, tally: Tally, chance: Random) -> None:
        self.world, self.tally, self.chance = world, tally, chance

    def act(self) -> None:
        """Do one thing, and again if it collided with what somebody else did."""
        [does] = self.chance.choices(list(ACTS), weights=list(ACTS.values()))
        state = self.chance.getstate()
        while True:
            try:
                return does(self)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in COLLIDED:
                    raise
            with self.tally.lock:
                self.tally.collided += 1
            self.chance.setstate(state)

    def attempt(self, who: int, does: Callable[[Session], Any], what: str) -> Any:
        """As the handlers do it: the person's row first; what is refused is committed, too."""

        def in_full(session: Session) -> Any:
            try:
                return does(session)
            except Refusal as refusal:
                return refusal

        came = self.world.act(who, in_full)
        if isinstance(came, Refusal):
            self.tally.note(f"{what}: {type(came).__name__}")
            return None
        self.tally.note(what)
        return came

    def report(self) -> None:
        """Somebody sees something."""
        who, world = self.chance.choice(self.world.riders), self.world
        place, category = self.chance.choice(PLACES), self.chance.choice(CATEGORIES)
        made = self.attempt(
            who,
            lambda session: (
                world.scene.report(
                    session, session.get(Person, who), place=place, category=category
                ).id
            ),
            "reported",
        )
        assert made is not None
        world.reports.append(made)

    def _on_report(self, who: int, does: Callable[[Session, Report], Any], what: str) -> None:
        number = self.chance.choice(self.world.reports[-8:])

        def locked(session: Session) -> Any:
            report = session.get(Report, number)
            assert report is not None
            reports.lock(session, report=report)
            return does(session, report) or True

        self.attempt(who, locked, what)

    def approve(self) -> None:
        """A reviewer taps some stars."""
        judge, grade = self.chance.choice(self.world.reviewers), self.chance.randint(1, 3)
        self._on_report(
            judge.id,
            lambda session, report: review.approve(
                session,
                report=report,
                reviewer=judge,
                grade=grade,
                policy=self.world.policy,
                desk_size=REVIEWERS,
            ),
            "approved",
        )

    def undo(self) -> None:
        """A reviewer takes back what they decided."""
        judge = self.chance.choice(self.world.reviewers)

        self._on_report(
            judge.id,
            lambda session, report: review.undo(
                session, report=report, reviewer=judge, policy=self.world.policy
            ),
            "undone",
        )

    def merge(self) -> None:
        """A reviewer finds two to be one."""
        judge, into = (
            self.chance.choice(self.world.reviewers),
            self.chance.choice(self.world.reports[-8:]),
        )
        self._on_report(
            judge.id,
            lambda session, report: review.merge(
                session, report=report, into=into, reviewer=judge, policy=self.world.policy
            ),
            "merged",
        )

    def join(self) -> None:
        """Somebody saw it, too."""
        who = self.chance.choice(self.world.riders)
        self._on_report(
            who,
            lambda session, report: reports.join(
                session, report=report, person=session.get_one(Person, who)
            ),
            "joined",
        )

    def fix(self) -> None:
        """It was mended."""

        def pay(session: Session, report: Report) -> None:
            if report.state == "approved":
                payments.pay_fix(session, report=report, policy=self.world.policy)

        self._on_report(self.world.reviewers[0].id, pay, "fixed")

    def redeem(self) -> None:
        """A rider is asked, and taps; somebody else may have the same button before them."""
        who, item_id = self.chance.choice(self.world.riders), self.chance.choice(self.world.items)
        with self.world.database.transaction() as session:
            number = vouchers.next_number(session, person_id=who)
            cost = session.get_one(Item, item_id).cost
        issued = self.attempt(
            who,
            lambda session: vouchers.redeem(
                session,
                person=session.get_one(Person, who),
                item_id=item_id,
                number=number,
                cost=cost,
                policy=self.world.policy,
            ),
            "redeem",
        )
        if issued is not None:
            self.tally.note("issued", voucher=issued.voucher.id)
            with self.tally.lock:
                self.tally.numbers[who, number] += 1

    def _recent_voucher(self) -> Any:
        with self.world.database.transaction() as session:
            table = Voucher.__table__
            newest = session.execute(
                select(table.c.id, table.c.person_id, table.c.shop_id)
                .where(table.c.person_id.in_(self.world.riders))
                .order_by(table.c.id.desc())
                .limit(5)
            ).all()
        return self.chance.choice(newest) if newest else None

    def _on_voucher(self, does: Callable[..., Any], what: str, *, by_shop: bool) -> None:
        voucher = self._recent_voucher()
        if voucher is None:
            return
        who = voucher.person_id
        if by_shop:
            who = self.world.staff[self.world.shops.index(voucher.shop_id)]
        if self.attempt(who, lambda s: does(s, voucher_id=voucher.id, person_id=who), what):
            self.tally.note(f"{what} it", voucher=voucher.id)

    def confirm(self) -> None:
        """A shop hands it over."""
        self._on_voucher(vouchers.confirm, "used", by_shop=True)

    def undo_confirm(self) -> None:
        """A shop takes that back."""
        policy = self.world.policy
        self._on_voucher(
            lambda session, **told: vouchers.undo(session, policy=policy, **told),
            "undone at the shop",
            by_shop=True,
        )

    def cancel(self) -> None:
        """A rider gives it back."""
        self._on_voucher(vouchers.cancel, "cancelled", by_shop=False)

    def show_anew(self) -> None:
        """A rider wants to see it again."""
        self._on_voucher(vouchers.show_anew, "shown_anew", by_shop=False)

    def sweep(self) -> None:
        """What is over is ended, all of it in one transaction; two sweeps may find the same."""
        ended = []
        with self.world.database.transaction() as session:
            for voucher in vouchers.expired(session):
                with session.begin_nested():
                    if vouchers.expire(session, voucher_id=voucher.id):
                        ended.append(voucher.id)
        for number in ended:
            self.tally.note("expired it", voucher=number)

    def restock(self) -> None:
        """An admin has one more."""
        item = self.chance.choice(self.world.items[:2])
        with self.world.database.transaction() as session:
            session.execute(update(Item).where(Item.id == item).values(stock=Item.stock + 1))
        self.tally.note(f"restocked {item}")

    def tune(self) -> None:
        """An admin pauses something, or changes its price."""
        item = self.chance.choice(self.world.items)
        values = {"paused": self.chance.random() < 0.2, "cost": self.chance.randint(2, 6)}
        with self.world.database.transaction() as session:
            session.execute(update(Item).where(Item.id == item).values(**values))


ACTS: dict[Callable[[Somebody], None], int] = {
    Somebody.report: 4,
    Somebody.approve: 8,
    Somebody.undo: 3,
    Somebody.merge: 3,
    Somebody.join: 3,
    Somebody.fix: 1,
    Somebody.redeem: 14,
    Somebody.confirm: 7,
    Somebody.undo_confirm: 3,
    Somebody.cancel: 4,
    Somebody.show_anew: 2,
    Somebody.sweep: 1,
    Somebody.restock: 1,
    Somebody.tune: 1,
}


def rush(world: economy.World, chance: Random, *, threads: int, rounds: int, acts: int) -> Tally:
    """Let them loose, round for round; between two the books are looked at, and time goes by.

    Args:
        world: which economy; the clock is stopped.
        chance: decides what is done.
        threads: how many do something at once.
        rounds: how often they come.
        acts: how many things each of them does in a round.

    Returns:
        What they did; the books agree with it.
    """
    tally = Tally()
    first = Somebody(world, tally, chance)
    for _ in range(4):
        first.report()
    crowd = [Somebody(world, tally, Random(chance.random())) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(rounds):
            together = Barrier(threads)

            def come(one: Somebody, together: Barrier = together) -> None:
                together.wait(30)
                for _ in range(acts):
                    one.act()

            for done in [pool.submit(come, one) for one in crowd]:
                done.result(timeout=600)
            check(world, tally)
            clock.advance(chance.choice(WAITS))
    assert economy.faults(world) == []
    return tally


def check(world: economy.World, tally: Tally) -> None:
    """The books hold, and say what those who did it say."""
    books = economy.read(world)
    stock = {
        item: None if told["stock"] is None else told["stock"] + tally.done[f"restocked {item}"]
        for item, told in zip(world.items, ITEMS, strict=True)
    }
    economy.check(world, books, stock=stock)
    # No number made two vouchers, and no voucher is one nobody knows of.
    assert all(times == 1 for times in tally.numbers.values())
    assert set(tally.numbers) == {(one.person_id, one.number) for one in books.vouchers.values()}
    assert set(tally.vouchers) == set(books.vouchers)
    for number, events in books.events.items():
        said = tally.vouchers[number]
        assert events["used"] == said["used it"]
        assert events["undone"] == said["undone at the shop it"]
        assert events["cancelled"] == said["cancelled it"]
        assert events["expired"] == said["expired it"]
        assert events["shown_anew"] == said["shown_anew it"]
    booked = Counter(one.rule for one in books.payments)
    assert booked["approval"] == tally.done["approved"]
    budget = world.policy.points.monthly_budget
    assert not budget or all(paid <= budget for paid in books.paid.values())
