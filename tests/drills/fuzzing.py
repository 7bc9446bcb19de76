"""The fuzz drill: whatever arrives, the bot takes it in, goes on, and does not grow.

Three kinds of updates are mixed: those of a crowd that uses the bot, those drawn from the schema of
the contract, and either of them spoiled. Each is applied as a front door would: again while it
failed, until it is settled. What the bot wants to say goes to a world that holds it to the
contract.
"""

import gc
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psutil
import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from structlog.exceptions import DropEvent

from bot import schedule
from bot.intake import Outcome
from bot.polling import _queue_of
from handlers import addition, timers
from handlers.conversation import ADDITION, REPORT
from localchat.world import World
from models import Chat, Conversation, Draft, FailedUpdate, LedgerEntry, Outgoing, Report, clock
from models.outgoing import OutgoingState
from services import chats
from services.drafts import Step
from tests.conversations.people import DESK
from tests.conversations.scene import Scene
from tests.drills.contract_updates import Draw, conforms, contract
from tests.drills.crowd import Crowd
from tests.drills.mutations import mutate

Json = dict[str, Any]
# Updates between two sendings, two sweeps, two worlds: what a world remembers is no leak of ours.
SEND_EVERY, SWEEP_EVERY, WORLD_EVERY = 40, 400, 4000
TRIES = 3
# What Telegram may answer to what we send to chats that fuzz has made up.
REFUSALS = (
    "chat not found", "bot was kicked", "not a member", "need administrator rights",
    "wrong file identifier",
)  # fmt: skip
# Events that tell of a bug wherever they are logged.
BUGS = frozenset(
    {
        "job_failed", "sending_failed", "outcome_not_settled", "errand_failed",
        "errand_not_put_back", "errand_given_up_in_silence", "update_dropped",
    }
)  # fmt: skip


@dataclass
class Complaints:
    """What went wrong, once for each place in the code it went wrong at."""

    seed: int
    found: dict[str, str] = field(default_factory=dict)

    def add(self, what: str, frames: str, update: Json) -> None:
        """Keep a complaint with all it takes to have it again."""
        text = json.dumps(update)
        if len(text) < len(self.found.get(f"{what} at {frames}", text + "x")):
            self.found[f"{what} at {frames}"] = text

    def check(self) -> None:
        """Fail if there is one."""
        lines = [f"{where}\n    {update[:3000]}" for where, update in self.found.items()]
        assert not lines, "\n".join([f"fuzz seed {self.seed}:", *lines])


class Logs:
    """Counts what is logged instead of writing it; remembers what tells of a bug."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.bugs: list[Mapping[str, Any]] = []

    def __call__(self, logger: object, method: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
        self.events[event["event"]] += 1
        # PTB calls whatever breaks on the way out a NetworkError; no network is broken here.
        broken = event["event"] == "not_sent" and event["error"] == "NetworkError"
        if (broken or event["event"] in BUGS) and len(self.bugs) < 5:
            self.bugs.append(dict(event))
        raise DropEvent


@contextmanager
def counting_logs() -> Iterator[Logs]:
    """Logs go to a counter within the block."""
    logs = Logs()
    # Changed in place: loggers keep the list they first saw.
    processors = structlog.get_config()["processors"]
    before = list(processors)
    processors[:] = [logs]
    try:
        yield logs
    finally:
        processors[:] = before


@dataclass(frozen=True, slots=True)
class Size:
    """How much memory is in use after so many updates: blocks of Python's, bytes of the process."""

    updates: int
    blocks: int
    rss: int


