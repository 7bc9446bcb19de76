"""One plan for all drills, and what it leads to when nothing goes wrong."""

import asyncio
import os
import random
from collections.abc import Iterator

import pytest

from tests.drills.aftermath import Aftermath, look, quiet
from tests.drills.cluster import House
from tests.drills.rides import Crowd, Ride, Watched, plan
from tests.localchat.serving import served

RIDERS = 200


@pytest.fixture(scope="session")
def drill_seed() -> int:
    """Decides who does what and when something breaks; DRILL_SEED=… brings a failed drill again."""
    return int(os.environ.get("DRILL_SEED", "3"))


@pytest.fixture(params=["polling", "webhook"])
def house(request, tmp_path) -> Iterator[House]:
    """One process that asks for updates, on SQLite; or two behind a webhook, on PostgreSQL."""
    if request.param == "polling":
        yield House(f"sqlite:///{tmp_path}/sentinel.db", tmp_path, processes=0)
        return
    server = request.getfixturevalue("postgresql_server")
    name = server.make(migrated=True)
    yield House(server.url(name), tmp_path, processes=2)
    server.drop(name)


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
    house = House(f"sqlite:///{folder}/sentinel.db", folder, processes=0)
    async with served(crowd.world) as address, house.open(address) as bots:
        await crowd.run()
        await quiet(house.url, crowd.world)
        assert await bots.end() == [0]
    after, copies = look(house.url, crowd)
    assert not copies
    assert not bots.complaints()
    assert not after.left_over
    for ride in rides:
        assert after.reports[ride.key][4] == ride.state
        assert after.photos[ride.key] == ("stored",) * ride.pictures
    assert after.told == {ride.rider: after.balances.get(ride.rider, 0) for ride in rides}
    return after
