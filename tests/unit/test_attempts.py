"""Guesses: counted by person and kind, for an hour from the first wrong one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select

from bot.database import Database, create
from models import Attempt, clock
from services import attempts, people
from services.attempts import LINK, SETUP_CODE
from services.refusals import TooManyGuesses


def guess(database, policy, *, person_id=5, kind=LINK):
    """A wrong guess; whether it was allowed, and if not, when the next is."""
    with database.transaction() as session:
        person = people.meet(session, person_id=person_id, language_code="en", policy=policy)
        try:
            attempts.require_chance(session, person=person, kind=kind, limits=policy.limits)
        except TooManyGuesses as refusal:
            return refusal.again_at
        attempts.wrong(session, person=person, kind=kind)
        return None


def test_so_many_wrong_guesses_and_no_more(database, policy, midday):
    assert policy.limits.guesses_per_hour == 5
    for _ in range(5):
        assert guess(database, policy) is None
        clock.advance(timedelta(minutes=2))
    # However often one tries meanwhile: the hour is that of the first.
    assert [guess(database, policy) for _ in range(3)] == [midday + timedelta(hours=1)] * 3


def test_after_an_hour_it_begins_anew(database, policy, midday):
    for _ in range(6):
        guess(database, policy)
    clock.advance(timedelta(minutes=59, seconds=59))
    assert guess(database, policy) is not None
    clock.advance(timedelta(seconds=1))
    assert guess(database, policy) is None
    with database.transaction() as session:
        row = session.get(Attempt, (5, LINK))
        assert (row.count, row.since) == (1, midday + timedelta(hours=1))


def test_each_kind_and_each_person_has_its_own_count(database, policy, midday):
    for _ in range(6):
        guess(database, policy)
    assert guess(database, policy) is not None
    assert guess(database, policy, kind=SETUP_CODE) is None
    assert guess(database, policy, person_id=6) is None


def test_two_guesses_in_one_transaction_are_two(database, policy, midday):
    with database.transaction() as session:
        person = people.meet(session, person_id=5, language_code="en", policy=policy)
        for _ in range(2):
            attempts.wrong(session, person=person, kind=LINK)
    with database.transaction() as session:
        assert session.get(Attempt, (5, LINK)).count == 2


def test_guesses_at_once_are_all_counted(database_url, policy, midday):
    processes = [Database(create(database_url)) for _ in range(3)]
    with processes[0].transaction() as session:
        people.meet(session, person_id=5, language_code="en", policy=policy)
    together = Barrier(len(processes))

    def guesses(database):
        together.wait(30)
        return [guess(database, policy) for _ in range(4)].count(None)

    with ThreadPoolExecutor(len(processes)) as pool:
        assert sum(pool.map(guesses, processes)) == policy.limits.guesses_per_hour
    for database in processes:
        database.close()


@pytest.mark.parametrize(("minutes", "left"), [(59, 1), (60, 0)])
def test_what_can_no_longer_count_is_forgotten(database, policy, midday, minutes, left):
    guess(database, policy)
    clock.advance(timedelta(minutes=minutes))
    with database.transaction() as session:
        attempts.forget_old(session)
        assert session.scalar(select(func.count()).select_from(Attempt)) == left
