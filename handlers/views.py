"""What people see: domain objects in, text and buttons out. Nothing is read or written here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape, unescape
from typing import Any

from handlers import callbacks
from locales import N_, Words
from models import Person, Report
from models.policy import Category
from models.workflow import State
from services.districts import District
from services.people import BIRDS
from services.shop_statements import Period, Rider

# Telegram's limits, in characters of the text people see.
CAPTION_LIMIT = 1024
TEXT_LIMIT = 4096
# A note longer than this is cut where a report is shown.
NOTE_ON_CARD = 350


@dataclass(frozen=True, slots=True)
class Button:
    """An inline button: with a code for us, a link, or something to copy.

    Attributes:
        text: what stands on it.
        data: our code (handlers/callbacks.py).
        url: a link instead.
        copy_text: what it copies instead, at most 256 characters.
        style: `success`, `danger` or `primary`, where the app knows colours.
    """

    text: str
    data: str | None = None
    url: str | None = None
    copy_text: str | None = None
    style: str | None = None

    def markup(self) -> dict[str, Any]:
        """As the Bot API takes it."""
        fields = {
            "text": self.text,
            "callback_data": self.data,
            "url": self.url,
            "copy_text": None if self.copy_text is None else {"text": self.copy_text},
            "style": self.style,
        }
        return {name: value for name, value in fields.items() if value is not None}


Rows = Sequence[Sequence[Button]]


@dataclass(frozen=True, slots=True)
class View:
    """One message.

    Attributes:
        text: HTML; everything from outside must be escaped before.
        rows: inline buttons.
        photo_id: one of our pictures to carry it, if it can be shown.
        location_button: the words on a keyboard button that sends the place one stands at.
        placeholder: what stands in the empty input field meanwhile.
    """

    text: str
    rows: Rows = field(default_factory=tuple)
    photo_id: int | None = None
    location_button: str | None = None
    placeholder: str | None = None

    def payload(self) -> dict[str, Any]:
        """The parameters of the Bot API's send and edit methods, without chat and method."""
        payload: dict[str, Any] = {"text": self.text}
        if self.photo_id is not None:
            payload["photo_id"] = self.photo_id
        if self.rows:
            payload["reply_markup"] = {
                "inline_keyboard": [[button.markup() for button in row] for row in self.rows]
            }
        elif self.location_button is not None:
            payload["reply_markup"] = {
                "keyboard": [[{"text": self.location_button, "request_location": True}]],
                "resize_keyboard": True,
                "one_time_keyboard": True,
                "input_field_placeholder": self.placeholder or "",
            }
        return payload


_TAG = re.compile(r"</?[a-z][^>]*>")


def length(text: str) -> int:
    """How much of Telegram's limits a text of ours takes: in UTF-16 units, without its markup."""
    return len(unescape(_TAG.sub("", text)).encode("utf-16-le")) // 2


def cut(text: str, room: int) -> str:
    """Plain text that takes no more than so many UTF-16 units, with dots where some is missing."""
    if length(escape(text)) <= room:
        return text
    kept, taken = [], 1
    for character in text:
        taken += 2 if ord(character) > 0xFFFF else 1
        if taken > room:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"


_BIRDS = (
    N_("Gull"), N_("Swift"), N_("Heron"), N_("Egret"), N_("Kite"), N_("Crane"),
    N_("Swallow"), N_("Magpie"), N_("Sparrow"), N_("Falcon"), N_("Hawk"), N_("Eagle"),
    N_("Tern"), N_("Plover"), N_("Curlew"), N_("Lark"), N_("Thrush"), N_("Robin"),
    N_("Wagtail"), N_("Kingfisher"), N_("Oriole"), N_("Dove"), N_("Cuckoo"), N_("Osprey"),
)  # fmt: skip
assert len(_BIRDS) == BIRDS


def birds(words: Words) -> list[str]:
    """The birds riders are called after, in their order."""
    return [words.tr(bird) for bird in _BIRDS]


def pseudonym(person: Person | Rider, words: Words) -> str:
    """The name others meet a rider under: Gull-27."""
    return f"{words.tr(_BIRDS[person.bird])}-{person.bird_number}"


def deep_link(bot_username: str, payload: str) -> str:
    """A link that opens the bot and hands it something.

    Args:
        bot_username: without the @.
        payload: at most 64 characters of A-Z, a-z, 0-9, _ and -.
    """
    return f"https://t.me/{bot_username}?start={payload}"


def period_name(period: Period, words: Words) -> str:
    """A day or a month with its year."""
    return words.month(period.start) if period.is_month else words.date(period.start)


def sentences(*said: str, words: Words) -> str:
    """Sentences in one line; empty ones are left out, and Chinese puts no space between two.

    Args:
        said: each with its own full stop or question mark.
        words: the language they are in.
    """
    return ("" if words.is_chinese else " ").join(sentence for sentence in said if sentence)


def district_name(district: District | None, words: Words) -> str:
    """A district's name; a dash for one that is gone from the configuration."""
    return escape(words.choose(district.name_zh, district.name_en)) if district else "–"


def place_line(*, district: District | None, near_zh: str, near_en: str, words: Words) -> str:
    """A place as people say it: Shanyao, near Yongjia Rd."""
    name = district_name(district, words)
    near = escape(words.choose(near_zh, near_en))
    return words.tr("{district}, near {place}", district=name, place=near) if near else name


def category_label(report: Report, words: Words) -> str:
    """The sign and name of a report's category, as it was when chosen."""
    name = words.choose(report.category_name_zh, report.category_name_en)
    return f"{report.category_emoji} {escape(name)}"


def category_button(category: Category, draft_id: int, words: Words) -> Button:
    """The button that gives a draft this category."""
    name = words.choose(category.name.zh, category.name.en)
    return Button(
        f"{category.emoji} {name}",
        callbacks.pack(callbacks.DRAFT, "cat", draft_id, category.code),
    )


def state_line(report: Report, words: Words) -> str:
    """Where a report stands, in a word or two with its sign."""
    match State(report.state):
        case State.SUBMITTED | State.SECOND | State.DISPUTED:
            return words.tr("⏳ In review")
        case State.APPEALED:
            return words.tr("⚖️ Your appeal is in review")
        case State.ASKED:
            return words.tr("❓ A question is open")
        case State.HELD:
            return words.tr("⏸ On hold")
        case State.UNANSWERED:
            return words.tr("⌛ Closed, the question stayed open")
        case State.DUPLICATE:
            return words.tr("🔗 Merged into #{number}", number=report.duplicate_of)
        case State.APPROVED:
            return words.tr("✅ Approved")
        case State.REJECTED:
            return words.tr("✖️ Not approved")
        case State.WITHDRAWN:
            return words.tr("↩️ Withdrawn")
