"""Shops in the chat: their day and statements for staff, their staff for admins.

/shop   for staff: today's vouchers, totals, statements, leaving
/shops  for admins: every shop, its staff, invitations, statements

Each button asks the database anew whether who pressed it is staff or admin.
"""

from collections.abc import Sequence
from datetime import date
from html import escape

from telegram import Update
from telegram.ext import CallbackQueryHandler, CommandHandler, filters

from handlers import callbacks, views
from handlers.callbacks import SHOP
from handlers.context import Context, Turn
from handlers.views import Button, View
from locales import Words
from models import Shop
from services import outbox, people, shop_statements, shops
from services.refusals import NotForYou, OutOfDate
from services.shop_statements import Form, Line, Period

# How the payload of an invitation's link begins.
INVITE = "i"
# Shops a page, and bookings in a message; the statement has all of them.
SHOPS_A_PAGE = 10
LINES_SHOWN = 15


def name_of(shop: Shop, words: Words) -> str:
    """A shop's name, for HTML."""
    return escape(words.choose(shop.name_zh, shop.name_en))


# --- staff ---


def join(turn: Turn, *, token: str, name: str) -> None:
    """Become staff by an invitation.

    Args:
        turn: the transaction.
        token: what the link carried.
        name: what the person is called.

    Raises:
        InviteNotValid: it is used, has run out, or never was one.
        TooManyGuesses: they came by too many wrong links of late.
    """
    words = turn.words
    shop = shops.join(turn.session, person=turn.me, token=token, name=name, policy=turn.policy)
    text = words.tr(
        "You are staff of {shop} now.\n"
        "To confirm a voucher, scan its QR code, send a photo of it, or type its code. "
        "/shop shows the day.",
        shop=name_of(shop, words),
    )
    turn.tell(View(text))


async def my_shop(update: Update, context: Context) -> None:
    """Show their shop's day; who works in several chooses first."""
    turn, words = context.turn, context.turn.words
    mine = shops.shops_of(turn.session, person_id=turn.me.id)
    if not mine:
        text = words.tr("This is for shops' staff. Ask the operator for an invitation.")
        if people.is_admin(turn.session, person_id=turn.me.id):
            text = words.tr("You are staff of no shop. /shops shows all of them.")
        turn.tell(View(text))
        return
    if len(mine) == 1:
        turn.tell(_day_view(turn, mine[0]))
        return
    rows = _shop_rows(mine, "day", words)
    turn.tell(View(words.tr("Which shop?"), rows=rows))


async def show_day(update: Update, context: Context) -> None:
    """Show the day of the shop that was chosen, or bring what is shown up to date."""
    turn = context.turn
    shop = _of_staff(turn, callbacks.pressed(update).subject)
    turn.toast(update)
    turn.edit(update, _day_view(turn, shop))


async def ask_to_leave(update: Update, context: Context) -> None:
    """Ask once more: only an invitation brings them back."""
    turn, words = context.turn, context.turn.words
    shop = _of_staff(turn, callbacks.pressed(update).subject)
    turn.toast(update)
    text = words.tr(
        "Leave {shop}? Only a new invitation brings you back.", shop=name_of(shop, words)
    )
    rows = (
        (
            Button(words.tr("Stay"), callbacks.pack(SHOP, "day", shop.id)),
            Button(words.tr("Leave"), callbacks.pack(SHOP, "left", shop.id), style="danger"),
        ),
    )
    turn.edit(update, View(text, rows=rows))


async def leave(update: Update, context: Context) -> None:
    """Leave a shop's staff."""
    turn, words = context.turn, context.turn.words
    shop = _of_staff(turn, callbacks.pressed(update).subject)
    shops.leave(turn.session, shop_id=shop.id, person_id=turn.me.id)
    turn.toast(update)
    text = words.tr("You are not staff of {shop} any more.", shop=name_of(shop, words))
    turn.edit(update, View(text))


def _of_staff(turn: Turn, shop_id: int) -> Shop:
    return shops.require_staff(turn.session, shop_id=shop_id, person_id=turn.me.id)


def _day_view(turn: Turn, shop: Shop) -> View:
    words, zone = turn.words, turn.policy.zone
    on = shop_statements.today(zone)
    day = shop_statements.statement(
        turn.session, shop_id=shop.id, period=shop_statements.day_of(on, zone)
    )
    month = shop_statements.total(
        turn.session, shop_id=shop.id, period=shop_statements.month_of(on, zone)
    )
    lines = [f"<b>{name_of(shop, words)}</b> · {words.day(day.period.start)}"]
    shown = day.lines[-LINES_SHOWN:]
    if len(day.lines) > len(shown):
        earlier = len(day.lines) - len(shown)
        lines.append(words.trn("{count} earlier booking", "{count} earlier bookings", earlier))
    lines += [_booking(line, words) for line in shown] or [words.tr("No voucher yet today.")]
    lines.append(
        words.tr(
            "Today: {today} points. This month: {month} points.",
            today=words.number(day.total),
            month=words.number(month),
        )
    )
    rows = [
        *_statement_rows(shop, on, turn, with_today=True),
        [
            Button(words.tr("Refresh"), callbacks.pack(SHOP, "day", shop.id)),
            Button(words.tr("Leave"), callbacks.pack(SHOP, "leave", shop.id)),
        ],
    ]
    return View("\n".join(lines), rows=rows)


