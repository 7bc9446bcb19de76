"""Drill 1: two hundred riders and five reviewers, and every second a process is killed with -9."""

import asyncio
import time
from collections import Counter

import pytest

from tests.drills.aftermath import differences, look, quiet, unexcused
from tests.drills.cluster import power_cuts
from tests.drills.rides import Crowd, Watched
from tests.localchat.serving import served

pytestmark = pytest.mark.drill

# An operator's machine kills what has not ended by then; seconds.
TO_END_S = 10.0


async def test_every_second_a_process_is_killed(house, rides, calm, chance) -> None:
    crowd = Crowd(Watched(), rides)
    # One alone does nothing while it starts again: it gets some more time between two cuts.
    apart = (20, 160) if house.processes else (40, 240)
    async with served(crowd.world) as address, house.open(address) as bots:
        async with power_cuts(bots, crowd.world, chance, apart=apart):
            await crowd.run()
        await quiet(house.url, crowd.world)
        assert set(await bots.end()) == {0}
    after, copies = look(house.url, crowd)
    assert all(len(bot.cuts) >= 3 for bot in bots.bots)
    assert differences(after, calm) == []
    assert unexcused(copies, bots.cuts) == []
    # A chat has one message on its way at a time: a cut leaves one of it in doubt at the most.
    assert all(count <= len(bots.cuts) for count in Counter(c.chat_id for c in copies).values())
    assert bots.complaints() == []


async def test_an_orderly_end_under_load(house, rides, calm, chance) -> None:
    crowd = Crowd(Watched(), [ride for ride in rides if ride.rider % 4 == 0])
    took = []
    async with served(crowd.world) as address, house.open(address) as bots:
        acting = bots.group.create_task(crowd.run())
        for turn in (1, 3, 5):
            # Until a ride is over the bot has spoken some nine times.
            await crowd.world.said(int(len(crowd.rides) * (turn + chance.random())))
            begun = time.monotonic()
            assert set(await bots.end()) == {0}
            took.append(time.monotonic() - begun)
            await bots.start()
        await asyncio.wait({acting})
        await quiet(house.url, crowd.world)
        assert set(await bots.end()) == {0}
    after, copies = look(house.url, crowd)
    assert max(took) < TO_END_S
    assert differences(after, calm) == []
    # Who ends in order knows of each message whether it arrived.
    assert copies == []
    assert bots.complaints() == []
