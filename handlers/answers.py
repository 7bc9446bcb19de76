"""What the outside world answered to an errand, told to whom it concerns."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from telegram import Message, User

from handlers import (
    callbacks,
    cards,
    counter,
    desk_views,
    errors,
    questions,
    queue,
    replies,
    review,
    standing,
    timers,
    views,
)
from handlers.callbacks import DRAFT
from handlers.context import Turn
from handlers.views import Button, View
from locales import Words
from models import Draft, Photo, Report
from models.cards import CardPurpose
from models.errands import ErrandKind
from models.workflow import UNDECIDED_STATES, State
from services import cards as card_rows
from services import chats, drafts, errands, evidence, people, photos, places, reports
from services.drafts import Step
from services.photos import ExifFault, Found, Refused
from services.refusals import NoButtonOfOurs, NotForYou, Refusal, StandingInDoubt


def picture_found(turn: Turn, *, photo_id: int, found: Found) -> None:
    """A picture is fetched and kept: offer the place it carries, deal the card that waited."""
    photo = photos.get(turn.session, photo_id=photo_id)
    if photo is None:
        return
    turn.person = people.locked(turn.session, person_id=photo.owner_id)
    found = _judged(turn, found)
    report = _dealt_with(turn, photo)
    before = _told_by_photos(turn, report) if report is not None else None
    photos.stored(turn.session, photo=photo, found=found)
    if found.place is not None or found.exif_fault is not None:
        draft = drafts.current(turn.session, person_id=photo.owner_id)
        if draft is not None and draft.id == photos.draft_of(turn.session, photo_id=photo.id):
            _offer_place(turn, draft, found)
    if photo.as_file:
        # Any other was shown by its id from the start.
        _bring_up_to_date(turn, photo, arrived=True)
    # An edit has its price in a group: only for what the card does not tell yet.
    if report is not None and _told_by_photos(turn, report) != before:
        _tell_evidence(turn, report)


def picture_refused(turn: Turn, *, photo_id: int, why: Refused) -> None:
    """A file is no picture: tell its sender, who may send another."""
    photo = photos.get(turn.session, photo_id=photo_id)
    if photo is None:
        return
    turn.person = people.locked(turn.session, person_id=photo.owner_id)
    draft_id = photos.draft_of(turn.session, photo_id=photo.id)
    photos.refuse(turn.session, photo=photo, why=why)
    words = turn.words
    match why:
        case Refused.TOO_LARGE:
            text = words.tr("That picture is too large to open. A normal photo works.")
        case Refused.UNREACHABLE:
            text = words.tr("That photo could not be fetched. Please send it again.")
        case Refused.NOT_A_PICTURE | Refused.BROKEN:
            text = words.tr("That file cannot be opened as a picture. Please send another.")
    draft = drafts.current(turn.session, person_id=photo.owner_id)
    if draft is not None and draft.id == draft_id:
        step = drafts.step(turn.session, draft=draft, policy=turn.policy)
        turn.tell(questions.question(turn, draft, step, lead=text))
    else:
        turn.tell(View(escape(text)))
    _bring_up_to_date(turn, photo, arrived=False)


def addresses_found(
    turn: Turn,
    *,
    draft_id: int,
    person_id: int,
    address: str,
    message_id: int,
    found: Sequence[places.Found] | None,
) -> None:
    """A typed address was looked up: offer what was found inside the districts.

    Args:
        turn: the transaction.
        draft_id: whose place was awaited.
        person_id: the rider.
        address: what they typed; kept as a note if it leads nowhere.
        message_id: where they typed it.
        found: places; None: the geocoder did not answer.
    """
    turn.person = people.locked(turn.session, person_id=person_id)
    if turn.person is None:
        return
    draft = drafts.current(turn.session, person_id=person_id)
    if draft is None or draft.id != draft_id:
        _note_on_report(turn, address=address, message_id=message_id)
        return
    if draft.has_place:
        # The place came by another way; what was typed may still say where exactly.
        drafts.add_note(draft, text=address, message_id=message_id, policy=turn.policy)
        return
    words = turn.words
    inside = [
        place
        for place in found or ()
        if turn.house.districts.locate(place.latitude, place.longitude) is not None
    ]
    if inside:
        rows = [
            [
                Button(
                    place.label[:60],
                    callbacks.pack(
                        DRAFT, "addr", draft.id, f"{place.latitude:.5f},{place.longitude:.5f}"
                    ),
                )
            ]
            for place in inside
        ]
        turn.tell(View(words.tr("Which one is it?"), rows=rows))
        return
    drafts.add_note(draft, text=address, message_id=message_id, policy=turn.policy)
    lead = (
        words.tr("Addresses cannot be looked up right now; your words are kept as a note.")
        if found is None
        else words.tr("No such place found here; your words are kept as a note.")
    )
    step = drafts.step(turn.session, draft=draft, policy=turn.policy)
    turn.tell(questions.question(turn, draft, step, lead=lead))


def _note_on_report(turn: Turn, *, address: str, message_id: int) -> None:
    """The draft went its way while the address was looked up: its report keeps the words."""
    newest, _ = reports.page_of(turn.session, person_id=turn.me.id, page=0)
    report = next((row for row in newest if row.reporter_id == turn.me.id), None)
    if report is None or report.state not in UNDECIDED_STATES:
        return
    receipt = card_rows.find(
        turn.session, report_id=report.id, chat_id=turn.me.id, purpose=CardPurpose.RECEIPT
    )
    if receipt is not None and receipt.message_id is not None and receipt.message_id < message_id:
        # It was reported before the address was typed: the draft that was meant is gone.
        return
    reports.add_note(
        turn.session, report=report, text=address, message_id=message_id, policy=turn.policy
    )
    cards.refresh_review_cards(turn, report)


def rights_found(turn: Turn, *, chat_id: int, missing: Sequence[str]) -> None:
    """Telegram said what the bot may do in a chat: tell what is missing, ask who runs it."""
    chat = chats.current(turn.session, chat_id=chat_id)
    if chat is not None:
        turn.say(chat.id, desk_views.rights(missing, turn.words_of(chat.language)))
        if "member" not in missing:
            errands.ask(
                turn.session,
                kind=ErrandKind.MEMBER,
                payload={"chat_id": chat.id, "person_id": None},
            )


def member_found(
    turn: Turn,
    *,
    chat_id: int,
    person_id: int,
    name: str,
    place: str | None,
    press: Mapping[str, Any] | None,
    reply: dict[str, Any] | None,
) -> None:
    """Telegram said whether somebody is in a desk's chat: what they wanted is done, if they are.

    Args:
        turn: the transaction.
        chat_id: the chat of the desk.
        person_id: who was in doubt.
        name: as colleagues know them, if they are in.
        place: where they stand, in the words of `chats.place`; None: Telegram does not say.
        press: the button they pressed, as `standing.ask_about` wrote it down.
        reply: what they wrote in reply to a card, as Telegram told it.
    """
    # The one who acts has a row, and it is locked, as when a press comes in.
    turn.person = people.meet(
        turn.session, person_id=person_id, language_code=None, policy=turn.policy
    )
    _note_place(turn, chat_id=chat_id, person_id=person_id, name=name, place=place)
    if press is not None:
        _press(turn, press, person_id=person_id, name=name, may_be_seen=place is not None)
    message = Message.de_json(reply, None) if reply is not None else None
    if message is not None and message.from_user is not None:
        if place is None:
            desk = chats.current(turn.session, chat_id=message.chat.id)
            words = turn.words_of(desk.language) if desk is not None else turn.words
            view = View(_cannot_see(words))
            turn.say(message.chat.id, view, reply_to=message.message_id)
            return
        if queue.is_asked(message):
            _deal_next(turn, message, message.from_user)
            return
        try:
            replies.take(turn, message, message.from_user)
        except StandingInDoubt:
            # It went to another desk meanwhile.
            return


def _cannot_see(words: Words) -> str:
    return words.tr("I cannot see who is in the group. Make me an administrator there.")


def _deal_next(turn: Turn, message: Message, user: User) -> None:
    try:
        queue.take(turn, message, user)
    except StandingInDoubt as doubt:
        # In another of their desks.
        standing.ask_about(turn, doubt, user, reply=message)
    except NotForYou as refusal:
        turn.say(message.chat.id, View(escape(errors.sentence(refusal, words=turn.words))))


def _press(
    turn: Turn, press: Mapping[str, Any], *, person_id: int, name: str, may_be_seen: bool
) -> None:
    if not may_be_seen:
        turn.answer(press["id"], _cannot_see(turn.words), alert=True)
        return
    try:
        button = callbacks.parse(press["data"])
        if button is None:
            raise NoButtonOfOurs
        text = review.act(turn, button, chat_id=press["chat_id"], person_id=person_id, name=name)
    except Refusal as refusal:
        turn.forged = isinstance(refusal, NotForYou | NoButtonOfOurs)
        among = press["chat_id"] != person_id
        text = errors.sentence(refusal, words=turn.words, among_colleagues=among)
        turn.answer(press["id"], text, alert=True)
        return
    turn.answer(press["id"], text)
    if press["message_id"] is not None:
        review.put_away(turn, button, chat_id=press["chat_id"], message_id=press["message_id"])


def _note_place(turn: Turn, *, chat_id: int, person_id: int, name: str, place: str | None) -> None:
    desk = chats.current(turn.session, chat_id=chat_id)
    if desk is None or desk.purpose != chats.MODERATORS:
        return
    if place is None:
        timers.alarm(
            turn,
            key=f"members_hidden:{desk.id}",
            text=turn.words_of(None).tr(
                "I cannot find out who is in the review desk, so buttons there do nothing. "
                "Make me an administrator of that group."
            ),
        )
        return
    if place in chats.GONE:
        # A stranger's name is no business of ours; one who was a colleague keeps theirs.
        known = chats.names(turn.session, chat_id=desk.id, person_ids=[person_id])
        name = known.get(person_id, "")
    chats.member(turn.session, chat_id=desk.id, person_id=person_id, status=place, name=name)


def still_checking(turn: Turn, *, person_id: int, query_id: str) -> None:
    """Telegram could not be asked at once: who waits on a button hears that it goes on."""
    turn.person = people.find(turn.session, person_id=person_id)
    turn.answer(query_id, turn.words.tr("One moment, I am checking…"))


def administrators_found(
    turn: Turn, *, chat_id: int, found: Sequence[tuple[int, str, str]]
) -> None:
    """Telegram said who runs a desk's chat: they are in it, each with an id, a place and a name."""
    desk = chats.current(turn.session, chat_id=chat_id)
    if desk is None or desk.purpose != chats.MODERATORS:
        return
    for person_id, place, name in found:
        chats.member(turn.session, chat_id=desk.id, person_id=person_id, status=place, name=name)


