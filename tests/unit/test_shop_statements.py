"""services/shop_statements.py: what a shop's statement says is what the books say."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from models import Account, LedgerEntry, clock
from models.ledger import AccountKind
from services import ledger, shop_statements, shops, vouchers
from services.shop_statements import day_of, month_before, month_of, named
from tests.shops import book, confirmed, item, shop

ZONE = ZoneInfo("Asia/Shanghai")


def books(session, of) -> int:
    """The balance of a shop's account, by its entries alone."""
    statement = (
        select(func.coalesce(func.sum(LedgerEntry.points), 0))
        .join(Account, Account.id == LedgerEntry.account_id)
        .where(Account.kind == AccountKind.SHOP, Account.owner_id == of.id)
    )
    return session.scalar(statement)


def drawn(session, of, name):
    return shop_statements.statement(session, shop_id=of.id, period=named(name, ZONE))


class TestPeriods:
    def test_a_day_is_one_of_the_place(self):
        day = named("2026-11-24", ZONE)
        assert day == day_of(date(2026, 11, 24), ZONE)
        assert day.start == datetime(2026, 11, 23, 16, tzinfo=UTC)
        assert day.end == datetime(2026, 11, 24, 16, tzinfo=UTC)
        assert not day.is_month

    def test_a_month_ends_where_the_next_begins(self):
        month = named("2026-12", ZONE)
        assert month.end == named("2027-01", ZONE).start
        assert month.is_month
        assert month == month_of(date(2026, 12, 31), ZONE)
        assert month == month_before(date(2027, 1, 31), ZONE)

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-02-30",
            "2026-1-1",
            "9999-12-31",
            "0001-01",
            "0001-01-01",
            "x",
        ],
    )
    def test_what_is_no_day_and_no_month_is_none(self, name):
        assert named(name, ZONE) is None


@pytest.mark.usefixtures("midday")
def test_a_line_a_booking_and_the_sums_between_the_balances(database, scene):
    with database.transaction() as session:
        corner, other = shop(session), shop(session, "other")
        rider = scene.person(session)
        confirmed(session, corner, rider, cost=20)
        clock.advance(timedelta(days=1))
        undone = confirmed(session, corner, rider, cost=30, title="Bun")
        confirmed(session, other, rider, cost=99)
        clock.advance(timedelta(minutes=3))
        book(session, corner, -30, rule="reversal", of_voucher=undone)
        clock.advance(timedelta(minutes=3))
        book(session, corner, 5, rule="correction")
        today = f"{clock.now().astimezone(ZONE):%Y-%m-%d}"
        clock.advance(timedelta(days=1))
        confirmed(session, corner, rider, cost=7)

        statement = drawn(session, corner, today)
        told = [(line.voucher_id, line.title_en, line.points) for line in statement.lines]
        assert told == [(undone.id, "Bun", 30), (undone.id, "Bun", -30), (None, "", 5)]
        assert statement.lines[0].rider.bird_number == rider.bird_number
        assert statement.lines[2].rider is None
        assert (statement.opening, statement.total, statement.closing) == (20, 5, 25)
        assert statement.is_final
        month = shop_statements.total(session, shop_id=corner.id, period=named(today[:7], ZONE))
        assert month == books(session, corner) == 32


@pytest.mark.usefixtures("midday")
def test_what_a_shop_does_with_vouchers_is_on_its_statement(database, scene, policy):
    with database.transaction() as session:
        corner, rider, staff = shop(session), scene.person(session), scene.person(session)
        invite = shops.invite(session, shop_id=corner.id, admin_id=1, policy=policy)
        shops.join(session, person=staff, token=invite.token, name="x", policy=policy)
        ledger.move(
            session,
            points=100,
            source=ledger.PROGRAMME,
            to=ledger.rider(rider.id),
            rule=ledger.APPROVAL,
            subject="test",
            terms={},
        )
        bun = item(session, corner, cost=40, title="Bun")
        issued = vouchers.redeem(
            session, person=rider, item_id=bun.id, number=1, cost=40, policy=policy
        )
        by_staff = {"voucher_id": issued.voucher.id, "person_id": staff.id}
        vouchers.confirm(session, **by_staff)
        vouchers.undo(session, **by_staff, policy=policy)
        vouchers.confirm(session, **by_staff)
        month = f"{clock.now().astimezone(ZONE):%Y-%m}"
        statement = drawn(session, corner, month)
        told = [(line.voucher_id, line.title_en, line.points) for line in statement.lines]
        assert told == [(issued.voucher.id, "Bun", points) for points in (40, -40, 40)]
        assert statement.lines[1].rider.bird_number == rider.bird_number
        assert statement.closing == books(session, corner) == 40


