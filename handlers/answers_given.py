"""A rider's answer to a reviewer's question: added to the report, which goes back to the desk."""

from collections.abc import Iterator
from contextlib import contextmanager

from telegram import Message

from handlers import cards, receipts
from handlers.context import Turn
from handlers.views import View
from models import Report
from services import clarifications, reports


def take_words(turn: Turn, report: Report, message: Message) -> None:
    """Take an answer in words.

    Args:
        turn: the transaction; the report's row is locked in it.
        report: with a question, open or closed for want of an answer.
        message: the answer.
    """
    with taken(turn, report):
        reports.add_note(
            turn.session,
            report=report,
            text=message.text or "",
            message_id=message.message_id,
            policy=turn.policy,
        )
    _thank(turn, report)


def take_voice(turn: Turn, report: Report, message: Message) -> None:
    """Take a spoken answer."""
    assert message.voice is not None
    with taken(turn, report):
        reports.add_voice(turn.session, report=report, file_id=message.voice.file_id)
    _thank(turn, report)


@contextmanager
def taken(turn: Turn, report: Report) -> Iterator[None]:
    """Add what comes within the block to a report, and deal it anew with that."""
    clarifications.answered(turn.session, report=report)
    yield
    receipts.tell_riders(turn, report)
    cards.redeal(turn, report)


def _thank(turn: Turn, report: Report) -> None:
    text = turn.words.tr("Thanks, #{number} is back in review.", number=report.id)
    turn.tell(View(text))
