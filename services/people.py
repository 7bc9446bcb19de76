"""Who somebody is to us: language, pseudonym, roles, and the first admin's way in."""

import hashlib
import random
import secrets
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from models import Person, Role, SetupCode, clock
from models.policy import Language, Policy
from services import attempts
from services.refusals import LastAdmin, NotForYou, WrongSetupCode
from services.upserts import insert_new

# How many kinds of bird there are; the words for them are in the catalogues (handlers/views.py).
BIRDS = 24
ADMIN, CHIEF = "admin", "chief"
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def language_for(language_code: str | None, *, policy: Policy) -> Language:
    """The language of ours that is nearest to what Telegram says of a person's app.

    Args:
        language_code: an IETF tag such as `zh-hans`, `zh-Hant-TW`, `en-GB`, `fr`; often missing.
        policy: names the default.

    Returns:
        One of our languages: every Chinese is served Simplified, any other known tag English.
    """
    tag = (language_code or "").lower()
    if not tag:
        return policy.languages.default
    return "zh_Hans" if tag.split("-")[0].split("_")[0] == "zh" else "en"


_LOCKED = (
    select(Person)
    .where(Person.id == bindparam("person_id"))
    # Not so strictly that a row that only names the person would wait: who merges a report makes
    # its rider follow another, while the rider may be waiting for that very report.
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)

# From so many people on, pseudonyms have longer numbers; no further are they counted.
MANY = 1000
_HOW_MANY = select(func.count()).select_from(select(Person.id).limit(MANY).subquery())


def meet(session: Session, *, person_id: int, language_code: str | None, policy: Policy) -> Person:
    """The row of a person, made at the first meeting, and locked.

    The lock lets one update of a person wait for another: a message and a button press of the same
    rider may arrive side by side.

    Args:
        session: the transaction.
        person_id: Telegram's id.
        language_code: what Telegram says of their app.
        policy: names the default language.

    Returns:
        The person.
    """
    person = session.scalar(_LOCKED, {"person_id": person_id})
    language = language_for(language_code, policy=policy)
    while person is None:
        number_range = 99 if (session.scalar(_HOW_MANY) or 0) < MANY else 99_999
        insert_new(
            session,
            model=Person,
            values={
                "id": person_id,
                "language": language,
                "language_chosen": False,
                "bird": random.randrange(BIRDS),
                "bird_number": random.randint(1, number_range),
                "created_at": clock.now(),
            },
        )
        # The pseudonym may have been taken: then there is still nobody, and another one is drawn.
        person = session.scalar(_LOCKED, {"person_id": person_id})
    if not person.language_chosen and language_code and person.language != language:
        person.language = language
    return person


def choose_language(session: Session, *, person: Person, language: Language) -> None:
    """Keep to a language from now on, whatever the app says."""
    person.language = language
    person.language_chosen = True
    session.flush()


def unreachable(session: Session, *, person_id: int) -> None:
    """The person blocks the bot, or is gone. Points and reports stay as they are."""
    session.execute(
        update(Person)
        .where(Person.id == person_id, Person.unreachable_since.is_(None))
        .values(unreachable_since=clock.now())
    )


def reachable(session: Session, *, person_id: int) -> None:
    """The person can be written to again."""
    session.execute(update(Person).where(Person.id == person_id).values(unreachable_since=None))


def is_admin(session: Session, *, person_id: int) -> bool:
    """Whether the person may set things up."""
    return session.get(Role, (person_id, ADMIN)) is not None


def is_chief(session: Session, *, person_id: int) -> bool:
    """Whether the person may settle what reviewers cannot agree on; every admin may."""
    held = select(Role.role).where(Role.person_id == person_id, Role.role.in_((ADMIN, CHIEF)))
    return session.scalar(held.limit(1)) is not None


def chiefs(session: Session) -> set[int]:
    """The ids of all who may settle what reviewers cannot agree on, admins among them."""
    return set(session.scalars(select(Role.person_id).where(Role.role.in_((ADMIN, CHIEF)))))


def require_admin(session: Session, *, person_id: int) -> None:
    """Stop anybody else.

    Raises:
        NotForYou: the person is no admin.
    """
    if not is_admin(session, person_id=person_id):
        raise NotForYou


def admins(session: Session) -> list[int]:
    """The ids of all admins."""
    return list(session.scalars(select(Role.person_id).where(Role.role == ADMIN)))


def make_admin(session: Session, *, person_id: int, policy: Policy) -> None:
    """Give somebody the power to set things up; they may never have written yet."""
    _grant(session, person_id=person_id, role=ADMIN, policy=policy)


