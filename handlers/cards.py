"""A report at the review desk: its card dealt, and brought up to date as it moves on."""

from collections.abc import Iterator, Sequence
from html import escape

from handlers import desk_views, views
from handlers.context import Turn, in_topic
from handlers.desk_views import CardFacts
from handlers.views import Button, View
from locales import Words
from models import Card, Chat, Person, Photo, Report, clock
from models.cards import CardPurpose
from models.photos import PhotoState
from models.workflow import DESK_STATES, UNDECIDED_STATES
from services import cards as card_rows
from services import chats, claims, evidence, people, photos, reports
from services.refusals import OutOfDate

# Reports looked at in one go where some wait.
AT_ONCE = 50
# A card waits at most so long for a picture sent as a file to be fetched; then it goes without.
PATIENCE_S = 120


def deal(turn: Turn, report: Report) -> bool:
    """Put a report before its desk, if there is room and nothing waits for room before it.

    Otherwise it waits undealt, and `deal_waiting` finds it: a group takes so many messages a minute
    and no more, and what waits is dealt dangers first.

    Args:
        turn: the transaction.
        report: one that is undecided.

    Returns:
        False if it waits: for room, for a desk, or for pictures that are being fetched; whoever has
        fetched them deals it then.
    """
    desk = chats.desk_for(turn.session, district=report.district)
    if desk is None:
        return False
    pictures = photos.of_report(turn.session, report_id=report.id)
    if _waits_for_pictures(report, pictures):
        return False
    if desk.behind or not _has_room(turn, desk, report, pictures):
        chats.fall_behind(turn.session, chat=desk)
        return False
    _deal_to(turn, report, desk.id, pictures)
    return True


def waiting(turn: Turn, desk: Chat) -> Iterator[Report]:
    """What waits at a desk, in order, as far as there is room; whoever asks deals it.

    Args:
        turn: the transaction.
        desk: a moderator chat.

    Yields:
        A report for which there is room now.
    """
    area = chats.area_of(turn.session, chat=desk)
    found = card_rows.undealt(turn.session, chat_id=desk.id, area=area, limit=AT_ONCE)
    for report in found:
        pictures = photos.of_report(turn.session, report_id=report.id)
        if _waits_for_pictures(report, pictures):
            continue
        if not _has_room(turn, desk, report, pictures):
            return
        yield report
    if len(found) < AT_ONCE:
        chats.catch_up(turn.session, chat=desk)


def deal_waiting(turn: Turn, desk: Chat) -> None:
    """Deal what waits at a desk as far as there is room; the timetable deals the rest."""
    chats.fall_behind(turn.session, chat=desk)
    for report in waiting(turn, desk):
        deal_now(turn, report)


def deal_now(turn: Turn, report: Report) -> None:
    """Put a report before its desk, room or not, unless its rider takes it back at this moment."""
    desk = chats.desk_for(turn.session, district=report.district)
    reports.lock(turn.session, report=report)
    if desk is not None and report.state in UNDECIDED_STATES:
        pictures = photos.of_report(turn.session, report_id=report.id)
        _deal_to(turn, report, desk.id, pictures)


def redeal(turn: Turn, report: Report) -> None:
    """Send a report's card anew, at the bottom of its desk: something has happened.

    It is dealt like any other, so it waits where there is no room. The old one, further up, loses
    its buttons.

    Args:
        turn: the transaction.
        report: an undecided one, locked.
    """
    for card in card_rows.of_report(turn.session, report_id=report.id, purpose=CardPurpose.REVIEW):
        if card.chat_id < 0:
            if card.message_id is not None:
                turn.call(
                    card.chat_id,
                    "editMessageReplyMarkup",
                    message_id=card.message_id,
                    reply_markup={"inline_keyboard": []},
                )
            card_rows.forget_place(turn.session, card=card)
    deal(turn, report)
    refresh_review_cards(turn, report)


def is_dealt(turn: Turn, report: Report) -> bool:
    """Whether reviewers see a report already."""
    found = _of_reviewers(turn, report)
    return any(not card_rows.is_lost(turn.session, card=card) for card in found)


def _of_reviewers(turn: Turn, report: Report) -> Sequence[Card]:
    """The cards reviewers have of a report; one in private no more once they have left the desk."""
    found = card_rows.of_report(turn.session, report_id=report.id, purpose=CardPurpose.REVIEW)
    return [
        card
        for card in found
        if card.chat_id < 0 or chats.desks_of(turn.session, person_id=card.chat_id)
    ]


