"""Shops with bookings: what confirming and undoing leave in the books, written as rows."""

import itertools

from models import Item, Shop, Voucher, clock
from services import ledger

_numbers = itertools.count(1)


def shop(session, code: str = "corner", **told) -> Shop:
    """A shop."""
    values = {"name_zh": "街角小店", "name_en": "Corner shop", "created_at": clock.now()}
    row = Shop(code=code, **(values | told))
    session.add(row)
    session.flush()
    return row


def item(session, of: Shop, *, cost: int = 30, title: str = "Soy milk") -> Item:
    """Something a shop offers."""
    number = next(_numbers)
    row = Item(
        code=f"item-{number}",
        shop_id=of.id,
        title_zh="豆浆",
        title_en=title,
        cost=cost,
        valid_days=14,
        created_at=clock.now(),
    )
    session.add(row)
    session.flush()
    return row


def voucher(session, of: Shop, person, *, cost: int = 30, title: str = "Soy milk") -> Voucher:
    """A voucher of somebody's that was used."""
    number = next(_numbers)
    offered = item(session, of, cost=cost, title=title)
    row = Voucher(
        person_id=person.id,
        number=number,
        item_id=offered.id,
        shop_id=of.id,
        title_zh=offered.title_zh,
        title_en=offered.title_en,
        cost=cost,
        state="used",
        token_hash=f"token-{number}",
        code_hash=f"code-{number}",
        issued_at=clock.now(),
        expires_at=clock.now(),
        used_at=clock.now(),
    )
    session.add(row)
    session.flush()
    return row


def book(session, of: Shop, points: int, *, rule: str, of_voucher: Voucher | None = None) -> None:
    """Book points for a shop, or back if they are negative."""
    source, to = ledger.VOUCHERS, ledger.shop(of.id)
    if points < 0:
        source, to = to, source
    ledger.move(
        session,
        points=abs(points),
        source=source,
        to=to,
        rule=rule,
        subject=f"test:{next(_numbers)}",
        terms={},
        voucher_id=of_voucher.id if of_voucher else None,
    )


def confirmed(session, of: Shop, person, *, cost: int = 30, title: str = "Soy milk") -> Voucher:
    """A voucher that the shop has just confirmed."""
    row = voucher(session, of, person, cost=cost, title=title)
    book(session, of, cost, rule=ledger.CONFIRM, of_voucher=row)
    return row
