"""What a rider reads of warnings and bans, and what a banned one may not do.

The desk speaks, none of its people: no reviewer is named to a rider.
"""

from datetime import datetime
from html import escape

from handlers.context import Turn
from handlers.seats import Seat
from handlers.views import View
from models import Person
from services import drafts, people, sanctions
from services.refusals import Banned


def require_may_report(turn: Turn) -> None:
    """Stop a banned rider from reporting; their draft lives through the ban.

    Args:
        turn: the transaction; its person is the rider.

    Raises:
        Banned: they may not for a while.
    """
    until = sanctions.banned_until(turn.me)
    if until is not None:
        raise Banned(until=until, draft_kept=_keep_draft(turn, turn.me, until))


def tell_warning(turn: Turn, person: Person, number: int, reason: str) -> None:
    """Tell a rider that the desk warns them.

    Args:
        turn: the transaction.
        person: the rider.
        number: of the report it is about.
        reason: what the reviewer wrote for them.
    """
    words = turn.words_of(person.language)
    text = words.tr(
        "The review desk asks you to mind this, about #{number}: {reason}\n"
        "This is a warning. Your reports and points stay as they are.",
        number=number,
        reason=reason,
    )
    turn.say(person.id, View(escape(text)))


def tell_ban(turn: Turn, person: Person, until: datetime, reason: str) -> None:
    """Tell a rider that no report of theirs is taken for a while; their draft lives through it.

    Args:
        turn: the transaction.
        person: the rider.
        until: when they may report again.
        reason: what the reviewer wrote for them.
    """
    words = turn.words_of(person.language)
    text = words.tr(
        "The review desk takes no reports from you until {day}, {clock}: {reason}\n"
        "Your reports and points stay as they are.",
        day=words.day(until),
        clock=words.clock(until),
        reason=reason,
    )
    _keep_draft(turn, person, until)
    turn.say(person.id, View(escape(text)))


def tell_lifted(turn: Turn, person: Person) -> None:
    """Tell a rider that their ban is over before its time.

    Args:
        turn: the transaction.
        person: the rider.
    """
    words = turn.words_of(person.language)
    turn.say(person.id, View(words.tr("You can report again. A photo starts a report.")))


def warn(seat: Seat, reason: str) -> None:
    """Warn the rider of a report, in a reviewer's words.

    Raises:
        Refusal: they may not, or it was done.
    """
    turn, rider = seat.turn, _rider(seat)
    sanctions.warn(
        turn.session,
        person_id=rider.id,
        reviewer=seat.reviewer,
        report=seat.report,
        reason=reason,
    )
    tell_warning(turn, rider, seat.report.id, reason)


def ban(seat: Seat, *, days: int, reason: str) -> None:
    """Ban the rider of a report for some days, in a reviewer's words.

    Raises:
        Refusal: they may not, or not yet.
    """
    turn, rider = seat.turn, _rider(seat)
    until = sanctions.ban(
        turn.session,
        person_id=rider.id,
        reviewer=seat.reviewer,
        report=seat.report,
        days=days,
        reason=reason,
        policy=turn.policy,
    )
    tell_ban(turn, rider, until, reason)


def lift(seat: Seat) -> None:
    """End the ban of a report's rider before its time.

    Raises:
        Refusal: they may not, or there is none.
    """
    turn, rider = seat.turn, _rider(seat)
    sanctions.lift(
        turn.session,
        person_id=rider.id,
        reviewer=seat.reviewer,
        report=seat.report,
        reason="lifted",
    )
    tell_lifted(turn, rider)


def _rider(seat: Seat) -> Person:
    rider = people.find(seat.turn.session, person_id=seat.report.reporter_id)
    assert rider is not None
    return rider


def _keep_draft(turn: Turn, person: Person, until: datetime) -> bool:
    draft = drafts.current(turn.session, person_id=person.id)
    if draft is not None:
        drafts.keep_through(draft, until=until, policy=turn.policy)
    return draft is not None
