"""bot/moving.py: everything arrives in the other database or nothing, and the bot goes on there."""

import io

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from bot import moving
from bot.database import Database, create
from bot.export import Format, write
from models import Draft, Outgoing, SeenUpdate, clock
from services import drafts, exports, ledger, outbox, reports, review
from services.reviewers import Reviewer
from tests import rows
from tests.scene import UP_THE_ROAD


def quiet(*_):
    """Nobody watches."""


def live(session, scene):
    """A morning: reports approved, rejected, joined and undecided, drafts finished and dropped."""
    rider, other = scene.person(session), scene.person(session, language_code="en")
    for grade in (1, 3):
        review.approve(
            session,
            report=scene.report(session, rider),
            reviewer=Reviewer(7, "林审核", is_chief=False),
            grade=grade,
            policy=scene.policy,
            desk_size=1,
        )
    refused = scene.report(session, other, place=UP_THE_ROAD)
    review.reject(
        session,
        report=refused,
        reviewer=Reviewer(7, "林审核", is_chief=False),
        reason=review.reason_of(scene.policy.reject_reasons[0].code, policy=scene.policy),
        policy=scene.policy,
        desk_size=1,
    )
    waiting = scene.report(session, rider)
    reports.join(session, report=waiting, person=other)
    outbox.queue(session, chat_id=-1001, method="sendMessage", payload={"text": "🚧 护栏"})
    drafts.discard(session, draft=scene.draft(session, other))
    return rider.id


@pytest.fixture
def lived(database, scene, midday):
    """A database with a morning in it, and odd rows in every table."""

    def work(session):
        rows.fill(session)
        return live(session, scene)

    rider = database.run_here(work)
    assert all(rows.all_rows(database.engine).values())
    return database, rider


