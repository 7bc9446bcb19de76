"""bot/database.py: a worker keeps its connection, and only one that is in order."""

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from bot import database as database_module
from bot.database import Database, is_away
from models import SeenUpdate, clock
from services.upserts import insert_row


def raw_connection(session: Session) -> object:
    """What the driver calls a connection."""
    return session.connection().connection.driver_connection


def seen(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(SeenUpdate))


def see(session: Session, update_id: int) -> None:
    insert_row(session, model=SeenUpdate, values={"update_id": update_id, "at": clock.now()})


@pytest.fixture
def alone(database) -> Database:
    """With one worker, on either kind of database."""
    single = Database(database.engine, threads=1)
    yield single
    single.close()


async def test_a_worker_keeps_its_connection(alone):
    assert await alone.run(raw_connection) is await alone.run(raw_connection)
    assert alone.engine.pool.checkedout() == 1


async def test_anybody_else_gives_it_back(alone):
    alone.run_here(raw_connection)
    assert alone.engine.pool.checkedout() == 0


async def test_nothing_of_a_transaction_that_failed_is_left_in_it(alone):
    await alone.run(lambda session: see(session, 1))

    def fail(session: Session) -> None:
        see(session, 2)
        raise KeyError

    with pytest.raises(KeyError):
        await alone.run(fail)
    assert alone.engine.pool.checkedout() == 0
    await alone.run(lambda session: see(session, 3))
    assert await alone.run(seen) == 2


async def test_one_that_has_rested_is_looked_after_by_the_pool(alone, monkeypatch):
    monkeypatch.setattr(database_module, "REST_S", -1.0)
    taken = []
    event.listen(alone.engine, "checkout", lambda *_: taken.append(1))
    for _ in range(3):
        await alone.run(seen)
    assert len(taken) == 3


async def test_one_that_is_gone_is_missed_once(postgresql_engine):
    database = Database(postgresql_engine, threads=1)
    pid = await database.run(lambda session: session.scalar(select(func.pg_backend_pid())))
    with postgresql_engine.begin() as other:
        other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    with pytest.raises(OperationalError) as caught:
        await database.run(seen)
    assert is_away(caught.value)
    assert await database.run(seen) == 0
    database.close()


async def test_closing_closes_what_the_workers_kept(database):
    engine = database.engine
    several = Database(engine, threads=2)
    await several.run(seen)
    several.close()
    assert engine.pool.checkedout() == 0
