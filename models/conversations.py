"""Where a conversation stands, so that any process can go on with it."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, BigId


class Conversation(Base):
    """The state of one person in one conversation in one chat."""

    __tablename__ = "conversation"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    chat_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    person_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(String(32))
    # What the state is about, e.g. the report a note is awaited for.
    subject_id: Mapped[int | None] = mapped_column(BigId)
    updated_at: Mapped[datetime]
