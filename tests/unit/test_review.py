"""Decisions: of any number at once one wins, and what it earns is paid once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from models import LedgerEntry, LedgerTransaction, Report, ReportEvent
from models.workflow import State
from services import ledger, reports, review
from services.refusals import AlreadyDecided, OwnReport, Refusal, UnknownCode
from services.reviewers import Reviewer


def approve(session, report, scene, *, reviewer=7, name="林审核", grade=2):
    review.approve(
        session,
        report=report,
        reviewer=Reviewer(reviewer, name, is_chief=False),
        grade=grade,
        policy=scene.policy,
        desk_size=1,
    )
    return report.points


def reject(session, report, scene, *, reviewer=7, name="林审核", reason="unclear"):
    review.reject(
        session,
        report=report,
        reviewer=Reviewer(reviewer, name, is_chief=False),
        reason=review.reason_of(reason, policy=scene.policy),
        policy=scene.policy,
        desk_size=1,
    )


@pytest.mark.parametrize(("grade", "points"), [(1, 5), (2, 10), (3, 20)])
def test_an_approval_pays_what_its_grade_earns(database, scene, midday, grade, points):
    with database.transaction() as session:
        report = scene.report(session)
        assert approve(session, report, scene, grade=grade) == points

    with database.transaction() as session:
        decided = session.get(Report, report.id)
        assert (decided.state, decided.grade, decided.points) == ("approved", grade, points)
        assert (decided.decided_by, decided.decided_by_name) == (7, "林审核")
        assert decided.decided_at == midday
        assert ledger.balance(session, person_id=report.reporter_id) == points
        (line,) = ledger.statement(session, person_id=report.reporter_id)
        assert (line.rule, line.report_id) == ("approval", report.id)
        terms = session.scalar(select(LedgerTransaction.terms))
        assert terms == {"grade": grade, "grades": [5, 10, 20]}


@pytest.mark.parametrize("grade", [0, 4, -1])
def test_there_are_three_grades(database, scene, grade):
    with database.transaction() as session:
        report = scene.report(session)
        with pytest.raises(UnknownCode):
            approve(session, report, scene, grade=grade)
        assert report.state == State.SUBMITTED


def test_a_rejection_keeps_the_words_of_that_day(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        reject(session, report, scene, reason="known")

    with database.transaction() as session:
        decided = session.get(Report, report.id)
        words = scene.policy.reject_reason("known")
        assert (decided.state, decided.reject_reason) == ("rejected", "known")
        assert decided.reason_text_zh == words.answer_zh
        assert decided.reason_text_en == words.answer_en
        assert (decided.decided_by_name, decided.decided_at) == ("林审核", midday)
        assert ledger.balance(session, person_id=report.reporter_id) == 0


def test_a_reason_that_is_not_configured_is_refused(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        with pytest.raises(UnknownCode):
            reject(session, report, scene, reason="because")
        assert report.state == State.SUBMITTED


@pytest.mark.parametrize("decide", [approve, reject])
def test_nobody_decides_on_their_own_report(database, scene, decide):
    with database.transaction() as session:
        report = scene.report(session)
        with pytest.raises(OwnReport):
            decide(session, report, scene, reviewer=report.reporter_id)
        assert report.state == State.SUBMITTED


@pytest.mark.parametrize("decide", [approve, reject])
def test_nobody_decides_on_a_report_they_joined(database, scene, decide):
    with database.transaction() as session:
        report, joiner = scene.report(session), scene.person(session)
        reports.join(session, report=report, person=joiner)
        with pytest.raises(OwnReport):
            decide(session, report, scene, reviewer=joiner.id)
        assert report.state == State.SUBMITTED


@pytest.mark.parametrize("first", [approve, reject])
@pytest.mark.parametrize("second", [approve, reject])
def test_the_second_learns_who_decided(database, scene, first, second):
    with database.transaction() as session:
        report = scene.report(session)
        first(session, report, scene)
    with database.transaction() as session:
        again = session.get(Report, report.id)
        with pytest.raises(AlreadyDecided) as refused:
            second(session, again, scene, reviewer=8, name="陈审核")
        assert refused.value.by == "林审核"
        assert refused.value.state == again.state


def test_what_was_withdrawn_cannot_be_approved(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        reports.withdraw(session, report=report)
        with pytest.raises(AlreadyDecided) as refused:
            approve(session, report, scene)
        assert (refused.value.state, refused.value.by) == ("withdrawn", None)
        assert ledger.balance(session, person_id=report.reporter_id) == 0


def test_of_many_reviewers_at_once_one_wins_and_it_is_paid_once(database, scene):
    """Real threads, real transactions; all have read the undecided report before any decides."""
    count = 6
    with database.transaction() as session:
        report = scene.report(session)
    # SQLite lets transactions in one by one, so there they can only start together.
    together = Barrier(count)

    def decide(reviewer):
        if database.is_sqlite:
            together.wait(30)
        with database.transaction() as session:
            card = session.get(Report, report.id)
            if not database.is_sqlite:
                assert card.state == State.SUBMITTED
                together.wait(30)
            try:
                return approve(session, card, scene, reviewer=reviewer, name=f"审核 {reviewer}")
            except AlreadyDecided as refused:
                return refused.by

    with ThreadPoolExecutor(count) as reviewers:
        answers = list(reviewers.map(decide, range(count)))

    assert answers.count(10) == 1
    winner = f"审核 {answers.index(10)}"
    assert sorted(map(str, answers)) == sorted(["10"] + [winner] * (count - 1))
    with database.transaction() as session:
        assert session.get(Report, report.id).decided_by_name == winner
        assert ledger.balance(session, person_id=report.reporter_id) == 10
        assert session.scalar(select(func.count(LedgerEntry.id))) == 2


def test_a_withdrawal_and_an_approval_at_once_never_both_happen(database, scene):
    with database.transaction() as session:
        numbers = [scene.report(session).id for _ in range(8)]

    def act(report_id, approving, together):
        together.wait(30)
        with database.transaction() as session:
            report = session.get(Report, report_id)
            try:
                if approving:
                    approve(session, report, scene)
                else:
                    reports.withdraw(session, report=report)
            except AlreadyDecided:
                return False
            return True

    with ThreadPoolExecutor(2) as pair:
        for number in numbers:
            together = Barrier(2)
            results = [pair.submit(act, number, who, together) for who in (True, False)]
            assert [result.result() for result in results].count(True) == 1

    with database.transaction() as session:
        for number in numbers:
            report = session.get(Report, number)
            paid = ledger.balance(session, person_id=report.reporter_id)
            assert paid == (10 if report.state == State.APPROVED else 0)


@dataclass(frozen=True)
class Act:
    """Somebody reads a report now and acts on what they read some steps later."""

    who: int
    verb: str
    delay: int


acts = st.lists(
    st.builds(
        Act,
        who=st.integers(0, 4),
        verb=st.sampled_from(["approve", "reject", "withdraw", "join"]),
        delay=st.integers(0, 3),
    ),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts=acts)
def test_however_they_interleave_one_decision_stands_and_is_paid_once(database, scene, acts):
    with database.transaction() as session:
        rider = scene.person(session)
        people = [rider, *(scene.person(session) for _ in range(4))]
        report_id = scene.report(session, rider).id

    pending = []
    for moment, act in enumerate(acts):
        # What they see is read now, and may be long out of date when they tap.
        with database.transaction() as session:
            seen = session.get(Report, report_id)
        pending.append((moment + act.delay, moment, act, seen))
    decisions = 0
    for _, _, act, seen in sorted(pending, key=lambda entry: entry[:2]):
        decisions += perform(database, scene, act, people[act.who], seen)

    with database.transaction() as session:
        check(session, scene, report_id, rider.id, decisions)


def perform(database, scene, act, person, seen):
    try:
        with database.transaction() as session:
            report = session.merge(seen, load=False)
            if act.verb == "join":
                reports.join(session, report=report, person=person)
                return 0
            if act.verb == "withdraw":
                if person.id != report.reporter_id:
                    return 0
                reports.withdraw(session, report=report)
            elif act.verb == "approve":
                approve(session, report, scene, reviewer=person.id)
            else:
                reject(session, report, scene, reviewer=person.id)
            return 1
    except Refusal:
        return 0


def check(session, scene, report_id, rider_id, decisions):
    report = session.get(Report, report_id)
    history = session.scalars(
        select(ReportEvent).where(ReportEvent.report_id == report_id).order_by(ReportEvent.id)
    ).all()
    moves = [event for event in history if event.from_state != event.to_state]

    assert decisions <= 1
    assert [move.to_state for move in moves] == ["submitted", report.state][: 1 + decisions]
    assert all(one.to_state == other.from_state for one, other in pairwise(moves))

    owed = scene.policy.points.grades[1] if report.state == State.APPROVED else 0
    assert ledger.balance(session, person_id=rider_id) == owed
    assert session.scalar(select(func.coalesce(func.sum(LedgerEntry.points), 0))) == 0

    if decisions and report.state != State.WITHDRAWN:
        joined_before = {event.actor_id for event in history if event.id < moves[-1].id}
        assert report.decided_by not in joined_before
