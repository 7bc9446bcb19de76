"""One plan for all drills, and what it leads to when nothing goes wrong."""

import asyncio
import os
import random
from collections.abc import Iterator

import pytest

from tests.drills.aftermath import Aftermath, look, quiet
from tests.drills.cluster import Bot, environment, running
from tests.drills.crowd import Crowd, Ride, Watched, plan
from tests.localchat.serving import served

RIDERS = 30


@pytest.fixture(scope="session")
def drill_seed() -> int:
    """Decides who does what and when something breaks; DRILL_SEED=… brings a failed drill again."""
    return int(os.environ.get("DRILL_SEED", "3"))


@pytest.fixture
def postgresql_url(postgresql_server) -> Iterator[str]:
    """A migrated, empty database on PostgreSQL."""
    name = postgresql_server.make(migrated=True)
    yield postgresql_server.url(name)
    postgresql_server.drop(name)


@pytest.fixture
def chance(drill_seed, request) -> random.Random:
    """What is left to chance in a drill."""
    print(f"DRILL_SEED={drill_seed}")
    return random.Random(f"{drill_seed} {request.node.name}")


@pytest.fixture(scope="session")
def rides(drill_seed, policy, districts) -> list[Ride]:
    """What two hundred riders report."""
    return plan(random.Random(drill_seed), riders=RIDERS, policy=policy, districts=districts)


@pytest.fixture(scope="session")
def calm(rides, tmp_path_factory) -> Aftermath:
    """What they leave behind where nothing goes wrong: one process, SQLite, polling."""
    return asyncio.run(_undisturbed(rides, tmp_path_factory.mktemp("calm")))


async def _undisturbed(rides, folder) -> Aftermath:
    crowd = Crowd(Watched(), rides)
    url = f"sqlite:///{folder}/sentinel.db"
    async with served(crowd.world) as address:
        bot = Bot("run", environment(address, folder), folder / "bot.log")
        async with running(bot):
            await crowd.run()
            await quiet(url, crowd.world)
            assert await bot.end() == 0
    after, copies = look(url, crowd)
    assert not copies
    assert not bot.complaints()
    assert not after.left_over
    for ride in rides:
        assert after.reports[ride.key][4] == ride.state
        assert after.photos[ride.key] == ("stored",)
    assert after.told == {ride.rider: after.balances.get(ride.rider, 0) for ride in rides}
    return after
