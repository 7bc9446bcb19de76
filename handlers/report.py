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

The code on a poster (a spot's link) puts place and kind in at once, and a photo is asked for.
"""

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from html import escape
from typing import Any

from telegram import Document, Message, Update
from telegram.ext import (
    CallbackQueryHandler,
    CommandHandler,
    ConversationHandler,
    MessageHandler,
    filters,
)

from handlers import (
    callbacks,
    cards,
    errors,
    questions,
    receipts,
    sanctions,
    supplements,
    views,
)
from handlers.callbacks import DRAFT, Press
from handlers.context import Context, Turn
from handlers.conversation import ADDITION, REPORT, StoredConversation
from handlers.views import Button, View
from models import Draft, Report
from models.errands import ErrandKind
from models.reports import PlaceSource
from services import albums, conversations, drafts, errands, notes, photos, reports, spots
from services.drafts import Step
from services.refusals import (
    AlreadyDecided,
    NoSuchSpot,
    OutOfDate,
    OutsideDistricts,
    Refusal,
    TooManyToday,
    UnknownCode,
)
from services.sanctions import banned_until
from services.spots import Spot

END = ConversationHandler.END
State = str | int

# Buttons in a row when every category is shown.
IN_A_ROW = 2
PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".jfif")


# --- what a rider sends ---


async def begin(update: Update, context: Context) -> State:
    """Start a report by command, or say again what the one begun still needs."""
    turn = context.turn
    return ask(turn, _start(turn))


async def take_photo(update: Update, context: Context) -> State:
    """Put a photo into the draft; the parts of an album get one answer."""
    turn, message = context.turn, _message(update)
    return _take_picture(turn, message)


async def take_file(update: Update, context: Context) -> State:
    """Put a photo that was sent as a file into the draft; refuse any other file."""
    turn, message = context.turn, _message(update)
    document = message.document
    assert document is not None
    words = turn.words
    if not may_be_picture(document):
        return _keep_asking(turn, words.tr("That file is no photo. Only photos, please."))
    if (document.file_size or 0) > photos.MAX_BYTES:
        return _keep_asking(
            turn, words.tr("That file is too large (20 MB at most). A normal photo works.")
        )
    return _take_picture(turn, message)


def _take_picture(turn: Turn, message: Message) -> State:
    words, album, sent = turn.words, message.media_group_id, sent_in(message)
    draft = drafts.current(turn.session, person_id=turn.me.id)
    if album is not None and (draft is None or draft.media_group_id != album):
        report = reports.album_of(turn.session, person_id=turn.me.id, media_group_id=album)
        if report is not None:
            _late_part(turn, report, message, sent)
            return END if draft is None else _same_state(turn, draft)
    draft = _start(turn)
    refusal: Refusal | None = None
    try:
        drafts.add_photo(turn.session, draft=draft, sent=sent, policy=turn.policy)
        count = drafts.photo_count(turn.session, draft=draft)
        lead = (
            words.trn("{count} photo saved.", "{count} photos saved.", count)
            if count > 1
            else words.tr("Got the photo.")
        )
    except Refusal as why:
        refusal, lead = why, errors.sentence(why, words=words)
    # An album's other parts are still to come: what there is to say is said once, for all.
    answer = albums.needs_answer(draft, album=album, refusal=refusal)
    if message.caption and not drafts.add_note(
        draft, text=message.caption, message_id=message.message_id, policy=turn.policy
    ):
        lead = views.sentences(lead if answer else "", supplements.cut(turn), words=words)
        answer = True
    return ask(turn, draft, lead=lead) if answer else _same_state(turn, draft)


def _late_part(turn: Turn, report: Report, message: Message, sent: photos.Sent) -> None:
    # The album's first part has made the report; the reviewers get the others as they come.
    refusal: Refusal | None = None
    said = ""
    try:
        supplements.add_photo(turn, report, sent)
    except Refusal as why:
        refusal = why
    if albums.needs_answer(report, album=message.media_group_id, refusal=refusal) and refusal:
        said = errors.sentence(refusal, words=turn.words)
    if message.caption:
        cut = supplements.add_words(
            turn, report, text=message.caption, message_id=message.message_id
        )
        said = views.sentences(said, cut, words=turn.words)
    if said:
        turn.tell(View(escape(said)))


async def take_place(update: Update, context: Context) -> State:
    """Put the place into the draft: a pin, a venue, or a live location's newest fix."""
    turn, message = context.turn, _message(update)
    location = message.venue.location if message.venue else message.location
    assert location is not None
    begun = drafts.current(turn.session, person_id=turn.me.id)
    draft = _start(turn)
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
    sanctions.require_may_report(turn)
    text, words = notes.clean(message.text or ""), turn.words
    draft = drafts.start(turn.session, person=turn.me, policy=turn.policy)
    step = drafts.step(turn.session, draft=draft, policy=turn.policy)
    if step is Step.CATEGORY:
        named = [
            category
            for category in turn.policy.categories
            if text.casefold() in (category.name.zh.casefold(), category.name.en.casefold())
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
                "address": text[:200],
                "message_id": message.message_id,
                "language": words.language,
            },
        )
        turn.tell(View(words.tr("Looking for that place…")))
        return Step.PLACE
    whole = drafts.add_note(draft, text=text, message_id=message.message_id, policy=turn.policy)
    return ask(turn, draft, lead=words.tr("Note saved.") if whole else supplements.cut(turn))


