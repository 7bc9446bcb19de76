"""The record: what happened to a report, who had a part in it, and reports found again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select, union_all
from sqlalchemy.orm import Session

from models import Chat, Membership, Person, Report, ReportEvent, Vote
from models.workflow import UNDECIDED_STATES, Actor, State
from services import chats, places, reports
from services.districts import Place

# Events on one page of a history, and reports on one page of what was found.
EVENTS = 10
FOUND = 8
# Nobody turns more pages than this; each looks as far as all before it.
LAST_PAGE = 24
# Of what lies around a named place, so many of the newest are looked at.
_MOST_AROUND = 2000
# So many questions are put in one statement; SQLite takes no more than 500.
_AT_ONCE = 100
# Where every reviewer may still be one of the two whose votes count, they read no vote.
_BLIND_STATES = UNDECIDED_STATES - {State.DISPUTED, State.APPEALED}


# --- what happened


def covers(desk: Chat, *, district: str) -> bool:
    """Whether a desk may look up reports of a district: the one for the rest, any."""
    return desk.districts is None or district in desk.districts


def shows_votes(report: Report) -> bool:
    """Whether what a reviewer voted may be told: not to those who may still have to vote."""
    return report.state not in _BLIND_STATES


def history(
    session: Session, *, report_id: int, page: int
) -> tuple[Sequence[ReportEvent], int, int]:
    """A page of what happened to a report, in the order it did.

    Args:
        session: the transaction.
        report_id: which report.
        page: from 0 on; a page too far gives the last.

    Returns:
        The events, which page they are, and how many pages there are.
    """
    of_report = ReportEvent.report_id == report_id
    count = session.scalar(select(func.count(ReportEvent.id)).where(of_report)) or 0
    pages = max(1, -(-count // EVENTS))
    page = min(max(page, 0), pages - 1)
    events = session.scalars(
        select(ReportEvent)
        .where(of_report)
        .order_by(ReportEvent.id)
        .offset(page * EVENTS)
        .limit(EVENTS)
    ).all()
    return events, page, pages


@dataclass(frozen=True, slots=True)
class Parties:
    """Who had a part in a report.

    Attributes:
        rider: whose report it is.
        joiners: the first of those who joined.
        joined: how many joined.
        reviewers: ids of those who did something at the desk, in the order they first did.
        chiefs: those of them who acted as chiefs.
    """

    rider: Person
    joiners: Sequence[Person]
    joined: int
    reviewers: Sequence[int]
    chiefs: frozenset[int]


# So many who joined are named; of the others only the number is told.
NAMED = 10


def parties(session: Session, *, report: Report) -> Parties:
    """Who had a part in a report."""
    joined = reports.joiners(session, report_id=report.id)
    named = session.scalars(select(Person).where(Person.id.in_(joined[:NAMED]))).all()
    acted = session.execute(
        select(ReportEvent.actor_id, ReportEvent.actor_role)
        .where(
            ReportEvent.report_id == report.id,
            ReportEvent.actor_role.in_((Actor.REVIEWER, Actor.CHIEF)),
            ReportEvent.actor_id.is_not(None),
        )
        .order_by(ReportEvent.id)
    ).all()
    return Parties(
        rider=session.get_one(Person, report.reporter_id),
        joiners=sorted(named, key=lambda person: joined.index(person.id)),
        joined=len(joined),
        reviewers=list(dict.fromkeys(row.actor_id for row in acted if row.actor_id is not None)),
        chiefs=frozenset(
            row.actor_id
            for row in acted
            if row.actor_id is not None and row.actor_role == Actor.CHIEF
        ),
    )


def riders(session: Session, *, person_ids: Iterable[int]) -> Mapping[int, Person]:
    """The rows of some people, by their ids."""
    wanted = set(person_ids)
    return {row.id: row for row in session.scalars(select(Person).where(Person.id.in_(wanted)))}


def reviewer_names(
    session: Session, *, person_ids: Iterable[int], report: Report | None = None
) -> dict[int, str]:
    """The names colleagues know reviewers by.

    Args:
        session: the transaction.
        person_ids: of whom.
        report: what they did something about; it remembers some who are in no desk any more.

    Returns:
        Names by id; who is not there has left nothing behind but an id.
    """
    wanted = set(person_ids)
    names: dict[int, str] = {}
    if report is not None:
        for vote in session.scalars(select(Vote).where(Vote.report_id == report.id)):
            names[vote.reviewer_id] = vote.reviewer_name
        if report.decided_by is not None and report.decided_by_name:
            names[report.decided_by] = report.decided_by_name
    desks = [desk.id for desk in chats.moderators(session)]
    found = select(Membership.person_id, Membership.name).where(
        Membership.chat_id.in_(desks), Membership.person_id.in_(wanted), Membership.name != ""
    )
    names |= {row.person_id: row.name for row in session.execute(found)}
    return {person_id: name for person_id, name in names.items() if person_id in wanted}


# --- found again


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: one of the three.

    Attributes:
        rider_id: whose reports.
        states: where they stand.
        districts: codes of the districts they lie in …
        near: … or named places they lie at.
    """

    rider_id: int | None = None
    states: frozenset[State] = frozenset()
    districts: tuple[str, ...] = ()
    near: tuple[Place, ...] = ()


