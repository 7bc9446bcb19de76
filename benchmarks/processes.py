"""Processes of a benchmark: each on its core, bounded in time, gone at the end whatever happens."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Nothing here takes longer than this, in seconds; whatever does is killed, and the run has failed.
LIMIT_S = 300.0
# How long a process may take to end in order.
FAREWELL_S = 10.0
ROOT = Path(__file__).parents[1]


class BenchmarkFailed(Exception):  # noqa: N818 - ends the run with a sentence
    """A process of the benchmark did not do what it should."""


def cores() -> tuple[int, int]:
    """Two cores: one for the bot, one for its riders.

    Returns:
        The first and the last there are; the same one twice on a machine with a single core.
    """
    there = sorted(os.sched_getaffinity(0))
    return there[0], there[-1]


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
        """Write a line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def last_words(self) -> str:
        """The end of what it wrote into its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])

    def end(self) -> None:
        """Ask it to end; kill it if it does not."""
        if self._process.stdin is not None:
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
    core: int | None = None,
    speaks: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Child]:
    """A Python process for the length of a `with` block.

    Args:
        name: what to call it when it fails.
        arguments: of the interpreter, e.g. `-m`, `bot`.
        log: file for what it writes, but for lines `hear` reads.
        core: the one it runs on; any if none.
        speaks: `hear` and `tell` are wanted.
        environment: beside what is inherited; settings of ours are never inherited.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SENTINEL_")}
    ours = os.sched_getaffinity(0)
    with log.open("a") as written:
        if core is not None:
            # A child has its parent's cores from its first thread on.
            os.sched_setaffinity(0, {core})
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


@contextmanager
def stub(*arguments: str, log: Path, core: int | None = None) -> Iterator[tuple[Child, str]]:
    """A Bot API server with riders (`benchmarks.stub`), and its address."""
    with child(
        "the stub", ["-m", "benchmarks.stub", *arguments], log=log, core=core, speaks=True
    ) as server:
        yield server, f"http://127.0.0.1:{server.hear()['port']}"


@contextmanager
def sentinel(
    api_url: str, folder: Path, *, moderators: int, core: int | None = None
) -> Iterator[Child]:
    """Our bot as an operator starts it, `sentinel run` with the shipped configuration.

    Args:
        api_url: the Bot API server.
        folder: for its data and its log.
        moderators: id of the moderator chat.
        core: the one it runs on.
    """
    environment = {
        "SENTINEL_TELEGRAM__TOKEN": "7000000001:bench",
        "SENTINEL_TELEGRAM__API_URL": api_url,
        "SENTINEL_CHATS__MODERATORS": str(moderators),
        "SENTINEL_DATA_DIR": str(folder / "data"),
    }
    with child(
        "the bot",
        ["-m", "bot", "run"],
        log=folder / "bot.log",
        core=core,
        environment=environment,
    ) as bot:
        yield bot
