"""Who is measured: ours on each database and at each front door, and the peers."""

from collections.abc import Iterator, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from benchmarks.databases import PostgreSQL
from benchmarks.processes import (
    BenchmarkFailed,
    Child,
    FrontDoor,
    Load,
    await_listening,
    child,
    cores,
    free_port,
    load,
    sentinel,
)
from benchmarks.riders import MODERATORS, Measured
from bot.database import create

RIDERS = 200


@dataclass(frozen=True)
class Ours:
    """Our bot.

    Attributes:
        key: what the row is called on the command line.
        name: what it is called in the table.
        database: `sqlite` or `postgresql`.
        front_door: how updates come.
        processes: how many of them.
        fetches: the bot is given the pictures while it is measured.
    """

    key: str
    name: str
    database: str
    front_door: FrontDoor = "webhook"
    processes: int = 1
    fetches: bool = False


@dataclass(frozen=True)
class Peer:
    """Somebody else's library doing the same, storing nothing.

    Attributes:
        key: what the row is called on the command line.
        name: what it is called in the table.
        module: what serves it: `python -m MODULE API_URL PORT`.
    """

    key: str
    name: str
    module: str
    processes: int = 1
    fetches: bool = False


Contender = Ours | Peer


class Course:
    """A contender that is running, and the riders before it."""

    def __init__(self, riders: Load, bots: list[Child], database_pid: int | None) -> None:
        self._riders = riders
        self._bots = bots
        self._database_pid = database_pid

    def measure(self, reports: int, per_second: float | None = None) -> Measured:
        """Have reports made, as `Load.measure` does.

        Raises:
            BenchmarkFailed: the bot did not do what it should.
        """
        try:
            return self._riders.measure(
                reports,
                [bot.pid for bot in self._bots],
                database=self._database_pid,
                per_second=per_second,
            )
        except BenchmarkFailed as failed:
            words = "\n".join(bot.last_words() for bot in self._bots)
            raise BenchmarkFailed(f"{failed}\n{words}") from failed


@contextmanager
def running(
    contender: Contender,
    folder: Path,
    *,
    server: PostgreSQL | None = None,
    database_url: str | None = None,
    series: int = 0,
) -> Iterator[Course]:
    """A contender at work for the length of a `with` block, each part of it on its cores.

    Args:
        contender: who.
        folder: for its data and the logs.
        server: where its database is, on PostgreSQL.
        database_url: of that database.
        series: another one for each run on the same database.

    Raises:
        BenchmarkFailed: it cannot be reached.
    """
    shares = cores(contender.processes)
    if server is not None:
        server.pin(shares.database)
        server.checkpoint()
    arguments = ["--riders", str(RIDERS), "--series", str(series)]
    arguments += ["--pictures", "fetched" if contender.fetches else "later"]
    with load(*arguments, log=folder / "stub.log", cores=shares.load) as riders, ExitStack() as end:
        bots = [
            end.enter_context(_process(contender, folder, riders.api_url, database_url, core))
            for core in shares.bots
        ]
        # Before the bots are told to end: one that waits for a file would go on waiting.
        end.callback(riders.give_pictures)
        riders.await_bot()
        ports = [port for _, port in bots if port is not None]
        for bot, port in bots:
            if port is not None:
                await_listening(bot, port)
        if len(ports) > 1:
            riders.spread(ports)
        yield Course(riders, [bot for bot, _ in bots], server.pid if server else None)


@contextmanager
def _process(
    contender: Contender, folder: Path, api_url: str, database_url: str | None, core: Set[int]
) -> Iterator[tuple[Child, int | None]]:
    if isinstance(contender, Peer):
        port = free_port()
        arguments = ["-m", contender.module, api_url, str(port)]
        with child(contender.name, arguments, log=folder / "peer.log", cores=core) as bot:
            yield bot, port
        return
    own_port = free_port() if contender.front_door == "webhook" else None
    with sentinel(
        api_url,
        folder,
        moderators=MODERATORS,
        front_door=contender.front_door,
        port=own_port,
        database_url=database_url,
        cores=core,
    ) as bot:
        yield bot, own_port


@contextmanager
def fresh_database(
    contender: Contender, folder: Path, server: PostgreSQL | None
) -> Iterator[str | None]:
    """An empty database of a contender's own for the length of a `with` block.

    Returns:
        Its address; None for who stores nothing.
    """
    match contender:
        case Ours(database="sqlite"):
            yield f"sqlite:///{folder / 'sentinel.db'}"
        case Ours():
            assert server is not None
            with server.database("run") as url:
                yield url
        case Peer():
            yield None


def require_reports(contender: Contender, database_url: str | None, count: int) -> None:
    """Look whether everything that was reported is stored, and everything to be said was said.

    Raises:
        BenchmarkFailed: it is not.
    """
    if database_url is None:
        return
    engine = create(database_url)
    with engine.connect() as connection:
        stored, waiting = connection.execute(_COUNTS).one()
    engine.dispose()
    if stored != count or waiting:
        raise BenchmarkFailed(
            f"{contender.name}: {stored} of {count} reports stored, {waiting} messages unsent"
        )


_COUNTS = text("SELECT (SELECT count(*) FROM report), (SELECT count(*) FROM outgoing)")