def deal_in_private(turn: Turn, report: Report, *, person: Person) -> None:
    """Show a report to one reviewer, in their chat with the bot, where no group's budget counts."""
    pictures = photos.of_report(turn.session, report_id=report.id)
    card = card_rows.find(
        turn.session, report_id=report.id, chat_id=person.id, purpose=CardPurpose.REVIEW
    )
    if card is not None:
        # From an earlier time; it has scrolled away.
        card_rows.forget_place(turn.session, card=card)
    _deal_to(turn, report, person.id, pictures)


def give_back(turn: Turn, *, person_id: int) -> None:
    """What was to be dealt to somebody in private did not arrive: it is everybody's again.

    They are told in their desk how it would arrive.

    Args:
        turn: the transaction.
        person_id: who cannot be written to.
    """
    desks = set()
    for report in claims.held_by(turn.session, person_id=person_id):
        card = card_rows.find(
            turn.session, report_id=report.id, chat_id=person_id, purpose=CardPurpose.REVIEW
        )
        if card is None or card.message_id is not None:
            continue
        name = report.claimed_by_name or ""
        claims.end(turn.session, report=report)
        refresh_review_cards(turn, report)
        desk = chats.desk_for(turn.session, district=report.district)
        if desk is not None and desk.id not in desks:
            desks.add(desk.id)
            chats.fall_behind(turn.session, chat=desk)
            say_start_first(turn, desk, name=name)


def say_start_first(turn: Turn, desk: Chat, *, name: str, topic: int | None = None) -> None:
    """Tell a reviewer, in their desk, that the bot may not write to them yet."""
    words = turn.words_of(desk.language)
    text = words.tr(
        "{name}, I cannot write to you yet. Start me first, then /queue again.", name=escape(name)
    )
    button = Button(words.tr("Start the bot"), url=f"https://t.me/{turn.house.bot_username}")
    turn.say(desk.id, View(text, rows=((button,),)), topic=topic)


def _waits_for_pictures(report: Report, pictures: Sequence[Photo]) -> bool:
    under_way = any(picture.state == PhotoState.WAITING and picture.as_file for picture in pictures)
    return under_way and (clock.now() - report.created_at).total_seconds() < PATIENCE_S


def _has_room(turn: Turn, desk: Chat, report: Report, pictures: Sequence[Photo]) -> bool:
    album = len(pictures) if len(pictures) > 1 else 0
    apart = (len(report.note) > views.NOTE_ON_CARD) + bool(report.voice_file_id)
    return card_rows.has_room(
        turn.session,
        chat_id=desk.id,
        price=album + 1 + apart,
        per_minute=turn.house.group_per_minute,
    )


def _deal_to(turn: Turn, report: Report, chat_id: int, pictures: Sequence[Photo]) -> None:
    """Send a report to a chat that does not show it yet, or not any more."""
    card, is_new = card_rows.find_or_make(
        turn.session, report_id=report.id, chat_id=chat_id, purpose=CardPurpose.REVIEW
    )
    if not (is_new or card_rows.is_lost(turn.session, card=card)):
        return
    facts = facts_of(turn, report, pictures)
    words, topic = _manner(turn, report, chat_id)
    if len(facts.photo_ids) > 1:
        # An album cannot carry buttons: it goes first, the card right after it.
        card.has_album = True
        turn.call(
            chat_id,
            "sendMediaGroup",
            photo_ids=list(facts.photo_ids),
            caption=f"#{report.id}",
            **in_topic(topic),
        )
    turn.show(card, _view(turn, report, facts, card, words), is_new=is_new, topic=topic)
    if not desk_views.shows_whole_note(report, facts, words):
        turn.say(chat_id, View(f"💬 #{report.id}\n{escape(report.note)}"), topic=topic)
    if report.voice_file_id:
        _let_hear(turn, report, chat_id, topic)


def _manner(turn: Turn, report: Report, chat_id: int) -> tuple[Words, int | None]:
    """In which language, and in which topic, a report is told of in a chat."""
    if chat_id > 0:
        person = people.find(turn.session, person_id=chat_id)
        return turn.words_of(person.language if person else None), None
    chat = chats.current(turn.session, chat_id=chat_id)
    return turn.words_of(chat.language if chat else None), chats.topic_of(chat, report=report)


def _let_hear(turn: Turn, report: Report, chat_id: int, topic: int | None) -> None:
    turn.call(
        chat_id,
        "sendVoice",
        voice=report.voice_file_id,
        caption=f"🎤 #{report.id}",
        **in_topic(topic),
    )


def _view(
    turn: Turn,
    report: Report,
    facts: CardFacts,
    card: Card,
    words: Words,
    *,
    menu: desk_views.Menu | None = None,
) -> views.View:
    return desk_views.card(
        report,
        facts,
        policy=turn.policy,
        words=words,
        with_photo=not card.has_album,
        menu=menu,
    )