def rider_called(session: Session, *, bird: int, number: int) -> Person | None:
    """Whoever goes by a pseudonym."""
    return session.scalar(select(Person).where(Person.bird == bird, Person.bird_number == number))


def search(
    session: Session, *, wanted: Wanted, districts: Sequence[str] | None, page: int
) -> tuple[Sequence[Report], bool]:
    """Find reports, the newest first.

    It asks a question for each part of an index that holds such reports in the order of their time,
    and takes no more of each than can be on the page: a million other reports make no difference.

    Args:
        session: the transaction.
        wanted: what is looked for.
        districts: where to look only; None: everywhere.
        page: from 0 to `LAST_PAGE`.

    Returns:
        The reports of the page, and whether there are more.
    """
    page = min(max(page, 0), LAST_PAGE)
    reach = (page + 1) * FOUND + 1
    rows: set[tuple[datetime, int]] = set()
    parts = _parts(wanted, districts)
    for first in range(0, len(parts), _AT_ONCE):
        each = [select(_newest(part, reach).subquery()) for part in parts[first : first + _AT_ONCE]]
        rows |= {(at, number) for number, at in session.execute(union_all(*each))}
    numbers = [number for _, number in sorted(rows, reverse=True)][page * FOUND : reach]
    found = {row.id: row for row in session.scalars(select(Report).where(Report.id.in_(numbers)))}
    return [found[number] for number in numbers[:FOUND]], len(numbers) > FOUND


def _newest(part: Select[int, datetime], count: int) -> Select[int, datetime]:
    return part.order_by(Report.created_at.desc(), Report.id.desc()).limit(count)


def _parts(wanted: Wanted, districts: Sequence[str] | None) -> list[Select[int, datetime]]:
    every = select(Report.id, Report.created_at)
    here = every if districts is None else every.where(Report.district.in_(districts))
    if wanted.rider_id is not None:
        return [here.where(Report.reporter_id == wanted.rider_id)]
    if wanted.states and districts is None:
        return [every.where(Report.state == state) for state in sorted(wanted.states)]
    inside = [code for code in wanted.districts if districts is None or code in districts]
    parts = [
        every.where(Report.district == code, Report.state == state)
        for code in (districts or () if wanted.states else inside)
        for state in sorted(wanted.states or State)
    ]
    if wanted.near:
        cells = {
            cell
            for place in wanted.near
            for cell in places.cells_around(place.latitude, place.longitude, reports.NEAR_PLACE_M)
        }
        around = _newest(every.where(Report.cell.in_(cells)), _MOST_AROUND).subquery()
        names = {place.name_zh for place in wanted.near}
        parts.append(
            here.join(around, Report.id == around.c.id).where(Report.place_name_zh.in_(names))
        )
    return parts
