"""What a button carries: a short code of at most 64 bytes. It can be forged: no authority."""

import re
from dataclasses import dataclass

from telegram import Update

from services.refusals import NoButtonOfOurs

# Telegram's limit for callback data.
LIMIT = 64
_NUMBER = re.compile(r"[0-9a-z]{1,13}")
_FORM = re.compile(r"([a-z]):([a-z0-9]{1,8}):([0-9a-z]{1,13})(?::([^\s:]{1,40}))?")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

# The first letter says whose button it is; handlers/__init__.py routes by it.
DRAFT = "d"
RECEIPT = "o"
REVIEW = "v"
MY_REPORTS = "m"
LANGUAGE = "l"
RECORD = "h"
POINTS = "t"
# What riders redeem points for; the vouchers they hold.
REWARDS = "w"
VOUCHERS = "c"
# A shop's confirmations; its day and its statements.
COUNTER = "s"
SHOP = "p"
# What admins change of the catalogue.
CATALOGUE = "k"


@dataclass(frozen=True, slots=True)
class Press:
    """A button's code, read.

    Attributes:
        area: whose button it is.
        verb: what it does.
        subject: about what: the id of a draft or report, or a page.
        argument: anything more, e.g. the code of a category; empty if nothing.
    """

    area: str
    verb: str
    subject: int
    argument: str = ""


def pack(area: str, verb: str, subject: int = 0, argument: str = "") -> str:
    """Write a button's code.

    Raises:
        ValueError: it would not be readable, or is longer than Telegram takes.
    """
    data = f"{area}:{verb}:{base36(subject)}" + (f":{argument}" if argument else "")
    if len(data.encode()) > LIMIT or parse(data) is None:
        raise ValueError(f"not a button's code: {data!r}")
    return data


def parse(data: str | None) -> Press | None:
    """Read a button's code; None for anything that is not one of ours."""
    match = _FORM.fullmatch(data or "")
    if match is None:
        return None
    area, verb, subject, argument = match.groups()
    number = number_in(subject)
    return Press(area, verb, number, argument or "") if number is not None else None


def number_in(text: str) -> int | None:
    """The number `base36` wrote; None for anything that is not the number of a row."""
    number = int(text, 36) if _NUMBER.fullmatch(text) else None
    # No row has a larger one, and the database would choke on it.
    return number if number is not None and number < 2**62 else None


def pressed(update: Update) -> Press:
    """The button an update says was pressed.

    Raises:
        NoButtonOfOurs: its code is none that we write.
    """
    press = parse(update.callback_query.data if update.callback_query else None)
    if press is None:
        raise NoButtonOfOurs
    return press


def pattern(area: str, *verbs: str) -> str:
    """A pattern for PTB's CallbackQueryHandler: these buttons of an area; all if none is named."""
    return rf"^{area}:({'|'.join(verbs)}):" if verbs else rf"^{area}:"


def base36(number: int) -> str:
    """A number as buttons carry it.

    Raises:
        ValueError: it is negative.
    """
    if number < 0:
        raise ValueError("a button's subject is never negative")
    digits = ""
    while number >= 36:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return _DIGITS[number] + digits