def _booking(line: Line, words: Words) -> str:
    parts = [words.clock(line.at)]
    if line.voucher_id is None:
        parts.append(words.tr("booked by hand"))
    else:
        parts += [f"V{line.voucher_id}", escape(words.choose(line.title_zh, line.title_en))]
    if line.rider is not None:
        parts.append(views.pseudonym(line.rider, words))
    if line.points < 0 and line.voucher_id is not None:
        parts.append(words.tr("undone"))
    parts.append(words.signed(line.points))
    return " · ".join(parts)


# --- statements ---


def _statement_rows(shop: Shop, on: date, turn: Turn, *, with_today: bool) -> list[list[Button]]:
    words, zone = turn.words, turn.policy.zone
    periods = [
        (words.tr("This month"), shop_statements.month_of(on, zone)),
        (words.tr("Last month"), shop_statements.month_before(on, zone)),
    ]
    if with_today:
        periods.insert(0, (words.tr("Today"), shop_statements.day_of(on, zone)))
    return [
        [_statement_button(shop.id, period, form, f"{label} {form.upper()}") for form in Form]
        for label, period in periods
    ]


def _statement_button(shop_id: int, period: Period, form: Form, label: str) -> Button:
    return Button(label, callbacks.pack(SHOP, "doc", shop_id, f"{period.name}.{form}"))


async def send_asked(update: Update, context: Context) -> None:
    """Send the statement a button names, to staff of the shop or an admin."""
    turn = context.turn
    press = callbacks.pressed(update)
    shop = shops.get(turn.session, shop_id=press.subject)
    if shop is None or not _may_read(turn, shop):
        raise NotForYou
    name, _, form = press.argument.partition(".")
    period = shop_statements.named(name, turn.policy.zone)
    if period is None or form not in tuple(Form):
        raise OutOfDate
    turn.toast(update, turn.words.tr("On its way."))
    send(turn, turn.me.id, shop=shop, period=period, form=Form(form), words=turn.words)


def _may_read(turn: Turn, shop: Shop) -> bool:
    me = turn.me.id
    return shops.is_staff(turn.session, shop_id=shop.id, person_id=me) or people.is_admin(
        turn.session, person_id=me
    )


def send(
    turn: Turn,
    chat_id: int,
    *,
    shop: Shop,
    period: Period,
    form: Form,
    words: Words,
    bulk: bool = False,
) -> None:
    """Send a statement as a file, after the commit; it is drawn then.

    Args:
        turn: the transaction.
        chat_id: to whom.
        shop: whose statement.
        period: of which day or month.
        form: how it is drawn.
        words: their language.
        bulk: it is one of many and may wait.
    """
    caption = words.tr(
        "Statement of {shop}, {period}",
        shop=name_of(shop, words),
        period=views.period_name(period, words),
    )
    rows: views.Rows = ()
    if form is Form.PDF and not period.is_month:
        # A month's comes in both forms; a day's table is wanted less often.
        rows = ((_statement_button(shop.id, period, Form.CSV, "CSV"),),)
    asked = {
        "shop_id": shop.id,
        "period": period.name,
        "form": form.value,
        "language": words.language,
    }
    outbox.queue(
        turn.session,
        chat_id=chat_id,
        method=outbox.STATEMENT,
        payload=View(caption, rows=rows).payload() | asked,
        bulk=bulk,
    )


# --- admins ---


async def list_shops(update: Update, context: Context) -> None:
    """Every shop, for an admin."""
    people.require_admin(context.turn.session, person_id=context.turn.me.id)
    context.turn.tell(_list_view(context.turn, 0))


async def turn_page(update: Update, context: Context) -> None:
    """Another page, on the same message."""
    turn = context.turn
    people.require_admin(turn.session, person_id=turn.me.id)
    turn.toast(update)
    turn.edit(update, _list_view(turn, callbacks.pressed(update).subject))


async def show_shop(update: Update, context: Context) -> None:
    """One shop with its staff, on the same message."""
    turn = context.turn
    shop = _for_admin(turn, callbacks.pressed(update).subject)
    turn.toast(update)
    turn.edit(update, _shop_view(turn, shop))


