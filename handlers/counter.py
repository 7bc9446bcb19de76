"""The counter of a shop: its staff show the bot a voucher, hand the item over, and confirm it.

    QR code scanned (deep link) ─┐
    photo of it ──errand──▶ read ├──▶ what it is for ──Confirm──▶ ✅ confirmed ──Undo──┐
    code typed ──────────────────┘          ▲    │ Not now                            │
                                            │    ▼                                    │
                                            │  (stays good)                           │
                                            └─────────────────────────────────────────┘

What proves that they were shown it, the token or the code, goes along in the buttons: whoever makes
one up has to guess it, and guesses at codes are counted.
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from html import escape
from typing import Any

from telegram import Message, Update
from telegram.ext import CallbackQueryHandler, MessageHandler, filters

from handlers import callbacks, errors, report, views
from handlers import vouchers as voucher_cards
from handlers.callbacks import COUNTER, Press
from handlers.context import Context, Turn, current_turn
from handlers.conversation import REPORT
from handlers.views import Button, View
from models import Voucher, clock
from models.errands import ErrandKind
from models.rewards import VoucherState
from services import (
    counter,
    drafts,
    errands,
    people,
    reports,
    shops,
    voucher_codes,
    vouchers,
)
from services.refusals import (
    NoSuchVoucher,
    NotForYou,
    OutOfDate,
    VoucherCancelled,
    VoucherExpired,
    VoucherUsed,
)

_OVER = (VoucherUsed, VoucherCancelled, VoucherExpired)


def opened(turn: Turn, token: str) -> None:
    """Somebody scanned the QR code of a voucher, or sent a photo of it.

    Args:
        turn: the transaction; it holds the lock of the person's row.
        token: what the code carries after `voucher_codes.LINK_PREFIX`.

    Raises:
        NoSuchVoucher: it stands for no voucher (any more).
        OtherShop: it is for another shop than theirs.
    """
    words = turn.words
    voucher = vouchers.by_token(turn.session, token=token)
    if voucher is None:
        # Not counted: 128 bits are not guessed, and a rider who shows screens that were replaced
        # must not keep the staff from scanning.
        raise NoSuchVoucher
    if voucher.person_id == turn.me.id:
        turn.tell(View(words.tr("This is your own voucher. Let the shop scan it.")))
        return
    try:
        vouchers.require_counter(turn.session, voucher=voucher, person_id=turn.me.id)
    except NotForYou:
        # A rider's screen that was photographed is of no use to anybody but the shop.
        turn.tell(View(words.tr("That is somebody's voucher. Only the shop can confirm it.")))
        return
    _show(turn, voucher, proof=token)


async def take_code(update: Update, context: Context) -> None:
    """A code was typed."""
    turn = context.turn
    code = _code_in(_message(update))
    assert code is not None
    voucher = counter.by_code(turn.session, person=turn.me, code=code, policy=turn.policy)
    _show(turn, voucher, proof=code)


async def take_picture(update: Update, context: Context) -> None:
    """A photo may show a code: it is fetched and read after the commit."""
    turn = context.turn
    sent = report.sent_in(_message(update))
    errands.ask(
        turn.session,
        kind=ErrandKind.VOUCHER,
        payload={"person_id": turn.me.id, "file_id": sent.file_id},
        # Somebody stands at the counter and waits.
        first=True,
    )


def read(turn: Turn, texts: Iterable[str]) -> None:
    """What the QR codes in a photo of theirs say is known now.

    Args:
        turn: the transaction; it holds the lock of the person's row.
        texts: of each code.

    Raises:
        Refusal: as `opened`.
    """
    tokens = [token for text in texts if (token := _token_in(turn, text)) is not None]
    if tokens:
        opened(turn, tokens[0])
        return
    words = turn.words
    turn.tell(
        View(
            words.tr(
                "I see no voucher in that photo. Go closer, or type the 8 characters of its code.\n"
                "If it was a hazard: /report first, then the photo."
            )
        )
    )


def still_fetching(turn: Turn) -> None:
    """A photo could not be fetched at once: there is a way that needs none."""
    text = turn.words.tr("The photo is slow to come; I keep trying. Typing the code is faster.")
    turn.tell(View(text))


def not_fetched(turn: Turn) -> None:
    """A photo cannot be fetched at all."""
    text = turn.words.tr("That photo could not be fetched. Type the 8 characters of the code.")
    turn.tell(View(text))


async def confirm(update: Update, context: Context) -> None:
    """The voucher is used up, and its rider hears of it: the item can be handed over."""
    turn, press = context.turn, callbacks.pressed(update)
    voucher = _proven(turn, press)
    try:
        voucher = vouchers.confirm(turn.session, voucher_id=voucher.id, person_id=turn.me.id)
    except _OVER as refusal:
        if voucher.state != VoucherState.USED or voucher.used_by != turn.me.id:
            text = errors.sentence(refusal, words=turn.words)
            turn.toast(update, text, alert=True)
            turn.edit(update, _over(turn, voucher, text, proof=press.argument))
            return
        # Tapped twice.
    else:
        voucher_cards.tell_used(turn, voucher)
    turn.toast(update)
    turn.edit(update, _confirmed(turn, voucher, proof=press.argument))


async def not_now(update: Update, context: Context) -> None:
    """It is not handed over: nothing happens."""
    turn, press = context.turn, callbacks.pressed(update)
    turn.toast(update)
    text = turn.words.tr("V{number} was not confirmed.", number=press.subject)
    turn.edit(update, View(text))


async def undo(update: Update, context: Context) -> None:
    """It was confirmed by mistake: the voucher is good again, or its points go back."""
    turn, press = context.turn, callbacks.pressed(update)
    # No proof is asked for: any of its staff may undo what the shop confirmed just now, also while
    # wrong codes keep them from confirming more.
    voucher = vouchers.undo(
        turn.session, voucher_id=press.subject, person_id=turn.me.id, policy=turn.policy
    )
    try:
        vouchers.require_good(turn.session, voucher=voucher)
    except VoucherExpired as over:
        # Its last day ended between the two: nobody need wait for the sweep to have the points.
        voucher_cards.expire(turn, voucher)
        text = errors.sentence(over, words=turn.words)
        turn.toast(update, text, alert=True)
        turn.edit(update, _over(turn, voucher, text, proof=press.argument))
        return
    turn.toast(update, turn.words.tr("Undone. The voucher is good again."))
    voucher_cards.tell_undone(turn, voucher)
    turn.edit(update, _card(turn, voucher, proof=press.argument))


def _proven(turn: Turn, press: Press) -> Voucher:
    """The voucher a button is about, if whoever pressed it was shown it.

    Raises:
        NotForYou: they are no shop's staff.
        Refusal: what the button carries stands for nothing (any more), or for another voucher.
    """
    if not shops.shops_of(turn.session, person_id=turn.me.id):
        raise NotForYou
    if (code := voucher_codes.plain(press.argument)) is not None:
        voucher = counter.by_code(turn.session, person=turn.me, code=code, policy=turn.policy)
    else:
        found = vouchers.by_token(turn.session, token=press.argument)
        if found is None:
            # Its rider has had it shown anew since.
            raise NoSuchVoucher
        voucher = vouchers.require_counter(turn.session, voucher=found, person_id=turn.me.id)
    if voucher.id != press.subject:
        raise OutOfDate
    return voucher


# --- views ---


def _show(turn: Turn, voucher: Voucher, *, proof: str) -> None:
    try:
        vouchers.require_good(turn.session, voucher=voucher)
    except _OVER as refusal:
        text = errors.sentence(refusal, words=turn.words)
        turn.tell(_over(turn, voucher, text, proof=proof))
        return
    turn.tell(_card(turn, voucher, proof=proof))


def _card(turn: Turn, voucher: Voucher, *, proof: str) -> View:
    words = turn.words
    rider = people.find(turn.session, person_id=voucher.person_id)
    assert rider is not None
    lines = (
        _head("🎟", voucher, turn),
        words.tr(
            "👤 {rider} · issued {clock} · good until the end of {day}",
            rider=views.pseudonym(rider, words),
            clock=words.when(voucher.issued_at, now=clock.now()),
            day=words.day(voucher.expires_at - timedelta(seconds=1)),
        ),
        # Until then its rider may give it back, with the item in hand.
        words.tr("Confirm first, then hand it over."),
    )
    pack = callbacks.pack
    confirmed = Button(
        words.tr("✅ Confirm"), pack(COUNTER, "ok", voucher.id, proof), style="success"
    )
    later = Button(words.tr("Not now"), pack(COUNTER, "no", voucher.id))
    return View("\n".join(lines), rows=((confirmed,), (later,)))


def _confirmed(turn: Turn, voucher: Voucher, *, proof: str) -> View:
    words = turn.words
    assert voucher.used_at is not None
    when = words.tr("Confirmed {clock}", clock=words.when(voucher.used_at, now=clock.now()))
    text = f"{_head('✅', voucher, turn)}\n{when}"
    return View(text, rows=_undo_rows(turn, voucher, proof=proof))


def _over(turn: Turn, voucher: Voucher, why: str, *, proof: str) -> View:
    """A voucher that is not good any more, and why."""
    text = f"{_head('🎟', voucher, turn)}\n{escape(why)}"
    return View(text, rows=_undo_rows(turn, voucher, proof=proof))


def _head(sign: str, voucher: Voucher, turn: Turn) -> str:
    words = turn.words
    title = escape(words.choose(voucher.title_zh, voucher.title_en))
    points = words.trn("{count} point", "{count} points", voucher.cost)
    return f"{sign} V{voucher.id} · <b>{title}</b> · {points}"


def _undo_rows(turn: Turn, voucher: Voucher, *, proof: str) -> views.Rows:
    minutes = timedelta(minutes=turn.policy.rewards.undo_minutes)
    if voucher.used_at is None or clock.now() > voucher.used_at + minutes:
        return ()
    data = callbacks.pack(COUNTER, "undo", voucher.id, proof)
    return ((Button(turn.words.tr("Undo"), data),),)


# --- what is meant for the counter ---


def _message(update: Update) -> Message:
    message = update.effective_message
    assert message is not None
    return message


def _code_in(message: Message) -> str | None:
    return voucher_codes.plain(message.text or "")


def _token_in(turn: Turn, text: str) -> str | None:
    """The token in the link of a voucher of this bot; None for whatever else a QR code says."""
    bot = re.escape(turn.house.bot_username)
    link = rf"https?://t\.me/{bot}\?start={voucher_codes.LINK_PREFIX}([\w-]{{1,40}})"
    match = re.fullmatch(link, text.strip(), re.ASCII | re.IGNORECASE)
    return match[1] if match else None


class CodeHandler(MessageHandler[Context, None]):
    """Takes what looks like a code from a shop's staff; in a report of theirs, only a right one."""

    def check_update(self, update: object) -> bool | dict[str, list[Any]] | None:
        """Ask what costs nothing first, the database last."""
        fits = super().check_update(update)
        turn = current_turn()
        if not fits or not isinstance(update, Update) or turn.person is None:
            return None
        code = _code_in(_message(update))
        if code is None:
            return None
        # A draft may lie about for a day: a code that adds up is no note, nor an address to be
        # looked up elsewhere, and somebody waits at the counter.
        if REPORT in (turn.conversations or {}) and not voucher_codes.is_right(code):
            return None
        return fits if shops.shops_of(turn.session, person_id=turn.me.id) else None


