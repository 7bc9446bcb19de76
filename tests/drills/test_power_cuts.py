"""Drill 1: two hundred riders and five reviewers, and every second a process is killed with -9."""

import pytest

from tests.drills.aftermath import differences, look, quiet, unexcused
from tests.drills.cluster import Bot, environment, power_cuts, running, serving_bots
from tests.drills.crowd import Crowd, Watched
from tests.localchat.serving import served

pytestmark = pytest.mark.drill


async def test_one_process_on_sqlite(tmp_path, rides, calm, chance) -> None:
    crowd = Crowd(Watched(), rides)
    url = f"sqlite:///{tmp_path}/sentinel.db"
    async with served(crowd.world) as address:
        bot = Bot("run", environment(address, tmp_path), tmp_path / "bot.log")
        async with running(bot) as group:
            # One alone does nothing while it starts again: it gets some more time between two cuts.
            async with power_cuts([bot], crowd.world, group, chance, apart=(40, 240)):
                await crowd.run()
            await quiet(url, crowd.world)
            assert await bot.end() == 0
    after, copies = look(url, crowd)
    assert len(bot.cuts) >= 5
    assert differences(after, calm) == []
    assert unexcused(copies, bot.cuts) == []
    assert bot.complaints() == []


async def test_two_processes_on_postgresql(tmp_path, rides, calm, chance, postgresql_url) -> None:
    crowd = Crowd(Watched(), rides)
    async with (
        served(crowd.world) as address,
        serving_bots(address, postgresql_url, tmp_path, count=2) as (bots, group),
    ):
        async with power_cuts(bots, crowd.world, group, chance):
            await crowd.run()
        await quiet(postgresql_url, crowd.world)
        for bot in bots:
            assert await bot.end() == 0
    after, copies = look(postgresql_url, crowd)
    cuts = [cut for bot in bots for cut in bot.cuts]
    print(len(cuts), len(copies))
    assert all(len(bot.cuts) >= 3 for bot in bots)
    assert differences(after, calm) == []
    assert unexcused(copies, cuts) == []
    assert [line for bot in bots for line in bot.complaints()] == []
