"""The reviewers' buttons. No conversation: every press stands for itself, the truth is in the rows.

    card ──[Approve ★…★★★]──▶ approved, points booked, the rider told ──[Undo]──▶ card
      ├───[Duplicate…]──▶ candidates, one by one ──[Yes, merge]──▶ the rider follows the other
      ├───[Ask…]──▶ questions ──[question] or a reply──▶ the rider is asked
      ├───[Reject…]──▶ reasons ──[reason] or a reply──▶ rejected, the rider told
      ├───[I take it]──▶ reserved for some minutes ──[Release]──▶ card
      └───[More…]──▶ [Hold…] [Correct…] [Rider…]

Who may: a member of the moderator chat the report belongs to, on no report of their own. Of two who
press at once one wins; the other reads who it was. What is written in reply is in replies.py.
"""

from collections.abc import Callable

from telegram import Update
from telegram.ext import CallbackQueryHandler

from handlers import callbacks, cards, decided, desk_views, sanctions
from handlers.callbacks import REVIEW, Press
from handlers.context import Context, Turn
from handlers.seats import Seat, take_seat
from models.cards import CardPurpose
from services import cards as card_rows
from services import (
    claims,
    clarifications,
    corrections,
    merges,
    photos,
    prompts,
    reports,
    review,
    reviewers,
)
from services import sanctions as sanctions_rows
from services.prompts import PromptKind
from services.refusals import AlreadyDecided, NotForYou, OutOfDate, UnknownCode

# Characters of what is said to a press beyond which it stays until it is closed.
LONG = 60
# Buttons of questions beside the card: to merge, and what a reply was for.
_ONCE = frozenset({"m", "k"})
# After these a reply to the card is taken for what they are about.
_AWAITS_WORDS = frozenset({"x", "q", "d", "h", "cp", "ww", "wb"})
# Districts offered for a correction: the nearest.
DISTRICTS = 8


async def pressed(update: Update, context: Context) -> None:
    """Do what a button says."""
    press = callbacks.pressed(update)
    chat, user = update.effective_chat, update.effective_user
    if chat is None or user is None:
        raise OutOfDate
    turn, message = context.turn, update.effective_message
    said = act(turn, press, chat_id=chat.id, person_id=user.id, name=user.first_name)
    # What has more than a few words is not read in the moment a toast is there.
    turn.toast(update, said, alert=len(said) > LONG)
    if message is not None:
        put_away(turn, press, chat_id=chat.id, message_id=message.message_id)


def put_away(turn: Turn, press: Press, *, chat_id: int, message_id: int) -> None:
    """Take the buttons off a question beside the card that a press has answered.

    Args:
        turn: the transaction.
        press: the button, after it was done.
        chat_id: where it was pressed.
        message_id: on which message: the card itself keeps what it shows, whatever was forged.
    """
    is_card = card_rows.report_on(turn.session, chat_id=chat_id, message_id=message_id) is not None
    if not is_card and (press.verb in _ONCE or (press.verb == "d" and press.argument)):
        turn.call(
            chat_id,
            "editMessageReplyMarkup",
            message_id=message_id,
            reply_markup={"inline_keyboard": []},
        )


def act(turn: Turn, press: Press, *, chat_id: int, person_id: int, name: str) -> str:
    """Do what a button says.

    Args:
        turn: the transaction.
        press: the button.
        chat_id: where it was pressed.
        person_id: who pressed it.
        name: as colleagues know them.

    Returns:
        What to say to them for a moment; empty if the card says it all.

    Raises:
        Refusal: they may not, or it is too late; the card shows how it stands.
    """
    report = reports.get(turn.session, report_id=press.subject)
    if report is None:
        raise NotForYou
    seat = take_seat(turn, report, chat_id=chat_id, person_id=person_id, name=name)
    try:
        said = _VERBS[press.verb](seat, press) or ""
    except AlreadyDecided:
        cards.refresh_review_cards(turn, report)
        raise
    if press.verb not in _AWAITS_WORDS:
        # What they meant to write before they tapped on is nothing to be sent to a rider later.
        prompts.forget(turn.session, chat_id=chat_id, person_id=person_id, report_id=report.id)
    return said


# --- deciding ---


def _approve(seat: Seat, press: Press) -> str | None:
    review.approve(
        seat.turn.session,
        report=seat.report,
        reviewer=seat.reviewer,
        grade=int(press.verb.removeprefix("a")),
        policy=seat.turn.policy,
        desk_size=seat.desk_size,
    )
    return decided.tell(seat)


def _reject(seat: Seat, press: Press) -> str | None:
    review.reject(
        seat.turn.session,
        report=seat.report,
        reviewer=seat.reviewer,
        reason=review.reason_of(press.argument, policy=seat.turn.policy),
        policy=seat.turn.policy,
        desk_size=seat.desk_size,
    )
    return decided.tell(seat)


