"""The groups we serve: what each is for, who is in it, and where it went when it was upgraded."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from models import Card, Chat, ChatPause, Membership, Outgoing, clock
from services.refusals import NotForYou, StandingInDoubt
from services.upserts import insert_new, insert_or_update

MODERATORS = "moderators"
# Telegram's words for somebody who is not in a chat.
GONE = frozenset({"left", "kicked"})
# And for who runs it.
RUNS = frozenset({"creator", "administrator"})
# Where the bot is no administrator nobody need tell it who leaves: what it knows holds so long.
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


_MODERATORS = (
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
    return session.scalars(_MODERATORS).all()


def desk_for(session: Session, *, district: str) -> Chat | None:
    """The moderator chat that reviews a district: the one that names it, or the one for the rest.

    Args:
        session: the transaction.
        district: its code.

    Returns:
        The chat; None if no chat the bot is in reviews that district.
    """
    desks = moderators(session)
    named = (desk for desk in desks if district in (desk.districts or ()))
    rest = (desk for desk in desks if not desk.districts)
    return next(named, None) or next(rest, None)


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
    membership = session.get(Membership, (chat.id, person_id))
    if membership is None:
        raise StandingInDoubt(chat.id)
    age = clock.now() - membership.seen_at
    if membership.status in GONE:
        if age < OUT_FOR:
            raise NotForYou
        # They may be back, and where the bot does not run the chat that is easily missed.
        raise StandingInDoubt(chat.id)
    if chat.bot_status not in RUNS and age > KNOWN_FOR:
        raise StandingInDoubt(chat.id)
    return chat


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
    new.purpose, new.name = old.purpose or new.purpose, old.name or new.name
    new.language = old.language or new.language
    old.purpose, old.migrated_to = None, new_id
    session.execute(delete(ChatPause).where(ChatPause.chat_id == old_id))
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
