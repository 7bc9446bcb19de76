"""/rewards: what points are good for, and the redeeming.

/rewards ──▶ a page of items: affordable first, sold out last
  ├─[◀ ▶]──▶ another page, on the same message
  ├─[📍 Near me]──▶ PLACE ──location──▶ the same, what is near first
  └─[item]──▶ its card, with its picture
       └─[Redeem]──▶ sure? ──[Redeem]──▶ a voucher (handlers/vouchers.py)
            ▲          └────[Back]──▶ the card
            └── asked again, where the price changed meanwhile

A place is kept nowhere: the buttons carry it, rounded to ten metres. A location is taken for this
only soon after [Near me], and not if a report was begun since: then it is the report's.
"""

import re
from dataclasses import replace
from datetime import timedelta
from html import escape

from telegram import Update
from telegram.ext import (
    CallbackQueryHandler,
    CommandHandler,
    ConversationHandler,
    filters,
)

from handlers import callbacks, errors, views, vouchers
from handlers.callbacks import Press
from handlers.context import Context, Turn
from handlers.conversation import REWARDS, AskedForHandler, StoredConversation
from handlers.views import Button, Rows, View
from models import Item, Shop
from services import catalogue, ledger
from services import vouchers as voucher_rows
from services.catalogue import Offer, Place
from services.ledger import Balance
from services.refusals import (
    ItemGone,
    LimitReached,
    NotEnoughPoints,
    OutOfDate,
    PriceChanged,
    RedeemedAlready,
    SoldOut,
    SpendingFrozen,
)
from services.sanctions import banned_until

PLACE = "place"
# Items on one page, two buttons in a row.
ON_PAGE = 6
IN_A_ROW = 2
# A button with more letters is cut by the app.
ON_BUTTON = 22
# What is under a picture holds no more, with all the rest.
TEXT_ON_CARD = 400
# A location this long after [Near me] is more likely of something else.
PATIENCE = timedelta(minutes=10)
_NEAR = re.compile(r"(-?\d{1,2}\.\d{1,6}),(-?\d{1,3}\.\d{1,6})", re.ASCII)
_TERMS = re.compile(r"(\d{1,9})-(\d{1,9})", re.ASCII)


async def show_first(update: Update, context: Context) -> None:
    """What points are good for."""
    context.turn.tell(_page(context.turn, 0, None))


def show_at(turn: Turn, shop: Shop) -> None:
    """What points are good for, for somebody who stands before a shop: its items come first."""
    words = turn.words
    near = None
    if shop.latitude is not None and shop.longitude is not None:
        near = (shop.latitude, shop.longitude)
    view = _page(turn, 0, near)
    text = words.tr(
        "{shop} takes your points.", shop=escape(words.choose(shop.name_zh, shop.name_en))
    )
    turn.tell(replace(view, text=f"{text}\n{view.text}"))


async def turn_page(update: Update, context: Context) -> None:
    """Another page, on the same message."""
    turn = context.turn
    press = callbacks.pressed(update)
    turn.toast(update)
    turn.edit(update, _page(turn, press.subject, _near_in(press)))


async def show_item(update: Update, context: Context) -> None:
    """An item's card, as a message of its own: it has a picture."""
    turn = context.turn
    press = callbacks.pressed(update)
    near = _near_in(press)
    offer = catalogue.get(turn.session, item_id=press.subject, near=near)
    turn.toast(update)
    turn.tell(_card(turn, offer, near))


async def show_again(update: Update, context: Context) -> None:
    """The card again, where the question stood."""
    turn = context.turn
    press = callbacks.pressed(update)
    near = _near_in(press)
    offer = catalogue.get(turn.session, item_id=press.subject, near=near)
    turn.toast(update)
    turn.edit(update, _card(turn, offer, near))