def _merge(seat: Seat, press: Press) -> str | None:
    review.merge(
        seat.turn.session,
        report=seat.report,
        into=_number(press),
        reviewer=seat.reviewer,
        policy=seat.turn.policy,
    )
    return decided.tell(seat)


def _undo(seat: Seat, press: Press) -> str | None:
    session, merged_into = seat.turn.session, seat.report.duplicate_of
    review.undo(session, report=seat.report, reviewer=seat.reviewer, policy=seat.turn.policy)
    said = decided.tell(seat)
    other = reports.get(session, report_id=merged_into) if merged_into is not None else None
    if other is not None:
        # Its riders are fewer again.
        cards.refresh_review_cards(seat.turn, other)
    return said


def _release(seat: Seat, press: Press) -> str | None:
    review.release(seat.turn.session, report=seat.report, reviewer=seat.reviewer)
    return decided.tell(seat)


def _ask(seat: Seat, press: Press) -> str | None:
    question = seat.turn.policy.question(press.argument)
    if question is None:
        raise UnknownCode
    rider = decided.rider_words(seat)
    clarifications.ask(
        seat.turn.session,
        report=seat.report,
        reviewer=seat.reviewer,
        text=rider.choose(question.text_zh, question.text_en),
    )
    return decided.tell(seat)


def _recall(seat: Seat, press: Press) -> str | None:
    clarifications.recall(seat.turn.session, report=seat.report, reviewer=seat.reviewer)
    return decided.tell(seat)


# --- claiming ---


def _take(seat: Seat, press: Press) -> None:
    session = seat.turn.session
    reviewers.refuse_own(session, report=seat.report, reviewer=seat.reviewer)
    claims.take(session, report=seat.report, reviewer=seat.reviewer, policy=seat.turn.policy)
    cards.refresh_review_cards(seat.turn, seat.report)


def _give_back(seat: Seat, press: Press) -> None:
    claims.release(seat.turn.session, report=seat.report, reviewer=seat.reviewer)
    cards.refresh_review_cards(seat.turn, seat.report)


# --- putting right ---


def _set_category(seat: Seat, press: Press) -> None:
    corrections.category(
        seat.turn.session,
        report=seat.report,
        reviewer=seat.reviewer,
        code=press.argument,
        policy=seat.turn.policy,
    )
    decided.tell(seat)


def _set_district(seat: Seat, press: Press) -> None:
    corrections.district(
        seat.turn.session,
        report=seat.report,
        reviewer=seat.reviewer,
        code=press.argument,
        districts=seat.turn.house.districts,
    )
    decided.tell(seat)


# --- menus ---


def _show(seat: Seat, menu: desk_views.Menu) -> None:
    cards.show_menu(seat.turn, seat.report, chat_id=seat.chat_id, menu=menu)


def _may_begin(seat: Seat) -> None:
    """Say at once what would be refused in the end."""
    reports.require_undecided(seat.report)
    reviewers.refuse_own(seat.turn.session, report=seat.report, reviewer=seat.reviewer)
    claims.require_free(seat.report, reviewer=seat.reviewer)


def _expect(seat: Seat, kind: PromptKind, text: str = "") -> None:
    prompts.expect(
        seat.turn.session,
        chat_id=seat.chat_id,
        person_id=seat.reviewer.id,
        report_id=seat.report.id,
        kind=kind,
        text=text,
    )


def _show_reasons(seat: Seat, press: Press) -> None:
    _may_begin(seat)
    _expect(seat, PromptKind.REJECT)
    _show(seat, desk_views.reasons(seat.report, policy=seat.turn.policy, words=seat.words))


def _show_questions(seat: Seat, press: Press) -> None:
    _may_begin(seat)
    _expect(seat, PromptKind.ASK)
    _show(seat, desk_views.questions(seat.report, policy=seat.turn.policy, words=seat.words))


def _show_more(seat: Seat, press: Press) -> None:
    reports.require_undecided(seat.report)
    _show(seat, desk_views.more(seat.report, seat.words))


def _show_corrections(seat: Seat, press: Press) -> None:
    _may_begin(seat)
    _show(seat, desk_views.corrections(seat.report, seat.words))


def _show_categories(seat: Seat, press: Press) -> None:
    _may_begin(seat)
    _show(seat, desk_views.categories(seat.report, policy=seat.turn.policy, words=seat.words))


def _show_districts(seat: Seat, press: Press) -> None:
    _may_begin(seat)
    around = seat.turn.house.districts.around(seat.report.latitude, seat.report.longitude)
    others = [there for there in around if there.code != seat.report.district]
    _show(seat, desk_views.districts(seat.report, others[:DISTRICTS], seat.words))


def _await_pin(seat: Seat, press: Press) -> None:
    _may_begin(seat)
    _expect(seat, PromptKind.PIN)
    hint = seat.words.tr("📍 Reply to this card with a location, or with “25.118, 118.905”.")
    _show(seat, desk_views.replies(seat.report, hint, seat.words))


