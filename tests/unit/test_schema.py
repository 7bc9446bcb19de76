"""Migrations: from nothing and back, over filled tables, to exactly what the models say."""

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from bot import schema
from models import Base, Person, Report
from services import ledger, outbox, review


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
            reviewer_id=7,
            reviewer_name="林审核",
            grade=2,
            policy=scene.policy,
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
        assert ledger.balance(session, person_id=rider_id) == 10


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
