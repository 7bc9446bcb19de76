"""Vouchers: points become the right to an item, which is used once, given back, or expires.

    redeem ──▶ issued ──confirm──▶ used      used ──undo──▶ issued
               issued ──cancel──▶ cancelled   issued ──expire──▶ expired

Each move is a compare-and-set of the voucher's state with its booking and its event in the same
transaction. Rows are locked in the order person, voucher, item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models import Item, Person, Shop, ShopStaff, Voucher, VoucherEvent, clock
from models.policy import Policy
from models.rewards import VoucherState
from services import catalogue, ledger, sanctions, voucher_codes
from services.ledger import CANCEL, CONFIRM, EXPIRED, EXPIRY, REDEEM, REFUND, VOUCHERS
from services.refusals import (
    ItemGone,
    LimitReached,
    NotEnoughPoints,
    NotForYou,
    OtherShop,
    OutOfDate,
    PriceChanged,
    RedeemedAlready,
    SoldOut,
    SpendingFrozen,
    TooLateToUndo,
    VoucherCancelled,
    VoucherExpired,
    VoucherUsed,
)
from services.upserts import insert_row

# Vouchers expired in one go; the next sweep takes the next.
BATCH = 200


@dataclass(frozen=True, slots=True)
class Issued:
    """A voucher with its secrets, which are kept nowhere else.

    Attributes:
        voucher: the row.
        token: what the QR code carries.
        code: what is typed.
    """

    voucher: Voucher
    token: str
    code: str


def next_number(session: Session, *, person_id: int) -> int:
    """The number of somebody's next voucher: it goes into the button that confirms it."""
    last = session.scalar(select(func.max(Voucher.number)).where(Voucher.person_id == person_id))
    return (last or 0) + 1


def is_offered(item: Item) -> bool:
    """Whether an item can be redeemed today, stock aside."""
    now = clock.now()
    begun = item.offered_from is None or item.offered_from <= now
    over = item.offered_until is not None and item.offered_until <= now
    return begun and not over and not item.paused


def redeem(
    session: Session,
    *,
    person: Person,
    item_id: int,
    number: int,
    cost: int,
    policy: Policy,
) -> Issued:
    """Take one from stock, debit the points, make the voucher: all of it or nothing.

    Args:
        session: the transaction; it holds the lock of the person's row.
        person: who redeems.
        item_id: what for.
        number: from `next_number`, as it was when they were asked.
        cost: in points, as they were told.
        policy: in whose zone a voucher's last day ends.

    Returns:
        The voucher with its secrets.

    Raises:
        SpendingFrozen: they are banned.
        RedeemedAlready: this very confirmation was tapped before.
        ItemGone: it is paused, not offered now, or does not exist.
        PriceChanged: it costs something else by now.
        LimitReached: they have had as many as one person may.
        NotEnoughPoints: they have less than it costs.
        SoldOut: somebody took the last one.
    """
    until = sanctions.banned_until(person)
    if until is not None:
        raise SpendingFrozen(until=until)
    if number != next_number(session, person_id=person.id):
        raise RedeemedAlready
    item = session.get(Item, item_id, populate_existing=True)
    if item is None:
        raise ItemGone
    _require_offered(item, cost=cost)
    if item.per_person is not None:
        had = catalogue.had_by(session, item_id=item.id, person_id=person.id)
        if had >= item.per_person:
            raise LimitReached(limit=item.per_person)
    balance = ledger.balance(session, person_id=person.id)
    if balance.spendable < cost:
        missing = cost - balance.spendable
        raise NotEnoughPoints(missing=missing, pending=min(missing, max(0, balance.pending)))
    if not _take_one(session, item):
        # It may as well have been paused or priced anew at this moment.
        session.refresh(item)
        _require_offered(item, cost=cost)
        raise SoldOut
    token, code = voucher_codes.new_token(), _free_code(session)
    now = clock.now()
    voucher = Voucher(
        person_id=person.id,
        number=number,
        item_id=item.id,
        shop_id=item.shop_id,
        title_zh=item.title_zh,
        title_en=item.title_en,
        cost=cost,
        state=VoucherState.ISSUED,
        token_hash=voucher_codes.hashed(token),
        code_hash=voucher_codes.hashed(code),
        issued_at=now,
        expires_at=_end_of_day(now + timedelta(days=item.valid_days), policy),
    )
    session.add(voucher)
    session.flush()
    ledger.move(
        session,
        points=cost,
        source=ledger.rider(person.id),
        to=VOUCHERS,
        rule=REDEEM,
        subject=_subject(voucher),
        terms={"item": item.code, "cost": cost},
        voucher_id=voucher.id,
    )
    _note(session, voucher, "issued", actor_id=person.id)
    return Issued(voucher, token, code)


