"""Reports and points as rows for other programs, a few at a time, however many there are."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Account, LedgerEntry, LedgerTransaction, Report
from models.ledger import AccountKind

Row = dict[str, Any]

REPORT_COLUMNS = (
    Report.id,
    Report.state,
    Report.category,
    Report.danger,
    Report.district,
    Report.latitude,
    Report.longitude,
    Report.accuracy_m,
    Report.place_source,
    Report.place_name_zh,
    Report.place_name_en,
    Report.note,
    Report.created_at,
    Report.decided_at,
    Report.grade,
    Report.reject_reason,
    Report.points,
    Report.reporter_id,
)
POINT_COLUMNS = (
    LedgerEntry.id.label("entry"),
    LedgerTransaction.id.label("transaction"),
    LedgerTransaction.rule,
    LedgerTransaction.subject,
    LedgerTransaction.report_id,
    Account.kind.label("account"),
    Account.owner_id.label("owner"),
    LedgerEntry.points,
    LedgerTransaction.at,
)


def count_reports(session: Session) -> int:
    """How many reports there are."""
    return session.scalar(select(func.count(Report.id))) or 0


def reports(session: Session) -> Iterator[Row]:
    """Every report, oldest first; moments as ISO 8601 in UTC."""
    query = select(*REPORT_COLUMNS).order_by(Report.id).execution_options(yield_per=500)
    yield from (_plain(row._mapping) for row in session.execute(query))  # noqa: SLF001 - its API


def count_points(session: Session) -> int:
    """How many ledger entries there are."""
    return session.scalar(select(func.count(LedgerEntry.id))) or 0


def points(session: Session) -> Iterator[Row]:
    """Every ledger entry, oldest first; riders' accounts by their Telegram id."""
    query = (
        select(*POINT_COLUMNS)
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .join(Account, Account.id == LedgerEntry.account_id)
        .order_by(LedgerEntry.id)
        .execution_options(yield_per=500)
    )
    for row in session.execute(query):
        plain = _plain(row._mapping)  # noqa: SLF001 - its API
        if plain["account"] != AccountKind.RIDER:
            plain["owner"] = None
        yield plain


def _plain(row: Any) -> Row:
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in row.items()
    }
