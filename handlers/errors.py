"""What was refused becomes words here, once; what broke is kept for the intake to roll back."""

from datetime import timedelta
from html import escape
from typing import Any

from telegram import Update
from telegram.ext import CallbackContext

from handlers import callbacks, standing
from handlers.callbacks import REVIEW
from handlers.context import Context, Turn
from handlers.views import View, sentences
from locales import Words
from models import clock
from models.workflow import State
from services import chats
from services.refusals import (
    AlreadyDecided,
    AppealedBefore,
    Banned,
    Busy,
    ChiefLifts,
    ChiefOnly,
    Claimed,
    DecidedBefore,
    InviteNotValid,
    ItemGone,
    LastAdmin,
    LimitReached,
    MovedOn,
    NoButtonOfOurs,
    NoSuchReport,
    NoSuchSpot,
    NoSuchVoucher,
    NotBanned,
    NotEnoughPoints,
    NotForYou,
    NothingSaid,
    NotWarnedYet,
    NotYourDecision,
    OtherShop,
    OutOfDate,
    OutsideDistricts,
    OwnCase,
    OwnReport,
    OwnVoucher,
    PriceChanged,
    RedeemedAlready,
    Refusal,
    SamePhoto,
    SoldOut,
    SpendingFrozen,
    StandingInDoubt,
    TooLateToAppeal,
    TooLateToUndo,
    TooManyGuesses,
    TooManyPhotos,
    TooManyToday,
    TooManyVoices,
    TooManyWrongCodes,
    UnknownCode,
    VotedBefore,
    VoucherCancelled,
    VoucherExpired,
    VoucherUsed,
    WarnedAlready,
    WrongCheckDigit,
    WrongSetupCode,
)


