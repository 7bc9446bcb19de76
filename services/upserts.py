"""New rows, with ON CONFLICT said the same way to both databases.

What a new row refers to must have been flushed before.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from models import Base
from services.statements import Prepared, adopt

Row = TypeVar("Row", bound=Base)
# The names of the columns a row is given.
_Names = tuple[str, ...]


def insert_row(session: Session, *, model: type[Base], values: Mapping[str, Any]) -> None:
    """Insert a row.

    Args:
        session: the transaction.
        model: the table.
        values: the row.
    """
    _insert(model, tuple(values)).run(session, **values)


def insert_object(session: Session, *, model: type[Row], values: Mapping[str, Any]) -> Row:
    """Insert a row and have it as an object.

    Args:
        session: the transaction.
        model: the table, whose key is an `id` of the database's.
        values: the row. A column that is missing is read when it is asked for.
    """
    key = _insert_for_key(model, tuple(values)).scalar(session, **values)
    return adopt(session, model=model, values={"id": key, **values})


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
    return _insert_new(session, model, values).first(session, **values) is not None


def insert_new_object(
    session: Session, *, model: type[Row], values: Mapping[str, Any]
) -> Row | None:
    """Insert a row unless one with the same unique key is there, and have it as an object.

    Args:
        session: the transaction.
        model: the table, whose key is an `id` of the database's.
        values: the row. A column that is missing is read when it is asked for.

    Returns:
        The new row; None if the key was taken and nothing changed.
    """
    key = _insert_new(session, model, values).scalar(session, **values)
    return None if key is None else adopt(session, model=model, values={"id": key, **values})


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
    _insert_or_update(model, dialect, tuple(values), tuple(key)).run(session, **values)


def _insert_new(session: Session, model: type[Base], values: Mapping[str, Any]) -> Prepared:
    return _insert_unless_there(model, session.get_bind().dialect.name, tuple(values))


@cache
def _insert(model: type[Base], names: _Names) -> Prepared:
    return Prepared(_table(model).insert(), columns=names)


@cache
def _insert_for_key(model: type[Base], names: _Names) -> Prepared:
    table = _table(model)
    return Prepared(table.insert().returning(*table.primary_key.columns), columns=names)


@cache
def _insert_unless_there(model: type[Base], dialect: str, names: _Names) -> Prepared:
    table = _table(model)
    insert = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    statement = insert.on_conflict_do_nothing().returning(*table.primary_key.columns)
    return Prepared(statement, columns=names)


@cache
def _insert_or_update(
    model: type[Base], dialect: str, names: _Names, key: tuple[str, ...]
) -> Prepared:
    table = _table(model)
    insert = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    others = {name: insert.excluded[name] for name in names if name not in key}
    statement = insert.on_conflict_do_update(index_elements=list(key), set_=others)
    return Prepared(statement, columns=names)


def _table(model: type[Base]) -> Table:
    return cast("Table", model.__table__)
