"""A peer: the same report on python-telegram-bot's own webhook server, as its manual shows it.

    python -m benchmarks.peer_webhook API_URL PORT

Everything at its default: tornado, httpx, a ConversationHandler in memory, updates one by one, and
an update acknowledged before it is handled. It makes the calls ours makes, and stores nothing.
"""

import itertools
import sys
from typing import Any

from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    KeyboardButton,
    ReplyKeyboardMarkup,
)
from telegram.constants import ParseMode
from telegram.ext import (
    Application,
    CallbackQueryHandler,
    CommandHandler,
    ConversationHandler,
    MessageHandler,
    filters,
)

from benchmarks.processes import TOKEN
from benchmarks.riders import MODERATORS

PHOTO, PLACE, CATEGORY = range(3)
numbers = itertools.count(1)


def _buttons(*rows: list[tuple[str, str]]) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(text, callback_data=data) for text, data in row] for row in rows]
    )


async def report(update: Any, context: Any) -> int:  # noqa: ARG001
    """Ask for the photo."""
    await update.message.reply_text("Now a photo of it, please.", parse_mode=ParseMode.HTML)
    return PHOTO


async def photo(update: Any, context: Any) -> int:
    """Keep it, ask for the place."""
    context.user_data["photo"] = update.message.photo[-1].file_id
    keyboard = ReplyKeyboardMarkup(
        [[KeyboardButton("📍 Send my location", request_location=True)]],
        resize_keyboard=True,
        one_time_keyboard=True,
    )
    await update.message.reply_text(
        "Got the photo. Where is it?", parse_mode=ParseMode.HTML, reply_markup=keyboard
    )
    return PLACE


async def place(update: Any, context: Any) -> int:
    """Keep it, ask for the category."""
    location = update.message.location
    context.user_data["place"] = (location.latitude, location.longitude)
    likely = [("🚧 guardrail", "guardrail"), ("🕳 pothole", "pothole"), ("⚫ manhole", "manhole")]
    await update.message.reply_text(
        "Shanyao, near Yongjia Rd. What kind?",
        parse_mode=ParseMode.HTML,
        reply_markup=_buttons(likely, [("More…", "more")]),
    )
    return CATEGORY


async def category(update: Any, context: Any) -> int:
    """Give the receipt, and a card to the moderators."""
    query = update.callback_query
    kept, number = context.user_data, next(numbers)
    await query.answer()
    await query.message.reply_text(
        f"✅ Reported #{number} · {query.data} · Shanyao\nYou'll hear after review. Ride safe.",
        parse_mode=ParseMode.HTML,
        reply_markup=_buttons(
            [("Add note", f"n:{number}"), ("Add photo", f"p:{number}")],
            [("Withdraw", f"w:{number}")],
        ),
    )
    latitude, longitude = kept["place"]
    await context.bot.send_photo(
        MODERATORS,
        kept["photo"],
        caption=f"#{number} {query.data} · danger\n📍 Shanyao · near Yongjia Rd "
        f"({latitude:.6f}, {longitude:.6f})\n👤 rider 27 · approved 8 of 9",
        parse_mode=ParseMode.HTML,
        reply_markup=_buttons(
            [(f"Approve {'★' * stars}", f"a:{number}:{stars}") for stars in (1, 2, 3)],
            [("Reject…", f"r:{number}")],
        ),
    )
    return ConversationHandler.END


def conversation() -> ConversationHandler[Any]:
    """The report, as python-telegram-bot keeps track of it in memory."""
    return ConversationHandler(
        entry_points=[CommandHandler("report", report)],
        states={
            PHOTO: [MessageHandler(filters.PHOTO, photo)],
            PLACE: [MessageHandler(filters.LOCATION, place)],
            CATEGORY: [CallbackQueryHandler(category)],
        },
        fallbacks=[],
    )


def main() -> None:
    """Serve until told to end."""
    api_url, port = sys.argv[1], int(sys.argv[2])
    application = Application.builder().token(TOKEN).base_url(f"{api_url}/bot").build()
    application.add_handler(conversation())
    application.run_webhook(
        listen="127.0.0.1", port=port, url_path="hook", webhook_url=f"http://127.0.0.1:{port}/hook"
    )


if __name__ == "__main__":
    main()