def sentence(refusal: Refusal, *, words: Words, among_colleagues: bool = False) -> str:
    """What to say to somebody whose wish was refused.

    Args:
        refusal: what was refused, and why.
        words: the language of who wished it.
        among_colleagues: it is said at the review desk, where people know each other's names.

    Returns:
        Plain text.
    """
    match refusal:
        case OutsideDistricts() as outside:
            where = words.tr(
                "This is outside our area (nearest: {district}, about {distance}).",
                district=words.choose(outside.nearest.name_zh, outside.nearest.name_en),
                distance=words.distance(outside.distance_m),
            )
            kept = words.tr("Your draft is kept; send another place.")
            return sentences(where, kept, words=words) if outside.draft_kept else where
        case TooManyToday(limit=limit, again_at=again_at):
            return words.tr(
                "{count} reports today; you can go on after {clock}. Your draft is kept.",
                count=words.number(limit),
                clock=words.clock(again_at),
            )
        case TooManyPhotos(limit=limit):
            return words.trn(
                "A report takes {count} photo; the rest was left out.",
                "A report takes {count} photos; the rest was left out.",
                limit,
            )
        case TooManyVoices(limit=limit):
            return words.trn(
                "{count} spoken note was added already. Write the rest, please.",
                "{count} spoken notes were added already. Write the rest, please.",
                limit,
            )
        case SamePhoto():
            return words.tr("That photo is in the report already.")
        case AlreadyDecided() as decided:
            return _decided(decided, words, among_colleagues=among_colleagues)
        case Claimed(by=name, until=until):
            return words.tr("{name} is on it until {clock}.", name=name, clock=words.clock(until))
        case VotedBefore():
            return words.tr("You have voted already. Now it is a colleague's turn.")
        case ChiefOnly():
            return words.tr("Two reviewers differ here. A chief decides.")
        case DecidedBefore():
            return words.tr("You decided it before. A colleague decides on the appeal.")
        case NotYourDecision():
            return words.tr("Only who decided can undo it.")
        case TooLateToUndo(minutes=minutes):
            return words.trn(
                "Undoing works for {count} minute only.",
                "Undoing works for {count} minutes only.",
                minutes,
            )
        case MovedOn():
            return words.tr("The other report was merged on; this cannot be undone any more.")
        case ItemGone():
            return words.tr("That is not on offer just now. /rewards shows what is.")
        case SoldOut():
            return words.tr("The last one has just gone. Your points are untouched.")
        case PriceChanged(cost=cost):
            return words.trn(
                "It costs {count} point by now. Nothing was redeemed.",
                "It costs {count} points by now. Nothing was redeemed.",
                cost,
            )
        case LimitReached(limit=limit):
            return words.trn(
                "It is {count} for each person, and you have had yours.",
                "It is {count} for each person, and you have had yours.",
                limit,
            )
        case NotEnoughPoints(missing=missing, pending=pending):
            lacking = words.trn("{count} point is missing.", "{count} points are missing.", missing)
            waiting = (
                words.trn(
                    "{count} of them is yours already and can be spent later.",
                    "{count} of them are yours already and can be spent later.",
                    pending,
                )
                if pending
                else ""
            )
            return sentences(lacking, waiting, words=words)
        case SpendingFrozen(until=until):
            return words.tr(
                "Reporting is barred for you until {day}, and so is redeeming. "
                "Your points are kept.",
                day=words.day(until),
            )
        case RedeemedAlready():
            return words.tr("That is redeemed already. /vouchers shows it.")
        case WrongCheckDigit():
            return words.tr("That code was mistyped. Please compare it and type it again.")
        case NoSuchVoucher():
            return words.tr(
                "No voucher has that code. If the rider had it shown anew, only the newest works."
            )
        case OwnVoucher():
            return words.tr("A colleague has to confirm your own voucher.")
        case TooManyWrongCodes(again_at=again_at):
            return words.tr(
                "Too many wrong codes in this shop. Scanning still works; type again after "
                "{clock}.",
                clock=words.clock(again_at + timedelta(seconds=59)),
            )
        case OtherShop():
            return words.tr("That voucher is for another shop.")
        case VoucherUsed(at=at, shop_zh=zh, shop_en=en):
            return words.tr(
                "It was used already: {clock}, {shop}.",
                clock=words.when(at, now=clock.now()),
                shop=words.choose(zh, en),
            )
        case VoucherCancelled(at=at):
            return words.tr(
                "The rider gave it back: {clock}.", clock=words.when(at, now=clock.now())
            )
        case VoucherExpired(at=at):
            return words.tr(
                "It expired on {day}; its points went back to the rider.",
                day=words.day(at - timedelta(seconds=1)),
            )
        case AppealedBefore():
            return words.tr("A report can be appealed once.")
        case TooLateToAppeal(days=days):
            return words.trn(
                "An appeal is possible for {count} day only.",
                "An appeal is possible for {count} days only.",
                days,
            )
        case NoSuchReport(number=number):
            return words.tr("#{number} is no open report.", number=number)
        case NothingSaid():
            return words.tr("Words, please: write them in reply.")
        case Busy():
            return words.tr("That is being worked on right now. Please try again.")
        case OwnReport():
            return words.tr("A colleague has to review your own report.")
        case Banned(until=until):
            again = words.tr(
                "You can report again from {day}, {clock}.",
                day=words.day(until),
                clock=words.clock(until),
            )
            kept = words.tr("Your draft is kept.") if refusal.draft_kept else ""
            return sentences(again, kept, words=words)
        case OwnCase():
            return words.tr("A colleague has to decide about you.")
        case NotWarnedYet(needed=needed):
            return words.trn(
                "Warn them first: {count} more warning, then a ban.",
                "Warn them first: {count} more warnings, then a ban.",
                needed,
            )
        case WarnedAlready():
            return words.tr("They were warned for this report already.")
        case ChiefLifts():
            return words.tr("A chief has to lift it.")
        case NotBanned():
            return words.tr("They are not banned.")
        case LastAdmin():
            return words.tr("That is the last admin. Make somebody else admin first.")
        case StandingInDoubt():
            return words.tr("I am checking who you are. Please try again in a moment.")
        case NotForYou():
            return words.tr("That is not yours to change.")
        case OutOfDate() | UnknownCode():
            return words.tr("That button is out of date.")
        case WrongSetupCode():
            return words.tr(
                "That code is not valid. The newest one is shown where the bot was started."
            )
        case InviteNotValid():
            return words.tr("That invitation is not valid any more. Ask for a new one.")
        case NoSuchSpot():
            return words.tr("That code names no place. Send the place yourself, please.")
        case TooManyGuesses(again_at=again_at):
            # Told in whole minutes, none too early.
            soonest = again_at + timedelta(seconds=59)
            return words.tr(
                "Too many wrong tries. You can try again after {clock}.",
                clock=words.clock(soonest),
            )
    return words.tr("That is not possible right now.")


