"""A picture somebody sent: what Telegram calls it, and what was found when it was fetched."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ColumnElement, Index, String, case
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, BigId


class PhotoState(StrEnum):
    """How far a picture has come."""

    WAITING = "waiting"
    STORED = "stored"
    REFUSED = "refused"


class Photo(Base):
    """One picture as one person sent it once."""

    __tablename__ = "photo"
    __table_args__ = (
        Index("ix_photo_sha256", "sha256"),
        Index("ix_photo_file_unique_id", "file_unique_id"),
        Index("ix_photo_dhash", "dhash"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigId)
    file_id: Mapped[str] = mapped_column(String(255))
    file_unique_id: Mapped[str] = mapped_column(String(64))
    # A photo sent as a file keeps its EXIF, and cannot be sent on as a photo by its id.
    as_file: Mapped[bool]
    forwarded: Mapped[bool] = mapped_column(default=False)
    sent_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16), default=PhotoState.WAITING)
    # Why it was refused: a code of services.photos.
    refusal: Mapped[str | None] = mapped_column(String(32))
    # The id of the upright, EXIF-free copy once Telegram has it.
    preview_file_id: Mapped[str | None] = mapped_column(String(255))
    sha256: Mapped[str | None] = mapped_column(String(64))
    dhash: Mapped[int | None] = mapped_column(BigInteger)
    width: Mapped[int | None]
    height: Mapped[int | None]
    size: Mapped[int | None]
    taken_at: Mapped[datetime | None]
    exif_latitude: Mapped[float | None]
    exif_longitude: Mapped[float | None]
    # Why the GPS of the file is not used, where there was one: a code of services.photos.
    exif_fault: Mapped[str | None] = mapped_column(String(32))

    @hybrid_property
    def sendable_id(self) -> str | None:
        """The id under which Telegram sends this picture as a photo, if it has one yet."""
        return self.preview_file_id if self.as_file else self.file_id

    @sendable_id.inplace.expression
    @classmethod
    def _sendable_id_in_sql(cls) -> ColumnElement[str | None]:
        return case((cls.as_file, cls.preview_file_id), else_=cls.file_id)
