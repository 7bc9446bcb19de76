"""What is paid for reports: grades, shares, fading, caps, the month's budget."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from models import LedgerEntry, LedgerTransaction, MonthlyBudget, Person, clock
from services import ledger, payments, programme, reports, review
from services.payments import Less
from services.reviewers import Reviewer
from tests.scene import UP_THE_ROAD

LIN = Reviewer(7, "林", is_chief=False)


def ruled(scene, **rules):
    points = scene.policy.points.model_copy(update=rules)
    return scene.policy.model_copy(update={"points": points})


def approve(session, report, policy, grade=2):
    review.approve(session, report=report, reviewer=LIN, grade=grade, policy=policy, desk_size=1)
    return report.points


def undo(session, report, policy):
    review.undo(session, report=report, reviewer=LIN, policy=policy)


def points_of(session, person_id):
    return ledger.balance(session, person_id=person_id).points


def paid(session):
    return session.scalar(select(MonthlyBudget.paid))


def why(session, report):
    return payments.why_less(session, report_id=report.id, person_id=report.reporter_id)


class TestFading:
    def test_the_same_cell_kind_and_day_earns_less_each_time(self, database, scene):
        with database.transaction() as session:
            made = [scene.report(session) for _ in range(4)]
            assert [approve(session, one, scene.policy) for one in made] == [10, 5, 3, 3]
            assert [why(session, one) for one in made] == [[], *[[Less.FADED]] * 3]
            booking = session.scalars(
                select(LedgerTransaction).order_by(LedgerTransaction.id)
            ).all()
            assert booking[1].terms["fading"] == 0.5

    @pytest.mark.parametrize("other", [{"place": UP_THE_ROAD}, {"category": "pothole"}])
    def test_elsewhere_and_of_another_kind_it_does_not(self, database, scene, other):
        with database.transaction() as session:
            assert approve(session, scene.report(session), scene.policy) == 10
            assert approve(session, scene.report(session, **other), scene.policy) == 10

    def test_the_local_day_counts_on_which_it_was_made(self, database, scene, midday):
        # Midday is 13:30 in Shanghai; 16:00 UTC is the next day there.
        with database.transaction() as session:
            first = scene.report(session)
            clock.advance(timedelta(hours=10, minutes=29))
            same_day = scene.report(session)
            clock.advance(timedelta(minutes=1))
            next_day = scene.report(session)
            assert [approve(session, one, scene.policy) for one in (first, same_day)] == [10, 5]
            assert approve(session, next_day, scene.policy) == 10

    def test_what_was_undone_does_not_count(self, database, scene):
        with database.transaction() as session:
            first, second = scene.report(session), scene.report(session)
            approve(session, first, scene.policy)
            undo(session, first, scene.policy)
            assert approve(session, second, scene.policy) == 10


class TestCaps:
    def test_a_day_earns_so_much_at_most(self, database, scene):
        policy = ruled(scene, per_day=25, fading=(1.0,))
        with database.transaction() as session:
            rider = scene.person(session)
            made = [scene.report(session, rider) for _ in range(4)]
            assert [approve(session, one, policy) for one in made] == [10, 10, 5, 0]
            assert [why(session, one) for one in made] == [[], [], [Less.DAY], [Less.DAY]]
            assert points_of(session, rider.id) == 25

    def test_what_is_undone_makes_room(self, database, scene):
        policy = ruled(scene, per_day=10, fading=(1.0,))
        with database.transaction() as session:
            rider = scene.person(session)
            first, second = scene.report(session, rider), scene.report(session, rider)
            approve(session, first, policy)
            undo(session, first, policy)
            assert approve(session, second, policy) == 10

    def test_another_days_reports_have_a_cap_of_their_own(self, database, scene, midday):
        policy = ruled(scene, per_day=10, fading=(1.0,))
        with database.transaction() as session:
            rider = scene.person(session)
            early = scene.report(session, rider)
            clock.advance(timedelta(days=1))
            late = scene.report(session, rider)
            # Decided on one day, made on two: a slow desk costs nobody points.
            assert [approve(session, one, policy) for one in (early, late)] == [10, 10]

    def test_none_where_none_is_set(self, database, scene):
        policy = ruled(scene, per_day=0, fading=(1.0,), monthly_budget=0)
        with database.transaction() as session:
            rider = scene.person(session)
            made = [scene.report(session, rider) for _ in range(6)]
            assert [approve(session, one, policy, grade=3) for one in made] == [20] * 6


class TestBudget:
    def test_the_month_pays_what_is_left_and_then_nothing(self, database, scene):
        policy = ruled(scene, monthly_budget=25, fading=(1.0,))
        with database.transaction() as session:
            made = [scene.report(session) for _ in range(4)]
            assert [approve(session, one, policy) for one in made] == [10, 10, 5, 0]
            assert why(session, made[2]) == [Less.BUDGET]
            assert paid(session) == 25
            month = programme.this_month(session, policy=policy)
            assert (month.name, month.left, month.used_up) == ("2026-11", 0, True)

    def test_what_is_undone_goes_back_to_the_month_it_came_from(self, database, scene, midday):
        policy = ruled(scene, monthly_budget=10, fading=(1.0,))
        # Five minutes before December in Shanghai.
        clock.advance(timedelta(days=6, hours=10, minutes=25))
        with database.transaction() as session:
            report = scene.report(session)
            approve(session, report, policy)
            clock.advance(timedelta(minutes=9))
            assert programme.this_month(session, policy=policy).name == "2026-12"
            undo(session, report, policy)
            months = dict(session.execute(select(MonthlyBudget.month, MonthlyBudget.paid)).all())
            assert months["2026-11"] == 0

    @pytest.mark.parametrize(("paid", "tells"), [(79, False), (80, True), (100, True)])
    def test_it_is_nearly_used_up_at_four_fifths(self, paid, tells):
        assert programme.Month("2026-11", paid, 100).nearly_used_up is tells
        assert not programme.Month("2026-11", paid, 0).nearly_used_up


class TestJoiners:
    def joined(self, session, scene, report):
        person = scene.person(session)
        reports.join(session, report=report, person=person)
        return person

    def test_who_saw_it_before_gets_a_share_each(self, database, scene):
        with database.transaction() as session:
            report = scene.report(session)
            early = [self.joined(session, scene, report).id for _ in range(2)]
            approve(session, report, scene.policy)
            late = self.joined(session, scene, report).id
            payments.settle_joiners(session, report=report, policy=scene.policy)
            assert [points_of(session, who) for who in (*early, late)] == [2, 2, 0]
            assert paid(session) == 14

    def test_the_share_is_of_what_the_report_was_worth(self, database, scene):
        with database.transaction() as session:
            approve(session, scene.report(session), scene.policy)
            report = scene.report(session)
            joiner = self.joined(session, scene, report).id
            assert approve(session, report, scene.policy, grade=3) == 10
            assert points_of(session, joiner) == 2

    def test_none_where_none_is_set(self, database, scene):
        policy = ruled(scene, joiner_share=0)
        with database.transaction() as session:
            report = scene.report(session)
            joiner = self.joined(session, scene, report).id
            approve(session, report, policy)
            assert points_of(session, joiner) == 0

    def test_an_undone_approval_takes_their_shares_back(self, database, scene):
        with database.transaction() as session:
            report = scene.report(session)
            joiner = self.joined(session, scene, report).id
            approve(session, report, scene.policy)
            undo(session, report, scene.policy)
            assert (points_of(session, joiner), paid(session)) == (0, 0)
            approve(session, report, scene.policy)
            assert (points_of(session, joiner), paid(session)) == (2, 12)

    def test_who_is_merged_into_an_approved_one_gets_a_share_and_gives_it_back(
        self, database, scene
    ):
        with database.transaction() as session:
            root, duplicate = scene.report(session), scene.report(session)
            approve(session, root, scene.policy)
            for _ in range(2):
                review.merge(
                    session, report=duplicate, into=root.id, reviewer=LIN, policy=scene.policy
                )
                assert points_of(session, duplicate.reporter_id) == 2
                undo(session, duplicate, scene.policy)
                assert points_of(session, duplicate.reporter_id) == 0
            assert paid(session) == 10


class TestHoldingAndFix:
    def test_points_wait_as_long_as_the_rule_says(self, database, scene, midday):
        policy = ruled(scene, hold_hours=24)
        with database.transaction() as session:
            report = scene.report(session)
            approve(session, report, policy)
            rider = report.reporter_id
            balance = ledger.balance(session, person_id=rider)
            assert (balance.points, balance.pending, balance.spendable) == (10, 10, 0)
            clock.advance(timedelta(hours=24))
            balance = ledger.balance(session, person_id=rider)
            assert (balance.points, balance.pending, balance.spendable) == (10, 0, 10)

    def test_taken_back_while_they_wait_nothing_waits(self, database, scene):
        policy = ruled(scene, hold_hours=24)
        with database.transaction() as session:
            report = scene.report(session)
            approve(session, report, policy)
            undo(session, report, policy)
            balance = ledger.balance(session, person_id=report.reporter_id)
            assert (balance.points, balance.pending) == (0, 0)

    def test_a_confirmed_fix_is_paid_once(self, database, scene):
        policy = ruled(scene, fix_bonus=5)
        with database.transaction() as session:
            report = scene.report(session)
            approve(session, report, policy)
            assert [payments.pay_fix(session, report=report, policy=policy) for _ in "12"] == [5, 0]
            assert points_of(session, report.reporter_id) == 15
            undo(session, report, policy)
            assert (points_of(session, report.reporter_id), paid(session)) == (0, 0)

    def test_no_bonus_where_none_is_set(self, database, scene):
        with database.transaction() as session:
            report = scene.report(session)
            assert payments.pay_fix(session, report=report, policy=scene.policy) == 0
            assert session.scalars(select(LedgerEntry)).all() == []


def test_a_rider_who_blocks_the_bot_keeps_their_points(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        session.get(Person, report.reporter_id).unreachable_since = clock.now()
        approve(session, report, scene.policy)
        assert points_of(session, report.reporter_id) == 10
