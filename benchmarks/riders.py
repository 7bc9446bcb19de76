"""Riders who report as fast as the bot answers: a closed loop, in Telegram's own shapes.

Each rider sends /report, a photo, a place and presses a category; the next update goes out when the
bot's answer to the one before has arrived in their chat. No HTTP here: see `benchmarks.stub`.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from shapely import Point, prepare, union_all
from shapely.geometry import shape

Json = dict[str, Any]

DISTRICTS = Path(__file__).parents[1] / "districts" / "quangang.geojson"
MODERATORS = -1001000000001
BOT: Json = {"id": 7000000001, "is_bot": True, "first_name": "Bench", "username": "bench_bot"}
STEPS = 4
# Degrees between two places, some 110 m: no report is near enough to another to be asked about it.
APART = 0.0011
FIRST_RIDER = 100_001


class Surprise(Exception):  # noqa: N818 - ends the benchmark with a sentence
    """The bot said something a rider cannot go on from."""


@dataclass
class Rider:
    """Somebody in the middle of a report; `step` is None between two."""

    id: int
    language: str
    step: int | None = None
    place: tuple[float, float] = (0.0, 0.0)
    keyboard: Json | None = None
    answer_id: int = 0
    sent_at: float = 0.0
    # Telegram hands over one update of a chat at a time.
    lane: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def user(self) -> Json:
        """As Telegram tells of them."""
        return {
            "id": self.id,
            "is_bot": False,
            "first_name": f"Rider {self.id}",
            "language_code": self.language,
        }

    @property
    def chat(self) -> Json:
        """Their private chat with the bot."""
        return {"id": self.id, "type": "private", "first_name": f"Rider {self.id}"}


@dataclass(frozen=True)
class Measured:
    """What a crowd saw of the bot.

    Attributes:
        updates: how many were sent.
        seconds: from the first update to the last call of the bot that belongs to them.
        bot_cpu_s: processor time of the bot's process meanwhile, in seconds.
        load_cpu_s: that of the riders' and the stub's.
        waits_ms: from each update to its answer.
    """

    updates: int
    seconds: float
    bot_cpu_s: float
    load_cpu_s: float
    waits_ms: list[float]


class Crowd:
    """Riders at work, and what they have seen so far."""

    def __init__(self, send: Callable[[Rider, Json], None], *, riders: int, fetches: bool) -> None:
        """Nobody rides yet.

        Args:
            send: hands an update to the bot.
            riders: how many at once.
            fetches: a report is complete only once the bot has fetched its picture.
        """
        self._send = send
        self._fetches = fetches
        self._riders = {
            id_: Rider(id_, "zh-hans" if id_ % 2 else "en")
            for id_ in range(FIRST_RIDER, FIRST_RIDER + riders)
        }
        self._places = places()
        self._left = 0
        self._goal = 0
        self._seen = {"receipt": 0, "card": 0, "button": 0, "picture": 0}
        self._complete = asyncio.Event()
        self._waits: list[float] = []
        self._update_id = 0
        self._message_id = 0
        self.failure: Surprise | None = None

    async def report(self, count: int, bot_pid: int) -> Measured:
        """Make so many reports.

        Args:
            count: of them all together.
            bot_pid: whose processor time is read.

        Raises:
            Surprise: the bot said something unexpected.
        """
        self._left = count
        self._goal += count
        self._waits.clear()
        self._complete.clear()
        process = psutil.Process(bot_pid)
        bot_before, load_before, begun = _cpu_s(process), time.process_time(), time.perf_counter()
        for rider in self._riders.values():
            self._begin(rider)
        await self._complete.wait()
        seconds = time.perf_counter() - begun
        if self.failure is not None:
            raise self.failure
        return Measured(
            updates=count * STEPS,
            seconds=seconds,
            bot_cpu_s=_cpu_s(process) - bot_before,
            load_cpu_s=time.process_time() - load_before,
            waits_ms=list(self._waits),
        )

    def message_id(self) -> int:
        """A new one."""
        self._message_id += 1
        return self._message_id

    def hear(self, message: Json, keyboard: Json | None) -> None:
        """The bot sent a message: to a rider, who goes on, or a card to the moderators."""
        chat_id = message["chat"]["id"]
        if chat_id == MODERATORS:
            self._count("card")
            return
        rider = self._riders.get(chat_id)
        if rider is None or rider.step is None:
            self.fail(f"{chat_id} was told something unasked: {message.get('text')!r}")
            return
        self._waits.append((time.perf_counter() - rider.sent_at) * 1000)
        rider.keyboard, rider.answer_id = keyboard, message["message_id"]
        rider.step += 1
        if rider.step < STEPS:
            self._go_on(rider)
            return
        rider.step = None
        self._count("receipt")
        self._begin(rider)

    def button_answered(self) -> None:
        """The bot answered a button press."""
        self._count("button")

    def picture_fetched(self) -> None:
        """The bot downloaded a picture."""
        self._count("picture")

    def fail(self, why: str) -> None:
        """End the benchmark: what would be measured is not what is claimed."""
        self.failure = self.failure or Surprise(why)
        self._complete.set()

    def _count(self, what: str) -> None:
        self._seen[what] += 1
        wanted = set(self._seen) - (set() if self._fetches else {"picture"})
        if all(self._seen[kind] >= self._goal for kind in wanted):
            self._complete.set()

    def _begin(self, rider: Rider) -> None:
        if self._left == 0:
            return
        self._left -= 1
        rider.step, rider.place = 0, next(self._places)
        self._go_on(rider)

    def _go_on(self, rider: Rider) -> None:
        self._update_id += 1
        rider.sent_at = time.perf_counter()
        try:
            content = self._press(rider) if rider.step == 3 else self._message(rider)
        except (KeyError, IndexError, TypeError):
            self.fail(f"no category to press: {json.dumps(rider.keyboard, ensure_ascii=False)}")
            return
        self._send(rider, {"update_id": self._update_id, **content})

    def _message(self, rider: Rider) -> Json:
        message: Json = {
            "message_id": self.message_id(),
            "date": int(time.time()),
            "chat": rider.chat,
            "from": rider.user,
        }
        match rider.step:
            case 0:
                message["text"] = "/report"
                message["entities"] = [{"type": "bot_command", "offset": 0, "length": 7}]
            case 1:
                message["photo"] = sizes(f"photo-{self._update_id}")
            case 2:
                latitude, longitude = rider.place
                message["location"] = {"latitude": latitude, "longitude": longitude}
        return {"message": message}

    def _press(self, rider: Rider) -> Json:
        assert rider.keyboard is not None
        first_row = rider.keyboard["inline_keyboard"][0]
        return {
            "callback_query": {
                "id": str(self._update_id),
                "from": rider.user,
                "message": {
                    "message_id": rider.answer_id,
                    "date": int(time.time()),
                    "chat": rider.chat,
                    "from": BOT,
                    "text": "?",
                    "reply_markup": rider.keyboard,
                },
                "chat_instance": str(rider.id),
                "data": first_row[self._update_id % len(first_row)]["callback_data"],
            }
        }


def places() -> Iterator[tuple[float, float]]:
    """Places all over the districts that are shipped, each some 110 m from any other."""
    features = json.loads(DISTRICTS.read_text(encoding="utf-8"))["features"]
    area = union_all([shape(feature["geometry"]) for feature in features]).buffer(-APART)
    prepare(area)
    west, south, east, north = area.bounds
    grid = [
        (south + row * APART, west + column * APART)
        for row in range(int((north - south) / APART))
        for column in range(int((east - west) / APART))
    ]
    random.Random(7).shuffle(grid)
    return ((lat, lon) for lat, lon in grid if area.contains(Point(lon, lat)))


def sizes(file_id: str) -> list[Json]:
    """A photo as Telegram tells of one: the same in three sizes."""
    return [
        {
            "file_id": f"{file_id}-{width}",
            "file_unique_id": f"u-{file_id}-{width}",
            "width": width,
            "height": height,
            "file_size": width * 120,
        }
        for width, height in ((90, 67), (320, 240), (1280, 960))
    ]


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
