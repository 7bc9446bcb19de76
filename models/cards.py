"""Where a report is shown: what a view showed is the view's to remember, never the report's."""

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, BigId


class CardPurpose(StrEnum):
    """For whom a card shows a report."""

    REVIEW = "review"
    RECEIPT = "receipt"


class Card(Base):
    """One message that shows a report and is edited as the report moves on."""

    __tablename__ = "card"
    __table_args__ = (
        UniqueConstraint("report_id", "chat_id", "purpose"),
        # Not unique: a chat begun anew counts its messages from one again.
        Index("ix_card_chat_id_message_id", "chat_id", "message_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"))
    chat_id: Mapped[int] = mapped_column(BigId)
    purpose: Mapped[str] = mapped_column(String(16))
    # None until Telegram has answered the sending.
    message_id: Mapped[int | None] = mapped_column(BigId)
    # The message carries a photo, so its words are a caption.
    has_photo: Mapped[bool] = mapped_column(default=False)
    # The photos were sent as an album before it, so the card itself carries none.
    has_album: Mapped[bool] = mapped_column(default=False)