async def take_voice(update: Update, context: Context) -> State:
    """Keep a voice note for the reviewer."""
    turn, message = context.turn, _message(update)
    sanctions.require_may_report(turn)
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

_ButtonStep = Callable[[Update, Turn, Draft], State]


def _of_draft(
    take: _ButtonStep, *, answers: bool = True
) -> Callable[[Update, Context], Coroutine[Any, Any, State]]:
    """Make a handler of what a button does: it gets the draft the button was made for.

    A button of an earlier draft, or of a category that is gone, brings the current question.

    Args:
        take: what the button does.
        answers: it answers the question it stands under, whose buttons then go.
    """

    @wraps(take)
    async def pressed(update: Update, context: Context) -> State:
        turn = context.turn
        sanctions.require_may_report(turn)
        try:
            draft = drafts.mine(
                turn.session,
                person_id=turn.me.id,
                draft_id=callbacks.pressed(update).subject,
            )
            drafts.touch(draft, policy=turn.policy)
            _end_addition(turn)
            turn.toast(update)
            state = take(update, turn, draft)
        except (OutOfDate, UnknownCode):
            return _show_current(update, turn)
        if answers:
            _set_buttons(update, turn, ())
        return state

    return pressed


def _set_buttons(update: Update, turn: Turn, rows: views.Rows) -> None:
    message = update.effective_message
    if message is None:
        return
    markup = {"inline_keyboard": [[button.markup() for button in row] for row in rows]}
    turn.call(
        turn.me.id, "editMessageReplyMarkup", message_id=message.message_id, reply_markup=markup
    )


@_of_draft
def choose_category(update: Update, turn: Turn, draft: Draft) -> State:
    """Put the category into the draft."""
    drafts.set_category(draft, code=callbacks.pressed(update).argument, policy=turn.policy)
    return ask(turn, draft)


@partial(_of_draft, answers=False)
def more_categories(update: Update, turn: Turn, draft: Draft) -> State:
    """Show every category, on the message that showed the likeliest."""
    buttons = questions.category_buttons(turn, draft)
    rows = [buttons[i : i + IN_A_ROW] for i in range(0, len(buttons), IN_A_ROW)]
    _set_buttons(update, turn, rows)
    return _same_state(turn, draft)


@_of_draft
def confirm_place(update: Update, turn: Turn, draft: Draft) -> State:
    """Take a vague place at the rider's word."""
    if not draft.has_place:
        raise OutOfDate
    draft.place_confirmed = True
    return ask(turn, draft)


@_of_draft
def take_photos_place(update: Update, turn: Turn, draft: Draft) -> State:
    """Take the place a camera wrote into one of the draft's photos, and no other."""
    wanted = callbacks.pressed(update).argument
    for latitude, longitude in drafts.photo_places(turn.session, draft=draft):
        if f"{latitude:.5f},{longitude:.5f}" == wanted:
            _set_place(turn, draft, latitude, longitude, accuracy_m=None, source=PlaceSource.FILE)
            return ask(turn, draft)
    raise OutOfDate


@_of_draft
def take_address(update: Update, turn: Turn, draft: Draft) -> State:
    """Take a place that was found for an address."""
    try:
        latitude, longitude = (
            float(part) for part in callbacks.pressed(update).argument.split(",")
        )
    except ValueError:
        raise OutOfDate from None
    _set_place(turn, draft, latitude, longitude, accuracy_m=None, source=PlaceSource.ADDRESS)
    return ask(turn, draft)


