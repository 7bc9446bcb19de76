"""The rider's report: a photo, a place, a category, in any order; the third one submits it.

    (nothing) ──photo · album · file · location · /report──▶ what is missing is asked for:

        PHOTO ──photo──▶ PLACE ──location──▶ CATEGORY ──button──▶ submitted
                           │ vague             │ the same is reported near it
                           ▼                   ▼
                     CONFIRM_PLACE          NEARBY ──Same one──▶ joined
                           │ Yes, here         │ Different
                           └────────▶ … ◀──────┘

Every state takes everything: a second photo, another place, words, a voice note. What a rider has
given is in the draft and is never asked for again; the state only says what was asked last.
/cancel throws the draft away.
"""

from html import escape

from telegram import Document, Message, Update
from telegram.ext import (
    CallbackQueryHandler,
    CommandHandler,
    ConversationHandler,
    MessageHandler,
    filters,
)

from handlers import callbacks, cards, errors, questions, views
from handlers.callbacks import DRAFT
from handlers.context import Context, Turn
from handlers.conversation import REPORT, StoredConversation
from handlers.views import Button, View
from models import Draft, Report
from models.errands import ErrandKind
from models.reports import PlaceSource
from services import drafts, errands, photos, reports
from services.drafts import Step
from services.refusals import OutOfDate, OutsideDistricts, Refusal, SamePhoto, TooManyToday

END = ConversationHandler.END
State = str | int

# Buttons in a row when every category is shown.
IN_A_ROW = 3
PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".jfif")


# --- what a rider sends ---


async def begin(update: Update, context: Context) -> State:
    """Start a report by command, or say again what the one begun still needs."""
    turn = context.turn
    draft = drafts.start(turn.session, person=turn.me, policy=turn.policy)
    return ask(turn, draft)


async def take_photo(update: Update, context: Context) -> State:
    """Put a photo into the draft; the parts of an album get one answer."""
    turn, message = context.turn, _message(update)
    size = message.photo[-1]
    return _take_picture(turn, message, _sent(message, size.file_id, size.file_unique_id, False))


async def take_file(update: Update, context: Context) -> State:
    """Put a photo that was sent as a file into the draft; refuse any other file."""
    turn, message = context.turn, _message(update)
    document = message.document
    assert document is not None
    words = turn.words
    if not _may_be_picture(document):
        return _keep_asking(turn, words.tr("That file is no photo. Only photos, please."))
    if (document.file_size or 0) > photos.MAX_BYTES:
        return _keep_asking(
            turn, words.tr("That file is too large (20 MB at most). A normal photo works.")
        )
    sent = _sent(message, document.file_id, document.file_unique_id, True)
    return _take_picture(turn, message, sent)


def _take_picture(turn: Turn, message: Message, sent: photos.Sent) -> State:
    words, album = turn.words, message.media_group_id
    draft = drafts.current(turn.session, person_id=turn.me.id)
    if draft is None and album is not None:
        report = reports.album_of(turn.session, person_id=turn.me.id, media_group_id=album)
        if report is not None:
            return _late_part(turn, report, sent)
    draft = drafts.start(turn.session, person=turn.me, policy=turn.policy)
    answered = album is not None and draft.media_group_id == album
    if album is not None:
        draft.media_group_id = album
    lead = words.tr("Got the photo.")
    try:
        drafts.add_photo(turn.session, draft=draft, sent=sent, policy=turn.policy)
        count = drafts.photo_count(turn.session, draft=draft)
        if count > 1:
            lead = words.trn("{count} photo saved.", "{count} photos saved.", count)
    except Refusal as refusal:
        # The album's other parts are still to come: what does not fit is told once, for all.
        if answered and isinstance(refusal, SamePhoto):
            return _same_state(turn, draft)
        lead = errors.sentence(refusal, words=words)
        answered = False
    if message.caption:
        drafts.add_note(
            draft, text=message.caption, message_id=message.message_id, policy=turn.policy
        )
    if answered:
        return _same_state(turn, draft)
    return ask(turn, draft, lead=lead)


def _late_part(turn: Turn, report: Report, sent: photos.Sent) -> State:
    try:
        reports.add_photo(turn.session, report=report, sent=sent, policy=turn.policy)
    except Refusal:
        # The report stands; a part too many, or one it has, changes nothing for the rider.
        return END
    cards.refresh_review_cards(turn, report)
    return END


