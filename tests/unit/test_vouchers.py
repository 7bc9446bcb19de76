"""Vouchers: redeemed once, used once, given back or expired; points and stock move along."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from threading import Barrier

import pytest
from sqlalchemy import event, func, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from models import (
    Account,
    Item,
    LedgerEntry,
    Person,
    Shop,
    ShopStaff,
    Voucher,
    VoucherEvent,
    clock,
)
from services import ledger, voucher_codes, vouchers
from services.refusals import (
    ItemGone,
    LimitReached,
    NotEnoughPoints,
    NotForYou,
    OtherShop,
    OutOfDate,
    PriceChanged,
    RedeemedAlready,
    Refusal,
    SoldOut,
    SpendingFrozen,
    TooLateToUndo,
    VoucherCancelled,
    VoucherExpired,
    VoucherUsed,
)


def a_shop(session, code="noodles"):
    shop = Shop(code=code, name_zh="面馆", name_en="Noodles", created_at=clock.now())
    session.add(shop)
    session.flush()
    return shop


def an_item(session, shop=None, **told):
    values = {
        "code": "soup", "shop_id": (shop or a_shop(session)).id, "title_zh": "汤面",
        "title_en": "Noodle soup", "cost": 30, "stock": 5, "valid_days": 14,
        "created_at": clock.now(),
    }  # fmt: skip
    item = Item(**values | told)
    session.add(item)
    session.flush()
    return item


def staff(session, scene, shop_id):
    person = scene.person(session)
    session.add(ShopStaff(shop_id=shop_id, person_id=person.id, name="Wu", joined_at=clock.now()))
    session.flush()
    return person.id


def a_rider(session, scene, points=100):
    person = scene.person(session)
    ledger.move(
        session,
        points=points,
        source=ledger.PROGRAMME,
        to=ledger.rider(person.id),
        rule="approval",
        subject=f"gift:{person.id}",
        terms={},
    )
    return person


def redeem(session, scene, person, item, **told):
    values = {
        "number": vouchers.next_number(session, person_id=person.id),
        "cost": item.cost,
    }
    return vouchers.redeem(
        session, person=person, item_id=item.id, policy=scene.policy, **values | told
    )


def total(session, holder):
    kind, owner = holder
    return (
        session.scalar(
            select(func.sum(LedgerEntry.points))
            .join(Account, Account.id == LedgerEntry.account_id)
            .where(Account.kind == kind, Account.owner_id == owner)
        )
        or 0
    )


def points(session, person):
    return ledger.balance(session, person_id=person.id).points


def stock(session):
    return session.scalar(select(Item.stock))


def kinds(session):
    return list(session.scalars(select(VoucherEvent.kind).order_by(VoucherEvent.id)))


class TestRedeem:
    def test_points_stock_and_voucher_move_together(self, database, scene, midday):
        with database.transaction() as session:
            rider, item = a_rider(session, scene), an_item(session)
            issued = redeem(session, scene, rider, item)
            assert (points(session, rider), stock(session)) == (70, 4)
            assert total(session, ledger.VOUCHERS) == 30
            assert vouchers.spent(session, person_id=rider.id) == 30
            voucher = issued.voucher
            assert (voucher.state, voucher.cost, voucher.number) == ("issued", 30, 1)
            # Good until the end of the fourteenth day, told in Shanghai.
            assert voucher.expires_at == midday.replace(day=8, month=12, hour=16, minute=0)
            assert kinds(session) == ["issued"]

    def test_the_secrets_are_kept_as_hashes_only(self, database, scene):
        with database.transaction() as session:
            issued = redeem(session, scene, a_rider(session, scene), an_item(session))
            row = session.execute(select(Voucher.__table__)).one()
            assert issued.token not in str(row)
            assert issued.code not in str(row)
            assert len(issued.token) == 22
            assert vouchers.by_token(session, token=issued.token) is issued.voucher
            assert vouchers.by_code(session, code=issued.code) is issued.voucher

    @pytest.mark.parametrize(
        ("item", "asked", "refusal"),
        [
            ({"stock": 0}, {}, SoldOut),
            ({"paused": True}, {}, ItemGone),
            ({"offered_from": timedelta(days=1)}, {}, ItemGone),
            ({"offered_until": timedelta(0)}, {}, ItemGone),
            ({}, {"cost": 29}, PriceChanged),
            ({"cost": 101}, {}, NotEnoughPoints),
            ({}, {"item_id": 999}, ItemGone),
            ({}, {"number": 2}, RedeemedAlready),
            ({}, {"number": 0}, RedeemedAlready),
        ],
    )
    def test_what_cannot_be_had_changes_nothing(self, database, scene, item, asked, refusal):
        with database.transaction() as session:
            told = {
                name: clock.now() + value if isinstance(value, timedelta) else value
                for name, value in item.items()
            }
            rider, offered = a_rider(session, scene), an_item(session, **told)
            before = (points(session, rider), offered.stock)
            values = {"number": 1, "cost": offered.cost, "item_id": offered.id} | asked
            with pytest.raises(refusal):
                vouchers.redeem(session, person=rider, policy=scene.policy, **values)
            assert (points(session, rider), stock(session)) == before
            assert session.scalar(select(func.count(Voucher.id))) == 0

    def test_what_is_missing_is_told_and_what_of_it_waits(self, database, scene):
        with database.transaction() as session:
            rider, item = a_rider(session, scene, points=10), an_item(session)
            ledger.move(
                session,
                points=15,
                source=ledger.PROGRAMME,
                to=ledger.rider(rider.id),
                rule="approval",
                subject="held",
                terms={},
                available_at=clock.now() + timedelta(hours=1),
            )
            with pytest.raises(NotEnoughPoints) as refused:
                redeem(session, scene, rider, item)
            assert (refused.value.missing, refused.value.pending) == (20, 15)

    def test_as_many_as_are_wanted_where_stock_is_not_counted(self, database, scene):
        with database.transaction() as session:
            rider, item = a_rider(session, scene), an_item(session, stock=None)
            for _ in range(3):
                redeem(session, scene, rider, item)
            assert stock(session) is None

    def test_a_person_may_have_so_many_given_back_ones_aside(self, database, scene):
        with database.transaction() as session:
            rider, item = a_rider(session, scene), an_item(session, per_person=1)
            first = redeem(session, scene, rider, item).voucher
            with pytest.raises(LimitReached):
                redeem(session, scene, rider, item)
            vouchers.cancel(session, voucher_id=first.id, person_id=rider.id)
            redeem(session, scene, rider, item)

    def test_a_ban_freezes_spending(self, database, scene):
        with database.transaction() as session:
            rider, item = a_rider(session, scene), an_item(session)
            rider.banned_until = clock.now() + timedelta(days=7)
            with pytest.raises(SpendingFrozen):
                redeem(session, scene, rider, item)
            rider.banned_until = clock.now() - timedelta(seconds=1)
            redeem(session, scene, rider, item)

    def test_after_a_clawback_nothing_can_be_spent(self, database, scene):
        with database.transaction() as session:
            rider, item = a_rider(session, scene, points=30), an_item(session)
            redeem(session, scene, rider, item)
            ledger.reverse(session, transaction_id=1, why="undone")
            balance = ledger.balance(session, person_id=rider.id)
            assert (balance.points, balance.spendable) == (-30, 0)
            with pytest.raises(NotEnoughPoints):
                redeem(session, scene, rider, item)

    def test_the_database_itself_keeps_stock_from_going_below_none(self, database, scene):
        with pytest.raises(IntegrityError), database.transaction() as session:
            an_item(session, stock=-1)


@pytest.mark.parametrize(
    "change", ["UPDATE voucher_event SET kind = ''", "DELETE FROM voucher_event"]
)
def test_what_happened_to_a_voucher_cannot_be_changed(database, scene, change):
    with database.transaction() as session:
        redeem(session, scene, a_rider(session, scene), an_item(session))
    with (
        pytest.raises(DBAPIError, match="voucher_event rows are never changed"),
        database.transaction() as session,
    ):
        session.execute(text(change))


class TestTheLifeOfAVoucher:
    def test_a_shop_confirms_it_once(self, database, scene):
        with database.transaction() as session:
            rider, item = a_rider(session, scene), an_item(session)
            voucher = redeem(session, scene, rider, item).voucher
            wu = staff(session, scene, item.shop_id)
            vouchers.confirm(session, voucher_id=voucher.id, person_id=wu)
            assert (voucher.state, voucher.used_by) == ("used", wu)
            assert total(session, ledger.shop(item.shop_id)) == 30
            assert total(session, ledger.VOUCHERS) == 0
            with pytest.raises(VoucherUsed) as refused:
                vouchers.confirm(session, voucher_id=voucher.id, person_id=wu)
            assert (refused.value.at, refused.value.shop_en) == (voucher.used_at, "Noodles")
            with pytest.raises(VoucherUsed):
                vouchers.cancel(session, voucher_id=voucher.id, person_id=rider.id)

    def test_the_shop_may_undo_it_for_ten_minutes_and_confirm_again(self, database, scene, midday):
        with database.transaction() as session:
            rider, item = a_rider(session, scene), an_item(session)
            voucher = redeem(session, scene, rider, item).voucher
            wu = staff(session, scene, item.shop_id)
            for _ in range(2):
                vouchers.confirm(session, voucher_id=voucher.id, person_id=wu)
                clock.advance(timedelta(minutes=10))
                undo(session, scene, voucher, wu)
                assert (voucher.state, voucher.used_at) == ("issued", None)
                assert total(session, ledger.shop(item.shop_id)) == 0
                assert total(session, ledger.VOUCHERS) == 30
            with pytest.raises(OutOfDate):
                undo(session, scene, voucher, wu)
            vouchers.confirm(session, voucher_id=voucher.id, person_id=wu)
            clock.advance(timedelta(minutes=10, seconds=1))
            with pytest.raises(TooLateToUndo):
                undo(session, scene, voucher, wu)
            assert kinds(session) == ["issued", *["used", "undone"] * 2, "used"]

    def test_nobody_else_confirms_it(self, database, scene):
        with database.transaction() as session:
            rider, item = a_rider(session, scene), an_item(session)
            voucher = redeem(session, scene, rider, item).voucher
            other = staff(session, scene, a_shop(session, "tea").id)
            left = staff(session, scene, item.shop_id)
            session.get(ShopStaff, (item.shop_id, left)).left_at = clock.now()
            session.add(
                ShopStaff(
                    shop_id=item.shop_id, person_id=rider.id, name="Me", joined_at=clock.now()
                )
            )
            session.flush()
            for who, refusal in ((other, OtherShop), (left, NotForYou), (rider.id, NotForYou)):
                with pytest.raises(refusal):
                    vouchers.confirm(session, voucher_id=voucher.id, person_id=who)
            with pytest.raises(NotForYou):
                vouchers.confirm(session, voucher_id=999, person_id=other)

    def test_its_rider_gives_it_back(self, database, scene):
        with database.transaction() as session:
            rider, item = a_rider(session, scene), an_item(session)
            voucher = redeem(session, scene, rider, item).voucher
            with pytest.raises(NotForYou):
                vouchers.cancel(session, voucher_id=voucher.id, person_id=rider.id + 1)
            vouchers.cancel(session, voucher_id=voucher.id, person_id=rider.id)
            assert (points(session, rider), stock(session)) == (100, 5)
            assert vouchers.spent(session, person_id=rider.id) == 0
            wu = staff(session, scene, item.shop_id)
            with pytest.raises(VoucherCancelled):
                vouchers.confirm(session, voucher_id=voucher.id, person_id=wu)

    def test_it_expires_by_itself_and_the_points_come_back(self, database, scene, midday):
        with database.transaction() as session:
            rider, item = a_rider(session, scene), an_item(session)
            voucher = redeem(session, scene, rider, item).voucher
            wu = staff(session, scene, item.shop_id)
            clock.advance(voucher.expires_at - midday - timedelta(seconds=1))
            assert vouchers.expired(session) == []
            assert not vouchers.expire(session, voucher_id=voucher.id)
            clock.advance(timedelta(seconds=1))
            # Its time is over, whether the sweep has come by or not.
            with pytest.raises(VoucherExpired):
                vouchers.confirm(session, voucher_id=voucher.id, person_id=wu)
            assert vouchers.expired(session) == [voucher]
            assert vouchers.expire(session, voucher_id=voucher.id)
            assert not vouchers.expire(session, voucher_id=voucher.id)
            assert (points(session, rider), stock(session)) == (100, 5)
            assert total(session, ledger.EXPIRED) == 0
            with pytest.raises(VoucherExpired):
                vouchers.confirm(session, voucher_id=voucher.id, person_id=wu)

    def test_a_clock_that_goes_back_revives_and_loses_nothing(self, database, scene, midday):
        with database.transaction() as session:
            rider, item = a_rider(session, scene), an_item(session)
            used, late = (redeem(session, scene, rider, item).voucher for _ in range(2))
            wu = staff(session, scene, item.shop_id)
            clock.advance(late.expires_at - midday)
            assert vouchers.expire(session, voucher_id=late.id)
            # Another machine's clock is behind: it has not heard of that day's end.
            clock.advance(midday - late.expires_at)
            with pytest.raises(VoucherExpired):
                vouchers.confirm(session, voucher_id=late.id, person_id=wu)
            vouchers.confirm(session, voucher_id=used.id, person_id=wu)
            clock.advance(timedelta(minutes=-5))
            undo(session, scene, used, wu)
            assert (used.state, points(session, rider)) == ("issued", 70)
            assert total(session, ledger.VOUCHERS) == 30

    def test_shown_anew_the_old_code_is_worth_nothing(self, database, scene):
        with database.transaction() as session:
            rider, item = a_rider(session, scene), an_item(session)
            old = redeem(session, scene, rider, item)
            new = vouchers.show_anew(session, voucher_id=old.voucher.id, person_id=rider.id)
            assert vouchers.by_token(session, token=old.token) is None
            assert vouchers.by_code(session, code=old.code) is None
            assert vouchers.by_token(session, token=new.token) is new.voucher
            with pytest.raises(NotForYou):
                vouchers.show_anew(session, voucher_id=old.voucher.id, person_id=rider.id + 1)


def undo(session, scene, voucher, who):
    vouchers.undo(session, voucher_id=voucher.id, person_id=who, policy=scene.policy)


class TestAtOnce:
    def test_fifty_riders_and_three_left(self, database, scene):
        with database.transaction() as session:
            item_id = an_item(session, stock=3).id
            riders = [a_rider(session, scene).id for _ in range(50)]

        def act(rider_id):
            with database.transaction() as session:
                person = locked(session, rider_id)
                try:
                    redeem(session, scene, person, session.get(Item, item_id))
                except SoldOut:
                    return False
                return True

        with ThreadPoolExecutor(8) as crowd:
            assert sum(crowd.map(act, riders)) == 3
        with database.transaction() as session:
            assert stock(session) == 0
            assert total(session, ledger.VOUCHERS) == 90

    def test_a_double_tap_redeems_once(self, database, scene):
        with database.transaction() as session:
            item_id, rider_id = an_item(session).id, a_rider(session, scene).id

        def tap(_):
            with database.transaction() as session:
                person = locked(session, rider_id)
                try:
                    item = session.get(Item, item_id)
                    redeem(session, scene, person, item, number=1)
                except RedeemedAlready:
                    return False
                return True

        with ThreadPoolExecutor(4) as fingers:
            assert sum(fingers.map(tap, range(4))) == 1
        with database.transaction() as session:
            assert ledger.balance(session, person_id=rider_id).points == 70

    def test_giving_back_while_the_shop_confirms(self, database, scene):
        with database.transaction() as session:
            item, rider = an_item(session, stock=None), a_rider(session, scene, points=300)
            wu, rider_id = staff(session, scene, item.shop_id), rider.id
            numbers = [redeem(session, scene, rider, item).voucher.id for _ in range(6)]

        def act(number, does, who, together):
            together.wait(30)
            with database.transaction() as session:
                try:
                    does(session, voucher_id=number, person_id=who)
                except Refusal:
                    return False
                return True

        with ThreadPoolExecutor(2) as pair:
            for number in numbers:
                together = Barrier(2)
                sides = ((vouchers.confirm, wu), (vouchers.cancel, rider_id))
                done = [pair.submit(act, number, *side, together) for side in sides]
                assert [one.result() for one in done].count(True) == 1
        with database.transaction() as session:
            used = session.scalar(select(func.count()).where(Voucher.state == "used"))
            assert ledger.balance(session, person_id=rider_id).points == 300 - 30 * used
            assert total(session, ledger.VOUCHERS) == 0

    @pytest.mark.parametrize(
        ("change", "refusal"), [({"cost": 31}, PriceChanged), ({"paused": True}, ItemGone)]
    )
    def test_what_an_admin_changes_at_that_moment_is_told(self, database, scene, change, refusal):
        if database.is_sqlite:
            # There nobody else writes meanwhile.
            return
        with database.transaction() as session:
            item_id, rider_id = an_item(session).id, a_rider(session, scene).id

        done = []

        def just_before(_, __, statement, *___):
            if statement.startswith("UPDATE item") and not done:
                done.append(True)
                with database.transaction() as admin:
                    admin.execute(update(Item).values(change))

        with database.transaction() as session:
            event.listen(session.connection(), "before_cursor_execute", just_before)
            with pytest.raises(refusal):
                redeem(session, scene, locked(session, rider_id), session.get(Item, item_id))

    def test_the_sweep_waits_for_nobody_and_takes_items_in_order(self, database, scene, midday):
        with database.transaction() as session:
            rider, shop = a_rider(session, scene), a_shop(session)
            soup, tea = an_item(session, shop), an_item(session, shop, code="tea")
            for item in (tea, soup):
                redeem(session, scene, rider, item)
                clock.advance(timedelta(days=1))
        clock.advance(timedelta(days=20))
        with database.transaction() as session:
            due = [voucher.id for voucher in vouchers.expired(session)]
            assert due == [2, 1]
        if database.is_sqlite:
            return
        with database.transaction() as busy, database.transaction() as session:
            busy.execute(select(Voucher.id).where(Voucher.id == 2).with_for_update())
            session.execute(text("SET LOCAL lock_timeout = '3s'"))
            done = [vouchers.expire(session, voucher_id=number) for number in due]
        assert done == [False, True]


def locked(session, person_id):
    return session.scalar(select(Person).where(Person.id == person_id).with_for_update())


class TestCodes:
    def test_they_read_however_they_are_written(self):
        code = voucher_codes.new_code()
        assert voucher_codes.plain(code) == code
        assert voucher_codes.plain(f" {voucher_codes.spoken(code).lower()} ") == code
        assert voucher_codes.is_right(code)

    @pytest.mark.parametrize("text", ["", "ABCD", "护栏断了一截啊啊", "ABCD EFG0", "x" * 100])
    def test_what_is_no_code_is_none(self, text):
        assert voucher_codes.plain(text) is None

    def test_a_slip_of_the_finger_is_noticed(self):
        for _ in range(20):
            code = voucher_codes.new_code()
            for at, right in enumerate(code):
                for wrong in voucher_codes.ALPHABET:
                    slipped = code[:at] + wrong + code[at + 1 :]
                    assert voucher_codes.is_right(slipped) is (wrong == right)
            for at, (one, other) in enumerate(pairwise(code)):
                swapped = code[:at] + other + one + code[at + 2 :]
                assert voucher_codes.is_right(swapped) is (one == other)
