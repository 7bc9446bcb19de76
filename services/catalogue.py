"""What shops offer for points: what riders may redeem now, and what admins change day by day.

A catalogue is a few hundred items, so whoever asks gets all of them and sorts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models import Item, Shop, Voucher, clock
from models.rewards import VoucherState
from services import places
from services.catalogue_file import MOST_STOCK
from services.refusals import OutOfDate

Place = tuple[float, float]
# A voucher that came to nothing does not count against its rider.
_HAD = (VoucherState.ISSUED, VoucherState.USED)


@dataclass(frozen=True, slots=True)
class Offer:
    """An item and where it is.

    Attributes:
        item: what.
        shop: where.
        distance_m: how far that is from a place, in metres; None: nobody knows.
    """

    item: Item
    shop: Shop
    distance_m: float | None

    @property
    def is_sold_out(self) -> bool:
        """None is left."""
        return self.item.stock == 0


def offers(session: Session, *, points: int, near: Place | None) -> list[Offer]:
    """All that is offered now: what somebody can afford first, what is sold out last.

    Args:
        session: the transaction.
        points: what they have to spend.
        near: where they are; then what is near goes before what is cheap.
    """
    now = clock.now()
    rows = session.execute(
        select(Item, Shop)
        .join(Shop, Shop.id == Item.shop_id)
        .where(
            ~Item.paused,
            or_(Item.offered_from.is_(None), Item.offered_from <= now),
            or_(Item.offered_until.is_(None), Item.offered_until > now),
        )
    ).all()
    found = [Offer(item, shop, _distance_m(shop, near)) for item, shop in rows]

    def order(offer: Offer) -> tuple[bool, bool, float, int, int]:
        far = inf if offer.distance_m is None else offer.distance_m
        item = offer.item
        return offer.is_sold_out, item.cost > points, far, item.cost, item.id

    return sorted(found, key=order)


def _distance_m(shop: Shop, near: Place | None) -> float | None:
    if near is None or shop.latitude is None or shop.longitude is None:
        return None
    return places.distance_m((shop.latitude, shop.longitude), near)


def get(session: Session, *, item_id: int, near: Place | None = None) -> Offer:
    """An item, whether it is offered or not.

    Raises:
        OutOfDate: there is none of that id.
    """
    item = session.get(Item, item_id)
    if item is None:
        raise OutOfDate
    shop = session.get_one(Shop, item.shop_id)
    return Offer(item, shop, _distance_m(shop, near))


def locked(session: Session, *, item_id: int) -> Item:
    """An item as it is now, and stays until the transaction is over.

    Raises:
        OutOfDate: there is none of that id.
    """
    item = session.get(Item, item_id, with_for_update=True, populate_existing=True)
    if item is None:
        raise OutOfDate
    return item


def had_by(session: Session, *, item_id: int, person_id: int) -> int:
    """How many vouchers for an item somebody has had that are good or were used."""
    count = session.scalar(
        select(func.count(Voucher.id)).where(
            Voucher.item_id == item_id,
            Voucher.person_id == person_id,
            Voucher.state.in_(_HAD),
        )
    )
    return count or 0


def was_redeemed(session: Session, *, person_id: int, number: int, item_id: int) -> bool:
    """Whether somebody's voucher of a number is for an item."""
    found = session.scalar(
        select(Voucher.item_id).where(Voucher.person_id == person_id, Voucher.number == number)
    )
    return found == item_id


# --- for admins ---


def every_item(session: Session) -> Sequence[tuple[Item, Shop]]:
    """All there is, offered or not, shop by shop."""
    rows = session.execute(
        select(Item, Shop).join(Shop, Shop.id == Item.shop_id).order_by(Shop.code, Item.code)
    )
    return [(item, shop) for item, shop in rows]


def set_paused(session: Session, *, item_id: int, paused: bool) -> Item:
    """Stop offering an item for a while, or go on.

    Raises:
        OutOfDate: there is no such item.
    """
    item = locked(session, item_id=item_id)
    item.paused = paused
    session.flush()
    return item


def add_stock(session: Session, *, item_id: int, count: int) -> Item:
    """There are more of an item, or fewer; never fewer than none.

    What riders redeem at the same time is counted: the row is locked.

    Args:
        session: the transaction; whoever asks for it has been found to be an admin.
        item_id: which; its stock must be limited.
        count: how many more; negative: fewer.

    Raises:
        OutOfDate: there is no such item, or as many as are asked for.
    """
    item = locked(session, item_id=item_id)
    if item.stock is None:
        raise OutOfDate
    item.stock = min(max(0, item.stock + count), MOST_STOCK)
    session.flush()
    return item


def set_stock(session: Session, *, item_id: int, seen: int | None, stock: int) -> bool:
    """Say how many there are of an item, if it is still as many as when it was asked.

    Args:
        session: the transaction; whoever asks for it has been found to be an admin.
        item_id: which.
        seen: the stock they were shown.
        stock: how many there are.

    Returns:
        False if somebody redeemed or changed it meanwhile; nothing is changed then.

    Raises:
        OutOfDate: there is no such item.
    """
    item = locked(session, item_id=item_id)
    if item.stock != seen:
        return False
    item.stock = stock
    session.flush()
    return True


def set_cost(session: Session, *, item_id: int, seen: int, cost: int) -> bool:
    """Change the price of an item, if it is still what it was when it was asked.

    Args:
        session: the transaction; whoever asks for it has been found to be an admin.
        item_id: which.
        seen: the price they were shown, in points.
        cost: the new price, in points.

    Returns:
        False if somebody changed it meanwhile; nothing is changed then.

    Raises:
        OutOfDate: there is no such item.
    """
    item = locked(session, item_id=item_id)
    if item.cost != seen:
        return False
    item.cost = cost
    session.flush()
    return True
