"""A served world, and waiting for its news."""

import asyncio
from contextlib import asynccontextmanager

from localchat.server import build, serve
from localchat.waiting import bell


@asynccontextmanager
async def served(world, **doors):
    """Serves a world while the block runs; gives its address."""
    ready = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(serve(build(world, **doors), port=0, ready=ready.set_result))
        try:
            yield await ready
        finally:
            task.cancel()


async def until(world, holds):
    """Waits until something holds in a world."""
    async with asyncio.timeout(20), bell(world) as news:
        while not holds():
            await news.wait()
