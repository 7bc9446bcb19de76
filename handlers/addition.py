"""What a rider may still do with a report: add words or photos, take it back, answer, object.

    [Add note]  ──▶ NOTE ──text or voice──▶ (done)
    [Add photo] ──▶ PHOTO ──photo──▶ PHOTO … [Done] ──▶ (done)
    [Withdraw]  ──▶ (withdrawn)
    [Answer], or a photo soon after the question
                ──▶ ANSWER ──text or voice──▶ (back at the desk)
                       └─────photo──▶ (back at the desk) PHOTO … [Done] ──▶ (done)
    [Object]    ──▶ APPEAL ──text──▶ (an appeal)

Words after a photo are a note to it. Where nothing else is open, words answer the newest question
by themselves (rest.py).

Whatever else a rider sends ends it and goes on to where it belongs: a location begins a report, and
so does a photo where words are awaited, or where one is awaited no more.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from html import escape
from typing import Any

from telegram import Message, Update
from telegram.ext import (
    CallbackQueryHandler,
    CommandHandler,
    ConversationHandler,
    MessageHandler,
    filters,
)

from handlers import callbacks, cards, decided, errors, receipts, sanctions, supplements, views
from handlers import report as report_steps
from handlers.callbacks import RECEIPT
from handlers.context import Context, Turn, current_turn
from handlers.conversation import ADDITION, StoredConversation
from handlers.views import Button, View
from models import Report, clock
from services import albums, appeals, clarifications, conversations, drafts, photos, reports
from services.refusals import AlreadyDecided, NotForYou, SamePhoto, TooManyPhotos

END = ConversationHandler.END
NOTE, PHOTO, ANSWER, APPEAL = "note", "photo", "answer", "appeal"
NEW = filters.UpdateType.MESSAGE
PICTURE = NEW & (filters.PHOTO | (filters.Document.ALL & ~filters.ANIMATION))
# A photo this long after the last word about it is more likely of something else.
PATIENCE = timedelta(minutes=15)


async def ask_note(update: Update, context: Context) -> str:
    """Wait for the words."""
    turn = context.turn
    sanctions.require_may_report(turn)
    report = _pressed_report(update, turn)
    _about(turn, report, NOTE)
    turn.toast(update)
    turn.tell(View(turn.words.tr("Write or speak the note for #{number}.", number=report.id)))
    return NOTE


async def ask_photo(update: Update, context: Context) -> str:
    """Wait for photos."""
    turn = context.turn
    sanctions.require_may_report(turn)
    report = _pressed_report(update, turn)
    _about(turn, report, PHOTO)
    turn.toast(update)
    turn.tell(View(turn.words.tr("Send the photo for #{number}.", number=report.id)))
    return PHOTO


async def ask_answer(update: Update, context: Context) -> str:
    """Wait for the answer to a reviewer's question."""
    turn = context.turn
    sanctions.require_may_report(turn)
    report = _own_report(update, turn)
    clarifications.require_question(report)
    _about(turn, report, ANSWER)
    turn.toast(update)
    turn.tell(
        View(
            turn.words.tr("Write, speak or photograph the answer for #{number}.", number=report.id)
        )
    )
    return ANSWER


async def ask_appeal(update: Update, context: Context) -> str:
    """Wait for what speaks against a rejection."""
    turn = context.turn
    report = _own_report(update, turn)
    appeals.require_open(report, policy=turn.policy)
    _about(turn, report, APPEAL)
    turn.toast(update)
    turn.tell(
        View(
            turn.words.tr(
                "Why should #{number} be looked at again? Write it in one message, words only.\n"
                "Somebody else decides then; this works once.",
                number=report.id,
            )
        )
    )
    return APPEAL


async def withdraw(update: Update, context: Context) -> int:
    """Take the report back."""
    turn = context.turn
    report = _pressed_report(update, turn)
    reports.withdraw(turn.session, report=report)
    turn.toast(update)
    # First, or riders who only came along would hear of it as of their own.
    decided.let_go(turn, report)
    receipts.tell_riders(turn, report)
    cards.refresh_review_cards(turn, report)
    return END


async def take_note(update: Update, context: Context) -> str | int:
    """Add the words to the report, as a note or as the answer to a question."""
    turn, message = context.turn, _message(update)
    if _is_old(turn) and _has_draft(turn):
        return await _hand_on(update, context, report_steps.take_words)
    report = _meant(turn)
    cut = supplements.add_words(
        turn, report, text=message.text or "", message_id=message.message_id
    )
    turn.tell(View(views.sentences(_said(turn, report), cut, words=turn.words)))
    return END


