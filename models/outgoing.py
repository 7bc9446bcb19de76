"""What is to be sent. A row is written with the change it tells of, and deleted once sent."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, SmallInteger, String, false
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, BigId


class OutgoingState(StrEnum):
    """How far a message has come."""

    QUEUED = "queued"
    SENDING = "sending"
    DEAD = "dead"


class Guarantee(StrEnum):
    """What happens to a message of which nobody knows whether it arrived."""

    AT_LEAST_ONCE = "at_least_once"
    AT_MOST_ONCE = "at_most_once"


class Outgoing(Base):
    """One call to be made of the Bot API, in order within its chat."""

    __tablename__ = "outgoing"
    __table_args__ = (
        # In this order senders take them: also with a hundred thousand digests waiting.
        Index("ix_outgoing_state_bulk_id", "state", "bulk", "id"),
        Index("ix_outgoing_chat_id_state_bulk_id", "chat_id", "state", "bulk", "id"),
        # The database lets one row of a chat be on its way at a time, whichever process sends it.
        Index("uq_outgoing_lane", "lane", unique=True),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    chat_id: Mapped[int] = mapped_column(BigId)
    # A method of the Bot API, or `show`: send the card, or edit it where it stands already.
    method: Mapped[str] = mapped_column(String(32))
    payload: Mapped[dict[str, Any]]
    card_id: Mapped[int | None] = mapped_column(ForeignKey("card.id"))
    guarantee: Mapped[str] = mapped_column(String(16), default=Guarantee.AT_LEAST_ONCE)
    state: Mapped[str] = mapped_column(String(16), default=OutgoingState.QUEUED)
    created_at: Mapped[datetime]
    not_before: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    error: Mapped[str | None] = mapped_column(String(255))
    # It may wait: it is paced, and whatever answers somebody goes before it.
    bulk: Mapped[bool] = mapped_column(default=False, server_default=false())
    # The chat, while the row is on its way; otherwise nothing.
    lane: Mapped[int | None] = mapped_column(BigId)
    # The process that sends it, by the number it holds (bot/presence.py).
    holder: Mapped[int | None] = mapped_column(BigId)
    # What it came from, e.g. `update:1042`: the thread through the logs.
    origin: Mapped[str | None] = mapped_column(String(40))


class Pace(Base):
    """How fast something may go that all processes share; the next moment it may go on."""

    __tablename__ = "pace"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    next_at: Mapped[datetime]
