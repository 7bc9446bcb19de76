"""What a rider adds to a report that stands already: taken in, and brought to the desk.

If a reviewer's question is open, whatever is added answers it: the report is dealt anew.
"""

from collections.abc import Callable
from typing import TypeVar

from handlers import cards, receipts, sanctions
from handlers.context import Turn
from models import Draft, Photo, Report
from models.photos import PhotoState
from models.workflow import State
from services import clarifications, notes, photos, reports
from services.refusals import Refusal

Added = TypeVar("Added")


def add_photo(turn: Turn, report: Report, sent: photos.Sent) -> None:
    """Add a photo; the reviewers see it after the card.

    Args:
        turn: the transaction.
        report: an undecided one.
        sent: the photo as it came.

    Raises:
        Banned: the rider may not report for a while.
        AlreadyDecided: it is too late.
        SamePhoto: it is in there already.
        TooManyPhotos: there is no room for another.
    """
    _add(
        turn,
        report,
        lambda: reports.add_photo(turn.session, report=report, sent=sent, policy=turn.policy),
        show=lambda photo: _show_photo(turn, report, photo),
    )


def add_words(turn: Turn, report: Report, *, text: str, message_id: int) -> str:
    """Add words to the note; the reviewers read them on the card or after it.

    Args:
        turn: the transaction.
        report: an undecided one.
        text: what the rider wrote.
        message_id: the message it came in.

    Returns:
        What to say if the words had to be cut; empty if not.

    Raises:
        Banned: the rider may not report for a while.
        AlreadyDecided: it is too late.
    """
    kept = _add(
        turn,
        report,
        lambda: reports.add_note(
            turn.session, report=report, text=text, message_id=message_id, policy=turn.policy
        ),
        show=lambda kept: _show_words(turn, report, kept),
    )
    return "" if kept == notes.clean(text) else cut(turn)


def add_voice(turn: Turn, report: Report, *, file_id: str) -> None:
    """Add a voice note; the reviewers hear it after the card.

    Raises:
        Banned: the rider may not report for a while.
        AlreadyDecided: it is too late.
        TooManyVoices: the reviewers have heard enough.
    """
    _add(
        turn,
        report,
        lambda: reports.add_voice(turn.session, report=report, file_id=file_id),
        show=lambda _: cards.tell_reviewers_voice(turn, report),
    )


def add_draft(turn: Turn, report: Report, draft: Draft) -> bool:
    """Add all there is in a draft to an earlier report of the rider's.

    Args:
        turn: the transaction.
        report: an undecided one of the draft's rider.
        draft: about the same hazard; it is gone afterwards.

    Returns:
        False if not everything found room.

    Raises:
        Banned: the rider may not report for a while.
        AlreadyDecided: it is too late; the draft is kept.
    """

    def show(added: reports.Added) -> None:
        for photo in added.photos:
            _show_photo(turn, report, photo)
        if added.words:
            _show_words(turn, report, added.words)
        if added.voice:
            cards.tell_reviewers_voice(turn, report)

    added = _add(
        turn,
        report,
        lambda: reports.add_draft(turn.session, report=report, draft=draft, policy=turn.policy),
        show=show,
    )
    return added.whole


def _add(
    turn: Turn, report: Report, add: Callable[[], Added], *, show: Callable[[Added], None]
) -> Added:
    """Add something and bring it to the desk: beside the card, or with a new one as an answer."""
    sanctions.require_may_report(turn)
    late = report.state == State.UNANSWERED
    if late:
        # Nothing can be added to what is closed.
        clarifications.answered(turn.session, report=report)
    try:
        added = add()
    except Refusal:
        if late:
            _bring_back(turn, report)
        raise
    if late or report.state == State.ASKED:
        if not late:
            clarifications.answered(turn.session, report=report)
        _bring_back(turn, report)
    else:
        show(added)
    return added


def _bring_back(turn: Turn, report: Report) -> None:
    receipts.tell_riders(turn, report)
    cards.redeal(turn, report)


def thanks(turn: Turn, report: Report) -> str:
    """The sentence that an answer is with the desk."""
    return turn.words.tr("Thanks, #{number} is back in review.", number=report.id)


def cut(turn: Turn) -> str:
    """The sentence that a note was too long."""
    words = turn.words
    return words.tr(
        "Only the first {count} characters of the note fit; they are saved.",
        count=words.number(turn.policy.limits.note_characters),
    )


def _show_photo(turn: Turn, report: Report, photo: Photo) -> None:
    # One sent as a file can be shown only once it is fetched; who fetches it shows it then.
    if not photo.as_file or photo.state == PhotoState.STORED:
        cards.tell_reviewers_photo(turn, report, photo)


def _show_words(turn: Turn, report: Report, kept: str) -> None:
    # A card that is dealt only now brings the whole note along.
    dealt = cards.is_dealt(turn, report)
    cards.refresh_review_cards(turn, report)
    if dealt and kept and not cards.shows_whole_note(turn, report):
        cards.tell_reviewers_note(turn, report, kept)
