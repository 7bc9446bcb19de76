"""The reviewers' buttons. No conversation: every press stands for itself, the truth is in the rows.

    card ──[Approve ★…★★★]──▶ approved, points booked, the rider told
      └───[Reject…]──▶ reasons ──[reason]──▶ rejected, the rider told
                          └──[« Back]──▶ card

Who may: a member of the moderator chat the button is in, on no report of their own. Of two who
press at once one wins; the other reads who it was.
"""

from telegram import Update
from telegram.ext import CallbackQueryHandler

from handlers import callbacks, cards, receipts
from handlers.callbacks import REVIEW, Press
from handlers.context import Context, Turn
from models import Chat, Report
from services import chats, reports, review
from services.refusals import AlreadyDecided, NotForYou, OutOfDate


async def approve(update: Update, context: Context) -> None:
    """Approve with a grade."""
    turn = context.turn
    press, report, name, _ = _opened(update, turn)
    try:
        review.approve(
            turn.session,
            report=report,
            reviewer_id=turn.me.id,
            reviewer_name=name,
            grade=int(press.verb.removeprefix("a")),
            policy=turn.policy,
        )
    except AlreadyDecided:
        cards.refresh_review_cards(turn, report)
        raise
    _told(update, turn, report)


async def show_reasons(update: Update, context: Context) -> None:
    """Offer the reasons to reject for."""
    turn = context.turn
    _, report, _, chat = _opened(update, turn)
    reports.lock_undecided(turn.session, report=report)
    review.refuse_own(turn.session, report=report, reviewer_id=turn.me.id)
    cards.show_reasons(turn, report, chat=chat)
    turn.toast(update)


async def hide_reasons(update: Update, context: Context) -> None:
    """Go back to the decisions."""
    turn = context.turn
    _, report, _, chat = _opened(update, turn)
    reports.lock_undecided(turn.session, report=report)
    cards.hide_reasons(turn, report, chat=chat)
    turn.toast(update)


async def reject(update: Update, context: Context) -> None:
    """Reject with a reason."""
    turn = context.turn
    press, report, name, _ = _opened(update, turn)
    try:
        review.reject(
            turn.session,
            report=report,
            reviewer_id=turn.me.id,
            reviewer_name=name,
            reason=press.argument,
            policy=turn.policy,
        )
    except AlreadyDecided:
        cards.refresh_review_cards(turn, report)
        raise
    _told(update, turn, report)


def _opened(update: Update, turn: Turn) -> tuple[Press, Report, str, Chat]:
    press = callbacks.pressed(update)
    chat, user = update.effective_chat, update.effective_user
    if chat is None or user is None:
        raise OutOfDate
    ours = chats.require_reviewer(turn.session, chat_id=chat.id, person_id=user.id)
    chats.met(turn.session, chat_id=ours.id, person_id=user.id, name=user.first_name)
    report = reports.get(turn.session, report_id=press.subject)
    if report is None:
        raise NotForYou
    return press, report, user.first_name[:128], ours


def _told(update: Update, turn: Turn, report: Report) -> None:
    turn.toast(update)
    cards.refresh_review_cards(turn, report)
    receipts.tell_riders(turn, report)


HANDLERS = (
    CallbackQueryHandler(approve, callbacks.pattern(REVIEW, "a1", "a2", "a3")),
    CallbackQueryHandler(show_reasons, callbacks.pattern(REVIEW, "x")),
    CallbackQueryHandler(hide_reasons, callbacks.pattern(REVIEW, "b")),
    CallbackQueryHandler(reject, callbacks.pattern(REVIEW, "r")),
)
