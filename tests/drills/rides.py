"""A crowd of scripted people in a served world: riders who report, reviewers who decide.

They act through the world and go by what they are shown, as people do. Nobody says or presses a
thing twice because the bot is slow: whatever it did not take in, Telegram brings again. So whoever
waits here for good was left without an answer, and `Crowd.run` says who.
"""

import asyncio
import io
import random
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from PIL import Image

from localchat import seed
from localchat.faults import Faults, Kind
from localchat.waiting import bell
from localchat.world import World
from models.policy import Policy
from models.workflow import State
from services.districts import Districts

Message = dict[str, Any]
Found = TypeVar("Found")

DESK = seed.MODERATORS_CHAT_ID
REVIEWERS = (seed.LIN, seed.CHEN, 3003, 3004, 3005)
FIRST_RIDER = 20_001
# Nobody waits longer than this for something to happen, in seconds.
PATIENCE = 90.0
# Degrees between the places of two reports: some 220 m, so that none is "the same one" as another.
APART = 0.002
WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Ride:
    """One report that will be made, and what will become of it.

    Attributes:
        key: what the rider writes under the photo; no other ride has it.
        rider: who.
        place: latitude and longitude.
        category: its code.
        button: what stands on the category's button.
        pictures: how many; several come as an album, and go before the card as one.
        as_file: the picture is sent as a file, so its card has to wait until it was fetched.
        fate: `1` to `3` for the stars, the code of a reason to reject, or `withdrawn`.
        label: what stands on the button the reviewers press for it.
        reviewers: who decide; two do it at the same moment.
    """

    key: str
    rider: int
    place: tuple[float, float]
    category: str
    button: str
    pictures: int
    as_file: bool
    fate: str
    label: str
    reviewers: tuple[int, ...]

    @property
    def state(self) -> State:
        """Where the report will stand in the end."""
        if self.fate == WITHDRAWN:
            return State.WITHDRAWN
        return State.APPROVED if self.fate.isdecimal() else State.REJECTED


def plan(chance: random.Random, *, riders: int, policy: Policy, districts: Districts) -> list[Ride]:
    """Who is going to report what.

    Args:
        chance: decides; the same seed plans the same rides.
        riders: how many people; every fifth rides twice.
        policy: categories, reasons.
        districts: where there is something to report.

    Returns:
        The rides, a rider's own in the order they are made.
    """
    people = range(FIRST_RIDER, FIRST_RIDER + riders)
    wanted = [(who, turn) for who in people for turn in "ab"[: 1 + (who % 5 == 0)]]
    places = chance.sample(list(_places(districts)), len(wanted))
    reasons = {reason.code: reason.button.en for reason in policy.reject_reasons}
    rides = []
    for (who, turn), place in zip(wanted, places, strict=True):
        category = chance.choice(policy.categories)
        fate = chance.choice(["1", "2", "3", "1", "2", *reasons, WITHDRAWN])
        # A rider who takes a report back at once may do so before the card of a file is dealt.
        as_file = fate != WITHDRAWN and chance.random() < 0.15
        rides.append(
            Ride(
                key=f"Ride {who}{turn}",
                rider=who,
                place=place,
                category=category.code,
                button=f"{category.emoji} {category.name.en}",
                pictures=1 if as_file else chance.choice((1, 1, 1, 1, 2)),
                as_file=as_file,
                fate=fate,
                label=f"Approve {'★' * int(fate)}" if fate.isdecimal() else reasons.get(fate, ""),
                reviewers=tuple(chance.sample(REVIEWERS, 1 + (chance.random() < 0.1))),
            )
        )
    return rides


