"""How a desk decides: how much, how fast, and how often somebody else saw it differently."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Report, ReportEvent, clock
from models.reports import Verdict
from models.workflow import DESK_STATES, State

_DECISIONS = {"approved": State.APPROVED, "rejected": State.REJECTED, "merged": State.DUPLICATE}
_VOTES = ("voted", "disputed")
_TAKEN_BACK = ("undone", "vote_undone")
_TOLD = (*_DECISIONS, *_VOTES, *_TAKEN_BACK)
# Events are written in the order of their numbers, but for what several wrote at the same moment.
_SLACK = timedelta(minutes=10)
# About so many reports is asked in one statement.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Pace:
    """What a desk did within some days.

    Attributes:
        days: how many.
        decisions: made and not taken back by who made them.
        median: the usual time from a report to its first decision; None: there was none.
        p90: nine out of ten got it within this time.
    """

    days: int
    decisions: int
    median: timedelta | None
    p90: timedelta | None


@dataclass(frozen=True, slots=True)
class Judged:
    """How a reviewer's word stood.

    Attributes:
        reviewer_id: whose.
        given: decisions and votes of theirs that they did not take back.
        overturned: those of them somebody else undid, that fell on appeal, or that lost a dispute.
    """

    reviewer_id: int
    given: int
    overturned: int

    @property
    def share(self) -> float:
        """The overturned part, from 0 to 1."""
        return self.overturned / self.given


@dataclass(frozen=True, slots=True)
class Quality:
    """How a desk is doing.

    Attributes:
        paces: for each number of days asked for.
        reviewers: over the longest of them; who gave most comes first.
        waiting: how many reports wait for the desk.
        oldest: when the oldest of them was made.
    """

    paces: Sequence[Pace]
    reviewers: Sequence[Judged]
    waiting: int
    oldest: datetime | None


def of_desk(
    session: Session, *, districts: Sequence[str] | None, days: Sequence[int] = (7, 30)
) -> Quality:
    """Look at what a desk did lately and what waits for it.

    Args:
        session: the transaction.
        districts: whose reports count; None: all.
        days: over how many days to look; the longest tells about the reviewers.

    Returns:
        The figures.
    """
    now = clock.now()
    since = now - timedelta(days=max(days))
    first_id = _first_since(session, since - _SLACK)
    tally = _Tally()
    for event in _events(session, since=since, first_id=first_id, districts=districts):
        tally.take(event)
    old = [number for number, event in tally.firsts.items() if event.made_at < since]
    for number in _decided_before(session, report_ids=old, moment=since):
        del tally.firsts[number]
    waiting, oldest = _waiting(session, districts)
    return Quality(
        paces=[_pace(tally, days=count, now=now) for count in days],
        reviewers=_by_reviewer([*tally.decisions, *tally.votes]),
        waiting=waiting,
        oldest=oldest,
    )


@dataclass(slots=True, eq=False)
class _Said:
    """A decision or a vote.

    Attributes:
        by: whose.
        at: when.
        target: what for.
        taken_back: by who said it, so it counts for nothing.
        overturned: somebody else saw to it that it does not hold.
        overturns: what no longer holds because of it.
    """

    by: int
    at: datetime
    target: State
    taken_back: bool = False
    overturned: bool = False
    overturns: list["_Said"] = field(default_factory=list)

    def stand_down(self) -> None:
        """Taken back: what it overturned holds again."""
        for said in self.overturns:
            said.overturned = False
        self.overturns.clear()


@dataclass(frozen=True, slots=True)
class _Event:
    """What counts of an event.

    Attributes:
        report_id: of which report.
        at: when.
        actor_id: who.
        kind: what.
        from_state: where the report stood.
        reason: why; of a vote, what for.
        made_at: when the report was made.
    """

    report_id: int
    at: datetime
    actor_id: int | None
    kind: str
    from_state: str | None
    reason: str | None
    made_at: datetime


def _events(
    session: Session, *, since: datetime, first_id: int, districts: Sequence[str] | None
) -> Iterable[_Event]:
    statement = (
        select(
            ReportEvent.report_id,
            ReportEvent.at,
            ReportEvent.actor_id,
            ReportEvent.kind,
            ReportEvent.from_state,
            ReportEvent.reason,
            Report.created_at,
        )
        .join(Report, Report.id == ReportEvent.report_id)
        .where(
            ReportEvent.id >= first_id,
            ReportEvent.at >= since,
            ReportEvent.kind.in_(_TOLD),
        )
        .order_by(ReportEvent.id)
    )
    if districts is not None:
        statement = statement.where(Report.district.in_(districts))
    for row in session.execute(statement):
        yield _Event(*row)


def _decided_before(
    session: Session, *, report_ids: Sequence[int], moment: datetime
) -> Iterable[int]:
    """Those of some reports on which a decision was made before a moment."""
    for at in range(0, len(report_ids), _AT_ONCE):
        yield from session.scalars(
            select(ReportEvent.report_id)
            .where(
                ReportEvent.report_id.in_(report_ids[at : at + _AT_ONCE]),
                ReportEvent.at < moment,
                ReportEvent.kind.in_(_DECISIONS),
            )
            .distinct()
        )


def _first_since(session: Session, moment: datetime) -> int:
    """The number of the first event since a moment, found by halving: no index knows their time."""
    low, high = 1, (session.scalar(select(func.max(ReportEvent.id))) or 0) + 1
    while low < high:
        middle = (low + high) // 2
        # Numbers may be missing: those of transactions that came to nothing.
        found = session.execute(
            select(ReportEvent.id, ReportEvent.at)
            .where(ReportEvent.id >= middle)
            .order_by(ReportEvent.id)
            .limit(1)
        ).one()
        if found.at < moment:
            low = found.id + 1
        else:
            high = middle
    return low


class _Tally:
    """What was said about reports, and what of it holds."""

    def __init__(self) -> None:
        self.decisions: list[_Said] = []
        self.votes: list[_Said] = []
        # By report, the first decision on it.
        self.firsts: dict[int, _Event] = {}
        # Of each report, what stands of late.
        self._decided: dict[int, list[_Said]] = {}
        self._voted: dict[int, list[_Said]] = {}

    def take(self, event: _Event) -> None:
        """Take in the next event."""
        if event.actor_id is None:
            return
        if event.kind in _DECISIONS:
            self._decide(event, event.actor_id)
        elif event.kind in _VOTES:
            target = _voted_for(event.reason)
            if target is not None:
                vote = _Said(event.actor_id, event.at, target)
                self.votes.append(vote)
                self._voted.setdefault(event.report_id, []).append(vote)
        elif event.kind == "undone":
            _take_back(self._decided.get(event.report_id), event.actor_id)
        else:
            _take_back(self._voted.get(event.report_id), event.actor_id)

    def _decide(self, event: _Event, by: int) -> None:
        said = _Said(by, event.at, _DECISIONS[event.kind])
        self.firsts.setdefault(event.report_id, event)
        stood = self._decided.setdefault(event.report_id, [])
        lost: list[_Said] = []
        if event.from_state == State.APPEALED:
            lost = stood[-1:]
        elif event.from_state == State.DISPUTED and said.target is not State.DUPLICATE:
            lost = self._voted.get(event.report_id, [])
        for other in lost:
            if other.target is not said.target and other.by != by:
                other.overturned = True
                said.overturns.append(other)
        stood.append(said)
        self.decisions.append(said)


def _take_back(stood: list[_Said] | None, by: int) -> None:
    if not stood:
        # It was said before the days that are looked at.
        return
    last = stood.pop()
    last.stand_down()
    if last.by == by:
        last.taken_back = True
    else:
        last.overturned = True


def _voted_for(reason: str | None) -> State | None:
    """What a vote was for: its event says `approve:2` or `reject`."""
    match (reason or "").partition(":")[0]:
        case Verdict.APPROVE:
            return State.APPROVED
        case Verdict.REJECT:
            return State.REJECTED
    return None


def _pace(tally: _Tally, *, days: int, now: datetime) -> Pace:
    since = now - timedelta(days=days)
    firsts = tally.firsts.values()
    waits = sorted(event.at - event.made_at for event in firsts if event.at >= since)
    seconds = median(wait.total_seconds() for wait in waits) if waits else 0.0
    return Pace(
        days=days,
        decisions=sum(not said.taken_back for said in tally.decisions if said.at >= since),
        median=timedelta(seconds=seconds) if waits else None,
        p90=waits[math.ceil(0.9 * len(waits)) - 1] if waits else None,
    )


def _by_reviewer(said: Iterable[_Said]) -> list[Judged]:
    counts: dict[int, list[int]] = {}
    for one in said:
        if one.taken_back:
            continue
        count = counts.setdefault(one.by, [0, 0])
        count[0] += 1
        count[1] += one.overturned
    judged = [Judged(by, given, overturned) for by, (given, overturned) in counts.items()]
    return sorted(judged, key=lambda one: (-one.given, one.reviewer_id))


def _waiting(session: Session, districts: Sequence[str] | None) -> tuple[int, datetime | None]:
    statement = select(func.count(Report.id), func.min(Report.created_at)).where(
        Report.state.in_(DESK_STATES)
    )
    if districts is not None:
        statement = statement.where(Report.district.in_(districts))
    waiting, oldest = session.execute(statement).one()
    return waiting, oldest
