"""What was taken in already, what would not go in, and which alarms rang."""

from datetime import datetime
from typing import Any

from sqlalchemy import SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, BigId


class SeenUpdate(Base):
    """An update that was applied: a second delivery of it changes nothing."""

    __tablename__ = "seen_update"

    update_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(index=True)


class FailedUpdate(Base):
    """An update whose handling raised; after three tries it is set aside."""

    __tablename__ = "failed_update"

    update_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    tries: Mapped[int] = mapped_column(SmallInteger)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    set_aside_at: Mapped[datetime | None]
    # The traceback without values, and the update itself, for whoever mends it.
    error: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, Any]]


class JobRun(Base):
    """When a job of the timetable last succeeded, in whichever process."""

    __tablename__ = "job_run"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    succeeded_at: Mapped[datetime]


class Alarm(Base):
    """When an alarm of this key last rang, so that it does not ring all night."""

    __tablename__ = "alarm"

    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    rang_at: Mapped[datetime]
