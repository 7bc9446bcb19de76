"""Things that happen at the same moment: a press while messages are in flight, two who decide.

What each of a flight's people does reaches the bot beside what the others do. Whatever processes
make of it must be what some order of it, one after the other, would have made of it too.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from tests.conversations.people import CHEN, DESK, LIN
from tests.conversations.scene import Scene, buttons_of
from tests.drills.journeys import (
    Deliver,
    Updates,
    by_queue,
    check_sound,
    come_to_rest,
    fetch,
    in_order,
    meet_riders,
    outcome_of,
    place_of,
)
from tests.pictures import jpeg

Doing = Callable[[Scene], Any]
ONE, OTHER = 6001, 6002


@dataclass(frozen=True, slots=True)
class Flight:
    """What was before, and what then happens at once."""

    name: str
    before: Callable[[Scene], Awaitable[None]]
    doings: Sequence[Doing]

    async def outcome(self, scene: Scene, deliver: Deliver) -> Mapping[str, Any]:
        """Let it all happen on a new scene, and say what came of it."""
        await self.before(scene)
        for do in self.doings:
            do(scene)
        await deliver(scene, fetch(scene))
        await come_to_rest(scene)
        check_sound(scene)
        return outcome_of(scene)


async def possible_outcomes(
    flight: Flight, new_scene: Callable[[], AbstractContextManager[Scene]]
) -> Sequence[Mapping[str, Any]]:
    """What comes of a flight for each order in which its updates could be applied."""
    found: list[Mapping[str, Any]] = []
    count = 1

    async def in_the_next_order(scene: Scene, updates: Updates) -> None:
        nonlocal count
        ways = list(orders(by_queue(updates)))
        count = len(ways)
        await in_order(scene, ways[len(found)])

    while len(found) < count:
        with new_scene() as scene:
            found.append(await flight.outcome(scene, in_the_next_order))
    return found


def orders(queues: Sequence[Updates]) -> Iterator[Updates]:
    """Every way to apply updates one after the other, each queue in its order."""
    if not any(queues):
        yield []
    for index, queue in enumerate(queues):
        if queue:
            rest = [*queues[:index], queue[1:], *queues[index + 1 :]]
            for later in orders(rest):
                yield [queue[0], *later]


# --- what was before ---


async def nobody(scene: Scene) -> None:
    """Two riders nobody has met yet."""
    meet_riders(scene, (ONE, OTHER), known=False)


async def a_draft(scene: Scene) -> None:
    """A rider is asked what kind it is."""
    meet_riders(scene, (ONE, OTHER))
    _give(scene, ONE, 1)
    await scene.settle()


async def a_report(scene: Scene) -> None:
    """A report waits for its review."""
    await a_draft(scene)
    await _press_first(scene, ONE)


async def a_note_awaited(scene: Scene) -> None:
    """A report waits for its review, the bot for a note to it."""
    await a_report(scene)
    await scene.press(ONE, ONE, "Add note")


async def reasons_shown(scene: Scene) -> None:
    """A reviewer looks at the reasons to reject a report for."""
    await a_report(scene)
    await scene.press(CHEN, DESK, "驳回")


async def one_like_it(scene: Scene) -> None:
    """A second rider is asked whether theirs is the same hazard."""
    await a_report(scene)
    _give(scene, OTHER, 2)
    await scene.settle()
    await _press_first(scene, OTHER)


def _give(scene: Scene, rider: int, picture: int) -> None:
    scene.world.send_photos(rider, rider, [jpeg(picture)])
    scene.world.send_location(rider, rider, *place_of(0), accuracy=8)


async def _press_first(scene: Scene, rider: int) -> None:
    await scene.press(rider, rider, buttons_of(scene.last(rider))[0][1])


# --- what happens at once ---


def _says(rider: int, text: str) -> Doing:
    return lambda scene: scene.world.say(rider, rider, text)


def _sends_photo(rider: int) -> Doing:
    return lambda scene: scene.world.send_photos(rider, rider, [jpeg(9)])


def _goes_on(rider: int) -> Doing:
    return lambda scene: scene.world.send_location(rider, rider, *place_of(2), accuracy=8)


def _presses(who: int, chat: int, start: str) -> Doing:
    """Press the button on the newest message that had it when the moment began."""

    def do(scene: Scene) -> None:
        for message in reversed(scene.from_bot(chat)):
            for data, _ in buttons_of(message):
                if data.startswith(start):
                    scene.world.press(who, chat, message["message_id"], data, forge=True)
                    return
        raise AssertionError(f"no button {start}")

    return do


def _forges(rider: int, data: str) -> Doing:
    return lambda scene: scene.world.press(rider, rider, 1, data, forge=True)


def _leaves(rider: int) -> Doing:
    return lambda scene: scene.world.block(rider)


FLIGHTS = (
    Flight(
        "first words and a first press",
        nobody,
        (
            _says(ONE, "/start"),
            _sends_photo(ONE),
            _forges(ONE, "l:set:0:en"),
            _says(OTHER, "/start"),
        ),
    ),
    Flight("a note beside the kind", a_draft, (_says(ONE, "deep"), _presses(ONE, ONE, "d:cat"))),
    Flight("a photo beside the kind", a_draft, (_sends_photo(ONE), _presses(ONE, ONE, "d:cat"))),
    Flight(
        "another place beside the kind",
        a_draft,
        (_goes_on(ONE), _says(ONE, "deep"), _presses(ONE, ONE, "d:cat")),
    ),
    Flight(
        "giving up beside the kind", a_draft, (_says(ONE, "/cancel"), _presses(ONE, ONE, "d:cat"))
    ),
    Flight(
        "two decide",
        reasons_shown,
        (_presses(LIN, DESK, "v:a2"), _presses(CHEN, DESK, "v:r")),
    ),
    Flight(
        "one decides, one looks at the reasons",
        a_report,
        (_presses(LIN, DESK, "v:a3"), _presses(CHEN, DESK, "v:x")),
    ),
    Flight(
        "a decision beside a withdrawal",
        a_report,
        (_presses(LIN, DESK, "v:a1"), _presses(ONE, ONE, "o:undo")),
    ),
    Flight(
        "a decision beside a note",
        a_note_awaited,
        (_presses(LIN, DESK, "v:a1"), _says(ONE, "deep"), _says(ONE, "very")),
    ),
    Flight(
        "joining beside an approval",
        one_like_it,
        (_presses(OTHER, OTHER, "d:same"), _presses(LIN, DESK, "v:a1")),
    ),
    Flight(
        "joining beside a withdrawal",
        one_like_it,
        (_presses(OTHER, OTHER, "d:same"), _presses(ONE, ONE, "o:undo")),
    ),
    Flight(
        "a decision while the rider leaves", a_report, (_presses(LIN, DESK, "v:a1"), _leaves(ONE))
    ),
)
