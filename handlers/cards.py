"""A report at the review desk: its card dealt, and brought up to date as it moves on."""

from collections.abc import Sequence
from html import escape

from handlers import desk_views, views
from handlers.context import Turn
from handlers.desk_views import CardFacts
from locales import Words
from models import Card, Chat, Photo, Report, clock
from models.cards import CardPurpose
from models.photos import PhotoState
from models.workflow import DESK_STATES
from services import cards, chats, evidence, people, photos, reports
from services.refusals import OutOfDate

# A card waits at most so long for a picture sent as a file to be fetched; then it goes without.
PATIENCE_S = 120


def deal(turn: Turn, report: Report) -> bool:
    """Put a report before every moderator chat, once.

    Args:
        turn: the transaction.
        report: one that is undecided.

    Returns:
        False if its pictures are still being fetched: whoever has fetched them deals it then.
    """
    pictures = photos.of_report(turn.session, report_id=report.id)
    waiting = any(picture.state == PhotoState.WAITING and picture.as_file for picture in pictures)
    age = (clock.now() - report.created_at).total_seconds()
    if waiting and age < PATIENCE_S:
        return False
    for chat in chats.moderators(turn.session):
        card, is_new = cards.find_or_make(
            turn.session, report_id=report.id, chat_id=chat.id, purpose=CardPurpose.REVIEW
        )
        if is_new or cards.is_lost(turn.session, card=card):
            facts = facts_of(turn, report, pictures)
            _deal_to(turn, report, chat, card, facts, is_new=is_new)
    return True


def deal_late(turn: Turn, report: Report) -> None:
    """Deal a report that was found waiting, unless its rider takes it back at this moment."""
    reports.lock(turn.session, report=report)
    if report.state in DESK_STATES:
        deal(turn, report)


def is_dealt(turn: Turn, report: Report) -> bool:
    """Whether reviewers see a report already."""
    return bool(cards.of_report(turn.session, report_id=report.id, purpose=CardPurpose.REVIEW))


def _deal_to(
    turn: Turn, report: Report, chat: Chat, card: Card, facts: CardFacts, *, is_new: bool
) -> None:
    words = turn.words_of(chat.language)
    if len(facts.photo_ids) > 1:
        # An album cannot carry buttons: it goes first, the card right after it.
        card.has_album = True
        turn.call(
            chat.id,
            "sendMediaGroup",
            photo_ids=list(facts.photo_ids),
            caption=f"#{report.id}",
        )
    turn.show(card, _view(turn, report, facts, card, words), is_new=is_new)
    if not desk_views.shows_whole_note(report, facts, words):
        turn.say(chat.id, views.View(f"💬 #{report.id}\n{escape(report.note)}"))
    if report.voice_file_id:
        turn.call(chat.id, "sendVoice", voice=report.voice_file_id, caption=f"🎤 #{report.id}")


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
    """Send the cards of a chat that has a new id: those of the old one cannot be edited."""
    for report in cards.unplaced(turn.session, chat_id=chat_id):
        refresh_review_cards(turn, report)


def redeal(turn: Turn, report: Report) -> None:
    """Send a report's card once more, below all others: something has come back to the desk."""
    for card in cards.of_report(turn.session, report_id=report.id, purpose=CardPurpose.REVIEW):
        card.message_id, card.has_album = None, False
    turn.session.flush()
    deal(turn, report)


def refresh_review_cards(turn: Turn, report: Report) -> None:
    """Bring the moderators' cards of a report up to date; deal them where there are none yet."""
    found = cards.of_report(turn.session, report_id=report.id, purpose=CardPurpose.REVIEW)
    if not found:
        if report.state in DESK_STATES:
            deal(turn, report)
        return
    facts = facts_of(turn, report, photos.of_report(turn.session, report_id=report.id))
    for card in found:
        chat = chats.current(turn.session, chat_id=card.chat_id)
        words = turn.words_of(chat.language if chat else None)
        turn.show(card, _view(turn, report, facts, card, words))


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
    card = cards.find(
        turn.session, report_id=report.id, chat_id=chat_id, purpose=CardPurpose.REVIEW
    )
    if card is None:
        raise OutOfDate
    facts = facts_of(turn, report, photos.of_report(turn.session, report_id=report.id))
    chat = chats.current(turn.session, chat_id=chat_id)
    words = turn.words_of(chat.language) if chat else turn.words
    turn.show(card, _view(turn, report, facts, card, words, menu=menu))


def tell_reviewers_photo(turn: Turn, report: Report, photo: Photo) -> None:
    """Show the reviewers a photo that came after the card."""
    for card in cards.of_report(turn.session, report_id=report.id, purpose=CardPurpose.REVIEW):
        text = f"📷 #{report.id}"
        turn.say(card.chat_id, views.View(text, photo_id=photo.id))


def tell_reviewers_note(turn: Turn, report: Report, words: str) -> None:
    """Show the reviewers words that came after the card and that it has no room for."""
    for card in cards.of_report(turn.session, report_id=report.id, purpose=CardPurpose.REVIEW):
        turn.say(card.chat_id, views.View(f"💬 #{report.id}\n{escape(words)}"))


def shows_whole_note(turn: Turn, report: Report) -> bool:
    """Whether the moderators' cards of a report have room for all of its note."""
    facts = facts_of(turn, report, photos.of_report(turn.session, report_id=report.id))
    found = cards.of_report(turn.session, report_id=report.id, purpose=CardPurpose.REVIEW)
    desks = [chats.current(turn.session, chat_id=card.chat_id) for card in found]
    return all(
        desk_views.shows_whole_note(report, facts, turn.words_of(desk.language if desk else None))
        for desk in desks
    )


def tell_reviewers_voice(turn: Turn, report: Report) -> None:
    """Let the reviewers hear a spoken note that came after the card."""
    for card in cards.of_report(turn.session, report_id=report.id, purpose=CardPurpose.REVIEW):
        turn.call(card.chat_id, "sendVoice", voice=report.voice_file_id, caption=f"🎤 #{report.id}")


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
