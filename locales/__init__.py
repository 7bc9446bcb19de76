"""The languages: every sentence a person reads comes from here, with numbers, dates and plurals."""

import gettext
from datetime import datetime, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import dates, numbers
from babel.core import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).resolve().parent
LANGUAGES = ("zh_Hans", "en")


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a sentence for the catalogues that is translated later."""
    return text


class Words:
    """One language, spoken in one time zone."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        """Open the catalogue.

        Args:
            language: one of `LANGUAGES`.
            zone: days and hours are told in it.
        """
        self.language = language
        self._zone = zone
        self._locale = Locale.parse(language)
        self._catalogue = catalogue(language)

    def tr(self, text: str, /, **values: object) -> str:
        """A sentence in this language, with its `{values}` filled in."""
        return self._catalogue.gettext(text).format(**values)

    def trn(self, one: str, many: str, count: int, /, **values: object) -> str:
        """A sentence that depends on a number, which may stand in it as `{count}`."""
        return self._catalogue.ngettext(one, many, count).format(count=self.number(count), **values)

    @property
    def is_chinese(self) -> bool:
        """Whether names and labels are wanted in Chinese."""
        return self.language.startswith("zh")

    def choose(self, zh: str, en: str) -> str:
        """The one of two data texts that is in this language."""
        return zh if self.is_chinese else en

    def number(self, value: float) -> str:
        """A number as people write it here."""
        return numbers.format_decimal(value, locale=self._locale)

    def signed(self, value: int) -> str:
        """Points gained or taken: +10, -3."""
        return f"{'+' if value > 0 else ''}{self.number(value)}"

    def percent(self, share: float) -> str:
        """A share of a whole: 0.25 is 25%."""
        return numbers.format_percent(share, locale=self._locale)

    def distance(self, metres: float) -> str:
        """A distance people can use: 40 m, 1.2 km."""
        if metres < 950:
            rounded = round(metres) if metres < 100 else round(metres, -1)
            return self.tr("{metres} m", metres=self.number(rounded))
        rounded_km = round(metres, -2) / 1000 if metres < 9_950 else round(metres / 1000)
        return self.tr("{kilometres} km", kilometres=self.number(rounded_km))

    def ago(self, then: datetime, *, now: datetime) -> str:
        """How long ago: just now, 3 min ago, 2 hours ago, 5 days ago."""
        delta = now - then
        if delta < timedelta(minutes=1):
            return self.tr("just now")
        if delta < timedelta(hours=1):
            return self.tr("{minutes} min ago", minutes=int(delta.total_seconds() // 60))
        if delta < timedelta(days=1):
            return self.trn("{count} hour ago", "{count} hours ago", int(delta.seconds // 3600))
        return self.trn("{count} day ago", "{count} days ago", delta.days)

    def minutes(self, minutes: int) -> str:
        """A length of time, in minutes up to an hour, then in hours."""
        if minutes < 60:
            return self.tr("{minutes} min", minutes=minutes)
        return self.trn("{count} hour", "{count} hours", -(-minutes // 60))

    def clock(self, moment: datetime) -> str:
        """The time of day: 14:05."""
        return moment.astimezone(self._zone).strftime("%H:%M")

    def when(self, moment: datetime, *, now: datetime) -> str:
        """A moment as people tell it: 14:05, and with its day where that is not today."""
        if self.is_today(moment, now=now):
            return self.clock(moment)
        return self.tr("{day}, {clock}", day=self.day(moment), clock=self.clock(moment))

    def is_today(self, moment: datetime, *, now: datetime) -> bool:
        """Whether a moment lies on the same day as another, told in this time zone."""
        return moment.astimezone(self._zone).date() == now.astimezone(self._zone).date()

    def day(self, moment: datetime) -> str:
        """A date without its year: Nov 24, 11月24日."""
        local = moment.astimezone(self._zone)
        if self.is_chinese:
            return f"{local.month} 月 {local.day} 日"
        return dates.format_date(local, "MMM d", locale=self._locale)

    def date(self, moment: datetime) -> str:
        """A date with its year: Nov 24, 2026; 2026 年 11 月 24 日."""
        local = moment.astimezone(self._zone)
        if self.is_chinese:
            return f"{local.year} 年 {self.day(moment)}"
        return dates.format_date(local, "MMM d, y", locale=self._locale)

    def iso_day(self, moment: datetime) -> str:
        """A date for tables: 2026-11-24."""
        return f"{moment.astimezone(self._zone):%Y-%m-%d}"

    def month(self, moment: datetime) -> str:
        """A month with its year: November 2026; 2026 年 11 月."""
        local = moment.astimezone(self._zone)
        if self.is_chinese:
            return f"{local.year} 年 {local.month} 月"
        return dates.format_date(local, "MMMM y", locale=self._locale)


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """A language's catalogue, compiled from its .po file when first asked for.

    Raises:
        FileNotFoundError: there is no such language.
    """
    with po_file(language).open("rb") as file:
        parsed = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, parsed)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def po_file(language: str) -> Path:
    """Where a language's catalogue lies."""
    return FOLDER / language / "LC_MESSAGES" / "sentinel.po"
