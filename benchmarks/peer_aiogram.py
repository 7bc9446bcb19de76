"""A peer: the same report on aiogram, its aiohttp webhook as its manual shows it, states in memory.

    python -m benchmarks.peer_aiogram API_URL PORT

Everything at its default: an update is acknowledged before it is handled. It makes the calls of the
Bot API that `benchmarks.peer_webhook` makes, with the same words and buttons, and stores nothing.
"""

import itertools
import sys
from typing import Any

from aiogram import Bot, Dispatcher, F, Router
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ParseMode
from aiogram.filters import Command
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import (
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    KeyboardButton,
    Message,
    ReplyKeyboardMarkup,
)
from aiogram.webhook.aiohttp_server import SimpleRequestHandler, setup_application
from aiohttp import web

from benchmarks.processes import TOKEN
from benchmarks.riders import MODERATORS

numbers = itertools.count(1)
router = Router()


class Report(StatesGroup):
    """What is asked for next."""

    photo = State()
    place = State()
    category = State()


def _buttons(*rows: list[tuple[str, str]]) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(
        inline_keyboard=[
            [InlineKeyboardButton(text=text, callback_data=data) for text, data in row]
            for row in rows
        ]
    )


@router.message(Command("report"))
async def report(message: Message, state: FSMContext) -> None:
    """Ask for the photo."""
    await state.set_state(Report.photo)
    await message.answer("Now a photo of it, please.")


@router.message(Report.photo, F.photo)
async def photo(message: Message, state: FSMContext) -> None:
    """Keep it, ask for the place."""
    assert message.photo is not None
    await state.update_data(photo=message.photo[-1].file_id)
    await state.set_state(Report.place)
    keyboard = ReplyKeyboardMarkup(
        keyboard=[[KeyboardButton(text="📍 Send my location", request_location=True)]],
        resize_keyboard=True,
        one_time_keyboard=True,
    )
    await message.answer("Got the photo. Where is it?", reply_markup=keyboard)


@router.message(Report.place, F.location)
async def place(message: Message, state: FSMContext) -> None:
    """Keep it, ask for the category."""
    assert message.location is not None
    await state.update_data(place=(message.location.latitude, message.location.longitude))
    await state.set_state(Report.category)
    likely = [("🚧 guardrail", "guardrail"), ("🕳 pothole", "pothole"), ("⚫ manhole", "manhole")]
    await message.answer(
        "Shanyao, near Yongjia Rd. What kind?", reply_markup=_buttons(likely, [("More…", "more")])
    )


@router.callback_query(Report.category)
async def category(query: CallbackQuery, state: FSMContext, bot: Bot) -> None:
    """Give the receipt, and a card to the moderators."""
    kept: dict[str, Any] = await state.get_data()
    number = next(numbers)
    await state.clear()
    await query.answer()
    assert query.message is not None
    await query.message.answer(
        f"✅ Reported #{number} · {query.data} · Shanyao\nYou'll hear after review. Ride safe.",
        reply_markup=_buttons(
            [("Add note", f"n:{number}"), ("Add photo", f"p:{number}")],
            [("Withdraw", f"w:{number}")],
        ),
    )
    latitude, longitude = kept["place"]
    await bot.send_photo(
        MODERATORS,
        kept["photo"],
        caption=f"#{number} {query.data} · danger\n📍 Shanyao · near Yongjia Rd "
        f"({latitude:.6f}, {longitude:.6f})\n👤 rider 27 · approved 8 of 9",
        reply_markup=_buttons(
            [(f"Approve {'★' * stars}", f"a:{number}:{stars}") for stars in (1, 2, 3)],
            [("Reject…", f"r:{number}")],
        ),
    )


def main() -> None:
    """Serve until told to end."""
    api_url, port = sys.argv[1], int(sys.argv[2])
    bot = Bot(
        TOKEN,
        session=AiohttpSession(api=TelegramAPIServer.from_base(api_url)),
        default=DefaultBotProperties(parse_mode=ParseMode.HTML),
    )
    dispatcher = Dispatcher()
    dispatcher.include_router(router)

    @dispatcher.startup()
    async def set_webhook(bot: Bot) -> None:
        await bot.set_webhook(f"http://127.0.0.1:{port}/hook")

    application = web.Application()
    SimpleRequestHandler(dispatcher, bot).register(application, path="/hook")
    setup_application(application, dispatcher, bot=bot)
    web.run_app(application, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main()
