"""Decisions: of any number at once one wins, and what it earns is paid once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from models import LedgerEntry, LedgerTransaction, Person, Report, ReportEvent, Role, clock
from models.workflow import State
from services import ledger, people, reports, review
from services.refusals import (
    AlreadyDecided,
    ChiefOnly,
    NothingSaid,
    NotYourDecision,
    OwnReport,
    Refusal,
    TooLateToUndo,
    UnknownCode,
    VotedBefore,
)
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
        assert ledger.balance(session, person_id=report.reporter_id).points == points
        (line,) = ledger.statement(session, person_id=report.reporter_id)
        assert (line.rule, line.report_id) == ("approval", report.id)
        terms = session.scalar(select(LedgerTransaction.terms))
        assert terms == {
            "grade": grade,
            "grades": [5, 10, 20],
            "fading": 1.0,
            "worth": points,
            "points": points,
            "less": [],
            "per_day": 100,
            "budget": 50_000,
            "month": "2026-11",
        }


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
        assert ledger.balance(session, person_id=report.reporter_id).points == 0


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
        assert ledger.balance(session, person_id=report.reporter_id).points == 0


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
        assert ledger.balance(session, person_id=report.reporter_id).points == 10
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
            paid = ledger.balance(session, person_id=report.reporter_id).points
            # They lie in one cell, so all after the first earn less.
            assert paid == (report.points if report.state == State.APPROVED else 0)
            assert (report.points or 10) in (10, 5, 3)


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

    approved = report.state == State.APPROVED
    # The examples share a cell, so all after the first earn less.
    owed = report.points if approved else 0
    assert owed in ((10, 5, 3) if approved else (0,))
    assert ledger.balance(session, person_id=rider_id).points == owed
    assert session.scalar(select(func.coalesce(func.sum(LedgerEntry.points), 0))) == 0

    if decisions and report.state != State.WITHDRAWN:
        joined_before = {event.actor_id for event in history if event.id < moves[-1].id}
        assert report.decided_by not in joined_before


# --- second eyes ---

LIN = Reviewer(7, "林", is_chief=False)
CHEN = Reviewer(8, "陈", is_chief=False)
WANG = Reviewer(9, "王", is_chief=True)


def eyes(scene, **told):
    """The shipped rules with other second eyes."""
    rule = scene.policy.review.second_eyes.model_copy(update={"first_reports": 0} | told)
    rules = scene.policy.review.model_copy(update={"second_eyes": rule})
    return scene.policy.model_copy(update={"review": rules})


def says(session, report, policy, reviewer, grade, *, desk_size=3):
    """A reviewer approves with a grade, or rejects where there is none."""
    common = {"session": session, "report": report, "reviewer": reviewer}
    common |= {"policy": policy, "desk_size": desk_size}
    if grade is None:
        review.reject(**common, reason=review.own_words("看不清"))
    else:
        review.approve(**common, grade=grade)


def vote_rows(session, report):
    return [
        (vote.reviewer_id, vote.verdict, vote.grade)
        for vote in review.votes(session, report_id=report.id)
    ]


def plain_report(session, scene, person=None):
    """One that no lot was drawn for."""
    report = scene.report(session, person)
    report.drawn = False
    session.flush()
    return report


@pytest.mark.parametrize(
    ("desk_size", "from_reviewers", "needed"),
    [(2, 3, False), (3, 3, True), (4, 3, True), (9, 0, False), (1, 1, True)],
)
def test_only_a_desk_large_enough_needs_two(database, scene, desk_size, from_reviewers, needed):
    policy = eyes(scene, from_reviewers=from_reviewers, first_reports=3)
    with database.transaction() as session:
        report = plain_report(session, scene)
        says(session, report, policy, LIN, 1, desk_size=desk_size)
        assert report.state == (State.SECOND if needed else State.APPROVED)
        assert vote_rows(session, report) == ([(7, "approve", 1)] if needed else [])


def test_the_first_reports_of_each_rider_need_two_and_later_ones_one(database, scene):
    policy = eyes(scene, first_reports=2)
    with database.transaction() as session:
        rider = scene.person(session)
        rows = [plain_report(session, scene, rider) for _ in range(3)]
        # In whatever order the desk takes them.
        for report in reversed(rows):
            says(session, report, policy, LIN, None)
        assert [report.state for report in rows] == ["second", "second", "rejected"]
        assert ledger.balance(session, person_id=rider.id).points == 0


def test_three_stars_need_two_and_fewer_one(database, scene):
    with database.transaction() as session:
        rows = [plain_report(session, scene) for _ in range(4)]
        for report, grade in zip(rows, (3, 2, 1, None), strict=True):
            says(session, report, eyes(scene), LIN, grade)
        states = [report.state for report in rows]
        assert states == ["second", "approved", "approved", "rejected"]
        unasked = plain_report(session, scene)
        says(session, unasked, eyes(scene, top_grade=False), LIN, 3)
        assert unasked.state == State.APPROVED


def test_what_was_drawn_by_lot_needs_two(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        report.drawn = True
        says(session, report, eyes(scene), LIN, None)
        assert report.state == State.SECOND


@pytest.mark.parametrize("grade", [1, 2, 3, None])
def test_two_who_agree_decide_and_both_are_named(database, scene, grade):
    with database.transaction() as session:
        report = scene.report(session)
        report.drawn = True
        says(session, report, eyes(scene), LIN, grade)
        assert (report.decided_by, report.points) == (None, None)
        assert ledger.balance(session, person_id=report.reporter_id).points == 0
        says(session, report, eyes(scene), CHEN, grade)
        assert report.state == (State.REJECTED if grade is None else State.APPROVED)
        assert (report.decided_by, report.decided_by_name) == (8, "林 + 陈")
        owed = 0 if grade is None else scene.policy.points.grades[grade - 1]
        assert ledger.balance(session, person_id=report.reporter_id).points == owed
        assert [who for who, _, _ in vote_rows(session, report)] == [7, 8]


@pytest.mark.parametrize(("first", "second"), [(3, 2), (1, None), (None, 1)])
def test_where_two_differ_a_chief_decides(database, scene, first, second):
    with database.transaction() as session:
        report = scene.report(session)
        report.drawn = True
        says(session, report, eyes(scene), LIN, first)
        says(session, report, eyes(scene), CHEN, second)
        assert report.state == State.DISPUTED
        for somebody in (LIN, CHEN, Reviewer(10, "赵", is_chief=False)):
            with pytest.raises(ChiefOnly):
                says(session, report, eyes(scene), somebody, 1)
        says(session, report, eyes(scene), WANG, 1)
        assert (report.state, report.decided_by_name) == (State.APPROVED, "王")
        assert len(vote_rows(session, report)) == 2


def test_nobody_votes_twice(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        report.drawn = True
        says(session, report, eyes(scene), WANG, 2)
        for grade in (2, 1, None):
            with pytest.raises(VotedBefore):
                says(session, report, eyes(scene), WANG, grade)
        assert (report.state, vote_rows(session, report)) == ("second", [(9, "approve", 2)])


def made_chief(session, scene):
    person = scene.person(session)
    session.add(Role(person_id=person.id, role=people.CHIEF, granted_at=clock.now()))
    session.flush()
    return Reviewer(person.id, "主管", is_chief=True)


def test_a_chief_who_voted_leaves_the_dispute_to_another_chief(database, scene):
    with database.transaction() as session:
        chief, other = made_chief(session, scene), made_chief(session, scene)
        report = scene.report(session)
        report.drawn = True
        says(session, report, eyes(scene), chief, 1)
        says(session, report, eyes(scene), LIN, None)
        with pytest.raises(VotedBefore):
            says(session, report, eyes(scene), chief, 1)
        says(session, report, eyes(scene), other, None)
        assert report.state == State.REJECTED


def test_the_only_chief_settles_a_dispute_of_their_own(database, scene):
    with database.transaction() as session:
        chief = made_chief(session, scene)
        report = scene.report(session)
        report.drawn = True
        says(session, report, eyes(scene), LIN, None)
        says(session, report, eyes(scene), chief, 1)
        says(session, report, eyes(scene), chief, 1)
        assert (report.state, report.decided_by) == (State.APPROVED, chief.id)


@pytest.mark.parametrize("party", ["rider", "joiner"])
def test_a_chief_whose_report_it_is_is_no_other_chief(database, scene, party):
    with database.transaction() as session:
        chief, involved = made_chief(session, scene), made_chief(session, scene)
        person = session.get(Person, involved.id)
        report = scene.report(session, person if party == "rider" else None)
        if party == "joiner":
            reports.join(session, report=report, person=person)
        report.drawn = True
        says(session, report, eyes(scene), LIN, None)
        says(session, report, eyes(scene), chief, 1)
        with pytest.raises(OwnReport):
            says(session, report, eyes(scene), involved, 1)
        says(session, report, eyes(scene), chief, 1)
        assert report.state == State.APPROVED


def test_a_vote_is_undone_by_who_cast_it_until_there_is_a_second(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        report.drawn = True
        says(session, report, eyes(scene), LIN, 1)
        with pytest.raises(NotYourDecision):
            undo(session, report, scene, CHEN)
        undo(session, report, scene, LIN)
        assert (report.state, vote_rows(session, report)) == ("submitted", [])
        says(session, report, eyes(scene), LIN, 1)
        says(session, report, eyes(scene), CHEN, None)
        for party in (LIN, CHEN):
            with pytest.raises(ChiefOnly):
                undo(session, report, scene, party)
        assert report.state == State.DISPUTED


def test_where_no_second_one_comes_a_chief_decides_alone(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        report.drawn = True
        says(session, report, eyes(scene), WANG, 1)
        with pytest.raises(VotedBefore):
            says(session, report, eyes(scene), WANG, 2)
        clock.advance(review.STUCK_AFTER)
        says(session, report, eyes(scene), WANG, 2)
        assert (report.state, report.grade) == (State.APPROVED, 2)


def test_a_vote_is_undone_for_ten_minutes(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        report.drawn = True
        says(session, report, eyes(scene), LIN, 1)
        clock.advance(timedelta(minutes=10, seconds=1))
        with pytest.raises(TooLateToUndo):
            undo(session, report, scene, LIN)
        assert report.state == State.SECOND


def test_undoing_what_two_agreed_on_leaves_the_first_vote(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        report.drawn = True
        says(session, report, eyes(scene), LIN, 2)
        says(session, report, eyes(scene), CHEN, 2)
        with pytest.raises(NotYourDecision):
            undo(session, report, scene, LIN)
        undo(session, report, scene, CHEN)
        assert (report.state, vote_rows(session, report)) == ("second", [(7, "approve", 2)])
        assert ledger.balance(session, person_id=report.reporter_id).points == 0


# --- undoing, holding ---


def undo(session, report, scene, reviewer=LIN):
    review.undo(session, report=report, reviewer=reviewer, policy=scene.policy)


def test_a_decision_is_undone_and_made_anew_and_paid_once(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        for grade in (1, 3, 2):
            approve(session, report, scene, grade=grade)
            clock.advance(timedelta(minutes=10))
            undo(session, report, scene)
            assert (report.state, report.points, report.decided_by) == ("submitted", None, None)
            assert ledger.balance(session, person_id=report.reporter_id).points == 0
        approve(session, report, scene, grade=2)
        assert ledger.balance(session, person_id=report.reporter_id).points == 10
        rules = session.scalars(select(LedgerTransaction.rule)).all()
        assert Counter(rules) == {"approval": 4, "reversal": 3}


def test_only_ones_own_and_only_for_ten_minutes(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        approve(session, report, scene)
        for somebody in (CHEN, WANG):
            with pytest.raises(NotYourDecision):
                undo(session, report, scene, somebody)
        clock.advance(timedelta(minutes=10, seconds=1))
        with pytest.raises(TooLateToUndo) as refused:
            undo(session, report, scene)
        assert (refused.value.minutes, report.state) == (10, "approved")
        assert ledger.balance(session, person_id=report.reporter_id).points == 10


def test_nothing_is_undone_that_is_not_decided(database, scene):
    decided = {State.APPROVED, State.REJECTED, State.DUPLICATE, State.SECOND, State.DISPUTED}
    with database.transaction() as session:
        for state in sorted(set(State) - decided):
            report = scene.report(session)
            report.state = state
            session.flush()
            with pytest.raises(AlreadyDecided) as refused:
                undo(session, report, scene)
            assert refused.value.state == report.state == state


def test_a_chief_no_more_does_not_reopen_a_dispute(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        report.drawn = True
        says(session, report, eyes(scene), LIN, 1)
        says(session, report, eyes(scene), CHEN, None)
        says(session, report, eyes(scene), WANG, 1)
        with pytest.raises(ChiefOnly):
            undo(session, report, scene, Reviewer(WANG.id, WANG.name, is_chief=False))
        undo(session, report, scene, WANG)
        assert (report.state, len(vote_rows(session, report))) == ("disputed", 2)


def test_on_hold_with_a_reason_and_taken_up_again(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        for blank in ("", " \n", "\u3000"):
            with pytest.raises(NothingSaid):
                review.hold(session, report=report, reviewer=LIN, reason=blank)
        review.hold(session, report=report, reviewer=LIN, reason=" 等回复 ")
        assert (report.state, report.held_because) == ("held", "等回复")
        for decide in (approve, reject):
            with pytest.raises(AlreadyDecided):
                decide(session, report, scene)
        review.release(session, report=report, reviewer=CHEN)
        assert (report.state, report.held_because) == ("submitted", None)
        with pytest.raises(AlreadyDecided):
            review.release(session, report=report, reviewer=CHEN)


def test_nobody_holds_or_releases_their_own(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        own = Reviewer(report.reporter_id, "自己", is_chief=True)
        with pytest.raises(OwnReport):
            review.hold(session, report=report, reviewer=own, reason="等回复")
        review.hold(session, report=report, reviewer=LIN, reason="等回复")
        with pytest.raises(OwnReport):
            review.release(session, report=report, reviewer=own)
        assert report.state == State.HELD


def test_only_what_waits_for_its_first_decision_is_held(database, scene):
    with database.transaction() as session:
        for state in sorted(set(State) - {State.SUBMITTED}):
            report = scene.report(session)
            report.state = state
            session.flush()
            with pytest.raises(AlreadyDecided):
                review.hold(session, report=report, reviewer=LIN, reason="等回复")
            assert report.held_because is None


def test_a_reason_in_own_words_needs_some_and_not_too_many(database, scene):
    for blank in ("", "  ", "\u3000\n"):
        with pytest.raises(NothingSaid):
            review.own_words(blank)
    reason = review.own_words(" " + "看" * 400)
    assert reason.zh == reason.en == "看" * review.MOST_CHARACTERS
    with database.transaction() as session:
        report = scene.report(session)
        review.reject(
            session, report=report, reviewer=LIN, reason=reason, policy=scene.policy, desk_size=1
        )
        assert (report.reject_reason, report.reason_text_en) == ("own_words", reason.en)
