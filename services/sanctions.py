"""Warnings and bans: nobody is banned out of the blue, and every ban ends by itself.

Rows are only ever added; `Person.banned_until` is the short answer to whether a rider may report.
The rider's row is locked, so of two reviewers one waits for the other and sees what they did.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Person, Report, Sanction, clock
from models.people import SanctionKind
from models.policy import Policy
from services import people
from services.refusals import (
    Busy,
    ChiefLifts,
    NotBanned,
    NotForYou,
    NotWarnedYet,
    OwnCase,
    UnknownCode,
    WarnedAlready,
)
from services.reviewers import Reviewer
from services.upserts import insert_row

# An older warning does not count any more.
WARNED_FOR = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Record:
    """What was imposed on a rider.

    Attributes:
        warnings: those that still count.
        bans: all there ever were.
        banned_until: the end of the one that runs; None if none does.
    """

    warnings: int
    bans: int
    banned_until: datetime | None


def banned_until(person: Person) -> datetime | None:
    """When a rider may report again; None if they may now."""
    until = person.banned_until
    return until if until is not None and until > clock.now() else None


def record(session: Session, *, person_id: int) -> Record:
    """What was imposed on a rider so far.

    Args:
        session: the transaction.
        person_id: the rider.
    """
    person = people.find(session, person_id=person_id)
    bans = session.scalar(
        select(func.count()).where(
            Sanction.person_id == person_id, Sanction.kind == SanctionKind.BAN
        )
    )
    return Record(
        warnings=_warnings(session, person_id),
        bans=bans or 0,
        banned_until=None if person is None else banned_until(person),
    )


def warn(
    session: Session, *, person_id: int, reviewer: Reviewer, report: Report, reason: str
) -> None:
    """Warn a rider for a report of theirs, once.

    Args:
        session: the transaction.
        person_id: the rider.
        reviewer: who warns.
        report: what it is about.
        reason: why, as the rider reads it.

    Raises:
        OwnCase: it is the reviewer themselves.
        Busy: the rider is doing something at this very moment.
        WarnedAlready: somebody warned them for that report before.
    """
    _locked(session, person_id, reviewer)
    before = select(Sanction.id).where(
        Sanction.person_id == person_id,
        Sanction.report_id == report.id,
        Sanction.kind == SanctionKind.WARNING,
    )
    if session.scalar(before.limit(1)) is not None:
        raise WarnedAlready
    _add(
        session,
        kind=SanctionKind.WARNING,
        person_id=person_id,
        reviewer=reviewer,
        report=report,
        reason=reason,
    )


def ban(
    session: Session,
    *,
    person_id: int,
    reviewer: Reviewer,
    report: Report,
    days: int,
    reason: str,
    policy: Policy,
) -> datetime:
    """Take no reports of a rider for some days, once warnings did not help.

    Args:
        session: the transaction.
        person_id: the rider.
        reviewer: who bans; a chief need not wait for warnings.
        report: what it is about.
        days: how long, from now; one of the lengths the policy has.
        reason: why, as the rider reads it.
        policy: how many warnings come first, and the lengths.

    Returns:
        When the rider may report again: never sooner than before.

    Raises:
        OwnCase: it is the reviewer themselves.
        Busy: the rider is doing something at this very moment.
        UnknownCode: the policy has no such length.
        NotWarnedYet: there were too few warnings of late.
    """
    if days not in policy.review.ban_days:
        raise UnknownCode
    person = _locked(session, person_id, reviewer)
    require_warned(session, person_id=person_id, reviewer=reviewer, policy=policy)
    until = clock.now() + timedelta(days=days)
    _add(
        session,
        kind=SanctionKind.BAN,
        person_id=person_id,
        reviewer=reviewer,
        report=report,
        reason=reason,
        until=until,
    )
    person.banned_until = max(until, person.banned_until or until)
    session.flush()
    return person.banned_until


def require_warned(session: Session, *, person_id: int, reviewer: Reviewer, policy: Policy) -> None:
    """Stop a ban out of the blue; a chief may impose one.

    Raises:
        NotWarnedYet: there were too few warnings of late.
    """
    needed = policy.review.warnings_before_ban - _warnings(session, person_id)
    if needed > 0 and not reviewer.is_chief:
        raise NotWarnedYet(needed=needed)


def lift(
    session: Session,
    *,
    person_id: int,
    reviewer: Reviewer,
    report: Report | None,
    reason: str,
) -> None:
    """End a ban before its time.

    Args:
        session: the transaction.
        person_id: the rider.
        reviewer: who lifts it; a chief.
        report: what it is about, if it is about one.
        reason: why, for the record.

    Raises:
        ChiefLifts: they are no chief.
        OwnCase: it is the reviewer themselves.
        Busy: the rider is doing something at this very moment.
        NotBanned: there is nothing to lift.
    """
    if not reviewer.is_chief:
        raise ChiefLifts
    person = _locked(session, person_id, reviewer)
    if banned_until(person) is None:
        raise NotBanned
    _add(
        session,
        kind=SanctionKind.LIFTED,
        person_id=person_id,
        reviewer=reviewer,
        report=report,
        reason=reason,
    )
    person.banned_until = None
    session.flush()


def _locked(session: Session, person_id: int, reviewer: Reviewer) -> Person:
    if person_id == reviewer.id:
        raise OwnCase
    session.flush()
    # Who reports holds their own row and wants the report's; who reviews it is the other way round,
    # and does not wait.
    person = session.scalar(
        select(Person)
        .where(Person.id == person_id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if person is None and people.find(session, person_id=person_id) is None:
        # Who never wrote to us has nothing to answer for.
        raise NotForYou
    if person is None:
        raise Busy
    return person


def _warnings(session: Session, person_id: int) -> int:
    counted = select(func.count()).where(
        Sanction.person_id == person_id,
        Sanction.kind == SanctionKind.WARNING,
        Sanction.at > clock.now() - WARNED_FOR,
    )
    return session.scalar(counted) or 0


def _add(
    session: Session,
    *,
    kind: SanctionKind,
    person_id: int,
    reviewer: Reviewer,
    report: Report | None,
    reason: str,
    until: datetime | None = None,
) -> None:
    insert_row(
        session,
        model=Sanction,
        values={
            "person_id": person_id,
            "kind": kind,
            "report_id": None if report is None else report.id,
            "by_id": reviewer.id,
            "by_name": reviewer.name,
            "reason": reason,
            "at": clock.now(),
            "until": until,
        },
    )