class Fuzz:
    """One run of the drill on a scene."""

    def __init__(self, scene: Scene, new_world: Callable[[], World], seed: int) -> None:
        self.scene = scene
        self.complaints = Complaints(seed)
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.sizes: list[Size] = []
        self.refused: Counter[str] = Counter()
        self.stood: set[tuple[str, str]] = set()
        self._new_world = new_world
        self._chance = random.Random(seed)
        self._draw = Draw(self._chance, arguments=_arguments(scene))
        self._crowd = Crowd(scene.world, self._chance)
        self._number = 0
        self._latest: Json = {"update_id": 0, "message": {}}

    async def run(self, count: int, logs: Logs) -> None:
        """Apply so many updates.

        Args:
            count: how many.
            logs: what is logged meanwhile.
        """
        marks = [count // 5, count * 3 // 5, count]
        while self._number < count:
            for source, update in self._next():
                await self._apply(source, update)
                clock.advance(timedelta(seconds=self._chance.randrange(20)))
                if self._number % SEND_EVERY == 0:
                    await self._send()
                if self._number % SWEEP_EVERY == 0:
                    await self._sweep()
                if self._number % WORLD_EVERY == 0:
                    self._enter(self._new_world())
                if marks and self._number >= marks[0]:
                    del marks[0]
                    await self._measure()
        await self._send()
        for bug in logs.bugs:
            self.complaints.add(bug["event"], str(bug.get("frames")), dict(bug))

    # --- what comes ---

    def _next(self) -> list[tuple[str, Json]]:
        chance = self._chance.random()
        if chance < 0.25:
            self._crowd.act()
            updates = self.scene.pending()
            for update in updates:
                self.scene.call("getUpdates", offset=update["update_id"] + 1, limit=1, timeout=0)
            found = [("lived", self._numbered(update)) for update in updates]
            if found and self._chance.random() < 0.3:
                found.append(("spoiled", mutate(self._numbered(found[0][1]), self._chance)))
            return found
        drawn = contract().update(self._draw, self._number + 1)
        if chance < 0.78:
            return [("drawn", self._numbered(drawn))]
        if chance < 0.98:
            return [("spoiled", mutate(self._numbered(drawn), self._chance))]
        return [("repeated", self._latest)]

    def _numbered(self, update: Json) -> Json:
        # Through JSON, as it would come; what is spoiled then shares nothing.
        self._number += 1
        copy: Json = json.loads(json.dumps(update))
        copy["update_id"] = self._number
        self._latest = copy
        return copy

    # --- what becomes of it ---

    async def _apply(self, source: str, update: Json) -> None:
        outcome = await self._settled(update)
        self.outcomes[source, str(outcome)] += 1
        if outcome is Outcome.SET_ASIDE and conforms(update):
            frames = self._frames(update)
            self.complaints.add("set aside", frames, await self._shrunk(update, frames))
        elif outcome is None:
            self.complaints.add("not settled", self._frames(update), update)

    async def _settled(self, update: Json) -> Outcome | None:
        try:
            _queue_of(update)
            for _ in range(TRIES):
                outcome = await self.scene.intake.apply(update)
                if outcome.settled:
                    return outcome
        except Exception as error:  # noqa: BLE001 - whatever escapes is what we are here for
            self.complaints.add(f"{type(error).__name__} escaped", str(error)[:200], update)
        return None

    def _frames(self, update: Json) -> str:
        row = self.scene.database.run_here(
            lambda session: session.get(FailedUpdate, update["update_id"])
        )
        return " ".join(row.error.splitlines()[-3:]) if row else "nowhere"

    async def _shrunk(self, update: Json, frames: str) -> Json:
        """The update without what does not matter to its failing at the same place."""
        for holder, key in list(_parts(update)):
            kept = holder.pop(key)
            tried = self._numbered(update)
            same = (
                conforms(tried)
                and await self._settled(tried) is Outcome.SET_ASIDE
                and self._frames(tried) == frames
            )
            if not same:
                holder[key] = kept
        return update

    # --- what follows ---

    async def _send(self) -> None:
        await self.scene.send()
        self.scene.request.calls.clear()
        for why in self.scene.world.broken:
            self.complaints.add("not a call", why[:300], {"why": why})
        self.scene.world.broken.clear()
        dead, states, reports, drafts = self.scene.database.run_here(
            lambda session: (
                session.execute(
                    select(Outgoing.method, Outgoing.error, Outgoing.payload).where(
                        Outgoing.state == OutgoingState.DEAD
                    )
                ).all(),
                session.execute(select(Conversation.name, Conversation.state).distinct()).all(),
                session.scalar(select(func.max(Report.id))) or 0,
                session.scalar(select(func.max(Draft.id))) or 0,
            )
        )
        self.stood |= {(name, state) for name, state in states}
        self._draw.newest = max(reports, drafts, 9)
        self._draw.said = max(room.next_id for room in self.scene.world._rooms.values())
        self._draw.now = int(clock.now().timestamp())
        if not dead:
            return
        for method, error, payload in dead:
            self.refused[error] += 1
            if not any(words in error.lower() for words in REFUSALS):
                self.complaints.add("not sendable", f"{method}: {error}", payload)
        self.scene.database.run_here(
            lambda session: session.execute(
                delete(Outgoing).where(Outgoing.state == OutgoingState.DEAD)
            )
        )

    async def _sweep(self) -> None:
        for part in (*schedule.SWEEP, timers.tidy):
            await self.scene.intake.say(part, origin="timer:sweep")
        await self.scene.run_errands()
        self.scene.database.run_here(_restore_desk)

    def _enter(self, world: World) -> None:
        # Nobody remembers any message of ours: edits find nothing, cards are sent anew.
        for number, room in self.scene.world._rooms.items():
            # No number of a message is given twice.
            world._rooms[number].next_id = room.next_id
        self.scene.world = self.scene.request.world = world
        self._crowd.world = world

    async def _measure(self) -> None:
        await self._send()
        self._enter(self._new_world())
        self.scene.answers.clear()
        gc.collect()
        rss = psutil.Process().memory_info().rss
        self.sizes.append(Size(self._number, sys.getallocatedblocks(), rss))

    # --- what must hold ---

    def check(self) -> None:
        """Everything went in, nothing of it did harm, and nothing piled up."""
        self.complaints.check()
        for source in ("lived", "drawn"):
            assert self.outcomes[source, "applied"] > 0, self.outcomes
            assert set(self.outcomes) & {(source, "set_aside"), (source, "None")} == set()
        assert self.outcomes["repeated", "applied"] == 0
        assert self.outcomes["spoiled", "set_aside"] > 0, "nothing was spoiled enough"
        total, reports = self.scene.database.run_here(
            lambda session: (
                session.scalar(select(func.sum(LedgerEntry.points))),
                session.scalar(select(func.count(Report.id))),
            )
        )
        assert reports, "nobody's report came through"
        assert not total

    def check_states(self) -> None:
        """Garbage met every conversation in every state."""
        waiting = {(ADDITION, addition.NOTE), (ADDITION, addition.PHOTO)}
        assert self.stood >= {(REPORT, step.value) for step in Step} | waiting, self.stood

    def check_memory(self, *, blocks_an_update: float, rss: int) -> None:
        """What is in use does not grow with the number of updates.

        Args:
            blocks_an_update: how many blocks of Python's memory may stay of an update on average;
                an update alone has dozens.
            rss: bytes by which the process may grow from 60 % of the way to its end.
        """
        warm, later, end = self.sizes
        grown = (end.blocks - warm.blocks) / (end.updates - warm.updates)
        assert grown < blocks_an_update, self.sizes
        assert end.rss - later.rss < rss, self.sizes


def _restore_desk(session: Session) -> None:
    # Fuzz moves the desk away and throws the bot out of it; somebody always mends that.
    desk = session.get_one(Chat, DESK)
    desk.purpose, desk.migrated_to, desk.bot_status = chats.MODERATORS, None, None


def _arguments(scene: Scene) -> tuple[str, ...]:
    policy = scene.house.policy
    return (
        *(category.code for category in policy.categories),
        *(reason.code for reason in policy.reject_reasons),
        "25.11800,118.90500",
    )


def _parts(value: Any) -> Iterator[tuple[Json, str]]:
    # The outermost first: most of an update goes at once.
    if isinstance(value, dict):
        for key in list(value):
            if key != "update_id":
                yield value, key
                if key in value:
                    yield from _parts(value[key])
    elif isinstance(value, list):
        for item in value:
            yield from _parts(item)
