"""A shop's statement of a day or a month, from the entries of its account and from nothing else."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from models import (
    Account,
    LedgerEntry,
    LedgerTransaction,
    Person,
    Shop,
    ShopStatement,
    Voucher,
    clock,
)
from models.ledger import AccountKind
from services.upserts import insert_new

# A bot that was away for a weekend still brings the days it missed.
DAYS_BACK = 3
# Years there may be books of: at the edges of time, a moment there has none in UTC.
_DAY = re.compile(r"(2\d{3})-(\d\d)-(\d\d)", re.ASCII)
_MONTH = re.compile(r"(2\d{3})-(\d\d)", re.ASCII)


class Form(StrEnum):
    """How a statement is drawn."""

    PDF = "pdf"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Period:
    """A day or a month of the programme's zone.

    Attributes:
        name: 2026-11-24 or 2026-11.
        start: its first moment.
        end: the first moment after it.
    """

    name: str
    start: datetime
    end: datetime

    @property
    def is_month(self) -> bool:
        """Whether it is a month rather than a day."""
        return len(self.name) == len("2026-11")


def day_of(on: date, zone: ZoneInfo) -> Period:
    """A day, from midnight to midnight there."""
    return Period(f"{on:%Y-%m-%d}", _midnight(on, zone), _midnight(on + timedelta(days=1), zone))


def month_of(on: date, zone: ZoneInfo) -> Period:
    """The month a day is in."""
    first = on.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return Period(f"{first:%Y-%m}", _midnight(first, zone), _midnight(following, zone))


def month_before(on: date, zone: ZoneInfo) -> Period:
    """The month before the one a day is in."""
    return month_of(on.replace(day=1) - timedelta(days=1), zone)


def today(zone: ZoneInfo) -> date:
    """What day it is there."""
    return clock.now().astimezone(zone).date()


def named(name: str, zone: ZoneInfo) -> Period | None:
    """The period of a name; None for anything that is no day and no month."""
    found = _DAY.fullmatch(name) or _MONTH.fullmatch(name)
    if found is None:
        return None
    year, month, *day = (int(part) for part in found.groups())
    try:
        on = date(year, month, day[0] if day else 1)
        return day_of(on, zone) if day else month_of(on, zone)
    except ValueError:
        return None


def _midnight(on: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(on, time(), tzinfo=zone)


@dataclass(frozen=True, slots=True)
class Rider:
    """Whose voucher it was, as far as a shop may know: what `views.pseudonym` needs."""

    bird: int
    bird_number: int


@dataclass(frozen=True, slots=True)
class Line:
    """One booking.

    Attributes:
        at: when.
        voucher_id: of which voucher; None for what an operator booked by hand.
        title_zh: what it was for, in Chinese; empty without a voucher.
        title_en: the same in English.
        rider: who had the voucher; None without one.
        points: positive for what was confirmed, negative for what was undone.
    """

    at: datetime
    voucher_id: int | None
    title_zh: str
    title_en: str
    rider: Rider | None
    points: int


@dataclass(frozen=True, slots=True)
class Statement:
    """What was booked for a shop in a period. It outlives its transaction.

    Attributes:
        code: the shop's.
        name_zh: the shop's name in Chinese.
        name_en: the same in English.
        period: which.
        opening: the balance before.
        lines: one a booking, in order.
        drawn_at: when it was read from the books.
    """

    code: str
    name_zh: str
    name_en: str
    period: Period
    opening: int
    lines: tuple[Line, ...]
    drawn_at: datetime

    @property
    def total(self) -> int:
        """What the bookings of the period come to."""
        return sum(line.points for line in self.lines)

    @property
    def closing(self) -> int:
        """The balance after."""
        return self.opening + self.total

    @property
    def is_final(self) -> bool:
        """Whether the period was over when it was drawn."""
        return self.drawn_at >= self.period.end


def statement(session: Session, *, shop_id: int, period: Period) -> Statement:
    """Draw up a statement.

    Args:
        session: the transaction.
        shop_id: of which shop.
        period: from its first moment until just before its end.

    Returns:
        The statement; without lines if nothing was booked.

    Raises:
        LookupError: there is no such shop.
    """
    shop = session.get(Shop, shop_id)
    if shop is None:
        raise LookupError(f"no shop {shop_id}")
    rows = session.execute(
        select(
            LedgerTransaction.at,
            LedgerTransaction.voucher_id,
            Voucher.title_zh,
            Voucher.title_en,
            Person.bird,
            Person.bird_number,
            LedgerEntry.points,
        )
        .select_from(LedgerEntry)
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .join(Account, Account.id == LedgerEntry.account_id)
        .outerjoin(Voucher, Voucher.id == LedgerTransaction.voucher_id)
        .outerjoin(Person, Person.id == Voucher.person_id)
        .where(_of_shop(shop_id), _within(period))
        .order_by(LedgerTransaction.at, LedgerEntry.id)
    )
    lines = tuple(
        Line(
            at,
            voucher_id,
            title_zh or "",
            title_en or "",
            None if bird is None else Rider(bird, number),
            points,
        )
        for at, voucher_id, title_zh, title_en, bird, number, points in rows
    )
    return Statement(
        shop.code,
        shop.name_zh,
        shop.name_en,
        period,
        _balance(session, shop_id, before=period.start),
        lines,
        drawn_at=clock.now(),
    )


def total(session: Session, *, shop_id: int, period: Period) -> int:
    """What the bookings of a period come to."""
    return session.scalar(_sum(shop_id).where(_within(period))) or 0


def _balance(session: Session, shop_id: int, *, before: datetime) -> int:
    return session.scalar(_sum(shop_id).where(LedgerTransaction.at < before)) or 0


def _sum(shop_id: int) -> Select[int]:
    return (
        select(func.sum(LedgerEntry.points))
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .join(Account, Account.id == LedgerEntry.account_id)
        .where(_of_shop(shop_id))
    )


def _of_shop(shop_id: int) -> ColumnElement[bool]:
    return and_(Account.kind == AccountKind.SHOP, Account.owner_id == shop_id)


def _within(period: Period) -> ColumnElement[bool]:
    return and_(LedgerTransaction.at >= period.start, LedgerTransaction.at < period.end)


@dataclass(frozen=True, slots=True)
class Due:
    """A statement that is to be sent by itself."""

    shop_id: int
    period: Period


def due(session: Session, *, zone: ZoneInfo) -> Iterator[Due]:
    """What is to be sent by itself and was not yet: the last days and the last month.

    Shops without a booking in a period get no statement of it.

    Args:
        session: the transaction.
        zone: days and months are meant in it.
    """
    on = today(zone)
    days = [day_of(on - timedelta(days=back), zone) for back in range(DAYS_BACK, 0, -1)]
    for period in (*days, month_before(on, zone)):
        written = select(ShopStatement.shop_id).where(ShopStatement.period == period.name)
        shop_ids = session.scalars(
            select(Account.owner_id)
            .join(LedgerEntry, LedgerEntry.account_id == Account.id)
            .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
            .where(
                Account.kind == AccountKind.SHOP, _within(period), Account.owner_id.not_in(written)
            )
            .distinct()
            .order_by(Account.owner_id)
        ).all()
        for shop_id in shop_ids:
            yield Due(shop_id, period)


def write(session: Session, *, shop_id: int, period: Period) -> bool:
    """Take note that a statement is sent by itself.

    Returns:
        False if it was before, in whichever process: it must not be sent again.
    """
    values = {"shop_id": shop_id, "period": period.name, "written_at": clock.now()}
    return insert_new(session, model=ShopStatement, values=values)
