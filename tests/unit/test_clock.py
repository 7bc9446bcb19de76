"""The one clock: it runs by itself, stops when told to, and knows no moment without a zone."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import StatementError

from models import SeenUpdate, clock

THEN = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)


def test_it_runs():
    before = clock.now()
    assert before.tzinfo is UTC
    assert clock.now() >= before


def test_it_stops_for_the_length_of_a_block():
    with clock.stopped(THEN):
        assert clock.now() == clock.now() == THEN
        with clock.stopped(THEN + timedelta(days=1)):
            assert clock.now() == THEN + timedelta(days=1)
        assert clock.now() == THEN
    assert clock.now() != THEN


def test_it_goes_on_after_a_failure():
    with pytest.raises(RuntimeError, match="within"), clock.stopped(THEN):
        raise RuntimeError("within")
    assert clock.now() != THEN


def test_a_stopped_clock_can_be_moved():
    with clock.stopped(THEN):
        clock.advance(timedelta(minutes=5))
        assert clock.now() == THEN + timedelta(minutes=5)


def test_a_running_clock_cannot_be_moved():
    with pytest.raises(RuntimeError, match="stopped clock"):
        clock.advance(timedelta(minutes=5))


def test_it_tells_utc_wherever_it_was_stopped():
    with clock.stopped(THEN.astimezone(timezone(timedelta(hours=8)))):
        assert clock.now() == THEN
        assert clock.now().tzinfo is UTC


def test_it_takes_no_moment_without_a_zone():
    with pytest.raises(ValueError, match="zone-aware"), clock.stopped(THEN.replace(tzinfo=None)):
        pass


def test_the_database_keeps_moments_to_the_microsecond_in_utc(database):
    moment = datetime(2026, 11, 24, 13, 30, 1, 234567, tzinfo=timezone(timedelta(hours=8)))
    with database.transaction() as session:
        session.add(SeenUpdate(update_id=1, at=moment))
    with database.transaction() as session:
        kept = session.get(SeenUpdate, 1).at
    assert kept == moment
    assert kept.utcoffset() == timedelta(0)


def test_the_database_takes_no_moment_without_a_zone(database):
    with (
        pytest.raises(StatementError, match="without a zone"),
        database.transaction() as session,
    ):
        session.add(SeenUpdate(update_id=1, at=THEN.replace(tzinfo=None)))
