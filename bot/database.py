"""Engine, sessions and the only commit of the project.

A transaction is an ordinary function of a synchronous session, run whole in a worker thread: one
thread on SQLite, which has one writer anyway and an unfair queue before it, a few on PostgreSQL.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from bot import advisory

Result = TypeVar("Result")

# A worker's connection that was not used for so many seconds goes back to the pool first.
REST_S = 5.0


def create(url: str, *, read_only: bool = False) -> Engine:
    """An engine with the settings all of the project relies on.

    Args:
        url: `sqlite:///…` or `postgresql+psycopg://…`.
        read_only: for looking on while others write: a transaction sees one moment throughout,
            changes nothing, and keeps nobody from writing.

    Returns:
        An engine whose transactions are serialised on SQLite (they begin IMMEDIATE) and durable:
        a commit that returned has reached the disk. Its errors do not carry what people sent.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            parsed,
            # The driver's own transaction handling is off; ours is BEGIN IMMEDIATE below.
            connect_args={"timeout": 30, "check_same_thread": False, "isolation_level": None},
            query_cache_size=1500,
            hide_parameters=True,
        )
        event.listen(engine, "connect", _prepare_reader if read_only else _prepare_sqlite)
        event.listen(engine, "begin", _begin_deferred if read_only else _begin_immediate)
        return engine
    one_moment = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    return create_engine(
        parsed,
        # What has gone away without a word is noticed within seconds.
        connect_args={
            "connect_timeout": 5,
            "keepalives_idle": 10,
            "keepalives_interval": 3,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,
        },
        pool_pre_ping=True,
        pool_size=32,
        query_cache_size=1500,
        hide_parameters=True,
        execution_options=one_moment if read_only else {},
    )


def is_away(error: BaseException) -> bool:
    """Whether the database cannot be used now, rather than that it was asked amiss."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


# Of SQLite: the file, or its index in shared memory, could not grow. Of PostgreSQL: disk_full.
_FULL_SQLITE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
_FULL_POSTGRESQL = "53100"


def is_full(error: BaseException) -> bool:
    """Whether the database cannot be written because its disk has no room left."""
    if not isinstance(error, DBAPIError):
        return False
    return (
        getattr(error.orig, "sqlite_errorcode", None) in _FULL_SQLITE
        or getattr(error.orig, "sqlstate", None) == _FULL_POSTGRESQL
    )


def _prepare_sqlite(connection: Any, record: Any) -> None:  # noqa: ARG001
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _prepare_reader(connection: Any, record: Any) -> None:  # noqa: ARG001
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN DEFERRED")


class _OfThread(threading.local):
    """What each thread has for itself: a worker keeps its connection from one to the next."""

    is_worker = False
    connection: Connection | None = None
    used_at = 0.0


class Database:
    """Runs transactions. Everything that reads or writes goes through one of these."""

    def __init__(self, engine: Engine, *, threads: int = 4) -> None:
        """Make the worker threads.

        Args:
            engine: from `create`.
            threads: transactions at once; SQLite always gets one.
        """
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.threads = 1 if self.is_sqlite else threads
        self._of_thread = _OfThread()
        self._kept: set[Connection] = set()
        self._workers = ThreadPoolExecutor(
            self.threads,
            thread_name_prefix="transaction",
            initializer=lambda: setattr(self._of_thread, "is_worker", True),
        )
        # The only process on SQLite; on PostgreSQL the database keeps this lock for all of them.
        self._shelves = asyncio.Lock()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose work is committed at the end of the block, or not at all."""
        connection = self._connection()
        try:
            with Session(connection, expire_on_commit=False) as session:
                yield session
                session.commit()
        except BaseException:
            # Whatever state it is in, the pool sees to it.
            connection.close()
            raise
        self._put_back(connection)

    def _connection(self) -> Connection:
        mine = self._of_thread
        connection, mine.connection = mine.connection, None
        if connection is None:
            return self.engine.connect()
        self._kept.discard(connection)
        if time.monotonic() - mine.used_at > REST_S:
            # It may have gone away meanwhile; the pool gives out none that has.
            connection.close()
            return self.engine.connect()
        return connection

    def _put_back(self, connection: Connection) -> None:
        mine = self._of_thread
        if not mine.is_worker or mine.connection is not None:
            connection.close()
            return
        # To the pool and back costs as much as several statements, on PostgreSQL a ping, too.
        mine.connection, mine.used_at = connection, time.monotonic()
        self._kept.add(connection)

    def run_here(self, work: Callable[[Session], Result]) -> Result:
        """Do some work as one transaction, in this thread."""
        with self.transaction() as session:
            return work(session)

    async def run(self, work: Callable[[Session], Result]) -> Result:
        """Do some work as one transaction, in a worker thread.

        Args:
            work: gets the session; must not wait for anything but the database.

        Returns:
            What the work returned, after the commit.
        """
        return await self.in_thread(self.run_here, work)

    async def in_thread(self, call: Callable[..., Result], *args: Any) -> Result:
        """Call something in a worker thread, where it may open transactions."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, call, *args)

    @asynccontextmanager
    async def shelves(self, *, shared: bool = False) -> AsyncIterator[None]:
        """Hold the photo store for the length of an `async with` block.

        Nobody, in no process, may delete a file while somebody is about to write down that it is
        there: who deletes holds it alone, those who put hold it together.

        Args:
            shared: others may hold it at the same time, as long as none holds it alone.
        """
        if self.is_sqlite:
            async with self._shelves:
                yield
            return
        holding = advisory.held(self.engine, advisory.SHELVING, shared=shared)
        await asyncio.to_thread(holding.__enter__)
        try:
            yield
        finally:
            await asyncio.to_thread(holding.__exit__, None, None, None)

    def close(self) -> None:
        """End the threads after what they are doing, then the connections."""
        self._workers.shutdown(wait=True)
        for connection in self._kept:
            connection.close()
        self.engine.dispose()
