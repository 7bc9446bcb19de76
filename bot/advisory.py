"""Locks that end with whoever holds them: PostgreSQL's advisory locks of a connection.

They need a connection that stays the same one, so no pooler in transaction mode may stand between.
On SQLite one process works alone (bot/instance.py) and nothing of this is needed.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

# The first half of every key: ours among all that use advisory locks in this database.
_SPACE = 0x5E47_0000
# A process of ours is alive; the second half is its number.
ALIVE = _SPACE + 1
# What only one may do at a time, by the second half.
SINGLE = _SPACE + 2
LEADING, MIGRATING, SHELVING = 1, 2, 3

_TRY = text("SELECT pg_try_advisory_lock(:space, :number)")
_WAIT = text("SELECT pg_advisory_lock(:space, :number)")
_GIVE_BACK = text("SELECT pg_advisory_unlock(:space, :number)")
_WAIT_SHARED = text("SELECT pg_advisory_lock_shared(:space, :number)")
_GIVE_BACK_SHARED = text("SELECT pg_advisory_unlock_shared(:space, :number)")
_HOLDERS = text(
    "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted "
    "AND classid = :space AND database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database())"
)


def take(connection: Connection, space: int, number: int) -> bool:
    """Take a lock if it is free; it is held until the connection ends.

    Args:
        connection: on PostgreSQL, in autocommit, not used for anything else.
        space: `ALIVE` or `SINGLE`.
        number: which lock of that space.

    Returns:
        Whether it is ours now.
    """
    taken = connection.execute(_TRY, {"space": space, "number": number}).scalar_one()
    return bool(taken)


def holders(connection: Connection, space: int) -> set[int]:
    """The numbers of a space that somebody holds now."""
    return set(connection.execute(_HOLDERS, {"space": space}).scalars())


@contextmanager
def held(engine: Engine, number: int, *, shared: bool = False) -> Iterator[None]:
    """Hold one of the single locks for the length of a `with` block; wait for it if need be.

    Args:
        engine: on SQLite nothing is held: whoever asks works alone.
        number: which.
        shared: several may hold it at once, as long as nobody holds it alone.
    """
    if engine.dialect.name == "sqlite":
        yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        key = {"space": SINGLE, "number": number}
        connection.execute(_WAIT_SHARED if shared else _WAIT, key)
        try:
            yield
        finally:
            try:
                connection.execute(_GIVE_BACK_SHARED if shared else _GIVE_BACK, key)
            except SQLAlchemyError:
                # It goes with the connection.
                connection.invalidate()
