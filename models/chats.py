"""The groups and channels the bot serves, who is in them, and which are resting after a 429."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, BigId


class Chat(Base):
    """A group, supergroup or channel the bot was put into."""

    __tablename__ = "chat"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(String(255), default="")
    # What the chat is for: `moderators`, `team`, `channel`; None: not one of ours (yet).
    purpose: Mapped[str | None] = mapped_column(String(16))
    # Which team or district, where the purpose has several.
    name: Mapped[str | None] = mapped_column(String(64))
    language: Mapped[str | None] = mapped_column(String(16))
    # Of a moderator chat: codes of the districts it reviews, which may be none any more; None: all
    # that no other one does.
    districts: Mapped[list[str] | None] = mapped_column(JSON)
    # Forum topics its cards go to, by the code of a category or a district; `*`: all others.
    topics: Mapped[dict[str, int] | None] = mapped_column(JSON)
    # The pinned message that tells how much waits, what it says, and when that is looked at next.
    board_message_id: Mapped[int | None] = mapped_column(BigId)
    board_text: Mapped[str | None] = mapped_column(Text)
    board_due: Mapped[datetime | None]
    # Reports wait for room here, and what comes later waits behind them.
    behind: Mapped[bool] = mapped_column(server_default=false())
    # The bot's own standing as Telegram last told it; None: never told.
    bot_status: Mapped[str | None] = mapped_column(String(16))
    # A group that became a supergroup lives on under another id.
    migrated_to: Mapped[int | None] = mapped_column(BigId)
    # First heard of; for a chat without a purpose, when the bot last came in.
    created_at: Mapped[datetime]


class Membership(Base):
    """What Telegram last told of a person's place in a chat."""

    __tablename__ = "membership"

    chat_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    person_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    # Telegram's words: creator, administrator, member, restricted, left, kicked.
    status: Mapped[str] = mapped_column(String(16))
    # The name colleagues know a reviewer by; shown in that chat only.
    name: Mapped[str] = mapped_column(String(128), default="")
    seen_at: Mapped[datetime]


class ChatPause(Base):
    """A chat Telegram asked us to leave alone for a while (429)."""

    __tablename__ = "chat_pause"

    chat_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    until: Mapped[datetime]


class ChatBudget(Base):
    """When a group was written to of late: it takes a number of messages and edits a minute."""

    __tablename__ = "chat_budget"

    chat_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    # Seconds since 1970 of each message of the last minute, the oldest first.
    spent: Mapped[list[float]] = mapped_column(JSON, default=list)


class Prompt(Base):
    """What a reviewer's next reply to a card is taken for."""

    __tablename__ = "prompt"

    chat_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    person_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"))
    # ask, reject, hold, merge, pin, warn, ban; None: they wrote first and are asked what it is for.
    kind: Mapped[str | None] = mapped_column(String(16))
    # What they wrote; or of a ban, the days.
    text: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime]