async def take_place(update: Update, context: Context) -> State:
    """Put the place into the draft: a pin, a venue, or a live location's newest fix."""
    turn, message = context.turn, _message(update)
    location = message.venue.location if message.venue else message.location
    assert location is not None
    begun = drafts.current(turn.session, person_id=turn.me.id)
    draft = drafts.start(turn.session, person=turn.me, policy=turn.policy)
    live = location.live_period is not None
    source = PlaceSource.VENUE if message.venue else PlaceSource.LIVE if live else PlaceSource.PIN
    try:
        _set_place(
            turn,
            draft,
            location.latitude,
            location.longitude,
            accuracy_m=location.horizontal_accuracy,
            source=source,
        )
    except OutsideDistricts as refusal:
        if begun is None:
            drafts.discard(turn.session, draft=draft)
            refusal.draft_kept = False
        raise
    if live:
        draft.live_message_id = message.message_id
    return ask(turn, draft)


async def take_words(update: Update, context: Context) -> State:
    """Keep what a rider writes as the note; where a place is awaited it may be an address."""
    turn, message = context.turn, _message(update)
    text, words = message.text or "", turn.words
    draft = drafts.start(turn.session, person=turn.me, policy=turn.policy)
    step = drafts.step(turn.session, draft=draft, policy=turn.policy)
    if step is Step.CATEGORY:
        named = [
            category
            for category in turn.policy.categories
            if text.strip().casefold() in (category.name.zh.casefold(), category.name.en.casefold())
        ]
        if named:
            drafts.set_category(draft, code=named[0].code, policy=turn.policy)
            return ask(turn, draft)
    if step is Step.PLACE and turn.house.finds_addresses:
        errands.ask(
            turn.session,
            kind=ErrandKind.ADDRESS,
            payload={
                "draft_id": draft.id,
                "person_id": turn.me.id,
                "address": text.strip()[:200],
                "message_id": message.message_id,
                "language": words.language,
            },
        )
        turn.tell(View(words.tr("Looking for that place…")))
        return Step.PLACE
    whole = drafts.add_note(draft, text=text, message_id=message.message_id, policy=turn.policy)
    lead = (
        words.tr("Note saved.")
        if whole
        else words.tr(
            "Only the first {count} characters of the note fit; they are saved.",
            count=words.number(turn.policy.limits.note_characters),
        )
    )
    return ask(turn, draft, lead=lead)


async def take_voice(update: Update, context: Context) -> State:
    """Keep a voice note for the reviewer."""
    turn, message = context.turn, _message(update)
    assert message.voice is not None
    draft = drafts.start(turn.session, person=turn.me, policy=turn.policy)
    draft.voice_file_id = message.voice.file_id
    return ask(turn, draft, lead=turn.words.tr("Voice note kept for the reviewer."))


async def take_nothing(update: Update, context: Context) -> State:
    """Say that a video or a sticker is of no use here, and what is."""
    turn, message = context.turn, _message(update)
    words = turn.words
    if message.video or message.video_note or message.animation:
        return _keep_asking(turn, words.tr("Photos only for now. A screenshot of the video works."))
    return _keep_asking(turn, "")


# --- buttons ---


async def choose_category(update: Update, context: Context) -> State:
    """Put the category into the draft."""
    turn = context.turn
    draft = _pressed_draft(update, turn)
    drafts.set_category(draft, code=callbacks.pressed(update).argument, policy=turn.policy)
    return ask(turn, draft)


async def more_categories(update: Update, context: Context) -> State:
    """Show every category, on the message that showed the likeliest."""
    turn = context.turn
    draft = _pressed_draft(update, turn)
    message = update.effective_message
    if message is not None:
        words = turn.words
        buttons = [
            views.category_button(category, draft.id, words) for category in turn.policy.categories
        ]
        rows = [buttons[i : i + IN_A_ROW] for i in range(0, len(buttons), IN_A_ROW)]
        markup = {"inline_keyboard": [[button.markup() for button in row] for row in rows]}
        turn.call(
            turn.me.id,
            "editMessageReplyMarkup",
            message_id=message.message_id,
            reply_markup=markup,
        )
    return _same_state(turn, draft)


async def confirm_place(update: Update, context: Context) -> State:
    """Take a vague place at the rider's word."""
    turn = context.turn
    draft = _pressed_draft(update, turn)
    if not draft.has_place:
        raise OutOfDate
    draft.place_confirmed = True
    return ask(turn, draft)


async def choose_offered_place(update: Update, context: Context) -> State:
    """Take a place that was offered: the one in the photo's file, or one found for an address."""
    turn = context.turn
    press, draft = callbacks.pressed(update), _pressed_draft(update, turn)
    try:
        latitude, longitude = (float(part) for part in press.argument.split(","))
    except ValueError:
        raise OutOfDate from None
    source = PlaceSource.FILE if press.verb == "gps" else PlaceSource.ADDRESS
    _set_place(turn, draft, latitude, longitude, accuracy_m=None, source=source)
    return ask(turn, draft)


