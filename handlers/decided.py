"""What follows when a report moves on, by a tap or a reply: everybody it concerns is told."""

from handlers import cards, receipts, sanctions
from handlers.context import Turn
from handlers.seats import Seat
from locales import Words
from models import Report
from models.workflow import State
from services import clarifications, merges, people, reports, review
from services.prompts import PromptKind
from services.refusals import NothingSaid


def tell(seat: Seat) -> str | None:
    """Show a report's new state to the desk and to the riders it concerns.

    Returns:
        What to say to the reviewer for a moment; None if the card says it all.
    """
    turn, report = seat.turn, seat.report
    cards.refresh_review_cards(turn, report)
    match report.state:
        case State.SECOND | State.DISPUTED:
            # Riders hear of decisions, not of votes.
            return seat.words.tr("Your vote counts. A colleague decides with you.")
        case State.ASKED:
            receipts.ask(turn, report)
        case State.DUPLICATE if report.duplicate_of is not None:
            receipts.tell_riders(turn, report)
            other = reports.get(turn.session, report_id=report.duplicate_of)
            if other is not None:
                cards.refresh_review_cards(turn, other)
        case _:
            receipts.tell_riders(turn, report)
    return None


def let_go(turn: Turn, report: Report) -> None:
    """A report will not be decided any more: what was merged into it is dealt by itself again."""
    for again in merges.let_go(turn.session, report=report):
        receipts.tell_riders(turn, again)
        cards.redeal(turn, again)


def rider_words(seat: Seat) -> Words:
    """The language of the rider whose report it is."""
    rider = people.find(seat.turn.session, person_id=seat.report.reporter_id)
    return seat.turn.words_of(rider.language if rider else None)


def use_words(seat: Seat, kind: PromptKind, text: str, *, days: str = "") -> str | None:
    """Do with a reviewer's words what they are for.

    Args:
        seat: who wrote them, about which report.
        kind: to ask, to reject, to hold, to warn or to ban.
        text: the words.
        days: of a ban.

    Returns:
        What to say to the reviewer; None if the card says it all.

    Raises:
        Refusal: as for the button.
    """
    session, report, reviewer = seat.turn.session, seat.report, seat.reviewer
    if not text.strip():
        raise NothingSaid
    match kind:
        case PromptKind.ASK:
            clarifications.ask(session, report=report, reviewer=reviewer, text=text.strip())
        case PromptKind.REJECT:
            review.reject(
                session,
                report=report,
                reviewer=reviewer,
                reason=review.own_words(text),
                policy=seat.turn.policy,
                desk_size=seat.desk_size,
            )
        case PromptKind.HOLD:
            review.hold(session, report=report, reviewer=reviewer, reason=text)
        case PromptKind.WARN:
            sanctions.warn(seat, _cut(text))
            return _sanctioned(seat, seat.words.tr("The rider has been warned."))
        case PromptKind.BAN:
            sanctions.ban(seat, days=int(days or 0), reason=_cut(text))
            return _sanctioned(seat, seat.words.tr("No reports are taken from the rider for now."))
        case _:
            raise ValueError(f"words are not for {kind}")
    return tell(seat)


def _cut(text: str) -> str:
    return text.strip()[: review.MOST_CHARACTERS]


def _sanctioned(seat: Seat, said: str) -> str:
    # The report itself still waits: its card offers the decisions again.
    cards.refresh_review_cards(seat.turn, seat.report)
    return said
