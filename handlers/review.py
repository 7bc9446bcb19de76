"""The reviewers' buttons. No conversation: every press stands for itself, the truth is in the rows.

    card ──[Approve ★…★★★]──▶ approved, points booked, the rider told
      └───[Reject…]──▶ reasons ──[reason]──▶ rejected, the rider told
                          └──[« Back]──▶ card

Who may: a member of the moderator chat the report belongs to, on no report of their own. Of two who
press at once one wins; the other reads who it was.
"""

from collections.abc import Callable
from dataclasses import dataclass

from telegram import Update
from telegram.ext import CallbackQueryHandler

from handlers import callbacks, cards, receipts
from handlers.callbacks import REVIEW, Press
from handlers.context import Context, Turn
from models import Chat, Report
from services import chats, people, reports, review
from services.refusals import AlreadyDecided, NotForYou, OutOfDate
from services.review import Reviewer


@dataclass(frozen=True, slots=True)
class Seat:
    """A reviewer before the card of a report.

    Attributes:
        turn: the transaction.
        desk: the moderator chat the report belongs to.
        chat_id: where the card is that they look at: the desk, or their private chat.
        reviewer: who they are.
        report: what the card shows; locked.
    """

    turn: Turn
    desk: Chat
    chat_id: int
    reviewer: Reviewer
    report: Report


async def pressed(update: Update, context: Context) -> None:
    """Do what a button says."""
    press = callbacks.pressed(update)
    chat, user = update.effective_chat, update.effective_user
    if chat is None or user is None:
        raise OutOfDate
    context.turn.toast(
        update,
        act(context.turn, press, chat_id=chat.id, person_id=user.id, name=user.first_name),
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
        return _VERBS[press.verb](seat, press) or ""
    except AlreadyDecided:
        cards.refresh_review_cards(turn, report)
        raise


def take_seat(turn: Turn, report: Report, *, chat_id: int, person_id: int, name: str) -> Seat:
    """Sit somebody down before a card, if it is theirs to work on; the report is locked.

    Raises:
        NotForYou: it is not.
    """
    desk = chats.require_reviewer(
        turn.session, chat_id=chat_id, person_id=person_id, district=report.district
    )
    chats.met(turn.session, chat_id=desk.id, person_id=person_id, name=name)
    reports.lock(turn.session, report=report)
    reviewer = Reviewer(
        id=person_id,
        name=name[:128],
        is_chief=people.is_chief(turn.session, person_id=person_id),
    )
    return Seat(turn, desk, chat_id, reviewer, report)


def _approve(seat: Seat, press: Press) -> None:
    review.approve(
        seat.turn.session,
        report=seat.report,
        reviewer=seat.reviewer,
        grade=int(press.verb.removeprefix("a")),
        policy=seat.turn.policy,
    )
    _tell(seat)


def _show_reasons(seat: Seat, press: Press) -> None:
    reports.require_undecided(seat.report)
    review.refuse_own(seat.turn.session, report=seat.report, reviewer=seat.reviewer)
    cards.show_reasons(seat.turn, seat.report, chat=seat.desk)


def _hide_reasons(seat: Seat, press: Press) -> None:
    reports.require_undecided(seat.report)
    cards.hide_reasons(seat.turn, seat.report, chat=seat.desk)


def _reject(seat: Seat, press: Press) -> None:
    review.reject(
        seat.turn.session,
        report=seat.report,
        reviewer=seat.reviewer,
        reason=press.argument,
        policy=seat.turn.policy,
    )
    _tell(seat)


def _tell(seat: Seat) -> None:
    cards.refresh_review_cards(seat.turn, seat.report)
    receipts.tell_riders(seat.turn, seat.report)


_VERBS: dict[str, Callable[[Seat, Press], str | None]] = {
    "a1": _approve,
    "a2": _approve,
    "a3": _approve,
    "x": _show_reasons,
    "b": _hide_reasons,
    "r": _reject,
}
HANDLERS = (CallbackQueryHandler(pressed, callbacks.pattern(REVIEW, *_VERBS)),)
