"""services/shops.py: links that let one person in once, and staff who come and go."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from models import Attempt, ShopInvite, clock
from services import people, shops
from services.refusals import InviteNotValid, NotForYou, TooManyGuesses
from tests.shops import shop

pytestmark = pytest.mark.usefixtures("midday")


@pytest.fixture
def session(database):
    with database.transaction() as session:
        yield session


def invited(session, policy, of) -> str:
    return shops.invite(session, shop_id=of.id, admin_id=1, policy=policy).token


def join(session, policy, person, token, name="Ah Fang"):
    return shops.join(session, person=person, token=token, name=name, policy=policy)


def names(session, of) -> list[str]:
    return [member.name for member in shops.staff_of(session, shop_id=of.id)]


def test_a_link_lets_its_first_user_in_and_nobody_else(session, scene, policy):
    corner, first, second = shop(session), scene.person(session), scene.person(session)
    token = invited(session, policy, corner)
    assert join(session, policy, first, token, " Ah\n Fang ").id == corner.id
    assert shops.is_staff(session, shop_id=corner.id, person_id=first.id)
    assert names(session, corner) == ["Ah Fang"]
    with pytest.raises(InviteNotValid):
        join(session, policy, second, token)
    assert not shops.is_staff(session, shop_id=corner.id, person_id=second.id)
    assert session.scalar(select(Attempt.count).where(Attempt.person_id == second.id)) == 1


def test_the_database_knows_no_token_but_its_hash(session, policy):
    token = invited(session, policy, shop(session))
    # 22 characters of base64 carry 128 bits.
    assert len(token) == 22
    [row] = session.scalars(select(ShopInvite))
    assert token not in {str(value) for value in vars(row).values()}
    assert len(row.token_hash) == 64


def test_ones_own_link_tapped_twice_is_no_guess(session, scene, policy):
    corner, person = shop(session), scene.person(session)
    token = invited(session, policy, corner)
    join(session, policy, person, token)
    assert join(session, policy, person, token).id == corner.id
    assert session.scalars(select(Attempt)).all() == []


def test_a_used_link_does_not_bring_back_who_was_removed(session, scene, policy):
    corner, person = shop(session), scene.person(session)
    token = invited(session, policy, corner)
    join(session, policy, person, token)
    assert shops.leave(session, shop_id=corner.id, person_id=person.id)
    assert not shops.leave(session, shop_id=corner.id, person_id=person.id)
    with pytest.raises(InviteNotValid):
        join(session, policy, person, token)
    assert names(session, corner) == []
    # A new one does.
    join(session, policy, person, invited(session, policy, corner), "Fang")
    assert names(session, corner) == ["Fang"]


def test_a_link_runs_out(session, scene, policy):
    corner, person = shop(session), scene.person(session)
    token, later = invited(session, policy, corner), invited(session, policy, corner)
    clock.advance(timedelta(days=policy.rewards.invite_days) - timedelta(seconds=1))
    join(session, policy, scene.person(session), later)
    clock.advance(timedelta(seconds=1))
    with pytest.raises(InviteNotValid):
        join(session, policy, person, token)


def test_after_too_many_guesses_even_a_right_link_waits(session, scene, policy):
    corner, person = shop(session), scene.person(session)
    for number in range(policy.limits.guesses_per_hour):
        with pytest.raises(InviteNotValid):
            join(session, policy, person, f"guess-{number}")
    token = invited(session, policy, corner)
    with pytest.raises(TooManyGuesses):
        join(session, policy, person, token)
    clock.advance(timedelta(hours=1))
    join(session, policy, person, token)


def test_who_is_removed_does_not_come_back_by_a_link_they_kept(session, scene, policy):
    corner, person = shop(session), scene.person(session)
    join(session, policy, person, invited(session, policy, corner))
    kept, other = invited(session, policy, corner), invited(session, policy, shop(session, "tea"))
    assert shops.leave(session, shop_id=corner.id, person_id=person.id)
    with pytest.raises(InviteNotValid):
        join(session, policy, person, kept)
    join(session, policy, person, other)


def test_several_shops_and_several_staff(session, scene, policy):
    corner, bakery = shop(session), shop(session, "bakery")
    first, second = scene.person(session), scene.person(session)
    join(session, policy, first, invited(session, policy, corner), "First")
    join(session, policy, first, invited(session, policy, bakery), "First")
    clock.advance(timedelta(minutes=1))
    join(session, policy, second, invited(session, policy, corner), "Second")
    of_first = [row.code for row in shops.shops_of(session, person_id=first.id)]
    assert of_first == ["bakery", "corner"]
    assert names(session, corner) == ["First", "Second"]
    assert shops.require_staff(session, shop_id=bakery.id, person_id=first.id).id == bakery.id
    with pytest.raises(NotForYou):
        shops.require_staff(session, shop_id=bakery.id, person_id=second.id)


def test_statements_are_read_by_staff_and_admins_who_can_be_reached(session, scene, policy):
    corner = shop(session)
    staff, left, away, admin, both = (scene.person(session) for _ in range(5))
    for person in (staff, left, away, both):
        join(session, policy, person, invited(session, policy, corner))
    shops.leave(session, shop_id=corner.id, person_id=left.id)
    people.unreachable(session, person_id=away.id)
    for person in (admin, both):
        people.make_admin(session, person_id=person.id, policy=policy)
    readers = [person_id for person_id, _ in shops.readers_of(session, shop_id=corner.id)]
    assert readers == [staff.id, admin.id, both.id]
