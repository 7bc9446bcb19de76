"""Questions to the outside world, asked after a commit, answered in a transaction of their own."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, BigId


class ErrandKind(StrEnum):
    """What is to be found out, or done, outside the database."""

    PHOTO = "photo"
    ADDRESS = "address"
    RIGHTS = "rights"
    FORGET = "forget"
    MEMBER = "member"
    # A picture from a shop that may show the code of a voucher.
    VOUCHER = "voucher"


class Errand(Base):
    """One thing to find out; the row goes when its answer was taken in."""

    __tablename__ = "errand"
    __table_args__ = (Index("ix_errand_not_before", "not_before"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    not_before: Mapped[datetime]
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    # The process that has taken it, by the number it holds (bot/presence.py).
    holder: Mapped[int | None] = mapped_column(BigId)
    # What it came from, e.g. `update:1042`: the thread through the logs.
    origin: Mapped[str | None] = mapped_column(String(40))
