"""The rider's vouchers: the card with the QR code, /vouchers, giving one back.

    redeem ──▶ card with code ──[Cancel]──▶ sure? ──[Yes]──▶ given back
                    │                          └──[Keep it]──▶ card
                    └── the shop confirms ──▶ "used" ── the shop undoes ──▶ good again, [Show code]

Token and code are in the message that shows them and nowhere else: shown again, they are new ones,
and those shown before are worth nothing any more.
"""

from datetime import timedelta
from html import escape

from telegram import Update
from telegram.ext import CallbackQueryHandler, CommandHandler, filters

from handlers import callbacks
from handlers.callbacks import VOUCHERS
from handlers.context import Context, Turn
from handlers.views import Button, Rows, View
from locales import Words
from models import Voucher, clock
from models.rewards import VoucherState
from services import ledger, outbox, people, voucher_codes, vouchers
from services.refusals import OutOfDate
from services.vouchers import Issued


def issue(turn: Turn, issued: Issued) -> None:
    """Send a rider the card of a voucher, with the QR code and the code to be typed."""
    voucher, words = issued.voucher, _words(turn, issued.voucher)
    copy = Button(words.tr("📋 Copy code"), copy_text=voucher_codes.spoken(issued.code))
    head = words.tr(
        "🎟 V{number} · <b>{title}</b> · {shop}\nCode: <code>{code}</code>",
        number=voucher.id,
        title=escape(words.choose(voucher.title_zh, voucher.title_en)),
        shop=_shop_name(turn, voucher, words),
        code=voucher_codes.spoken(issued.code),
    )
    tail = words.tr(
        "Good until the end of {day}. Let the shop scan it, or read out the code.",
        day=words.day(voucher.expires_at - timedelta(seconds=1)),
    )
    view = View(f"{head}\n{tail}", rows=((copy,), *_good_rows(voucher, words)))
    link = f"https://t.me/{turn.house.bot_username}?start={voucher_codes.LINK_PREFIX}{issued.token}"
    _queue(turn, voucher, view, qr=link)


def show_card(turn: Turn, voucher: Voucher) -> None:
    """Bring the card of a voucher up to date after it has moved on.

    Args:
        turn: the transaction.
        voucher: that was used, given back, expired, or made good again by the shop.
    """
    _queue(turn, voucher, _card(turn, voucher))


def tell_used(turn: Turn, voucher: Voucher) -> None:
    """Show a rider that a shop confirmed their voucher, and have their phone say so."""
    show_card(turn, voucher)
    words = _words(turn, voucher)
    assert voucher.used_at is not None
    text = words.tr(
        "V{number} was used at {clock}: {shop}. If that was not you, tell the shop now.",
        number=voucher.id,
        clock=words.clock(voucher.used_at),
        shop=_shop_name(turn, voucher, words),
    )
    turn.say(voucher.person_id, View(text))


def tell_undone(turn: Turn, voucher: Voucher) -> None:
    """Show a rider that the shop took its confirmation back: they have read that it was used."""
    show_card(turn, voucher)
    words = _words(turn, voucher)
    text = words.tr(
        "V{number} is good again: {shop} took its confirmation back.",
        number=voucher.id,
        shop=_shop_name(turn, voucher, words),
    )
    turn.say(voucher.person_id, View(text, rows=(_show_row(voucher, words),)))


def expire(turn: Turn, voucher: Voucher) -> None:
    """End a voucher whose time is over; its card says so without a sound, as it is midnight."""
    if vouchers.expire(turn.session, voucher_id=voucher.id):
        show_card(turn, voucher)


def _queue(turn: Turn, voucher: Voucher, view: View, *, qr: str | None = None) -> None:
    payload = view.payload() | {"voucher": voucher.id}
    if qr is not None:
        payload["qr"] = qr
    outbox.queue(turn.session, chat_id=voucher.person_id, method=outbox.VOUCHER, payload=payload)


def _card(turn: Turn, voucher: Voucher) -> View:
    words = _words(turn, voucher)
    title = escape(words.choose(voucher.title_zh, voucher.title_en))
    match voucher.state:
        case VoucherState.USED:
            assert voucher.used_at is not None
            return View(
                words.tr(
                    "✅ V{number} · <b>{title}</b>\nUsed at {clock}: {shop}",
                    number=voucher.id,
                    title=title,
                    clock=words.when(voucher.used_at, now=clock.now()),
                    shop=_shop_name(turn, voucher, words),
                )
            )
        case VoucherState.CANCELLED:
            return View(
                words.tr(
                    "↩️ V{number} · <b>{title}</b>\nGiven back: {points} points (balance {balance})",
                    number=voucher.id,
                    title=title,
                    points=words.signed(voucher.cost),
                    balance=words.number(_balance(turn, voucher)),
                )
            )
        case VoucherState.EXPIRED:
            return View(
                words.tr(
                    "⌛ V{number} · <b>{title}</b>\n"
                    "It was not used in time: {points} points (balance {balance})",
                    number=voucher.id,
                    title=title,
                    points=words.signed(voucher.cost),
                    balance=words.number(_balance(turn, voucher)),
                )
            )
    text = words.tr(
        "🎟 V{number} · <b>{title}</b>\nThe shop took its confirmation back; it is good again "
        "until the end of {day}.",
        number=voucher.id,
        title=title,
        day=words.day(voucher.expires_at - timedelta(seconds=1)),
    )
    return View(text, rows=(_show_row(voucher, words), *_good_rows(voucher, words)))


