"""A shop's statement on paper: as CSV for a spreadsheet, as PDF for people."""

import csv
from io import StringIO
from pathlib import Path

from fpdf import FPDF, FontFace, XPos, YPos

from bot.export import harmless
from handlers import views
from locales import Words
from services.shop_statements import Form, Line, Statement

FONT, FONT_FILE = "noto", Path(__file__).parent / "fonts" / "NotoSansSC-Regular.ttf"
# In millimetres.
MARGIN = 18
LINE_HEIGHT = 6
# Of day, time, voucher, item, rider and points.
WIDTHS = (24, 15, 20, 60, 35, 20)
_GREY, _PALE = (110, 110, 110), (238, 241, 245)


def drawn(statement: Statement, *, form: Form, words: Words) -> bytes:
    """A statement as the bytes of a file.

    Args:
        statement: from the books.
        form: how it is drawn.
        words: the language of who reads it.
    """
    return _csv(statement, words) if form is Form.CSV else _pdf(statement, words)


def file_name(statement: Statement, form: Form) -> str:
    """What the file is called: corner-shop-2026-11.pdf."""
    return f"{statement.code}-{statement.period.name}.{form}"


def _csv(statement: Statement, words: Words) -> bytes:
    file = StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(_heads(words))
    for line in statement.lines:
        # Points stay a number, so that the column adds up.
        writer.writerow([harmless(cell) for cell in (*_cells(line, words), line.points)])
    writer.writerow([])
    writer.writerows(_sums(statement, words))
    # By the mark in front Excel knows UTF-8.
    return file.getvalue().encode("utf-8-sig")


def _heads(words: Words) -> tuple[str, ...]:
    return (
        words.tr("Day"),
        words.tr("Time"),
        words.tr("Voucher"),
        words.tr("Item"),
        words.tr("Rider"),
        words.tr("Points"),
    )


def _cells(line: Line, words: Words) -> tuple[str, ...]:
    by_hand = line.voucher_id is None
    return (
        words.iso_day(line.at),
        words.clock(line.at),
        "" if by_hand else f"V{line.voucher_id}",
        words.tr("booked by hand") if by_hand else words.choose(line.title_zh, line.title_en),
        views.pseudonym(line.rider, words) if line.rider else "",
    )


def _sums(statement: Statement, words: Words) -> tuple[tuple[str, int], ...]:
    return (
        (words.tr("Balance before"), statement.opening),
        (words.tr("Total"), statement.total),
        (words.tr("Balance after"), statement.closing),
    )


class _Page(FPDF):
    """A page of A4 with its number at the foot."""

    def __init__(self, words: Words) -> None:
        super().__init__(format="A4")
        self._words = words
        self.set_margin(MARGIN)
        self.set_auto_page_break(True, margin=MARGIN + LINE_HEIGHT)
        self.add_font(FONT, fname=FONT_FILE)
        self.set_font(FONT, size=10)
        self.set_lang("zh-CN" if words.is_chinese else "en")

    def footer(self) -> None:
        """The number of the page, of how many."""
        self.set_y(-MARGIN)
        self.set_font(FONT, size=8)
        self.set_text_color(*_GREY)
        text = self._words.tr("Page {page} of {pages}", page=self.page_no(), pages="{nb}")
        self.cell(w=0, h=LINE_HEIGHT, text=text, align="R")
        self.set_text_color(0)

    def say(self, text: str, size: float, *, height: float, grey: bool = False) -> None:
        """A line of text, broken where it is too long."""
        self.set_font(FONT, size=size)
        self.set_text_color(*(_GREY if grey else (0, 0, 0)))
        self.multi_cell(w=0, h=height, text=text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_text_color(0)


def _pdf(statement: Statement, words: Words) -> bytes:
    page = _Page(words)
    name = words.choose(statement.name_zh, statement.name_en)
    title = words.tr("Statement of points")
    page.set_title(f"{name} · {title} · {statement.period.name}")
    # The same books make the same file.
    page.set_creation_date(statement.drawn_at)
    page.add_page()
    page.say(title, 10, height=6, grey=True)
    page.say(name, 18, height=10)
    page.say(views.period_name(statement.period, words), 12, height=7)
    page.say(_as_of(statement, words), 9, height=5, grey=True)
    page.ln(4)
    _draw_sums(page, statement, words)
    page.ln(5)
    if statement.lines:
        _draw_lines(page, statement, words)
    else:
        page.say(words.tr("Nothing was booked."), 10, height=6)
    return bytes(page.output())


def _as_of(statement: Statement, words: Words) -> str:
    day, clock = words.date(statement.drawn_at), words.clock(statement.drawn_at)
    if statement.is_final:
        return words.tr("From the books, {day}, {clock}", day=day, clock=clock)
    return words.tr("As of {day}, {clock}; more may follow", day=day, clock=clock)


def _draw_sums(page: _Page, statement: Statement, words: Words) -> None:
    page.set_font(FONT, size=11)
    for label, points in _sums(statement, words):
        page.cell(w=50, h=7, text=label)
        page.cell(
            w=30, h=7, text=words.number(points), align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )


def _draw_lines(page: _Page, statement: Statement, words: Words) -> None:
    page.set_font(FONT, size=9)
    page.set_draw_color(200)
    # There is one weight of the font: heads are told by their ground. They are repeated.
    heads = FontFace(emphasis="", fill_color=_PALE)
    with page.table(
        col_widths=WIDTHS,
        text_align=("LEFT", "LEFT", "LEFT", "LEFT", "LEFT", "RIGHT"),
        headings_style=heads,
        line_height=LINE_HEIGHT,
        borders_layout="HORIZONTAL_LINES",
    ) as table:
        table.row(_heads(words))
        for line in statement.lines:
            table.row((*_cells(line, words), words.signed(line.points)))
