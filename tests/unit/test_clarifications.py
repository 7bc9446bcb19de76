"""Questions to a rider: one at a time, answered, called back, or closed for want of an answer."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from models import Report, ReportEvent, clock
from models.workflow import State
from services import claims, clarifications, reports
from services.refusals import AlreadyDecided, Claimed, NothingSaid, OwnReport
from services.reviewers import Reviewer

LIN = Reviewer(7, "林", is_chief=False)
CHEN = Reviewer(8, "陈", is_chief=False)
ANSWER_DAYS = timedelta(days=5)


def ask(session, report, reviewer=LIN, text="在路的哪一侧？"):
    clarifications.ask(session, report=report, reviewer=reviewer, text=text)


def events(session, report):
    rows = select(ReportEvent).where(ReportEvent.report_id == report.id).order_by(ReportEvent.id)
    return [(row.kind, row.actor_role, row.reason) for row in session.scalars(rows)]


def test_a_question_waits_for_its_answer(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        ask(session, report)
        assert (report.state, report.question, report.asked_at) == (
            "asked",
            "在路的哪一侧？",
            midday,
        )
        assert clarifications.open_for(session, person_id=report.reporter_id).id == report.id
        clarifications.answered(session, report=report)

    with database.transaction() as session:
        back = session.get(Report, report.id)
        assert (back.state, back.asked_at, back.decided_at) == ("submitted", None, None)
        assert clarifications.open_for(session, person_id=report.reporter_id) is None
        assert events(session, report) == [
            ("submitted", "rider", None),
            ("asked", "reviewer", "在路的哪一侧？"),
            ("answered", "rider", None),
        ]


@pytest.mark.parametrize("text", ["", "  ", "\u3000\n"])
def test_a_question_has_words(database, scene, text):
    with database.transaction() as session:
        report = scene.report(session)
        with pytest.raises(NothingSaid):
            ask(session, report, text=text)
        assert (report.state, report.question) == ("submitted", None)


def test_a_long_question_is_cut(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        ask(session, report, text=" " + "问" * 400)
        assert report.question == "问" * clarifications.MOST_CHARACTERS


def test_nobody_asks_themselves(database, scene):
    with database.transaction() as session:
        report, joiner = scene.report(session), scene.person(session)
        reports.join(session, report=report, person=joiner)
        for who in (report.reporter_id, joiner.id):
            own = Reviewer(who, "自己", is_chief=True)
            with pytest.raises(OwnReport):
                ask(session, report, own)
        ask(session, report)
        for who in (report.reporter_id, joiner.id):
            own = Reviewer(who, "自己", is_chief=True)
            with pytest.raises(OwnReport):
                clarifications.recall(session, report=report, reviewer=own)
        assert report.state == "asked"


def test_a_colleagues_card_is_left_alone(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        claims.take(session, report=report, reviewer=CHEN, policy=scene.policy)
        with pytest.raises(Claimed):
            ask(session, report, LIN)
        ask(session, report, CHEN)
        assert (report.state, report.claimed_by) == ("asked", None)


def test_only_before_the_first_decision_is_asked(database, scene):
    with database.transaction() as session:
        for state in sorted(set(State) - {State.SUBMITTED}):
            report = scene.report(session)
            report.state = state
            session.flush()
            with pytest.raises(AlreadyDecided) as refused:
                ask(session, report)
            assert (refused.value.state, report.question) == (state, None)


def test_only_what_is_asked_is_answered(database, scene):
    with database.transaction() as session:
        for state in sorted(set(State) - {State.ASKED, State.UNANSWERED}):
            report = scene.report(session)
            report.state = state
            session.flush()
            with pytest.raises(AlreadyDecided):
                clarifications.require_question(report)
            with pytest.raises(AlreadyDecided):
                clarifications.answered(session, report=report)
            with pytest.raises(AlreadyDecided):
                clarifications.recall(session, report=report, reviewer=LIN)
            with pytest.raises(AlreadyDecided):
                clarifications.close(session, report=report)
            assert report.state == state


def test_a_question_is_called_back_by_anybody_at_the_desk(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        ask(session, report, LIN)
        clarifications.recall(session, report=report, reviewer=CHEN)
        assert (report.state, report.question, report.asked_at) == ("submitted", None, None)
        with pytest.raises(AlreadyDecided):
            clarifications.answered(session, report=report)


def test_what_stays_open_too_long_is_closed_and_may_be_resumed(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        ask(session, report)
        clock.advance(ANSWER_DAYS - timedelta(seconds=1))
        assert clarifications.overdue(session, policy=scene.policy) == []
        clock.advance(timedelta(seconds=1))
        (late,) = clarifications.overdue(session, policy=scene.policy)
        clarifications.close(session, report=late)
        assert (late.state, late.decided_at) == ("unanswered", midday + ANSWER_DAYS)
        assert clarifications.overdue(session, policy=scene.policy) == []
        with pytest.raises(AlreadyDecided):
            clarifications.recall(session, report=report, reviewer=LIN)
        clock.advance(timedelta(days=100))
        clarifications.answered(session, report=report)
        assert (report.state, report.decided_at) == ("submitted", None)
        assert [kind for kind, _, _ in events(session, report)] == [
            "submitted",
            "asked",
            "unanswered",
            "resumed",
        ]


def test_of_several_open_questions_the_newest_counts(database, scene, midday):
    with database.transaction() as session:
        rider = scene.person(session)
        older, newer = scene.report(session, rider), scene.report(session, rider)
        ask(session, newer)
        clock.advance(timedelta(minutes=1))
        ask(session, older)
        assert clarifications.open_for(session, person_id=rider.id).id == older.id
        reports.withdraw(session, report=older)
        assert clarifications.open_for(session, person_id=rider.id).id == newer.id
        assert clarifications.open_for(session, person_id=rider.id + 99) is None
