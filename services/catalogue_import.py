"""What a catalogue file would change of the catalogue, and the changing.

The file says what there is, with two exceptions, which are the shops' daily business: the stock of
an item that is there already stays as riders and admins have left it, unless restocking is asked
for, and an item that was paused stays paused, unless the file says otherwise. What is no longer in
the file is paused and never deleted: there may be vouchers for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Item, Photo, Shop, clock
from models.photos import PhotoState
from models.policy import Policy
from services.catalogue_file import CatalogueFile, ItemEntry, ItemPicture, ShopEntry
from services.upserts import insert_object

# Pictures that nobody sent.
NOBODY = 0
_LEAST = timedelta(microseconds=1)
_SHOP_FIELDS = ("name_zh", "name_en", "address_zh", "address_en", "latitude", "longitude")
# A shop or an item by the keys of the file; None: there is none yet.
_Told = dict[str, Any]
_Compared = list[tuple[str, _Told | None, _Told]]
_ITEM_FIELDS = ("title_zh", "title_en", "text_zh", "text_en", "cost", "per_person")


class Kind(StrEnum):
    """What becomes of a shop or an item."""

    NEW = "new"
    CHANGED = "changed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A key of the file that differs; `old` is None for what is new."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one shop or item.

    Attributes:
        kind: new, changed, or no longer in the file.
        what: `shop` or `item`.
        code: which.
        fields: what differs, in the order of the file's keys.
    """

    kind: Kind
    what: str
    code: str
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What a file changes.

    Attributes:
        changes: shops first, each in the order of the file, then what is gone.
        unchanged: how many shops and items of the file are there just so.
        stay_paused: codes of items that are in the file and go on being paused.
        stock_kept: the file has another stock for some items, and theirs is kept.
    """

    changes: tuple[Change, ...]
    unchanged: int
    stay_paused: tuple[str, ...]
    stock_kept: bool


def compare(
    session: Session, *, wanted: CatalogueFile, restock: bool, policy: Policy
) -> Difference:
    """What importing a file would change; nothing is changed.

    Args:
        session: the transaction.
        wanted: the file.
        restock: the stock of items that are there already counts as well.
        policy: knows the time zone, and how long vouchers are good.
    """
    return _Import(session, wanted, policy, restock=restock).difference()


def bring_in(
    session: Session, *, wanted: CatalogueFile, restock: bool, policy: Policy
) -> Difference:
    """Make the catalogue what a file says; a second time changes nothing.

    Args:
        session: the transaction. The pictures are in the photo store already.
        wanted: the file.
        restock: the stock of items that are there already becomes that of the file.
        policy: knows the time zone, and how long vouchers are good.

    Returns:
        What was changed.
    """
    work = _Import(session, wanted, policy, restock=restock)
    difference = work.difference()
    work.write(difference)
    return difference


class _Import:
    """A file beside what is in the database, every item of which is locked."""

    def __init__(
        self, session: Session, wanted: CatalogueFile, policy: Policy, *, restock: bool
    ) -> None:
        self._session, self._wanted, self._policy = session, wanted, policy
        self._restock = restock
        shops = session.scalars(select(Shop).order_by(Shop.id))
        self._shops = {shop.code: shop for shop in shops}
        # Riders who redeem wait until this is through: they see the old or the new, no mixture.
        items = session.scalars(
            select(Item)
            .order_by(Item.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        self._items = {item.code: item for item in items}
        rows = session.execute(
            select(Photo.id, Photo.sha256).join(Item, Item.photo_id == Photo.id)
        ).all()
        self._digests: dict[int, str | None] = {row.id: row.sha256 for row in rows}

    def difference(self) -> Difference:
        """Compare everything."""
        changes = []
        unchanged = 0
        for what, rows in (("shop", self._compared_shops()), ("item", self._compared_items())):
            for code, old, new in rows:
                fields = _differing(old, new)
                if fields or old is None:
                    kind = Kind.NEW if old is None else Kind.CHANGED
                    changes.append(Change(kind, what, code, fields))
                else:
                    unchanged += 1
        return Difference(
            changes=(*changes, *self._gone()),
            unchanged=unchanged,
            stay_paused=tuple(
                entry.code
                for entry, item in self._known()
                if item.paused and entry.paused is not False
            ),
            stock_kept=not self._restock
            and any(entry.stock != item.stock for entry, item in self._known()),
        )

    def _known(self) -> list[tuple[ItemEntry, Item]]:
        return [
            (entry, self._items[entry.code])
            for entry in self._wanted.items
            if entry.code in self._items
        ]

    def _gone(self) -> list[Change]:
        there = {entry.code for entry in self._wanted.items}
        paused = (FieldChange("paused", old=False, new=True),)
        return [
            Change(Kind.GONE, "item", item.code, paused)
            for item in self._items.values()
            if item.code not in there and not item.paused
        ]

    def _compared_shops(self) -> _Compared:
        compared: _Compared = []
        for entry in self._wanted.shops:
            shop = self._shops.get(entry.code)
            old = {name: getattr(shop, name) for name in _SHOP_FIELDS} if shop else None
            compared.append((entry.code, old, _of_shop(entry)))
        return compared

    def _compared_items(self) -> _Compared:
        codes = {shop.id: shop.code for shop in self._shops.values()}
        compared: _Compared = []
        for entry in self._wanted.items:
            item = self._items.get(entry.code)
            new = self._of_entry(entry, is_new=item is None)
            old = self._of_item(item, codes[item.shop_id]) if item else None
            compared.append((entry.code, old, new))
        return compared

    def _of_entry(self, entry: ItemEntry, *, is_new: bool) -> dict[str, Any]:
        """What the file says of an item, by the file's keys; what it leaves as it is is missing."""
        picture = self._wanted.pictures.get(entry.code)
        told: dict[str, Any] = {"shop": entry.shop}
        told |= {name: getattr(entry, name) for name in _ITEM_FIELDS}
        told["photo"] = picture.found.sha256 if picture else None
        told["valid_days"] = entry.valid_days or self._policy.rewards.voucher_days
        told["from"], told["until"] = entry.since, entry.until
        if is_new or self._restock:
            told["stock"] = entry.stock
        if is_new or entry.paused is not None:
            told["paused"] = bool(entry.paused)
        return told

    def _of_item(self, item: Item, shop: str) -> dict[str, Any]:
        """The same of an item that is there."""
        told: dict[str, Any] = {"shop": shop}
        told |= {name: getattr(item, name) for name in _ITEM_FIELDS}
        told["photo"] = self._digests.get(item.photo_id) if item.photo_id else None
        told["valid_days"] = item.valid_days
        told["from"] = self._day(item.offered_from)
        told["until"] = self._day(item.offered_until and item.offered_until - _LEAST)
        told["stock"], told["paused"] = item.stock, item.paused
        return told

    def _day(self, moment: datetime | None) -> date | None:
        return moment.astimezone(self._policy.zone).date() if moment else None

    def _begin_of(self, day: date) -> datetime:
        return datetime.combine(day, time.min, tzinfo=self._policy.zone)

    def write(self, difference: Difference) -> None:
        """Do what was found to differ, and no more."""
        changed = {(change.what, change.code): change for change in difference.changes}
        for shop in self._wanted.shops:
            if ("shop", shop.code) in changed:
                self._write_shop(shop)
        for entry in self._wanted.items:
            if change := changed.get(("item", entry.code)):
                self._write_item(entry, {field.name: field.new for field in change.fields})
        for change in difference.changes:
            if change.kind is Kind.GONE:
                self._items[change.code].paused = True
        self._session.flush()

    def _write_shop(self, entry: ShopEntry) -> None:
        shop = self._shops.get(entry.code)
        if shop is None:
            values = {"code": entry.code, "wrong_count": 0, "created_at": clock.now()}
            self._shops[entry.code] = insert_object(
                self._session, model=Shop, values=values | _of_shop(entry)
            )
            return
        for name, value in _of_shop(entry).items():
            setattr(shop, name, value)

    def _write_item(self, entry: ItemEntry, new: Mapping[str, Any]) -> None:
        told = self._of_entry(entry, is_new=True)
        item = self._items.get(entry.code)
        columns = {name: told[name] for name in (*_ITEM_FIELDS, "valid_days")}
        columns["shop_id"] = self._shops[entry.shop].id
        columns["offered_from"] = self._begin_of(entry.since) if entry.since else None
        # The last day counts to its end.
        columns["offered_until"] = (
            self._begin_of(entry.until + timedelta(days=1)) if entry.until else None
        )
        if "photo" in new or item is None:
            picture = self._wanted.pictures.get(entry.code)
            columns["photo_id"] = self._note(picture).id if picture else None
        columns |= {name: told[name] for name in ("stock", "paused") if name in new or item is None}
        if item is None:
            columns |= {"code": entry.code, "created_at": clock.now()}
            self._items[entry.code] = insert_object(self._session, model=Item, values=columns)
            return
        for name, value in columns.items():
            setattr(item, name, value)

    def _note(self, picture: ItemPicture) -> Photo:
        # Telegram has it only once it was first sent: until then the copy in the store is uploaded.
        # It has no dhash: reports are not to be taken for pictures of milk tea.
        return insert_object(
            self._session,
            model=Photo,
            values={
                "owner_id": NOBODY,
                "file_id": "",
                "file_unique_id": "",
                "as_file": True,
                "forwarded": False,
                "sent_at": clock.now(),
                "state": PhotoState.STORED,
                "sha256": picture.found.sha256,
                "width": picture.found.width,
                "height": picture.found.height,
                "size": picture.size,
            },
        )


def _of_shop(entry: ShopEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _SHOP_FIELDS}


def _differing(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """The keys of the file that differ; of what is new, those that say something."""
    if old is None:
        return tuple(
            FieldChange(name, None, value)
            for name, value in new.items()
            if value not in (None, "") and value is not False
        )
    return tuple(
        FieldChange(name, old[name], value) for name, value in new.items() if old[name] != value
    )
