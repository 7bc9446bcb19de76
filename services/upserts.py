"""INSERT … ON CONFLICT, said the same way to both databases.

The statements are built once and run on the session's connection: they are in every update's way,
and the session's own way is several times longer. What they refer to must have been flushed.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from models import Base

Row = TypeVar("Row", bound=Base)


@cache
def _insert_new(model: type[Base], dialect: str) -> Any:
    # Built once: building a statement costs more than running it.
    table = cast("Table", model.__table__)
    insert = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    return insert.on_conflict_do_nothing().returning(*table.primary_key.columns)


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
    statement = _insert_new(model, session.get_bind().dialect.name)
    return session.connection().execute(statement, dict(values)).first() is not None


@cache
def _insert_row(model: type[Base], dialect: str) -> Any:
    insert = sqlite.insert(model) if dialect == "sqlite" else postgresql.insert(model)
    return insert.on_conflict_do_nothing().returning(model)


def new_row(session: Session, *, model: type[Row], values: Mapping[str, Any]) -> Row | None:
    """Insert a row unless one with the same unique key is there, and have it as an object.

    Args:
        session: the transaction.
        model: the table.
        values: the row.

    Returns:
        The new row; None if the key was taken and nothing changed.
    """
    statement = _insert_row(model, session.get_bind().dialect.name)
    return session.scalars(statement, dict(values)).first()


@cache
def _insert_or_update(
    model: type[Base], dialect: str, names: tuple[str, ...], key: tuple[str, ...]
) -> Any:
    table = cast("Table", model.__table__)
    insert = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    others = {name: insert.excluded[name] for name in names if name not in key}
    return insert.on_conflict_do_update(index_elements=list(key), set_=others)


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
    dialect = session.get_bind().dialect.name
    statement = _insert_or_update(model, dialect, tuple(values), tuple(key))
    session.connection().execute(statement, dict(values))