def qr_codes_read(turn: Turn, *, person_id: int, texts: Sequence[str]) -> None:
    """A photo from a shop's counter was looked at: show the voucher in it.

    Args:
        turn: the transaction.
        person_id: who sent it.
        texts: what the QR codes in it say.
    """
    turn.person = people.locked(turn.session, person_id=person_id)
    if turn.person is None:
        return
    try:
        counter.read(turn, texts)
    except Refusal as refusal:
        turn.tell(View(escape(errors.sentence(refusal, words=turn.words))))


def voucher_slow(turn: Turn, *, person_id: int) -> None:
    """A photo from a counter could not be fetched at once."""
    turn.person = people.find(turn.session, person_id=person_id)
    if turn.person is not None:
        counter.still_fetching(turn)


def voucher_not_fetched(turn: Turn, *, person_id: int) -> None:
    """A photo from a counter cannot be fetched."""
    turn.person = people.find(turn.session, person_id=person_id)
    if turn.person is not None:
        counter.not_fetched(turn)


def _judged(turn: Turn, found: Found) -> Found:
    if found.place is None or turn.house.districts.locate(*found.place) is not None:
        return found
    return Found(
        sha256=found.sha256,
        dhash=found.dhash,
        width=found.width,
        height=found.height,
        size=found.size,
        taken_at=found.taken_at,
        place=None,
        exif_fault=ExifFault.OUTSIDE,
    )


