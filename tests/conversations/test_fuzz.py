"""A short fuzz: drawn from the contract's schema, spoiled, and mixed with a crowd's own updates.

The long one is a drill (tests/drills/test_fuzz.py).
"""

import json
import random
from pathlib import Path

import pytest

from services.districts import Districts
from tests.drills.contract_updates import Draw, conforms, contract, schema
from tests.drills.fuzzing import Fuzz, counting_logs
from tests.drills.mutations import mutate
from tests.drills.stage import Stage, new_world
from tests.localchat.contract import check_update

SEED = 3


class TestTheUpdatesDrawn:
    def test_are_of_every_kind_with_every_content(self) -> None:
        draw = Draw(random.Random(SEED))
        kinds, contents = set(), set()
        for number in range(6000):
            update = contract().update(draw, number)
            kinds |= update.keys()
            contents |= update.get("message", {}).keys()
        assert kinds == set(schema()["properties"])
        assert contents >= set(contract().contents)

    def test_hold_to_the_contract(self) -> None:
        draw = Draw(random.Random(SEED))
        for number in range(1500):
            update = contract().update(draw, number)
            check_update(update)
            assert conforms(update), update

    def test_are_the_same_for_the_same_seed(self) -> None:
        first, second = (Draw(random.Random(SEED)) for _ in range(2))
        for number in range(100):
            assert contract().update(first, number) == contract().update(second, number)

    def test_are_mostly_no_updates_any_more_once_spoiled(self) -> None:
        chance = random.Random(SEED)
        draw = Draw(chance)
        whole = [contract().update(draw, number) for number in range(300)]
        spoiled = [mutate(json.loads(json.dumps(update)), chance) for update in whole]
        assert all(update["update_id"] == number for number, update in enumerate(spoiled))
        assert 150 < sum(not conforms(update) for update in spoiled) < 300


# PTB warns of fields it will drop one day; the contract still has them.
@pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_whatever_comes_is_taken_in(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, districts: Districts
) -> None:
    stage = Stage(request, tmp_path, districts)
    with stage.scene(kind) as scene, counting_logs() as logs:
        fuzz = Fuzz(scene, new_world, SEED)
        await fuzz.run(750, logs)
        fuzz.check()
