"""The desk as a whole: whatever three reviewers and two riders do, in whatever order.

Every act is a transaction of its own that locks the report and is committed, also where it was
refused, as the handlers have it. After each one the whole record is held to the rules.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from models import Person, Report, clock
from models.workflow import State
from services import appeals, claims, clarifications, corrections, reports, review
from services.refusals import Refusal
from services.reviewers import Reviewer
from tests import desk
from tests.desk import REPORTS, Record, Street, read
from tests.scene import NEXT_DOOR

# --- what they do: each gets the session, the locked report, and whatever they chose ---


def approve(street, session, report, choice):
    review.approve(
        session,
        report=report,
        reviewer=choice.reviewer,
        grade=1 + choice.number % 3,
        policy=street.policy,
        desk_size=len(street.reviewers),
    )


def reject(street, session, report, choice):
    review.reject(
        session,
        report=report,
        reviewer=choice.reviewer,
        reason=review.own_words("重复拍了同一处"),
        policy=street.policy,
        desk_size=len(street.reviewers),
    )


def merge(street, session, report, choice):
    into = street.numbers[choice.number % len(street.numbers)]
    review.merge(session, report=report, into=into, reviewer=choice.reviewer, policy=street.policy)


def undo(street, session, report, choice):
    review.undo(session, report=report, reviewer=choice.reviewer, policy=street.policy)


def hold(street, session, report, choice):
    review.hold(session, report=report, reviewer=choice.reviewer, reason="等城管回复")


def release(street, session, report, choice):
    review.release(session, report=report, reviewer=choice.reviewer)


def take(street, session, report, choice):
    claims.take(session, report=report, reviewer=choice.reviewer, policy=street.policy)


def give_back(street, session, report, choice):
    claims.release(session, report=report, reviewer=choice.reviewer)


def ask(street, session, report, choice):
    clarifications.ask(session, report=report, reviewer=choice.reviewer, text="在路的哪一侧？")


def recall(street, session, report, choice):
    clarifications.recall(session, report=report, reviewer=choice.reviewer)


def answer(street, session, report, choice):
    clarifications.answered(session, report=report)


def withdraw(street, session, report, choice):
    reports.withdraw(session, report=report)


def appeal(street, session, report, choice):
    appeals.appeal(session, report=report, text="照片里看得清楚", policy=street.policy)


def join(street, session, report, choice):
    person = session.get(Person, choice.person)
    reports.join(session, report=report, person=person)
    if person.id != report.reporter_id:
        street.joined.add((report.id, person.id))


def correct(street, session, report, choice):
    common = {"session": session, "report": report, "reviewer": choice.reviewer}
    match choice.number % 3:
        case 0:
            corrections.category(**common, code="light", policy=street.policy)
        case 1:
            corrections.district(**common, code="shanyao", districts=street.districts)
        case 2:
            corrections.pin(**common, place=NEXT_DOOR, districts=street.districts)


Verb = Callable[..., None]
Verbs = dict[str, tuple[Verb, ...]]
AT_THE_DESK = (approve, approve, approve, reject, reject, merge, merge, take, give_back, correct)
# What makes sense where; anything else is tried now and then, too.
LIKELY: Verbs = {
    State.SUBMITTED: (*AT_THE_DESK, ask, hold, withdraw),
    State.SECOND: (*AT_THE_DESK, undo, withdraw),
    State.DISPUTED: (*AT_THE_DESK, undo),
    State.ASKED: (recall, answer, correct),
    State.HELD: (release, merge),
    State.APPEALED: AT_THE_DESK,
    State.APPROVED: (undo,),
    State.REJECTED: (undo, appeal),
    State.DUPLICATE: (undo,),
    State.UNANSWERED: (answer,),
    State.WITHDRAWN: (undo,),
}
# Chains of duplicates come about only where little else does.
MERGING: Verbs = {
    State.SUBMITTED: (merge, merge, merge, join),
    State.DUPLICATE: (undo,),
}
EXAMPLES = 24
STEPS = 60
WAITS = [timedelta(minutes=1), timedelta(minutes=6), timedelta(minutes=11), timedelta(days=6)]


@dataclass(frozen=True)
class Choice:
    """Who does something, and to or with what."""

    reviewer: Reviewer
    person: int
    number: int


def let_time_pass(street: Street, by: timedelta) -> None:
    clock.advance(by)
    with street.database.transaction() as session:
        for report in claims.overdue(session):
            claims.end(session, report=report)
        for report in clarifications.overdue(session, policy=street.policy):
            clarifications.close(session, report=report)


def act(street: Street, verb: Verb, number: int, choice: Choice) -> Refusal | None:
    with street.database.transaction() as session:
        report = session.get(Report, number)
        reports.lock(session, report=report)
        try:
            verb(street, session, report, choice)
        except Refusal as refusal:
            return refusal
    return None


def likely_for(street: Street, record: Record, verb: Verb, number: int) -> list[Reviewer]:
    """Anybody; to undo something most often who did it."""
    last = record.moves(number)[-1].actor_id
    own = [one for one in street.reviewers if verb is undo and one.id == last]
    return own * 4 + street.reviewers


def step(street: Street, record: Record, chance: Random, verbs: Verbs) -> Record:
    """One thing happens, and is held to the rules."""
    if chance.random() < 0.1 and verbs is LIKELY:
        wait = chance.choice(WAITS)
        note(f"{wait} go by")
        let_time_pass(street, wait)
        after = read(street)
        desk.check(street, after)
        return after
    number = chance.choice(street.numbers)
    likely = verbs[record.reports[number].state]
    anything = tuple(dict.fromkeys(verb for some in verbs.values() for verb in some))
    verb = chance.choice(chance.choices((likely, (join,), anything), weights=(8, 1, 1))[0])
    choice = Choice(
        reviewer=chance.choice(likely_for(street, record, verb, number)),
        person=chance.choice(street.riders * 3 + street.everybody()),
        number=chance.randrange(12),
    )
    refused = act(street, verb, number, choice)
    who = f"{choice.reviewer.name}, {choice.person}, {choice.number}"
    note(f"#{number} {verb.__name__} ({who}): {type(refused).__name__ if refused else 'done'}")
    after = read(street)
    if refused is not None:
        assert after == record
        return after
    written = {
        which: after.events[which][len(record.events[which]) :]
        for which in street.numbers
        if after.events[which] != record.events[which]
    }
    silent = verb is give_back or (verb is join and after == record)
    assert silent or {which: len(events) for which, events in written.items()} == {number: 1}
    for which in street.numbers:
        # Nothing that was written down is ever changed.
        assert after.events[which][: len(record.events[which])] == record.events[which]
        assert after.bookings[which][: len(record.bookings[which])] == record.bookings[which]
    if written:
        desk.check_authority(street, record, after, number)
    desk.check(street, after)
    return after


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
# Of a true random: one drawn step by step does the simplest thing most of the time.
@given(chance=st.randoms(use_true_random=True))
@pytest.mark.usefixtures("midday")
def test_whatever_the_desk_does_the_record_is_whole(database, scene, policy, chance):
    drawn = chance.randrange(REPORTS)
    street = desk.a_street(database, scene, desk.strict(policy), drawn)
    record = read(street)
    for _ in range(STEPS):
        record = step(street, record, chance, LIKELY)
    desk.check_books(database)


@settings(
    max_examples=EXAMPLES // 2,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(chance=st.randoms(use_true_random=True))
@pytest.mark.usefixtures("midday")
def test_however_reports_are_merged_their_riders_follow(database, scene, policy, chance):
    street = desk.a_street(database, scene, policy, drawn=-1, count=5)
    record = read(street)
    for _ in range(STEPS // 2):
        record = step(street, record, chance, MERGING)
