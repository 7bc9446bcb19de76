"""What is to be sent: written with the change it tells of, handed to the sender, settled after."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from models import Card, ChatPause, Outgoing, Photo, clock
from models.outgoing import Guarantee, OutgoingState
from models.photos import PhotoState
from services import chats, people
from services.upserts import insert_or_update

# Our own two methods beside the Bot API's: a view as a new message, and a card sent or edited.
SAY = "say"
SHOW = "show"
# Rows handed to the sender in one go, and how many of one chat: a long queue must not hold up a
# short one, and what a killed process had sent but not settled comes twice.
BATCH = 200
PER_CHAT = 20


# Built once: building a statement costs more than running it.
_QUEUE = Outgoing.__table__.insert()  # type: ignore[attr-defined]
_REPLACE = (
    update(Outgoing)
    .where(Outgoing.card_id == bindparam("card"), Outgoing.state == OutgoingState.QUEUED)
    .values(payload=bindparam("content"))
    .returning(Outgoing.id)
)


def queue(
    session: Session,
    *,
    chat_id: int,
    method: str,
    payload: dict[str, Any],
    card: Card | None = None,
    card_is_new: bool = False,
    guarantee: Guarantee = Guarantee.AT_LEAST_ONCE,
) -> None:
    """Have something sent once this transaction is committed, after all before it in that chat.

    Args:
        session: the transaction.
        chat_id: to whom.
        method: `SAY`, `SHOW`, or a method of the Bot API.
        payload: its parameters without the chat; `photo_id` and `photo_ids` name our pictures.
        card: the card a `SHOW` is about. What waits unsent for it is replaced.
        card_is_new: the card was made in this transaction, so nothing waits for it yet.
        guarantee: what to do if nobody knows whether it arrived.
    """
    if card is not None and not card_is_new:
        waiting = (
            session.connection().execute(_REPLACE, {"card": card.id, "content": payload}).first()
        )
        if waiting is not None:
            return
    session.connection().execute(
        _QUEUE,
        {
            "chat_id": chat_id,
            "method": method,
            "payload": payload,
            "card_id": card.id if card else None,
            "guarantee": guarantee,
            "state": OutgoingState.QUEUED,
            "created_at": clock.now(),
            "tries": 0,
        },
    )


@dataclass(frozen=True, slots=True)
class Picture:
    """How a picture is to be sent: by its id at Telegram, or by the bytes of its copy."""

    photo_id: int
    file_id: str | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Sending:
    """One row handed to the sender.

    Attributes:
        id: the row.
        chat_id: to whom.
        method: what to call.
        payload: its parameters.
        guarantee: what to do if nobody knows whether it arrived.
        tries: how often it was tried before.
        message_id: where the card stands already, if it does.
        has_photo: the card there carries a photo.
        pictures: those the payload names, in order; what cannot be shown is left out.
    """

    id: int
    chat_id: int
    method: str
    payload: dict[str, Any]
    guarantee: Guarantee
    tries: int
    message_id: int | None
    has_photo: bool
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """It arrived; with what Telegram said of it."""

    id: int
    message_id: int | None = None
    has_photo: bool = False
    uploaded: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Again:
    """It did not arrive; try again at a moment (None: as soon as its chat is free)."""

    id: int
    at: datetime | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Telegram asks to leave the chat alone until a moment; the row waits with it."""

    id: int
    chat_id: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Dead:
    """It can never arrive; kept for the operator with the reason."""

    id: int
    error: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The person blocks the bot or is gone; nothing more is sent to them for now."""

    id: int
    chat_id: int


@dataclass(frozen=True, slots=True)
class Moved:
    """The group goes on under another id."""

    id: int
    old_id: int
    new_id: int


Outcome = Sent | Again | Pause | Dead | Unreachable | Moved


def claim(session: Session, *, busy: Iterable[int]) -> tuple[list[Sending], bool]:
    """Take what may be sent now, in order within each chat.

    Args:
        session: the transaction.
        busy: chats something is being sent to already.

    Returns:
        Rows marked as being sent, at most `PER_CHAT` of a chat and nothing of one that rests, is
        busy, or whose turn has not come; and whether there may be more for other chats at once.
    """
    now = clock.now()
    earlier = aliased(Outgoing)
    resting = select(ChatPause.chat_id).where(ChatPause.until > now)
    query = (
        select(Outgoing)
        .where(
            Outgoing.state == OutgoingState.QUEUED,
            Outgoing.chat_id.not_in(resting),
            # What comes after a row whose time has not come waits with it.
            ~exists().where(
                earlier.chat_id == Outgoing.chat_id,
                earlier.id <= Outgoing.id,
                earlier.state == OutgoingState.QUEUED,
                earlier.not_before > now,
            ),
        )
        .order_by(Outgoing.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True, of=Outgoing)
    )
    if busy := list(busy):
        query = query.where(Outgoing.chat_id.not_in(busy))
    found = session.scalars(query).all()
    rows: list[Outgoing] = []
    taken: Counter[int] = Counter()
    cards: set[int] = set()
    for row in found:
        # Where a card stands is known only once the showing before is settled.
        if taken[row.chat_id] >= PER_CHAT or row.card_id in cards:
            taken[row.chat_id] = PER_CHAT
            continue
        if row.card_id is not None:
            cards.add(row.card_id)
        taken[row.chat_id] += 1
        rows.append(row)
    if not rows:
        return [], False
    session.execute(
        update(Outgoing)
        .where(Outgoing.id.in_([row.id for row in rows]))
        .values(state=OutgoingState.SENDING, tries=Outgoing.tries + 1)
        .execution_options(synchronize_session=False)
    )
    return _with_context(session, rows), len(found) == BATCH


def _with_context(session: Session, rows: Sequence[Outgoing]) -> list[Sending]:
    card_ids = {row.card_id for row in rows if row.card_id is not None}
    cards = (
        {card.id: card for card in session.scalars(select(Card).where(Card.id.in_(card_ids)))}
        if card_ids
        else {}
    )
    photo_ids = {photo_id for row in rows for photo_id in _photo_ids(row.payload)}
    photos = (
        {photo.id: photo for photo in session.scalars(select(Photo).where(Photo.id.in_(photo_ids)))}
        if photo_ids
        else {}
    )
    sendings = []
    for row in rows:
        card = cards.get(row.card_id) if row.card_id else None
        wanted = [photos[i] for i in _photo_ids(row.payload) if i in photos]
        sendings.append(
            Sending(
                id=row.id,
                chat_id=row.chat_id,
                method=row.method,
                payload=row.payload,
                guarantee=Guarantee(row.guarantee),
                tries=row.tries,
                message_id=card.message_id if card else None,
                has_photo=card.has_photo if card else False,
                pictures=tuple(
                    Picture(photo.id, photo.sendable_id, photo.sha256)
                    for photo in wanted
                    if photo.state != PhotoState.REFUSED
                    and (photo.sendable_id is not None or photo.sha256 is not None)
                ),
            )
        )
    return sendings


def _photo_ids(payload: dict[str, Any]) -> list[int]:
    if "photo_ids" in payload:
        return list(payload["photo_ids"])
    return [payload["photo_id"]] if payload.get("photo_id") else []


def settle(session: Session, *, outcomes: Sequence[Outcome]) -> None:
    """Take in what became of what was sent.

    Args:
        session: the transaction.
        outcomes: one a row.
    """
    sent = [outcome for outcome in outcomes if isinstance(outcome, Sent)]
    if sent:
        _remember(session, sent)
        session.execute(delete(Outgoing).where(Outgoing.id.in_([outcome.id for outcome in sent])))
    for outcome in outcomes:
        match outcome:
            case Sent():
                pass
            case Again(id=row_id, at=at, error=error):
                _requeue(session, row_id, at=at, error=error)
            case Pause(id=row_id, chat_id=chat_id, until=until):
                insert_or_update(
                    session,
                    model=ChatPause,
                    values={"chat_id": chat_id, "until": until},
                    key=("chat_id",),
                )
                _requeue(session, row_id, at=None, error="429")
            case Dead(id=row_id, error=error):
                session.execute(
                    update(Outgoing)
                    .where(Outgoing.id == row_id)
                    .values(state=OutgoingState.DEAD, error=error[:255])
                )
            case Unreachable(id=row_id, chat_id=chat_id):
                people.unreachable(session, person_id=chat_id)
                session.execute(delete(Outgoing).where(Outgoing.id == row_id))
            case Moved(id=row_id, old_id=old_id, new_id=new_id):
                chats.migrate(session, old_id=old_id, new_id=new_id)
                _requeue(session, row_id, at=None, error=None)


def _remember(session: Session, sent: Sequence[Sent]) -> None:
    # What a view showed is the view's to remember; an uploaded copy need not be uploaded again.
    with_card = {outcome.id: outcome for outcome in sent if outcome.message_id is not None}
    if with_card:
        rows = session.execute(
            select(Outgoing.id, Outgoing.card_id).where(
                Outgoing.id.in_(with_card), Outgoing.card_id.is_not(None)
            )
        ).all()
        for row_id, card_id in rows:
            outcome = with_card[row_id]
            session.execute(
                update(Card)
                .where(Card.id == card_id)
                .values(message_id=outcome.message_id, has_photo=outcome.has_photo)
            )
    for outcome in sent:
        for photo_id, file_id in outcome.uploaded:
            session.execute(
                update(Photo).where(Photo.id == photo_id).values(preview_file_id=file_id)
            )


def _requeue(session: Session, row_id: int, *, at: datetime | None, error: str | None) -> None:
    session.execute(
        update(Outgoing)
        .where(Outgoing.id == row_id)
        .values(state=OutgoingState.QUEUED, not_before=at, error=error)
    )


def recover(session: Session) -> None:
    """At the start of the only process: decide what a killed one left half sent.

    What must arrive is sent again, what may arrive only once is not.
    """
    half_sent = Outgoing.state == OutgoingState.SENDING
    session.execute(
        update(Outgoing)
        .where(half_sent, Outgoing.guarantee == Guarantee.AT_LEAST_ONCE)
        .values(state=OutgoingState.QUEUED, not_before=None)
    )
    session.execute(
        update(Outgoing)
        .where(half_sent)
        .values(state=OutgoingState.DEAD, error="the process ended while sending")
    )


def next_due(session: Session) -> datetime | None:
    """When something waiting may be sent; None if nothing waits for a moment."""
    now = clock.now()
    moments = [
        session.scalar(
            select(func.min(Outgoing.not_before)).where(
                Outgoing.state == OutgoingState.QUEUED, Outgoing.not_before > now
            )
        ),
        session.scalar(select(func.min(ChatPause.until)).where(ChatPause.until > now)),
    ]
    return min((moment for moment in moments if moment is not None), default=None)
