"""The groups we serve: what each is for, who is in it, and where it went when it was upgraded."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from models import Card, Chat, ChatBudget, ChatPause, Membership, Outgoing, Report, clock
from services.refusals import NotForYou, StandingInDoubt
from services.statements import Prepared
from services.upserts import insert_new, insert_or_update

MODERATORS = "moderators"
# Telegram's words for somebody who is not in a chat.
GONE = frozenset({"left", "kicked"})
# What the bot knows of somebody's place holds so long. Nobody need tell it who leaves where it is
# no administrator; and while it is off for longer Telegram keeps no such news for it.
KNOWN_FOR = timedelta(days=1)
# Who turned out not to be in a chat is not asked after again for so long.
OUT_FOR = timedelta(minutes=1)
# So long a group may be without a purpose before the bot leaves it.
UNCLAIMED_FOR = timedelta(hours=24)


def note(session: Session, *, chat_id: int, title: str) -> Chat:
    """The row of a group or channel, made when it is first heard of."""
    chat = session.get(Chat, chat_id)
    if chat is None:
        # Two processes may hear of it at the same moment.
        values = {"id": chat_id, "title": title[:255], "created_at": clock.now()}
        insert_new(session, model=Chat, values=values)
        chat = session.get_one(Chat, chat_id)
    if title and chat.title != title[:255]:
        chat.title = title[:255]
    return chat


def current(session: Session, *, chat_id: int) -> Chat | None:
    """The row of a chat, under the id it has today."""
    chat = session.get(Chat, chat_id)
    while chat is not None and chat.migrated_to is not None:
        chat = session.get(Chat, chat.migrated_to)
    return chat


def register(
    session: Session, *, chat_id: int, title: str, purpose: str, name: str | None, language: str
) -> Chat:
    """Give a chat its purpose.

    Args:
        session: the transaction.
        chat_id: Telegram's id; an id from before an upgrade finds today's chat.
        title: what it is called; empty if not known.
        purpose: e.g. `moderators`.
        name: which team or district, where the purpose has several.
        language: what is spoken in it, unless that was chosen before.

    Returns:
        The chat.
    """
    chat = current(session, chat_id=chat_id) or note(session, chat_id=chat_id, title=title)
    chat.purpose, chat.name = purpose, name
    if chat.bot_status in GONE:
        # Whoever says so knows better than the last we heard.
        chat.bot_status = None
    chat.language = chat.language or language
    session.flush()
    return chat


# The moderator chats the bot is in, the first there was first.
DESKS = (
    select(Chat)
    .where(
        Chat.purpose == MODERATORS,
        Chat.migrated_to.is_(None),
        or_(Chat.bot_status.is_(None), Chat.bot_status.not_in(GONE)),
    )
    .order_by(Chat.created_at, Chat.id)
)


def moderators(session: Session) -> Sequence[Chat]:
    """The moderator chats the bot is in; one it was taken out of gets nothing until it is back."""
    return session.scalars(DESKS).all()


def desk_for(session: Session, *, district: str) -> Chat | None:
    """The moderator chat that reviews a district: the one that names it, or the one for the rest.

    Args:
        session: the transaction.
        district: its code.

    Returns:
        The chat; None if no chat the bot is in reviews that district.
    """
    desks = _DISTRICTS.rows(session)
    named = (chat_id for chat_id, codes in desks if district in (codes or ()))
    rest = (chat_id for chat_id, codes in desks if codes is None)
    found = next(named, None) or next(rest, None)
    return session.get(Chat, found) if found is not None else None


# Asked for every report, and a city may have a hundred desks: they need not be objects.
_DISTRICTS = Prepared(
    select(Chat.id, Chat.districts)
    .where(
        Chat.purpose == MODERATORS,
        Chat.migrated_to.is_(None),
        or_(Chat.bot_status.is_(None), and_(*(Chat.bot_status != status for status in GONE))),
    )
    .order_by(Chat.created_at, Chat.id)
)


def without_desk(session: Session, *, codes: Iterable[str]) -> list[str]:
    """Those of some districts, by their codes, that no moderator chat reviews."""
    desks = moderators(session)
    if any(desk.districts is None for desk in desks):
        return []
    reviewed = {code for desk in desks for code in desk.districts or ()}
    return [code for code in codes if code not in reviewed]


@dataclass(frozen=True, slots=True)
class Area:
    """What a moderator chat reviews.

    Attributes:
        codes: of districts.
        is_rest: all districts but those.
    """

    codes: tuple[str, ...]
    is_rest: bool

    def holds(self, district: str) -> bool:
        """Whether a district, by its code, is part of it."""
        return (district in self.codes) != self.is_rest

    @property
    def lies_in(self) -> ColumnElement[bool]:
        """Whether a report lies in it, for a question to the database."""
        named = Report.district.in_(self.codes)
        return ~named if self.is_rest else named


def area_of(session: Session, *, chat: Chat) -> Area:
    """What a moderator chat reviews, as `desk_for` has it."""
    if chat.districts is not None:
        return Area(tuple(sorted(chat.districts)), is_rest=False)
    desks = moderators(session)
    if next((desk for desk in desks if desk.districts is None), None) is not chat:
        return Area((), is_rest=False)
    named = {code for desk in desks for code in desk.districts or ()}
    return Area(tuple(sorted(named)), is_rest=True)


@dataclass(frozen=True, slots=True)
class Handover:
    """What a moderator chat has just lost to another.

    Attributes:
        chat: which had it.
        codes: of the districts; None: all that no other chat had.
    """

    chat: Chat
    codes: tuple[str, ...] | None


def assign(
    session: Session, *, chat: Chat, districts: Collection[str] | None
) -> Sequence[Handover]:
    """Have a moderator chat review some districts, or all that no other one does.

    A district belongs to one chat: whichever had it loses it. Cards that are there already stay
    where they are, and work.

    Args:
        session: the transaction.
        chat: a moderator chat.
        districts: codes; None: all others.

    Returns:
        What other chats lost by it.
    """
    others = session.scalars(
        select(Chat)
        .where(Chat.purpose == MODERATORS, Chat.migrated_to.is_(None), Chat.id != chat.id)
        .order_by(Chat.created_at, Chat.id)
    ).all()
    handovers = []
    for other in others:
        if districts is None and other.districts is None:
            # Nothing, not the rest: that there is one chat for.
            other.districts = []
            handovers.append(Handover(other, None))
        elif districts is not None and (lost := set(other.districts or ()) & set(districts)):
            other.districts = sorted(set(other.districts or ()) - lost)
            handovers.append(Handover(other, tuple(sorted(lost))))
    chat.districts = None if districts is None else sorted(set(districts))
    session.flush()
    return handovers


# Of the topics of a forum: all there is none of its own for.
ANY = "*"


def set_topics(
    session: Session, *, chat: Chat, codes: Collection[str], topic: int | None
) -> Mapping[str, int]:
    """Have the cards of some districts or categories go to a topic of a forum.

    Args:
        session: the transaction.
        chat: a moderator chat.
        codes: of districts or categories, or `ANY`.
        topic: its number; None: they go where all go.

    Returns:
        The topics there are now.
    """
    topics = {code: number for code, number in (chat.topics or {}).items() if code not in codes}
    if topic is not None:
        topics |= dict.fromkeys(codes, topic)
    chat.topics = topics
    session.flush()
    return topics


def topic_of(chat: Chat | None, *, report: Report) -> int | None:
    """The topic of a forum a report's card goes to: its category's, its district's, or any's."""
    topics = (chat.topics if chat else None) or {}
    found = (topics.get(code) for code in (report.category, report.district, ANY))
    return next((topic for topic in found if topic is not None), None)


def fall_behind(session: Session, *, chat: Chat) -> None:
    """Reports wait for room in a chat: whoever deals there looks for them."""
    if not chat.behind:
        chat.behind = True
        session.flush()


def catch_up(session: Session, *, chat: Chat) -> None:
    """Nothing waits for room in a chat any more."""
    chat.behind = False
    session.flush()


def desks_of(session: Session, *, person_id: int) -> Sequence[Chat]:
    """The moderator chats somebody is known to be in."""
    statement = DESKS.join(Membership, Membership.chat_id == Chat.id).where(
        Membership.person_id == person_id, Membership.status.not_in(GONE)
    )
    return session.scalars(statement).all()


def place_board(session: Session, *, chat_id: int, message_id: int) -> bool:
    """Remember where the pinned message of a chat stands.

    Returns:
        False if it stood there before.
    """
    chat = current(session, chat_id=chat_id)
    if chat is None or chat.board_message_id == message_id:
        return False
    chat.board_message_id = message_id
    session.flush()
    return True


def require_reviewer(session: Session, *, chat_id: int, person_id: int, district: str) -> Chat:
    """The moderator chat in which, or for which, somebody is about to act.

    Membership makes a reviewer. That Telegram lets only members press buttons in a group is no
    proof: what a press carries can be forged, and old cards stay on the phones of who has left.

    Args:
        session: the transaction.
        chat_id: where they act: a moderator chat, or their private chat.
        person_id: who acts.
        district: of the report.

    Returns:
        The chat.

    Raises:
        NotForYou: it is no moderator chat, the bot was taken out of it, or they are not in it.
        StandingInDoubt: whether they are in it has to be asked first.
    """
    private = chat_id == person_id
    chat = desk_for(session, district=district) if private else current(session, chat_id=chat_id)
    if chat is None or chat.purpose != MODERATORS or chat.bot_status in GONE:
        raise NotForYou
    require_member(session, chat=chat, person_id=person_id)
    return chat


def require_member(session: Session, *, chat: Chat, person_id: int) -> None:
    """Stop whoever is not in a moderator chat.

    Raises:
        NotForYou: they are not in it.
        StandingInDoubt: whether they are has to be asked first.
    """
    membership = session.get(Membership, (chat.id, person_id))
    if membership is None:
        raise StandingInDoubt(chat.id)
    age = clock.now() - membership.seen_at
    if membership.status in GONE:
        if age < OUT_FOR:
            raise NotForYou
        # They may be back, and where the bot does not run the chat that is easily missed.
        raise StandingInDoubt(chat.id)
    if age > KNOWN_FOR:
        raise StandingInDoubt(chat.id)


def reviewers(session: Session, *, chat_id: int) -> int:
    """How many people are known to be in a moderator chat."""
    known = select(func.count()).where(
        Membership.chat_id == chat_id, Membership.status.not_in(GONE)
    )
    return session.scalar(known) or 0


def names(session: Session, *, chat_id: int, person_ids: Collection[int]) -> dict[int, str]:
    """The names some people are known by in a chat; who was never there has none."""
    rows = select(Membership).where(
        Membership.chat_id == chat_id, Membership.person_id.in_(person_ids)
    )
    return {row.person_id: row.name for row in session.scalars(rows)}


def place(status: str, *, is_member: bool) -> str:
    """Somebody's place in a chat, in words of which each means in or out.

    Args:
        status: Telegram's word for it.
        is_member: of who is `restricted`, whether they are in the chat.

    Returns:
        The same word, or `left` for who is restricted and not there.
    """
    return "left" if status == "restricted" and not is_member else status


def member(
    session: Session,
    *,
    chat_id: int,
    person_id: int,
    status: str,
    name: str,
    seen_at: datetime | None = None,
) -> None:
    """Take note of somebody's place in a chat.

    Args:
        session: the transaction.
        chat_id: which chat.
        person_id: who.
        status: Telegram's word for it, out of `place`.
        name: as colleagues in that chat know them.
        seen_at: when Telegram said so; now if not given.
    """
    insert_or_update(
        session,
        model=Membership,
        values={
            "chat_id": chat_id,
            "person_id": person_id,
            "status": status,
            "name": name[:128],
            "seen_at": seen_at or clock.now(),
        },
        key=("chat_id", "person_id"),
    )


def met(session: Session, *, chat_id: int, person_id: int, name: str) -> None:
    """Follow the name of somebody who acts in a chat they are known to be in."""
    row = session.get_one(Membership, (chat_id, person_id))
    if row.name != name[:128]:
        row.name = name[:128]


def bot_standing(session: Session, *, chat_id: int, title: str, status: str) -> Chat:
    """Take note of the bot's own place in a chat, in Telegram's words."""
    chat = note(session, chat_id=chat_id, title=title)
    if chat.purpose is None and chat.bot_status in GONE and status not in GONE:
        # In again: its time to get a purpose begins anew.
        chat.created_at = clock.now()
    chat.bot_status = status
    session.flush()
    return chat


def unclaimed(session: Session) -> Sequence[Chat]:
    """Groups and channels the bot is in that got no purpose in time; their rows are locked."""
    return session.scalars(
        select(Chat)
        .where(
            Chat.purpose.is_(None),
            Chat.migrated_to.is_(None),
            or_(Chat.bot_status.is_(None), Chat.bot_status.not_in(GONE)),
            Chat.created_at <= clock.now() - UNCLAIMED_FOR,
        )
        .with_for_update(skip_locked=True)
    ).all()


def migrate(session: Session, *, old_id: int, new_id: int) -> bool:
    """A group became a supergroup: everything of ours goes with it. A second telling is harmless.

    Its messages stay behind and can no longer be edited, so cards are to be sent anew.

    Args:
        session: the transaction.
        old_id: the group's id.
        new_id: the supergroup's.

    Returns:
        False if that was known, or says nothing.
    """
    if old_id == new_id or max(old_id, new_id) >= 0:
        # Nobody's private chat becomes a group.
        return False
    old = note(session, chat_id=old_id, title="")
    if old.migrated_to == new_id:
        return False
    new = note(session, chat_id=new_id, title=old.title)
    # What a group has become is a chat of today: the way from old to new never leads in a circle.
    new.migrated_to = None
    if new.purpose is None and old.purpose is not None:
        new.purpose, new.districts, new.topics = old.purpose, old.districts, old.topics
    new.behind = True
    new.name = old.name or new.name
    new.language = old.language or new.language
    old.purpose, old.migrated_to, old.districts = None, new_id, None
    for what in (ChatPause, ChatBudget):
        session.execute(delete(what).where(what.chat_id == old_id))
    _drop_twins(session, old_id=old_id, new_id=new_id)
    session.execute(update(Outgoing).where(Outgoing.chat_id == old_id).values(chat_id=new_id))
    session.execute(
        update(Card).where(Card.chat_id == old_id).values(chat_id=new_id, message_id=None)
    )
    for row in session.scalars(select(Membership).where(Membership.chat_id == old_id)).all():
        member(
            session,
            chat_id=new_id,
            person_id=row.person_id,
            status=row.status,
            name=row.name,
            seen_at=row.seen_at,
        )
    session.flush()
    return True


def _drop_twins(session: Session, *, old_id: int, new_id: int) -> None:
    # The new chat may have been registered, and dealt to, before its upgrade was told.
    there = aliased(Card)
    twins = session.scalars(
        select(Card.id).where(
            Card.chat_id == old_id,
            exists().where(
                there.chat_id == new_id,
                there.report_id == Card.report_id,
                there.purpose == Card.purpose,
            ),
        )
    ).all()
    session.execute(delete(Outgoing).where(Outgoing.card_id.in_(twins)))
    session.execute(delete(Card).where(Card.id.in_(twins)))


def find(session: Session, *, chat_id: int) -> Chat | None:
    """The row of a chat under the very id given."""
    return session.get(Chat, chat_id)
