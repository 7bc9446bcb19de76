"""What is to be sent: written with the change it tells of, handed to the sender, settled after."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from models import Card, ChatPause, Outgoing, Pace, Photo, Voucher, clock
from models.outgoing import Guarantee, OutgoingState
from models.photos import PhotoState
from services import budgets, chats, people
from services.statements import Prepared
from services.upserts import insert_new, insert_or_update, insert_row

# Our own methods beside the Bot API's: a view as a new message, and a card sent or edited.
SAY = "say"
SHOW = "show"
# A view before leaving: if it cannot be said, so be it.
LAST_WORD = "last_word"
# A voucher's card: sent with its QR code, its caption edited where it stands already. Its secrets
# are in the payload and nowhere else: they go with the row.
VOUCHER = "voucher"
# The pinned message of a desk, sent or edited; and its pinning.
BOARD = "board"
PIN = "pinChatMessage"
# A shop's statement as a file, drawn from the books when it is sent.
STATEMENT = "statement"
# Rows handed to the sender in one go, each of another chat.
BATCH = 200
# Bulk may run ahead of its pace by so much: one second never holds more than a fifth above it.
PACE_AHEAD = timedelta(seconds=0.2)
BULK = "bulk"

_REPLACE = Prepared(
    update(Outgoing)
    .where(Outgoing.card_id == bindparam("card"), Outgoing.state == OutgoingState.QUEUED)
    .values(payload=bindparam("content"), origin=bindparam("thread"))
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
    bulk: bool = False,
) -> None:
    """Have something sent once this transaction is committed, after all before it in that chat.

    Args:
        session: the transaction.
        chat_id: to whom.
        method: `SAY`, `SHOW`, or a method of the Bot API.
        payload: its parameters without the chat; `photo_id` and `photo_ids` name our pictures. A
            `VOUCHER` has `text`, `reply_markup`, `voucher`, which is its id, and where it is to be
            sent anew `qr`, what its QR code says.
        card: the card a `SHOW` is about. What waits unsent for it is replaced.
        card_is_new: the card was made in this transaction, so nothing waits for it yet.
        guarantee: what to do if nobody knows whether it arrived.
        bulk: it is one of many and may wait: it is paced, and goes after everything else.
    """
    origin = session.info.get("origin")
    if (
        card is not None
        and not card_is_new
        and _REPLACE.first(session, card=card.id, content=payload, thread=origin) is not None
    ):
        return
    insert_row(
        session,
        model=Outgoing,
        values={
            "chat_id": chat_id,
            "method": method,
            "payload": payload,
            "card_id": card.id if card else None,
            "guarantee": guarantee,
            "state": OutgoingState.QUEUED,
            "created_at": clock.now(),
            "tries": 0,
            "bulk": bulk,
            "origin": origin,
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
        origin: what it came from, for the log.
        message_id: where the card, or the voucher, stands already, if it does.
        has_photo: the card there carries a photo.
        pictures: those the payload names, in order; what cannot be shown is left out.
    """

    id: int
    chat_id: int
    method: str
    payload: dict[str, Any]
    guarantee: Guarantee
    tries: int
    origin: str | None
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
    is_board: bool = False
    voucher_id: int | None = None


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


@dataclass(frozen=True, slots=True)
class Claimed:
    """What was handed to the sender.

    Attributes:
        sendings: rows marked as being on their way, one a chat.
        more: there may be more to be had at once.
        bulk_at: bulk waits for its pace until then; None if none was held back.
    """

    sendings: list[Sending]
    more: bool
    bulk_at: datetime | None


class _Head(NamedTuple):
    """The next row of a chat, and where its card stands, if it is about one."""

    id: int
    chat_id: int
    method: str
    payload: dict[str, Any]
    guarantee: str
    tries: int
    origin: str | None
    message_id: int | None
    has_photo: bool | None


