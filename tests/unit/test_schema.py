"""Migrations: from nothing and back, over filled tables, to exactly what the models say."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from bot import schema
from bot.database import create
from models import Base, Person, Report
from services import errands, ledger, outbox, review
from services.reviewers import Reviewer
from tests.conftest import url_of


def tables(engine):
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def test_the_migrations_lead_to_what_the_models_describe(bare_engine):
    schema.upgrade(bare_engine)

    assert schema.is_current(bare_engine)
    assert schema.differences(bare_engine) == []
    assert tables(bare_engine) == set(Base.metadata.tables)


def test_a_missing_column_is_told_as_a_difference(bare_engine):
    schema.upgrade(bare_engine)
    with bare_engine.begin() as connection:
        connection.execute(text("ALTER TABLE person DROP COLUMN unreachable_since"))

    (difference,) = schema.differences(bare_engine)

    assert difference[0] == "add_column"
    assert difference[3].name == "unreachable_since"


def test_a_bare_database_is_not_current(bare_engine):
    assert not schema.is_current(bare_engine)


def test_upgrading_twice_changes_nothing(bare_engine):
    schema.upgrade(bare_engine)
    schema.upgrade(bare_engine)

    assert schema.is_current(bare_engine)


def test_all_the_way_down_leaves_nothing_and_up_again_works(bare_engine):
    schema.upgrade(bare_engine)
    schema.downgrade(bare_engine, "base")
    assert tables(bare_engine) == set()

    schema.upgrade(bare_engine)

    assert schema.differences(bare_engine) == []


def fill(engine, scene):
    with Session(engine) as session:
        report = scene.report(session)
        scene.draft(session, scene.person(session), category=None)
        review.approve(
            session,
            report=report,
            reviewer=Reviewer(7, "林审核", is_chief=False),
            grade=2,
            policy=scene.policy,
            desk_size=1,
        )
        outbox.queue(session, chat_id=report.reporter_id, method="sendMessage", payload={})
        session.commit()
        return report.id, report.reporter_id


def test_upgrading_a_filled_database_loses_nothing(bare_engine, scene):
    schema.upgrade(bare_engine)
    report_id, rider_id = fill(bare_engine, scene)

    schema.upgrade(bare_engine)

    with Session(bare_engine) as session:
        assert session.get(Report, report_id).grade == 2
        assert session.get(Person, rider_id) is not None
        assert ledger.balance(session, person_id=rider_id).points == 10


def test_a_filled_database_can_go_all_the_way_down(bare_engine, scene):
    schema.upgrade(bare_engine)
    fill(bare_engine, scene)

    schema.downgrade(bare_engine, "base")

    assert tables(bare_engine) == set()


def test_the_command_says_that_all_is_well(capsys):
    assert schema.main() == 0
    assert capsys.readouterr().out == "migrations: ok\n"


def test_the_command_fails_where_a_migration_is_missing(capsys, monkeypatch):
    monkeypatch.setattr(schema, "upgrade", lambda engine: None)

    assert schema.main() == 1
    assert "add_table" in capsys.readouterr().out


@pytest.mark.parametrize("table", ["report_event", "ledger_transaction", "ledger_entry"])
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE"])
def test_what_happened_cannot_be_changed(bare_engine, scene, table, verb):
    schema.upgrade(bare_engine)
    fill(bare_engine, scene)
    statement = f"UPDATE {table} SET id = id" if verb == "UPDATE" else f"DELETE FROM {table}"

    with (
        pytest.raises(Exception, match=f"{table} rows are never changed"),
        bare_engine.begin() as connection,
    ):
        connection.execute(text(statement))


@pytest.mark.parametrize("table", ["report_event", "ledger_transaction", "ledger_entry"])
def test_postgresql_refuses_to_empty_the_books_as_well(postgresql_engine, scene, table):
    fill(postgresql_engine, scene)

    with (
        pytest.raises(Exception, match="rows are never changed"),
        postgresql_engine.begin() as connection,
    ):
        connection.execute(text(f"TRUNCATE {table} CASCADE"))


# What a process of the version of 0001 writes: it knows no later column.
OLD_OUTGOING = text(
    "INSERT INTO outgoing (chat_id, method, payload, guarantee, state, created_at, tries) "
    "VALUES (5, 'sendMessage', '{}', 'at_least_once', 'queued', '2026-11-24 05:30:00', 0)"
)
OLD_ERRAND = text(
    "INSERT INTO errand (kind, payload, created_at, not_before, tries) "
    "VALUES ('forget', '{}', '2026-11-24 05:30:00', '2026-11-24 05:30:00', 0)"
)
OLD_PERSON = text(
    "INSERT INTO person (id, language, language_chosen, bird, bird_number, created_at) "
    "VALUES (5, 'en', false, 1, 1, '2026-11-24 05:30:00')"
)


def test_the_version_before_works_on_while_and_after_the_next_one_migrates(bare_engine):
    schema.upgrade(bare_engine, "0001")
    for statement in (OLD_PERSON, OLD_OUTGOING):
        with bare_engine.begin() as connection:
            connection.execute(statement)

    schema.upgrade(bare_engine)

    with bare_engine.begin() as connection:
        connection.execute(OLD_OUTGOING)
        connection.execute(OLD_ERRAND)
        # It hands out many rows of a chat at once.
        connection.execute(text("UPDATE outgoing SET state = 'sending', tries = tries + 1"))
    with Session(bare_engine) as session:
        assert outbox.recover(session, gone=outbox.holders(session)) == 2
        claimed = outbox.claim(session, holder=1, bulk_per_second=25, group_per_minute=0)
        assert len(claimed.sendings) == 1
        assert len(errands.take(session, limit=10, holder=1)) == 1


@pytest.fixture
def bare_postgresql(request):
    for url in url_of(request, "postgresql", migrated=False):
        engine = create(url)
        yield engine
        engine.dispose()


def test_processes_that_start_at_once_migrate_once(bare_postgresql):
    url = bare_postgresql.url.render_as_string(hide_password=False)
    engines = [create(url) for _ in range(3)]
    together = Barrier(3)

    def start(engine):
        together.wait(30)
        schema.upgrade(engine)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(start, engines))
    for engine in engines:
        assert schema.differences(engine) == []
        engine.dispose()


def test_a_migration_that_waits_for_a_table_gives_way_and_comes_again(bare_postgresql, monkeypatch):
    """Who waits for a lock holds up everybody behind; so it gives up soon, again and again."""
    schema.upgrade(bare_postgresql, "0001")
    waited = []
    blocker = bare_postgresql.connect()
    blocker.execute(text("LOCK TABLE outgoing IN ACCESS SHARE MODE"))

    def gives_way(event, **told):
        waited.append(event)
        blocker.close()

    monkeypatch.setattr(schema.log, "warning", gives_way)
    schema.upgrade(bare_postgresql)
    assert waited == ["migration_waits_for_locks"]
    assert schema.differences(bare_postgresql) == []


def test_a_table_that_is_never_free_ends_the_start_with_a_line(bare_postgresql, monkeypatch):
    monkeypatch.setattr(schema, "LOCK_TRIES", 1)
    schema.upgrade(bare_postgresql, "0001")
    with bare_postgresql.connect() as blocker:
        blocker.execute(text("LOCK TABLE outgoing IN ACCESS SHARE MODE"))
        with pytest.raises(OperationalError, match="lock timeout"):
            schema.upgrade(bare_postgresql)
    assert not schema.is_current(bare_postgresql)


def test_a_process_of_the_version_before_may_start_beside_the_next(bare_postgresql):
    schema.upgrade(bare_postgresql)
    with bare_postgresql.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    schema.upgrade(bare_postgresql)
    assert schema.is_current(bare_postgresql)


def test_no_time_out_of_a_migration_stays_on_a_connection(bare_postgresql):
    schema.upgrade(bare_postgresql)
    with bare_postgresql.connect() as connection:
        assert connection.scalar(text("SHOW lock_timeout")) == "0"
        assert connection.scalar(text("SHOW statement_timeout")) == "0"