async def same_one(update: Update, context: Context) -> State:
    """Join the report nearby instead of making a second one."""
    turn = context.turn
    words = turn.words
    draft = _pressed_draft(update, turn)
    near = reports.same_nearby(turn.session, draft=draft, policy=turn.policy)
    report = reports.get(turn.session, report_id=near.report_id) if near else None
    if report is None:
        # It was decided or withdrawn while the rider looked: their own report goes its way.
        return ask(turn, draft)
    joined = reports.join(turn.session, report=report, person=turn.me)
    drafts.discard(turn.session, draft=draft)
    if joined:
        cards.show_receipt(turn, report, person_id=turn.me.id)
        cards.refresh_review_cards(turn, report)
    else:
        turn.tell(View(words.tr("You follow #{number} already. Ride safe.", number=report.id)))
    return END


async def different(update: Update, context: Context) -> State:
    """What is nearby is another hazard."""
    turn = context.turn
    draft = _pressed_draft(update, turn)
    draft.different = True
    return ask(turn, draft)


async def submit_now(update: Update, context: Context) -> State:
    """Try again to submit a draft that was complete but one too many that day."""
    turn = context.turn
    draft = _pressed_draft(update, turn)
    return ask(turn, draft)


async def cancel(update: Update, context: Context) -> State:
    """Throw the draft away."""
    turn = context.turn
    draft = drafts.current(turn.session, person_id=turn.me.id)
    if draft is not None:
        drafts.discard(turn.session, draft=draft)
    turn.tell(View(turn.words.tr("Draft thrown away. A photo starts a new one.")))
    return END


# --- outside the table: edits and forgotten buttons ---


async def stale_button(update: Update, context: Context) -> None:
    """A button of a draft that has moved on: say so, and show what is current."""
    turn = context.turn
    draft = drafts.current(turn.session, person_id=turn.me.id)
    if draft is None:
        turn.toast(update, turn.words.tr("That report is done. A photo starts a new one."))
        return
    turn.toast(update, turn.words.tr("That button is out of date; here is the current one."))
    ask(turn, draft)


async def follow_live_location(update: Update, context: Context) -> None:
    """Keep the draft's place at the newest fix of the live location it came from."""
    turn, message = context.turn, update.edited_message
    assert message is not None
    location = message.location
    assert location is not None
    draft = drafts.current(turn.session, person_id=turn.me.id)
    if draft is None or draft.live_message_id != message.message_id:
        return
    try:
        _set_place(
            turn,
            draft,
            location.latitude,
            location.longitude,
            accuracy_m=location.horizontal_accuracy,
            source=PlaceSource.LIVE,
        )
    except Refusal:
        # They ride on, out of the district: the place where they stood stays.
        return
    draft.live_message_id = message.message_id


async def follow_edit(update: Update, context: Context) -> None:
    """A note follows the edit of the message it came from."""
    turn, message = context.turn, update.edited_message
    assert message is not None
    text = message.text or message.caption or ""
    draft = drafts.current(turn.session, person_id=turn.me.id)
    if draft is not None and draft.note_message_id == message.message_id:
        draft.note = text.strip()[: turn.policy.limits.note_characters]
        return
    report = reports.edit_note(
        turn.session,
        person_id=turn.me.id,
        message_id=message.message_id,
        text=text,
        policy=turn.policy,
    )
    if report is not None:
        cards.refresh_review_cards(turn, report)


# --- asking ---


def ask(turn: Turn, draft: Draft, lead: str = "") -> State:
    """Ask for what a draft lacks next, or submit it when it lacks nothing.

    Args:
        turn: the transaction.
        draft: the rider's.
        lead: what has just happened, said before the question.

    Returns:
        The conversation's next state.
    """
    step = drafts.step(turn.session, draft=draft, policy=turn.policy)
    if step is Step.READY:
        return _submit(turn, draft)
    turn.tell(questions.question(turn, draft, step, lead=lead))
    return step.value


def _submit(turn: Turn, draft: Draft) -> State:
    words = turn.words
    try:
        report = reports.submit(
            turn.session,
            draft=draft,
            person=turn.me,
            policy=turn.policy,
            districts=turn.house.districts,
        )
    except TooManyToday as refusal:
        drafts.keep_another_day(draft)
        again = Button(words.tr("Report it"), callbacks.pack(DRAFT, "send", draft.id))
        text = errors.sentence(refusal, words=words)
        turn.tell(View(escape(text), rows=((again,),)))
        return Step.READY.value
    cards.show_receipt(turn, report, person_id=turn.me.id)
    cards.deal(turn, report)
    return END