def _places(districts: Districts) -> Iterator[tuple[float, float]]:
    for north in range(100):
        for east in range(100):
            place = (round(25.05 + north * APART, 4), round(118.80 + east * APART, 4))
            if districts.locate(*place) is not None:
                yield place


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the bot's that took effect.

    Attributes:
        at: when, in seconds of the monotonic clock.
        method: which.
        chat_id: in which chat; 0 for those that concern none.
        message_id: the message that was sent or changed; 0 if none was.
        words: the text or caption it was given.
        lost: the answer never reached the bot.
    """

    at: float
    method: str
    chat_id: int
    message_id: int
    words: str
    lost: bool


class LossyFaults(Faults):
    """Faults that tell whose answer is going to be lost, and lose some by a rule."""

    def __init__(self, losing: Callable[[str, int], None]) -> None:
        super().__init__()
        self._losing = losing
        self._every: dict[int, tuple[int, int]] = {}

    def lose_every(self, nth: int, chat_id: int) -> None:
        """Lose the answer to every so manieth call for a chat, from now on."""
        self._every[chat_id] = (nth, 0)

    def take_transport(self, method: str, params: Mapping[str, Any]) -> Kind | None:
        chat_id = int(params.get("chat_id", 0))
        kind = super().take_transport(method, params) or self._by_rule(chat_id)
        if kind == "drop_after":
            self._losing(method, chat_id)
        return kind

    def _by_rule(self, chat_id: int) -> Kind | None:
        if chat_id not in self._every:
            return None
        nth, count = self._every[chat_id]
        self._every[chat_id] = (nth, count + 1)
        return "drop_after" if (count + 1) % nth == 0 else None


class Watched(World):
    """A world that remembers what the bot did in it, and when."""

    def __init__(self, **more: Any) -> None:
        super().__init__(token=seed.TOKEN, bot=seed.BOT, **more)
        self.calls: list[Call] = []
        # Calls that take effect although their answers will not arrive.
        self._losing: set[tuple[str, int]] = set()
        self.faults = LossyFaults(lambda method, chat_id: self._losing.add((method, chat_id)))
        seed.seed(self)
        others = [who for who in REVIEWERS if who not in self.people]
        for who in others:
            self.add_person({"id": who, "first_name": f"Reviewer {who}", "language_code": "en"})
        self.add_member(seed.LIN, DESK, *others)
        # Who is to read alarms has to have spoken to the bot before.
        self.add_person(self.people[seed.LIN].user, role="reviewer", started=True)

    def call(self, token: str, method: str, params: Any = None, files: Any = None) -> Message:
        answer = super().call(token, method, params, files)
        given = params or {}
        chat_id = int(given.get("chat_id", 0))
        lost = (method, chat_id) in self._losing
        self._losing.discard((method, chat_id))
        if answer["ok"] and method.startswith(("send", "edit")):
            words = str(given.get("text") or given.get("caption") or "")
            result = answer["result"]
            for message in result if isinstance(result, list) else [result]:
                number = message["message_id"]
                self.calls.append(Call(time.monotonic(), method, chat_id, number, words, lost))
        return answer

    def sending(self, chat_id: int, message_id: int) -> Call:
        """The call that brought a message of the bot's."""
        return next(
            call
            for call in self.calls
            if (call.chat_id, call.message_id) == (chat_id, message_id)
            and call.method.startswith("send")
        )

    async def said(self, count: int) -> None:
        """Wait until the bot has made some number of calls in all.

        Raises:
            TimeoutError: it does not get there.
        """
        async with asyncio.timeout(2 * PATIENCE), bell(self) as news:
            while len(self.calls) < count:
                await news.wait()


