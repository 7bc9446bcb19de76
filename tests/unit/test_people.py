"""People: their language, their pseudonym, and how the first admin gets in."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select, text

from bot.database import Database
from models import Person, Role, SetupCode, clock
from services import people
from services.refusals import LastAdmin, NotForYou, TooManyGuesses, WrongSetupCode


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("zh", "zh_Hans"),
        ("zh-hans", "zh_Hans"),
        ("zh-Hant-TW", "zh_Hans"),
        ("zh_CN", "zh_Hans"),
        ("en", "en"),
        ("en-GB", "en"),
        ("fr", "en"),
        ("zha", "en"),
        ("", "zh_Hans"),
        (None, "zh_Hans"),
    ],
)
def test_the_app_tells_which_language_is_nearest(policy, tag, language):
    assert people.language_for(tag, policy=policy) == language


def meet(session, policy, person_id=5, language_code="zh-hans"):
    return people.meet(session, person_id=person_id, language_code=language_code, policy=policy)


def test_somebody_new_gets_a_row_and_a_pseudonym(database, policy, midday):
    with database.transaction() as session:
        meet(session, policy)

    with database.transaction() as session:
        person = people.find(session, person_id=5)
        assert (person.language, person.language_chosen) == ("zh_Hans", False)
        assert 0 <= person.bird < people.BIRDS
        assert 1 <= person.bird_number <= 99
        assert person.created_at == midday
        assert person.unreachable_since is None


def test_who_never_wrote_is_nobody(database):
    with database.transaction() as session:
        assert people.find(session, person_id=5) is None


def test_meeting_again_changes_nothing(database, policy):
    with database.transaction() as session:
        first = meet(session, policy)
        name = (first.bird, first.bird_number)
    with database.transaction() as session:
        again = meet(session, policy)
        assert (again.bird, again.bird_number) == name
        assert session.scalar(select(func.count(Person.id))) == 1


def test_ids_of_telegram_need_more_than_32_bits(database, policy):
    with database.transaction() as session:
        assert meet(session, policy, person_id=2**52 - 1).id == 2**52 - 1


def test_the_language_follows_the_app_until_it_is_chosen(database, policy):
    with database.transaction() as session:
        person = meet(session, policy, language_code="zh-hans")
        assert meet(session, policy, language_code="en").language == "en"
        assert meet(session, policy, language_code=None).language == "en"
        people.choose_language(session, person=person, language="zh_Hans")
    with database.transaction() as session:
        assert meet(session, policy, language_code="en").language == "zh_Hans"


def test_nobody_gets_a_pseudonym_that_is_taken(database, policy, monkeypatch):
    drawn = iter([3, 3, 4])
    monkeypatch.setattr(people.random, "randrange", lambda _: next(drawn))
    monkeypatch.setattr(people.random, "randint", lambda *_: 27)
    with database.transaction() as session:
        assert meet(session, policy, person_id=1).bird == 3
        assert meet(session, policy, person_id=2).bird == 4


def test_a_thousand_people_all_have_pseudonyms_of_their_own(database, policy):
    with database.transaction() as session:
        for number in range(1, 1101):
            meet(session, policy, person_id=number)
        names = select(Person.bird, Person.bird_number).distinct().subquery()
        assert session.scalar(select(func.count()).select_from(names)) == 1100


def test_two_first_messages_at_once_make_one_person(database, policy):
    together = Barrier(2)

    def first_message(_):
        together.wait(30)
        with database.transaction() as session:
            person = meet(session, policy)
            return (person.bird, person.bird_number)

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(first_message, range(2))
    assert one == other


def test_who_blocks_the_bot_is_noted_once_and_can_come_back(database, policy, midday, clock_at):
    with database.transaction() as session:
        meet(session, policy)
        people.unreachable(session, person_id=5)
    clock_at(midday.replace(hour=9))
    with database.transaction() as session:
        people.unreachable(session, person_id=5)
        assert people.find(session, person_id=5).unreachable_since == midday
        session.expunge_all()
        people.reachable(session, person_id=5)
        assert people.find(session, person_id=5).unreachable_since is None


def test_an_admin_named_by_an_operator_may_never_have_written(database, policy):
    with database.transaction() as session:
        people.make_admin(session, person_id=5, policy=policy)
        people.make_admin(session, person_id=5, policy=policy)
        assert people.admins(session) == [5]
        people.require_admin(session, person_id=5)
        with pytest.raises(NotForYou):
            people.require_admin(session, person_id=6)


def open_code(database):
    with database.transaction() as session:
        return people.new_setup_code(session).text


def claim(database, policy, text, person_id=5):
    with database.transaction() as session:
        person = meet(session, policy, person_id=person_id)
        try:
            people.claim_setup_code(session, person=person, text=text, policy=policy)
        except (WrongSetupCode, TooManyGuesses):
            return False
        return True


@pytest.mark.parametrize(
    "written", [str, str.lower, lambda code: code.replace("-", " "), lambda code: f" {code}\n"]
)
def test_the_first_to_send_the_code_is_the_first_admin(database, policy, written):
    code = open_code(database)

    assert claim(database, policy, written(code))

    with database.transaction() as session:
        assert people.is_admin(session, person_id=5)
        assert people.new_setup_code(session) is None
        assert session.scalar(select(func.count()).select_from(SetupCode)) == 0


def test_the_code_works_once(database, policy):
    code = open_code(database)
    assert claim(database, policy, code)
    assert not claim(database, policy, code, person_id=6)

    with database.transaction() as session:
        assert people.admins(session) == [5]


def test_a_new_code_ends_the_one_before(database, policy):
    old, new = open_code(database), open_code(database)
    assert not claim(database, policy, old)
    assert claim(database, policy, new)


def test_without_a_code_nobody_becomes_admin(database, policy):
    assert not claim(database, policy, "")


def test_the_code_itself_is_not_in_the_database(database):
    code = open_code(database)
    with database.transaction() as session:
        stored = session.get(SetupCode, 1).code_hash
    assert code.replace("-", "") not in stored
    assert len(code.replace("-", "")) == 12


def test_a_stranger_who_guesses_locks_nobody_out(database, policy):
    code = open_code(database)
    for number in range(30):
        assert not claim(database, policy, f"AAAA-AAAA-{number:04}", person_id=6)

    assert claim(database, policy, code)
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Role)) == 1


def test_who_guesses_too_often_waits_for_an_hour(database, policy, midday):
    code = open_code(database)
    for number in range(policy.limits.guesses_per_hour):
        assert not claim(database, policy, f"AAAA-AAAA-{number:04}")

    with database.transaction() as session:
        person = people.locked(session, person_id=5)
        with pytest.raises(TooManyGuesses) as refused:
            people.claim_setup_code(session, person=person, text=code, policy=policy)
    assert refused.value.again_at == midday + timedelta(hours=1)

    clock.advance(timedelta(hours=1))
    assert claim(database, policy, code)


def test_a_right_code_after_a_few_wrong_ones_is_taken(database, policy):
    code = open_code(database)
    for number in range(policy.limits.guesses_per_hour - 1):
        assert not claim(database, policy, f"AAAA-AAAA-{number:04}")
    assert claim(database, policy, code)


def is_open(database):
    with database.transaction() as session:
        return people.setup_code_open(session)


def test_a_code_is_open_until_there_is_an_admin(database, policy):
    assert not is_open(database)
    code = open_code(database)
    assert is_open(database)
    claim(database, policy, code)
    assert not is_open(database)


def test_an_admin_named_by_an_operator_closes_the_code(database, policy):
    open_code(database)
    with database.transaction() as session:
        people.make_admin(session, person_id=5, policy=policy)
    assert not is_open(database)


def test_a_locked_person_is_seen_as_they_are_now(database, policy):
    with database.transaction() as session:
        assert people.locked(session, person_id=5) is None
        person = meet(session, policy)
        session.connection().exec_driver_sql("UPDATE person SET bird_number = 77")
        assert people.locked(session, person_id=5) is person
        assert person.bird_number == 77


def test_who_locks_a_person_makes_their_next_update_wait(postgresql_engine, policy):
    database = Database(postgresql_engine)
    with database.transaction() as session:
        meet(session, policy)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as session:
            people.locked(session, person_id=5).bird_number = 78
            other = pool.submit(database.run_here, lambda s: meet(s, policy).bird_number)
            # However long the other takes to get here: it cannot have the row before us.
            assert not other.done()
        assert other.result(30) == 78
    database.close()


def hold(database):
    with database.transaction() as session:
        return [(one.person_id, one.role) for one in people.roles(session)]


def set_role(database, policy, person_id, role):
    with database.transaction() as session:
        people.set_role(session, person_id=person_id, role=role, policy=policy)


def test_somebody_has_one_role_or_none(database, policy, midday):
    set_role(database, policy, 5, people.ADMIN)
    set_role(database, policy, 6, people.CHIEF)
    assert hold(database) == [(5, "admin"), (6, "chief")]
    set_role(database, policy, 6, people.ADMIN)
    set_role(database, policy, 6, people.ADMIN)
    assert hold(database) == [(5, "admin"), (6, "admin")]
    set_role(database, policy, 6, None)
    set_role(database, policy, 7, None)
    assert hold(database) == [(5, "admin")]


@pytest.mark.parametrize("role", [people.CHIEF, None])
def test_the_last_admin_stays(database, policy, role):
    set_role(database, policy, 5, people.ADMIN)
    set_role(database, policy, 6, people.CHIEF)
    with pytest.raises(LastAdmin):
        set_role(database, policy, 5, role)
    assert hold(database) == [(5, "admin"), (6, "chief")]
    set_role(database, policy, 6, people.ADMIN)
    set_role(database, policy, 5, role)
    assert (6, "admin") in hold(database)


def test_of_the_last_two_admins_one_stays_whatever_races(postgresql_engine, policy):
    database = Database(postgresql_engine)
    for person_id in (5, 6):
        set_role(database, policy, person_id, people.ADMIN)

    def take_the_other():
        with pytest.raises(LastAdmin):
            set_role(database, policy, 6, None)

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as session:
            people.locked(session, person_id=6)
            people.set_role(session, person_id=5, role=None, policy=policy)
            other = pool.submit(take_the_other)
            waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            while not other.done() and not session.scalar(waiting):
                continue
        other.result(30)
    assert hold(database) == [(6, "admin")]
    database.close()


def test_a_chief_of_the_configuration_need_not_have_written(database, policy):
    for _ in range(2):
        with database.transaction() as session:
            people.make_chief(session, person_id=5, policy=policy)
    assert hold(database) == [(5, "chief")]
    with database.transaction() as session:
        assert people.is_chief(session, person_id=5)
        assert not people.is_admin(session, person_id=5)