_WITH_CARD = select(
    Outgoing.id,
    Outgoing.chat_id,
    Outgoing.method,
    Outgoing.payload,
    Outgoing.guarantee,
    Outgoing.tries,
    Outgoing.origin,
    Card.message_id,
    Card.has_photo,
).outerjoin(Card, Card.id == Outgoing.card_id)
_NOW = bindparam("now", type_=Outgoing.created_at.type)
_QUEUED = Outgoing.state == OutgoingState.QUEUED
_other = aliased(Outgoing)
# What may go as far as its chat is concerned: its moment has come, the chat does not rest, and
# nothing is on its way there. Of two processes one gets the row; the other passes it by.
_FREE = (
    or_(Outgoing.not_before.is_(None), Outgoing.not_before <= _NOW),
    Outgoing.chat_id.not_in(select(ChatPause.chat_id).where(ChatPause.until > _NOW)),
    Outgoing.chat_id.not_in(select(_other.chat_id).where(_other.state == OutgoingState.SENDING)),
)
# The oldest of each chat; one whose moment has not come holds up what comes after it.
_oldest = (
    select(func.min(_other.id).label("id"))
    .where(_other.state == OutgoingState.QUEUED, _other.bulk.is_(False))
    .group_by(_other.chat_id)
    .subquery()
)
_HEADS = Prepared(
    _WITH_CARD.join(_oldest, _oldest.c.id == Outgoing.id)
    # It says of itself what it is, too: so neither side is looked for among all that is bulk.
    .where(_QUEUED, Outgoing.bulk.is_(False), *_FREE)
    .order_by(Outgoing.id)
    .limit(BATCH)
    .with_for_update(skip_locked=True, of=Outgoing)
)
# Of bulk there may be a hundred thousand rows and more: only as many are looked at as may go.
_BULK_HEADS = Prepared(
    _WITH_CARD.where(
        _QUEUED,
        Outgoing.bulk.is_(True),
        *_FREE,
        ~exists().where(
            _other.chat_id == Outgoing.chat_id,
            _other.state == OutgoingState.QUEUED,
            or_(_other.bulk.is_(False), _other.id < Outgoing.id),
        ),
    )
    .order_by(Outgoing.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, of=Outgoing)
)
_TAKE = Prepared(
    update(Outgoing)
    .where(Outgoing.id == bindparam("row"))
    .values(
        state=OutgoingState.SENDING,
        tries=Outgoing.tries + 1,
        # Unique in the table: should two processes ever hold rows of one chat, the second fails.
        lane=Outgoing.chat_id,
        holder=bindparam("process"),
    )
)


def claim(
    session: Session,
    *,
    holder: int,
    bulk_per_second: int,
    group_per_minute: int,
    with_bulk: bool = True,
) -> Claimed:
    """Take what may be sent now, one row of a chat.

    What goes to a group is paid for from its budget first. A group without room is paused, which
    tells everybody when to look again.

    Args:
        session: the transaction.
        holder: the number of the process that sends it.
        bulk_per_second: the pace of bulk, of all processes together.
        group_per_minute: the budget of each group; 0: none is kept.
        with_bulk: whether bulk is wanted; not while it is known to wait for its pace.

    Returns:
        What is the process's to send now.

    Raises:
        IntegrityError: another process is just taking a row of one of the chats; try again.
    """
    rows = [_Head(*row) for row in _HEADS.rows(session, now=clock.now())]
    more = len(rows) == BATCH
    bulk_at = None
    if with_bulk:
        bulk, bulk_at = _bulk(session, per_second=bulk_per_second)
        rows += bulk
    if group_per_minute:
        rows = [row for row in rows if row.chat_id > 0 or _paid(session, row, group_per_minute)]
    if not rows:
        return Claimed([], more=False, bulk_at=bulk_at)
    _TAKE.many(session, [{"row": row.id, "process": holder} for row in rows])
    return Claimed([_sending(session, row) for row in rows], more=more, bulk_at=bulk_at)


def _paid(session: Session, row: _Head, per_minute: int) -> bool:
    return budgets.spend(
        session,
        chat_id=row.chat_id,
        method=row.method,
        payload=row.payload,
        per_minute=per_minute,
    )


def _bulk(session: Session, *, per_second: int) -> tuple[list[_Head], datetime | None]:
    """What of bulk may go now, and when the next may where some has to wait."""
    now = clock.now()
    most = math.ceil(per_second * PACE_AHEAD.total_seconds()) + 1
    waiting = [_Head(*row) for row in _BULK_HEADS.rows(session, now=now, most=most)]
    if not waiting:
        return [], None
    insert_new(session, model=Pace, values={"name": BULK, "next_at": now})
    pace = session.get_one(Pace, BULK, with_for_update=True)
    step = timedelta(seconds=1 / per_second)
    begin = max(pace.next_at, now)
    room = max(0, math.floor((now + PACE_AHEAD - begin) / step))
    allowed = list(waiting[:room])
    pace.next_at = begin + len(allowed) * step
    held_back = len(allowed) < len(waiting)
    return allowed, pace.next_at - PACE_AHEAD + step if held_back else None


_PICTURE = Prepared(
    select(Photo.id, Photo.sendable_id, Photo.sha256).where(
        Photo.id == bindparam("photo_id"),
        Photo.state != PhotoState.REFUSED,
        or_(Photo.sendable_id.is_not(None), Photo.sha256.is_not(None)),
    )
)


_VOUCHERS_MESSAGE = Prepared(
    select(Voucher.message_id).where(Voucher.id == bindparam("voucher_id"))
)