def _require_offered(item: Item, *, cost: int) -> None:
    if not is_offered(item):
        raise ItemGone
    if item.cost != cost:
        raise PriceChanged(cost=item.cost)


def _take_one(session: Session, item: Item) -> bool:
    """Reserve one; False if none is left, or it was paused or priced anew at this moment."""
    taken = session.scalar(
        update(Item)
        .where(
            Item.id == item.id,
            Item.cost == item.cost,
            Item.paused.is_(False),
            Item.stock.is_(None) | (Item.stock > 0),
        )
        .values(stock=Item.stock - 1)
        .returning(Item.id)
        .execution_options(synchronize_session=False)
    )
    session.expire(item, ["stock"])
    return taken is not None


def _free_code(session: Session) -> str:
    # Of 27 billion codes hardly one is ever taken; the unique key stands behind this look.
    while True:
        code = voucher_codes.new_code()
        if by_code(session, code=code) is None:
            return code


def _end_of_day(moment: datetime, policy: Policy) -> datetime:
    """The local midnight after a moment: until then a voucher is good."""
    local = moment.astimezone(policy.zone)
    next_day = local.date() + timedelta(days=1)
    return datetime.combine(next_day, datetime.min.time(), policy.zone)


def show_anew(session: Session, *, voucher_id: int, person_id: int) -> Issued:
    """Give a voucher a new token and code; what was shown before is worth nothing any more.

    Args:
        session: the transaction.
        voucher_id: which.
        person_id: whose.

    Returns:
        The voucher with its new secrets.

    Raises:
        NotForYou: it is nobody's, or somebody else's.
        VoucherUsed: it was used.
        VoucherCancelled: it was given back.
        VoucherExpired: its time is over.
    """
    voucher = _locked(session, voucher_id)
    if voucher is None or voucher.person_id != person_id:
        raise NotForYou
    require_good(session, voucher=voucher)
    token, code = voucher_codes.new_token(), _free_code(session)
    voucher.token_hash, voucher.code_hash = voucher_codes.hashed(token), voucher_codes.hashed(code)
    voucher.message_id = None
    session.flush()
    _note(session, voucher, "shown_anew", actor_id=person_id)
    return Issued(voucher, token, code)


def cancel(session: Session, *, voucher_id: int, person_id: int) -> Voucher:
    """Give a voucher back: the points return to the rider, the item to the stock.

    Raises:
        NotForYou: it is nobody's, or somebody else's.
        VoucherUsed: it was used, perhaps at this very moment.
        VoucherCancelled: it was given back before.
        VoucherExpired: its time is over; its points come back by themselves.
    """
    voucher = _locked(session, voucher_id)
    if voucher is None or voucher.person_id != person_id:
        raise NotForYou
    require_good(session, voucher=voucher)
    _move(session, voucher, VoucherState.ISSUED, VoucherState.CANCELLED)
    ledger.move(
        session,
        points=voucher.cost,
        source=VOUCHERS,
        to=ledger.rider(voucher.person_id),
        rule=CANCEL,
        subject=_subject(voucher),
        terms={"cost": voucher.cost},
        voucher_id=voucher.id,
    )
    _put_back(session, voucher)
    _note(session, voucher, "cancelled", actor_id=person_id)
    return voucher


def confirm(session: Session, *, voucher_id: int, person_id: int) -> Voucher:
    """Use a voucher up for a shop, which hands the item over.

    Args:
        session: the transaction.
        voucher_id: which.
        person_id: of the shop's staff.

    Returns:
        The voucher.

    Raises:
        NotForYou: they are no shop's staff, there is no such voucher, or it is their own.
        OtherShop: it is another shop's.
        VoucherUsed: it was used, perhaps at this very moment.
        VoucherCancelled: it was given back.
        VoucherExpired: its time is over.
    """
    voucher = require_counter(session, voucher=_locked(session, voucher_id), person_id=person_id)
    require_good(session, voucher=voucher)
    _move(
        session,
        voucher,
        VoucherState.ISSUED,
        VoucherState.USED,
        used_at=clock.now(),
        used_by=person_id,
    )
    before = ledger.count(
        session, rule=CONFIRM, subject=_subject(voucher), report_id=None, voucher_id=voucher.id
    )
    ledger.move(
        session,
        points=voucher.cost,
        source=VOUCHERS,
        to=ledger.shop(voucher.shop_id),
        rule=CONFIRM,
        subject=ledger.numbered(_subject(voucher), before),
        terms={"cost": voucher.cost},
        voucher_id=voucher.id,
    )
    _note(session, voucher, "used", actor_id=person_id)
    return voucher