async def ask(update: Update, context: Context) -> None:
    """Whether they mean it, at this price."""
    turn = context.turn
    press = callbacks.pressed(update)
    offer = catalogue.get(turn.session, item_id=press.subject)
    turn.toast(update)
    turn.edit(update, _question(turn, offer, press.argument))


async def redeem(update: Update, context: Context) -> None:
    """They do: points become a voucher, at the price they were told or not at all."""
    turn = context.turn
    press = callbacks.pressed(update)
    terms = _TERMS.fullmatch(press.argument)
    if terms is None:
        raise OutOfDate
    cost, number = int(terms[1]), int(terms[2])
    item_id = press.subject
    try:
        issued = voucher_rows.redeem(
            turn.session,
            person=turn.me,
            item_id=item_id,
            number=number,
            cost=cost,
            policy=turn.policy,
        )
    except RedeemedAlready:
        if catalogue.was_redeemed(
            turn.session, person_id=turn.me.id, number=number, item_id=item_id
        ):
            raise
        # Something else was redeemed since they were asked: the question is put anew.
        turn.toast(update)
        turn.edit(update, _question(turn, catalogue.get(turn.session, item_id=item_id), ""))
        return
    except PriceChanged as changed:
        turn.toast(update, errors.sentence(changed, words=turn.words), alert=True)
        turn.edit(update, _question(turn, catalogue.get(turn.session, item_id=item_id), ""))
        return
    except (ItemGone, SoldOut, LimitReached, NotEnoughPoints, SpendingFrozen) as refusal:
        # The card says how it stands now; who made the button up is told the same.
        turn.toast(update, errors.sentence(refusal, words=turn.words), alert=True)
        turn.edit(update, _card(turn, catalogue.get(turn.session, item_id=item_id), None))
        return
    words = turn.words
    turn.toast(update)
    voucher = issued.voucher
    done = words.tr(
        "✅ Redeemed: <b>{title}</b> · {points} points (balance {balance})",
        title=escape(words.choose(voucher.title_zh, voucher.title_en)),
        points=words.signed(-voucher.cost),
        balance=words.number(_balance(turn).points),
    )
    turn.edit(update, View(done))
    vouchers.issue(turn, issued)


async def ask_place(update: Update, context: Context) -> str:
    """Wait for where they are."""
    turn = context.turn
    words = turn.words
    turn.toast(update)
    turn.tell(
        View(
            words.tr("Where are you? What is near then comes first."),
            location_button=words.tr("📍 Send my location"),
            placeholder=words.tr("Elsewhere: attach → Location"),
        )
    )
    return PLACE


async def take_place(update: Update, context: Context) -> int:
    """What is near where they are first."""
    message = update.effective_message
    assert message is not None
    location = message.venue.location if message.venue else message.location
    assert location is not None
    context.turn.tell(_page(context.turn, 0, (location.latitude, location.longitude)))
    return ConversationHandler.END


# --- what is shown ---