async def take_voice(update: Update, context: Context) -> str | int:
    """Hand a spoken note, or a spoken answer, on to the reviewers."""
    turn, message = context.turn, _message(update)
    if _is_old(turn) and _has_draft(turn):
        return await _hand_on(update, context, report_steps.take_voice)
    assert message.voice is not None
    report = _meant(turn)
    supplements.add_voice(turn, report, file_id=message.voice.file_id)
    turn.tell(View(_said(turn, report)))
    return END


async def answer_with_photo(update: Update, context: Context) -> str | int:
    """A photo soon after a question is its answer, without a button before it."""
    turn = context.turn
    report = clarifications.open_for(turn.session, person_id=turn.me.id)
    assert report is not None
    _about(turn, report, ANSWER)
    turn.conversations = {**(turn.conversations or {}), ADDITION: ANSWER}
    return await take_photo(update, context)


async def take_photo(update: Update, context: Context) -> str | int:
    """Add a photo to the report; if it is too late for that, it begins another."""
    turn, message = context.turn, _message(update)
    words, document = turn.words, message.document
    step, asked = _photo_step(message), _is_asked(turn)
    # Who was asked may first have to ride there.
    if _is_old(turn) and not asked:
        return await _hand_on(update, context, step)
    try:
        report = _meant(turn)
    except (NotForYou, AlreadyDecided) as refusal:
        turn.tell(View(escape(errors.sentence(refusal, words=words))))
        return await _hand_on(update, context, step)
    # What cannot be taken answers nothing: the question stays open.
    again = ANSWER if asked else PHOTO
    if document is not None and not report_steps.may_be_picture(document):
        turn.tell(View(words.tr("That file is no photo. Only photos, please.")))
        return again
    if document is not None and (document.file_size or 0) > photos.MAX_BYTES:
        turn.tell(View(words.tr("That file is too large (20 MB at most). A normal photo works.")))
        return again
    said, refused = words.tr("Photo added to #{number}. Another one?", number=report.id), None
    if asked:
        said = views.sentences(
            supplements.thanks(turn, report), words.tr("Another photo?"), words=words
        )
    try:
        supplements.add_photo(turn, report, report_steps.sent_in(message))
    except (SamePhoto, TooManyPhotos) as refusal:
        said, refused = errors.sentence(refusal, words=words), refusal
    if not albums.needs_answer(report, album=message.media_group_id, refusal=refused):
        said = ""
    if message.caption:
        cut = supplements.add_words(
            turn, report, text=message.caption, message_id=message.message_id
        )
        said = views.sentences(said, cut, words=words)
    if said:
        done = Button(words.tr("Done"), callbacks.pack(RECEIPT, "done", report.id))
        turn.tell(View(escape(said), rows=((done,),)))
    return PHOTO


async def want_words(update: Update, context: Context) -> str:
    """An appeal is written; a photo would begin a report of its own."""
    text = context.turn.words.tr("Words only here, please: why should it be looked at again?")
    context.turn.tell(View(text))
    return APPEAL


async def take_appeal(update: Update, context: Context) -> int:
    """Put the appeal before the desk."""
    turn, message = context.turn, _message(update)
    number = conversations.subject(turn.session, name=ADDITION, key=(turn.me.id, turn.me.id))
    report = reports.of_reporter(turn.session, report_id=number or 0, person_id=turn.me.id)
    reports.lock(turn.session, report=report)
    appeals.appeal(
        turn.session, report=report, text=(message.text or "").strip(), policy=turn.policy
    )
    receipts.tell_riders(turn, report)
    cards.redeal(turn, report)
    turn.tell(
        View(turn.words.tr("Your objection to #{number} is with the desk.", number=report.id))
    )
    return END


async def done(update: Update, context: Context) -> int:
    """Enough photos."""
    context.turn.toast(update, context.turn.words.tr("Thanks. Ride safe."))
    return END


async def leave(update: Update, context: Context) -> int:
    """Nothing is added."""
    context.turn.tell(View(context.turn.words.tr("Fine, nothing added.")))
    return END


def _photo_step(message: Message) -> Callable[[Update, Context], Awaitable[report_steps.State]]:
    return report_steps.take_photo if message.document is None else report_steps.take_file


def _message(update: Update) -> Message:
    message = update.effective_message
    assert message is not None
    return message


def _pressed_report(update: Update, turn: Turn) -> Report:
    press = callbacks.pressed(update)
    report = reports.of_reporter(turn.session, report_id=press.subject, person_id=turn.me.id)
    reports.lock_undecided(turn.session, report=report)
    return report


def _own_report(update: Update, turn: Turn) -> Report:
    """The report a button is about, locked, in whatever state."""
    press = callbacks.pressed(update)
    report = reports.of_reporter(turn.session, report_id=press.subject, person_id=turn.me.id)
    reports.lock(turn.session, report=report)
    return report


def _meant(turn: Turn) -> Report:
    """The report something is added to, locked: one with a question, or any that is undecided."""
    return _asked_report(turn) if _is_asked(turn) else _subject(turn)