def undo(session: Session, *, voucher_id: int, person_id: int, policy: Policy) -> Voucher:
    """Take a confirmation back for a shop, while there is time.

    Args:
        session: the transaction.
        voucher_id: which.
        person_id: of the shop's staff; a colleague may undo as well.
        policy: says how long there is time.

    Returns:
        The voucher, good again.

    Raises:
        NotForYou: they are no shop's staff, there is no such voucher, or it is their own.
        OtherShop: it is another shop's.
        OutOfDate: it is not used (any more).
        TooLateToUndo: the time is over.
    """
    voucher = require_counter(session, voucher=_locked(session, voucher_id), person_id=person_id)
    minutes = policy.rewards.undo_minutes
    if voucher.state != VoucherState.USED or voucher.used_at is None:
        raise OutOfDate
    if voucher.used_at + timedelta(minutes=minutes) < clock.now():
        raise TooLateToUndo(minutes=minutes)
    _move(session, voucher, VoucherState.USED, VoucherState.ISSUED, used_at=None, used_by=None)
    [booking] = ledger.standing(session, rules=(CONFIRM,), voucher_id=voucher.id)
    ledger.reverse(session, transaction_id=booking.id, why="undone")
    _note(session, voucher, "undone", actor_id=person_id)
    return voucher


def expired(session: Session, *, limit: int = BATCH) -> Sequence[Voucher]:
    """The oldest vouchers whose time is over and whose points are still to be given back."""
    found = session.scalars(
        select(Voucher)
        .where(Voucher.state == VoucherState.ISSUED, Voucher.expires_at <= clock.now())
        .order_by(Voucher.expires_at)
        .limit(limit)
    )
    # Their items are locked in the order in which an import of the catalogue locks them.
    return sorted(found, key=lambda voucher: (voucher.item_id, voucher.id))


def expire(session: Session, *, voucher_id: int) -> bool:
    """End a voucher whose time is over: the points return to the rider, the item to the stock.

    Returns:
        False if it moved on meanwhile, or is being moved at this moment.
    """
    # One of many in a transaction that has locked items: who waits for one of those must not be
    # waited for.
    voucher = _locked(session, voucher_id, wait=False)
    if voucher is None or voucher.state != VoucherState.ISSUED or _is_good(voucher):
        return False
    _move(session, voucher, VoucherState.ISSUED, VoucherState.EXPIRED)
    subject, terms = _subject(voucher), {"cost": voucher.cost}
    ledger.move(
        session,
        points=voucher.cost,
        source=VOUCHERS,
        to=EXPIRED,
        rule=EXPIRY,
        subject=subject,
        terms=terms,
        voucher_id=voucher.id,
    )
    ledger.move(
        session,
        points=voucher.cost,
        source=EXPIRED,
        to=ledger.rider(voucher.person_id),
        rule=REFUND,
        subject=subject,
        terms=terms,
        voucher_id=voucher.id,
    )
    _put_back(session, voucher)
    _note(session, voucher, "expired", actor_id=None)
    return True


def by_token(session: Session, *, token: str) -> Voucher | None:
    """The voucher a QR code stands for; None if it stands for none (any more)."""
    return session.scalar(select(Voucher).where(Voucher.token_hash == voucher_codes.hashed(token)))


def by_code(session: Session, *, code: str) -> Voucher | None:
    """The voucher a code stands for; None if it stands for none (any more)."""
    return session.scalar(select(Voucher).where(Voucher.code_hash == voucher_codes.hashed(code)))


def get(session: Session, *, voucher_id: int) -> Voucher | None:
    """A voucher by its number."""
    return session.get(Voucher, voucher_id)


def shop_of(session: Session, *, voucher: Voucher) -> Shop:
    """The shop a voucher is good at."""
    return session.get_one(Shop, voucher.shop_id)


