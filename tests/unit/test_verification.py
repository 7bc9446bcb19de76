"""The books recomputed: nothing is found where all is well, and each broken row is named."""

from datetime import timedelta

import pytest
import structlog
from sqlalchemy import text, update
from typer.testing import CliRunner

from bot.__main__ import app
from models import LedgerEntry, MonthlyBudget, Report, Voucher, VoucherEvent, clock
from services import adjustments, ledger, reports, review, verification, vouchers
from services.reviewers import Reviewer
from tests.unit.test_vouchers import a_rider, an_item, redeem, staff

LIN = Reviewer(7, "林", is_chief=False)


def found(session, scene):
    shown = []
    faults = verification.verify(
        session, show=lambda what, done, of: shown.append((what, done, of))
    )
    return {fault.where: fault.what for fault in faults}


def approve(session, scene, report):
    review.approve(session, report=report, reviewer=LIN, grade=2, policy=scene.policy, desk_size=1)


@pytest.fixture
def lived(database, scene, midday):
    """Books in which everything has happened: one of each, by number."""
    with database.transaction() as session:
        report, undone, open_ = (scene.report(session) for _ in range(3))
        reports.join(session, report=report, person=scene.person(session))
        for one in (report, undone):
            approve(session, scene, one)
        review.undo(session, report=undone, reviewer=LIN, policy=scene.policy)
        rider, item = scene.person(session), an_item(session)
        adjustments.adjust(session, person_id=rider.id, points=200, why="for testing")
        wu = staff(session, scene, item.shop_id)
        used, cancelled, late, good = (
            redeem(session, scene, rider, item).voucher for _ in range(4)
        )
        vouchers.confirm(session, voucher_id=used.id, person_id=wu)
        vouchers.undo(session, voucher_id=used.id, person_id=wu, policy=scene.policy)
        vouchers.confirm(session, voucher_id=used.id, person_id=wu)
        vouchers.cancel(session, voucher_id=cancelled.id, person_id=rider.id)
        late.expires_at = clock.now()
        session.flush()
        vouchers.expire(session, voucher_id=late.id)
        vouchers.show_anew(session, voucher_id=good.id, person_id=rider.id)
        return {
            "report": report.id, "undone": undone.id, "open": open_.id, "rider": rider.id,
            "used": used.id, "good": good.id, "late": late.id,
        }  # fmt: skip


def test_nothing_is_found_where_all_is_well(database, scene, lived):
    with database.transaction() as session:
        assert found(session, scene) == {}


def test_empty_books_are_in_order(database, scene):
    with database.transaction() as session:
        assert found(session, scene) == {}


def entry(session, transaction_id, account, points):
    session.add(
        LedgerEntry(
            transaction_id=transaction_id,
            account_id=ledger.account_id(session, holder=account),
            points=points,
        )
    )


def first_of(session, rule, voucher_id=None, report_id=None):
    return ledger.standing(session, rules=(rule,), voucher_id=voucher_id, report_id=report_id)[0].id


def uneven(session, lived):
    entry(session, first_of(session, "approval", report_id=lived["report"]), ledger.PROGRAMME, -1)
    return "transaction 1"


def half_a_reversal(session, lived):
    row = session.execute(
        text("SELECT id FROM ledger_transaction WHERE rule = 'reversal' ORDER BY id")
    ).scalar()
    entry(session, row, ledger.PROGRAMME, 4)
    entry(session, row, ledger.CORRECTIONS, -4)
    return f"transaction {row}"


def used_twice(session, lived):
    ledger.move(
        session,
        points=30,
        source=ledger.CORRECTIONS,
        to=ledger.shop(1),
        rule="confirm",
        subject="again",
        terms={},
        voucher_id=lived["used"],
    )
    return f"voucher V{lived['used']}"


def another_state(session, lived):
    session.execute(update(Voucher).where(Voucher.id == lived["good"]).values(state="cancelled"))
    return f"voucher V{lived['good']}"


