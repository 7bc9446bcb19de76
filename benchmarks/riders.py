"""Riders who report, in Telegram's own shapes: as fast as the bot answers, or at a given rate.

Each rider sends /report, a photo, a place and presses a category; the next update goes out when the
bot's answer to the one before has arrived in their chat. No HTTP here: see `benchmarks.stub`.
"""

import asyncio
import json
import random
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
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
# Seconds a rider takes for the next step where they do not hurry, on average.
THINKS_S = 0.3
# Runs on one database must not meet: update and message ids begin so far apart, and places.
IDS_A_SERIES, PLACES_A_SERIES = 10**8, 3000


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
        bot_cpu_s: processor time of the bot's processes meanwhile, in seconds.
        database_cpu_s: that of the database server's; 0 where there is none.
        load_cpu_s: that of the riders' and the stub's.
        waits_ms: from each update to its answer.
        card_waits_ms: from each press that submits a report to the call that sends its card.
    """

    updates: int
    seconds: float
    bot_cpu_s: float
    database_cpu_s: float
    load_cpu_s: float
    waits_ms: list[float]
    card_waits_ms: list[float]


class Crowd:
    """Riders at work, and what they have seen so far."""

    def __init__(
        self, send: Callable[[Rider, Json], None], *, riders: int, fetches: bool, series: int = 0
    ) -> None:
        """Nobody rides yet.

        Args:
            send: hands an update to the bot.
            riders: how many there are.
            fetches: a report is complete only once the bot has fetched its picture.
            series: another one for each crowd that meets the same database.
        """
        self._send = send
        self._fetches = fetches
        first = FIRST_RIDER + series * riders
        self._riders = {
            id_: Rider(id_, "zh-hans" if id_ % 2 else "en") for id_ in range(first, first + riders)
        }
        first_place = series * PLACES_A_SERIES
        self._places = islice(places(), first_place, first_place + PLACES_A_SERIES)
        self._dice = random.Random(13 + series)
        self._resting = deque(self._riders.values())
        self._hurry = True
        self._left = 0
        self._goal = 0
        self._seen = {"receipt": 0, "card": 0, "button": 0, "picture": 0}
        self._complete = asyncio.Event()
        self._waits: list[float] = []
        # By the number of a report: when it was submitted, and when its card was sent.
        self._submitted: dict[int, float] = {}
        self._carded: dict[int, float] = {}
        self._update_id = self._message_id = series * IDS_A_SERIES
        self.failure: Surprise | None = None

    async def report(
        self,
        count: int,
        *,
        bots: Sequence[int],
        database: int | None = None,
        per_second: float | None = None,
    ) -> Measured:
        """Make so many reports.

        Args:
            count: of them all together.
            bots: whose processor time is read.
            database: likewise, of the database server.
            per_second: updates a second: reports begin at random moments, so many of them, and
                riders think between two steps. Without it all riders hurry, one report after
                another.

        Raises:
            Surprise: the bot said something unexpected, or could not keep up.
        """
        self._left = count
        self._goal += count
        self._hurry = per_second is None
        self._waits.clear()
        self._submitted.clear()
        self._carded.clear()
        self._complete.clear()
        servers = [] if database is None else [database]
        before, load_before = (cpu_s(bots), cpu_s(servers)), time.process_time()
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            arriving = tasks.create_task(self._arrive(per_second))
            await self._complete.wait()
            seconds = time.perf_counter() - begun
            arriving.cancel()
        if self.failure is not None:
            raise self.failure
        return Measured(
            updates=count * STEPS,
            seconds=seconds,
            bot_cpu_s=cpu_s(bots) - before[0],
            database_cpu_s=cpu_s(servers) - before[1],
            load_cpu_s=time.process_time() - load_before,
            waits_ms=list(self._waits),
            card_waits_ms=[
                (self._carded[number] - submitted) * 1000
                for number, submitted in self._submitted.items()
                if number in self._carded
            ],
        )

    async def _arrive(self, per_second: float | None) -> None:
        due = time.perf_counter()
        while self._left > 0:
            if per_second is not None:
                due += self._dice.expovariate(per_second / STEPS)
                # Whatever the bot does meanwhile: a slow one meets as many as a fast one.
                await asyncio.sleep(due - time.perf_counter())
            elif not self._resting:
                return
            if not self._resting:
                self.fail(f"{len(self._riders)} riders wait for an answer: it does not keep up")
                return
            self._begin(self._resting.popleft())

    def message_id(self) -> int:
        """A new one."""
        self._message_id += 1
        return self._message_id

    def hear(self, message: Json, keyboard: Json | None) -> None:
        """The bot sent a message: to a rider, who goes on, or a card to the moderators."""
        chat_id = message["chat"]["id"]
        if chat_id < 0:
            # A desk's board shows no photo.
            if "photo" in message:
                self._carded[_number_of(message)] = time.perf_counter()
                self._count("card")
            return
        rider = self._riders.get(chat_id)
        if rider is None or rider.step is None:
            self.fail(f"{chat_id} was told something unasked: {message.get('text')!r}")
            return
        self._waits.append((time.perf_counter() - rider.sent_at) * 1000)
        rider.keyboard, rider.answer_id = keyboard, message["message_id"]
        rider.step += 1
        if rider.step == STEPS:
            rider.step = None
            self._submitted[_number_of(message)] = rider.sent_at
            self._count("receipt")
            self._resting.append(rider)
            if self._hurry and self._left > 0:
                self._begin(self._resting.popleft())
        elif self._hurry:
            self._go_on(rider)
        else:
            thinks_s = self._dice.expovariate(1 / THINKS_S)
            asyncio.get_running_loop().call_later(thinks_s, self._go_on, rider)

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
        place = next(self._places, None)
        if place is None:
            self.fail("no place is left that nobody has reported")
            return
        self._left -= 1
        rider.step, rider.place = 0, place
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


def _number_of(message: Json) -> int:
    """The number of the report a message is about; 0 where a peer gives none."""
    found = re.search(r"#(\d+)", message.get("caption") or message.get("text") or "")
    return int(found[1]) if found else 0


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


def cpu_s(pids: Sequence[int]) -> float:
    """Processor time of processes and of all they ever started, in seconds."""
    total = 0.0
    for pid in pids:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                # Its time has gone over to its parent.
                continue
            total += times.user + times.system + times.children_user + times.children_system
    return total