def _offer_place(turn: Turn, draft: Draft, found: Found) -> None:
    if draft.has_place:
        return
    words = turn.words
    if found.place is not None:
        latitude, longitude = found.place
        districts = turn.house.districts
        near = districts.near_place(latitude, longitude, reports.NEAR_PLACE_M)
        place = views.place_line(
            district=districts.locate(latitude, longitude),
            near_zh=near[0].name_zh if near else "",
            near_en=near[0].name_en if near else "",
            words=words,
        )
        here = Button(
            words.tr("Use it"),
            callbacks.pack(DRAFT, "gps", draft.id, f"{latitude:.5f},{longitude:.5f}"),
            style="primary",
        )
        turn.tell(
            View(words.tr("The photo says: {place}. Is it there?", place=place), rows=((here,),))
        )
    elif found.exif_fault is ExifFault.OUTSIDE:
        turn.tell(
            questions.question(
                turn,
                draft,
                Step.PLACE,
                lead=words.tr(
                    "The place saved in the photo is outside our area, so it was left out."
                ),
            )
        )
    elif found.exif_fault is ExifFault.UNREADABLE:
        turn.tell(
            questions.question(
                turn,
                draft,
                Step.PLACE,
                lead=words.tr("The place saved in the photo makes no sense, so it was left out."),
            )
        )


def _dealt_with(turn: Turn, photo: Photo) -> Report | None:
    """The report a picture belongs to, if its card is out already."""
    number = photos.report_of(turn.session, photo_id=photo.id)
    report = reports.get(turn.session, report_id=number) if number is not None else None
    return report if report is not None and cards.is_dealt(turn, report) else None


def _told_by_photos(turn: Turn, report: Report) -> evidence.OfPhotos:
    pictures = photos.of_report(turn.session, report_id=report.id)
    return evidence.of_photos(turn.session, report=report, pictures=pictures)


def _tell_evidence(turn: Turn, report: Report) -> None:
    """Show on a card that is out already what fetching a picture has brought to light."""
    # A decision being made at this moment is waited for: the card must show it, too. It may still
    # be undone in the light of what was found; what was withdrawn is nobody's concern any more.
    reports.lock(turn.session, report=report)
    if report.state != State.WITHDRAWN:
        cards.refresh_review_cards(turn, report)


def _bring_up_to_date(turn: Turn, photo: Photo, *, arrived: bool) -> None:
    number = photos.report_of(turn.session, photo_id=photo.id)
    row = reports.get(turn.session, report_id=number) if number is not None else None
    if row is None:
        return
    # Or a decision made at this moment could be shown as still to be made.
    reports.lock(turn.session, report=row)
    if row.state not in UNDECIDED_STATES:
        return
    if cards.is_dealt(turn, row):
        if arrived:
            cards.tell_reviewers_photo(turn, row, photo)
        else:
            cards.refresh_review_cards(turn, row)
        return
    cards.deal(turn, row)
