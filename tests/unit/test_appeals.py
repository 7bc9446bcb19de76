"""Appeals: one a report, in time, and decided by somebody who had no part in the rejection."""

from datetime import timedelta

import pytest

from models import Report, clock
from models.workflow import State
from services import appeals, ledger, review
from services.refusals import (
    AlreadyDecided,
    AppealedBefore,
    DecidedBefore,
    NothingSaid,
    TooLateToAppeal,
)
from services.reviewers import Reviewer
from tests import desk

LIN = Reviewer(7, "林", is_chief=False)
CHEN = Reviewer(8, "陈", is_chief=False)
WANG = Reviewer(9, "王", is_chief=True)
ZHAO = Reviewer(10, "赵", is_chief=False)


def approve(session, report, scene, reviewer=LIN, *, desk_size=1):
    review.approve(
        session,
        report=report,
        reviewer=reviewer,
        grade=2,
        policy=desk.strict(scene.policy),
        desk_size=desk_size,
    )


def reject(session, report, scene, reviewer=LIN, *, desk_size=1):
    review.reject(
        session,
        report=report,
        reviewer=reviewer,
        reason=review.own_words("看不清"),
        policy=desk.strict(scene.policy),
        desk_size=desk_size,
    )


def undo(session, report, scene, reviewer=LIN):
    review.undo(session, report=report, reviewer=reviewer, policy=scene.policy)


def appeal(session, report, scene, text="看得清，放大就行"):
    appeals.appeal(session, report=report, text=text, policy=scene.policy)


def test_a_rejection_is_appealed_and_somebody_else_decides(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        reject(session, report, scene, LIN)
        assert appeals.is_open(report, policy=scene.policy)
        appeal(session, report, scene, "  看得清  ")

    with database.transaction() as session:
        report = session.get(Report, report.id)
        assert (report.state, report.appeal, report.appealed_against) == ("appealed", "看得清", 7)
        assert (report.appealed_at, report.decided_at) == (midday, None)
        assert not appeals.is_open(report, policy=scene.policy)
        for decide in (approve, reject):
            with pytest.raises(DecidedBefore):
                decide(session, report, scene, LIN)
        with pytest.raises(AlreadyDecided):
            undo(session, report, scene, LIN)
        approve(session, report, scene, CHEN)
        assert (report.state, report.reject_reason, report.reason_text_zh) == (
            "approved",
            None,
            None,
        )
        assert ledger.balance(session, person_id=report.reporter_id).points == 10


def test_a_second_rejection_is_the_last_word(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        reject(session, report, scene, LIN)
        appeal(session, report, scene)
        reject(session, report, scene, CHEN)
        with pytest.raises(AppealedBefore):
            appeal(session, report, scene)
        assert (report.state, report.decided_by) == ("rejected", 8)


def test_nobody_who_voted_decides_the_appeal(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        approve(session, report, scene, LIN, desk_size=3)
        reject(session, report, scene, CHEN, desk_size=3)
        reject(session, report, scene, WANG, desk_size=3)
        appeal(session, report, scene)
        for party in (LIN, CHEN, WANG):
            with pytest.raises(DecidedBefore):
                approve(session, report, scene, party, desk_size=3)
        # One is enough for an appeal, also of a report that needed two.
        approve(session, report, scene, ZHAO, desk_size=3)
        assert report.state == "approved"


def test_undoing_the_answer_to_an_appeal_leads_back_to_it(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        reject(session, report, scene, LIN)
        appeal(session, report, scene)
        approve(session, report, scene, CHEN)
        undo(session, report, scene, CHEN)
        assert (report.state, report.appealed_against) == ("appealed", 7)
        assert ledger.balance(session, person_id=report.reporter_id).points == 0
        with pytest.raises(DecidedBefore):
            approve(session, report, scene, LIN)
        reject(session, report, scene, CHEN)
        with pytest.raises(AppealedBefore):
            appeal(session, report, scene)


def test_a_rejection_that_was_undone_is_none_to_appeal(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        reject(session, report, scene, LIN)
        undo(session, report, scene, LIN)
        with pytest.raises(AlreadyDecided) as refused:
            appeal(session, report, scene)
        assert (refused.value.state, refused.value.by) == ("submitted", None)
        reject(session, report, scene, CHEN)
        appeal(session, report, scene)
        assert report.appealed_against == 8


def test_there_are_fourteen_days_for_it(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        reject(session, report, scene)
        clock.advance(timedelta(days=14))
        assert appeals.is_open(report, policy=scene.policy)
        clock.advance(timedelta(seconds=1))
        assert not appeals.is_open(report, policy=scene.policy)
        with pytest.raises(TooLateToAppeal) as refused:
            appeal(session, report, scene)
        assert (refused.value.days, report.state, report.appeal) == (14, "rejected", None)


@pytest.mark.parametrize("text", ["", " \n", "\u3000"])
def test_an_appeal_says_why(database, scene, text):
    with database.transaction() as session:
        report = scene.report(session)
        reject(session, report, scene)
        with pytest.raises(NothingSaid):
            appeal(session, report, scene, text)
        assert (report.state, report.appealed_at) == ("rejected", None)


def test_a_long_appeal_is_cut(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        reject(session, report, scene)
        appeal(session, report, scene, "看" * 600)
        assert report.appeal == "看" * appeals.MOST_CHARACTERS


def test_only_a_rejection_is_appealed(database, scene):
    with database.transaction() as session:
        for state in sorted(set(State) - {State.REJECTED}):
            report = scene.report(session)
            report.state = state
            session.flush()
            assert not appeals.is_open(report, policy=scene.policy)
            with pytest.raises(AlreadyDecided):
                appeal(session, report, scene)
            assert (report.state, report.appeal) == (state, None)


def test_where_nobody_else_comes_a_chief_decides_whoever_that_is(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        reject(session, report, scene, WANG)
        appeals.appeal(session, report=report, text="再看看", policy=scene.policy)
        with pytest.raises(DecidedBefore):
            approve(session, report, scene, WANG)
        clock.advance(review.STUCK_AFTER)
        approve(session, report, scene, WANG)
        assert report.state == State.APPROVED


def test_no_reviewer_ever_decides_on_the_appeal_against_them(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        reject(session, report, scene, LIN)
        appeals.appeal(session, report=report, text="再看看", policy=scene.policy)
        clock.advance(2 * review.STUCK_AFTER)
        with pytest.raises(DecidedBefore):
            approve(session, report, scene, LIN)
