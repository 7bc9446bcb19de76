"""Rows in every table there is, the odd ones above all, and all of them read back."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Engine,
    Float,
    Integer,
    String,
    select,
)

from models import Base
from models.base import Moment

TABLES = Base.metadata.sorted_tables
# Telegram's ids need more than 32 bits.
FIRST = 7_000_000_001
ODD_TEXT = "护栏断了 🕳 'x\" \\ %s :a\n"
ODD_JSON = {
    "说": [1, -2.5, None, True, "\U0001f6a7\u0000"],
    "deep": {"a'\"\\": {}},
    "half": "\ud83d",
}


def fill(session) -> None:
    """Two rows into every table: one with all it can hold, one with as little as it may."""
    for table in TABLES:
        keys = set()
        for number in (1, 2):
            row = {column.name: _value(column, number) for column in table.columns}
            session.execute(table.insert(), [row])
            keys.add(tuple(row[column.name] for column in table.primary_key))
        assert len(keys) == 2, table.name
    session.flush()


def _value(column: Column[Any], number: int) -> Any:
    for key in column.foreign_keys:
        return _value(key.column, number)
    if number == 2 and column.nullable:
        return None
    if column.primary_key or column.unique or column.name.endswith("_id"):
        return _identity(column, number)
    match column.type:
        case Moment():
            return datetime(2026, 2, 28, 23, 59, 59, number, tzinfo=UTC) + timedelta(days=number)
        case Date():
            return date(2026, 2, 28)
        case Boolean():
            return number == 1
        case JSON():
            return ODD_JSON if number == 1 else []
        case Float():
            return 118.9050000000001 / number
        case Integer():
            # Of nothing else there is less than none.
            return number if column.name == "stock" else -number
        case String() as text:
            return f"{number}{ODD_TEXT}"[: text.length]
    raise AssertionError(f"no value for a {column.type!r}")


def _identity(column: Column[Any], number: int) -> Any:
    match column.type:
        case String() as text:
            return f"{number}-{column.name}"[: text.length]
        case BigInteger() if column.name == "chat_id":
            # Groups have negative ids.
            return -FIRST - number
        case BigInteger():
            return FIRST + number
        case Integer():
            return number
    raise AssertionError(f"no key of a {column.type!r}")


def all_rows(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in a database, each table in the order of its keys."""
    everything = {}
    with engine.connect() as connection:
        for table in TABLES:
            keys = [list(table.columns).index(column) for column in table.primary_key]
            rows = [tuple(row) for row in connection.execute(select(table))]
            everything[table.name] = sorted(rows, key=lambda row: [row[key] for key in keys])
    return everything
