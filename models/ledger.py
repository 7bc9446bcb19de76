"""The books: double entry, only ever added to. A balance is a sum, never a column."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, BigId


class AccountKind(StrEnum):
    """Whose account it is."""

    RIDER = "rider"
    PROGRAMME = "programme"


class Account(Base):
    """One side of every booking."""

    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("kind", "owner_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    # The person of a rider's account; 0 for the programme's own.
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
    # The rule as it stood when it was applied.
    terms: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class LedgerEntry(Base):
    """Points into (positive) or out of (negative) an account; together they sum to zero."""

    __tablename__ = "ledger_entry"
    __table_args__ = (Index("ix_ledger_entry_account_id_id", "account_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("ledger_transaction.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    points: Mapped[int]
