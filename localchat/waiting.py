"""Waiting for a world's news without a thread: long polls and streams of events."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from localchat.arguments import Arguments
from localchat.errors import ApiError
from localchat.json_types import Json
from localchat.world import World

LONGEST_POLL_S = 50


@dataclass(slots=True)
class Closing:
    """Whether the server is about to end.

    Attributes:
        now: yes, from when somebody sets it.
    """

    now: bool = False


class Bell:
    """Rings in one event loop when the world, in any thread, has news."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """News; may be called from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._rung.set)
        except RuntimeError:
            # The loop has closed since; nobody waits in it any more.
            return

    async def wait(self) -> None:
        """Wait for news since the last wait."""
        await self._rung.wait()
        self._rung.clear()


@asynccontextmanager
async def bell(world: World) -> AsyncIterator[Bell]:
    """A bell that rings from now on until the block ends."""
    found = Bell(asyncio.get_running_loop())
    stop = world.listen(found.ring)
    try:
        yield found
    finally:
        stop()


async def poll(
    world: World,
    token: str,
    params: Mapping[str, Any],
    *,
    closing: Closing | None = None,
) -> Json:
    """Answer getUpdates, after waiting if it asks to.

    Args:
        world: the world.
        token: the bot's.
        params: as in the Bot API; `timeout` is in seconds.
        closing: when it says so, the poll ends with what there is at the next news.

    Returns:
        Telegram's envelope. A poll that another getUpdates displaced answers 409, as at Telegram.
    """
    answer = world.call(token, "getUpdates", params)
    ticket = world.polls
    try:
        patience = min(Arguments(params).integer("timeout"), LONGEST_POLL_S)
    except ApiError:
        patience = 0
    if not answer["ok"] or answer["result"] or patience <= 0:
        return answer
    async with bell(world) as news:
        try:
            async with asyncio.timeout(patience):
                while closing is None or not closing.now:
                    answer = world.look_again(token, Arguments(params), ticket)
                    if not answer["ok"] or answer["result"]:
                        break
                    await news.wait()
        except TimeoutError:
            pass
    return answer
