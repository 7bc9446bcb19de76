"""What reviewers write in reply to a card: a question, a reason, a number, a place.

A button before says what it is for (services/prompts.py); without one we ask. Who replies to
anything else of ours is told where replies belong; what people say to each other is theirs.
"""

import re
from html import escape
from typing import Any

from telegram import Message, Update, User
from telegram.ext import MessageHandler, filters

from handlers import cards, decided, desk_views, errors, standing
from handlers.context import Context, Turn, current_turn
from handlers.seats import Seat, take_seat
from handlers.views import View
from models import Report
from services import cards as card_rows
from services import chats, corrections, prompts, reports, review
from services.prompts import PromptKind
from services.refusals import AlreadyDecided, NothingSaid, Refusal, StandingInDoubt

_COORDINATES = re.compile(r"\s*(-?\d{1,2}\.\d{2,8})\s*[,，\s]\s*(-?\d{1,3}\.\d{2,8})\s*")
_NUMBER = re.compile(r"\s*[#＃]?(\d{1,12})\s*")


async def replied(update: Update, context: Context) -> None:
    """Take a reply to something of ours."""
    turn, message, user = context.turn, update.effective_message, update.effective_user
    if message is None or message.reply_to_message is None or user is None:
        return
    try:
        take(turn, message, user)
    except StandingInDoubt as doubt:
        if turn.person is None:
            # An anonymous administrator: Telegram cannot tell who it is.
            raise
        standing.ask_about(turn, doubt, user, reply=message)


def take(turn: Turn, message: Message, user: User) -> None:
    """Take a reply to something of ours, of somebody who may be no reviewer.

    Args:
        turn: the transaction.
        message: the reply.
        user: who wrote it.

    Raises:
        StandingInDoubt: whether they are a reviewer has to be asked first.
    """
    chat_id = message.chat.id
    desk = chats.current(turn.session, chat_id=chat_id)
    words = turn.words_of(desk.language) if desk else turn.words
    report = _report_of(turn, message)
    if report is None:
        if desk is not None and desk.purpose == chats.MODERATORS:
            text = words.tr("Please reply to the card of the report you mean. /help tells more.")
            turn.say(chat_id, View(text), reply_to=message.message_id)
        return
    try:
        seat = take_seat(turn, report, chat_id=chat_id, person_id=user.id, name=user.first_name)
        said = _take(seat, message)
    except StandingInDoubt:
        raise
    except Refusal as refusal:
        if isinstance(refusal, AlreadyDecided):
            cards.refresh_review_cards(turn, report)
        said = errors.sentence(refusal, words=words, among_colleagues=True)
    if said:
        turn.say(chat_id, View(escape(said)), reply_to=message.message_id)


def _report_of(turn: Turn, message: Message) -> Report | None:
    """The report on whose card a message is a reply."""
    asked = message.reply_to_message
    if asked is None:
        return None
    number = card_rows.report_on(turn.session, chat_id=message.chat.id, message_id=asked.message_id)
    return reports.get(turn.session, report_id=number) if number is not None else None


def _take(seat: Seat, message: Message) -> str | None:
    """Do what a reply is for; what is to be said to it, if anything.

    What was expected is expected on until it has come.
    """
    prompt = prompts.find(
        seat.turn.session,
        chat_id=seat.chat_id,
        person_id=seat.reviewer.id,
        report_id=seat.report.id,
    )
    kind = PromptKind(prompt.kind) if prompt is not None and prompt.kind else None
    said: str | None = None
    place = _place_in(message)
    text = (message.text or "").strip()
    if kind in (None, PromptKind.PIN) and place is not None:
        _move_pin(seat, place)
    elif kind is PromptKind.PIN:
        return seat.words.tr("That is no place. A location, please, or “25.118, 118.905”.")
    elif not text:
        raise NothingSaid
    elif kind is None:
        _ask_what_for(seat, message, text)
        return None
    elif kind is PromptKind.MERGE:
        match = _NUMBER.fullmatch(text)
        if match is None:
            return seat.words.tr("The number of the other report, please, e.g. #1017.")
        number = int(match.group(1))
        review.merge(
            seat.turn.session,
            report=seat.report,
            into=number,
            reviewer=seat.reviewer,
            policy=seat.turn.policy,
        )
        decided.tell(seat)
    elif prompt is not None:
        said = decided.use_words(seat, kind, text, days=prompt.text)
    prompts.forget(
        seat.turn.session,
        chat_id=seat.chat_id,
        person_id=seat.reviewer.id,
        report_id=seat.report.id,
    )
    return said


def _place_in(message: Message) -> tuple[float, float] | None:
    location = message.location or (message.venue.location if message.venue else None)
    if location is not None:
        return location.latitude, location.longitude
    match = _COORDINATES.fullmatch(message.text or "")
    return (float(match.group(1)), float(match.group(2))) if match else None


def _move_pin(seat: Seat, place: tuple[float, float]) -> None:
    corrections.pin(
        seat.turn.session,
        report=seat.report,
        reviewer=seat.reviewer,
        place=place,
        districts=seat.turn.house.districts,
    )
    decided.tell(seat)


def _ask_what_for(seat: Seat, message: Message, text: str) -> None:
    reports.require_undecided(seat.report)
    prompts.expect(
        seat.turn.session,
        chat_id=seat.chat_id,
        person_id=seat.reviewer.id,
        report_id=seat.report.id,
        kind=None,
        text=text,
    )
    seat.turn.say(
        seat.chat_id,
        desk_views.words_for_what(seat.report, seat.words),
        reply_to=message.message_id,
    )


class ReplyHandler(MessageHandler[Context, None]):
    """Takes replies to what is ours: in groups to anything, in private to a review card."""

    def check_update(self, update: object) -> bool | dict[str, list[Any]] | None:
        """Ask PTB's filters first: they cost nothing, the database does."""
        fits = super().check_update(update)
        if not fits or not isinstance(update, Update) or update.effective_message is None:
            return None
        message, turn = update.effective_message, current_turn()
        asked = message.reply_to_message
        if asked is None or asked.from_user is None:
            return None
        if asked.from_user.username != turn.house.bot_username:
            return None
        if message.chat.type == "private" and _report_of(turn, message) is None:
            return None
        return fits


HANDLERS = (
    ReplyHandler(
        filters.UpdateType.MESSAGE & filters.REPLY & ~filters.COMMAND & ~filters.StatusUpdate.ALL,
        replied,
    ),
)
