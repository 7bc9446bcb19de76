"""Prepared statements: the session's transaction and errors, and the domain's values."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import bindparam, delete, func, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from bot.database import create, is_away
from models import FailedUpdate, Person, Photo, Report, SeenUpdate
from services import photos
from services.statements import Prepared
from services.upserts import insert_new_object, insert_object, insert_row

AT = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)
FAILURE = {
    "update_id": 5,
    "tries": 1,
    "first_at": AT,
    "last_at": AT,
    "set_aside_at": None,
    "error": "ValueError",
    "payload": {"update_id": 5, "text": "井盖 100 % of it"},
}


def person(**told) -> dict[str, object]:
    values = {
        "id": 7,
        "language": "en",
        "language_chosen": True,
        "bird": 1,
        "bird_number": 27,
        "created_at": AT,
    }
    return values | told


def test_values_go_in_and_come_out_as_the_domain_has_them(database):
    names = ("at", "json", "nothing", "words")
    columns = (FailedUpdate.first_at, FailedUpdate.payload, FailedUpdate.set_aside_at)
    wanted = Prepared(
        select(*columns, FailedUpdate.error).where(FailedUpdate.update_id == bindparam("id"))
    )
    with database.transaction() as session:
        insert_row(session, model=FailedUpdate, values=FAILURE)
    with database.transaction() as session:
        for _ in range(2):
            found = dict(zip(names, wanted.first(session, id=5), strict=True))
            assert found == {
                "at": AT,
                "json": FAILURE["payload"],
                "nothing": None,
                "words": "ValueError",
            }
            assert found["at"].tzinfo is not None
        assert wanted.first(session, id=6) is None
        assert session.get(FailedUpdate, 5).payload == FAILURE["payload"]


def test_a_moment_without_a_zone_is_refused(database):
    values = {"update_id": 5, "at": AT.replace(tzinfo=None)}
    with database.transaction() as session, pytest.raises(ValueError, match="without a zone"):
        insert_row(session, model=SeenUpdate, values=values)


def test_what_stands_in_the_statement_itself_goes_along(database):
    forget = Prepared(
        delete(Person).where(Person.language_chosen.is_(True), Person.language == "en")
    )
    change = Prepared(
        update(Person)
        .where(Person.id == bindparam("who"), Person.unreachable_since.is_(None))
        .values(language="zh_Hans", bucket_full_at=None, unreachable_since=bindparam("since"))
        .returning(Person.language_chosen, Person.unreachable_since)
    )
    with database.transaction() as session:
        insert_row(session, model=Person, values=person())
        insert_row(session, model=Person, values=person(id=8, bird_number=28))
        ((chosen, since),) = change.rows(session, who=8, since=AT)
        assert (chosen, since) == (True, AT)
        assert change.rows(session, who=8, since=AT) == []
        forget.run(session)
        assert session.scalars(select(Person.id)).all() == [8]


def test_it_is_a_part_of_the_transaction(database):
    count = Prepared(select(func.count()).select_from(SeenUpdate))
    with database.transaction() as session:
        insert_row(session, model=SeenUpdate, values={"update_id": 5, "at": AT})
        assert count.scalar(session) == 1
        session.rollback()
        assert count.scalar(session) == 0


def test_its_errors_are_known_and_tell_nothing_of_what_people_sent(database):
    with database.transaction() as session:
        insert_row(session, model=Person, values=person())
    with database.transaction() as session, pytest.raises(IntegrityError) as caught:
        insert_row(session, model=Person, values=person(language="secret"))
    assert not is_away(caught.value)
    assert "secret" not in str(caught.value)


def test_a_database_that_cannot_be_written_is_away(sqlite_url):
    engine = create(sqlite_url)
    with Session(engine) as session:
        session.connection().exec_driver_sql("PRAGMA query_only = ON")
        with pytest.raises(OperationalError) as caught:
            insert_row(session, model=SeenUpdate, values={"update_id": 5, "at": AT})
    assert is_away(caught.value)
    engine.dispose()


def test_a_connection_that_is_gone_is_noticed_and_not_used_again(postgresql_engine):
    own_pid = Prepared(select(func.pg_backend_pid()))
    with Session(postgresql_engine) as session:
        pid = own_pid.scalar(session)
        with postgresql_engine.begin() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        with pytest.raises(OperationalError) as caught:
            own_pid.scalar(session)
    assert is_away(caught.value)
    assert caught.value.connection_invalidated
    with Session(postgresql_engine) as session:
        assert own_pid.scalar(session) != pid


def test_a_list_of_no_known_length_is_refused(database):
    wanted = Prepared(select(Report.id).where(Report.state.in_(["submitted"])))
    with database.transaction() as session, pytest.raises(ValueError, match="IN list"):
        wanted.rows(session)


def test_a_column_whose_default_the_database_does_not_know_has_to_be_given(database):
    values = person()
    del values["language_chosen"]
    with database.transaction() as session, pytest.raises(ValueError, match="default"):
        insert_row(session, model=Person, values=values)


class TestObjects:
    def test_a_new_row_is_an_object_whose_changes_are_kept(self, database, scene):
        with database.transaction() as session:
            draft = scene.draft(session, scene.person(session))
            draft.note = "deep"
        with database.transaction() as session:
            assert session.get(type(draft), draft.id).note == "deep"

    def test_a_column_not_given_is_read_when_it_is_asked_for(self, database, scene):
        with database.transaction() as session:
            owner = scene.person(session)
            photo = photos.note(session, owner_id=owner.id, sent=scene.photo())
            session.execute(update(Photo).values(preview_file_id="copy"))
            assert photo.preview_file_id == "copy"

    def test_a_taken_key_brings_no_object(self, database):
        with database.transaction() as session:
            owner = insert_object(session, model=Person, values=person())
            assert session.get(Person, 7) is owner
            assert insert_new_object(session, model=Person, values=person(id=9)) is None
