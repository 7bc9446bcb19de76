"""Whatever nobody else took: forgotten buttons, unknown commands, words out of the blue.

Words answer a reviewer's question, if one is open.
"""

from telegram import Update
from telegram.ext import CallbackQueryHandler, MessageHandler, filters

from handlers import callbacks, supplements, views
from handlers.callbacks import RECEIPT
from handlers.context import Context, Turn
from handlers.views import View
from services import clarifications, reports, shops, voucher_codes

NEW_PRIVATE = filters.UpdateType.MESSAGE & filters.ChatType.PRIVATE


async def stale_receipt(update: Update, context: Context) -> None:
    """A button of a conversation that is over."""
    context.turn.toast(update, context.turn.words.tr("That is done already. Ride safe."))


async def unknown_button(update: Update, context: Context) -> None:
    """A button nobody made."""
    context.turn.forged = True
    context.turn.toast(update, context.turn.words.tr("That button is out of date."), alert=True)


async def unknown_command(update: Update, context: Context) -> None:
    """A command we do not have."""
    context.turn.tell(
        View(context.turn.words.tr("I don't know that command. /help shows them all."))
    )


async def out_of_the_blue(update: Update, context: Context) -> None:
    """Something sent while nothing was asked."""
    message = update.effective_message
    turn, words = context.turn, context.turn.words
    if message is not None and message.text:
        report = clarifications.open_for(turn.session, person_id=turn.me.id)
        if report is not None:
            reports.lock(turn.session, report=report)
            clarifications.require_question(report)
            cut = supplements.add_words(
                turn, report, text=message.text, message_id=message.message_id
            )
            turn.tell(View(views.sentences(supplements.thanks(turn, report), cut, words=words)))
            return
    if message is not None and (message.video or message.video_note or message.animation):
        text = words.tr("Photos only for now. A screenshot of the video works.")
    elif message is not None and message.text and _works_in_shop(turn):
        text = words.tr(
            "A voucher's code has 8 letters and digits. Type it once more, or send a photo of its "
            "QR code.\n/shop shows the day."
        )
    elif message is not None and _is_code(message.text or ""):
        text = words.tr(
            "Only the shop confirms a voucher. Let it scan yours, or read out the code."
        )
    else:
        text = words.tr("A photo of the hazard starts a report. /help tells more.")
    context.turn.tell(View(text))


def _works_in_shop(turn: Turn) -> bool:
    return bool(shops.shops_of(turn.session, person_id=turn.me.id))


def _is_code(text: str) -> bool:
    """Whether it is a whole code of a voucher, as its rider may send it to the wrong place."""
    code = voucher_codes.plain(text)
    return code is not None and voucher_codes.is_right(code)


HANDLERS = (
    CallbackQueryHandler(stale_receipt, callbacks.pattern(RECEIPT)),
    CallbackQueryHandler(unknown_button),
    MessageHandler(NEW_PRIVATE & filters.COMMAND, unknown_command),
    MessageHandler(NEW_PRIVATE & ~filters.StatusUpdate.ALL, out_of_the_blue),
)