def _keep_asking(turn: Turn, lead: str) -> State:
    draft = drafts.current(turn.session, person_id=turn.me.id)
    if draft is None:
        # Nothing has begun yet: what was sent is no reason to begin.
        start = turn.words.tr("A photo of the hazard starts a report.")
        turn.tell(View(views.sentences(escape(lead), start, words=turn.words)))
        return END
    step = drafts.step(turn.session, draft=draft, policy=turn.policy)
    turn.tell(questions.question(turn, draft, step, lead=lead))
    return step.value


def _same_state(turn: Turn, draft: Draft) -> State:
    return drafts.step(turn.session, draft=draft, policy=turn.policy).value


def _set_place(
    turn: Turn,
    draft: Draft,
    latitude: float,
    longitude: float,
    *,
    accuracy_m: float | None,
    source: PlaceSource,
) -> None:
    drafts.set_place(
        draft,
        latitude=latitude,
        longitude=longitude,
        accuracy_m=accuracy_m,
        source=source,
        districts=turn.house.districts,
        policy=turn.policy,
    )


def _message(update: Update) -> Message:
    message = update.effective_message
    assert message is not None
    return message


def _pressed_draft(update: Update, turn: Turn) -> Draft:
    press = callbacks.pressed(update)
    draft = drafts.mine(turn.session, person_id=turn.me.id, draft_id=press.subject)
    drafts.touch(draft, policy=turn.policy)
    turn.toast(update)
    return draft


def _sent(message: Message, file_id: str, unique_id: str, as_file: bool) -> photos.Sent:
    return photos.Sent(
        file_id=file_id,
        file_unique_id=unique_id,
        as_file=as_file,
        forwarded=message.forward_origin is not None,
        sent_at=message.date,
    )


def _may_be_picture(document: Document) -> bool:
    kind = document.mime_type or ""
    name = (document.file_name or "").lower()
    return kind.startswith("image/") or name.endswith(PICTURE_ENDINGS)


# --- the table ---

NEW = filters.UpdateType.MESSAGE
_PICTURES = [
    MessageHandler(NEW & filters.PHOTO, take_photo),
    MessageHandler(NEW & filters.Document.ALL & ~filters.ANIMATION, take_file),
]
_STARTS = [
    CommandHandler("report", begin, filters=NEW),
    *_PICTURES,
    MessageHandler(NEW & (filters.LOCATION | filters.VENUE), take_place),
]
_GOES_ON = [
    *_STARTS,
    MessageHandler(NEW & filters.TEXT & ~filters.COMMAND, take_words),
    MessageHandler(NEW & filters.VOICE, take_voice),
    CallbackQueryHandler(choose_category, callbacks.pattern(DRAFT, "cat")),
    CallbackQueryHandler(more_categories, callbacks.pattern(DRAFT, "more")),
    CallbackQueryHandler(confirm_place, callbacks.pattern(DRAFT, "yes")),
    CallbackQueryHandler(choose_offered_place, callbacks.pattern(DRAFT, "gps", "addr")),
    CallbackQueryHandler(same_one, callbacks.pattern(DRAFT, "same")),
    CallbackQueryHandler(different, callbacks.pattern(DRAFT, "diff")),
    CallbackQueryHandler(submit_now, callbacks.pattern(DRAFT, "send")),
    MessageHandler(
        NEW
        & (
            filters.VIDEO
            | filters.VIDEO_NOTE
            | filters.ANIMATION
            | filters.Sticker.ALL
            | filters.AUDIO
            | filters.CONTACT
            | filters.POLL
            | filters.Dice.ALL
        ),
        take_nothing,
    ),
]


def report_conversation() -> StoredConversation:
    """The table: everything is taken in every state."""
    return StoredConversation(
        name=REPORT,
        entry_points=_STARTS,
        states={step.value: _GOES_ON for step in Step},
        fallbacks=[CommandHandler("cancel", cancel, filters=NEW)],
    )


_EDITED = filters.UpdateType.EDITED_MESSAGE & filters.ChatType.PRIVATE
# What belongs to a report but not to a step of it; routed after everything else.
STRAYS = (
    MessageHandler(_EDITED & filters.LOCATION, follow_live_location),
    MessageHandler(_EDITED & (filters.TEXT | filters.CAPTION), follow_edit),
    CallbackQueryHandler(stale_button, callbacks.pattern(DRAFT)),
)