def _sending(session: Session, row: _Head) -> Sending:
    message_id = row.message_id
    if row.method == VOUCHER:
        message_id = _VOUCHERS_MESSAGE.scalar(session, voucher_id=row.payload["voucher"])
    found = (_PICTURE.first(session, photo_id=photo_id) for photo_id in _photo_ids(row.payload))
    return Sending(
        id=row.id,
        chat_id=row.chat_id,
        method=row.method,
        payload=row.payload,
        guarantee=Guarantee(row.guarantee),
        tries=row.tries,
        origin=row.origin,
        message_id=message_id,
        has_photo=bool(row.has_photo),
        pictures=tuple(Picture(*picture) for picture in found if picture is not None),
    )


def _photo_ids(payload: dict[str, Any]) -> list[int]:
    if "photo_ids" in payload:
        return list(payload["photo_ids"])
    return [payload["photo_id"]] if payload.get("photo_id") else []


def settle(session: Session, *, holder: int, outcomes: Sequence[Outcome]) -> None:
    """Take in what became of what was sent.

    Args:
        session: the transaction.
        holder: the process that sent it; what others have taken up meanwhile is theirs.
        outcomes: one a row.
    """
    sent = [outcome for outcome in outcomes if isinstance(outcome, Sent)]
    if sent:
        _remember(session, sent)
        _DELETE.many(session, [{"row": outcome.id, "process": holder} for outcome in sent])
    for outcome in outcomes:
        match outcome:
            case Sent():
                pass
            case Again(id=row_id, at=at, error=error):
                _let_go(session, row_id, holder, not_before=at, error=error)
            case Pause(id=row_id, chat_id=chat_id, until=until):
                insert_or_update(
                    session,
                    model=ChatPause,
                    values={"chat_id": chat_id, "until": until},
                    key=("chat_id",),
                )
                _let_go(session, row_id, holder, error="429")
            case Dead(id=row_id, error=error):
                _let_go(session, row_id, holder, state=OutgoingState.DEAD, error=error[:255])
            case Unreachable(id=row_id, chat_id=chat_id):
                people.unreachable(session, person_id=chat_id)
                _DELETE.run(session, row=row_id, process=holder)
            case Moved(id=row_id, old_id=old_id, new_id=new_id):
                chats.migrate(session, old_id=old_id, new_id=new_id)
                _let_go(session, row_id, holder)


_DELETE = Prepared(
    delete(Outgoing).where(Outgoing.id == bindparam("row"), Outgoing.holder == bindparam("process"))
)
# A row that is about no card changes none.
_PLACE = Prepared(
    update(Card)
    .where(
        Card.id == select(Outgoing.card_id).where(Outgoing.id == bindparam("row")).scalar_subquery()
    )
    .values(message_id=bindparam("message"), has_photo=bindparam("photo"))
)
_PLACE_VOUCHER = Prepared(
    update(Voucher)
    .where(Voucher.id == bindparam("voucher_id"))
    .values(message_id=bindparam("message"))
)


def _let_go(
    session: Session,
    row_id: int,
    holder: int,
    *,
    state: OutgoingState = OutgoingState.QUEUED,
    not_before: datetime | None = None,
    error: str | None = None,
) -> None:
    session.execute(
        update(Outgoing)
        .where(Outgoing.id == row_id, Outgoing.holder == holder)
        .values(state=state, not_before=not_before, error=error, lane=None, holder=None)
        .execution_options(synchronize_session=False)
    )


def _remember(session: Session, sent: Sequence[Sent]) -> None:
    # What a view showed is the view's to remember; an uploaded copy need not be uploaded again.
    placed = [
        {"row": outcome.id, "message": outcome.message_id, "photo": outcome.has_photo}
        for outcome in sent
        if outcome.message_id is not None
    ]
    _PLACE.many(session, placed)
    vouchers = [
        {"voucher_id": outcome.voucher_id, "message": outcome.message_id}
        for outcome in sent
        if outcome.voucher_id is not None
    ]
    if vouchers:
        # In one order, or two who settle at once could wait for each other.
        _PLACE_VOUCHER.many(session, sorted(vouchers, key=itemgetter("voucher_id")))
    for outcome in sent:
        if outcome.is_board and outcome.message_id is not None:
            _place_board(session, row_id=outcome.id, message_id=outcome.message_id)
        for photo_id, file_id in outcome.uploaded:
            session.execute(
                update(Photo).where(Photo.id == photo_id).values(preview_file_id=file_id)
            )


def _place_board(session: Session, *, row_id: int, message_id: int) -> None:
    chat_id = session.scalar(select(Outgoing.chat_id).where(Outgoing.id == row_id))
    if chat_id is not None and chats.place_board(session, chat_id=chat_id, message_id=message_id):
        payload = {"message_id": message_id, "disable_notification": True}
        queue(session, chat_id=chat_id, method=PIN, payload=payload)


