"""Sitting down before a card: who may, and what they work with."""

from dataclasses import dataclass

from handlers.context import Turn
from locales import Words
from models import Chat, Report
from services import chats, people, reports
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
    """
    desk = chats.require_reviewer(
        turn.session, chat_id=chat_id, person_id=person_id, district=report.district
    )
    chats.met(turn.session, chat_id=desk.id, person_id=person_id, name=name)
    reports.lock(turn.session, report=report)
    reviewer = Reviewer(
        id=person_id,
        name=name[:128],
        is_chief=people.is_chief(turn.session, person_id=person_id),
    )
    return Seat(turn, desk, chat_id, reviewer, report)