def _page(turn: Turn, page: int, near: Place | None) -> View:
    words = turn.words
    balance = _balance(turn)
    found = catalogue.offers(turn.session, points=balance.spendable, near=near)
    lines = [_purse(turn, balance)]
    if not found:
        lines.append(words.tr("Nothing is on offer just now. Your points stay yours."))
        return View("\n".join(lines))
    pages = -(-len(found) // ON_PAGE)
    page = min(page, pages - 1)
    shown = found[page * ON_PAGE : (page + 1) * ON_PAGE]
    lines += [_line(turn, offer, balance) for offer in shown]
    argument = _argument(near)
    buttons = [
        Button(
            views.cut(_title(turn, offer.item), ON_BUTTON),
            callbacks.pack(callbacks.REWARDS, "item", offer.item.id, argument),
        )
        for offer in shown
    ]
    rows = [buttons[i : i + IN_A_ROW] for i in range(0, len(buttons), IN_A_ROW)]
    if pages > 1:
        lines[0] += f" · {page + 1}/{pages}"
        turns = [("◀", page - 1)] if page > 0 else []
        turns += [("▶", page + 1)] if page < pages - 1 else []
        rows.append(
            [
                Button(sign, callbacks.pack(callbacks.REWARDS, "page", to, argument))
                for sign, to in turns
            ]
        )
    if near is None and any(offer.shop.latitude is not None for offer in found):
        rows.append([Button(words.tr("📍 Near me"), callbacks.pack(callbacks.REWARDS, "near"))])
    return View("\n".join(lines), rows=rows)


def _purse(turn: Turn, balance: Balance) -> str:
    words = turn.words
    text = words.trn(
        "<b>{count} point</b> to spend", "<b>{count} points</b> to spend", balance.spendable
    )
    until = banned_until(turn.me)
    if until is not None:
        frozen = words.tr("Redeeming is barred for you until {day}.", day=words.day(until))
        text += f"\n{frozen}"
    elif balance.pending > 0:
        text += " · " + words.tr("{points} more later", points=words.number(balance.pending))
    return text


def _line(turn: Turn, offer: Offer, balance: Balance) -> str:
    words, item = turn.words, offer.item
    price = words.trn("{count} point", "{count} points", item.cost)
    sign = "🎁" if item.cost <= balance.spendable else "⏳"
    if offer.is_sold_out:
        sign, price = "✖️", words.tr("sold out")
    return f"{sign} <b>{escape(_title(turn, item))}</b> · {price}\n    {_where(turn, offer)}"


def _where(turn: Turn, offer: Offer) -> str:
    words = turn.words
    told = [escape(words.choose(offer.shop.name_zh, offer.shop.name_en))]
    if offer.distance_m is not None:
        told.append(words.distance(offer.distance_m))
    return " · ".join(told)


def _card(turn: Turn, offer: Offer, near: Place | None) -> View:
    words, item = turn.words, offer.item
    price = words.trn("{count} point", "{count} points", item.cost)
    lines = [f"<b>{escape(_title(turn, item))}</b> · {price}", f"🏪 {_where(turn, offer)}"]
    lines += _address(turn, offer)
    text = words.choose(item.text_zh, item.text_en)
    if text:
        lines.append(escape(views.cut(text, TEXT_ON_CARD)))
    lines.append(_terms(turn, item))
    hindrance = _hindrance(turn, offer)
    rows: Rows = ()
    if hindrance:
        lines.append(f"<i>{escape(hindrance)}</i>")
    else:
        points = _balance(turn).spendable
        lines.append(words.trn("You have {count} point.", "You have {count} points.", points))
        button = Button(
            words.tr("Redeem"),
            callbacks.pack(callbacks.REWARDS, "ask", item.id, _argument(near)),
            style="primary",
        )
        rows = ((button,),)
    return View("\n".join(lines), rows=rows, photo_id=item.photo_id)


def _address(turn: Turn, offer: Offer) -> list[str]:
    words, shop = turn.words, offer.shop
    told = [escape(words.choose(shop.address_zh, shop.address_en))]
    if shop.latitude is not None and shop.longitude is not None:
        url = turn.house.map_url.format(
            latitude=f"{shop.latitude:.6f}", longitude=f"{shop.longitude:.6f}"
        )
        told.append(f'<a href="{escape(url)}">{words.tr("map")}</a>')
    told = [one for one in told if one]
    return ["📍 " + " · ".join(told)] if told else []


def _terms(turn: Turn, item: Item) -> str:
    """How many are left, for how many each, and until when."""
    words = turn.words
    told = []
    if item.stock:
        told.append(words.trn("{count} left", "{count} left", item.stock))
    if item.per_person is not None:
        told.append(words.trn("{count} for each rider", "{count} for each rider", item.per_person))
    if item.offered_until is not None:
        last = words.day(item.offered_until - timedelta(seconds=1))
        told.append(words.tr("until {day}", day=last))
    good = words.trn(
        "voucher good for {count} day", "voucher good for {count} days", item.valid_days
    )
    return " · ".join([*told, good])


def _hindrance(turn: Turn, offer: Offer) -> str:
    """Why it cannot be redeemed now, in a sentence; empty if it can."""
    words, item = turn.words, offer.item
    balance = _balance(turn)
    until = banned_until(turn.me)
    if until is not None:
        return words.tr("Redeeming is barred for you until {day}.", day=words.day(until))
    if not voucher_rows.is_offered(item):
        return errors.sentence(ItemGone(), words=words)
    if offer.is_sold_out:
        return words.tr("Sold out.")
    had = catalogue.had_by(turn.session, item_id=item.id, person_id=turn.me.id)
    if item.per_person is not None and had >= item.per_person:
        return errors.sentence(LimitReached(limit=item.per_person), words=words)
    if item.cost > balance.spendable:
        missing = item.cost - balance.spendable
        pending = min(missing, max(0, balance.pending))
        return errors.sentence(NotEnoughPoints(missing=missing, pending=pending), words=words)
    return ""


def _question(turn: Turn, offer: Offer, near: str) -> View:
    words, item = turn.words, offer.item
    if _hindrance(turn, offer):
        return _card(turn, offer, None)
    balance = _balance(turn)
    text = words.trn(
        "Redeem <b>{title}</b> for {count} point? {left} will be left.",
        "Redeem <b>{title}</b> for {count} points? {left} will be left.",
        item.cost,
        title=escape(_title(turn, item)),
        left=words.number(balance.points - item.cost),
    )
    number = voucher_rows.next_number(turn.session, person_id=turn.me.id)
    pack = callbacks.pack
    yes = Button(
        words.tr("Redeem"),
        pack(callbacks.REWARDS, "yes", item.id, f"{item.cost}-{number}"),
        style="success",
    )
    back = Button(words.tr("Back"), pack(callbacks.REWARDS, "card", item.id, near))
    return View(f"{text}\n🏪 {_where(turn, offer)}", rows=((yes,), (back,)))


def _title(turn: Turn, item: Item) -> str:
    return turn.words.choose(item.title_zh, item.title_en)


def _balance(turn: Turn) -> Balance:
    return ledger.balance(turn.session, person_id=turn.me.id)


def _argument(near: Place | None) -> str:
    return f"{near[0]:.4f},{near[1]:.4f}" if near else ""


def _near_in(press: Press) -> Place | None:
    """The place a button carries; none where there is none to be read."""
    match = _NEAR.fullmatch(press.argument)
    if match is None:
        return None
    latitude, longitude = float(match[1]), float(match[2])
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


# --- the tables ---


NEW = filters.UpdateType.MESSAGE


def rewards_conversation() -> StoredConversation:
    """The table of the one thing that is waited for."""
    near = CallbackQueryHandler(ask_place, callbacks.pattern(callbacks.REWARDS, "near"))
    taken = AskedForHandler(
        NEW & (filters.LOCATION | filters.VENUE),
        take_place,
        conversation=REWARDS,
        patience=PATIENCE,
    )
    return StoredConversation(
        name=REWARDS,
        entry_points=[near],
        states={PLACE: [near, taken]},
        fallbacks=[],
    )


HANDLERS = (
    CommandHandler("rewards", show_first, filters=NEW & filters.ChatType.PRIVATE),
    CallbackQueryHandler(turn_page, callbacks.pattern(callbacks.REWARDS, "page")),
    CallbackQueryHandler(show_item, callbacks.pattern(callbacks.REWARDS, "item")),
    CallbackQueryHandler(show_again, callbacks.pattern(callbacks.REWARDS, "card")),
    CallbackQueryHandler(ask, callbacks.pattern(callbacks.REWARDS, "ask")),
    CallbackQueryHandler(redeem, callbacks.pattern(callbacks.REWARDS, "yes")),
)
