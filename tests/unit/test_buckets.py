"""The token bucket: a burst at once, a rate for long, one notice a rest, however many processes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from fractions import Fraction
from threading import Barrier

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.database import Database, create
from models import Person, clock
from models.policy import Limits
from services import buckets, people

# Twelve tokens, two a second.
LIMITS = Limits(burst=12, updates_per_minute=120)


@pytest.fixture
def rider(database, policy, midday):
    """Somebody whose bucket is full."""
    with database.transaction() as session:
        people.meet(session, person_id=5, language_code="en", policy=policy)


def send(database, policy, *, limits=LIMITS, share=1.0, stop=False):
    """One update of the rider, as the intake takes it; whether it was let in."""
    with database.transaction() as session:
        person = people.meet(session, person_id=5, language_code="en", policy=policy)
        let_in = buckets.let_in(session, person=person, limits=limits, share=share)
        if stop and not let_in:
            buckets.stop(session, person=person)
        return let_in


def empty(database, until_full):
    with database.transaction() as session:
        people.locked(session, person_id=5).bucket_full_at = clock.now() + until_full


def row(database):
    with database.transaction() as session:
        return session.get(Person, 5)


def test_a_burst_is_let_in_and_no_more(database, policy, rider, midday):
    assert [send(database, policy) for _ in range(14)] == [True] * 12 + [False] * 2
    assert row(database).bucket_full_at == midday + timedelta(seconds=6)


def test_a_token_comes_back_a_step_later(database, policy, rider):
    for _ in range(12):
        send(database, policy)
    clock.advance(timedelta(milliseconds=499))
    assert not send(database, policy)
    clock.advance(timedelta(milliseconds=1))
    assert send(database, policy)
    assert not send(database, policy)


def test_what_goes_at_the_rate_goes_for_ever(database, policy, rider):
    for _ in range(60):
        clock.advance(LIMITS.step)
        assert send(database, policy)


def test_a_bucket_left_alone_is_never_more_than_full(database, policy, rider):
    send(database, policy)
    clock.advance(timedelta(days=300))
    assert [send(database, policy) for _ in range(13)] == [True] * 12 + [False]


def test_what_may_use_a_part_only_leaves_the_rest_to_others(database, policy, rider):
    assert [send(database, policy, share=0.25) for _ in range(4)] == [True] * 3 + [False]
    assert [send(database, policy) for _ in range(10)] == [True] * 9 + [False]
    clock.advance(LIMITS.step)
    assert not send(database, policy, share=0.25)
    assert send(database, policy)


def test_who_was_stopped_rests_until_half_the_bucket_is_full(database, policy, rider, midday):
    for _ in range(12):
        send(database, policy)
    assert not send(database, policy, stop=True)
    assert row(database).flood_told_at == midday
    # Tokens are coming back, but whoever was told to wait waits.
    clock.advance(timedelta(seconds=3))
    assert not send(database, policy)
    clock.advance(timedelta(milliseconds=500))
    assert [send(database, policy) for _ in range(8)] == [True] * 7 + [False]
    assert row(database).flood_told_at is None


def test_one_notice_a_rest(database, policy, rider):
    with database.transaction() as session:
        person = people.locked(session, person_id=5)
        assert buckets.stop(session, person=person)
        assert not buckets.stop(session, person=person)
    assert send(database, policy)
    with database.transaction() as session:
        assert buckets.stop(session, person=people.locked(session, person_id=5))


@pytest.mark.parametrize("burst", [10, 60, 1000])
@pytest.mark.parametrize("rate", [6, 7, 60, 6000])
def test_nobody_rests_longer_than_a_minute(database, policy, rider, burst, rate):
    limits = Limits(burst=burst, updates_per_minute=rate)
    empty(database, burst * limits.step)
    assert not send(database, policy, limits=limits, stop=True)
    clock.advance(buckets.LONGEST_REST)
    assert send(database, policy, limits=limits)


def test_lowered_limits_lock_nobody_out(database, policy, rider, midday):
    empty(database, timedelta(hours=3))
    assert not send(database, policy, stop=True)
    assert row(database).bucket_full_at == midday + timedelta(seconds=6)
    clock.advance(buckets.LONGEST_REST)
    assert send(database, policy)


def test_a_clock_set_back_locks_nobody_out(database, policy, rider, midday, clock_at):
    for _ in range(12):
        send(database, policy)
    clock_at(midday - timedelta(hours=5))
    assert not send(database, policy)
    clock.advance(LIMITS.step)
    assert send(database, policy)


def test_a_bucket_is_its_persons_own(database, policy, rider):
    while send(database, policy):
        pass
    with database.transaction() as session:
        other = people.meet(session, person_id=6, language_code="en", policy=policy)
        assert buckets.let_in(session, person=other, limits=LIMITS)


def test_what_is_rolled_back_took_nothing(database, policy, rider):
    with database.transaction() as session:
        person = people.locked(session, person_id=5)
        buckets.let_in(session, person=person, limits=LIMITS)
        session.rollback()
    assert row(database).bucket_full_at is None


class Model:
    """A bucket as one would draw it: tokens in it, more dripping in as time goes by."""

    def __init__(self, limits: Limits) -> None:
        self.size = limits.burst
        self.step = limits.step
        self.kept_back = Fraction(
            min(self.size * self.step / 2, timedelta(minutes=1) - self.step) / timedelta.resolution
        ) / Fraction(self.step / timedelta.resolution)
        self.tokens = Fraction(self.size)
        self.told = False

    def wait(self, time: timedelta) -> None:
        self.tokens = min(Fraction(self.size), self.tokens + Fraction(time / self.step))

    def send(self, share: Fraction) -> bool:
        kept_back = max((1 - share) * self.size, self.kept_back if self.told else 0)
        if self.tokens - 1 < kept_back:
            self.told = True
            return False
        self.tokens -= 1
        self.told = False
        return True


WAITS = st.integers(0, 40).map(lambda quarters: timedelta(milliseconds=125) * quarters)
RATES = st.sampled_from([60, 120, 240])
EVENTS = st.lists(
    st.tuples(WAITS | st.just(timedelta(0)), st.sampled_from([1.0, 0.25])), min_size=1, max_size=80
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(EVENTS, st.builds(Limits, burst=st.just(10) | st.just(30), updates_per_minute=RATES))
@example([(timedelta(0), 1.0)] * 30 + [(timedelta(seconds=4), 1.0)] * 4, LIMITS)
def test_it_does_what_a_drawn_bucket_does(database, policy, rider, events, limits):
    drawn = Model(limits)
    with database.transaction() as session:
        person = people.locked(session, person_id=5)
        person.bucket_full_at = person.flood_told_at = None
    for time, share in events:
        clock.advance(time)
        drawn.wait(time)
        expected = drawn.send(Fraction(share))
        assert send(database, policy, limits=limits, share=share, stop=True) is expected
        assert (row(database).flood_told_at is not None) is drawn.told


def test_many_processes_let_no_more_in_than_one(database_url, policy, midday):
    processes = [Database(create(database_url)) for _ in range(4)]
    with processes[0].transaction() as session:
        people.meet(session, person_id=5, language_code="en", policy=policy)
    together = Barrier(len(processes))

    def flood(database):
        together.wait(30)
        return sum(send(database, policy, stop=True) for _ in range(10))

    with ThreadPoolExecutor(len(processes)) as pool:
        let_in = list(pool.map(flood, processes))
    assert sum(let_in) == LIMITS.burst
    assert row(processes[0]).bucket_full_at == midday + timedelta(seconds=6)
    for database in processes:
        database.close()
