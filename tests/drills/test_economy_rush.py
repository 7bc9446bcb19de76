"""Thousands of acts of one economy at once, on PostgreSQL, which alone lets them overlap."""

import pytest

from tests import economy
from tests.rush import rush

pytestmark = pytest.mark.drill
THREADS, ROUNDS, ACTS = 8, 16, 40


@pytest.mark.parametrize("hold_hours", [0, 24])
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("midday")
def test_nothing_is_lost_or_doubled_in_a_rush(database, scene, policy, chance, hold_hours):
    rules = economy.ruled(policy, hold_hours=hold_hours, monthly_budget=150)
    world = economy.make(database, scene, rules, riders=5)
    tally = rush(world, chance, threads=THREADS, rounds=ROUNDS, acts=ACTS)
    print(dict(sorted(tally.done.items())), f"{tally.collided} collided")
    assert tally.done["approved"]
    assert tally.numbers