def _await_hold(seat: Seat, press: Press) -> None:
    _may_begin(seat)
    _expect(seat, PromptKind.HOLD)
    hint = seat.words.tr("⏸ Why on hold? Reply to this card.")
    _show(seat, desk_views.replies(seat.report, hint, seat.words))


def _show_rider(seat: Seat, press: Press) -> None:
    _may_begin(seat)
    record = sanctions_rows.record(seat.turn.session, person_id=seat.report.reporter_id)
    menu = desk_views.rider(
        seat.report,
        policy=seat.turn.policy,
        is_banned=record.banned_until is not None,
        warnings=record.warnings,
        words=seat.words,
    )
    _show(seat, menu)


def _await_warning(seat: Seat, press: Press) -> None:
    _may_begin(seat)
    _expect(seat, PromptKind.WARN)
    hint = seat.words.tr("👤 What should the rider mind? Reply to this card; they read it.")
    _show(seat, desk_views.replies(seat.report, hint, seat.words))


def _await_ban(seat: Seat, press: Press) -> None:
    _may_begin(seat)
    days = _number_of_days(press)
    sanctions_rows.require_warned(
        seat.turn.session,
        person_id=seat.report.reporter_id,
        reviewer=seat.reviewer,
        policy=seat.turn.policy,
    )
    _expect(seat, PromptKind.BAN, str(days))
    hint = seat.words.trn(
        "👤 Why no reports for {count} day? Reply to this card; the rider reads it.",
        "👤 Why no reports for {count} days? Reply to this card; the rider reads it.",
        days,
    )
    _show(seat, desk_views.replies(seat.report, hint, seat.words))


def _lift_ban(seat: Seat, press: Press) -> None:
    sanctions.lift(seat)
    cards.show_menu(seat.turn, seat.report, chat_id=seat.chat_id, menu=None)


def _number_of_days(press: Press) -> int:
    if not press.argument.isdecimal():
        raise OutOfDate
    return int(press.argument[:5])


def _hide_menu(seat: Seat, press: Press) -> None:
    reports.require_undecided(seat.report)
    cards.show_menu(seat.turn, seat.report, chat_id=seat.chat_id, menu=None)


def _show_candidate(seat: Seat, press: Press) -> str | None:
    """The nearest open report around, or the one after the one shown last."""
    _may_begin(seat)
    turn, words = seat.turn, seat.words
    _expect(seat, PromptKind.MERGE)
    found = merges.candidates(turn.session, report=seat.report, policy=turn.policy)
    if press.argument:
        shown = [candidate.report.id for candidate in found]
        last = _number(press)
        found = found[shown.index(last) + 1 :] if last in shown else found
    if not found:
        return words.tr(
            "No other open report within {distance}. If you know its number, reply to the card "
            "with it.",
            distance=words.distance(turn.policy.review.duplicate_m),
        )
    first = found[0]
    picture = photos.first_of_report(turn.session, report_id=first.report.id)
    view = desk_views.candidate(
        seat.report,
        first.report,
        distance_m=first.distance_m,
        photo_id=picture.id if picture else None,
        left=len(found) - 1,
        words=words,
    )
    card = card_rows.find(
        turn.session,
        report_id=seat.report.id,
        chat_id=seat.chat_id,
        purpose=CardPurpose.REVIEW,
    )
    turn.say(seat.chat_id, view, reply_to=card.message_id if card else None)
    return None


def _use_words(seat: Seat, press: Press) -> str | None:
    """What somebody wrote in reply before they said what for."""
    prompt = prompts.find(
        seat.turn.session,
        chat_id=seat.chat_id,
        person_id=seat.reviewer.id,
        report_id=seat.report.id,
    )
    kinds = (PromptKind.ASK, PromptKind.REJECT, PromptKind.HOLD)
    if prompt is None or prompt.kind is not None or press.argument not in kinds:
        raise OutOfDate
    return decided.use_words(seat, PromptKind(press.argument), prompt.text)


def _number(press: Press) -> int:
    number = callbacks.number_in(press.argument)
    if number is None:
        raise OutOfDate
    return number


_VERBS: dict[str, Callable[[Seat, Press], str | None]] = {
    "a1": _approve,
    "a2": _approve,
    "a3": _approve,
    "r": _reject,
    "m": _merge,
    "u": _undo,
    "t": _take,
    "f": _give_back,
    "x": _show_reasons,
    "q": _show_questions,
    "qq": _ask,
    "qr": _recall,
    "d": _show_candidate,
    "o": _show_more,
    "h": _await_hold,
    "hr": _release,
    "c": _show_corrections,
    "cc": _show_categories,
    "cs": _set_category,
    "cd": _show_districts,
    "ds": _set_district,
    "cp": _await_pin,
    "w": _show_rider,
    "ww": _await_warning,
    "wb": _await_ban,
    "wl": _lift_ban,
    "k": _use_words,
    "b": _hide_menu,
}
HANDLERS = (CallbackQueryHandler(pressed, callbacks.pattern(REVIEW, *_VERBS)),)
