"""What a rider may still do with a report that is undecided: add words or photos, or take it back.

    [Add note]  ──▶ NOTE ──text or voice──▶ (done)
    [Add photo] ──▶ PHOTO ──photo──▶ PHOTO … [Done] ──▶ (done)
    [Withdraw]  ──▶ (withdrawn)

A location or /cancel leaves the conversation: whoever sends one means something else.
"""

from telegram import Message, Update
from telegram.ext import (
    CallbackQueryHandler,
    CommandHandler,
    ConversationHandler,
    MessageHandler,
    filters,
)

from handlers import callbacks, cards
from handlers.callbacks import RECEIPT
from handlers.context import Context, Turn
from handlers.conversation import ADDITION, StoredConversation
from handlers.views import Button, View
from models import Report
from services import conversations, photos, reports
from services.refusals import AlreadyDecided, NotForYou

END = ConversationHandler.END
NOTE, PHOTO = "note", "photo"
NEW = filters.UpdateType.MESSAGE


async def ask_note(update: Update, context: Context) -> str:
    """Wait for the words."""
    turn = context.turn
    report = _pressed_report(update, turn)
    _about(turn, report, NOTE)
    turn.toast(update)
    turn.tell(View(turn.words.tr("Write or speak the note for #{number}.", number=report.id)))
    return NOTE


async def ask_photo(update: Update, context: Context) -> str:
    """Wait for photos."""
    turn = context.turn
    report = _pressed_report(update, turn)
    _about(turn, report, PHOTO)
    turn.toast(update)
    turn.tell(View(turn.words.tr("Send the photo for #{number}.", number=report.id)))
    return PHOTO


async def withdraw(update: Update, context: Context) -> int:
    """Take the report back."""
    turn = context.turn
    report = _pressed_report(update, turn)
    reports.withdraw(turn.session, report=report)
    turn.toast(update)
    cards.tell_riders(turn, report)
    cards.refresh_review_cards(turn, report)
    return END


async def take_note(update: Update, context: Context) -> int:
    """Add the words to the report."""
    turn, message = context.turn, _message(update)
    report = _subject(turn)
    reports.add_note(
        turn.session,
        report=report,
        text=message.text or "",
        message_id=message.message_id,
        policy=turn.policy,
    )
    turn.tell(View(turn.words.tr("Note added to #{number}.", number=report.id)))
    cards.refresh_review_cards(turn, report)
    return END


async def take_voice(update: Update, context: Context) -> int:
    """Hand a spoken note on to the reviewers."""
    turn, message = context.turn, _message(update)
    assert message.voice is not None
    report = _subject(turn)
    reports.add_voice(turn.session, report=report, file_id=message.voice.file_id)
    turn.tell(View(turn.words.tr("Note added to #{number}.", number=report.id)))
    cards.tell_reviewers_voice(turn, report)
    return END


async def take_photo(update: Update, context: Context) -> str:
    """Add a photo to the report."""
    turn, message = context.turn, _message(update)
    report = _subject(turn)
    document = message.document
    if document is not None and (document.file_size or 0) > photos.MAX_BYTES:
        turn.tell(
            View(turn.words.tr("That file is too large (20 MB at most). A normal photo works."))
        )
        return PHOTO
    source = document or message.photo[-1]
    sent = photos.Sent(
        file_id=source.file_id,
        file_unique_id=source.file_unique_id,
        as_file=document is not None,
        forwarded=message.forward_origin is not None,
        sent_at=message.date,
    )
    photo = reports.add_photo(turn.session, report=report, sent=sent, policy=turn.policy)
    words = turn.words
    done = Button(words.tr("Done"), callbacks.pack(RECEIPT, "done", report.id))
    turn.tell(
        View(words.tr("Photo added to #{number}. Another one?", number=report.id), rows=((done,),))
    )
    if not photo.as_file:
        cards.tell_reviewers_photo(turn, report, photo)
    return PHOTO


async def done(update: Update, context: Context) -> int:
    """Enough photos."""
    context.turn.toast(update, context.turn.words.tr("Thanks. Ride safe."))
    return END


async def leave(update: Update, context: Context) -> int:
    """Nothing is added."""
    context.turn.tell(View(context.turn.words.tr("Fine, nothing added.")))
    return END


def _message(update: Update) -> Message:
    message = update.effective_message
    assert message is not None
    return message


def _pressed_report(update: Update, turn: Turn) -> Report:
    press = callbacks.pressed(update)
    report = reports.of_reporter(turn.session, report_id=press.subject, person_id=turn.me.id)
    reports.require_undecided(report)
    return report


def _about(turn: Turn, report: Report, state: str) -> None:
    key = (turn.me.id, turn.me.id)
    conversations.set_state(turn.session, name=ADDITION, key=key, state=state)
    conversations.set_subject(turn.session, name=ADDITION, key=key, subject_id=report.id)


def _subject(turn: Turn) -> Report:
    number = conversations.subject(turn.session, name=ADDITION, key=(turn.me.id, turn.me.id))
    try:
        report = reports.of_reporter(turn.session, report_id=number or 0, person_id=turn.me.id)
        reports.require_undecided(report)
    except (NotForYou, AlreadyDecided):
        conversations.forget(turn.session, name=ADDITION, key=(turn.me.id, turn.me.id))
        raise
    return report


def addition_conversation() -> StoredConversation:
    """The table."""
    buttons = [
        CallbackQueryHandler(ask_note, callbacks.pattern(RECEIPT, "note")),
        CallbackQueryHandler(ask_photo, callbacks.pattern(RECEIPT, "photo")),
        CallbackQueryHandler(withdraw, callbacks.pattern(RECEIPT, "undo")),
        CallbackQueryHandler(done, callbacks.pattern(RECEIPT, "done")),
    ]
    return StoredConversation(
        name=ADDITION,
        entry_points=buttons,
        states={
            NOTE: [
                *buttons,
                MessageHandler(NEW & filters.TEXT & ~filters.COMMAND, take_note),
                MessageHandler(NEW & filters.VOICE, take_voice),
            ],
            PHOTO: [
                *buttons,
                MessageHandler(NEW & (filters.PHOTO | filters.Document.IMAGE), take_photo),
            ],
        },
        fallbacks=[CommandHandler("cancel", leave, filters=NEW)],
    )
