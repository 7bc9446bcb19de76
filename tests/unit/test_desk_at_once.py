"""Two at the same moment at the desk: real threads, real transactions, locks as the handlers take.

On PostgreSQL each has locked what an update locks before either goes on, where the two locks do not
exclude each other; SQLite lets transactions in one by one, so there they can only start together.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from models import Person, Report, clock
from models.workflow import State
from services import appeals, claims, clarifications, people, reports, review
from services.refusals import (
    AlreadyDecided,
    Busy,
    ChiefOnly,
    Claimed,
    NoSuchReport,
    Refusal,
    VotedBefore,
)
from tests import desk

ROUNDS = 4
DONE = "done"


class Hand:
    """Somebody who acts on a report, the way an update does."""

    def __init__(
        self, who: int, number: int, does: Callable[[Session, Report], object], *, early: bool
    ) -> None:
        self.who, self.number, self.does, self.early = who, number, does, early

    def act(self, street: desk.Street, together: Barrier) -> Refusal | str:
        """Do it; what was refused, or `DONE`."""
        if street.database.is_sqlite or not self.early:
            together.wait(30)
        with street.database.transaction() as session:
            people.meet(session, person_id=self.who, language_code=None, policy=street.policy)
            report = session.get(Report, self.number)
            reports.lock(session, report=report)
            if self.early and not street.database.is_sqlite:
                together.wait(30)
            try:
                self.does(session, report)
            except Refusal as refusal:
                return refusal
        return DONE


def at_once(street: desk.Street, *hands: Hand) -> list[Refusal | str]:
    """All act at the same moment; what came of each, once the record is found to be whole."""
    together = Barrier(len(hands))
    with ThreadPoolExecutor(len(hands)) as threads:
        acts = [threads.submit(hand.act, street, together) for hand in hands]
        came = [act.result(timeout=60) for act in acts]
    desk.check(street, desk.read(street))
    desk.check_books(street.database)
    return came


def kinds(came: list[Refusal | str]) -> list[object]:
    return [one if one == DONE else type(one) for one in came]


@pytest.fixture
def make_street(database, scene, policy, midday) -> Callable[[], desk.Street]:
    """A new street each time: three reviewers, two riders; the first of each rider needs two."""
    return lambda: desk.a_street(database, scene, desk.strict(policy), drawn=desk.REPORTS)


def alone(street: desk.Street, number: int, does: Callable[[Session, Report], object]) -> None:
    """Before it all: somebody acts undisturbed."""
    with street.database.transaction() as session:
        does(session, session.get(Report, number))


def approving(street, who, *, grade=2):
    return lambda session, report: review.approve(
        session,
        report=report,
        reviewer=street.reviewers[who],
        grade=grade,
        policy=street.policy,
        desk_size=3,
    )


def rejecting(street, who):
    return lambda session, report: review.reject(
        session,
        report=report,
        reviewer=street.reviewers[who],
        reason=review.own_words("看不清"),
        policy=street.policy,
        desk_size=3,
    )


def merging(street, who, into):
    return lambda session, report: review.merge(
        session,
        report=report,
        into=into,
        reviewer=street.reviewers[who],
        policy=street.policy,
    )


def undoing(street, who):
    return lambda session, report: review.undo(
        session, report=report, reviewer=street.reviewers[who], policy=street.policy
    )


def hand(street, who, number, does, *, early=False):
    return Hand(street.reviewers[who].id, number, does, early=early)


def rider(street, which, number, does, *, early=False):
    return Hand(street.riders[which], number, does, early=early)


def withdrawing(session, report):
    reports.withdraw(session, report=report)


def state(street, number):
    return desk.read(street).reports[number].state


# The third report on a street is the second of its rider, so one reviewer decides on it alone.


def test_two_mergers_in_opposite_directions(make_street):
    for _ in range(ROUNDS):
        street = make_street()
        one, two, _ = street.numbers
        came = at_once(
            street,
            hand(street, 1, one, merging(street, 1, two), early=True),
            hand(street, 2, two, merging(street, 2, one), early=True),
        )
        assert set(kinds(came)) <= {DONE, Busy, NoSuchReport, AlreadyDecided}
        assert came.count(DONE) <= 1
        if DONE not in came:
            # Neither waited for the other; who taps again is served.
            alone(street, one, merging(street, 1, two))
        desk.check(street, desk.read(street))


def test_a_merger_into_what_is_being_merged_on(make_street):
    for _ in range(ROUNDS):
        street = make_street()
        one, two, three = street.numbers
        came = at_once(
            street,
            hand(street, 1, one, merging(street, 1, two), early=True),
            hand(street, 2, two, merging(street, 2, three), early=True),
        )
        assert came[1] == DONE or isinstance(came[1], Busy)
        assert isinstance(came[0], Busy | NoSuchReport) or came[0] == DONE


@pytest.mark.parametrize("decide", [approving, rejecting])
def test_a_merger_while_the_other_is_decided(make_street, decide):
    for _ in range(ROUNDS):
        street = make_street()
        one, _, three = street.numbers
        came = at_once(
            street,
            hand(street, 1, one, merging(street, 1, three), early=True),
            hand(street, 2, three, decide(street, 2), early=True),
        )
        # Who came second to the other's row was the one to give way, or both had their will.
        assert came[1] == DONE
        assert came[0] == DONE or isinstance(came[0], Busy | NoSuchReport)


def test_undoing_a_merger_while_the_other_is_merged_on(make_street):
    for _ in range(ROUNDS):
        street = make_street()
        one, two, three = street.numbers
        alone(street, one, merging(street, 1, two))
        came = at_once(
            street,
            hand(street, 1, one, undoing(street, 1), early=True),
            hand(street, 2, two, merging(street, 2, three), early=True),
        )
        assert DONE in came
        left = {refusal.__class__.__name__ for refusal in came if refusal != DONE}
        assert left <= {"Busy", "MovedOn"}


def test_undoing_against_a_second_decision(make_street):
    for _ in range(ROUNDS):
        street = make_street()
        number = street.numbers[2]
        alone(street, number, rejecting(street, 1))
        came = at_once(
            street,
            hand(street, 1, number, undoing(street, 1)),
            hand(street, 2, number, approving(street, 2)),
        )
        assert came[0] == DONE
        decided = came[1] == DONE
        assert decided or isinstance(came[1], AlreadyDecided)
        assert state(street, number) == (State.APPROVED if decided else State.SUBMITTED)


def test_undoing_twice_books_back_once(make_street):
    for _ in range(ROUNDS):
        street = make_street()
        number = street.numbers[2]
        alone(street, number, approving(street, 1))
        came = at_once(street, *[hand(street, 1, number, undoing(street, 1)) for _ in range(3)])
        assert sorted(map(str, kinds(came))) == sorted([DONE, *[str(AlreadyDecided)] * 2])
        assert state(street, number) == State.SUBMITTED


def test_an_appeal_against_undoing(make_street):
    for _ in range(ROUNDS):
        street = make_street()
        number = street.numbers[2]
        alone(street, number, rejecting(street, 1))
        came = at_once(
            street,
            rider(
                street,
                0,
                number,
                lambda session, report, street=street: appeals.appeal(
                    session, report=report, text="看得清", policy=street.policy
                ),
            ),
            hand(street, 1, number, undoing(street, 1)),
        )
        assert sorted(map(str, kinds(came))) == sorted([DONE, str(AlreadyDecided)])
        expected = State.APPEALED if came[0] == DONE else State.SUBMITTED
        assert state(street, number) == expected


def test_two_second_votes_that_differ(make_street):
    for _ in range(ROUNDS):
        street = make_street()
        number = street.numbers[0]
        alone(street, number, approving(street, 0))
        came = at_once(
            street,
            hand(street, 1, number, approving(street, 1)),
            hand(street, 2, number, rejecting(street, 2)),
        )
        if came[0] == DONE:
            assert kinds(came) == [DONE, AlreadyDecided]
            assert state(street, number) == State.APPROVED
        else:
            assert kinds(came) == [ChiefOnly, DONE]
            assert state(street, number) == State.DISPUTED


def test_the_same_reviewer_tapping_twice_votes_once(make_street):
    for _ in range(ROUNDS):
        street = make_street()
        number = street.numbers[0]
        came = at_once(street, *[hand(street, 1, number, approving(street, 1)) for _ in range(2)])
        assert sorted(map(str, kinds(came))) == sorted([DONE, str(VotedBefore)])
        assert [vote.reviewer_id for vote in desk.read(street).votes[number]] == [
            street.reviewers[1].id
        ]


def test_two_first_votes(make_street):
    for _ in range(ROUNDS):
        street = make_street()
        number = street.numbers[0]
        came = at_once(
            street,
            hand(street, 1, number, approving(street, 1)),
            hand(street, 2, number, approving(street, 2)),
        )
        assert came == [DONE, DONE]
        assert state(street, number) == State.APPROVED


def test_two_claims(make_street):
    for _ in range(ROUNDS):
        street = make_street()
        number = street.numbers[0]
        came = at_once(
            street,
            *[
                hand(
                    street,
                    who,
                    number,
                    lambda session, report, who=who, street=street: claims.take(
                        session,
                        report=report,
                        reviewer=street.reviewers[who],
                        policy=street.policy,
                    ),
                )
                for who in (1, 2)
            ],
        )
        assert sorted(map(str, kinds(came))) == sorted([DONE, str(Claimed)])
        winner = street.reviewers[1 + came.index(DONE)]
        assert desk.read(street).reports[number].claimed_by == winner.id


@pytest.mark.parametrize("decide", ["approve", "vote", "merge"])
def test_withdrawing_against_a_decision(make_street, decide):
    for _ in range(ROUNDS):
        street = make_street()
        number = street.numbers[0 if decide == "vote" else 2]
        does = approving(street, 1)
        if decide == "merge":
            does = merging(street, 1, street.numbers[1])
        came = at_once(
            street,
            rider(street, 0, number, withdrawing),
            hand(street, 1, number, does),
        )
        assert DONE in came
        if came[0] == DONE:
            assert state(street, number) == State.WITHDRAWN
        else:
            assert kinds(came) == [AlreadyDecided, DONE]
            assert decide != "vote"


@pytest.mark.parametrize("which", ["duplicate", "other"])
def test_joining_against_merging(make_street, which):
    for _ in range(ROUNDS):
        street = make_street()
        one, _, three = street.numbers
        number = one if which == "duplicate" else three
        newcomer = street.riders[1]

        def join(session, report, street=street, newcomer=newcomer):
            reports.join(session, report=report, person=session.get(Person, newcomer))
            street.joined.add((report.id, newcomer))

        came = at_once(
            street,
            rider(street, 1, number, join),
            hand(street, 1, one, merging(street, 1, three)),
        )
        assert came[0] == DONE or isinstance(came[0], AlreadyDecided)
        follows = {which for which, who in street.joined if who == newcomer}
        if came[0] == DONE and came[1] == DONE:
            assert follows == {number}
            assert newcomer in desk.read(street).joiners_of(three)


def test_an_answer_against_closing(make_street):
    for _ in range(ROUNDS):
        street = make_street()
        number = street.numbers[2]
        alone(
            street,
            number,
            lambda session, report, street=street: clarifications.ask(
                session, report=report, reviewer=street.reviewers[1], text="在哪？"
            ),
        )
        clock.advance(timedelta(days=6))
        together = Barrier(2)

        def close(street=street, together=together):
            together.wait(30)
            with street.database.transaction() as session:
                due = clarifications.overdue(session, policy=street.policy)
                for report in due:
                    clarifications.close(session, report=report)
                return len(due)

        answer = rider(
            street,
            0,
            number,
            lambda session, report: clarifications.answered(session, report=report),
        )
        with ThreadPoolExecutor(2) as threads:
            closed, answered = (
                threads.submit(close),
                threads.submit(answer.act, street, together),
            )
            assert answered.result(60) == DONE
            assert closed.result(60) <= 1
        desk.check(street, desk.read(street))
        assert state(street, number) == State.SUBMITTED


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_merger_waits_for_nothing_its_riders_do(database, make_street):
    """A rider who waits for a report would else wait for whoever waits for the rider."""
    street = make_street()
    one, two, _ = street.numbers
    with database.transaction() as theirs, database.transaction() as ours:
        people.meet(theirs, person_id=street.riders[0], language_code=None, policy=street.policy)
        ours.execute(text("SET LOCAL lock_timeout = '2s'"))
        report = ours.get(Report, one)
        reports.lock(ours, report=report)
        merging(street, 1, two)(ours, report)
    assert state(street, one) == State.DUPLICATE
    assert desk.read(street).joiners_of(two) == [street.riders[0]]
