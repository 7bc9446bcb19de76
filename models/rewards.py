"""Shops, what they offer for points, and the vouchers riders get for it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, BigId


class Shop(Base):
    """A place that hands things out for points."""

    __tablename__ = "shop"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    # The short name it has in catalogue files; never changed.
    code: Mapped[str] = mapped_column(String(32), unique=True)
    name_zh: Mapped[str] = mapped_column(String(64))
    name_en: Mapped[str] = mapped_column(String(64))
    address_zh: Mapped[str] = mapped_column(String(128), default="")
    address_en: Mapped[str] = mapped_column(String(128), default="")
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    # Wrong codes typed there of late, by all of its staff together.
    wrong_since: Mapped[datetime | None]
    wrong_count: Mapped[int] = mapped_column(SmallInteger, default=0, server_default=text("0"))
    created_at: Mapped[datetime]


class ShopStaff(Base):
    """Somebody who confirms vouchers for a shop. The row stays when they leave."""

    __tablename__ = "shop_staff"
    __table_args__ = (Index("ix_shop_staff_person_id", "person_id"),)

    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    # The name they are known by in the shop; shown to admins and colleagues only.
    name: Mapped[str] = mapped_column(String(128))
    joined_at: Mapped[datetime]
    left_at: Mapped[datetime | None]


class ShopInvite(Base):
    """A one-time link that makes its first user staff of a shop. Only its hash is kept."""

    __tablename__ = "shop_invite"
    __table_args__ = (Index("ix_shop_invite_shop_id", "shop_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_by: Mapped[int] = mapped_column(BigId)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_by: Mapped[int | None] = mapped_column(BigId)
    used_at: Mapped[datetime | None]


class ShopStatement(Base):
    """A statement that was sent by itself. Its key is what keeps any from being sent twice."""

    __tablename__ = "shop_statement"

    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id"), primary_key=True)
    # A day or a month in the programme's zone: 2026-11-24, 2026-11.
    period: Mapped[str] = mapped_column(String(10), primary_key=True)
    written_at: Mapped[datetime]


class Item(Base):
    """Something a shop hands out for points."""

    __tablename__ = "item"
    __table_args__ = (
        Index("ix_item_shop_id", "shop_id"),
        # Whatever a process believes, nothing is handed out that is not there.
        CheckConstraint("stock IS NULL OR stock >= 0", name="stock"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    # The short name it has in catalogue files; never changed.
    code: Mapped[str] = mapped_column(String(32), unique=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id"))
    title_zh: Mapped[str] = mapped_column(String(64))
    title_en: Mapped[str] = mapped_column(String(64))
    text_zh: Mapped[str] = mapped_column(Text, default="")
    text_en: Mapped[str] = mapped_column(Text, default="")
    photo_id: Mapped[int | None] = mapped_column(ForeignKey("photo.id"))
    # In points.
    cost: Mapped[int]
    # How many are left to be redeemed; None: as many as are asked for.
    stock: Mapped[int | None]
    # How many vouchers one person may have had, cancelled and expired ones aside; None: any.
    per_person: Mapped[int | None]
    # How long a voucher for it is good.
    valid_days: Mapped[int] = mapped_column(SmallInteger)
    offered_from: Mapped[datetime | None]
    offered_until: Mapped[datetime | None]
    paused: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime]


class VoucherState(StrEnum):
    """How far a voucher has come."""

    ISSUED = "issued"
    USED = "used"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Voucher(Base):
    """The right to one item. Its id is the number people use: V1042.

    What it is for stays as it was when it was issued, whatever becomes of the item.
    """

    __tablename__ = "voucher"
    __table_args__ = (
        # A confirmation tapped twice makes one voucher.
        UniqueConstraint("person_id", "number"),
        Index("ix_voucher_person_id_state", "person_id", "state", "cost"),
        Index("ix_voucher_shop_id_state_used_at", "shop_id", "state", "used_at"),
        Index("ix_voucher_state_expires_at", "state", "expires_at"),
        Index("ix_voucher_item_id_person_id", "item_id", "person_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    # The person's first, second, third … voucher.
    number: Mapped[int]
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.id"))
    title_zh: Mapped[str] = mapped_column(String(64))
    title_en: Mapped[str] = mapped_column(String(64))
    # In points.
    cost: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    # Hashes of what the QR code carries and of what is typed; both change when it is shown anew.
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    # Who of the shop's staff confirmed it.
    used_by: Mapped[int | None] = mapped_column(BigId)
    # The message that shows it to its rider; None until Telegram has answered the sending.
    message_id: Mapped[int | None] = mapped_column(BigId)


class VoucherEvent(Base):
    """One thing that happened to a voucher. Rows are only ever added."""

    __tablename__ = "voucher_event"
    __table_args__ = (Index("ix_voucher_event_voucher_id_id", "voucher_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    voucher_id: Mapped[int] = mapped_column(ForeignKey("voucher.id"))
    # issued, shown_anew, used, undone, cancelled, expired
    kind: Mapped[str] = mapped_column(String(16))
    # None: the system itself.
    actor_id: Mapped[int | None] = mapped_column(BigId)
    at: Mapped[datetime]
