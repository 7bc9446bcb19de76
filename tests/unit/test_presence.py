"""bot/presence.py and bot/advisory.py: who is there, who leads, what the dead leave behind."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot import advisory
from bot.database import Database, create
from bot.presence import ALONE, Presence
from models.errands import ErrandKind
from models.outgoing import OutgoingState
from services import errands, outbox


@pytest.fixture
def databases(postgresql_engine):
    """The same PostgreSQL database, as two processes have it."""
    url = postgresql_engine.url.render_as_string(hide_password=False)
    both = [Database(create(url)) for _ in range(2)]
    yield both
    for database in both:
        database.close()


@pytest.fixture
async def two(databases):
    """Two processes; both are there."""
    both = [Presence(database) for database in databases]
    for presence in both:
        await presence.enter()
    yield both
    for presence in both:
        presence._leave()


def hold_something(database, number):
    """A message on its way and an errand being run."""
    with database.transaction() as session:
        outbox.queue(session, chat_id=number, method="sendMessage", payload={"text": "x"})
        errands.ask(session, kind=ErrandKind.PHOTO, payload={})
    with database.transaction() as session:
        outbox.claim(session, holder=number, bulk_per_second=25, group_per_minute=0)
        errands.take(session, limit=10, holder=number)


def under_way(database):
    with database.transaction() as session:
        return outbox.holders(session), errands.holders(session)


def cut(presence):
    """What a kill -9, a power cut or a broken network does, once the server has seen it."""
    presence._connection.connection.dbapi_connection.close()
    with presence._database.engine.connect() as other:
        while presence.number in advisory.holders(other, advisory.ALIVE):
            continue


async def test_one_of_two_leads(two):
    assert [presence.leads for presence in two] == [True, False]
    assert two[0].number != two[1].number


async def test_when_the_leader_dies_the_other_leads_at_its_next_beat(two):
    leader, other = two
    heard = []
    other.when_leading(heard.append)
    await other._beat()
    assert heard == []

    cut(leader)
    await other._beat()
    assert other.leads
    assert heard == [True]


async def test_what_the_dead_held_is_taken_up_and_what_the_living_hold_is_not(two, databases):
    leader, other = two
    woken = []
    other.when_taken_up(lambda: woken.append(True))
    for presence, database in zip(two, databases, strict=True):
        hold_something(database, presence.number)
    await other._beat()
    both = {leader.number, other.number}
    assert under_way(databases[1]) == (both, both)
    assert woken == []

    cut(leader)
    await other._beat()
    assert under_way(databases[1]) == ({other.number}, {other.number})
    assert woken == [True]
    with databases[1].transaction() as session:
        (again,) = outbox.rows(session, state=OutgoingState.QUEUED, limit=10)
        assert again.chat_id == leader.number


async def test_a_new_process_takes_up_what_was_left_at_once(databases):
    hold_something(databases[0], 4711)
    presence = Presence(databases[1])
    await presence.enter()
    assert under_way(databases[1]) == (set(), set())
    presence._leave()


async def test_who_lost_the_connection_comes_back_under_the_same_number(two, databases):
    leader, other = two
    hold_something(databases[0], leader.number)
    heard = []
    leader.when_leading(heard.append)
    with databases[1].engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks "
                "WHERE locktype = 'advisory' AND classid = :space AND objid = :number"
            ),
            {"space": advisory.ALIVE, "number": leader.number},
        )
    await leader._beat()
    assert heard == [False]
    await other._beat()
    assert other.leads

    number = leader.number
    await leader._beat()
    assert (leader.number, leader.leads) == (number, False)
    with Session(databases[1].engine) as session:
        alive = advisory.holders(session.connection(), advisory.ALIVE)
    assert alive == {leader.number, other.number}


async def test_alone_on_sqlite_it_leads_and_takes_up_what_was_left(sqlite_url):
    database = Database(create(sqlite_url))
    hold_something(database, ALONE)
    presence = Presence(database)
    await presence.enter()
    assert presence.leads
    assert presence.number == ALONE
    assert under_way(database) == (set(), set())
    database.close()


async def test_files_are_deleted_by_one_alone_and_put_by_many_together(databases):
    one, other = databases
    async with one.shelves(shared=True), other.shelves(shared=True):
        with other.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            assert not advisory.take(connection, advisory.SINGLE, advisory.SHELVING)
    async with one.shelves():
        pass
    with other.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert advisory.take(connection, advisory.SINGLE, advisory.SHELVING)
        connection.invalidate()
