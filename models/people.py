"""The people who talk to the bot, what they may do, and how the first of them gets in."""

from datetime import datetime

from sqlalchemy import ForeignKey, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, BigId


class Person(Base):
    """Someone who wrote to the bot or decided in a chat of ours; the id is Telegram's."""

    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("bird", "bird_number"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    language: Mapped[str] = mapped_column(String(16))
    language_chosen: Mapped[bool] = mapped_column(default=False)
    # The pseudonym others meet this person under: a bird and a number, spoken in any language.
    bird: Mapped[int] = mapped_column(SmallInteger)
    bird_number: Mapped[int]
    created_at: Mapped[datetime]
    # Set while the person blocks the bot: nothing is sent then, points stay.
    unreachable_since: Mapped[datetime | None]
    # When the token bucket is full again: far ahead means much was sent of late.
    bucket_full_at: Mapped[datetime | None]
    # When they were told to slow down, if the bucket has not been in order since.
    flood_told_at: Mapped[datetime | None]


class Role(Base):
    """A power given to a person by name: `admin` (later `chief`)."""

    __tablename__ = "role"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16), primary_key=True)
    granted_at: Mapped[datetime]


class Attempt(Base):
    """How often a person guessed at something secret of late."""

    __tablename__ = "attempt"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    since: Mapped[datetime]
    count: Mapped[int] = mapped_column(SmallInteger)


class SetupCode(Base):
    """The one-time code that makes its first sender the first admin. Only its hash is kept."""

    __tablename__ = "setup_code"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