def _said(turn: Turn, report: Report) -> str:
    """The sentence that words have been added."""
    if _is_asked(turn):
        return supplements.thanks(turn, report)
    return turn.words.tr("Note added to #{number}.", number=report.id)


def _is_asked(turn: Turn) -> bool:
    return (turn.conversations or {}).get(ADDITION) == ANSWER


def _asked_report(turn: Turn) -> Report:
    """The report whose question is being answered, locked."""
    sanctions.require_may_report(turn)
    number = conversations.subject(turn.session, name=ADDITION, key=(turn.me.id, turn.me.id))
    report = reports.of_reporter(turn.session, report_id=number or 0, person_id=turn.me.id)
    reports.lock(turn.session, report=report)
    try:
        clarifications.require_question(report)
    except AlreadyDecided:
        conversations.forget(turn.session, name=ADDITION, key=(turn.me.id, turn.me.id))
        raise
    return report


def _about(turn: Turn, report: Report, state: str) -> None:
    key = (turn.me.id, turn.me.id)
    conversations.set_state(turn.session, name=ADDITION, key=key, state=state)
    conversations.set_subject(turn.session, name=ADDITION, key=key, subject_id=report.id)


def _is_old(turn: Turn) -> bool:
    moved_at = conversations.moved_at(turn.session, name=ADDITION, key=(turn.me.id, turn.me.id))
    return moved_at is None or clock.now() - moved_at > PATIENCE


def _has_draft(turn: Turn) -> bool:
    return drafts.current(turn.session, person_id=turn.me.id) is not None


async def _hand_on(
    update: Update,
    context: Context,
    step: Callable[[Update, Context], Awaitable[report_steps.State]],
) -> int:
    """What came belongs to a report of its own: the addition ends, that report goes on."""
    report_steps.stand_at(context.turn, await step(update, context))
    return END


def _subject(turn: Turn) -> Report:
    number = conversations.subject(turn.session, name=ADDITION, key=(turn.me.id, turn.me.id))
    try:
        report = reports.of_reporter(turn.session, report_id=number or 0, person_id=turn.me.id)
        reports.lock_undecided(turn.session, report=report)
    except (NotForYou, AlreadyDecided):
        conversations.forget(turn.session, name=ADDITION, key=(turn.me.id, turn.me.id))
        raise
    return report


class AnswerHandler(MessageHandler[Context, str | int]):
    """Takes a photo that answers a question asked just now; any other begins a report."""

    def check_update(self, update: object) -> bool | dict[str, list[Any]] | None:
        """Ask PTB's filters first: they cost nothing, the database does."""
        fits = super().check_update(update)
        turn = current_turn()
        if not fits or turn.person is None or _has_draft(turn):
            return None
        report = clarifications.open_for(turn.session, person_id=turn.me.id)
        if report is None or report.asked_at is None:
            return None
        return fits if clock.now() - report.asked_at <= PATIENCE else None


def addition_conversation() -> StoredConversation:
    """The table."""
    buttons = [
        CallbackQueryHandler(ask_note, callbacks.pattern(RECEIPT, "note")),
        CallbackQueryHandler(ask_photo, callbacks.pattern(RECEIPT, "photo")),
        CallbackQueryHandler(withdraw, callbacks.pattern(RECEIPT, "undo")),
        CallbackQueryHandler(ask_answer, callbacks.pattern(RECEIPT, "answer")),
        CallbackQueryHandler(ask_appeal, callbacks.pattern(RECEIPT, "appeal")),
        CallbackQueryHandler(done, callbacks.pattern(RECEIPT, "done")),
    ]
    return StoredConversation(
        name=ADDITION,
        entry_points=[*buttons, AnswerHandler(PICTURE, answer_with_photo)],
        states={
            ANSWER: [
                *buttons,
                MessageHandler(NEW & filters.TEXT & ~filters.COMMAND, take_note),
                MessageHandler(NEW & filters.VOICE, take_voice),
                MessageHandler(PICTURE, take_photo),
            ],
            APPEAL: [
                *buttons,
                MessageHandler(NEW & filters.TEXT & ~filters.COMMAND, take_appeal),
                MessageHandler(PICTURE | (NEW & filters.VOICE), want_words),
            ],
            NOTE: [
                *buttons,
                MessageHandler(NEW & filters.TEXT & ~filters.COMMAND, take_note),
                MessageHandler(NEW & filters.VOICE, take_voice),
            ],
            PHOTO: [
                *buttons,
                MessageHandler(PICTURE, take_photo),
                MessageHandler(NEW & filters.TEXT & ~filters.COMMAND, take_note),
            ],
        },
        fallbacks=[CommandHandler("cancel", leave, filters=NEW)],
    )