@_of_draft
def same_one(update: Update, turn: Turn, draft: Draft) -> State:
    """Join the report that was shown instead of making a second one."""
    words = turn.words
    number = _shown(callbacks.pressed(update))
    report = reports.still_near(turn.session, draft=draft, report_id=number, policy=turn.policy)
    if report is None:
        # It was decided or withdrawn while the rider looked: their own report goes its way, unless
        # there is another one near it.
        return ask(turn, draft)
    if report.reporter_id == turn.me.id:
        return _add_to_own(turn, report, draft)
    try:
        joined = reports.join(turn.session, report=report, person=turn.me)
    except AlreadyDecided:
        # The same, at this very moment.
        return ask(turn, draft)
    drafts.discard(turn.session, draft=draft)
    if joined:
        receipts.show_receipt(turn, report, person_id=turn.me.id)
        cards.refresh_review_cards(turn, report)
    else:
        turn.tell(View(words.tr("You follow #{number} already. Ride safe.", number=report.id)))
    return END


def _add_to_own(turn: Turn, report: Report, draft: Draft) -> State:
    words = turn.words
    try:
        whole = supplements.add_draft(turn, report, draft)
    except AlreadyDecided:
        drafts.discard(turn.session, draft=draft)
        turn.tell(
            View(
                words.tr(
                    "#{number} is yours and decided already, so nothing was added. Ride safe.",
                    number=report.id,
                )
            )
        )
        return END
    added = words.tr("Added to #{number}.", number=report.id)
    rest = "" if whole else words.tr("Not everything fit; the rest was left out.")
    turn.tell(View(views.sentences(added, rest, words=words)))
    return END


@_of_draft
def different(update: Update, turn: Turn, draft: Draft) -> State:
    """What is nearby is another hazard."""
    draft.different = True
    return ask(turn, draft)


@_of_draft
def submit_now(update: Update, turn: Turn, draft: Draft) -> State:
    """Try again to submit a draft that was complete but one too many that day."""
    return ask(turn, draft)


@_of_draft
def take_spot(update: Update, turn: Turn, draft: Draft) -> State:
    """What was begun is about the spot whose code was scanned meanwhile."""
    spot = spots.unpacked(callbacks.pressed(update).argument)
    if spot is None:
        raise OutOfDate
    return _fill_in(turn, draft, spot)


@_of_draft
def keep_draft(update: Update, turn: Turn, draft: Draft) -> State:
    """What was begun is about another place than the spot whose code was scanned."""
    return _keep_asking(turn, "")


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
    """A button nobody waits for: show what is current, or say what became of its draft."""
    turn = context.turn
    if drafts.current(turn.session, person_id=turn.me.id) is not None:
        stand_at(turn, _show_current(update, turn))
        return
    press, words = callbacks.pressed(update), turn.words
    done = reports.of_draft(turn.session, person_id=turn.me.id, draft_id=press.subject) is not None
    if press.verb == "same":
        done = done or reports.concerns(turn.session, report_id=_shown(press), person_id=turn.me.id)
    turn.toast(
        update,
        words.tr("That report is done. A photo starts a new one.")
        if done
        else words.tr("That draft is gone. A photo starts a new one."),
    )


async def follow_live_location(update: Update, context: Context) -> None:
    """Take a better fix of a live location while the first was too vague to go on with."""
    turn, message = context.turn, update.edited_message
    assert message is not None
    location = message.location
    assert location is not None
    draft = drafts.current(turn.session, person_id=turn.me.id)
    if draft is None or draft.live_message_id != message.message_id:
        return
    if banned_until(turn.me) is not None:
        # It moves by itself: nobody need be told again.
        return
    if drafts.step(turn.session, draft=draft, policy=turn.policy) is not Step.CONFIRM_PLACE:
        # They have gone on, and may be riding on: the hazard stays where they saw it.
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
    if draft.place_confirmed:
        stand_at(turn, ask(turn, draft))


async def follow_edit(update: Update, context: Context) -> None:
    """A note follows the edit of a message its words came from."""
    turn, message = context.turn, update.edited_message
    assert message is not None
    text = message.text or message.caption or ""
    draft = drafts.current(turn.session, person_id=turn.me.id)
    if draft is not None and drafts.edit_note(
        draft, text=text, message_id=message.message_id, policy=turn.policy
    ):
        return
    if banned_until(turn.me) is not None:
        # What the desk has of a banned rider's words stays as it is.
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


