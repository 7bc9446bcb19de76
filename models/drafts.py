"""A report in the making. What a rider has given once is here and is never asked for again."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, SmallInteger, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, BigId


class Draft(Base):
    """The one unfinished report of a rider."""

    __tablename__ = "draft"
    __table_args__ = ({"sqlite_autoincrement": True},)

    # Never given twice, so that a button of an earlier draft cannot touch a later one.
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), unique=True)
    note: Mapped[str] = mapped_column(Text, default="")
    # Message id and words of each message in the note, so that editing one edits its words.
    note_parts: Mapped[list[tuple[int | None, str]]] = mapped_column(JSON, default=list)
    voice_file_id: Mapped[str | None] = mapped_column(String(255))
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    accuracy_m: Mapped[float | None]
    # pin, venue, live, address, file, spot: see models.reports.PlaceSource
    place_source: Mapped[str | None] = mapped_column(String(16))
    # A place too vague to take unasked waits here for the rider's word.
    place_confirmed: Mapped[bool] = mapped_column(default=False)
    live_message_id: Mapped[int | None] = mapped_column(BigId)
    district: Mapped[str | None] = mapped_column(String(64))
    category: Mapped[str | None] = mapped_column(String(32))
    # The rider said that what is nearby is another hazard.
    different: Mapped[bool] = mapped_column(default=False)
    # The album already answered, so that its other parts are taken in silence.
    media_group_id: Mapped[str | None] = mapped_column(String(64))
    # That some of its photos found no room has been said.
    surplus_told: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    touched_at: Mapped[datetime] = mapped_column(index=True)
    reminded_at: Mapped[datetime | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)

    @property
    def has_place(self) -> bool:
        """A place was given, vague or not."""
        return self.latitude is not None


class DraftPhoto(Base):
    """A photo of a draft; the same photo counts once."""

    __tablename__ = "draft_photo"
    __table_args__ = (UniqueConstraint("draft_id", "file_unique_id"),)

    draft_id: Mapped[int] = mapped_column(
        ForeignKey("draft.id", ondelete="CASCADE"), primary_key=True
    )
    photo_id: Mapped[int] = mapped_column(ForeignKey("photo.id"), primary_key=True)
    file_unique_id: Mapped[str] = mapped_column(String(64))
    position: Mapped[int] = mapped_column(SmallInteger)
