"""Processes of a benchmark: each on its core, bounded in time, gone at the end whatever happens."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.riders import Measured

# Nothing here takes longer than this, in seconds; whatever does is killed, and the run has failed.
LIMIT_S = 300.0
# How long a process may take to end in order.
FAREWELL_S = 10.0
# How long a bot may take until it can be reached.
START_S = 60.0
TOKEN = "7000000001:bench"
# How updates come: Telegram brings them (`sentinel serve`), or is asked (`sentinel run`).
FrontDoor = Literal["webhook", "polling"]
ROOT = Path(__file__).parents[1]


class BenchmarkFailed(Exception):  # noqa: N818 - ends the run with a sentence
    """A process of the benchmark did not do what it should."""


@dataclass(frozen=True)
class Cores:
    """Which cores each part of a run has.

    Attributes:
        bots: a process of the bot each.
        database: the database server.
        load: the Bot API server and the riders.
    """

    bots: tuple[Set[int], ...]
    database: Set[int]
    load: Set[int]

    @property
    def apart(self) -> bool:
        """No process of the bot has to share its core."""
        return self.load != self.bots[0]


def cores(processes: int = 1) -> Cores:
    """Share out the cores: one for each process of the bot, the others for what is around it.

    Args:
        processes: of the bot.

    Returns:
        Whose cores are which. Where no core is left for what is around the bot, everybody may run
        everywhere, and the operating system shares them out.
    """
    there = sorted(os.sched_getaffinity(0))
    if len(there) <= processes:
        return Cores((set(there),) * processes, set(there), set(there))
    rest = there[processes:]
    # The riders are one thread: they never use more than a core.
    return Cores(
        tuple({core} for core in there[:processes]), set(rest[:-1]) or set(rest), {rest[-1]}
    )


class Child:
    """A running process, and what it says on its standard output, a line of JSON each."""

    def __init__(self, process: subprocess.Popen[str], name: str, log: Path) -> None:
        self.pid = process.pid
        self._process = process
        self._name = name
        self._log = log

    def hear(self) -> dict[str, Any]:
        """The next line it says.

        Raises:
            BenchmarkFailed: it ended, or was killed for taking too long.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchmarkFailed(f"{self._name} ended too early\n{self.last_words()}")
        heard: dict[str, Any] = json.loads(line)
        if "surprise" in heard:
            raise BenchmarkFailed(heard["surprise"])
        return heard

    def tell(self, line: str) -> None:
        """Write a line to its standard input; that it has ended shows where it should answer."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def last_words(self) -> str:
        """The end of what it wrote into its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])

    def end(self) -> None:
        """Ask it to end; kill it if it does not."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(FAREWELL_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def kill(self) -> None:
        """End it at once, with whatever it started."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


@contextmanager
def child(
    name: str,
    arguments: Sequence[str],
    *,
    log: Path,
    cores: Set[int] | None = None,
    speaks: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Child]:
    """A Python process for the length of a `with` block.

    Args:
        name: what to call it when it fails.
        arguments: of the interpreter, e.g. `-m`, `bot`.
        log: file for what it writes, but for lines `hear` reads.
        cores: those it runs on; any if none.
        speaks: `hear` and `tell` are wanted.
        environment: beside what is inherited; settings of ours are never inherited.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SENTINEL_")}
    ours = os.sched_getaffinity(0)
    with log.open("a") as written:
        if cores is not None:
            # A child has its parent's cores from its first thread on.
            os.sched_setaffinity(0, cores)
        try:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=inherited | dict(environment or {}),
                stdin=subprocess.PIPE if speaks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if speaks else written,
                stderr=written,
                text=True,
                start_new_session=True,
            )
        finally:
            os.sched_setaffinity(0, ours)
    running = Child(process, name, log)
    limit = threading.Timer(LIMIT_S, running.kill)
    limit.start()
    try:
        yield running
    finally:
        limit.cancel()
        running.end()
        running.kill()


def free_port() -> int:
    """A port of this machine nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_listening(process: Child, port: int) -> None:
    """Wait until a process takes connections: a webhook may be set before anybody listens there.

    Raises:
        BenchmarkFailed: it ended, or it still does not after `START_S`.
    """
    give_up = time.monotonic() + START_S
    while time.monotonic() < give_up and process.runs():
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise BenchmarkFailed(f"nobody listens on port {port}\n{process.last_words()}")