def test_a_shop_without_an_account_has_an_empty_statement(database):
    with database.transaction() as session:
        statement = drawn(session, shop(session), "2026-11")
        assert (statement.lines, statement.opening, statement.closing) == ((), 0, 0)
        with pytest.raises(LookupError):
            shop_statements.statement(session, shop_id=10**6, period=named("2026-11", ZONE))


def test_a_period_begins_with_its_first_moment_and_ends_before_the_next(database, clock_at):
    with database.transaction() as session:
        corner = shop(session)
        start = named("2026-11-24", ZONE).start
        for moment, points in (
            (start - timedelta(microseconds=1), 1),
            (start, 10),
            (start + timedelta(days=1, microseconds=-1), 100),
            (start + timedelta(days=1), 1000),
        ):
            clock_at(moment)
            book(session, corner, points, rule="confirm")
        statement = drawn(session, corner, "2026-11-24")
        assert [line.points for line in statement.lines] == [10, 100]
        assert statement.opening == 1


bookings = st.lists(
    st.tuples(st.integers(0, 70 * 24), st.integers(-500, 500).filter(bool)), max_size=12
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(booked=bookings)
def test_statements_put_end_to_end_are_the_books(database, clock_at, booked):
    begin = datetime(2026, 10, 31, 12, tzinfo=UTC)
    with database.transaction() as session:
        corner = shop(session)
        for hours, points in sorted(booked):
            clock_at(begin + timedelta(hours=hours))
            book(session, corner, points, rule="confirm")
        balance = 0
        for name in ("2026-10", "2026-11", "2026-12", "2027-01"):
            month = drawn(session, corner, name)
            assert month.opening == balance
            balance = month.closing
        assert balance == books(session, corner) == sum(points for _, points in booked)
        session.rollback()


class TestDue:
    def due(self, session) -> list[tuple[int, str]]:
        return [(one.shop_id, one.period.name) for one in shop_statements.due(session, zone=ZONE)]

    def test_days_and_the_month_that_are_over_each_once(self, database, clock_at):
        with database.transaction() as session:
            corner, other = shop(session), shop(session, "other")
            clock_at(datetime(2026, 11, 29, 4, tzinfo=UTC))
            book(session, corner, 10, rule="confirm")
            clock_at(datetime(2026, 11, 30, 4, tzinfo=UTC))
            book(session, other, 10, rule="confirm")
            clock_at(datetime(2026, 12, 1, 0, tzinfo=UTC))
            book(session, other, 10, rule="confirm")
            expected = [
                (corner.id, "2026-11-29"),
                (other.id, "2026-11-30"),
                (corner.id, "2026-11"),
                (other.id, "2026-11"),
            ]
            assert self.due(session) == expected
            for one in shop_statements.due(session, zone=ZONE):
                assert shop_statements.write(session, shop_id=one.shop_id, period=one.period)
            assert self.due(session) == []
            period = named("2026-11", ZONE)
            assert not shop_statements.write(session, shop_id=corner.id, period=period)

    def test_what_is_long_past_is_not_brought_up_again(self, database, clock_at):
        with database.transaction() as session:
            corner = shop(session)
            clock_at(datetime(2026, 11, 5, 4, tzinfo=UTC))
            book(session, corner, 10, rule="confirm")
            clock_at(datetime(2026, 11, 8, 4, tzinfo=UTC))
            assert self.due(session) == [(corner.id, "2026-11-05")]
            clock_at(datetime(2026, 11, 9, 4, tzinfo=UTC))
            assert self.due(session) == []
