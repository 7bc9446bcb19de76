"""INSERT … ON CONFLICT, said the same way to both databases."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from models import Base


def _insert(session: Session, model: type[Base]) -> sqlite.Insert | postgresql.Insert:
    table = cast("Table", model.__table__)
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def insert_new(session: Session, *, model: type[Base], values: Mapping[str, Any]) -> bool:
    """Insert a row unless one with the same unique key is there.

    Args:
        session: the transaction.
        model: the table.
        values: the row.

    Returns:
        True if the row is new; False if the key was taken and nothing changed.
    """
    # Asked of the row itself: the count of rows of an insert is not told by every driver.
    key = cast("Table", model.__table__).primary_key.columns
    statement = _insert(session, model).on_conflict_do_nothing().returning(*key)
    return session.execute(statement, dict(values)).first() is not None


def insert_or_update(
    session: Session, *, model: type[Base], values: Mapping[str, Any], key: Sequence[str]
) -> None:
    """Insert a row, or set the other columns of the row that has its key.

    Args:
        session: the transaction.
        model: the table.
        values: the whole row.
        key: the columns that identify it.
    """
    insert = _insert(session, model)
    others = {name: insert.excluded[name] for name in values if name not in key}
    statement = insert.on_conflict_do_update(index_elements=list(key), set_=others)
    session.execute(statement, dict(values))
