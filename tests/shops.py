"""Shops with bookings: what confirming and undoing leave in the books, written as rows."""

import itertools

from models import Item, LedgerEntry, LedgerTransaction, Shop, Voucher, clock
from models.ledger import AccountKind
from services import ledger

_numbers = itertools.count(1)


def shop(session, code: str = "corner", **told) -> Shop:
    """A shop."""
    values = {"name_zh": "街角小店", "name_en": "Corner shop", "created_at": clock.now()}
    row = Shop(code=code, **(values | told))
    session.add(row)
    session.flush()
    return row


def voucher(session, of: Shop, person, *, cost: int = 30, title: str = "Soy milk") -> Voucher:
    """A voucher of somebody's that was used."""
    number = next(_numbers)
    item = Item(
        code=f"item-{number}",
        shop_id=of.id,
        title_zh="豆浆",
        title_en=title,
        cost=cost,
        valid_days=14,
        created_at=clock.now(),
    )
    session.add(item)
    session.flush()
    row = Voucher(
        person_id=person.id,
        number=number,
        item_id=item.id,
        shop_id=of.id,
        title_zh=item.title_zh,
        title_en=item.title_en,
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
    """Book points for a shop."""
    transaction = LedgerTransaction(
        rule=rule,
        subject=f"test:{next(_numbers)}",
        voucher_id=of_voucher.id if of_voucher else None,
        terms={},
        at=clock.now(),
    )
    session.add(transaction)
    session.flush()
    kinds = ((AccountKind.SHOP, of.id, points), (AccountKind.VOUCHERS, 0, -points))
    for kind, owner_id, amount in kinds:
        account = ledger.account_id(session, kind=kind, owner_id=owner_id)
        entry = LedgerEntry(transaction_id=transaction.id, account_id=account, points=amount)
        session.add(entry)
    session.flush()


def confirmed(session, of: Shop, person, *, cost: int = 30, title: str = "Soy milk") -> Voucher:
    """A voucher that the shop has just confirmed."""
    row = voucher(session, of, person, cost=cost, title=title)
    book(session, of, cost, rule="confirm", of_voucher=row)
    return row
