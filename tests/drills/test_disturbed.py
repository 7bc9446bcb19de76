"""Fault drill 3: every update twice, neighbours swapped, presses while messages are in flight.

`DRILL_DAYS` says how many days are lived; each is lived once undisturbed, then again in other ways.
"""

import os
from functools import partial
from pathlib import Path

import pytest

from services.districts import Districts
from tests.conversations.scene import Scene
from tests.drills.flights import FLIGHTS, Flight, possible_outcomes
from tests.drills.journeys import (
    Day,
    Deliver,
    check_sound,
    differences,
    in_order,
    outcome_of,
    side_by_side,
    swapped,
    twice,
)
from tests.drills.stage import Stage, more_intakes

pytestmark = pytest.mark.drill

DAYS = int(os.environ.get("DRILL_DAYS", "10"))
RIDERS = 6
# So often a flight is tried: what happens at once falls out differently each time.
TRIES = 6


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path, districts: Districts) -> Stage:
    return Stage(request, tmp_path, districts)


async def live(scene: Scene, seed: int, deliver: Deliver, *, orderly: bool = True) -> None:
    await Day(scene, seed, riders=RIDERS, orderly=orderly).live(deliver)
    check_sound(scene)


@pytest.mark.parametrize("seed", range(DAYS))
async def test_a_day_comes_out_the_same_however_it_is_delivered(stage: Stage, seed: int) -> None:
    with stage.scene("sqlite") as scene:
        await live(scene, seed, in_order)
        undisturbed = outcome_of(scene)
    for deliver in (twice(), swapped(seed)):
        with stage.scene("sqlite") as scene:
            await live(scene, seed, deliver)
            assert outcome_of(scene) == undisturbed, differences(outcome_of(scene), undisturbed)
    with stage.scene("postgresql") as scene, more_intakes(scene, 2) as intakes:
        await live(scene, seed, side_by_side(intakes, seed))
        assert outcome_of(scene) == undisturbed, differences(outcome_of(scene), undisturbed)


@pytest.mark.parametrize("seed", range(DAYS))
async def test_a_day_of_everybody_at_once_does_no_harm(stage: Stage, seed: int) -> None:
    with stage.scene("sqlite") as scene:
        await live(scene, seed, swapped(seed), orderly=False)
    with stage.scene("postgresql") as scene, more_intakes(scene, 2) as intakes:
        await live(scene, seed, side_by_side(intakes, seed), orderly=False)


@pytest.mark.parametrize("flight", FLIGHTS, ids=lambda flight: flight.name)
async def test_at_once_is_as_if_one_came_first(stage: Stage, flight: Flight) -> None:
    possible = await possible_outcomes(flight, partial(stage.scene, "sqlite"))
    for seed in range(TRIES):
        with stage.scene("postgresql") as scene, more_intakes(scene, 2) as intakes:
            found = await flight.outcome(scene, side_by_side(intakes, seed))
        nearest = min((differences(found, one) for one in possible), key=len)
        assert found in possible, nearest
