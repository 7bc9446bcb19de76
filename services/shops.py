"""Shops and their staff: invited by a one-time link, several a shop, gone when they leave.

Whether somebody may confirm for a shop is a row of `shop_staff` without `left_at`, asked anew each
time; no link and no button gives that power.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from models import Person, Role, Shop, ShopInvite, ShopStaff, clock
from models.policy import Policy
from services import attempts, people
from services.refusals import InviteNotValid, NotForYou
from services.upserts import insert_or_update, insert_row

# 22 characters, as a link may carry them.
TOKEN_BYTES = 16
# As long as its column.
NAME_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Invite:
    """A fresh invitation; its token exists only here.

    Attributes:
        token: of 128 random bits, for a link.
        expires_at: until then it works.
    """

    token: str
    expires_at: datetime


def get(session: Session, *, shop_id: int) -> Shop | None:
    """The shop of an id; None if there is none."""
    return session.get(Shop, shop_id)


def by_code(session: Session, *, code: str) -> Shop | None:
    """The shop of a code; None if there is none."""
    return session.scalar(select(Shop).where(Shop.code == code))


def all_shops(session: Session) -> Sequence[Shop]:
    """Every shop, by its code."""
    return session.scalars(select(Shop).order_by(Shop.code)).all()


def page_of(session: Session, *, page: int, size: int) -> tuple[Sequence[Shop], int]:
    """A page of the shops, by their code.

    Args:
        session: the transaction.
        page: which, from 0; one too far is the last.
        size: shops a page.

    Returns:
        Its shops, and how many pages there are, at least one.
    """
    count = session.scalar(select(func.count()).select_from(Shop)) or 0
    pages = max(1, -(-count // size))
    start = min(page, pages - 1) * size
    return session.scalars(select(Shop).order_by(Shop.code).offset(start).limit(size)).all(), pages


def invite(session: Session, *, shop_id: int, admin_id: int, policy: Policy) -> Invite:
    """Make a link that lets its first user in as staff.

    Args:
        session: the transaction.
        shop_id: of which shop.
        admin_id: who asks for it, and has been found to be an admin.
        policy: says how long it is good.

    Returns:
        The invitation. Others that are open stay so.
    """
    now = clock.now()
    token = secrets.token_urlsafe(TOKEN_BYTES)
    expires_at = now + timedelta(days=policy.rewards.invite_days)
    insert_row(
        session,
        model=ShopInvite,
        values={
            "shop_id": shop_id,
            "token_hash": _hashed(token),
            "created_by": admin_id,
            "created_at": now,
            "expires_at": expires_at,
        },
    )
    return Invite(token, expires_at)


def join(session: Session, *, person: Person, token: str, name: str, policy: Policy) -> Shop:
    """Become staff by an invitation; whoever uses it first does.

    Following one's own used link again changes nothing while one is staff.

    Args:
        session: the transaction; it must hold the lock of the person's row.
        person: who follows the link.
        token: what it carries.
        name: what they are called, for colleagues and admins.
        policy: says how many wrong guesses there are an hour.

    Returns:
        The shop.

    Raises:
        InviteNotValid: it is used, has run out, or never was one; counted as a wrong guess.
        TooManyGuesses: they came by too many wrong links of late.
    """
    attempts.require_chance(session, person=person, kind=attempts.LINK, limits=policy.limits)
    now = clock.now()
    shop_id = session.scalar(
        update(ShopInvite)
        .where(
            ShopInvite.token_hash == _hashed(token),
            ShopInvite.used_at.is_(None),
            ShopInvite.expires_at > now,
        )
        .values(used_by=person.id, used_at=now)
        .returning(ShopInvite.shop_id)
        .execution_options(synchronize_session=False)
    )
    if shop_id is None:
        shop_id = _shop_joined_by(session, token=token, person=person)
        if shop_id is None:
            attempts.wrong(session, person=person, kind=attempts.LINK)
            raise InviteNotValid
    else:
        insert_or_update(
            session,
            model=ShopStaff,
            values={
                "shop_id": shop_id,
                "person_id": person.id,
                "name": " ".join(name.split())[:NAME_LENGTH],
                "joined_at": now,
                "left_at": None,
            },
            key=("shop_id", "person_id"),
        )
    shop = session.get(Shop, shop_id)
    assert shop is not None
    return shop


def _shop_joined_by(session: Session, *, token: str, person: Person) -> int | None:
    # A link tapped twice is no guess; one of somebody who has left since opens nothing.
    used = select(ShopInvite.shop_id).where(
        ShopInvite.token_hash == _hashed(token), ShopInvite.used_by == person.id
    )
    shop_id = session.scalar(used)
    if shop_id is None or not is_staff(session, shop_id=shop_id, person_id=person.id):
        return None
    return shop_id


def leave(session: Session, *, shop_id: int, person_id: int) -> bool:
    """Take somebody off the staff; what they confirmed stays.

    Open invitations of the shop end with it: they may have kept one to come back by.

    Args:
        session: the transaction. Who asks for it is the person, or was found to be an admin.
        shop_id: of which shop.
        person_id: who goes.

    Returns:
        False if they were not of the staff.
    """
    left = session.scalar(
        update(ShopStaff)
        .where(
            ShopStaff.shop_id == shop_id,
            ShopStaff.person_id == person_id,
            ShopStaff.left_at.is_(None),
        )
        .values(left_at=clock.now())
        .returning(ShopStaff.person_id)
        .execution_options(synchronize_session=False)
    )
    if left is not None:
        session.execute(
            update(ShopInvite)
            .where(ShopInvite.shop_id == shop_id, ShopInvite.used_at.is_(None))
            .values(expires_at=clock.now())
            .execution_options(synchronize_session=False)
        )
    return left is not None


def shops_of(session: Session, *, person_id: int) -> Sequence[Shop]:
    """The shops somebody is staff of, by their code."""
    statement = (
        select(Shop)
        .join(ShopStaff, ShopStaff.shop_id == Shop.id)
        .where(ShopStaff.person_id == person_id, ShopStaff.left_at.is_(None))
        .order_by(Shop.code)
    )
    return session.scalars(statement).all()


def is_staff(session: Session, *, shop_id: int, person_id: int) -> bool:
    """Whether somebody may act for a shop."""
    statement = select(ShopStaff.shop_id).where(
        ShopStaff.shop_id == shop_id,
        ShopStaff.person_id == person_id,
        ShopStaff.left_at.is_(None),
    )
    return session.scalar(statement) is not None


def require_staff(session: Session, *, shop_id: int, person_id: int) -> Shop:
    """Stop anybody else.

    Returns:
        The shop.

    Raises:
        NotForYou: the person is not of its staff.
    """
    shop = get(session, shop_id=shop_id)
    if shop is None or not is_staff(session, shop_id=shop_id, person_id=person_id):
        raise NotForYou
    return shop


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of a shop's staff, under the name they are called by there."""

    person_id: int
    name: str


def staff_of(session: Session, *, shop_id: int) -> list[Member]:
    """The staff of a shop, who came first first."""
    statement = (
        select(ShopStaff.person_id, ShopStaff.name)
        .where(ShopStaff.shop_id == shop_id, ShopStaff.left_at.is_(None))
        .order_by(ShopStaff.joined_at, ShopStaff.person_id)
    )
    return [Member(person_id, name) for person_id, name in session.execute(statement)]


def readers_of(session: Session, *, shop_id: int) -> list[tuple[int, str]]:
    """Who gets a shop's statements: its staff and the admins, as far as they can be written to.

    Returns:
        The id and the language of each.
    """
    staff = select(ShopStaff.person_id).where(
        ShopStaff.shop_id == shop_id, ShopStaff.left_at.is_(None)
    )
    admins = select(Role.person_id).where(Role.role == people.ADMIN)
    statement = (
        select(Person.id, Person.language)
        .where(or_(Person.id.in_(staff), Person.id.in_(admins)), Person.unreachable_since.is_(None))
        .order_by(Person.id)
    )
    return [(person_id, language) for person_id, language in session.execute(statement)]


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