def make_chief(session: Session, *, person_id: int, policy: Policy) -> None:
    """Give somebody the power to settle disputes; they may never have written yet."""
    _grant(session, person_id=person_id, role=CHIEF, policy=policy)


def _grant(session: Session, *, person_id: int, role: str, policy: Policy) -> None:
    if find(session, person_id=person_id) is None:
        # Who is known is not locked: of two admins who change each other's role, each would wait.
        meet(session, person_id=person_id, language_code=None, policy=policy)
    insert_new(
        session,
        model=Role,
        values={"person_id": person_id, "role": role, "granted_at": clock.now()},
    )


def set_role(session: Session, *, person_id: int, role: str | None, policy: Policy) -> None:
    """Give somebody one role and no other, or none at all.

    Args:
        session: the transaction; who asks for it has been found to be an admin.
        person_id: who; they may never have written yet.
        role: `ADMIN`, `CHIEF` or None.
        policy: names the default language, for somebody new.

    Raises:
        LastAdmin: nobody could set things up any more.
    """
    # All of them are locked, so that of the last two not each takes the other's role away.
    holders = session.scalars(
        select(Role.person_id).where(Role.role == ADMIN).order_by(Role.person_id).with_for_update()
    ).all()
    if role != ADMIN and list(holders) == [person_id]:
        raise LastAdmin
    if role is not None:
        _grant(session, person_id=person_id, role=role, policy=policy)
    session.execute(delete(Role).where(Role.person_id == person_id, Role.role != (role or "")))


@dataclass(frozen=True, slots=True)
class Held:
    """A role somebody holds."""

    person_id: int
    role: str


def roles(session: Session) -> list[Held]:
    """Who holds which role: admins first, then chiefs, each in the order they got it."""
    rows = session.scalars(select(Role).order_by(Role.role, Role.granted_at, Role.person_id))
    return [Held(row.person_id, row.role) for row in rows]


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time code, as it is read out: three groups of four characters."""

    text: str


def new_setup_code(session: Session) -> Code | None:
    """A fresh one-time code for the first admin; the one before it stops working.

    Returns:
        The code, of 60 random bits; None if there is an admin already.
    """
    if admins(session):
        return None
    raw = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    row = session.get(SetupCode, 1)
    if row is None:
        row = SetupCode(id=1)
        session.add(row)
    row.code_hash, row.created_at = _hashed(raw), clock.now()
    session.flush()
    return Code(text="-".join((raw[:4], raw[4:8], raw[8:])))


def setup_code_open(session: Session) -> bool:
    """Whether a one-time code is waiting for its first sender.

    Returns:
        False once there is an admin: words that look like a code are then nothing but words.
    """
    return session.get(SetupCode, 1) is not None and not admins(session)


def claim_setup_code(session: Session, *, person: Person, text: str, policy: Policy) -> None:
    """Become the first admin with the one-time code.

    Wrong guesses are counted by person: a stranger's never keep the operator out. Who mistyped too
    often waits, the right code notwithstanding, or is named in `chats.admins` instead.

    Args:
        session: the transaction; it must hold the lock of the person's row.
        person: who sent it.
        text: what they sent; case, spaces and dashes do not count.
        policy: says how many wrong guesses there are an hour.

    Raises:
        WrongSetupCode: it is another code, or none is open.
        TooManyGuesses: they guessed wrong too often before.
    """
    kind = attempts.SETUP_CODE
    attempts.require_chance(session, person=person, kind=kind, limits=policy.limits)
    row = session.get(SetupCode, 1, with_for_update=True)
    plain = text.upper().replace("-", "").replace(" ", "").strip()
    right = row is not None and secrets.compare_digest(_hashed(plain), row.code_hash)
    if row is None or not right or admins(session):
        attempts.wrong(session, person=person, kind=kind)
        raise WrongSetupCode
    session.delete(row)
    session.add(Role(person_id=person.id, role=ADMIN, granted_at=clock.now()))
    session.flush()


def _hashed(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def find(session: Session, *, person_id: int) -> Person | None:
    """The row of a person; None if they never wrote to us."""
    return session.get(Person, person_id)


def locked(session: Session, *, person_id: int) -> Person | None:
    """The row of a person, locked, for what concerns them and comes from elsewhere.

    The answer to an errand waits by this for what the person does at the same moment, and the other
    way round.

    Returns:
        The person as they are now; None if they never wrote to us.
    """
    return session.scalar(_LOCKED, {"person_id": person_id})
