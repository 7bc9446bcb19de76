"""A catalogue as an operator writes it: read from yaml or csv, and checked in full.

A file with a single fault is not used; all its faults are told at once, each with its line. In yaml
there are two lists, `shops` and `items`; in csv there is a row an item, which has its shop in
columns that begin with `shop`.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from services import pictures

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails
    from yaml import Node
    from yaml.error import YAMLError

MOST_BYTES = 1024 * 1024
MOST_ITEMS = 500
# A picture of an item is shown on a phone.
MOST_PICTURE_BYTES = 5 * 1024 * 1024
MOST_POINTS = 100_000
MOST_STOCK = 100_000
UNLIMITED = "unlimited"
_YEARS = range(2020, 2101)
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _number(value: object) -> object:
    # To pydantic True is 1.
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic takes no other
    return value


def _stock(value: object) -> int | None:
    if isinstance(value, str) and value.lower() == UNLIMITED:
        return None
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be a whole number or {UNLIMITED}")  # noqa: TRY004
    if not 0 <= value <= MOST_STOCK:
        raise ValueError(f"must be between 0 and {MOST_STOCK}, or {UNLIMITED}")
    return value


def _day(value: object) -> date:
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            raise ValueError("there is no such day") from None
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError("must be a day like 2026-12-31")  # noqa: TRY004
    if value.year not in _YEARS:
        raise ValueError(f"must lie between {_YEARS[0]} and {_YEARS[-1]}")
    return value


def _readable(text: str) -> str:
    if any(unicodedata.category(one) in ("Cc", "Cs") and one != "\n" for one in text):
        raise ValueError("has characters nobody can read")
    return text


def _one_line(text: str) -> str:
    if "\n" in text:
        raise ValueError("must be one line")
    return text


Code = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Title = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=64),
    AfterValidator(_readable),
    AfterValidator(_one_line),
]
Line = Annotated[
    str,
    StringConstraints(strict=True, max_length=128),
    AfterValidator(_readable),
    AfterValidator(_one_line),
]
Prose = Annotated[str, StringConstraints(strict=True, max_length=400), AfterValidator(_readable)]
Degrees = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Day = Annotated[date, BeforeValidator(_day)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ShopEntry(_Entry):
    """A shop as the file tells of it."""

    code: Code
    name_zh: Title
    name_en: Title
    address_zh: Line = ""
    address_en: Line = ""
    latitude: Annotated[Degrees, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[Degrees, Field(ge=-180, le=180)] | None = Field(
        None, validate_default=True
    )

    @field_validator("longitude")
    @classmethod
    def _both(cls, longitude: float | None, info: ValidationInfo) -> float | None:
        there = "latitude" in info.data
        if there and (longitude is None) != (info.data["latitude"] is None):
            raise ValueError("latitude and longitude go together")
        return longitude


class ItemEntry(_Entry):
    """An item as the file tells of it.

    Attributes:
        stock: how many there are; None: as many as are asked for.
        since: the first day it is offered (`from` in the file).
        until: the last day it is offered.
        paused: None: as it is, and offered if it is new.
        photo: the name of its picture, as seen from the file.
    """

    code: Code
    shop: Code
    title_zh: Title
    title_en: Title
    text_zh: Prose = ""
    text_en: Prose = ""
    photo: Line | None = None
    cost: Annotated[int, BeforeValidator(_number), Field(ge=1, le=MOST_POINTS)]
    stock: Annotated[int | None, BeforeValidator(_stock)]
    per_person: Annotated[int, BeforeValidator(_number), Field(ge=1, le=1000)] | None = None
    valid_days: Annotated[int, BeforeValidator(_number), Field(ge=1, le=366)] | None = None
    since: Day | None = Field(None, alias="from")
    until: Day | None = None
    paused: bool | None = None

    @field_validator("until")
    @classmethod
    def _after_since(cls, until: date | None, info: ValidationInfo) -> date | None:
        since = info.data.get("since")
        if until is not None and since is not None and until < since:
            raise ValueError(f"lies before from ({since})")
        return until


@dataclass(frozen=True, slots=True)
class ItemPicture:
    """The picture of an item, examined.

    Attributes:
        file: where it was read.
        found: what was found in it.
        size: of the file, in bytes.
    """

    file: Path
    found: pictures.Picture
    size: int


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """All that is in a file without a fault.

    Attributes:
        shops: in the file's order.
        items: in the file's order.
        pictures: by the code of their item.
    """

    shops: tuple[ShopEntry, ...]
    items: tuple[ItemEntry, ...]
    pictures: Mapping[str, ItemPicture]


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Something in a file that must be put right.

    Attributes:
        line: from 1.
        about: what of, e.g. `item milk_tea: cost`; empty: the file as a whole.
        reason: what is wrong, in plain words.
    """

    line: int
    about: str
    reason: str

    def __str__(self) -> str:
        about = f"{self.about}: " if self.about else ""
        return f"line {self.line}: {about}{self.reason}"