async def send_invite(update: Update, context: Context) -> None:
    """Send a link for new staff, to be passed on."""
    turn, words = context.turn, context.turn.words
    shop = _for_admin(turn, callbacks.pressed(update).subject)
    invite = shops.invite(turn.session, shop_id=shop.id, admin_id=turn.me.id, policy=turn.policy)
    link = views.deep_link(turn.house.bot_username, f"{INVITE}_{invite.token}")
    turn.toast(update)
    text = words.tr(
        "Invitation to {shop}: who opens the link first becomes staff. "
        "It is good until {day}, {clock}.",
        shop=name_of(shop, words),
        day=words.day(invite.expires_at),
        clock=words.clock(invite.expires_at),
    )
    turn.tell(View(f"{text}\n{link}", rows=((Button(words.tr("Copy link"), copy_text=link),),)))


async def remove(update: Update, context: Context) -> None:
    """Take somebody off a shop's staff, and tell them."""
    turn = context.turn
    press = callbacks.pressed(update)
    shop = _for_admin(turn, press.subject)
    person_id = callbacks.number_in(press.argument)
    if person_id is None:
        raise OutOfDate
    turn.toast(update)
    if shops.leave(turn.session, shop_id=shop.id, person_id=person_id):
        gone = people.find(turn.session, person_id=person_id)
        if gone is not None and gone.unreachable_since is None:
            words = turn.words_of(gone.language)
            text = words.tr("You are not staff of {shop} any more.", shop=name_of(shop, words))
            turn.say(person_id, View(text))
    turn.edit(update, _shop_view(turn, shop))


def _for_admin(turn: Turn, shop_id: int) -> Shop:
    people.require_admin(turn.session, person_id=turn.me.id)
    shop = shops.get(turn.session, shop_id=shop_id)
    if shop is None:
        raise OutOfDate
    return shop


def _list_view(turn: Turn, page: int) -> View:
    words = turn.words
    found, pages = shops.page_of(turn.session, page=page, size=SHOPS_A_PAGE)
    if not found:
        return View(words.tr("No shop yet. They come with the catalogue."))
    page = min(page, pages - 1)
    text = words.tr("<b>Shops</b>")
    rows = _shop_rows(found, "open", words)
    if pages > 1:
        text += f" · {page + 1}/{pages}"
        turns = []
        if page > 0:
            turns.append(Button("◀", callbacks.pack(SHOP, "page", page - 1)))
        if page < pages - 1:
            turns.append(Button("▶", callbacks.pack(SHOP, "page", page + 1)))
        rows.append(turns)
    return View(text, rows=rows)


def _shop_rows(found: Sequence[Shop], verb: str, words: Words) -> list[list[Button]]:
    return [
        [Button(words.choose(shop.name_zh, shop.name_en), callbacks.pack(SHOP, verb, shop.id))]
        for shop in found
    ]


def _shop_view(turn: Turn, shop: Shop) -> View:
    words, pack = turn.words, callbacks.pack
    staff = shops.staff_of(turn.session, shop_id=shop.id)
    lines = [f"<b>{name_of(shop, words)}</b> · {escape(shop.code)}"]
    if address := words.choose(shop.address_zh, shop.address_en):
        lines.append(f"📍 {escape(address)}")
    names = views.cut(words.choose("、", ", ").join(member.name for member in staff), 1000)
    lines.append(
        words.tr("Staff: {names}", names=escape(names))
        if staff
        else words.tr("No staff yet. Send somebody an invitation.")
    )
    taken_off = words.tr("Remove")
    rows = [[Button(words.tr("Invite"), pack(SHOP, "invite", shop.id), style="primary")]]
    rows += [
        [
            Button(
                f"{taken_off} {views.cut(member.name, 40)}",
                pack(SHOP, "remove", shop.id, callbacks.base36(member.person_id)),
            )
        ]
        # Telegram takes a hundred buttons.
        for member in staff[:60]
    ]
    on = shop_statements.today(turn.policy.zone)
    rows += _statement_rows(shop, on, turn, with_today=False)
    return View("\n".join(lines), rows=rows)


PRIVATE = filters.UpdateType.MESSAGE & filters.ChatType.PRIVATE
HANDLERS = (
    CommandHandler("shop", my_shop, filters=PRIVATE),
    CommandHandler("shops", list_shops, filters=PRIVATE),
    CallbackQueryHandler(show_day, callbacks.pattern(SHOP, "day")),
    CallbackQueryHandler(ask_to_leave, callbacks.pattern(SHOP, "leave")),
    CallbackQueryHandler(leave, callbacks.pattern(SHOP, "left")),
    CallbackQueryHandler(send_asked, callbacks.pattern(SHOP, "doc")),
    CallbackQueryHandler(turn_page, callbacks.pattern(SHOP, "page")),
    CallbackQueryHandler(show_shop, callbacks.pattern(SHOP, "open")),
    CallbackQueryHandler(send_invite, callbacks.pattern(SHOP, "invite")),
    CallbackQueryHandler(remove, callbacks.pattern(SHOP, "remove")),
)
