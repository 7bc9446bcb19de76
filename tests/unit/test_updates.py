"""Updates: applied once, tried three times, forgotten when they can no longer come again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select

from models import FailedUpdate, SeenUpdate, clock
from services import alarms, updates


def fail(session, update_id=5, error="ValueError"):
    return updates.failed(
        session, update_id=update_id, error=error, payload={"update_id": update_id}
    )


def test_an_update_is_seen_for_the_first_time_once(database):
    with database.transaction() as session:
        assert updates.first_sight(session, update_id=5)
    with database.transaction() as session:
        assert not updates.first_sight(session, update_id=5)
        assert updates.first_sight(session, update_id=6)


def test_an_update_rolled_back_was_never_seen(database):
    with database.transaction() as session:
        updates.first_sight(session, update_id=5)
        session.rollback()
    with database.transaction() as session:
        assert updates.first_sight(session, update_id=5)


def test_the_third_failure_sets_an_update_aside(database, midday):
    for tries in (1, 2):
        with database.transaction() as session:
            assert fail(session) == updates.Failure(tries=tries, set_aside=False)
            assert session.get(SeenUpdate, 5) is None
        clock.advance(timedelta(seconds=10))

    with database.transaction() as session:
        assert fail(session, error="KeyError") == updates.Failure(tries=3, set_aside=True)

    with database.transaction() as session:
        row = session.get(FailedUpdate, 5)
        assert (row.error, row.payload) == ("KeyError", {"update_id": 5})
        assert row.first_at == midday
        assert row.last_at == row.set_aside_at == midday + timedelta(seconds=20)
        assert not updates.first_sight(session, update_id=5)


def test_what_is_no_json_is_kept_all_the_same(database):
    payload = {
        "update_id": 5,
        "latitude": float("nan"),
        "accuracy": float("inf"),
        "text": "\0\ud800",
    }
    with database.transaction() as session:
        updates.failed(session, update_id=5, error="ValueError", payload=payload)
    with database.transaction() as session:
        kept = session.get(FailedUpdate, 5).payload
        assert kept == payload | {"latitude": "NaN", "accuracy": "Infinity"}


def test_an_update_may_fail_in_two_processes_at_once(database):
    together = Barrier(2)

    def try_it(_):
        together.wait()
        return database.run_here(lambda session: fail(session).tries)

    for round_ in range(5):
        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(try_it, range(2))) == [1, 2], round_
        database.run_here(lambda session: updates.forget_failure(session, update_id=5))


def test_a_failure_after_that_sets_nothing_aside_anew(database, midday):
    with database.transaction() as session:
        for _ in range(3):
            fail(session)
        clock.advance(timedelta(hours=1))
        assert fail(session) == updates.Failure(tries=4, set_aside=True)
        assert session.get(FailedUpdate, 5).set_aside_at == midday


def test_each_update_fails_for_itself(database):
    with database.transaction() as session:
        fail(session)
        fail(session)
        assert fail(session, update_id=6).tries == 1


def test_what_can_no_longer_come_twice_is_forgotten(database, midday):
    with database.transaction() as session:
        updates.first_sight(session, update_id=1)
        clock.advance(updates.SEEN_FOR)
        updates.first_sight(session, update_id=2)
        updates.forget_old(session)
        assert session.get(SeenUpdate, 1) is not None
        clock.advance(timedelta(seconds=1))
        updates.forget_old(session)

    with database.transaction() as session:
        assert session.scalars(select(SeenUpdate.update_id)).all() == [2]


def test_a_failure_that_went_in_after_all_is_forgotten(database):
    with database.transaction() as session:
        fail(session)
        fail(session, update_id=6)
        updates.forget_failure(session, update_id=5)
        updates.forget_failure(session, update_id=7)

    with database.transaction() as session:
        assert session.scalars(select(FailedUpdate.update_id)).all() == [6]


def test_what_failed_a_month_ago_is_forgotten(database, midday):
    with database.transaction() as session:
        fail(session)
        clock.advance(updates.FAILED_FOR)
        fail(session, update_id=6)
        updates.forget_old(session)
        assert session.get(FailedUpdate, 5) is not None
        clock.advance(timedelta(seconds=1))
        updates.forget_old(session)

    with database.transaction() as session:
        assert session.scalars(select(FailedUpdate.update_id)).all() == [6]


def test_an_alarm_rings_once_an_hour_for_the_same_cause(database, midday):
    rang = []
    for minutes in (0, 30, 29, 1, 1):
        clock.advance(timedelta(minutes=minutes))
        with database.transaction() as session:
            rang.append(alarms.ring(session, key="update:5"))

    assert rang == [True, False, False, True, False]


@pytest.mark.parametrize("key", ["another", "x" * 500])
def test_another_cause_rings_for_itself(database, midday, key):
    with database.transaction() as session:
        assert alarms.ring(session, key="update:5")
        assert alarms.ring(session, key=key)
        assert not alarms.ring(session, key=key)
