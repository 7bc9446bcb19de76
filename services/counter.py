"""What is typed at a shop's counter: the code of a voucher, so many wrong ones an hour.

Who scans a QR code has 128 bits from it, but a code of eight characters could be guessed. So wrong
ones are counted twice: by person, and by shop for all its staff together, whose row is locked
meanwhile. A wrong check digit is no guess: it was mistyped, and nobody learns anything by it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Person, Shop, ShopStaff, Voucher, clock
from models.policy import Policy
from services import attempts, voucher_codes, vouchers
from services.refusals import (
    NoSuchVoucher,
    NotForYou,
    OtherShop,
    OwnVoucher,
    TooManyWrongCodes,
    WrongCheckDigit,
)

WINDOW = timedelta(hours=1)


def by_code(session: Session, *, person: Person, code: str, policy: Policy) -> Voucher:
    """The voucher whose code one of a shop's staff has typed, if it is for their shop.

    Args:
        session: the transaction; it must hold the lock of the person's row.
        person: who typed it.
        code: eight characters, as `voucher_codes.plain` gives them.
        policy: says how many wrong ones there are an hour.

    Returns:
        The voucher, in whatever state.

    Raises:
        NotForYou: they are no shop's staff.
        WrongCheckDigit: it was mistyped.
        TooManyGuesses: they typed too many wrong ones of late.
        TooManyWrongCodes: so did the staff of their shop together.
        NoSuchVoucher: no voucher has that code (any more).
        OwnVoucher: it is the person's own.
        OtherShop: it is for another shop.
    """
    shops = _locked_shops(session, person_id=person.id)
    if not shops:
        raise NotForYou
    if not voucher_codes.is_right(code):
        raise WrongCheckDigit
    attempts.require_chance(
        session, person=person, kind=attempts.VOUCHER_CODE, limits=policy.limits
    )
    for shop in shops:
        since, count = _of_late(shop)
        if count >= policy.rewards.wrong_codes_per_hour:
            raise TooManyWrongCodes(again_at=since + WINDOW)
    voucher = vouchers.by_code(session, code=code)
    if voucher is not None and voucher.person_id == person.id:
        raise OwnVoucher
    if voucher is None or voucher.shop_id not in {shop.id for shop in shops}:
        _count(session, person=person, shops=shops)
        raise NoSuchVoucher if voucher is None else OtherShop
    return voucher


def _locked_shops(session: Session, *, person_id: int) -> Sequence[Shop]:
    return session.scalars(
        select(Shop)
        .join(ShopStaff, ShopStaff.shop_id == Shop.id)
        .where(ShopStaff.person_id == person_id, ShopStaff.left_at.is_(None))
        # In one order, and not in the way of vouchers that are being made for the shop.
        .order_by(Shop.id)
        .with_for_update(key_share=True, of=Shop)
        .execution_options(populate_existing=True)
    ).all()


def _of_late(shop: Shop) -> tuple[datetime, int]:
    now = clock.now()
    if shop.wrong_since is None or shop.wrong_since <= now - WINDOW:
        return now, 0
    return shop.wrong_since, shop.wrong_count


def _count(session: Session, *, person: Person, shops: Sequence[Shop]) -> None:
    # Who works in several shops may have guessed at a voucher of any of them.
    for shop in shops:
        since, count = _of_late(shop)
        shop.wrong_since, shop.wrong_count = since, count + 1
    session.flush()
    attempts.wrong(session, person=person, kind=attempts.VOUCHER_CODE)
