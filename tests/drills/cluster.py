"""Bots as real processes that are killed and started again, and the one address before them."""

import asyncio
import contextlib
import os
import random
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from localchat import seed
from localchat.waiting import bell
from tests.drills.rides import Watched

ROOT = Path(__file__).parents[2]
# So long a start, or an end, may take, in seconds.
PATIENCE = 60.0
# What each front door says once it is open.
LISTENING = "is listening"
_EVENT = re.compile(rb'"event": "(\w+)"')
# So long a bot may take for some updates, in seconds.
TAKING_IN_S = 0.05
# How much of each log is shown when a drill fails, in lines.
SHOWN = 60


def free_port() -> int:
    """A port of this machine nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def environment(address: str, data_dir: Path, **more: str) -> dict[str, str]:
    """What a bot of a drill is told.

    Args:
        address: of the local chat.
        data_dir: where its files lie.
        more: further settings.
    """
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SENTINEL_")}
    return clean | {
        "PYTHONUNBUFFERED": "1",
        "SENTINEL_TELEGRAM__TOKEN": seed.TOKEN,
        "SENTINEL_TELEGRAM__API_URL": address,
        "SENTINEL_DATA_DIR": str(data_dir),
        "SENTINEL_CHATS__MODERATORS": str(seed.MODERATORS_CHAT_ID),
        "SENTINEL_CHATS__ADMINS": f"[{seed.LIN}]",
        "SENTINEL_LANGUAGES__DEFAULT": "en",
        "SENTINEL_LANGUAGES__MODERATORS": "en",
        # Five reviewers do here in a minute what else takes them a day.
        "SENTINEL_LIMITS__BURST": "1000",
        "SENTINEL_LIMITS__UPDATES_PER_MINUTE": "6000",
        # The local chat counts nothing, unless it is told to.
        "SENTINEL_TELEGRAM__GROUP_PER_MINUTE": "0",
        # One tap decides, or the ends of a ride could not be told before it.
        "SENTINEL_REVIEW__SECOND_EYES__FROM_REVIEWERS": "0",
        # What a report earns does not depend on which was approved first.
        "SENTINEL_POINTS__FADING": "[1.0]",
        "SENTINEL_POINTS__PER_DAY": "0",
        "SENTINEL_POINTS__MONTHLY_BUDGET": "0",
        "SENTINEL_LOGS__FORMAT": "json",
        **more,
    }


class Bot:
    """One `sentinel run` or `sentinel serve`, through all its lives; their logs are one file."""

    def __init__(self, command: str, told: dict[str, str], log: Path) -> None:
        """Nothing is started yet.

        Args:
            command: `run` or `serve`.
            told: its environment.
            log: the file its output goes to.
        """
        self.command = command
        self.log = log
        self.ready = asyncio.Event()
        # When it was killed, in seconds of the monotonic clock.
        self.cuts: list[float] = []
        self._told = told
        self._events: set[str] = set()
        self._news = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._ending = False

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Begin a life; `ready` says when it listens.

        Args:
            group: fails with an AssertionError if the process ends without being told to.
        """
        self._ending = False
        self.ready.clear()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            self.command,
            cwd=ROOT,
            env=self._told,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._reading = group.create_task(self._read(self._process))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with self.log.open("ab", buffering=0) as log:
            async for line in process.stdout:
                log.write(line)
                if LISTENING.encode() in line:
                    self.ready.set()
                elif match := _EVENT.search(line):
                    self._events.add(match[1].decode())
                    self._news.set()
        code = await process.wait()
        if not self._ending:
            raise AssertionError(f"{self.log.name}: it ended by itself, with code {code}")

    async def kill(self) -> None:
        """As a power cut would."""
        assert self._process is not None
        self._ending = True
        self.ready.clear()
        self.cuts.append(time.monotonic())
        self._process.kill()
        await self._gone()

    async def end(self) -> int:
        """As an operator would; the exit code."""
        assert self._process is not None
        self._ending = True
        self.ready.clear()
        self._process.send_signal(signal.SIGTERM)
        await self._gone()
        code = self._process.returncode
        assert code is not None
        return code

    async def _gone(self) -> None:
        assert self._reading is not None
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait({self._reading})

    @property
    def lives(self) -> bool:
        """Whether there is a process, and nobody has ended it."""
        return self._process is not None and not self._ending

    async def heard(self, event: str) -> None:
        """Wait until it has logged an event, in any of its lives, since it was told to forget.

        Raises:
            TimeoutError: it does not.
        """
        async with asyncio.timeout(PATIENCE):
            while event not in self._events:
                self._news.clear()
                await self._news.wait()

    def forget(self) -> None:
        """What it has logged so far is not heard any more."""
        self._events.clear()

    def leave(self) -> None:
        """Whatever happens, no process stays behind."""
        self._ending = True
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def tail(self) -> str:
        """The last lines of its log."""
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-SHOWN:])


@asynccontextmanager
async def running(*bots: Bot) -> AsyncIterator[asyncio.TaskGroup]:
    """Bots that listen; none is left at the end, and if the block fails their logs are shown.

    Args:
        bots: not started yet.

    Yields:
        The group they live in, for starting them again.
    """
    try:
        async with asyncio.TaskGroup() as group:
            try:
                for bot in bots:
                    await bot.start(group)
                async with asyncio.timeout(PATIENCE):
                    for bot in bots:
                        await bot.ready.wait()
                yield group
            finally:
                for bot in bots:
                    bot.leave()
    except BaseException:
        for bot in bots:
            print(f"--- {bot.log} ---\n{bot.tail()}")
        raise