class Eyes:
    """Waits for what people see: each look at a chat is taken again whenever it changes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen = world.last_event
        self._looking: defaultdict[int, set[asyncio.Event]] = defaultdict(set)
        # Who waits for what, for whoever asks why nothing goes on.
        self.waiting: dict[str, int] = {}

    async def watch(self, patience_s: float) -> None:
        """Follow the world until cancelled.

        Args:
            patience_s: so long nothing may happen.

        Raises:
            TimeoutError: nothing happened for too long.
        """
        async with bell(self._world) as news, asyncio.timeout(patience_s) as patience:
            now = asyncio.get_running_loop().time
            while True:
                for event in self._world.events(self._seen):
                    self._seen = event["seq"]
                    patience.reschedule(now() + patience_s)
                    for look in self._looking[event["chat_id"]]:
                        look.set()
                await news.wait()

    async def until(
        self, chat_id: int, what: str, find: Callable[[list[Message]], Found | None]
    ) -> Found:
        """Wait until something is to be seen in a chat.

        Args:
            chat_id: where.
            what: what is waited for, in words.
            find: gets the chat's messages, oldest first; finds it, or None.

        Returns:
            What was found.
        """
        with self._look(chat_id, what) as changed:
            while (found := find(self._world.messages(chat_id))) is None:
                await changed.wait()
                changed.clear()
        return found

    @contextmanager
    def _look(self, chat_id: int, what: str) -> Iterator[asyncio.Event]:
        changed = asyncio.Event()
        self._looking[chat_id].add(changed)
        self.waiting[what] = chat_id
        try:
            yield changed
        finally:
            self._looking[chat_id].remove(changed)
        # Who was interrupted has not got it.
        del self.waiting[what]


class Crowd:
    """The people of a plan, acting."""

    def __init__(self, world: Watched, rides: Sequence[Ride], *, at_once: int = 20) -> None:
        """Everybody is let into the world; nobody acts yet.

        Args:
            world: where.
            rides: what is going to be reported.
            at_once: how many riders are about a report at the same time.
        """
        self.world = world
        self.rides = rides
        # What /points told each rider after the last ride.
        self.balances: dict[int, int] = {}
        # The number each ride's report got.
        self.numbers: dict[str, int] = {}
        self._eyes = Eyes(world)
        self._room = asyncio.Semaphore(at_once)
        self._by_key = {ride.key: ride for ride in rides}
        for who in {ride.rider for ride in rides}:
            world.add_person({"id": who, "first_name": f"Rider {who}", "language_code": "en"})

    async def run(self, *, patience_s: float = PATIENCE, within_s: float = 600.0) -> None:
        """Let everybody do what they planned.

        Args:
            patience_s: nobody waits longer for a thing to happen in any chat; with nothing wrong
                something happens every moment.
            within_s: it is all over after this, in any case.

        Raises:
            AssertionError: it took longer; says who was still waiting for what.
        """
        try:
            async with asyncio.timeout(within_s), asyncio.TaskGroup() as group:
                watching = group.create_task(self._eyes.watch(patience_s))
                async with asyncio.TaskGroup() as people:
                    for who in {ride.rider: None for ride in self.rides}:
                        people.create_task(self._ride_all(who))
                    decisions = {who: asyncio.Queue[Ride | None]() for who in REVIEWERS}
                    people.create_task(self._deal(decisions))
                    for who, queue in decisions.items():
                        people.create_task(self._review(who, queue))
                watching.cancel()
        except* TimeoutError:
            left = [f"{what} (in {chat})" for what, chat in self._eyes.waiting.items()]
            unheard = [update["update_id"] for update in self.world.pending_updates]
            raise AssertionError(f"still waiting: {left}; not taken in: {unheard}") from None

    # --- riders ---

    async def _ride_all(self, who: int) -> None:
        async with self._room:
            for ride in self.rides:
                if ride.rider == who:
                    await self._ride(ride)
            asked = self.world.say(who, who, "/points")["message_id"]
            self.balances[who] = await self._eyes.until(
                who, f"the points of {who}", lambda chat: _first(_balance, chat, after=asked)
            )

    async def _ride(self, ride: Ride) -> None:
        number = await self._report(ride)
        self.numbers[ride.key] = number
        if ride.fate == WITHDRAWN:
            receipt = await self._eyes.until(
                ride.rider,
                f"the receipt of {ride.key}",
                lambda chat: _first(lambda m: m if _button(m, "Withdraw") else None, chat),
            )
            self._press(ride.rider, ride.rider, receipt, "Withdraw")
        told = {
            State.APPROVED: f"#{number} approved",
            State.REJECTED: f"#{number} not approved",
            State.WITHDRAWN: f"#{number} withdrawn",
        }[ride.state]
        await self._eyes.until(
            ride.rider,
            f"{told}, {ride.key}",
            lambda chat: _first(lambda m: told in words_of(m) or None, chat),
        )

    async def _report(self, ride: Ride) -> int:
        """Send the photo, then answer what is asked, until there is a receipt; its number."""
        world, who = self.world, ride.rider
        began = self._show(ride)
        done: set[tuple[int, str]] = set()
        placed = False
        known = set(self.numbers.values())

        def next_step(chat: list[Message]) -> tuple[str, Message] | None:
            for message in reversed(chat):
                if message["message_id"] <= began:
                    return None
                if message["from"]["id"] == who:
                    continue
                number = _number(message)
                if number is not None and number not in known:
                    return "receipt", message
                for label in (ride.button, "More…"):
                    if _button(message, label):
                        if (message["message_id"], label) in done:
                            break
                        return label, message
                if "Where is it?" in words_of(message) and not placed:
                    return "place", message
            return None

        while True:
            step, message = await self._eyes.until(who, f"the next step of {ride.key}", next_step)
            if step == "receipt":
                number = _number(message)
                assert number is not None
                return number
            if step == "place":
                placed = True
                world.send_location(who, who, *ride.place, accuracy=12)
            else:
                done.add((message["message_id"], step))
                self._press(who, who, message, step)

    def _show(self, ride: Ride) -> int:
        who = ride.rider
        pictures = [_picture(f"{ride.key} {number}") for number in range(ride.pictures)]
        if ride.as_file:
            [picture] = pictures
            sent = self.world.send_document(who, who, picture, "hazard.jpg", "image/jpeg", ride.key)
        else:
            sent = self.world.send_photos(who, who, pictures, ride.key)[-1]
        return int(sent["message_id"])

    # --- reviewers ---

    async def _deal(self, decisions: dict[int, "asyncio.Queue[Ride | None]"]) -> None:
        """Each new card is taken by the reviewers the plan names."""
        to_come = {ride.key for ride in self.rides if ride.fate != WITHDRAWN}
        while to_come:
            keys = await self._eyes.until(
                DESK,
                f"cards of {len(to_come)} rides",
                partial(_dealt, to_come),
            )
            for key in sorted(keys):
                for who in self._by_key[key].reviewers:
                    decisions[who].put_nowait(self._by_key[key])
            to_come -= keys
        for queue in decisions.values():
            queue.put_nowait(None)

    async def _review(self, who: int, queue: "asyncio.Queue[Ride | None]") -> None:
        while (ride := await queue.get()) is not None:
            await self._decide(who, ride)

    async def _decide(self, who: int, ride: Ride) -> None:
        """Press what the plan says on the newest card of a ride, and read that it is decided."""
        pressed: set[tuple[int, str]] = set()

        def next_step(chat: list[Message]) -> tuple[str, Message] | None:
            mine = [message for message in chat if _key(message) == ride.key]
            decided = next((m for m in mine if _DECIDED.search(words_of(m))), None)
            if decided is not None:
                return "decided", decided
            for message in reversed(mine):
                for label in (ride.label, "Reject…"):
                    if (message["message_id"], label) in pressed:
                        return None
                    if _button(message, label):
                        return label, message
            return None

        while True:
            step, message = await self._eyes.until(DESK, f"{who} to decide {ride.key}", next_step)
            if step == "decided":
                return
            pressed.add((message["message_id"], step))
            self._press(who, DESK, message, step)

    def _press(self, who: int, chat_id: int, message: Message, label: str) -> None:
        data = _button(message, label)
        assert data is not None
        self.world.press(who, chat_id, message["message_id"], data)


_DECIDED = re.compile(r"^(✅ ★|✖️ Rejected)", re.MULTILINE)
_KEY = re.compile(r"“(Ride \d+[ab])”")
_RECEIPT = re.compile(r"(?:✅|✖️|↩️)(?: Reported)? #(\d+)\b")
_POINTS = re.compile(r"(\d+) points?\b")


def words_of(message: Message) -> str:
    """The text or caption of a message."""
    return str(message.get("text") or message.get("caption") or "")


def _first(
    look: Callable[[Message], Found | None], chat: list[Message], *, after: int = 0
) -> Found | None:
    """What a look at the newest message finds, or at the one before it, and so on."""
    for message in reversed(chat):
        if message["message_id"] <= after:
            break
        if (found := look(message)) is not None:
            return found
    return None


def _button(message: Message, label: str) -> str | None:
    for row in message.get("reply_markup", {}).get("inline_keyboard", ()):
        for button in row:
            if button["text"] == label:
                return str(button["callback_data"])
    return None


def _balance(message: Message) -> int | None:
    match = _POINTS.match(words_of(message))
    return int(match[1]) if match else None


def _number(message: Message) -> int | None:
    match = _RECEIPT.match(words_of(message))
    return int(match[1]) if match else None


def _key(message: Message) -> str | None:
    """The ride a message at the desk is the card of."""
    match = _KEY.search(words_of(message))
    return match[1] if match else None


def _dealt(wanted: set[str], desk: list[Message]) -> set[str] | None:
    """Which of some rides have a card."""
    keys = {key for message in desk if (key := _key(message)) is not None}
    return keys & wanted or None


def _picture(name: str) -> bytes:
    """A picture; another one for each name."""
    chance = random.Random(name)
    image = Image.frombytes("RGB", (16, 12), chance.randbytes(16 * 12 * 3))
    out = io.BytesIO()
    image.resize((320, 240)).save(out, "JPEG", quality=80)
    return out.getvalue()