def another_story(session, lived):
    session.add(VoucherEvent(voucher_id=lived["good"], kind="used", actor_id=None, at=clock.now()))
    return f"voucher V{lived['good']}"


def other_points(session, lived):
    session.execute(update(Report).where(Report.id == lived["report"]).values(points=11))
    return f"report #{lived['report']}"


def paid_for_nothing(session, lived):
    ledger.move(
        session,
        points=5,
        source=ledger.PROGRAMME,
        to=ledger.rider(lived["rider"]),
        rule="approval",
        subject="report:9",
        terms={},
        report_id=lived["open"],
    )
    return f"report #{lived['open']}"


def another_month(session, lived):
    session.execute(update(MonthlyBudget).values(paid=MonthlyBudget.paid + 1))
    return "month 2026-11"


def not_refunded(session, lived):
    ledger.move(
        session,
        points=3,
        source=ledger.CORRECTIONS,
        to=ledger.EXPIRED,
        rule="expiry",
        subject="half",
        terms={},
    )
    return "(expired)"


def below_zero(session, lived):
    ledger.move(
        session,
        points=3,
        source=ledger.rider(99),
        to=ledger.CORRECTIONS,
        rule="redeem",
        subject="too much",
        terms={},
    )
    return "(rider)"


@pytest.mark.parametrize(
    "spoil",
    [
        uneven, half_a_reversal, used_twice, another_state, another_story, other_points,
        paid_for_nothing, another_month, not_refunded, below_zero,
    ],
)  # fmt: skip
def test_each_broken_row_is_named(database, scene, lived, spoil):
    with database.transaction() as session:
        where = spoil(session, lived)
        session.flush()
        assert any(where in fault for fault in found(session, scene)), spoil


def test_a_clawback_may_leave_somebody_below_zero(database, scene, midday):
    with database.transaction() as session:
        report, item = scene.report(session), an_item(session, cost=10)
        approve(session, scene, report)
        rider = session.get(type(scene.person(session)), report.reporter_id)
        redeem(session, scene, rider, item)
        clock.advance(timedelta(minutes=1))
        review.undo(session, report=report, reviewer=LIN, policy=scene.policy)
        assert ledger.balance(session, person_id=rider.id).points == -10
        assert found(session, scene) == {}


class TestByHand:
    def test_it_is_booked_and_taken_back_once(self, database, scene):
        with database.transaction() as session:
            rider = scene.person(session)
            number = adjustments.adjust(session, person_id=rider.id, points=-5, why="a mistake")
            assert ledger.balance(session, person_id=rider.id).points == -5
            assert found(session, scene) == {}
            done = [
                adjustments.take_back(session, transaction_id=number, why="none after all")
                for _ in range(2)
            ]
            assert done == [True, False]
            assert ledger.balance(session, person_id=rider.id).points == 0

    def test_what_the_bot_booked_is_not_taken_back_by_hand(self, database, scene):
        with database.transaction() as session:
            a_rider(session, scene)
            assert not adjustments.take_back(session, transaction_id=1, why="no")
            assert adjustments.adjust(session, person_id=404, points=5, why="nobody") is None


@pytest.fixture
def installation(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTINEL_DATA_DIR", str(tmp_path))
    assert CliRunner().invoke(app, ["migrate"]).exit_code == 0
    yield
    # The commands log to the runner's own stderr, which is gone after each.
    structlog.reset_defaults()


class TestCommands:
    def test_verify_says_that_all_is_well(self, installation):
        result = CliRunner().invoke(app, ["ledger", "verify"])
        assert (result.exit_code, result.output) == (0, "ledger: ok\n")

    def test_nobody_is_adjusted(self, installation):
        result = CliRunner().invoke(app, ["ledger", "adjust", "7", "5", "--reason", "x"])
        assert result.exit_code == 1
        assert "Nobody" in result.output