def begin_at(turn: Turn, spot: Spot | None) -> None:
    """Start a report at a street spot whose code was scanned.

    What a rider has begun with a photo or a place may be about something else: they are asked, and
    nothing of it is changed before. It is not submitted by a link alone.

    Args:
        turn: the transaction.
        spot: what the code stands for; None if for nothing.

    Raises:
        NoSuchSpot: the code stands for nothing.
        OutsideDistricts: the spot lies outside all districts; what was begun is as it was.
        Banned: the rider may not report for a while.
    """
    if spot is None:
        raise NoSuchSpot
    sanctions.require_may_report(turn)
    draft = drafts.current(turn.session, person_id=turn.me.id)
    districts = turn.house.districts
    if districts.locate(spot.latitude, spot.longitude) is None:
        nearest, distance_m = districts.nearest(spot.latitude, spot.longitude)
        raise OutsideDistricts(nearest=nearest, distance_m=distance_m, draft_kept=draft is not None)
    begun = draft is not None and (
        draft.has_place or drafts.photo_count(turn.session, draft=draft) > 0
    )
    if draft is None or not begun:
        stand_at(turn, _fill_in(turn, _start(turn), spot))
        return
    _end_addition(turn)
    drafts.touch(draft, policy=turn.policy)
    if (draft.latitude, draft.longitude) == (spot.latitude, spot.longitude):
        # The same code once more.
        stand_at(turn, _keep_asking(turn, ""))
        return
    turn.tell(questions.about_spot(turn, draft, spot))
    stand_at(turn, _same_state(turn, draft))


def _fill_in(turn: Turn, draft: Draft, spot: Spot) -> State:
    _set_place(
        turn,
        draft,
        spot.latitude,
        spot.longitude,
        accuracy_m=None,
        source=PlaceSource.SPOT,
    )
    # What the rider has said goes before what the poster says; a kind may be gone since it hung.
    if draft.category is None and turn.policy.category(spot.category) is not None:
        drafts.set_category(draft, code=spot.category, policy=turn.policy)
    return ask(turn, draft)


def stand_at(turn: Turn, state: State) -> None:
    """Let the conversation go on from a state that somebody else than its table has brought about.

    Args:
        turn: the transaction.
        state: where the rider stands; END for nowhere.
    """
    conversations.set_state(
        turn.session,
        name=REPORT,
        key=(turn.me.id, turn.me.id),
        state=None if state == END else str(state),
    )


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
    receipts.show_receipt(turn, report, person_id=turn.me.id)
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


def _show_current(update: Update, turn: Turn) -> State:
    draft = drafts.current(turn.session, person_id=turn.me.id)
    if draft is None:
        turn.toast(update, turn.words.tr("That draft is gone. A photo starts a new one."))
        return END
    turn.toast(update, turn.words.tr("That button is out of date; here is the current one."))
    return _keep_asking(turn, "")


def _start(turn: Turn) -> Draft:
    sanctions.require_may_report(turn)
    _end_addition(turn)
    return drafts.start(turn.session, person=turn.me, policy=turn.policy)


def _end_addition(turn: Turn) -> None:
    # Who goes on with a report of its own adds no more to an earlier one.
    if ADDITION in (turn.conversations or {}):
        conversations.forget(turn.session, name=ADDITION, key=(turn.me.id, turn.me.id))


def _shown(press: Press) -> int:
    """The number of the report a question about its sameness showed; 0, which none has, if none."""
    same = callbacks.parse(f"{press.area}:{press.verb}:{press.argument}")
    return same.subject if same else 0


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


def sent_in(message: Message) -> photos.Sent:
    """The picture of a message that has one, as a photo or as a file."""
    source = message.document or message.photo[-1]
    return photos.Sent(
        file_id=source.file_id,
        file_unique_id=source.file_unique_id,
        as_file=message.document is not None,
        forwarded=message.forward_origin is not None,
        sent_at=message.date,
    )


def may_be_picture(document: Document) -> bool:
    """Whether a file is worth fetching: it calls itself a picture, by its kind or its name."""
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
    CallbackQueryHandler(take_photos_place, callbacks.pattern(DRAFT, "gps")),
    CallbackQueryHandler(take_address, callbacks.pattern(DRAFT, "addr")),
    CallbackQueryHandler(same_one, callbacks.pattern(DRAFT, "same")),
    CallbackQueryHandler(different, callbacks.pattern(DRAFT, "diff")),
    CallbackQueryHandler(take_spot, callbacks.pattern(DRAFT, "spot")),
    CallbackQueryHandler(keep_draft, callbacks.pattern(DRAFT, "keep")),
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
