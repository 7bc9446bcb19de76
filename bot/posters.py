"""Posters with a code to scan: for street spots, and for shops where points are welcome."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal, TextIO

import segno
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from bot.papers import FONT, FONT_FILE
from locales import N_, Words
from models.policy import Policy
from services.districts import Districts
from services.spots import Spot

# As long as a shop's name; longer ones would be too small to be read from a saddle.
NAME_LENGTH = 64
COLUMNS = ("latitude", "longitude", "name_zh", "name_en", "category")
# Light modules about a code, which a reader needs.
QUIET = 4
_GREY = (110, 110, 110)

Size = Literal["A4", "A5"]
# Width and height in millimetres.
_SIZES: dict[Size, tuple[float, float]] = {"A4": (210, 297), "A5": (148, 210)}


class SpotFault(Exception):  # noqa: N818 - an answer to the operator
    """A spot cannot be printed; the reason, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Poster:
    """One page.

    Attributes:
        link: what the code says.
        headline: in Chinese and in English.
        how: one line how it works, in both.
        name: of the place or shop, in both.
        kind: of hazard, in both; empty texts for none.
    """

    link: str
    headline: tuple[str, str]
    how: tuple[str, str]
    name: tuple[str, str]
    kind: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class NamedSpot:
    """A spot with what stands on its poster."""

    spot: Spot
    name_zh: str
    name_en: str


def spot(
    *,
    latitude: str,
    longitude: str,
    name_zh: str,
    name_en: str,
    category: str,
    policy: Policy,
    districts: Districts,
) -> NamedSpot:
    """A spot from what an operator wrote.

    Raises:
        SpotFault: it would be of no use to who scans it.
    """
    try:
        north, east = float(latitude), float(longitude)
    except ValueError:
        raise SpotFault(f"no numbers: {latitude},{longitude}") from None
    if not (isfinite(north) and isfinite(east)) or abs(north) > 90 or abs(east) > 180:
        raise SpotFault(f"nowhere on earth: {latitude},{longitude} (latitude first)")
    if districts.locate(north, east) is None:
        raise SpotFault(f"outside all districts: {latitude},{longitude} (latitude first)")
    if category and policy.category(category) is None:
        known = ", ".join(one.code for one in policy.categories)
        raise SpotFault(f"no category {category!r}; there are: {known}")
    # A poster has one line for it.
    zh, en = " ".join(name_zh.split()), " ".join(name_en.split())
    for label, name in (("Chinese", zh), ("English", en)):
        if not name:
            raise SpotFault(f"no {label} name")
        if len(name) > NAME_LENGTH:
            raise SpotFault(f"{label} name longer than {NAME_LENGTH} characters")
    return NamedSpot(Spot(north, east, category), zh, en)


def spots_in(
    file: TextIO, *, policy: Policy, districts: Districts
) -> tuple[list[NamedSpot], list[str]]:
    """The spots of a csv file, and what is wrong with it.

    Args:
        file: with a row of heads: latitude, longitude, name_zh, name_en, and category if wanted.
        policy: names the categories.
        districts: where we work.

    Returns:
        The spots, and the faults, each with its line.
    """
    rows = csv.DictReader(file)
    heads = set(rows.fieldnames or ())
    missing = [name for name in COLUMNS[:-1] if name not in heads]
    unknown = sorted(heads - set(COLUMNS))
    if missing or unknown:
        told = [f"no column {name}" for name in missing]
        told += [f"unknown column {name!r}" for name in unknown]
        return [], [f"line 1: {'; '.join(told)}"]
    found: list[NamedSpot] = []
    faults: list[str] = []
    try:
        for row in rows:
            _take(row, rows.line_num, found, faults, policy=policy, districts=districts)
    except csv.Error as error:
        faults.append(f"line {rows.line_num}: {error}")
    if not found and not faults:
        faults.append("line 2: no spot")
    return found, faults


def _take(
    row: dict[str, str | None],
    line: int,
    found: list[NamedSpot],
    faults: list[str],
    *,
    policy: Policy,
    districts: Districts,
) -> None:
    # What a row has beyond the heads is listed under None; a cell it lacks is None.
    if None in row:
        faults.append(f"line {line}: more cells than heads")
        return
    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    try:
        found.append(spot(**cells, policy=policy, districts=districts))
    except SpotFault as fault:
        faults.append(f"line {line}: {fault}")