def held_by(session: Session, *, person_id: int, limit: int = 10) -> Sequence[Voucher]:
    """Somebody's vouchers: the good ones first, by when they end; then the others, newest first."""
    good = session.scalars(
        select(Voucher)
        .where(Voucher.person_id == person_id, Voucher.state == VoucherState.ISSUED)
        .order_by(Voucher.expires_at)
        .limit(limit)
    ).all()
    others = session.scalars(
        select(Voucher)
        .where(Voucher.person_id == person_id, Voucher.state != VoucherState.ISSUED)
        .order_by(Voucher.id.desc())
        .limit(limit - len(good))
    ).all()
    return [*good, *others]


def spent(session: Session, *, person_id: int) -> int:
    """Points somebody has spent, what is reserved for vouchers still to be used included."""
    total = session.scalar(
        select(func.sum(Voucher.cost)).where(
            Voucher.person_id == person_id,
            Voucher.state.in_((VoucherState.ISSUED, VoucherState.USED)),
        )
    )
    return int(total or 0)


def require_counter(session: Session, *, voucher: Voucher | None, person_id: int) -> Voucher:
    """Stop whoever is not on the staff of a voucher's shop; nobody serves themselves.

    Raises:
        NotForYou: they are no shop's staff, there is no voucher, or it is their own.
        OtherShop: they are of another shop.
    """
    shops = set(
        session.scalars(
            select(ShopStaff.shop_id).where(
                ShopStaff.person_id == person_id, ShopStaff.left_at.is_(None)
            )
        )
    )
    if not shops or voucher is None or voucher.person_id == person_id:
        raise NotForYou
    if voucher.shop_id not in shops:
        raise OtherShop
    return voucher


def require_good(session: Session, *, voucher: Voucher) -> None:
    """Stop what cannot be done with a voucher that is not good any more.

    Raises:
        VoucherUsed: it was used.
        VoucherCancelled: it was given back.
        VoucherExpired: its time is over.
    """
    match voucher.state:
        case VoucherState.USED:
            shop = shop_of(session, voucher=voucher)
            assert voucher.used_at is not None
            raise VoucherUsed(at=voucher.used_at, shop_zh=shop.name_zh, shop_en=shop.name_en)
        case VoucherState.CANCELLED:
            raise VoucherCancelled(at=_last_event(session, voucher))
        case VoucherState.EXPIRED:
            raise VoucherExpired(at=voucher.expires_at)
    if not _is_good(voucher):
        # The sweep has not come by yet.
        raise VoucherExpired(at=voucher.expires_at)


def _is_good(voucher: Voucher) -> bool:
    return voucher.state == VoucherState.ISSUED and voucher.expires_at > clock.now()


def _last_event(session: Session, voucher: Voucher) -> datetime:
    at = session.scalar(
        select(func.max(VoucherEvent.at)).where(VoucherEvent.voucher_id == voucher.id)
    )
    return at or voucher.issued_at


def _locked(session: Session, voucher_id: int, *, wait: bool = True) -> Voucher | None:
    session.flush()
    return session.scalar(
        select(Voucher)
        .where(Voucher.id == voucher_id)
        .with_for_update(skip_locked=not wait)
        .execution_options(populate_existing=True)
    )


def _move(
    session: Session, voucher: Voucher, source: VoucherState, to: VoucherState, **values: Any
) -> None:
    """Change a voucher's state if it still is what it was; its row is locked all the same.

    Raises:
        OutOfDate: it is something else by now.
    """
    moved = session.scalar(
        update(Voucher)
        .where(Voucher.id == voucher.id, Voucher.state == source)
        .values(state=to, **values)
        .returning(Voucher.id)
        .execution_options(synchronize_session=False)
    )
    if moved is None:
        raise OutOfDate
    session.refresh(voucher)


def _put_back(session: Session, voucher: Voucher) -> None:
    session.execute(
        update(Item)
        .where(Item.id == voucher.item_id, Item.stock.is_not(None))
        .values(stock=Item.stock + 1)
        .execution_options(synchronize_session=False)
    )


def _note(session: Session, voucher: Voucher, kind: str, *, actor_id: int | None) -> None:
    values = {"voucher_id": voucher.id, "kind": kind, "actor_id": actor_id, "at": clock.now()}
    insert_row(session, model=VoucherEvent, values=values)


def _subject(voucher: Voucher) -> str:
    return f"voucher:{voucher.id}"