async def list_mine(update: Update, context: Context) -> None:
    """What they hold and what became of the rest; a button shows the code of each good one."""
    turn = context.turn
    words = turn.words
    held = vouchers.held_by(turn.session, person_id=turn.me.id)
    if not held:
        turn.tell(View(words.tr("No vouchers yet. /rewards shows what your points are good for.")))
        return
    good = [one for one in held if one.state == VoucherState.ISSUED]
    lines = [words.tr("<b>Your vouchers</b>"), *(_in_short(turn, one) for one in held)]
    turn.tell(View("\n".join(lines), rows=tuple(_show_row(one, words) for one in good)))


def _in_short(turn: Turn, voucher: Voucher) -> str:
    words = turn.words
    match voucher.state:
        case VoucherState.USED:
            assert voucher.used_at is not None
            how = words.tr("used {day}", day=words.day(voucher.used_at))
        case VoucherState.CANCELLED:
            how = words.tr("given back")
        case VoucherState.EXPIRED:
            how = words.tr("expired, points given back")
        case _:
            until = voucher.expires_at - timedelta(seconds=1)
            how = words.tr("good until {day}", day=words.day(until))
    title = escape(words.choose(voucher.title_zh, voucher.title_en))
    return f"V{voucher.id} · {title} · {_shop_name(turn, voucher, words)} · {how}"


async def show_anew(update: Update, context: Context) -> None:
    """A new card with a new code; the one before says that it is replaced."""
    turn = context.turn
    press = callbacks.pressed(update)
    before = vouchers.get(turn.session, voucher_id=press.subject)
    message_id = before.message_id if before is not None else None
    issued = vouchers.show_anew(turn.session, voucher_id=press.subject, person_id=turn.me.id)
    turn.toast(update)
    if message_id is not None:
        turn.call(
            turn.me.id,
            "editMessageCaption",
            message_id=message_id,
            caption=turn.words.tr("This code was replaced; the new one is below."),
        )
    issue(turn, issued)


async def ask_cancel(update: Update, context: Context) -> None:
    """Ask on the card itself whether they mean it."""
    turn = context.turn
    voucher = _mine(turn, callbacks.pressed(update).subject)
    words = turn.words
    turn.toast(update, words.tr("Its points come back to you. Sure?"))
    sure = Button(
        words.tr("Give it back"), callbacks.pack(VOUCHERS, "cancel", voucher.id), style="danger"
    )
    keep = Button(words.tr("Keep it"), callbacks.pack(VOUCHERS, "keep", voucher.id))
    _set_rows(update, turn, ((keep, sure),))


async def keep(update: Update, context: Context) -> None:
    """They did not mean it."""
    turn = context.turn
    voucher = _mine(turn, callbacks.pressed(update).subject)
    turn.toast(update)
    _set_rows(update, turn, (_show_row(voucher, turn.words), *_good_rows(voucher, turn.words)))


async def cancel(update: Update, context: Context) -> None:
    """They do: points back, item back."""
    turn = context.turn
    press = callbacks.pressed(update)
    voucher = vouchers.cancel(turn.session, voucher_id=press.subject, person_id=turn.me.id)
    turn.toast(update)
    show_card(turn, voucher)


def _mine(turn: Turn, voucher_id: int) -> Voucher:
    voucher = vouchers.get(turn.session, voucher_id=voucher_id)
    if voucher is None or voucher.person_id != turn.me.id:
        raise OutOfDate
    vouchers.require_good(turn.session, voucher=voucher)
    return voucher


def _set_rows(update: Update, turn: Turn, rows: Rows) -> None:
    message = update.effective_message
    if message is None:
        raise OutOfDate
    payload = View("", rows=rows).payload()
    turn.call(
        turn.me.id,
        "editMessageReplyMarkup",
        message_id=message.message_id,
        reply_markup=payload["reply_markup"],
    )


def _show_row(voucher: Voucher, words: Words) -> tuple[Button, ...]:
    label = words.tr("Show V{number}", number=voucher.id)
    return (Button(label, callbacks.pack(VOUCHERS, "show", voucher.id), style="primary"),)


def _good_rows(voucher: Voucher, words: Words) -> Rows:
    return ((Button(words.tr("Give back…"), callbacks.pack(VOUCHERS, "ask", voucher.id)),),)


def _balance(turn: Turn, voucher: Voucher) -> int:
    return ledger.balance(turn.session, person_id=voucher.person_id).points


def _shop_name(turn: Turn, voucher: Voucher, words: Words) -> str:
    shop = vouchers.shop_of(turn.session, voucher=voucher)
    return escape(words.choose(shop.name_zh, shop.name_en))


def _words(turn: Turn, voucher: Voucher) -> Words:
    rider = people.find(turn.session, person_id=voucher.person_id)
    return turn.words_of(rider.language if rider else None)


HANDLERS = (
    CommandHandler(
        "vouchers", list_mine, filters=filters.UpdateType.MESSAGE & filters.ChatType.PRIVATE
    ),
    CallbackQueryHandler(show_anew, callbacks.pattern(VOUCHERS, "show")),
    CallbackQueryHandler(ask_cancel, callbacks.pattern(VOUCHERS, "ask")),
    CallbackQueryHandler(keep, callbacks.pattern(VOUCHERS, "keep")),
    CallbackQueryHandler(cancel, callbacks.pattern(VOUCHERS, "cancel")),
)