def _decided(decided: AlreadyDecided, words: Words, *, among_colleagues: bool) -> str:
    # Colleagues read who was faster; riders meet a desk, not its people.
    name = (decided.by or "") if among_colleagues else ""
    match decided.state:
        case State.APPROVED if name:
            return words.tr("{name} approved it a moment ago.", name=name)
        case State.REJECTED if name:
            return words.tr("{name} rejected it a moment ago.", name=name)
        case State.WITHDRAWN:
            return words.tr("It has been withdrawn.")
        case State.ASKED:
            return words.tr("A question to the rider is open.")
        case State.HELD:
            return words.tr("It is on hold.")
        case State.UNANSWERED:
            return words.tr("It was closed, since the question stayed open.")
        case State.APPEALED:
            return words.tr("An appeal is being looked at.")
        case State.SECOND:
            return words.tr("It waits for a second reviewer.")
        case State.DISPUTED:
            return words.tr("It waits for a chief.")
        case State.SUBMITTED:
            return words.tr("It waits for its decision.")
    return words.tr("It has been decided already.")


async def on_error(update: object, context: CallbackContext[Any, Any, Any, Any]) -> None:
    """Say a refusal to whom it concerns; keep anything else for the intake."""
    assert isinstance(context, Context)
    turn, error = context.turn, context.error
    if not isinstance(error, Refusal) or not isinstance(update, Update):
        turn.failure = error
        return
    refuse(update, turn, error)


def refuse(update: Update, turn: Turn, refusal: Refusal) -> None:
    """Answer a refused wish: on the button that was pressed, or with a message."""
    user, press = update.effective_user, update.callback_query
    if isinstance(refusal, StandingInDoubt) and turn.person is not None and user is not None:
        if press is not None and _is_review_press(update):
            # It is answered with what comes of it.
            standing.ask_about(turn, refusal, user, press=press)
            return
        standing.ask_about(turn, refusal, user)
    if press is not None and isinstance(refusal, NotForYou | NoButtonOfOurs):
        turn.forged = True
    chat, words = update.effective_chat, turn.words
    in_group = chat is not None and chat.type != "private"
    if chat is not None and in_group and press is None:
        # Everybody there reads it.
        row = chats.current(turn.session, chat_id=chat.id)
        words = turn.words_of(row.language if row is not None else None)
    text = sentence(refusal, words=words, among_colleagues=in_group)
    if isinstance(refusal, StandingInDoubt) and turn.person is None:
        # An anonymous administrator writes as the group itself: Telegram cannot tell who it is.
        text = words.tr("Please write that as yourself, not anonymously.")
    if press is not None:
        turn.toast(update, text, alert=True)
    elif chat is not None:
        # In a group as a reply, or in a forum it would stand in another topic.
        message = update.effective_message
        reply_to = message.message_id if message is not None and in_group else None
        turn.say(chat.id, View(escape(text)), reply_to=reply_to)


def _is_review_press(update: Update) -> bool:
    press = callbacks.parse(update.callback_query.data if update.callback_query else None)
    return press is not None and press.area == REVIEW
