"""A report, its photos, those who joined it, its votes, and all that ever happened to it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, BigId


class PlaceSource(StrEnum):
    """How a place was given."""

    PIN = "pin"
    VENUE = "venue"
    LIVE = "live"
    ADDRESS = "address"
    FILE = "file"
    SPOT = "spot"


class Report(Base):
    """A street hazard somebody reported. Its id is the number people use."""

    __tablename__ = "report"
    __table_args__ = (
        # The nearby question: cells around a point, one category, the newest.
        Index("ix_report_cell_category_created_at", "cell", "category", "created_at"),
        Index("ix_report_reporter_id_created_at", "reporter_id", "created_at"),
        Index("ix_report_state_created_at", "state", "created_at"),
        Index("ix_report_decided_at", "decided_at"),
        Index("ix_report_duplicate_of", "duplicate_of"),
        Index("ix_report_claimed_until", "claimed_until"),
        Index("ix_report_district_state_created_at", "district", "state", "created_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    reporter_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    # What it was made of; the draft itself is gone.
    draft_id: Mapped[int | None] = mapped_column(BigId)
    state: Mapped[str] = mapped_column(String(16))
    # The category as it was when it was chosen: renaming it later changes no old report.
    category: Mapped[str] = mapped_column(String(32))
    category_name_zh: Mapped[str] = mapped_column(String(64))
    category_name_en: Mapped[str] = mapped_column(String(64))
    category_emoji: Mapped[str] = mapped_column(String(16))
    danger: Mapped[bool]
    deadline_hours: Mapped[int]
    latitude: Mapped[float]
    longitude: Mapped[float]
    accuracy_m: Mapped[float | None]
    place_source: Mapped[str] = mapped_column(String(16))
    cell: Mapped[int] = mapped_column(BigInteger)
    district: Mapped[str] = mapped_column(String(64))
    place_name_zh: Mapped[str] = mapped_column(String(128), default="")
    place_name_en: Mapped[str] = mapped_column(String(128), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    note_parts: Mapped[list[tuple[int | None, str]]] = mapped_column(JSON, default=list)
    voice_file_id: Mapped[str | None] = mapped_column(String(255))
    # The album its photos came in: a late part of it belongs here, not to a new report.
    media_group_id: Mapped[str | None] = mapped_column(String(64))
    surplus_told: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    # 1 to 3 stars for the contribution, once approved.
    grade: Mapped[int | None] = mapped_column(SmallInteger)
    # Why it was rejected: a code from the configuration, with its words of that day.
    reject_reason: Mapped[str | None] = mapped_column(String(32))
    reason_text_zh: Mapped[str | None] = mapped_column(Text)
    reason_text_en: Mapped[str | None] = mapped_column(Text)
    # Points the reporter got for it, as the rule stood then.
    points: Mapped[int | None]
    decided_by: Mapped[int | None] = mapped_column(BigId)
    decided_by_name: Mapped[str | None] = mapped_column(String(128))
    # Where it stood before its decision: undoing it leads back there.
    decided_from: Mapped[str | None] = mapped_column(String(16))
    # Drawn by lot at the start for a second pair of eyes, where the desk has that.
    drawn: Mapped[bool] = mapped_column(server_default=false())
    # Who has taken the card, and until when; of nobody's concern once it is over.
    claimed_by: Mapped[int | None] = mapped_column(BigId)
    claimed_by_name: Mapped[str | None] = mapped_column(String(128))
    claimed_until: Mapped[datetime | None]
    # What the reviewer asked the rider, and why the report is held, in the reviewer's words.
    question: Mapped[str | None] = mapped_column(Text)
    asked_at: Mapped[datetime | None]
    held_because: Mapped[str | None] = mapped_column(Text)
    # What the rider says against a rejection, once; and who had made it.
    appeal: Mapped[str | None] = mapped_column(Text)
    appealed_at: Mapped[datetime | None]
    appealed_against: Mapped[int | None] = mapped_column(BigId)
    # The report it is one and the same hazard with: never a duplicate itself.
    duplicate_of: Mapped[int | None] = mapped_column(BigId)
    # The report it was merged into; where that was merged on later, `duplicate_of` went along.
    merged_into: Mapped[int | None] = mapped_column(BigId)


class ReportPhoto(Base):
    """A photo of a report."""

    __tablename__ = "report_photo"

    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True)
    photo_id: Mapped[int] = mapped_column(ForeignKey("photo.id"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(SmallInteger)


class Joiner(Base):
    """Somebody who saw the same hazard and follows the report of the first."""

    __tablename__ = "joiner"
    __table_args__ = (UniqueConstraint("report_id", "person_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    joined_at: Mapped[datetime]
    # The duplicate they came with, if they did not join by themselves.
    merged_from: Mapped[int | None] = mapped_column(BigId)


class ReportEvent(Base):
    """One change of a report. Rows are only ever added; the database refuses anything else."""

    __tablename__ = "report_event"
    __table_args__ = (Index("ix_report_event_report_id_id", "report_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"))
    at: Mapped[datetime]
    # None: the system itself.
    actor_id: Mapped[int | None] = mapped_column(BigId)
    # rider, reviewer, chief, system
    actor_role: Mapped[str] = mapped_column(String(16))
    # What happened: the name of a transition, or joined, note_added, photo_added, corrected …
    kind: Mapped[str] = mapped_column(String(32))
    from_state: Mapped[str | None] = mapped_column(String(16))
    to_state: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)


class Verdict(StrEnum):
    """What a vote is for."""

    APPROVE = "approve"
    REJECT = "reject"


class Vote(Base):
    """What one of two reviewers thinks of a report that needs both; nobody votes twice."""

    __tablename__ = "vote"
    __table_args__ = (UniqueConstraint("report_id", "reviewer_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"))
    reviewer_id: Mapped[int] = mapped_column(BigId)
    reviewer_name: Mapped[str] = mapped_column(String(128))
    verdict: Mapped[str] = mapped_column(String(16))
    # 1 to 3 stars, of an approval.
    grade: Mapped[int | None] = mapped_column(SmallInteger)
    at: Mapped[datetime]
