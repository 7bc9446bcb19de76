"""The people who talk to the bot, what they may do, and how the first of them gets in."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint
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
    # Until then no report of theirs is taken.
    banned_until: Mapped[datetime | None]


class Role(Base):
    """A power given to a person by name: `admin` or `chief`."""

    __tablename__ = "role"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16), primary_key=True)
    granted_at: Mapped[datetime]


class SanctionKind(StrEnum):
    """What a desk may do about a rider."""

    WARNING = "warning"
    BAN = "ban"
    LIFTED = "lifted"


class Sanction(Base):
    """A warning, a ban, or the end of one; rows are only ever added."""

    __tablename__ = "sanction"
    __table_args__ = (Index("ix_sanction_person_id_id", "person_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[str] = mapped_column(String(16))
    # The report it was about, and who imposed it, by the name colleagues know.
    report_id: Mapped[int | None] = mapped_column(ForeignKey("report.id"))
    by_id: Mapped[int] = mapped_column(BigId)
    by_name: Mapped[str] = mapped_column(String(128))
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    # Of a ban: when it ends by itself.
    until: Mapped[datetime | None]


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