def deal_anew(turn: Turn, *, chat_id: int) -> None:
    """Deal the cards of a chat that has a new id: those of the old one cannot be edited."""
    chat = chats.current(turn.session, chat_id=chat_id)
    if chat is not None and chat.purpose == chats.MODERATORS:
        deal_waiting(turn, chat)


def refresh_review_cards(turn: Turn, report: Report) -> None:
    """Bring the moderators' cards of a report up to date; deal it where there are none yet."""
    found = _of_reviewers(turn, report)
    if not found:
        if report.state in DESK_STATES:
            deal(turn, report)
        return
    facts = facts_of(turn, report, photos.of_report(turn.session, report_id=report.id))
    for card in found:
        if card_rows.is_lost(turn.session, card=card):
            # It waits for room, and then comes as it is by then.
            continue
        words, topic = _manner(turn, report, card.chat_id)
        turn.show(card, _view(turn, report, facts, card, words), topic=topic)


def show_menu(turn: Turn, report: Report, *, chat_id: int, menu: desk_views.Menu | None) -> None:
    """Offer something on the card of a report in one chat; or its own buttons again.

    Like all else that becomes of a card it replaces what waits unsent for it: a decision that comes
    a moment later has the last word.

    Args:
        turn: the transaction; the report's row is locked in it.
        report: whose card.
        chat_id: where the card is.
        menu: what to offer; None: the card's own buttons.

    Raises:
        OutOfDate: there is no card there.
    """
    card = card_rows.find(
        turn.session, report_id=report.id, chat_id=chat_id, purpose=CardPurpose.REVIEW
    )
    if card is None:
        raise OutOfDate
    facts = facts_of(turn, report, photos.of_report(turn.session, report_id=report.id))
    words, topic = _manner(turn, report, chat_id)
    turn.show(card, _view(turn, report, facts, card, words, menu=menu), topic=topic)


def tell_reviewers_photo(turn: Turn, report: Report, photo: Photo) -> None:
    """Show the reviewers a photo that came after the card."""
    for chat_id, topic in _shown_in(turn, report):
        turn.say(chat_id, View(f"📷 #{report.id}", photo_id=photo.id), topic=topic)


def tell_reviewers_note(turn: Turn, report: Report, words: str) -> None:
    """Show the reviewers words that came after the card and that it has no room for."""
    for chat_id, topic in _shown_in(turn, report):
        turn.say(chat_id, View(f"💬 #{report.id}\n{escape(words)}"), topic=topic)


def shows_whole_note(turn: Turn, report: Report) -> bool:
    """Whether the moderators' cards of a report have room for all of its note."""
    facts = facts_of(turn, report, photos.of_report(turn.session, report_id=report.id))
    found = _of_reviewers(turn, report)
    desks = [chats.current(turn.session, chat_id=card.chat_id) for card in found]
    return all(
        desk_views.shows_whole_note(report, facts, turn.words_of(desk.language if desk else None))
        for desk in desks
    )


def tell_reviewers_voice(turn: Turn, report: Report) -> None:
    """Let the reviewers hear a spoken note that came after the card."""
    for chat_id, topic in _shown_in(turn, report):
        _let_hear(turn, report, chat_id, topic)


def _shown_in(turn: Turn, report: Report) -> Iterator[tuple[int, int | None]]:
    """Where reviewers see a report: chat and topic. A card still to be dealt brings all along."""
    for card in _of_reviewers(turn, report):
        if not card_rows.is_lost(turn.session, card=card):
            yield card.chat_id, _manner(turn, report, card.chat_id)[1]


def facts_of(turn: Turn, report: Report, pictures: Sequence[Photo]) -> CardFacts:
    """Gather what a review card tells beside the report itself, and the pictures it came with."""
    session = turn.session
    reporter = people.find(session, person_id=report.reporter_id)
    assert reporter is not None
    shown = tuple(
        picture.id
        for picture in pictures
        if picture.state != PhotoState.REFUSED and (picture.sendable_id or picture.sha256)
    )
    neighbour = reports.neighbour_of(session, report=report, policy=turn.policy)
    return CardFacts(
        district=turn.house.districts.by_code(report.district),
        reporter=reporter,
        record=reports.record_of(session, person_id=report.reporter_id),
        evidence=evidence.gather(session, report=report, pictures=pictures, policy=turn.policy),
        photo_ids=shown,
        missing_photos=len(pictures) - len(shown),
        forwarded=sum(picture.forwarded for picture in pictures),
        joiners=len(reports.joiners(session, report_id=report.id)),
        neighbour=neighbour,
        map_url=turn.house.map_url.format(
            latitude=f"{report.latitude:.6f}", longitude=f"{report.longitude:.6f}"
        ),
    )
