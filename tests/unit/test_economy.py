"""The economy as a whole: whatever riders, reviewers, shops and admins do, in whatever order.

Every act is a transaction of its own, committed also where it was refused, as the handlers have it.
A plain model beside it, which calls none of the code, says what each act comes to; after each one
the books are held to the model, and to what is always true (tests/economy.py). Who follows a report
is the desk's business (test_desk_properties.py): that the model is told.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import count
from math import floor
from random import Random
from threading import Barrier
from typing import Any

import pytest
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st
from sqlalchemy import update

from models import Item, Person, Report, clock
from services import payments, reports, review, vouchers
from services.refusals import Refusal
from services.reviewers import Reviewer
from tests import economy
from tests.economy import CATEGORIES, ITEMS, PLACES, REVIEWERS
from tests.rush import rush

# Everything is done on SQLite; on PostgreSQL it is done again, and slower.
EXAMPLES, EXAMPLES_AGAIN, STEPS = 10, 4, 50
MINUTES = timedelta(minutes=1)
WAITS = [MINUTES, 10 * MINUTES, 11 * MINUTES, timedelta(hours=5), *map(timedelta, (1, 2, 15, 31))]
SHOP_UNDO, DESK_UNDO = 10 * MINUTES, 10 * MINUTES
DONE = "done"


# --- the model: what should come of it all ---


@dataclass
class Payment:
    """Something paid for a report that nobody took back."""

    report: int
    rule: str
    person: int
    points: int
    day: date | None
    month: str
    available_at: datetime | None


@dataclass
class Thing:
    """An item; `stock` is what is left, `at_first` what there was with all that was added."""

    shop: int
    cost: int
    stock: int | None
    at_first: int | None
    per_person: int | None
    valid_days: int
    paused: bool = False


@dataclass
class Ticket:
    """A voucher, with the secrets it was last shown with, and those that are worth nothing."""

    person: int
    item: int
    shop: int
    cost: int
    expires_at: datetime
    token: str
    code: str
    state: str = "issued"
    used_at: datetime | None = None
    stale: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Filed:
    """A report, as far as money depends on it."""

    reporter: int
    kind: tuple[int, int]
    made_on: date
    approved: bool = False
    worth: int = 0


class Model:
    """Points, things and tickets, reckoned with nothing but additions."""

    def __init__(self, world: economy.World) -> None:
        self.zone = world.policy.zone
        self.rules = world.policy.points
        self.budget = self.rules.monthly_budget
        self.reports: dict[int, Filed] = {}
        self.payments: list[Payment] = []
        self.tickets: dict[int, Ticket] = {}
        self.issued: Counter[int] = Counter()
        self.banned_until: dict[int, datetime] = {}
        self.clawed: set[int] = set()
        self.things = {
            item: Thing(world.shops[number % 2], told["cost"], told["stock"], told["stock"],
                        told["per_person"], told["valid_days"])
            for number, (item, told) in enumerate(zip(world.items, ITEMS, strict=True))
        }  # fmt: skip

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    @property
    def month(self) -> str:
        return f"{self.day_of(clock.now()):%Y-%m}"

    # points

    def balance(self, person: int) -> int:
        earned = sum(one.points for one in self.payments if one.person == person)
        held = [one for one in self.tickets.values() if one.person == person]
        return earned - sum(one.cost for one in held if one.state in ("issued", "used"))

    def spendable(self, person: int) -> int:
        now = clock.now()
        waits = sum(
            one.points
            for one in self.payments
            if one.person == person and one.available_at is not None and one.available_at > now
        )
        return max(0, self.balance(person) - waits)

    def paid_in(self, month: str) -> int:
        return sum(one.points for one in self.payments if one.month == month)

    def pay(self, number: int, rule: str, person: int, worth: int, day: date | None) -> None:
        points = worth
        if self.rules.per_day and day is not None:
            had = sum(o.points for o in self.payments if (o.person, o.day) == (person, day))
            points = min(points, max(0, self.rules.per_day - had))
        if self.budget:
            points = min(points, max(0, self.budget - self.paid_in(self.month)))
        hold = timedelta(hours=self.rules.hold_hours)
        ready = clock.now() + hold if hold and points else None
        self.payments.append(Payment(number, rule, person, points, day, self.month, ready))

    def paid_for(self, number: int) -> list[Payment]:
        return [one for one in self.payments if one.report == number]

    def take_back(self, gone: Sequence[Payment]) -> None:
        self.clawed |= {one.person for one in gone}
        self.payments = [one for one in self.payments if one not in gone]

    # reports

    def approve(self, number: int, grade: int, followers: Sequence[Any]) -> None:
        mine = self.reports[number]
        alike = sum(
            other.approved and (other.kind, other.made_on) == (mine.kind, mine.made_on)
            for other in self.reports.values()
        )
        fading = self.rules.fading
        mine.worth = rounded(self.rules.grades[grade - 1] * fraction(fading[min(alike, 2)]))
        mine.approved = True
        self.pay(number, "approval", mine.reporter, mine.worth, mine.made_on)
        self.settle(number, followers, with_early=True)

    def settle(self, number: int, followers: Sequence[Any], *, with_early: bool = False) -> None:
        mine, people = self.reports[number], {one.person_id for one in followers}
        shares = [one for one in self.paid_for(number) if one.rule == "joiner"]
        self.take_back([one for one in shares if one.person not in people])
        paid = {one.person for one in shares}
        for one in followers:
            merged = one.merged_from is not None
            if mine.approved and one.person_id not in paid and (with_early or merged):
                share = rounded(mine.worth * fraction(self.rules.joiner_share))
                day = self.day_of(one.joined_at)
                self.pay(number, "joiner", one.person_id, share, day)

    # vouchers

    def against_redeeming(self, person: int, item: int, number: int, cost: int) -> set[str]:
        thing, had = self.things[item], self.tickets.values()
        mine = [one for one in had if (one.person, one.item) == (person, item)]
        limit, good = thing.per_person, [one for one in mine if one.state in ("issued", "used")]
        ban = self.banned_until.get(person)
        return refusals(
            SpendingFrozen=ban is not None and ban > clock.now(),
            RedeemedAlready=number != self.issued[person] + 1,
            ItemGone=thing.paused,
            PriceChanged=cost != thing.cost,
            LimitReached=limit is not None and len(good) >= limit,
            NotEnoughPoints=self.spendable(person) < cost,
            SoldOut=thing.stock == 0,
        )

    def redeem(self, voucher: int, person: int, item: int, secrets: tuple[str, str]) -> None:
        thing = self.things[item]
        self.issued[person] += 1
        if thing.stock is not None:
            thing.stock -= 1
        last = self.day_of(clock.now() + timedelta(days=thing.valid_days))
        ends = datetime.combine(last + timedelta(days=1), datetime.min.time(), self.zone)
        shown = Ticket(person, item, thing.shop, thing.cost, ends.astimezone(UTC), *secrets)
        self.tickets[voucher] = shown

    def state(self, voucher: int) -> str:
        """A voucher whose time is over is expired, whether swept or not."""
        ticket = self.tickets[voucher]
        over = ticket.state == "issued" and ticket.expires_at <= clock.now()
        return "expired" if over else ticket.state

    def against_giving_up(self, voucher: int) -> set[str]:
        state = self.state(voucher)
        return refusals(
            VoucherUsed=state == "used",
            VoucherCancelled=state == "cancelled",
            VoucherExpired=state == "expired",
        )

    def against_serving(self, voucher: int, shop: int | None, who: int) -> set[str]:
        ticket = self.tickets[voucher]
        if shop is None or ticket.person == who:
            return {"NotForYou"}
        return refusals(OtherShop=ticket.shop != shop)

    def against_undoing(self, voucher: int) -> set[str]:
        ticket = self.tickets[voucher]
        if ticket.used_at is None:
            return {"OutOfDate"}
        return refusals(TooLateToUndo=ticket.used_at + SHOP_UNDO < clock.now())

    def end(self, voucher: int, state: str) -> None:
        ticket = self.tickets[voucher]
        ticket.state = state
        thing = self.things[ticket.item]
        if thing.stock is not None:
            thing.stock += 1


def refusals(**apply: bool) -> set[str]:
    return {name for name, applies in apply.items() if applies}


def fraction(share: float) -> Fraction:
    return Fraction(str(share))


def rounded(points: Fraction) -> int:
    return max(1, floor(points + Fraction(1, 2)))


# --- what is done ---

GRADES = (1, 2, 3)
YEARS = count()


class Economy:
    """Does things at random; each is done to the code and to the model."""

    def __init__(self, database: Any, scene: Any, chance: Random, done: Counter[str]) -> None:
        self.database, self.chance, self.done = database, chance, done
        rules = {
            "hold_hours": chance.choice([0, 0, 24]),
            "monthly_budget": chance.choice([90, 30, 0]),
            "per_day": chance.choice([30, 12, 0]),
        }
        self.world = economy.make(database, scene, economy.ruled(scene.policy, **rules))
        self.model = Model(self.world)
        self.ride()

    def attempt(self, who: int, does: Callable[[Any], Any], *, what: str) -> Any:
        """Do it; what came of it, or the name of the refusal."""

        def in_full(session: Any) -> Any:
            try:
                return does(session)
            except Refusal as refusal:
                return refusal

        came = self.world.act(who, in_full)
        refused = type(came).__name__ if isinstance(came, Refusal) else DONE
        self.done[f"{what}: {refused}"] += 1
        note(f"{what} by {who}: {refused}")
        return came

    def expected(
        self, who: int, does: Callable[[Any], Any], against: set[str], *, what: str
    ) -> Any:
        """Do it, and see it refused for one of the reasons there are, or done if there is none."""
        came = self.attempt(who, does, what=what)
        name = type(came).__name__ if isinstance(came, Refusal) else DONE
        assert name in (against or {DONE}), what
        return None if against else came

    # reports

    def report_by(self, who: int) -> int:
        world, place, category = self.world, self.chance.randrange(2), self.chance.randrange(2)
        made = world.act(
            who,
            lambda session: (
                world.scene.report(
                    session,
                    session.get(Person, who),
                    place=PLACES[place],
                    category=CATEGORIES[category],
                ).id
            ),
        )
        world.reports.append(made)
        today = self.model.day_of(clock.now())
        self.model.reports[made] = Filed(who, (place, category), today)
        return made

    def report(self) -> None:
        number = self.report_by(self.chance.choice(self.world.riders))
        note(f"#{number} reported")

    def ride(self) -> None:
        """A report that is approved at once."""
        rider = self.chance.choice(self.world.riders)
        judge = self.chance.choice(self.world.reviewers)
        self.approve_it(self.report_by(rider), judge, self.chance.choice(GRADES))

    def recent_report(self) -> int:
        return self.chance.choice(self.world.reports[-4:])

    def on_report(
        self, number: int, who: int, does: Callable[[Any, Report], Any], what: str
    ) -> bool:
        def locked(session: Any) -> Any:
            report = session.get(Report, number)
            reports.lock(session, report=report)
            return does(session, report)

        return not isinstance(self.attempt(who, locked, what=what), Refusal)

    def followers(self, number: int) -> list[Any]:
        rows = economy.read(self.world).joiners
        return [one for one in rows if one.report_id == number]

    def approve_it(self, number: int, judge: Reviewer, grade: int) -> None:
        if self.on_report(
            number,
            judge.id,
            lambda session, report: review.approve(
                session, report=report, reviewer=judge, grade=grade, policy=self.policy,
                desk_size=REVIEWERS,
            ),
            f"approve {grade}",
        ):  # fmt: skip
            self.model.approve(number, grade, self.followers(number))

    @property
    def policy(self) -> Any:
        return self.world.policy

    def approve(self) -> None:
        judge = self.chance.choice(self.world.reviewers)
        self.approve_it(self.recent_report(), judge, self.chance.choice(GRADES))

    def join(self) -> None:
        who = self.chance.choice(self.world.riders)
        self.on_report(
            self.recent_report(),
            who,
            lambda session, report: reports.join(
                session, report=report, person=session.get(Person, who)
            ),
            "join",
        )

    def merge(self) -> None:
        judge, root = self.chance.choice(self.world.reviewers), self.recent_report()
        rows = economy.read(self.world).reports
        waiting = [number for number in self.world.reports if rows[number].state == "submitted"]
        if self.on_report(
            self.chance.choice([self.recent_report(), *waiting[-3:]]),
            judge.id,
            lambda session, report: review.merge(
                session, report=report, into=root, reviewer=judge, policy=self.policy
            ),
            "merge",
        ):
            self.model.settle(root, self.followers(root))

    def undo(self) -> None:
        rows = economy.read(self.world).reports
        recent = self.world.reports[-4:]
        merged = [number for number in recent if rows[number].state == "duplicate"]
        row = rows[number := self.chance.choice([*recent, *merged * 3])]
        judge = self.chance.choice(self.world.reviewers)
        if row.decided_by is not None and self.chance.random() < 0.8:
            [judge] = [one for one in self.world.reviewers if one.id == row.decided_by]
        if self.on_report(
            number,
            judge.id,
            lambda session, report: review.undo(
                session, report=report, reviewer=judge, policy=self.policy
            ),
            f"undo {row.state}",
        ):
            if row.state == "approved":
                self.model.reports[number].approved = False
                self.model.take_back(self.model.paid_for(number))
            else:
                root = row.duplicate_of
                self.model.settle(root, self.followers(root))

    def fix(self) -> None:
        number, judge = self.recent_report(), self.world.reviewers[0]
        mine = self.model.reports[number]
        if not mine.approved:
            return
        self.on_report(
            number,
            judge.id,
            lambda session, report: payments.pay_fix(session, report=report, policy=self.policy),
            "fix",
        )
        if all(one.rule != "fix" for one in self.model.paid_for(number)):
            self.model.pay(number, "fix", mine.reporter, self.policy.points.fix_bonus, None)

    # vouchers

    def redeem(self) -> None:
        """Rightly, or by a tap on a button of before, or of a price that was."""
        richest = max(self.world.riders, key=self.model.spendable)
        who = self.chance.choice([*[richest] * 3, *self.world.riders])
        thing = self.chance.choice(self.world.items)
        slip = self.chance.choice([*[(0, 0)] * 8, (-1, 0), (1, 0), (0, 1)])
        number = self.model.issued[who] + 1 + slip[0]
        cost = self.model.things[thing].cost - slip[1]
        issued = self.expected(
            who,
            lambda session: vouchers.redeem(
                session,
                person=session.get(Person, who),
                item_id=thing,
                number=number,
                cost=cost,
                policy=self.policy,
            ),
            self.model.against_redeeming(who, thing, number, cost),
            what="redeem",
        )
        if issued is not None:
            self.model.redeem(issued.voucher.id, who, thing, (issued.token, issued.code))
            assert issued.voucher.expires_at == self.model.tickets[issued.voucher.id].expires_at

    def recent_ticket(self) -> tuple[int, Ticket]:
        number = self.chance.choice(list(self.model.tickets)[-3:])
        return number, self.model.tickets[number]

    def show_anew(self) -> None:
        number, ticket = self.recent_ticket()
        who = self.chance.choice([*[ticket.person] * 4, *self.world.riders])
        issued = self.expected(
            who,
            lambda session: vouchers.show_anew(session, voucher_id=number, person_id=who),
            {"NotForYou"} if who != ticket.person else self.model.against_giving_up(number),
            what="show anew",
        )
        if issued is not None:
            ticket.stale.append((ticket.token, ticket.code))
            ticket.token, ticket.code = issued.token, issued.code

    def cancel(self) -> None:
        number, ticket = self.recent_ticket()
        who = self.chance.choice([*[ticket.person] * 4, *self.world.riders])
        given = self.expected(
            who,
            lambda session: vouchers.cancel(session, voucher_id=number, person_id=who),
            {"NotForYou"} if who != ticket.person else self.model.against_giving_up(number),
            what="cancel",
        )
        if given is not None:
            self.model.end(number, "cancelled")

    def counter(self, ticket: Ticket) -> tuple[int | None, int]:
        """Most often the right one: which shop somebody serves at, and who they are."""
        right = self.world.shops.index(ticket.shop)
        somebody = self.chance.choice([*[right] * 6, 1 - right, None])
        if somebody is None:
            return None, self.world.riders[0]
        return self.world.shops[somebody], self.world.staff[somebody]

    def confirm(self) -> None:
        number, ticket = self.recent_ticket()
        shop, person = self.counter(ticket)
        typed = self.chance.random() < 0.5

        def serve(session: Any) -> Any:
            for token, code in ticket.stale:
                assert vouchers.by_token(session, token=token) is None
                assert vouchers.by_code(session, code=code) is None
            voucher = (
                vouchers.by_code(session, code=ticket.code)
                if typed
                else vouchers.by_token(session, token=ticket.token)
            )
            return vouchers.confirm(session, voucher_id=voucher.id, person_id=person)

        against = self.model.against_serving(number, shop, person)
        against = against or self.model.against_giving_up(number)
        served = self.expected(person, serve, against, what="confirm")
        if served is not None:
            assert served.id == number
            ticket.state, ticket.used_at = "used", clock.now()

    def undo_confirm(self) -> None:
        number, ticket = self.recent_ticket()
        shop, person = self.counter(ticket)
        against = self.model.against_serving(number, shop, person)
        against = against or self.model.against_undoing(number)
        undone = self.expected(
            person,
            lambda session: vouchers.undo(
                session, voucher_id=number, person_id=person, policy=self.policy
            ),
            against,
            what="undo confirm",
        )
        if undone is not None:
            ticket.state, ticket.used_at = "issued", None

    def sweep(self) -> None:
        due = {number for number in self.model.tickets if self.model.state(number) == "expired"}
        due = {number for number in due if self.model.tickets[number].state == "issued"}
        with self.database.transaction() as session:
            found = [voucher.id for voucher in vouchers.expired(session)]
        assert sorted(found) == sorted(due)
        # Each on its own, and a sweep that comes late finds nothing left to do.
        for number in [*found, *found]:
            with self.database.transaction() as session:
                ended = vouchers.expire(session, voucher_id=number)
            assert ended == (number in due)
            if ended:
                due.discard(number)
                self.model.end(number, "expired")
                self.done["expire"] += 1

    def wait(self) -> None:
        by = self.chance.choice(WAITS)
        note(f"{by} go by")
        clock.advance(by)

    # admins

    def pause(self) -> None:
        item, thing = self.chance.choice(list(self.model.things.items()))
        thing.paused = not thing.paused and self.chance.random() < 0.5
        self.set_item(item, paused=thing.paused)

    def reprice(self) -> None:
        item, thing = self.chance.choice(list(self.model.things.items()))
        thing.cost = self.chance.randint(1, 8)
        self.set_item(item, cost=thing.cost)

    def restock(self) -> None:
        item, thing = self.chance.choice(list(self.model.things.items()))
        if thing.stock is not None and thing.at_first is not None:
            more = self.chance.randint(1, 2)
            thing.stock, thing.at_first = thing.stock + more, thing.at_first + more
            self.set_item(item, stock=Item.stock + more)

    def set_item(self, item: int, **values: Any) -> None:
        note(f"item {item}: {values}")
        with self.database.transaction() as session:
            session.execute(update(Item).where(Item.id == item).values(**values))

    def ban(self) -> None:
        who = self.chance.choice(self.world.riders)
        until = clock.now() + timedelta(days=self.chance.choice([0, 0, 1, 30]))
        note(f"{who} is banned until {until}")
        self.model.banned_until[who] = until
        with self.database.transaction() as session:
            session.execute(update(Person).where(Person.id == who).values(banned_until=until))

    def set_budget(self) -> None:
        """Also to less than the month has paid already."""
        self.model.budget = budget = self.chance.choice([0, 10, 40, 90, 200])
        note(f"the budget is {budget}")
        points = self.policy.points.model_copy(update={"monthly_budget": budget})
        self.world.policy = self.policy.model_copy(update={"points": points})

    # what holds

    def agrees(self) -> None:
        world, model = self.world, self.model
        books = economy.read(world)
        economy.check(world, books, stock={i: one.at_first for i, one in model.things.items()})
        assert books.stock == {item: one.stock for item, one in model.things.items()}
        assert {n: one.state for n, one in books.vouchers.items()} == {
            n: one.state for n, one in model.tickets.items()
        }
        assert {one: books.balance(one) for one in world.riders} == {
            one: model.balance(one) for one in world.riders
        }
        for shop in world.shops:
            used = [o.cost for o in model.tickets.values() if (o.shop, o.state) == (shop, "used")]
            assert books.accounts.get(("shop", shop), 0) == sum(used)
        reserved = [one.cost for one in model.tickets.values() if one.state == "issued"]
        assert books.accounts.get(("vouchers", 0), 0) == sum(reserved)
        paid = [(o.report_id, o.rule, o.person_id, o.points, o.day) for o in books.standing]
        assert sorted(map(str, paid)) == sorted(
            str((o.report, o.rule, o.person, o.points, o.day)) for o in model.payments
        )
        for month in {one.month for one in model.payments}:
            assert books.paid[month] == model.paid_in(month)
        for person in world.riders:
            assert model.balance(person) >= 0 or person in model.clawed

    def end(self) -> None:
        """What comes after finds no voucher of ours left to end."""
        clock.advance(timedelta(days=60))
        self.sweep()
        self.agrees()
        assert economy.faults(self.world) == []


# What is done, and how often; about a voucher only where there is one.
ACTS: dict[Callable[[Economy], None], int] = {
    Economy.report: 3,
    Economy.ride: 7,
    Economy.approve: 3,
    Economy.join: 2,
    Economy.merge: 3,
    Economy.undo: 5,
    Economy.fix: 1,
    Economy.redeem: 10,
    Economy.sweep: 1,
    Economy.wait: 3,
    Economy.pause: 1,
    Economy.reprice: 1,
    Economy.restock: 1,
    Economy.ban: 1,
    Economy.set_budget: 1,
}
WITH_VOUCHERS = ACTS | {
    Economy.show_anew: 2,
    Economy.cancel: 4,
    Economy.confirm: 9,
    Economy.undo_confirm: 6,
}
# Whoever changes the weights: each of them still has to happen.
EVERY = {
    "redeem": ("done", "SpendingFrozen", "RedeemedAlready", "ItemGone", "PriceChanged",
               "NotEnoughPoints", "SoldOut"),
    "confirm": ("done", "NotForYou", "OtherShop", "VoucherUsed", "VoucherCancelled"),
    "undo confirm": ("done", "NotForYou", "OutOfDate"),
    "cancel": ("done", "NotForYou", "VoucherUsed"),
    "show anew": ("done",),
    "merge": ("done",),
    "undo approved": ("done", "TooLateToUndo"),
    "undo duplicate": ("done",),
    "fix": ("done",),
}  # fmt: skip


def test_whatever_anybody_does_the_books_agree(database, scene):
    done: Counter[str] = Counter()
    examples = EXAMPLES if database.is_sqlite else EXAMPLES_AGAIN

    # What chance has made a computer cannot make shorter.
    @settings(max_examples=examples, derandomize=True, deadline=None, phases=[Phase.generate])
    # Of a true random: one drawn step by step does the simplest thing most of the time.
    @given(chance=st.randoms(use_true_random=True))
    def many_times(chance: Random) -> None:
        # A year of its own: months, days and due vouchers of other examples are none of its.
        with clock.stopped(datetime(2026 + next(YEARS), 11, 24, 5, 30, tzinfo=UTC)):
            whole = Economy(database, scene, chance, done)
            for _ in range(STEPS):
                acts = WITH_VOUCHERS if whole.model.tickets else ACTS
                [act] = chance.choices(list(acts), weights=list(acts.values()))
                act(whole)
                whole.agrees()
            whole.end()

    many_times()
    wanted = {f"{act}: {came}" for act, results in EVERY.items() for came in results}
    assert not database.is_sqlite or wanted <= set(done)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("midday")
def test_whatever_many_do_at_once_the_books_agree(database, scene, policy):
    """On SQLite there is never more than one at once."""
    world = economy.make(database, scene, economy.ruled(policy, hold_hours=0), riders=4)
    tally = rush(world, Random(5), threads=4, rounds=4, acts=25)
    assert tally.numbers


@pytest.mark.parametrize(
    "rules", [{"monthly_budget": 50, "per_day": 0}, {"monthly_budget": 0, "per_day": 50}]
)
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("midday")
def test_of_approvals_at_once_each_sees_what_the_others_paid(database, scene, policy, rules):
    """Six times 20 points, at the same moment; there are 50, and they are paid to the last."""
    world = economy.make(database, scene, economy.ruled(policy, fading=(1.0,), **rules))
    who = world.riders[0]
    with database.transaction() as session:
        person = session.get(Person, who)
        world.reports += [scene.report(session, person).id for _ in range(6)]
    together = Barrier(6)

    def approve(number: int) -> None:
        with database.transaction() as session:
            report = session.get(Report, number)
            reports.lock(session, report=report)
            together.wait(30)
            review.approve(
                session,
                report=report,
                reviewer=world.reviewers[0],
                grade=3,
                policy=world.policy,
                desk_size=1,
            )

    with ThreadPoolExecutor(6) as desk:
        list(desk.map(approve, world.reports))
    books = economy.read(world)
    assert sorted(one.points for one in books.payments) == [0, 0, 0, 10, 20, 20]
    assert books.balance(who) == 50