class FaultyFile(Exception):  # noqa: N818 - an answer to the operator
    """The file cannot be used; `faults` are all that is wrong with it, in the order of lines."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


@dataclass(slots=True)
class _Row:
    """A shop or item before it is checked.

    Attributes:
        line: where it begins.
        values: by key.
        lines: where its keys stand, as far as they have lines of their own.
        prefix: what stands before its keys in the file.
    """

    line: int
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    prefix: str = ""

    def at(self, key: object) -> int:
        return self.lines.get(str(key), self.line)


@dataclass(slots=True)
class _Raw:
    """A file taken to pieces, and what was wrong with it until then."""

    shops: list[_Row] = field(default_factory=list)
    items: list[_Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, line: int, about: str, reason: str) -> None:
        # A key may be anything, and has to be printed.
        printable = about.encode("utf-8", "replace").decode("utf-8")
        self.faults.append(Fault(line, printable, reason))


def read(file: Path) -> CatalogueFile:
    """Read a catalogue and everything it names.

    Args:
        file: `.yaml`, `.yml` or `.csv`, in UTF-8. Pictures lie beside it or below.

    Returns:
        What is in it.

    Raises:
        FaultyFile: something is wrong with it.
        OSError: it cannot be read.
    """
    raw = _take_apart(file)
    shops = _checked_shops(raw)
    items = _checked_items(raw, {shop.code for shop in shops})
    found = _pictures(raw, file.parent, items)
    if not raw.faults and not items:
        raw.fault(1, "", "there are no items in it")
    if raw.faults:
        raise FaultyFile(sorted(set(raw.faults)))
    return CatalogueFile(tuple(shops), tuple(item for item, _ in items), found)


# --- taking it apart ---


def _take_apart(file: Path) -> _Raw:
    raw = _Raw()
    if file.suffix.lower() not in (".yaml", ".yml", ".csv"):
        raise FaultyFile([Fault(1, "", "expected a file that ends with .yaml, .yml or .csv")])
    with file.open("rb") as stream:
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise FaultyFile([Fault(1, "", "the file is larger than 1 MB")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FaultyFile([Fault(line, "", "not UTF-8; save the file as UTF-8")]) from None
    if file.suffix.lower() == ".csv":
        _take_csv_apart(text, raw)
    else:
        _take_yaml_apart(text, raw)
    if len(raw.items) > MOST_ITEMS:
        raw.fault(raw.items[MOST_ITEMS].line, "", f"there are more than {MOST_ITEMS} items")
        del raw.items[MOST_ITEMS:]
    return raw


_LISTS = ("shops", "items")


def _take_yaml_apart(text: str, raw: _Raw) -> None:
    import yaml  # noqa: PLC0415 - a bot that runs reads no catalogue

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raw.fault(_line_of(error, text), "", "not readable as YAML")
        return
    except RecursionError:
        raw.fault(1, "", "not readable as YAML: nested too deeply")
        return
    if not isinstance(root, yaml.MappingNode):
        raw.fault(1, "", "expected two lists: shops and items")
        return
    for key, node in _pairs(root, "", raw):
        line = key.start_mark.line + 1
        if key.value not in _LISTS:
            raw.fault(line, key.value, "unknown key; there are: shops, items")
        elif not isinstance(node, yaml.SequenceNode):
            raw.fault(line, key.value, "expected a list")
        else:
            rows = raw.shops if key.value == "shops" else raw.items
            rows.extend(_yaml_rows(node.value, key.value.removesuffix("s"), raw))


def _line_of(error: "YAMLError", text: str) -> int:
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return int(mark.line) + 1
    # What is no character of YAML is told by its place alone.
    return text.count("\n", 0, int(getattr(error, "position", 0) or 0)) + 1


def _yaml_rows(nodes: "list[Node]", kind: str, raw: _Raw) -> Iterator[_Row]:
    import yaml  # noqa: PLC0415

    loader = yaml.SafeLoader("")
    for number, node in enumerate(nodes, 1):
        row = _Row(node.start_mark.line + 1)
        if not isinstance(node, yaml.MappingNode):
            raw.fault(row.line, f"{kind} {number}", "expected keys with values")
            continue
        for key, value in _pairs(node, f"{kind} {number}", raw):
            row.lines[key.value] = key.start_mark.line + 1
            # It is there, and is complained of once.
            row.values[key.value] = _UNUSABLE
            try:
                if isinstance(value, yaml.ScalarNode):
                    row.values[key.value] = loader.construct_object(value)
            except (yaml.YAMLError, ValueError, OverflowError):
                pass
            if row.values[key.value] is _UNUSABLE:
                raw.fault(
                    row.at(key.value), f"{kind} {number}: {key.value[:40]}", "no usable value"
                )
        yield row


_UNUSABLE = object()


def _pairs(node: Any, about: str, raw: _Raw) -> "Iterator[tuple[Node, Node]]":
    import yaml  # noqa: PLC0415

    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raw.fault(line, about, "a key must be a word")
        elif key.value in seen:
            raw.fault(line, f"{about}: {key.value}" if about else key.value, "given twice")
        else:
            seen.add(key.value)
            yield key, value


_OF_SHOP = "shop_"
_COLUMNS = {field.alias or name for name, field in ItemEntry.model_fields.items()} | {
    f"{_OF_SHOP}{name}" for name in ShopEntry.model_fields if name != "code"
}


def _take_csv_apart(text: str, raw: _Raw) -> None:
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    header: list[str] = []
    shops: dict[str, _Row] = {}
    line = 1
    try:
        for cells in reader:
            if not header:
                header = [cell.strip() for cell in cells]
                for name in header:
                    if name not in _COLUMNS:
                        raw.fault(line, f"column {name[:40]!r}", "unknown")
                    elif header.count(name) > 1:
                        raw.fault(line, f"column {name!r}", "given twice")
            elif any(cell.strip() for cell in cells):
                if len(cells) > len(header):
                    raw.fault(line, "", "more cells than the first line has")
                named = zip(header, cells, strict=False)
                values = {name: cell.strip() for name, cell in named if name in _COLUMNS}
                values = {name: cell for name, cell in values.items() if cell}
                _take_csv_row(values, line, shops, raw)
            # Where the next one begins: this one may have had line ends in its cells.
            line = reader.line_num + 1
    except csv.Error:
        raw.fault(line, "", "not readable as CSV")
    raw.shops.extend(shops.values())


def _take_csv_row(values: dict[str, str], line: int, shops: dict[str, _Row], raw: _Raw) -> None:
    item = {name: value for name, value in values.items() if not name.startswith(_OF_SHOP)}
    raw.items.append(_Row(line, dict(item)))
    told = {
        name.removeprefix(_OF_SHOP): value
        for name, value in values.items()
        if name.startswith(_OF_SHOP)
    }
    code = item.get("shop")
    if code is None:
        return
    first = shops.setdefault(code, _Row(line, {"code": code} | told, prefix=_OF_SHOP))
    for name, value in told.items():
        if first.values.get(name) != value:
            reason = f"differs from line {first.line}"
            raw.fault(line, f"shop {code[:40]}: {_OF_SHOP}{name}", reason)


# --- checking it ---


def _checked_shops(raw: _Raw) -> list[ShopEntry]:
    shops = []
    for row in _once(raw.shops, "shop", raw):
        entry = _checked(ShopEntry, row, _about("shop", row, raw.shops), raw)
        if entry is not None:
            shops.append(entry)
    return shops


def _checked_items(raw: _Raw, checked: set[str]) -> list[tuple[ItemEntry, _Row]]:
    # A shop with a fault of its own is not unknown.
    known = checked | {str(row.values.get("code")) for row in raw.shops}
    items = []
    for row in _once(raw.items, "item", raw):
        about = _about("item", row, raw.items)
        shop = row.values.get("shop")
        if isinstance(shop, str) and shop not in known:
            raw.fault(row.at("shop"), f"{about}: shop", f"there is no shop {shop!r} in the file")
        entry = _checked(ItemEntry, row, about, raw)
        if entry is not None:
            items.append((entry, row))
    return items


def _once(rows: list[_Row], kind: str, raw: _Raw) -> Iterator[_Row]:
    first: dict[str, int] = {}
    for row in rows:
        code = row.values.get("code")
        if isinstance(code, str) and code in first:
            reason = f"that code was used in line {first[code]}"
            raw.fault(row.at("code"), f"{kind} {code[:40]}: code", reason)
        elif isinstance(code, str):
            first[code] = row.at("code")
        yield row


def _about(kind: str, row: _Row, rows: list[_Row]) -> str:
    code = row.values.get("code")
    if isinstance(code, str) and code:
        return f"{kind} {code[:40]}"
    return f"{kind} {next(n for n, one in enumerate(rows, 1) if one is row)}"


Entry = TypeVar("Entry", bound=_Entry)


def _checked(model: type[Entry], row: _Row, about: str, raw: _Raw) -> Entry | None:
    unusable = {name for name, value in row.values.items() if value is _UNUSABLE}
    values = {
        name: value.strip() if isinstance(value, str) else value
        for name, value in row.values.items()
        # An empty value is none at all.
        if value is not None
    }
    try:
        return model.model_validate(values)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            name = str(fault["loc"][0]) if fault["loc"] else ""
            if name not in unusable:
                where = f"{about}: {row.prefix}{name[:40]}" if name else about
                raw.fault(row.at(name), where, _reason(fault))
    return None


def _reason(fault: "ErrorDetails") -> str:
    """What pydantic found, in plain words."""
    limits = fault.get("ctx", {})
    match fault["type"]:
        case "missing":
            return "missing"
        case "extra_forbidden":
            return "unknown key"
        case "greater_than_equal":
            return f"must be at least {limits['ge']:g}"
        case "less_than_equal":
            return f"must be at most {limits['le']:g}"
        case "string_too_long":
            return f"must be at most {limits['max_length']} characters"
        case "string_too_short":
            return "empty"
        case "string_unicode":
            return "has characters nobody can read"
        case "string_type":
            return "must be text; put it into quotes"
        case "string_pattern_mismatch":
            return "must be up to 32 small letters a to z, digits, - and _"
        case "finite_number" | "float_type" | "float_parsing":
            return "must be a number"
        case "bool_type" | "bool_parsing":
            return "must be true or false"
        case kind if kind.startswith("int_"):
            return "must be a whole number"
        case "value_error":
            return str(limits["error"])
    return fault["msg"]


# --- pictures ---


def _pictures(
    raw: _Raw, folder: Path, items: list[tuple[ItemEntry, _Row]]
) -> dict[str, ItemPicture]:
    examined: dict[str, ItemPicture | str] = {}
    found = {}
    for item, row in items:
        if item.photo is None:
            continue
        if item.photo not in examined:
            examined[item.photo] = _examined(folder / item.photo)
        picture = examined[item.photo]
        if isinstance(picture, str):
            raw.fault(row.at("photo"), f"item {item.code}: photo", picture)
        else:
            found[item.code] = picture
    return found


def _examined(file: Path) -> ItemPicture | str:
    """The picture in a file, or why there is none."""
    try:
        if not file.is_file():
            return f"there is no file {file.name!r}"
        size = file.stat().st_size
        if size > MOST_PICTURE_BYTES:
            return "the picture is larger than 5 MB"
        return ItemPicture(file, pictures.examine(file.read_bytes()), size)
    except OSError as error:
        return f"cannot be read: {error.strerror or type(error).__name__}"
    except pictures.NotAPicture:
        return "is no JPEG, PNG, WebP or HEIC"
    except pictures.PictureTooLarge:
        return "the picture is larger than 40 million pixels"
    except pictures.PictureBroken:
        return "the picture is broken"
