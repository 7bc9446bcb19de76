"""/points: the balance and where it came from."""

from telegram import Update
from telegram.ext import CommandHandler, filters

from handlers.context import Context
from handlers.views import View
from locales import Words
from services import ledger
from services.ledger import Line


async def show_points(update: Update, context: Context) -> None:
    """The balance and the last entries, each with its report."""
    turn = context.turn
    words = turn.words
    balance = ledger.balance(turn.session, person_id=turn.me.id)
    lines = ledger.statement(turn.session, person_id=turn.me.id)
    text = words.trn("<b>{count} point</b>", "<b>{count} points</b>", balance)
    if not lines:
        text += "\n" + words.tr("Your first approved report earns some.")
    turn.tell(View("\n".join([text, *(_line(line, words) for line in lines)])))


def _line(line: Line, words: Words) -> str:
    if line.rule == ledger.REVERSAL:
        about = words.tr("#{number} approval undone", number=line.report_id)
    else:
        about = words.tr("#{number} approved", number=line.report_id)
    return f"{words.signed(line.points)} · {about} · {words.day(line.at)}"


HANDLERS = (
    CommandHandler(
        "points", show_points, filters=filters.UpdateType.MESSAGE & filters.ChatType.PRIVATE
    ),
)