@dataclass(frozen=True, slots=True)
class House:
    """A way to run the bot: one process that asks, on SQLite, or several behind a webhook.

    Attributes:
        url: of the database.
        folder: where photos and logs go.
        processes: how many serve the webhook; 0 is one that asks for updates.
    """

    url: str
    folder: Path
    processes: int

    @asynccontextmanager
    async def open(self, address: str, **more: str) -> AsyncIterator["Running"]:
        """Run it while the block does; all processes listen when it begins.

        Args:
            address: of the local chat.
            more: further settings.
        """
        told = environment(address, self.folder / "data", SENTINEL_DATABASE__URL=self.url, **more)
        if not self.processes:
            bot = Bot("run", told, self.folder / "bot.log")
            async with running(bot) as group:
                yield Running([bot], group)
            return
        ports = [free_port() for _ in range(self.processes)]
        async with Forwarder(ports).open() as port:
            told["SENTINEL_WEBHOOK__URL"] = f"http://127.0.0.1:{port}/telegram"
            told["SENTINEL_WEBHOOK__SECRET"] = "drill"
            bots = [
                Bot(
                    "serve",
                    {**told, "SENTINEL_WEBHOOK__LISTEN": f"127.0.0.1:{own}"},
                    self.folder / f"bot{number}.log",
                )
                for number, own in enumerate(ports, start=1)
            ]
            async with running(*bots) as group:
                yield Running(bots, group)


@dataclass(frozen=True, slots=True)
class Running:
    """The processes of a house.

    Attributes:
        bots: all of them.
        group: the one they live in, for starting them again.
    """

    bots: list[Bot]
    group: asyncio.TaskGroup

    @property
    def cuts(self) -> list[float]:
        """When one of them was killed, in seconds of the monotonic clock."""
        return [cut for bot in self.bots for cut in bot.cuts]

    async def start(self) -> None:
        """Start those that were ended or killed, and wait until all listen."""
        for bot in self.bots:
            if not bot.lives:
                await bot.start(self.group)
        async with asyncio.timeout(PATIENCE):
            for bot in self.bots:
                await bot.ready.wait()

    async def end(self) -> list[int]:
        """End all of them at once, as an operator would; their exit codes."""
        return await asyncio.gather(*(bot.end() for bot in self.bots))

    def complaints(self, *expected: str) -> list[str]:
        """What they logged as errors, and anything that is no log, e.g. a traceback.

        Args:
            expected: events that belong to the drill.
        """
        return [
            line
            for bot in self.bots
            for line in bot.log.read_text("utf-8").splitlines()
            if ('"level": "error"' in line or "Traceback" in line)
            and not any(f'"event": "{event}"' in line for event in expected)
        ]


@asynccontextmanager
async def power_cuts(
    house: Running, world: Watched, chance: random.Random, *, apart: tuple[int, int] = (20, 160)
) -> AsyncIterator[None]:
    """While the block runs, every second or so kill one of the bots and start it again.

    Not before the bots have said something meanwhile: on a slow machine a second is soon over. Half
    of them are killed right after something they said, when they can hardly know yet that it
    arrived; the other half while they take something in, mostly before they can acknowledge it.

    Args:
        house: the bots; all listen when it is over.
        world: where they speak.
        chance: decides whom it strikes, and when.
        apart: how many calls lie between two cuts, at least and at most.
    """
    over = asyncio.Event()
    cutting = house.group.create_task(_cut_power(house, world, chance, apart, over))
    yield
    over.set()
    world.ring()
    await asyncio.wait({cutting})
    await house.start()


async def _cut_power(
    house: Running,
    world: Watched,
    chance: random.Random,
    apart: tuple[int, int],
    over: asyncio.Event,
) -> None:
    async with bell(world) as news:
        while not over.is_set():
            enough = len(world.calls) + chance.randint(*apart)
            await asyncio.sleep(chance.uniform(0.7, 1.3))
            while len(world.calls) < enough and not over.is_set():
                await news.wait()
            if chance.random() < 0.5:
                while not world.pending_updates and not over.is_set():
                    await news.wait()
                await asyncio.sleep(chance.uniform(0.0, TAKING_IN_S))
            living = [bot for bot in house.bots if bot.ready.is_set()]
            if living and not over.is_set():
                bot = chance.choice(living)
                await bot.kill()
                await bot.start(house.group)


_BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Forwarder:
    """What stands before several bots: takes turns, tries the next where nobody listens, else 502.

    One request a connection, to both sides. What was handed over and not answered is a 502 as well:
    nobody may hand it over a second time, whoever sent it decides that.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = list(ports)
        self._turn = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """Listen; gives the port."""
        async with asyncio.TaskGroup() as group:
            serving: set[asyncio.Task[None]] = set()

            def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = group.create_task(self._serve(reader, writer))
                serving.add(task)
                task.add_done_callback(serving.discard)

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            try:
                async with server:
                    yield server.sockets[0].getsockname()[1]
            finally:
                for task in serving:
                    task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.split(b"\r\n")[:-2]
            length = next(
                (int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), 0
            )
            request = b"\r\n".join([*lines, b"Connection: close", b"", b""])
            answer = await self._forward(request + await reader.readexactly(length))
            writer.write(answer or _BAD_GATEWAY)
            await writer.drain()

    async def _forward(self, request: bytes) -> bytes | None:
        self._turn += 1
        for step in range(len(self._ports)):
            port = self._ports[(self._turn + step) % len(self._ports)]
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
            with contextlib.closing(writer), contextlib.suppress(OSError):
                writer.write(request)
                await writer.drain()
                return await reader.read() or None
            return None
        return None
