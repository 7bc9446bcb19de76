"""/catalogue: admins see to stock, prices and pauses; new items come by file (sentinel catalogue).

/catalogue ──▶ a page of items ──[item]──▶ its card, on the same message
  [Pause] [Resume] [−10] [+10] ──▶ done at once
  [Stock…] ──▶ STOCK ──number──▶ from 12 to 40, sure? ──[Yes]──▶ done
  [Price…] ──▶ PRICE ──number──▶ from 30 to 25, sure? ──[Yes]──▶ done

The last question carries what was shown: where riders or another admin were faster it is put anew.
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from html import escape

from telegram import Update
from telegram.ext import (
    CallbackQueryHandler,
    CommandHandler,
    ConversationHandler,
    filters,
)

from handlers import callbacks, views
from handlers.callbacks import Press
from handlers.context import Context, Turn
from handlers.conversation import CATALOGUE, AskedForHandler, StoredConversation
from handlers.views import Button, View
from models import Item
from services import catalogue, conversations, people
from services import vouchers as voucher_rows
from services.catalogue_file import MOST_POINTS, MOST_STOCK
from services.refusals import OutOfDate

STOCK, PRICE = "stock", "price"
END = ConversationHandler.END
# Items on one page, two buttons in a row.
ON_PAGE = 8
IN_A_ROW = 2
ON_BUTTON = 22
STEP = 10
# A number this long after the question is more likely about something else.
PATIENCE = timedelta(minutes=15)
_CHANGE = re.compile(r"(\d{1,9}|x)-(\d{1,9})", re.ASCII)
# What stands for a stock without a limit.
_UNLIMITED = "x"


async def show_first(update: Update, context: Context) -> None:
    """Every item, offered or not."""
    turn = context.turn
    people.require_admin(turn.session, person_id=turn.me.id)
    turn.tell(_page(turn, 0))


async def turn_page(update: Update, context: Context) -> None:
    """Another page, on the same message."""
    turn, press = _pressed(update, context)
    turn.toast(update)
    turn.edit(update, _page(turn, press.subject))


async def show_item(update: Update, context: Context) -> int:
    """An item with what can be done, on the same message; nothing is asked any more."""
    turn, press = _pressed(update, context)
    turn.toast(update)
    turn.edit(update, _card(turn, press.subject))
    return END


async def pause(update: Update, context: Context) -> None:
    """Stop offering it; vouchers for it stay good."""
    _set_paused(update, context, paused=True)


async def resume(update: Update, context: Context) -> None:
    """Offer it again."""
    _set_paused(update, context, paused=False)


def _set_paused(update: Update, context: Context, *, paused: bool) -> None:
    turn, press = _pressed(update, context)
    catalogue.set_paused(turn.session, item_id=press.subject, paused=paused)
    turn.toast(update)
    turn.edit(update, _card(turn, press.subject))


async def more(update: Update, context: Context) -> None:
    """Ten more are there."""
    _add_stock(update, context, STEP)


async def fewer(update: Update, context: Context) -> None:
    """Ten fewer are there."""
    _add_stock(update, context, -STEP)


def _add_stock(update: Update, context: Context, count: int) -> None:
    turn, press = _pressed(update, context)
    catalogue.add_stock(turn.session, item_id=press.subject, count=count)
    turn.toast(update)
    turn.edit(update, _card(turn, press.subject))


async def ask_stock(update: Update, context: Context) -> str:
    """Wait for how many there are."""
    turn, press = _pressed(update, context)
    item = catalogue.get(turn.session, item_id=press.subject).item
    text = turn.words.tr(
        "How many of <b>{title}</b> are left for riders? Now: {count}. Write the number.",
        title=_title(turn, item),
        count=_stock(turn, item.stock),
    )
    return _wait(update, turn, item, text, STOCK)


async def ask_price(update: Update, context: Context) -> str:
    """Wait for what it costs."""
    turn, press = _pressed(update, context)
    item = catalogue.get(turn.session, item_id=press.subject).item
    text = turn.words.tr(
        "How many points does <b>{title}</b> cost? Now: {count}. Write the number.",
        title=_title(turn, item),
        count=turn.words.number(item.cost),
    )
    return _wait(update, turn, item, text, PRICE)


def _wait(update: Update, turn: Turn, item: Item, text: str, state: str) -> str:
    key = (turn.me.id, turn.me.id)
    conversations.set_state(turn.session, name=CATALOGUE, key=key, state=state)
    conversations.set_subject(turn.session, name=CATALOGUE, key=key, subject_id=item.id)
    turn.toast(update)
    leave = Button(turn.words.tr("Leave it"), callbacks.pack(callbacks.CATALOGUE, "item", item.id))
    turn.tell(View(text, rows=((leave,),)))
    return state


async def take_stock(update: Update, context: Context) -> str | int:
    """The number of items: asked once more before it counts."""
    return _take(update, context, STOCK, least=0, most=MOST_STOCK)


async def take_price(update: Update, context: Context) -> str | int:
    """The number of points: asked once more before it counts."""
    return _take(update, context, PRICE, least=1, most=MOST_POINTS)


def _take(update: Update, context: Context, state: str, *, least: int, most: int) -> str | int:
    turn, message = context.turn, update.effective_message
    assert message is not None
    people.require_admin(turn.session, person_id=turn.me.id)
    text = (message.text or "").strip()
    if text.startswith("/"):
        turn.tell(View(turn.words.tr("Fine, it stays as it is.")))
        return END
    number = int(text) if text.isdecimal() and len(text) <= 9 else -1
    if not least <= number <= most:
        refused = turn.words.tr(
            "A number between {least} and {most}, please. /cancel leaves it as it is.",
            least=turn.words.number(least),
            most=turn.words.number(most),
        )
        turn.tell(View(refused))
        return state
    key = (turn.me.id, turn.me.id)
    item_id = conversations.subject(turn.session, name=CATALOGUE, key=key)
    turn.tell(_sure(turn, item_id or 0, state, number))
    return END


async def change_stock(update: Update, context: Context) -> None:
    """They are sure: that many there are, if nobody redeemed one since."""
    turn, press = _pressed(update, context)
    seen, wanted = _change_in(press, most=MOST_STOCK)
    done = catalogue.set_stock(turn.session, item_id=press.subject, seen=seen, stock=wanted)
    _settle(update, turn, press, STOCK, wanted, done=done)


async def change_price(update: Update, context: Context) -> None:
    """They are sure: that is what it costs from now on."""
    turn, press = _pressed(update, context)
    seen, wanted = _change_in(press, most=MOST_POINTS)
    if seen is None or not wanted:
        raise OutOfDate
    done = catalogue.set_cost(turn.session, item_id=press.subject, seen=seen, cost=wanted)
    _settle(update, turn, press, PRICE, wanted, done=done)


def _settle(
    update: Update, turn: Turn, press: Press, what: str, wanted: int, *, done: bool
) -> None:
    if done:
        turn.toast(update, turn.words.tr("Done."))
        turn.edit(update, _card(turn, press.subject))
        return
    turn.toast(update, turn.words.tr("It changed meanwhile. Please look again."), alert=True)
    turn.edit(update, _sure(turn, press.subject, what, wanted))


def _change_in(press: Press, *, most: int) -> tuple[int | None, int]:
    """What was shown, and what is wanted instead.

    Raises:
        OutOfDate: the button is none of ours.
    """
    match = _CHANGE.fullmatch(press.argument)
    if match is None or int(match[2]) > most:
        raise OutOfDate
    return None if match[1] == _UNLIMITED else int(match[1]), int(match[2])


def _pressed(update: Update, context: Context) -> tuple[Turn, Press]:
    """The button an admin pressed.

    Raises:
        NotForYou: they are no admin (any more).
        NoButtonOfOurs: its code is none that we write.
    """
    turn = context.turn
    people.require_admin(turn.session, person_id=turn.me.id)
    return turn, callbacks.pressed(update)


# --- what is shown ---


def _page(turn: Turn, page: int) -> View:
    words = turn.words
    rows = catalogue.every_item(turn.session)
    if not rows:
        text = words.tr("There are no items yet. They come by file: sentinel catalogue import")
        return View(text)
    pages = -(-len(rows) // ON_PAGE)
    page = min(page, pages - 1)
    shown = rows[page * ON_PAGE : (page + 1) * ON_PAGE]
    lines = [words.tr("<b>The catalogue</b>") + (f" · {page + 1}/{pages}" if pages > 1 else "")]
    lines += [
        f"{_sign(item)} <b>{_title(turn, item)}</b> · "
        f"{escape(words.choose(shop.name_zh, shop.name_en))}\n    {_in_numbers(turn, item)}"
        for item, shop in shown
    ]
    pack = callbacks.pack
    buttons = [
        Button(
            views.cut(words.choose(item.title_zh, item.title_en), ON_BUTTON),
            pack(callbacks.CATALOGUE, "item", item.id),
        )
        for item, _ in shown
    ]
    keys: list[Sequence[Button]] = [
        buttons[i : i + IN_A_ROW] for i in range(0, len(buttons), IN_A_ROW)
    ]
    turns = [("◀", page - 1)] if page > 0 else []
    turns += [("▶", page + 1)] if page < pages - 1 else []
    if turns:
        keys.append([Button(sign, pack(callbacks.CATALOGUE, "page", to)) for sign, to in turns])
    return View("\n".join(lines), rows=keys)


def _card(turn: Turn, item_id: int) -> View:
    words = turn.words
    offer = catalogue.get(turn.session, item_id=item_id)
    item, shop = offer.item, offer.shop
    lines = [
        f"{_sign(item)} <b>{_title(turn, item)}</b>",
        f"🏪 {escape(words.choose(shop.name_zh, shop.name_en))}",
        _in_numbers(turn, item),
    ]

    def key(label: str, verb: str) -> Button:
        return Button(label, callbacks.pack(callbacks.CATALOGUE, verb, item.id))

    pausing = key(words.tr("Resume"), "resume") if item.paused else key(words.tr("Pause"), "pause")
    steps = (key(f"−{STEP}", "fewer"), key(f"+{STEP}", "more")) if item.stock is not None else ()
    back = Button(words.tr("All items"), callbacks.pack(callbacks.CATALOGUE, "page"))
    return View(
        "\n".join(lines),
        rows=(
            (*steps, key(words.tr("Stock…"), "stock")),
            (key(words.tr("Price…"), "price"), pausing),
            (back,),
        ),
    )


def _sure(turn: Turn, item_id: int, what: str, wanted: int) -> View:
    """The last question before a change, with what is there now."""
    words = turn.words
    item = catalogue.get(turn.session, item_id=item_id).item
    if what == PRICE:
        verb, seen = "setprice", str(item.cost)
        text = words.tr(
            "Price of <b>{title}</b>: from {old} to {new} points?",
            title=_title(turn, item),
            old=words.number(item.cost),
            new=words.number(wanted),
        )
    else:
        verb, seen = "setstock", _UNLIMITED if item.stock is None else str(item.stock)
        text = words.tr(
            "Stock of <b>{title}</b>: from {old} to {new}?",
            title=_title(turn, item),
            old=_stock(turn, item.stock),
            new=words.number(wanted),
        )
    pack = callbacks.pack
    yes = Button(
        words.tr("Change it"), pack(callbacks.CATALOGUE, verb, item.id, f"{seen}-{wanted}")
    )
    leave = Button(words.tr("Leave it"), pack(callbacks.CATALOGUE, "item", item.id))
    return View(text, rows=((yes, leave),))


def _in_numbers(turn: Turn, item: Item) -> str:
    words = turn.words
    told = [
        words.trn("{count} point", "{count} points", item.cost),
        words.tr("stock: {count}", count=_stock(turn, item.stock)),
    ]
    if item.paused:
        told.append(words.tr("paused"))
    elif not voucher_rows.is_offered(item):
        told.append(words.tr("not offered today"))
    return " · ".join(told)


def _stock(turn: Turn, stock: int | None) -> str:
    return turn.words.tr("no limit") if stock is None else turn.words.number(stock)


def _sign(item: Item) -> str:
    if item.paused:
        return "⏸"
    if not voucher_rows.is_offered(item):
        return "⏳"
    return "✖️" if item.stock == 0 else "🎁"


def _title(turn: Turn, item: Item) -> str:
    return escape(turn.words.choose(item.title_zh, item.title_en))


# --- the tables ---


NEW = filters.UpdateType.MESSAGE
_ANSWER = NEW & filters.TEXT & (~filters.COMMAND | filters.Regex(r"^/cancel\b"))


def catalogue_conversation() -> StoredConversation:
    """The table of what is waited for."""
    buttons = [
        CallbackQueryHandler(ask_stock, callbacks.pattern(callbacks.CATALOGUE, "stock")),
        CallbackQueryHandler(ask_price, callbacks.pattern(callbacks.CATALOGUE, "price")),
        CallbackQueryHandler(show_item, callbacks.pattern(callbacks.CATALOGUE, "item")),
    ]
    return StoredConversation(
        name=CATALOGUE,
        entry_points=buttons,
        states={
            state: [
                *buttons,
                AskedForHandler(_ANSWER, take, conversation=CATALOGUE, patience=PATIENCE),
            ]
            for state, take in ((STOCK, take_stock), (PRICE, take_price))
        },
        fallbacks=[],
    )


HANDLERS = (
    CommandHandler("catalogue", show_first, filters=NEW & filters.ChatType.PRIVATE),
    CallbackQueryHandler(turn_page, callbacks.pattern(callbacks.CATALOGUE, "page")),
    CallbackQueryHandler(pause, callbacks.pattern(callbacks.CATALOGUE, "pause")),
    CallbackQueryHandler(resume, callbacks.pattern(callbacks.CATALOGUE, "resume")),
    CallbackQueryHandler(more, callbacks.pattern(callbacks.CATALOGUE, "more")),
    CallbackQueryHandler(fewer, callbacks.pattern(callbacks.CATALOGUE, "fewer")),
    CallbackQueryHandler(change_stock, callbacks.pattern(callbacks.CATALOGUE, "setstock")),
    CallbackQueryHandler(change_price, callbacks.pattern(callbacks.CATALOGUE, "setprice")),
)
