"""`sentinel` as a real process, and people who act through the local chat's own door."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
# No test waits longer than this for anything, in seconds.
PATIENCE = 30.0


class Sentinel:
    """One running `sentinel run` or `serve`, with what it printed."""

    def __init__(
        self, data_dir: Path, port: int, *, command: str = "run", **environment: str
    ) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SENTINEL_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bot", command],
            cwd=ROOT,
            env=clean
            | {
                "SENTINEL_DATA_DIR": str(data_dir),
                "SENTINEL_LOCAL_CHAT__PORT": str(port),
                "PYTHONUNBUFFERED": "1",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._queue: Queue[str | None] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def wait_for_line(self, part: str) -> str:
        """The first line that holds some words."""
        while True:
            try:
                line = self._queue.get(timeout=PATIENCE)
            except Empty:
                raise AssertionError(f"no line with {part!r} in {self.lines}") from None
            if line is None:
                raise AssertionError(f"it ended without {part!r}: {self.lines}")
            self.lines.append(line)
            if part in line:
                return line

    def address(self) -> str:
        """Where the local chat is, once everything runs."""
        line = self.wait_for_line("http://127.0.0.1:")
        address = line[line.index("http://") :].split()[0]
        self.wait_for_line("Ctrl-C")
        return address

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self._close()

    def end(self, number: int = signal.SIGTERM) -> int:
        """As an operator would; the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self._close()
        return code

    def _close(self) -> None:
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        while (line := self._queue.get()) is not None:
            self.lines.append(line)


@contextmanager
def running(
    data_dir: Path, port: int, *, command: str = "run", **environment: str
) -> Iterator[Sentinel]:
    """A `sentinel run` or `serve` that is gone at the end, whatever happens."""
    sentinel = Sentinel(data_dir, port, command=command, **environment)
    try:
        yield sentinel
    finally:
        if sentinel.process.poll() is None:
            sentinel.kill()


class Person:
    """Somebody in the local chat, over HTTP."""

    def __init__(self, address: str, me: int) -> None:
        self._me = me
        self._client = httpx.Client(base_url=f"{address}/api/people/{me}", timeout=PATIENCE)
        self._address = address

    def __enter__(self) -> "Person":
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    def _chat(self, chat: int | None) -> str:
        return f"/chats/{self._bot() if chat is None else chat}"

    def _bot(self) -> int:
        return next(
            row["chat"]["id"]
            for row in self._client.get("/chats").raise_for_status().json()
            if row["chat"]["type"] == "private"
        )

    def messages(self, chat: int | None = None) -> list[dict[str, Any]]:
        """Everything in a chat (the bot's, if none is named), oldest first."""
        answer = self._client.get(f"{self._chat(chat)}/messages", params={"limit": 200})
        messages: list[dict[str, Any]] = answer.raise_for_status().json()
        return messages

    def say(self, **content: Any) -> None:
        """Say something that is no file."""
        self._client.post(f"{self._chat(None)}/messages", json=content).raise_for_status()

    def send_photo(self, data: bytes) -> None:
        """Send a photo."""
        self._client.post(
            f"{self._chat(None)}/messages",
            data={"kind": "photo"},
            files={"file": ("photo.jpg", data, "image/jpeg")},
        ).raise_for_status()

    def wait_for(
        self, part: str, chat: int | None = None, *, ready: Callable[[dict[str, Any]], bool] = bool
    ) -> dict[str, Any]:
        """The bot's newest message with some words; waits on the stream of events for it."""
        with self._client.stream("GET", "/events", params={"after": 0}) as events:
            for line in events.iter_lines():
                if not line.startswith("data:"):
                    continue
                for message in reversed(self.messages(chat)):
                    if part in words_of(message) and ready(message):
                        return message
        raise AssertionError(f"the stream ended without {part!r}")

    def press(self, message: dict[str, Any], label: str, chat: int | None = None) -> None:
        """Press the button with some words on it."""
        data = next(
            button["callback_data"]
            for row in message["reply_markup"]["inline_keyboard"]
            for button in row
            if label in button["text"]
        )
        self._client.post(
            f"{self._chat(chat)}/messages/{message['message_id']}/press", json={"data": data}
        ).raise_for_status()


def words_of(message: dict[str, Any]) -> str:
    """The text or caption of a message."""
    return message.get("text") or message.get("caption") or ""
