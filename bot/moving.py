"""`sentinel db copy`: every row of a database into an empty one; SQLite to PostgreSQL above all.

What is copied is one moment of the source: a transaction that only reads, which on SQLite keeps
nobody from writing. Whatever is written after that moment is not in the copy. So a move is: end the
bot, copy, start it on the new database; a copy taken while it runs is a rehearsal.

On the target it is one transaction as well: all of it arrives, is compared and stays, or none.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from bot import advisory, schema
from bot.database import Database
from bot.progress import Show
from models import Base, LedgerEntry

# Parents before children.
TABLES: tuple[Table, ...] = tuple(Base.metadata.sorted_tables)

# Rows on their way at once.
BATCH = 1000


class NotEmpty(Exception):  # noqa: N818 - an answer to the operator
    """The target holds rows already; the message names the tables."""


class WouldNotFit(Exception):  # noqa: N818 - a state of the world
    """The target refuses a row; the message names the table and says what the database said."""


class Differs(Exception):  # noqa: N818 - a state of the world
    """What arrived is not what was sent; nothing of it was kept."""


def is_at_work(source: Engine) -> bool:
    """Whether a bot works on a database on PostgreSQL; of SQLite the folder's lock tells."""
    if source.dialect.name == "sqlite":
        return False
    with source.connect() as connection:
        return bool(advisory.holders(connection, advisory.ALIVE))


def copy(source: Engine, target: Database, *, show: Show) -> dict[str, int]:
    """Copy everything.

    Args:
        source: at its newest, opened to read only: its one transaction is the moment copied.
        target: on a database of its own, without a row; it is brought to its newest first.
        show: told a table, how many of its rows have been copied, and how many it has.

    Returns:
        How many rows each table has, in both databases.

    Raises:
        NotEmpty: the target holds rows; nothing was touched.
        WouldNotFit: the target refused a row; none was kept.
        Differs: rows or points got lost on the way; none was kept.
    """
    with target.engine.connect() as looking:
        _require_empty(looking)
    schema.upgrade(target.engine)
    with source.connect() as reading, target.transaction() as session:
        writing = session.connection()
        _keep_others_out(writing)
        _require_empty(writing)
        counts = _counts(reading)
        for table in TABLES:
            for done in _copy_rows(reading, writing, table):
                show(table.name, done, counts[table.name])
        for table in TABLES:
            _number_on(reading, writing, table)
        _compare(reading, writing, counts)
    return counts


def _require_empty(target: Connection) -> None:
    there = set(inspect(target).get_table_names())
    full = [
        table.name
        for table in TABLES
        if table.name in there and target.scalar(select(select(table).exists()))
    ]
    if full:
        raise NotEmpty(", ".join(full))


def _keep_others_out(target: Connection) -> None:
    # On SQLite nobody else writes once a transaction has begun.
    if target.dialect.name == "postgresql":
        target.execute(text("SET LOCAL lock_timeout = '10s'"))
        names = ", ".join(table.name for table in TABLES)
        target.execute(text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))


def _counts(connection: Connection) -> dict[str, int]:
    return {
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0
        for table in TABLES
    }


def _copy_rows(reading: Connection, writing: Connection, table: Table) -> Iterator[int]:
    done = 0
    for rows in _batches(reading, table):
        try:
            writing.execute(table.insert(), rows)
        except DBAPIError as error:
            # Its first line only: the others may show the row.
            said = str(error.orig).partition("\n")[0]
            raise WouldNotFit(f"{table.name}: {said}") from error
        done += len(rows)
        yield done


def _batches(reading: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    # By key, so that the target's indexes grow at their end.
    query = select(table).order_by(*table.primary_key).execution_options(yield_per=BATCH)
    for rows in reading.execute(query).mappings().partitions():
        yield [dict(row) for row in rows]


def _number_on(reading: Connection, writing: Connection, table: Table) -> None:
    """Let the target number rows on from where the source stands.

    That may be beyond the highest number there is: the last drafts have been deleted, and their
    buttons must not come to mean others.
    """
    column = table.autoincrement_column
    if column is None:
        return
    highest = reading.scalar(select(func.max(column))) or 0
    given = max(highest, _given(reading, table.name, column.name))
    if not given:
        return
    if writing.dialect.name == "postgresql":
        writing.execute(
            text("SELECT setval(pg_get_serial_sequence(:table, :column), :given)"),
            {"table": table.name, "column": column.name, "given": given},
        )
    elif table.dialect_options["sqlite"]["autoincrement"]:
        name = {"table": table.name}
        writing.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), name)
        writing.execute(
            text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :given)"),
            name | {"given": given},
        )


def _given(reading: Connection, table: str, column: str) -> int:
    """The last number given to a row of a table, as far as the database remembers."""
    if reading.dialect.name == "sqlite":
        query = text("SELECT seq FROM sqlite_sequence WHERE name = :table")
        return reading.scalar(query, {"table": table}) or 0
    sequence = reading.scalar(
        text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table, "column": column}
    )
    # The name comes from the database, quoted where it must be.
    return (
        reading.scalar(
            text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")  # noqa: S608
        )
        or 0
    )


def _compare(reading: Connection, writing: Connection, counts: dict[str, int]) -> None:
    arrived = _counts(writing)
    differences = [
        f"{name}: {arrived[name]} of {count} rows arrived"
        for name, count in counts.items()
        if arrived[name] != count
    ]
    if _balances(reading) != _balances(writing):
        differences.append("ledger_entry: the balances are others")
    if differences:
        raise Differs("; ".join(differences))


def _balances(connection: Connection) -> dict[int, int]:
    query = select(LedgerEntry.account_id, func.sum(LedgerEntry.points))
    rows = connection.execute(query.group_by(LedgerEntry.account_id))
    return {account: int(points) for account, points in rows}
