"""The books: double entry, only ever added to. A balance is a sum, never a column."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, BigId


class AccountKind(StrEnum):
    """Whose account it is."""

    RIDER = "rider"
    # What pays for reports.
    PROGRAMME = "programme"
    # Points of vouchers that are neither used nor given back yet.
    VOUCHERS = "vouchers"
    SHOP = "shop"
    # Passed through by the points of vouchers that expire: once they are back with their riders,
    # nothing is left here.
    EXPIRED = "expired"
    # The other side of what an operator books by hand.
    CORRECTIONS = "corrections"


class Account(Base):
    """One side of every booking."""

    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("kind", "owner_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    # The person of a rider's account, the shop of a shop's; 0 for those there is one of.
    owner_id: Mapped[int] = mapped_column(BigId)


class LedgerTransaction(Base):
    """Why points moved. The unique key is what keeps anything from being paid twice."""

    __tablename__ = "ledger_transaction"
    __table_args__ = (UniqueConstraint("rule", "subject"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    # The rule that paid, e.g. `approval`, and what it paid for, e.g. `report:1042`.
    rule: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(64))
    report_id: Mapped[int | None] = mapped_column(ForeignKey("report.id"), index=True)
    voucher_id: Mapped[int | None] = mapped_column(BigId, index=True)
    # The rule as it stood when it was applied.
    terms: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class LedgerEntry(Base):
    """Points into (positive) or out of (negative) an account; together they sum to zero."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        Index("ix_ledger_entry_account_id_id", "account_id", "id"),
        # Balances, and what was earned on a day, are summed up from this index alone.
        Index("ix_ledger_entry_sums", "account_id", "day", "available_at", "points"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("ledger_transaction.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    points: Mapped[int]
    # The day of the programme's zone whose cap it counts against, if against any.
    day: Mapped[date | None]
    # Before then it cannot be spent; None: at once. What takes it back carries the same.
    available_at: Mapped[datetime | None]


class MonthlyBudget(Base):
    """What the programme paid in a month, net of what was taken back.

    It is no balance but a gate: its row is locked by whoever pays, so that caps, fading and the
    budget see one payment after another. `sentinel ledger verify` holds it against the books.
    """

    __tablename__ = "monthly_budget"

    # 2026-11, in the programme's zone.
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    paid: Mapped[int]
