"""Points: every booking has two sides, happens once, and is never changed afterwards."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from models import Account, LedgerEntry, LedgerTransaction, clock
from services import ledger


def pay(session, person_id=1, points=10, subject="report:1", rule="approval", **told):
    return ledger.move(
        session,
        points=points,
        source=ledger.PROGRAMME,
        to=ledger.rider(person_id),
        rule=rule,
        subject=subject,
        terms={"grade": 2},
        **told,
    )


def test_a_payment_reaches_the_rider_and_leaves_the_programme(database):
    with database.transaction() as session:
        assert pay(session, person_id=5, points=10)

    with database.transaction() as session:
        rows = session.execute(
            select(Account.kind, Account.owner_id, LedgerEntry.points)
            .join(Account, Account.id == LedgerEntry.account_id)
            .order_by(LedgerEntry.id)
        ).all()
    assert rows == [("programme", 0, -10), ("rider", 5, 10)]


def test_nothing_is_paid_twice_under_the_same_rule_and_subject(database):
    with database.transaction() as session:
        assert pay(session, points=10)
    with database.transaction() as session:
        assert not pay(session, points=20)
        assert not pay(session, person_id=2)

    with database.transaction() as session:
        assert ledger.balance(session, person_id=1).points == 10
        assert ledger.balance(session, person_id=2).points == 0
        assert session.scalar(select(func.count(LedgerTransaction.id))) == 1


@pytest.mark.parametrize("other", [{"subject": "report:2"}, {"rule": "thanks"}])
def test_another_rule_or_subject_pays_again(database, other):
    with database.transaction() as session:
        assert pay(session)
        assert pay(session, **other)
        assert ledger.balance(session, person_id=1).points == 20


def test_the_database_itself_refuses_a_second_booking(database):
    values = {"rule": "approval", "subject": "report:1", "terms": {}, "at": clock.now()}
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.add_all([LedgerTransaction(**values), LedgerTransaction(**values)])


def test_less_than_nothing_is_moved_the_other_way_round(database):
    with database.transaction() as session:
        with pytest.raises(ValueError, match="the other way round"):
            pay(session, points=-5)
        assert session.scalar(select(func.count(LedgerTransaction.id))) == 0


def test_the_terms_and_the_moment_are_kept_with_the_booking(database, midday):
    with database.transaction() as session:
        pay(session)

    with database.transaction() as session:
        booking = session.scalars(select(LedgerTransaction)).one()
        assert (booking.terms, booking.at) == ({"grade": 2}, midday)


def test_an_account_is_opened_once(database):
    with database.transaction() as session:
        first = ledger.account_id(session, holder=ledger.rider(1))
    with database.transaction() as session:
        assert ledger.account_id(session, holder=ledger.rider(1)) == first
        assert ledger.account_id(session, holder=ledger.shop(1)) != first
        assert session.scalar(select(func.count(Account.id))) == 2


def test_who_was_never_paid_has_nothing(database):
    with database.transaction() as session:
        assert ledger.balance(session, person_id=1).points == 0
        assert ledger.statement(session, person_id=1) == []


def test_a_statement_tells_the_newest_first_each_with_its_report(database, scene, midday):
    with database.transaction() as session:
        rider = scene.person(session)
        numbers = [scene.report(session, rider).id for _ in range(3)]
        for number in numbers:
            pay(session, rider.id, number, f"report:{number}", report_id=number)
            clock.advance(timedelta(minutes=1))
        pay(session, rider.id + 1, 99, "report:somebody else's")

    with database.transaction() as session:
        lines = ledger.statement(session, person_id=rider.id, limit=2)
    assert lines == [
        ledger.Line(
            numbers[2], "approval", numbers[2], None, {"grade": 2}, midday + timedelta(minutes=2)
        ),
        ledger.Line(
            numbers[1], "approval", numbers[1], None, {"grade": 2}, midday + timedelta(minutes=1)
        ),
    ]


def test_a_payment_rolled_back_never_happened(database):
    with database.transaction() as session:
        pay(session)
        session.rollback()

    with database.transaction() as session:
        assert ledger.balance(session, person_id=1).points == 0
        assert pay(session)


payments = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 10_000), st.integers(1, 6)), max_size=12
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(payments=payments)
def test_the_books_always_balance(database, payments):
    with database.transaction() as session:
        expected = {}
        for rider, points, subject in payments:
            if pay(session, rider, points, f"report:{subject}"):
                assert subject not in expected
                expected[subject] = (rider, points)
            else:
                assert subject in expected
        for rider in (1, 2, 3):
            owed = sum(points for who, points in expected.values() if who == rider)
            assert ledger.balance(session, person_id=rider).points == owed
        sums = session.execute(
            select(func.sum(LedgerEntry.points), func.count()).group_by(LedgerEntry.transaction_id)
        ).all()
        assert sums == [(0, 2)] * len(expected)
        session.rollback()
