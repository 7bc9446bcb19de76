"""Fault drill 5: updates of every kind, drawn from the contract's schema and spoiled.

`FUZZ_UPDATES` says how many, `FUZZ_SEED` from which seed; what fails prints its seed.
"""

import os
from pathlib import Path

import pytest

from services.districts import Districts
from tests.drills.fuzzing import Fuzz, counting_logs
from tests.drills.stage import Stage, new_world

pytestmark = [
    pytest.mark.drill,
    # PTB warns of fields it will drop one day; the contract still has them.
    pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning"),
]

UPDATES = int(os.environ.get("FUZZ_UPDATES", "100000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
# Its number alone, kept for each update, would be one; caches are full before the first look.
BLOCKS_AN_UPDATE, RSS = 0.25, 48 * 1024 * 1024
# One transaction on PostgreSQL takes the longer way: a smaller share tells as much.
SHARE = {"sqlite": 1.0, "postgresql": 0.1}


@pytest.mark.parametrize("kind", SHARE)
async def test_whatever_comes_is_taken_in_and_nothing_piles_up(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, districts: Districts
) -> None:
    stage = Stage(request, tmp_path, districts)
    # Few reports a day: a full draft has to wait for the next one, too.
    with stage.scene(kind, reports_per_day=4) as scene, counting_logs() as logs:
        fuzz = Fuzz(scene, new_world, SEED)
        await fuzz.run(int(UPDATES * SHARE[kind]), logs)
        fuzz.check()
        if UPDATES >= 10_000:
            fuzz.check_states()
        if kind == "sqlite" and UPDATES >= 50_000:
            # Before that many, caches are still filling.
            fuzz.check_memory(blocks_an_update=BLOCKS_AN_UPDATE, rss=RSS)