def is_waiting(session: Session, *, chat_id: int, method: str) -> bool:
    """Whether a call is still to be made, or just being made, in a chat."""
    statement = select(Outgoing.id).where(
        Outgoing.chat_id == chat_id,
        Outgoing.method == method,
        Outgoing.state.in_((OutgoingState.QUEUED, OutgoingState.SENDING)),
    )
    return session.scalar(statement.limit(1)) is not None


def holders(session: Session) -> set[int]:
    """The numbers of the processes that hold rows on their way; 0 for rows that name none."""
    statement = select(Outgoing.holder).where(Outgoing.state == OutgoingState.SENDING).distinct()
    return {holder or 0 for holder in session.scalars(statement)}


def recover(session: Session, *, gone: Collection[int]) -> int:
    """Decide what processes that are gone left half sent.

    What must arrive is sent again, what may arrive only once is not.

    Args:
        session: the transaction.
        gone: the numbers of the processes that are not there any more, out of `holders`. Whoever is
            not named has come meanwhile and keeps what it holds.

    Returns:
        How many rows were taken up.
    """
    left = session.execute(
        select(Outgoing.id, Outgoing.guarantee)
        .where(
            Outgoing.state == OutgoingState.SENDING,
            func.coalesce(Outgoing.holder, 0).in_(gone),
        )
        # Of two processes that find them, one takes them up.
        .with_for_update(skip_locked=True)
    ).all()
    for guarantee, changes in _LEFT_BEHIND.items():
        ids = [row.id for row in left if row.guarantee == guarantee]
        if ids:
            session.execute(
                update(Outgoing)
                .where(Outgoing.id.in_(ids))
                .values(lane=None, holder=None, **changes)
                .execution_options(synchronize_session=False)
            )
    return len(left)


_LEFT_BEHIND: dict[Guarantee, dict[str, Any]] = {
    Guarantee.AT_LEAST_ONCE: {"state": OutgoingState.QUEUED, "not_before": None},
    Guarantee.AT_MOST_ONCE: {
        "state": OutgoingState.DEAD,
        "error": "the process ended while sending",
    },
}


_NEXT_ROW = Prepared(
    select(func.min(Outgoing.not_before)).where(_QUEUED, Outgoing.not_before > _NOW)
)
_NEXT_CHAT = Prepared(select(func.min(ChatPause.until)).where(ChatPause.until > _NOW))


def next_due(session: Session) -> datetime | None:
    """When something waiting may be sent; None if nothing waits for a moment."""
    now = clock.now()
    moments = (question.scalar(session, now=now) for question in (_NEXT_ROW, _NEXT_CHAT))
    return min((moment for moment in moments if moment is not None), default=None)


@dataclass(frozen=True, slots=True)
class Row:
    """A message that waits or could not be delivered, as an operator may see it.

    Attributes:
        id: the row.
        state: queued, sending or dead.
        chat_id: to whom.
        method: what was to be called.
        created_at: when it was written.
        tries: how often it was tried.
        error: why it was not sent, if it was tried.
        origin: what it came from.
    """

    id: int
    state: str
    chat_id: int
    method: str
    created_at: datetime
    tries: int
    error: str | None
    origin: str | None


def rows(session: Session, *, state: OutgoingState, limit: int) -> list[Row]:
    """What is in a state, oldest first; without what it says."""
    statement = (
        select(
            Outgoing.id,
            Outgoing.state,
            Outgoing.chat_id,
            Outgoing.method,
            Outgoing.created_at,
            Outgoing.tries,
            Outgoing.error,
            Outgoing.origin,
        )
        .where(Outgoing.state == state)
        .order_by(Outgoing.id)
        .limit(limit)
    )
    return [Row(*row) for row in session.execute(statement)]


def retry(session: Session, *, ids: Collection[int] | None) -> int:
    """Send dead letters once more.

    Args:
        session: the transaction.
        ids: which; None: all of them.

    Returns:
        How many are on their way again.
    """
    statement = (
        update(Outgoing)
        .where(Outgoing.state == OutgoingState.DEAD)
        .values(state=OutgoingState.QUEUED, not_before=None, tries=0, error=None)
        .returning(Outgoing.id)
    )
    if ids is not None:
        statement = statement.where(Outgoing.id.in_(ids))
    return len(session.execute(statement).all())


def drop(session: Session, *, ids: Collection[int] | None) -> int:
    """Give dead letters up for good.

    Args:
        session: the transaction.
        ids: which; None: all of them.

    Returns:
        How many there were.
    """
    statement = delete(Outgoing).where(Outgoing.state == OutgoingState.DEAD).returning(Outgoing.id)
    if ids is not None:
        statement = statement.where(Outgoing.id.in_(ids))
    return len(session.execute(statement).all())
