"""What is written down about a few reports, and the rules all of it is held to."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select

from models import (
    Account,
    Joiner,
    LedgerEntry,
    LedgerTransaction,
    Person,
    Report,
    ReportEvent,
    Role,
    Vote,
    clock,
)
from models.policy import Policy
from models.workflow import DECIDED_STATES, DESK_STATES, TRANSITIONS, Actor, State
from services import ledger, people, review
from services.reviewers import Reviewer
from tests.scene import HERE

REPORTS = 3
ALLOWED = {(step.name, step.source, step.target): step.actor for step in TRANSITIONS}
MOVES = {step.name for step in TRANSITIONS}
SIT = {Actor.REVIEWER: {"reviewer", "chief"}}


@dataclass
class Street:
    """Who and what an example is about.

    Attributes:
        reviewers: three, the first of them a chief.
        riders: two; every other report is of the same one.
        joined: who chose to follow which report by themselves.
    """

    database: Any
    policy: Policy
    districts: Any
    reviewers: list[Reviewer]
    riders: list[int]
    numbers: list[int]
    joined: set[tuple[int, int]] = field(default_factory=set)

    def everybody(self) -> list[int]:
        return [*self.riders, *(reviewer.id for reviewer in self.reviewers)]


def a_street(database, scene, policy: Policy, drawn: int, *, count: int = REPORTS) -> Street:
    with database.transaction() as session:
        # Of the examples before.
        session.execute(delete(Role))
        chief, *others = [scene.person(session).id for _ in range(3)]
        riders = [scene.person(session).id for _ in range(2)]
        session.add(Role(person_id=chief, role=people.CHIEF, granted_at=clock.now()))
        numbers = []
        for place in range(count):
            rider = session.get(Person, riders[place % 2])
            report = scene.report(session, rider, place=HERE, pictures=1)
            report.drawn = place == drawn
            numbers.append(report.id)
    reviewers = [Reviewer(chief, "王主管", is_chief=True)]
    reviewers += [
        Reviewer(who, name, is_chief=False) for who, name in zip(others, "林陈", strict=True)
    ]
    return Street(database, policy, scene.districts, reviewers, riders, numbers)


def strict(policy: Policy) -> Policy:
    """Two have to agree on the first report of each rider, on three stars, and on what is drawn."""
    eyes = policy.review.second_eyes.model_copy(update={"from_reviewers": 3, "first_reports": 1})
    rules = policy.review.model_copy(update={"second_eyes": eyes})
    return policy.model_copy(update={"review": rules})


# --- the record ---


@dataclass
class Record:
    """All that is written down about the reports of an example."""

    reports: dict[int, Any]
    events: dict[int, list[Any]]
    votes: dict[int, list[Any]]
    joiners: dict[int, list[Any]]
    bookings: dict[int, list[Any]]
    balances: dict[int, int]

    def joiners_of(self, number: int) -> list[int]:
        return [row.person_id for row in self.joiners[number]]

    def moves(self, number: int) -> list[Any]:
        return [event for event in self.events[number] if event.kind in MOVES]


def read(street: Street) -> Record:
    def by_report(session, model):
        table = model.__table__
        found: dict[int, list[Any]] = {number: [] for number in street.numbers}
        rows = select(table).where(table.c.report_id.in_(street.numbers)).order_by(table.c.id)
        for row in session.execute(rows):
            found[row.report_id].append(row)
        return found

    with street.database.transaction() as session:
        table = Report.__table__
        rows = session.execute(select(table).where(table.c.id.in_(street.numbers)))
        return Record(
            reports={row.id: row for row in rows},
            events=by_report(session, ReportEvent),
            votes=by_report(session, Vote),
            joiners=by_report(session, Joiner),
            bookings=by_report(session, LedgerTransaction),
            balances=dict(
                session.execute(
                    select(Account.owner_id, func.sum(LedgerEntry.points))
                    .join(LedgerEntry, LedgerEntry.account_id == Account.id)
                    .where(Account.owner_id.in_(street.everybody()))
                    .group_by(Account.owner_id)
                ).all()
            ),
        )


# --- the rules ---


def check_path(record: Record, number: int) -> None:
    """The history leads without a gap, by allowed moves only, to where the report stands."""
    report, at = record.reports[number], None
    for event in record.events[number]:
        assert event.from_state == at
        if event.kind in MOVES:
            step = (event.kind, event.from_state, event.to_state)
            role = ALLOWED[step]
            assert event.actor_role in SIT.get(role, {role})
        else:
            assert event.to_state == at
        at = event.to_state
    assert at == report.state
    standing = []
    for move in record.moves(number):
        if move.kind not in ("undone", "vote_undone"):
            standing.append(move)
            continue
        taken_back = standing.pop()
        assert move.actor_id == taken_back.actor_id
        assert (move.from_state, move.to_state) == (taken_back.to_state, taken_back.from_state)
        assert move.at <= taken_back.at + timedelta(minutes=10)


def check_money(record: Record, number: int) -> None:
    """What was decided is paid, once, and what was undone is booked back."""
    report, rules = record.reports[number], Counter()
    for booking in record.bookings[number]:
        rules[booking.rule] += 1
    kinds = Counter(event.kind for event in record.events[number])
    undone = sum(
        (event.kind, event.from_state) == ("undone", State.APPROVED)
        for event in record.events[number]
    )
    assert rules[ledger.APPROVAL] == kinds["approved"]
    taken_back = [one for one in record.bookings[number] if one.rule == ledger.REVERSAL]
    assert sum(one.terms["of"] == ledger.APPROVAL for one in taken_back) == undone
    assert rules[ledger.APPROVAL] - undone == (report.state == State.APPROVED)
    assert (report.points is not None) == (report.state == State.APPROVED)


def check_votes(record: Record, number: int) -> None:
    """A vote stands as long as it is not undone, and nobody has two."""
    votes = 0
    for event in record.moves(number):
        match event.kind, event.from_state, event.to_state:
            case (("voted" | "disputed"), _, _) | (("approved" | "rejected"), State.SECOND, _):
                votes += 1
            case ("vote_undone", _, _) | (
                "undone",
                (State.APPROVED | State.REJECTED),
                State.SECOND,
            ):
                votes -= 1
    cast = [vote.reviewer_id for vote in record.votes[number]]
    assert len(cast) == len(set(cast)) == votes
    expected = {State.SUBMITTED: 0, State.ASKED: 0, State.HELD: 0, State.UNANSWERED: 0}
    expected |= {State.SECOND: 1, State.DISPUTED: 2}
    assert votes == expected.get(record.reports[number].state, votes)
    assert votes <= 2


def check_decision(record: Record, number: int) -> None:
    """The row tells of a decision exactly where one stands."""
    report = record.reports[number]
    if report.state in DECIDED_STATES:
        last = record.moves(number)[-1]
        assert (report.decided_by, report.decided_from) == (last.actor_id, last.from_state)
        assert report.decided_at == last.at
    if report.state not in DECIDED_STATES | {State.APPEALED, State.WITHDRAWN}:
        assert report.decided_by is None
    if report.claimed_by is not None:
        assert report.state in DESK_STATES
    assert (report.claimed_by is None) == (report.claimed_until is None)


def check_duplicates(street: Street, record: Record) -> None:
    """No chain forms, and the riders of all that was merged follow the report it is one with."""
    below = defaultdict(list)
    for report in record.reports.values():
        assert (report.state == State.DUPLICATE) == (report.duplicate_of is not None)
        assert (report.duplicate_of is None) == (report.merged_into is None)
        if report.merged_into is not None:
            below[report.merged_into].append(report.id)
            top = report.merged_into
            while record.reports[top].merged_into is not None:
                top = record.reports[top].merged_into
            assert report.duplicate_of == top
            assert record.reports[top].duplicate_of is None

    def followers(number: int) -> set[int]:
        found = {who for which, who in street.joined if which == number}
        for child in below[number]:
            found |= {record.reports[child].reporter_id} | followers(child)
        return found - {record.reports[number].reporter_id}

    for number in street.numbers:
        joiners = record.joiners_of(number)
        assert sorted(joiners) == sorted(followers(number))


def rounded(points: float) -> int:
    return max(1, int(points + 0.5))


def check_balances(street: Street, record: Record) -> None:
    owed = Counter()
    rules = street.policy.points
    for number, report in record.reports.items():
        if report.state != State.APPROVED:
            continue
        approval = [one for one in record.bookings[number] if one.rule == ledger.APPROVAL][-1]
        worth, full = approval.terms["worth"], rules.grades[report.grade - 1]
        assert worth in {rounded(full * share) for share in rules.fading}
        assert report.points == approval.terms["points"] == worth
        owed[report.reporter_id] += worth
        approved = max(one.id for one in record.events[number] if one.kind == "approved")
        early = {
            one.actor_id
            for one in record.events[number]
            if one.kind == "joined" and one.id < approved
        }
        for joiner in record.joiners[number]:
            if joiner.merged_from is not None or joiner.person_id in early:
                owed[joiner.person_id] += rounded(worth * rules.joiner_share)
    assert {who: points for who, points in record.balances.items() if points} == owed


def check_authority(street: Street, before: Record, after: Record, number: int) -> None:
    """Who has just acted had a say in it."""
    event = after.events[number][-1]
    sits = {reviewer.id for reviewer in street.reviewers}
    report, voters = before.reports[number], {vote.reviewer_id for vote in before.votes[number]}
    if event.actor_role in ("reviewer", "chief"):
        assert event.actor_id in sits
        held = report.claimed_until is not None and report.claimed_until > event.at
        if held and event.kind not in ("undone", "vote_undone", "claimed"):
            assert event.actor_id == report.claimed_by
        if held and event.kind == "claimed" and event.actor_role == "reviewer":
            assert event.actor_id == report.claimed_by
    if event.kind in ("approved", "rejected", "merged", "voted", "disputed", "asked", "held"):
        touched = [number]
        touched += [after.reports[number].duplicate_of] if event.kind == "merged" else []
        for which in touched:
            assert event.actor_id != before.reports[which].reporter_id
            assert event.actor_id not in before.joiners_of(which)
        match report.state:
            case State.SECOND:
                assert event.actor_id not in voters
            case State.DISPUTED:
                # The only chief there is may have been one of the two.
                assert event.actor_id not in voters or event.actor_role == "chief"
            case State.APPEALED:
                moves = before.moves(number)
                appeal = next(i for i, move in enumerate(moves) if move.kind == "appealed")
                assert moves[appeal - 1].kind == "rejected"
                # Unless nobody else came for so long that a chief has to.
                if (
                    event.actor_role != Actor.CHIEF
                    or event.at < moves[appeal].at + review.STUCK_AFTER
                ):
                    assert event.actor_id != moves[appeal - 1].actor_id
                    assert event.actor_id not in voters | {report.appealed_against}
    if event.kind in ("approved", "rejected") and report.state == State.SUBMITTED:
        first = report.id == min(
            one.id for one in before.reports.values() if one.reporter_id == report.reporter_id
        )
        assert not first
        assert not report.drawn
        assert after.reports[number].grade != 3


def check(street: Street, record: Record) -> None:
    for number in street.numbers:
        check_path(record, number)
        check_money(record, number)
        check_votes(record, number)
        check_decision(record, number)
    check_duplicates(street, record)
    check_balances(street, record)


def check_books(database) -> None:
    """Every booking has two sides; nobody but riders is ever paid."""
    with database.transaction() as session:
        uneven = (
            select(LedgerEntry.transaction_id)
            .group_by(LedgerEntry.transaction_id)
            .having((func.sum(LedgerEntry.points) != 0) | (func.count() != 2))
        )
        assert session.scalars(uneven).all() == []
        assert session.scalar(select(func.sum(LedgerEntry.points))) in (None, 0)
        kinds = set(session.scalars(select(Account.kind)))
        assert kinds <= {"rider", "programme"}
