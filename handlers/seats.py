"""Sitting down before a card: who may, and what they work with."""

from dataclasses import dataclass

from handlers.context import Turn
from locales import Words
from models import Chat, Report
from models.cards import CardPurpose
from services import cards as card_rows
from services import chats, people, reports
from services.refusals import NotForYou
from services.reviewers import Reviewer


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

    @property
    def words(self) -> Words:
        """The language of where they sit."""
        if self.chat_id == self.reviewer.id:
            return self.turn.words
        return self.turn.words_of(self.desk.language)

    @property
    def desk_size(self) -> int:
        """How many reviewers the desk has."""
        return chats.reviewers(self.turn.session, chat_id=self.desk.id)


def take_seat(turn: Turn, report: Report, *, chat_id: int, person_id: int, name: str) -> Seat:
    """Sit somebody down before a card, if it is theirs to work on; the report is locked.

    Args:
        turn: the transaction.
        report: what the card shows.
        chat_id: where they act.
        person_id: who.
        name: as colleagues know them.

    Raises:
        NotForYou: it is not theirs.
        StandingInDoubt: whether they are in the desk's chat has to be asked first.
    """
    desk = chats.require_reviewer(
        turn.session, chat_id=chat_id, person_id=person_id, district=report.district
    )
    if not _belongs_to(turn, report, desk):
        raise NotForYou
    chats.met(turn.session, chat_id=desk.id, person_id=person_id, name=name)
    reports.lock(turn.session, report=report)
    reviewer = Reviewer(
        id=person_id,
        name=name[:128],
        is_chief=people.is_chief(turn.session, person_id=person_id),
    )
    return Seat(turn, desk, chat_id, reviewer, report)


def _belongs_to(turn: Turn, report: Report, desk: Chat) -> bool:
    # A card stays good where it is when its district goes to another desk.
    home = chats.desk_for(turn.session, district=report.district)
    if home is not None and home.id == desk.id:
        return True
    card = card_rows.find(
        turn.session, report_id=report.id, chat_id=desk.id, purpose=CardPurpose.REVIEW
    )
    return card is not None
