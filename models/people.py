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


class Role(Base):
    """A power given to a person by name: `admin` (later `chief`)."""

    __tablename__ = "role"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16), primary_key=True)
    granted_at: Mapped[datetime]


class SetupCode(Base):
    """The one-time code that makes its first sender the first admin. Only its hash is kept."""

    __tablename__ = "setup_code"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