def of_spot(named: NamedSpot, *, link: str, policy: Policy, zh: Words, en: Words) -> Poster:
    """The poster of a street spot.

    Args:
        named: the spot.
        link: that opens the bot with it.
        policy: names its category.
        zh: Chinese.
        en: English.
    """
    category = policy.category(named.spot.category)
    return Poster(
        link,
        headline=_in_both(N_("Something broken here? Scan and tell us"), zh, en),
        how=_in_both(N_("The place is filled in: send a photo of it."), zh, en),
        name=(named.name_zh, named.name_en),
        kind=(category.name.zh, category.name.en) if category else ("", ""),
    )


def of_shop(name_zh: str, name_en: str, *, link: str, zh: Words, en: Words) -> Poster:
    """The poster of a shop where points are welcome."""
    return Poster(
        link,
        headline=_in_both(N_("Your points are welcome here"), zh, en),
        how=_in_both(N_("Scan to see what they get you, redeem, show the code."), zh, en),
        name=(name_zh, name_en),
    )


def _in_both(text: str, zh: Words, en: Words) -> tuple[str, str]:
    return zh.tr(text), en.tr(text)


def drawn(posters: Iterable[Poster], *, size: Size) -> bytes:
    """A PDF with a poster a page."""
    paper = FPDF(format=_SIZES[size])
    paper.add_font(FONT, fname=FONT_FILE)
    paper.set_auto_page_break(False)
    # What fits A4 is scaled to the paper.
    scale = paper.w / _SIZES["A4"][0]
    paper.set_margin(15 * scale)
    for poster in posters:
        paper.add_page()
        _draw(paper, poster, scale)
    return bytes(paper.output())


def _draw(paper: FPDF, poster: Poster, scale: float) -> None:
    paper.set_y(20 * scale)
    _line(paper, poster.headline[0], 36 * scale, 17 * scale)
    _line(paper, poster.headline[1], 20 * scale, 11 * scale)
    side = 120 * scale
    _draw_code(paper, poster.link, (paper.w - side) / 2, 66 * scale, side)
    paper.set_y(194 * scale)
    _line(paper, poster.how[0], 18 * scale, 10 * scale)
    _line(paper, poster.how[1], 13 * scale, 8 * scale)
    paper.set_y(226 * scale)
    _line(paper, _joined(poster.kind[0], poster.name[0]), 24 * scale, 13 * scale)
    _line(paper, _joined(poster.kind[1], poster.name[1]), 15 * scale, 9 * scale)
    paper.set_y(280 * scale)
    paper.set_text_color(*_GREY)
    _line(paper, poster.link.removeprefix("https://"), 8 * scale, 5 * scale)
    paper.set_text_color(0)


def _joined(kind: str, name: str) -> str:
    return f"{kind} · {name}" if kind else name


def _line(paper: FPDF, text: str, size: float, height: float) -> None:
    """One line across the page, smaller where it would not fit."""
    paper.set_font(FONT, size=size)
    room = paper.epw - 2 * paper.c_margin
    if (width := paper.get_string_width(text)) > room:
        paper.set_font(FONT, size=size * room / width)
    paper.cell(w=0, h=height, text=text, align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _draw_code(paper: FPDF, text: str, x: float, y: float, side: float) -> None:
    # A quarter of it may be scratched or stuck over.
    code = segno.make(text, error="q", micro=False)
    rows = [bytes(row) for row in code.matrix]
    module = side / (len(rows) + 2 * QUIET)
    paper.set_fill_color(0)
    for number, row in enumerate(rows):
        # As one, or a printer leaves seams.
        for start, end in _dark_runs(row):
            paper.rect(
                x + (QUIET + start) * module,
                y + (QUIET + number) * module,
                (end - start) * module,
                module,
                style="F",
            )


def _dark_runs(row: Sequence[int]) -> list[tuple[int, int]]:
    """Where dark modules stand side by side: the first, and the first after them."""
    runs, start = [], None
    for column, dark in enumerate((*row, 0)):
        if dark and start is None:
            start = column
        elif not dark and start is not None:
            runs.append((start, column))
            start = None
    return runs
