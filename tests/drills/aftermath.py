"""What is left when a drill is over, in the database and in the chats, fit to be compared."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from models import (
    Account,
    Base,
    Card,
    Conversation,
    Draft,
    Errand,
    FailedUpdate,
    LedgerEntry,
    LedgerTransaction,
    Outgoing,
    Photo,
    Report,
    ReportEvent,
    ReportPhoto,
)
from models.cards import CardPurpose
from models.ledger import AccountKind
from models.outgoing import OutgoingState
from models.workflow import Actor
from services.ledger import APPROVAL
from tests.drills.rides import DESK, Crowd, Message, Watched, words_of

# The programme's own account, among those of the riders.
PROGRAMME = 0
# What a bot had on its lips when it was killed is heard so much later at the most, in seconds.
LAG_S = 2.0


@dataclass(frozen=True, slots=True)
class Copy:
    """A message that shows a report though a newer one does as well.

    Attributes:
        key: the ride.
        chat_id: where.
        at: when it was sent, in seconds of the monotonic clock.
        again_at: when the next one was.
        lost: Telegram's answer to the sending never reached the bot.
    """

    key: str
    chat_id: int
    at: float
    again_at: float
    lost: bool


@dataclass(frozen=True, slots=True)
class Aftermath:
    """All that may not depend on what went wrong meanwhile. Rides are told by their keys.

    Attributes:
        reports: of each ride what the database knows of its report.
        events: of each ride what happened to its report, in order.
        photos: of each ride the states of its pictures.
        balances: of each rider the sum of the ledger; 0 is the programme itself.
        told: of each rider what /points said.
        receipts: of each ride what its rider reads now.
        cards: of each ride what the reviewers read now.
        left_over: rows that should be gone by now, by table.
    """

    reports: dict[str, tuple[Any, ...]]
    events: dict[str, tuple[tuple[Any, ...], ...]]
    photos: dict[str, tuple[str, ...]]
    balances: dict[int, int]
    told: dict[int, int]
    receipts: dict[str, str]
    cards: dict[str, str]
    left_over: dict[str, int]


async def quiet(url: str, world: Watched, *, within_s: float = 30.0) -> None:
    """Wait until nothing is left to be taken in, found out or sent.

    Raises:
        AssertionError: it took too long; says what is left.
    """
    engine = create_engine(url)
    left: dict[str, int] = {}
    try:
        async with asyncio.timeout(within_s):
            while True:
                with Session(engine) as session:
                    left = {
                        "updates": len(world.pending_updates),
                        "outgoing": _count(session, Outgoing, Outgoing.state != OutgoingState.DEAD),
                        "errands": _count(session, Errand),
                    }
                if not any(left.values()):
                    return
                # Other processes' rows ring no bell here.
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"after {within_s} s there are still {left}") from None
    finally:
        engine.dispose()


def look(url: str, crowd: Crowd) -> tuple[Aftermath, list[Copy]]:
    """Read what a crowd has left behind.

    Args:
        url: of the database.
        crowd: who was there.

    Returns:
        What is to be compared, and the messages there are more of than there should be.

    Raises:
        AssertionError: a report cannot be told to belong to a ride, or is shown nowhere.
    """
    engine = create_engine(url)
    try:
        with Session(engine) as session:
            return _Look(session, crowd).all()
    finally:
        engine.dispose()


class _Look:
    def __init__(self, session: Session, crowd: Crowd) -> None:
        self._session = session
        self._world = crowd.world
        self._crowd = crowd
        self._rides = {ride.key: ride for ride in crowd.rides}
        rows = session.scalars(select(Report).order_by(Report.id)).all()
        self._reports = {row.note: row for row in rows}
        assert len(self._reports) == len(rows), "a report was made twice"
        assert self._reports.keys() == self._rides.keys()

    def all(self) -> tuple[Aftermath, list[Copy]]:
        receipts, more_receipts = self._shown(CardPurpose.RECEIPT)
        cards, more_cards = self._shown(CardPurpose.REVIEW)
        aftermath = Aftermath(
            reports={key: self._report(key) for key in self._rides},
            events={key: self._events(key) for key in self._rides},
            photos={key: self._photos(key) for key in self._rides},
            balances=self._balances(),
            told=dict(self._crowd.balances),
            receipts=receipts,
            cards=cards,
            left_over={
                table.__tablename__: count
                for table in (Draft, Conversation, FailedUpdate, Outgoing, Errand)
                if (count := _count(self._session, table))
            },
        )
        return aftermath, more_receipts + more_cards

    def _report(self, key: str) -> tuple[Any, ...]:
        row = self._reports[key]
        return (
            row.reporter_id,
            row.category,
            row.district,
            (row.latitude, row.longitude),
            row.state,
            row.grade,
            row.reject_reason,
            row.points,
        )

    def _events(self, key: str) -> tuple[tuple[Any, ...], ...]:
        rows = self._session.scalars(
            select(ReportEvent)
            .where(ReportEvent.report_id == self._reports[key].id)
            .order_by(ReportEvent.id)
        )
        return tuple(
            (row.kind, row.from_state, row.to_state, _role(row.actor_role), row.reason)
            for row in rows
        )

    def _photos(self, key: str) -> tuple[str, ...]:
        rows = self._session.scalars(
            select(Photo.state)
            .join(ReportPhoto, ReportPhoto.photo_id == Photo.id)
            .where(ReportPhoto.report_id == self._reports[key].id)
        )
        return tuple(rows)

    def _balances(self) -> dict[int, int]:
        rows = self._session.execute(
            select(Account.kind, Account.owner_id, func.sum(LedgerEntry.points))
            .join(LedgerEntry, LedgerEntry.account_id == Account.id)
            .group_by(Account.kind, Account.owner_id)
        )
        balances = {
            owner if kind == AccountKind.RIDER else PROGRAMME: int(sum_)
            for kind, owner, sum_ in rows
        }
        assert sum(balances.values()) == 0
        approvals = select(func.count()).where(LedgerTransaction.rule == APPROVAL)
        paid = self._session.scalar(approvals)
        assert paid == sum(ride.fate.isdecimal() for ride in self._rides.values())
        return balances

    def _shown(self, purpose: CardPurpose) -> tuple[dict[str, str], list[Copy]]:
        """What each report reads like where it is shown, and the older copies of that."""
        rows = self._session.scalars(select(Card).where(Card.purpose == purpose)).all()
        cards = {(row.report_id, row.chat_id): row.message_id for row in rows}
        assert len(cards) == len(rows)
        found: dict[str, str] = {}
        more: list[Copy] = []
        chats: defaultdict[int, list[Message]] = defaultdict(list)
        for ride in self._rides.values():
            chat_id = ride.rider if purpose is CardPurpose.RECEIPT else DESK
            if chat_id not in chats:
                chats[chat_id] = self._world.messages(chat_id)
            number = self._reports[ride.key].id
            copies = [m for m in chats[chat_id] if _shows(m, number)]
            assert copies, f"{ride.key} (#{number}) has no {purpose}"
            assert cards.pop((number, chat_id)) == copies[-1]["message_id"], (
                f"the {purpose} of {ride.key} (#{number}) is not the newest message that shows it"
            )
            found[ride.key] = _plain(words_of(copies[-1]))
            calls = [self._world.sending(chat_id, copy["message_id"]) for copy in copies]
            more += [
                Copy(ride.key, chat_id, call.at, again.at, call.lost)
                for call, again in pairwise(calls)
            ]
        assert not cards, "there are cards of no ride"
        return found, more


def _role(actor: str) -> str:
    """In what capacity; one of the reviewers is a chief, and either of two may be faster."""
    return Actor.REVIEWER if actor == Actor.CHIEF else actor


def _count(session: Session, table: type[Base], *where: Any) -> int:
    return session.scalar(select(func.count()).select_from(table).where(*where)) or 0


def _shows(message: Message, number: int) -> bool:
    """Whether a message is a receipt or a card of a report; /points and albums are none."""
    first_line = words_of(message).partition("\n")[0]
    return re.match(rf"(\S+ )?(Reported )?#{number}\b.*·|↩️ #{number}\b", first_line) is not None


# What differs between two runs: numbers, names, hours, and who of two reviewers was faster.
_VARIES = (
    (re.compile(r"#\d+"), "#"),
    (re.compile(r"⏱ .*"), "⏱"),
    (re.compile(r"👤 \S+ ·"), "👤 ·"),
    # How fast a rider must have been depends on how long the run took between two reports.
    (re.compile(r"\n🛵 .*"), ""),
    (
        re.compile(
            r"^(✅ ★+ \+\d+|✖️ Rejected · [^·]+|↩️ Withdrawn by the rider) · .*$", re.MULTILINE
        ),
        r"\1",
    ),
)


def _plain(words: str) -> str:
    for pattern, instead in _VARIES:
        words = pattern.sub(instead, words)
    return words


def differences(after: Aftermath, calm: Aftermath) -> list[str]:
    """What a drill left behind otherwise than an undisturbed run of the same plan did.

    Args:
        after: what it left; may hold fewer rides.
        calm: the undisturbed run.
    """
    found = [f"left over: {after.left_over}"] if after.left_over else []
    for name in ("reports", "events", "photos", "receipts", "cards", "told", "balances"):
        here, there = getattr(after, name), getattr(calm, name)
        found += [
            f"{name} of {key}: {value!r}, undisturbed {there.get(key)!r}"
            for key, value in here.items()
            if value != there.get(key) and (name, key) != ("balances", PROGRAMME)
        ]
    return found


def unexcused(copies: Sequence[Copy], cuts: Sequence[float]) -> list[Copy]:
    """The copies of messages nobody can have been in doubt about.

    Args:
        copies: messages that show a report though a newer one does as well.
        cuts: when a bot was killed, or could not write down that a message had arrived.

    Returns:
        Those whose answer was not lost, and with nothing between them and the next copy that could
        have kept a bot from remembering it.
    """
    return [
        copy
        for copy in copies
        if not copy.lost and not any(copy.at - LAG_S <= cut <= copy.again_at for cut in cuts)
    ]