class Load:
    """A Bot API server with riders (`benchmarks.stub`), in a process of its own."""

    def __init__(self, process: Child) -> None:
        self._process = process
        self.api_url = f"http://127.0.0.1:{process.hear()['port']}"

    def await_bot(self) -> None:
        """Wait until a bot asks for updates, or has set its webhook."""
        self._process.hear()

    def spread(self, ports: Sequence[int]) -> None:
        """Deliver to these ports in turn, as a load balancer before several processes would."""
        self._process.tell(json.dumps({"ports": list(ports)}))

    def measure(
        self,
        reports: int,
        bots: Sequence[int],
        *,
        database: int | None = None,
        per_second: float | None = None,
    ) -> Measured:
        """Have reports made.

        Args:
            reports: how many.
            bots: process ids of the bot.
            database: process id of the database server, where there is one.
            per_second: updates a second, whatever the bot does; without it each rider goes on as
                soon as the bot has answered.

        Raises:
            BenchmarkFailed: the bot said something unexpected.
        """
        order = {
            "reports": reports,
            "bots": list(bots),
            "database": database,
            "per_second": per_second,
        }
        self._process.tell(json.dumps(order))
        return Measured(**self._process.hear())

    def give_pictures(self) -> None:
        """Let the bot have files, where it had to wait for them: it would wait while it ends."""
        self._process.tell(json.dumps({"pictures": True}))


@contextmanager
def load(*arguments: str, log: Path, cores: Set[int] | None = None) -> Iterator[Load]:
    """A Bot API server and its riders for the length of a `with` block."""
    with child(
        "the stub", ["-m", "benchmarks.stub", *arguments], log=log, cores=cores, speaks=True
    ) as process:
        yield Load(process)


@contextmanager
def sentinel(
    api_url: str,
    folder: Path,
    *,
    moderators: int,
    front_door: FrontDoor = "polling",
    port: int | None = None,
    database_url: str | None = None,
    cores: Set[int] | None = None,
    told: Mapping[str, str] | None = None,
) -> Iterator[Child]:
    """Our bot as an operator starts it, with the shipped configuration.

    Args:
        api_url: the Bot API server.
        folder: for its data and its log.
        moderators: id of the moderator chat.
        front_door: how updates come.
        port: where it listens, for the webhook.
        database_url: of its database; SQLite in its folder if none.
        cores: those it runs on.
        told: further settings, as environment variables.
    """
    environment = {
        "SENTINEL_TELEGRAM__TOKEN": TOKEN,
        "SENTINEL_TELEGRAM__API_URL": api_url,
        "SENTINEL_CHATS__MODERATORS": str(moderators),
        # All cards go to one group here; how fast the bot is would be told by its budget.
        "SENTINEL_TELEGRAM__GROUP_PER_MINUTE": "0",
        "SENTINEL_DATA_DIR": str(folder / "data"),
        **(told or {}),
    }
    if database_url is not None:
        environment["SENTINEL_DATABASE__URL"] = database_url
    if front_door == "webhook":
        environment |= {
            "SENTINEL_WEBHOOK__URL": f"http://127.0.0.1:{port}/hook",
            "SENTINEL_WEBHOOK__SECRET": "bench",
            "SENTINEL_WEBHOOK__LISTEN": f"127.0.0.1:{port}",
        }
    with child(
        "the bot",
        ["-m", "bot", "serve" if front_door == "webhook" else "run"],
        log=folder / ("bot.log" if port is None else f"bot-{port}.log"),
        cores=cores,
        environment=environment,
    ) as bot:
        yield bot
