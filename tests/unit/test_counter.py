"""What is typed at a counter: who may, and how often it may be wrong (services/counter.py)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select

from models import Attempt, Item, Person, Shop, ShopStaff, Voucher, clock
from models.rewards import VoucherState
from services import counter, people, voucher_codes
from services.refusals import (
    NoSuchVoucher,
    NotForYou,
    OtherShop,
    OwnVoucher,
    Refusal,
    TooManyGuesses,
    TooManyWrongCodes,
    WrongCheckDigit,
)

RIGHT = voucher_codes.new_code()


@pytest.fixture
def staff(database, scene, midday) -> list[int]:
    """Two of one shop, the first of another one as well, then one of the other shop only.

    The first shop has a voucher out, whose code is RIGHT.
    """
    with database.transaction() as session:
        now = clock.now()
        for number in (1, 2):
            session.add(
                Shop(id=number, code=f"s{number}", name_zh="店", name_en="Shop", created_at=now)
            )
        titles = {"title_zh": "茶", "title_en": "Tea", "cost": 5}
        session.flush()
        session.add(Item(id=1, code="tea", shop_id=1, valid_days=9, created_at=now, **titles))
        rider, *others = [scene.person(session) for _ in range(4)]
        session.flush()
        session.add(
            Voucher(
                person_id=rider.id,
                number=1,
                item_id=1,
                shop_id=1,
                state=VoucherState.ISSUED,
                token_hash="t",
                code_hash=voucher_codes.hashed(RIGHT),
                issued_at=now,
                expires_at=now + timedelta(days=9),
                **titles,
            )
        )
        for shop, who in ((1, others[0]), (2, others[0]), (1, others[1]), (2, others[2])):
            session.add(ShopStaff(shop_id=shop, person_id=who.id, name="x", joined_at=now))
        return [one.id for one in others]


def typed(database, policy, who, code):
    """What comes of a code: the voucher's number or the refusal, which keeps the transaction."""
    with database.transaction() as session:
        person = people.locked(session, person_id=who)
        try:
            return counter.by_code(session, person=person, code=code, policy=policy).id
        except Refusal as refusal:
            return type(refusal)


def counted(database) -> list[int]:
    with database.transaction() as session:
        return list(session.scalars(select(Shop.wrong_count).order_by(Shop.id)))


def test_only_the_shops_own_staff_finds_it(database, policy, staff):
    both, one, other = staff
    assert typed(database, policy, both, RIGHT) == 1
    assert typed(database, policy, one, RIGHT) == 1
    assert typed(database, policy, other, RIGHT) is OtherShop
    assert typed(database, policy, 1001, RIGHT) is NotForYou
    with database.transaction() as session:
        session.get(ShopStaff, (1, one)).left_at = clock.now()
    assert typed(database, policy, one, RIGHT) is NotForYou
    # What is refused for want of standing, or found, is no guess.
    assert counted(database) == [0, 1]


def test_nobody_finds_their_own(database, policy, staff):
    with database.transaction() as session:
        session.scalar(select(Voucher)).person_id = staff[1]
    assert typed(database, policy, staff[1], RIGHT) is OwnVoucher
    assert counted(database) == [0, 0]


def test_a_wrong_one_counts_for_the_person_and_all_their_shops(database, policy, staff):
    assert typed(database, policy, staff[0], voucher_codes.new_code()) is NoSuchVoucher
    assert counted(database) == [1, 1]
    assert typed(database, policy, staff[1], voucher_codes.new_code()) is NoSuchVoucher
    assert counted(database) == [2, 1]
    with database.transaction() as session:
        told = session.execute(select(Attempt.person_id, Attempt.kind, Attempt.count)).all()
    assert sorted(told) == [(staff[0], "voucher_code", 1), (staff[1], "voucher_code", 1)]


def test_a_mistyped_one_counts_for_nothing(database, policy, staff):
    mistyped = RIGHT[:-1] + ("2" if RIGHT[-1] != "2" else "3")
    for _ in range(9):
        assert typed(database, policy, staff[0], mistyped) is WrongCheckDigit
    assert counted(database) == [0, 0]


def test_after_so_many_even_the_right_one_waits_for_an_hour(database, policy, staff):
    both, one, _ = staff
    with database.transaction() as session:
        shop = session.get(Shop, 1)
        shop.wrong_since = clock.now()
        shop.wrong_count = policy.rewards.wrong_codes_per_hour
    assert typed(database, policy, one, RIGHT) is TooManyWrongCodes
    clock.advance(timedelta(hours=1))
    assert typed(database, policy, one, RIGHT) == 1
    for _ in range(policy.limits.guesses_per_hour):
        typed(database, policy, both, voucher_codes.new_code())
    assert typed(database, policy, both, RIGHT) is TooManyGuesses
    assert typed(database, policy, one, RIGHT) == 1
    # A new hour began with the first of them.
    assert counted(database) == [policy.limits.guesses_per_hour] * 2


def test_two_who_guess_at_once_are_two(database, policy, staff):
    barrier = Barrier(2)

    def guess(who):
        barrier.wait()
        return typed(database, policy, who, voucher_codes.new_code())

    with ThreadPoolExecutor(2) as threads:
        for _ in range(3):
            assert list(threads.map(guess, staff[:2])) == [NoSuchVoucher] * 2
    assert counted(database) == [6, 3]
    with database.transaction() as session:
        assert session.get(Person, staff[0]) is not None
