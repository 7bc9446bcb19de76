"""Errands: taken by one at a time, tried again with longer waits, given up in the end."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select

from models import Errand, clock
from models.errands import ErrandKind
from services import errands


def ask(database, number=1):
    with database.transaction() as session:
        errands.ask(session, kind=ErrandKind.PHOTO, payload={"photo_id": number})


def take(database, limit=10, holder=1):
    with database.transaction() as session:
        return errands.take(session, limit=limit, holder=holder)


def again(database, task):
    with database.transaction() as session:
        errands.again(session, task=task)


def next_due(database):
    with database.transaction() as session:
        return errands.next_due(session)


def test_an_errand_is_due_at_once(database, midday):
    assert next_due(database) is None
    ask(database)
    assert next_due(database) == midday

    (task,) = take(database)

    assert (task.kind, task.payload, task.last) == (ErrandKind.PHOTO, {"photo_id": 1}, False)


def test_what_a_newer_version_asks_is_left_to_it(database, midday):
    with database.transaction() as session:
        session.add(
            Errand(kind="horoscope", payload={}, created_at=midday, not_before=midday, tries=0)
        )
    assert next_due(database) is None
    ask(database)
    assert [task.kind for task in take(database)] == [ErrandKind.PHOTO]


def test_what_was_rolled_back_is_never_asked(database):
    with database.transaction() as session:
        errands.ask(session, kind=ErrandKind.ADDRESS, payload={})
        session.rollback()
    assert take(database) == []


def test_who_has_taken_an_errand_keeps_it_for_a_while(database, midday):
    ask(database)
    (task,) = take(database)
    assert take(database) == []
    assert next_due(database) == midday + errands.LEASE

    clock.advance(errands.LEASE)
    assert [other.id for other in take(database)] == [task.id]


def test_an_errand_is_finished_once(database):
    ask(database)
    (task,) = take(database)
    with database.transaction() as session:
        assert errands.done(session, task=task)
    with database.transaction() as session:
        assert not errands.done(session, task=task)
        assert session.scalars(select(Errand)).all() == []


def test_the_oldest_come_first_and_no_more_than_asked_for(database, midday):
    for number in range(5):
        ask(database, number)
        clock.advance(timedelta(seconds=1))
    taken = take(database, limit=3) + take(database, limit=3)
    assert [task.payload["photo_id"] for task in taken] == [0, 1, 2, 3, 4]


def test_the_waits_grow_until_the_errand_is_given_up(database, midday):
    ask(database)
    for wait in errands.WAITS:
        (task,) = take(database)
        assert not task.last
        again(database, task)
        assert next_due(database) == clock.now() + timedelta(seconds=wait)
        clock.advance(timedelta(seconds=wait - 1))
        assert take(database) == []
        clock.advance(timedelta(seconds=1))

    (task,) = take(database)
    assert task.last


def test_trying_again_what_somebody_finished_changes_nothing(database):
    ask(database)
    (task,) = take(database)
    with database.transaction() as session:
        errands.done(session, task=task)
    again(database, task)
    assert next_due(database) is None


def test_what_a_dead_process_had_taken_is_due_and_what_a_living_one_has_is_not(database, midday):
    ask(database, 1)
    take(database, holder=1)
    ask(database, 2)
    take(database, holder=2)
    clock.advance(timedelta(seconds=1))
    with database.transaction() as session:
        assert errands.holders(session) == {1, 2}
        assert errands.recover(session, gone={1}) == 1
        assert errands.recover(session, gone={1}) == 0
    assert [task.payload["photo_id"] for task in take(database)] == [1]


def test_what_is_tried_again_later_is_nobodys(database, midday):
    ask(database)
    (task,) = take(database)
    again(database, task)
    with database.transaction() as session:
        assert errands.holders(session) == set()
        assert errands.recover(session, gone={1}) == 0


def test_an_errand_bears_the_name_of_what_it_came_from(database):
    with database.transaction() as session:
        session.info["origin"] = "update:7"
        errands.ask(session, kind=ErrandKind.PHOTO, payload={})
    (task,) = take(database)
    assert task.origin == "update:7"


@pytest.mark.parametrize("count", [1, 30])
def test_two_workers_at_once_never_take_the_same(database, count):
    for number in range(count):
        ask(database, number)
    together = Barrier(2)

    def work(_):
        together.wait(30)
        return [task.id for task in take(database, limit=count)]

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(work, range(2))
    assert len(one) + len(other) == len(set(one) | set(other)) == count


def test_what_somebody_waits_for_goes_first(database, midday):
    ask(database, 1)
    clock.advance(timedelta(minutes=1))
    with database.transaction() as session:
        errands.ask(session, kind=ErrandKind.MEMBER, payload={"photo_id": 2}, first=True)
    first, second = take(database)
    assert [first.payload["photo_id"], second.payload["photo_id"]] == [2, 1]
    assert first.first
    again(database, first)
    clock.advance(timedelta(seconds=errands.WAITS[0]))
    (later,) = take(database)
    assert not later.first
