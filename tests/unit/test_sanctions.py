"""services/sanctions.py: warnings before a ban, no ban without an end, nothing ever rewritten."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from bot.database import Database
from models import Person, Sanction, clock
from services import sanctions
from services.refusals import (
    Busy,
    ChiefLifts,
    NotBanned,
    NotForYou,
    NotWarnedYet,
    OwnCase,
    UnknownCode,
    WarnedAlready,
)
from services.reviewers import Reviewer
from services.sanctions import Record

LIN = Reviewer(3001, "林", is_chief=False)
CHIEF = Reviewer(3002, "陈", is_chief=True)
DAY = timedelta(days=1)


@pytest.fixture
def rider(database, scene, midday):
    """A rider with three reports; their numbers."""
    with database.transaction() as session:
        person = scene.person(session)
        return person.id, [scene.report(session, person) for _ in range(3)]


def warn(database, rider, report, *, by=LIN):
    with database.transaction() as session:
        sanctions.warn(session, person_id=rider, reviewer=by, report=report, reason="请拍清楚")


def ban(database, policy, rider, report, *, days=7, by=LIN):
    with database.transaction() as session:
        return sanctions.ban(
            session,
            person_id=rider,
            reviewer=by,
            report=report,
            days=days,
            reason="反复上报同一张图",
            policy=policy,
        )


def lift(database, rider, *, by=CHIEF):
    with database.transaction() as session:
        sanctions.lift(session, person_id=rider, reviewer=by, report=None, reason="误判")


def record(database, rider):
    return database.run_here(lambda session: sanctions.record(session, person_id=rider))


def kinds(database):
    with database.transaction() as session:
        return list(session.scalars(select(Sanction.kind).order_by(Sanction.id)))


def test_who_was_never_in_trouble_has_an_empty_record(database, rider):
    assert record(database, rider[0]) == Record(warnings=0, bans=0, banned_until=None)
    assert record(database, 999) == Record(warnings=0, bans=0, banned_until=None)


def test_a_warning_is_on_record_with_all_that_belongs_to_it(database, rider, midday):
    person, (report, *_) = rider
    warn(database, person, report)
    with database.transaction() as session:
        row = session.scalars(select(Sanction)).one()
        assert (row.person_id, row.kind, row.report_id) == (person, "warning", report.id)
        assert (row.by_id, row.by_name, row.reason) == (3001, "林", "请拍清楚")
        assert (row.at, row.until) == (midday, None)
    assert record(database, person).warnings == 1


def test_one_report_is_worth_one_warning(database, rider):
    person, (report, *_) = rider
    warn(database, person, report)
    with pytest.raises(WarnedAlready):
        warn(database, person, report, by=CHIEF)
    assert record(database, person).warnings == 1


def test_nobody_is_banned_out_of_the_blue(database, policy, rider):
    person, (first, second, third) = rider
    for needed, report in ((2, first), (1, second)):
        with pytest.raises(NotWarnedYet) as refused:
            ban(database, policy, person, third)
        assert refused.value.needed == needed
        warn(database, person, report)
    until = ban(database, policy, person, third)
    assert until == clock.now() + 7 * DAY
    assert record(database, person) == Record(warnings=2, bans=1, banned_until=until)
    assert kinds(database) == ["warning", "warning", "ban"]


def test_old_warnings_do_not_count(database, policy, rider):
    person, (first, second, third) = rider
    warn(database, person, first)
    clock.advance(sanctions.WARNED_FOR - timedelta(seconds=1))
    warn(database, person, second)
    assert record(database, person).warnings == 2
    clock.advance(timedelta(seconds=1))
    with pytest.raises(NotWarnedYet) as refused:
        ban(database, policy, person, third)
    assert refused.value.needed == 1


def test_a_chief_need_not_wait_for_warnings(database, policy, rider):
    person, (report, *_) = rider
    assert ban(database, policy, person, report, by=CHIEF) == clock.now() + 7 * DAY


def test_a_ban_ends_by_itself(database, policy, rider):
    person, (report, *_) = rider
    until = ban(database, policy, person, report, by=CHIEF)
    clock.advance(until - clock.now() - timedelta(seconds=1))
    assert record(database, person).banned_until == until
    clock.advance(timedelta(seconds=1))
    assert record(database, person) == Record(warnings=0, bans=1, banned_until=None)


def test_a_ban_never_shortens_a_longer_one(database, policy, rider):
    person, (first, second, _) = rider
    long = ban(database, policy, person, first, days=30, by=CHIEF)
    clock.advance(DAY)
    assert ban(database, policy, person, second, days=7, by=CHIEF) == long
    assert record(database, person).banned_until == long
    clock.advance(DAY)
    assert ban(database, policy, person, second, days=30, by=CHIEF) == long + 2 * DAY


@pytest.mark.parametrize("days", [-1, 0, 8, 3660])
def test_a_ban_is_as_long_as_the_policy_says(database, policy, rider, days):
    person, (report, *_) = rider
    with pytest.raises(UnknownCode):
        ban(database, policy, person, report, days=days, by=CHIEF)
    assert kinds(database) == []


def test_only_a_chief_lifts_a_ban(database, policy, rider):
    person, (report, *_) = rider
    until = ban(database, policy, person, report, by=CHIEF)
    with pytest.raises(ChiefLifts):
        lift(database, person, by=LIN)
    assert record(database, person).banned_until == until
    lift(database, person)
    assert record(database, person) == Record(warnings=0, bans=1, banned_until=None)
    assert kinds(database) == ["ban", "lifted"]
    with pytest.raises(NotBanned):
        lift(database, person)


def test_nobody_decides_about_themselves(database, policy, rider):
    person, (report, *_) = rider
    ban(database, policy, person, report, by=CHIEF)
    myself = Reviewer(person, "林", is_chief=True)
    with pytest.raises(OwnCase):
        warn(database, person, report, by=myself)
    with pytest.raises(OwnCase):
        ban(database, policy, person, report, by=myself)
    with pytest.raises(OwnCase):
        lift(database, person, by=myself)
    assert kinds(database) == ["ban"]


def test_who_never_wrote_to_us_has_nothing_to_answer_for(database, rider):
    with pytest.raises(NotForYou):
        warn(database, 999, rider[1][0])


@pytest.mark.parametrize("change", ["UPDATE sanction SET reason = ''", "DELETE FROM sanction"])
def test_what_was_imposed_is_never_rewritten(database, rider, change):
    person, (report, *_) = rider
    warn(database, person, report)
    with pytest.raises(DatabaseError), database.transaction() as session:
        session.execute(text(change))
    assert kinds(database) == ["warning"]


def test_of_two_who_warn_for_the_same_report_at_once_one_does(postgresql_engine, scene):
    database = Database(postgresql_engine)
    with database.transaction() as session:
        person = scene.person(session).id
        report = scene.report(session, session.get(Person, person))

    def another():
        # Nobody waits for a rider's row: they may be waiting for ours.
        with pytest.raises(Busy):
            warn(database, person, report, by=CHIEF)

    with ThreadPoolExecutor(1) as pool, database.transaction() as session:
        sanctions.warn(session, person_id=person, reviewer=LIN, report=report, reason="请拍清楚")
        pool.submit(another).result(30)
    with pytest.raises(WarnedAlready):
        warn(database, person, report, by=CHIEF)
    assert record(database, person).warnings == 1
    database.close()