@pytest.fixture(params=["sqlite", "postgresql"])
def other_url(request, tmp_path):
    """The address of another database, without a table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'other.db'}"
        return
    server = request.getfixturevalue("postgresql_server")
    name = server.make(migrated=False)
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def other(other_url):
    other = Database(create(other_url))
    yield other
    other.close()


def reader(database):
    return create(database.engine.url.render_as_string(hide_password=False), read_only=True)


def copied(source, target, show=quiet):
    engine = reader(source)
    try:
        return moving.copy(engine, target, show=show)
    finally:
        engine.dispose()


def exported(database):
    file = io.StringIO(newline="")
    with Session(database.engine) as session:
        write(exports.reports(session), file, format_=Format.GEOJSON, has_places=True)
        write(exports.points(session), file, format_=Format.CSV, has_places=False)
    return file.getvalue()


def test_everything_arrives(lived, other):
    database, rider = lived
    told = []

    counts = copied(database, other, lambda *step: told.append(step))

    assert rows.all_rows(other.engine) == rows.all_rows(database.engine)
    assert exported(other) == exported(database)
    assert counts == {name: len(found) for name, found in rows.all_rows(other.engine).items()}
    assert {name: done for name, done, total in told if done == total} == counts
    with Session(other.engine) as session:
        assert ledger.balance(session, person_id=rider).points > 0


def test_many_rows_arrive_in_batches(database, other, monkeypatch, midday):
    monkeypatch.setattr(moving, "BATCH", 10)
    seen = [{"update_id": number, "at": midday} for number in range(25)]
    database.run_here(lambda session: session.execute(SeenUpdate.__table__.insert(), seen))
    told = []
    copied(database, other, lambda *step: told.append(step))
    assert told == [("seen_update", done, 25) for done in (10, 20, 25)]
    assert rows.all_rows(other.engine) == rows.all_rows(database.engine)


def test_the_bot_goes_on_where_it_was(database, other, scene, midday):
    database.run_here(lambda session: live(session, scene))
    copied(database, other)

    def again(session):
        report = scene.report(session)
        return report.id, report.draft_id

    assert other.run_here(again) == database.run_here(again)


def test_a_number_that_was_given_is_not_given_again(database, other, scene, midday):
    def drop_the_last(session):
        draft = scene.draft(session, scene.person(session))
        number = draft.id
        drafts.discard(session, draft=draft)
        return number

    last = database.run_here(drop_the_last)
    assert database.run_here(lambda session: session.query(Draft).count()) == 0

    copied(database, other)

    assert other.run_here(lambda session: scene.draft(session, scene.person(session)).id) > last


def test_what_is_written_meanwhile_goes_through_and_is_not_copied(lived, other):
    database, _ = lived
    before = rows.all_rows(database.engine)
    wrote = []

    def write_on(*_):
        update = SeenUpdate(update_id=len(wrote) + 1, at=clock.now())
        with impatient.transaction() as session:
            session.add(update)
        wrote.append(update)

    impatient = Database(create(database.engine.url.render_as_string(hide_password=False)))
    if database.is_sqlite:
        # Whoever finds the door shut fails at once.
        event.listen(
            impatient.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=0")
        )
    copied(database, other, write_on)
    impatient.close()

    assert len(wrote) >= len(before)
    assert rows.all_rows(other.engine) == before
    assert len(rows.all_rows(database.engine)["seen_update"]) == len(wrote) + len(
        before["seen_update"]
    )


def test_only_an_empty_database_is_written_to(lived, other):
    database, _ = lived
    copied(database, other)
    before = rows.all_rows(other.engine)
    database.run_here(lambda session: session.query(Outgoing).delete())

    with pytest.raises(moving.NotEmpty, match="person"):
        copied(database, other)

    assert rows.all_rows(other.engine) == before


HARM = {
    "lost": ("RETURN NULL;", moving.Differs, "ledger_entry: 0 of 6 rows"),
    "changed": ("NEW.points = NEW.points + 1; RETURN NEW;", moving.Differs, "balances"),
    "refused": ("RAISE EXCEPTION 'no room';", moving.WouldNotFit, "ledger_entry: no room"),
}


@pytest.mark.parametrize("what", HARM)
def test_what_does_not_arrive_as_it_was_leaves_nothing_behind(
    sqlite_url, postgresql_engine, scene, midday, what
):
    harm, error, said = HARM[what]
    with postgresql_engine.begin() as connection:
        function = f"$$ BEGIN {harm} END $$"
        connection.execute(
            text(f"CREATE FUNCTION harm() RETURNS trigger LANGUAGE plpgsql AS {function}")
        )
        connection.execute(
            text(
                "CREATE TRIGGER harm BEFORE INSERT ON ledger_entry "
                "FOR EACH ROW EXECUTE FUNCTION harm()"
            )
        )
    source, target = Database(create(sqlite_url)), Database(postgresql_engine)
    source.run_here(lambda session: (rows.fill(session), live(session, scene)))

    with pytest.raises(error, match=said):
        copied(source, target)

    assert not any(rows.all_rows(postgresql_engine).values())
    source.close()
    target.close()


def test_words_too_long_for_the_other_database_are_named(sqlite_url, postgresql_engine, midday):
    source, target = Database(create(sqlite_url)), Database(postgresql_engine)
    # SQLite does not look at the length of a text.
    source.run_here(
        lambda session: session.execute(
            text("INSERT INTO alarm (key, rang_at) VALUES (:key, '2026-11-24 01:00:00')"),
            {"key": "k" * 200},
        )
    )
    with pytest.raises(moving.WouldNotFit, match=r"alarm: value too long.*128"):
        copied(source, target)
    source.close()
    target.close()


def test_nobody_writes_to_the_target_meanwhile(sqlite_url, postgresql_engine, scene, midday):
    source, target = Database(create(sqlite_url)), Database(postgresql_engine)
    source.run_here(lambda session: live(session, scene))
    refused = []

    def intrude(*_):
        with postgresql_engine.connect() as connection:
            connection.execute(text("SET lock_timeout = '1ms'"))
            with pytest.raises(Exception, match="lock timeout") as caught:
                connection.execute(text("DELETE FROM seen_update"))
            refused.append(caught)

    copied(source, target, intrude)

    assert refused
    source.close()
    target.close()