class PictureHandler(MessageHandler[Context, None]):
    """Takes a picture from a shop's staff, unless it belongs to a report of theirs."""

    def check_update(self, update: object) -> bool | dict[str, list[Any]] | None:
        """Ask what costs nothing first, the database last."""
        fits = super().check_update(update)
        turn = current_turn()
        if not fits or not isinstance(update, Update) or turn.person is None:
            return None
        message = _message(update)
        if message.document is not None and not report.may_be_picture(message.document):
            return None
        if not shops.shops_of(turn.session, person_id=turn.me.id) or _is_of_report(turn, message):
            return None
        return fits


def _is_of_report(turn: Turn, message: Message) -> bool:
    if drafts.current(turn.session, person_id=turn.me.id) is not None:
        return True
    album = message.media_group_id
    # The first part of an album may have made the report.
    return album is not None and (
        reports.album_of(turn.session, person_id=turn.me.id, media_group_id=album) is not None
    )


NEW_PRIVATE = filters.UpdateType.MESSAGE & filters.ChatType.PRIVATE
# Routed after what is added to a report, and before a report is begun.
HANDLERS = (
    CodeHandler(NEW_PRIVATE & filters.TEXT & ~filters.COMMAND, take_code),
    PictureHandler(
        NEW_PRIVATE & (filters.PHOTO | (filters.Document.ALL & ~filters.ANIMATION)), take_picture
    ),
    CallbackQueryHandler(confirm, callbacks.pattern(COUNTER, "ok")),
    CallbackQueryHandler(not_now, callbacks.pattern(COUNTER, "no")),
    CallbackQueryHandler(undo, callbacks.pattern(COUNTER, "undo")),
)
