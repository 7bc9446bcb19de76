"""Claims: a card is somebody's for five minutes, and no longer than it has to be."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from models import Report, ReportEvent, clock
from models.workflow import DESK_STATES, State
from services import claims, review
from services.refusals import AlreadyDecided, Claimed
from services.reviewers import Reviewer

LIN = Reviewer(7, "林", is_chief=False)
CHEN = Reviewer(8, "陈", is_chief=False)
WANG = Reviewer(9, "王", is_chief=True)


def take(session, report, scene, reviewer=LIN):
    claims.take(session, report=report, reviewer=reviewer, policy=scene.policy)


def approve(session, report, scene, reviewer):
    review.approve(
        session, report=report, reviewer=reviewer, grade=1, policy=scene.policy, desk_size=1
    )


def reject(session, report, scene, reviewer):
    review.reject(
        session,
        report=report,
        reviewer=reviewer,
        reason=review.own_words("看不清"),
        policy=scene.policy,
        desk_size=1,
    )


def hold(session, report, scene, reviewer):
    review.hold(session, report=report, reviewer=reviewer, reason="等回复")


def kinds(session, report):
    rows = select(ReportEvent.kind).where(ReportEvent.report_id == report.id)
    return session.scalars(rows.order_by(ReportEvent.id)).all()


def test_a_card_is_reserved_and_that_is_on_record(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        take(session, report, scene)

    with database.transaction() as session:
        taken = session.get(Report, report.id)
        assert (taken.claimed_by, taken.claimed_by_name) == (7, "林")
        assert taken.claimed_until == midday + timedelta(minutes=5)
        assert (taken.state, claims.is_held(taken)) == ("submitted", True)
        assert kinds(session, report) == ["submitted", "claimed"]


def test_a_colleague_is_kept_off_and_told_until_when(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        take(session, report, scene)
        with pytest.raises(Claimed) as refused:
            take(session, report, scene, CHEN)
        assert (refused.value.by, refused.value.until) == ("林", midday + timedelta(minutes=5))
        assert report.claimed_by == 7


@pytest.mark.parametrize("act", [approve, reject, hold])
def test_nobody_else_decides_on_a_card_that_is_taken_not_even_a_chief(database, scene, midday, act):
    with database.transaction() as session:
        report = scene.report(session)
        take(session, report, scene)
        for reviewer in (CHEN, WANG):
            with pytest.raises(Claimed):
                act(session, report, scene, reviewer)
        assert (report.state, report.claimed_by) == ("submitted", 7)
        act(session, report, scene, LIN)
        assert (report.claimed_by, report.claimed_until) == (None, None)


def test_who_has_it_has_it_anew(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        take(session, report, scene)
        clock.advance(timedelta(minutes=4))
        take(session, report, scene)
        assert report.claimed_until == midday + timedelta(minutes=9)


def test_a_chief_takes_over(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        take(session, report, scene)
        take(session, report, scene, WANG)
        assert (report.claimed_by, report.claimed_by_name) == (9, "王")
        with pytest.raises(Claimed):
            approve(session, report, scene, LIN)


def test_it_ends_by_time_to_the_second(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        take(session, report, scene)
        clock.advance(timedelta(minutes=5) - timedelta(seconds=1))
        with pytest.raises(Claimed):
            take(session, report, scene, CHEN)
        assert claims.overdue(session) == []
        clock.advance(timedelta(seconds=1))
        assert [late.id for late in claims.overdue(session)] == [report.id]
        take(session, report, scene, CHEN)
        assert report.claimed_by == 8
        assert claims.overdue(session) == []


def test_one_that_has_run_out_is_ended_by_the_sweep(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        take(session, report, scene)
    clock.advance(timedelta(minutes=5))
    with database.transaction() as session:
        (late,) = claims.overdue(session)
        claims.end(session, report=late)
        assert (late.claimed_by, late.claimed_until, claims.overdue(session)) == (None, None, [])
        last = select(ReportEvent).order_by(ReportEvent.id.desc()).limit(1)
        event = session.scalars(last).one()
        assert (event.kind, event.actor_role, event.actor_id) == ("claim_released", "system", None)


def test_it_is_given_back(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        take(session, report, scene)
        with pytest.raises(Claimed):
            claims.release(session, report=report, reviewer=WANG)
        claims.release(session, report=report, reviewer=LIN)
        assert (report.claimed_by, report.claimed_until) == (None, None)
        claims.release(session, report=report, reviewer=LIN)
        assert kinds(session, report) == ["submitted", "claimed", "claim_released"]


def test_only_what_the_desk_has_to_decide_on_is_taken(database, scene):
    with database.transaction() as session:
        for state in sorted(set(State) - DESK_STATES):
            report = scene.report(session)
            report.state, report.decided_by_name = state, "陈"
            session.flush()
            with pytest.raises(AlreadyDecided) as refused:
                take(session, report, scene, WANG)
            assert (refused.value.state, refused.value.by) == (state, "陈")
            assert report.claimed_by is None


def test_who_read_it_before_it_was_decided_does_not_take_it(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
    with database.transaction() as session:
        approve(session, session.get(Report, report.id), scene, CHEN)
    with database.transaction() as session:
        seen = session.merge(report, load=False)
        with pytest.raises(AlreadyDecided) as refused:
            take(session, seen, scene)
        assert (refused.value.state, refused.value.by) == ("approved", "陈")
        assert seen.claimed_by is None


def test_who_read_it_before_it_was_taken_does_not_take_it_either(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
    with database.transaction() as session:
        take(session, session.get(Report, report.id), scene, CHEN)
    with database.transaction() as session:
        seen = session.merge(report, load=False)
        with pytest.raises(Claimed) as refused:
            take(session, seen, scene)
        assert (refused.value.by, seen.claimed_by) == ("陈", 8)
