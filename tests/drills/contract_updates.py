"""Updates by the contract someone else wrote: every kind, every content, drawn from its schema.

The schema is that of aiogram's `Update`. Each of its definitions becomes a function that draws a
value; where the schema says less than the Bot API's documentation does (what an id looks like,
which words a `type` takes, that a date is a number), a drawer of our own stands in. People, chats,
files and numbers come from a small pool, so that updates meet each other and what is in the
database.
"""

import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from aiogram.types import Update
from pydantic import ValidationError
from pydantic.json_schema import PydanticJsonSchemaWarning

from handlers import callbacks
from localchat import seed
from tests.conversations.scene import FAR_AWAY, HERE

Json = dict[str, Any]
# What an update carries beside its number; those we ask for come more often.
OFTEN = {"message": 50, "edited_message": 9, "callback_query": 22, "my_chat_member": 3}
# What a message may have beside its content: who, where, in answer to what.
AROUND = frozenset((
    "message_id", "date", "chat", "message_thread_id", "direct_messages_topic", "from",
    "sender_chat", "sender_boost_count", "sender_business_bot", "sender_tag", "guest_query_id",
    "business_connection_id", "forward_origin", "is_topic_message", "is_automatic_forward",
    "reply_to_message", "external_reply", "quote", "reply_to_story",
    "reply_to_checklist_task_id", "reply_to_poll_option_id", "via_bot", "guest_bot_caller_user",
    "guest_bot_caller_chat", "edit_date", "has_protected_content", "is_from_offline",
    "is_paid_post", "media_group_id", "author_signature", "paid_star_count", "entities",
    "link_preview_options", "suggested_post_info", "effect_id", "caption", "caption_entities",
    "show_caption_above_media", "has_media_spoiler", "reply_markup", "receiver_user",
    "ephemeral_message_id", "forward_date", "forward_from", "forward_from_chat",
    "forward_from_message_id", "forward_sender_name", "forward_signature",
))  # fmt: skip
# What riders send: drawn as often as all other contents together.
LIKELY = ("text", "text", "text", "photo", "photo", "location", "document", "venue", "voice")
CAPTIONED = frozenset({"photo", "document", "video", "animation", "audio", "voice", "paid_media"})

# Whole numbers that are Unix time, which the schema does not say.
TIMES = frozenset(
    {"edit_date", "completion_date", "subscription_expiration_date", "unix_time", "date"}
)

STRANGER, NEWCOMER, OTHER_BOT = 5001, 2**52 - 1, 20001
GROUP_ITSELF, TELEGRAM = 1087968824, 777000
GROUP, SUPERGROUP, CHANNEL = -4001, -1002000000002, -1003000000003

WORDS = (
    "/start", "/start r_2041", "/help", "/report", "/report@street_sentinel_bot", "/myreports",
    "/points", "/language", "/language en", "/language zh", "/language tlh", "/cancel", "/here",
    "/here moderators", "/here@street_sentinel_bot moderators", "/nothing_of_ours", "/", "/ report",
    "/report@another_bot", "ABCD-2345-WXYZ", "abcd-efgh-jklm", "Broken guardrail", "井盖", "hello",
    "护栏断了，小心", "<b>bold</i> & <script>", "&lt;&amp;", "مرحبا \u202eabc\u202c שלום",
    "👩‍👩‍👧‍👦🏳️‍🌈🇨🇳", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢", " ", "\n\t", "\u200b\ufeff", "a\0b", "\0", "\ud83d", "x\udc00y",
    "null", "NaN", "-1", "1e400", "25.118, 118.905", "'; DROP TABLE report; --", "{curly}", "%s %d",
    "字" * 4096, "a" * 4096, "💥" * 2048, "<" * 1024, "\n" * 300,
)  # fmt: skip
KINDS_OF_CHAT = ("private", "group", "supergroup", "channel")
KINDS_OF_ENTITY = (
    "mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bold",
    "italic", "underline", "strikethrough", "spoiler", "blockquote", "expandable_blockquote",
    "code", "pre", "text_link", "text_mention", "custom_emoji", "date_time",
)  # fmt: skip
VERBS = {
    callbacks.DRAFT: ("cat", "more", "yes", "gps", "addr", "same", "diff", "send", "none"),
    callbacks.RECEIPT: ("note", "photo", "undo", "done"),
    callbacks.REVIEW: ("a1", "a2", "a3", "a9", "x", "b", "r"),
    callbacks.MY_REPORTS: ("page", "show"),
    callbacks.LANGUAGE: ("set",),
}
LANGUAGES = ("zh-hans", "zh-Hant-TW", "en", "en-GB", "fr", "", "-", "x" * 40)
MIMES = ("image/jpeg", "image/heic", "video/mp4", "application/pdf", "", "IMAGE/PNG", "x" * 300)
FILES = ("a.jpg", "A.HEIC", "report.pdf", "", ".jpg", "照片.png", "../../etc/passwd", "n" * 300)


@dataclass(slots=True)
class Draw:
    """Chance, and what it draws from.

    Attributes:
        chance: seeded.
        now: seconds since 1970.
        newest: no report or draft has a greater number.
        said: no message has a greater number.
        arguments: what buttons carry beside numbers: categories, reasons, places.
    """

    chance: random.Random
    now: int = 1_795_000_000
    newest: int = 9
    said: int = 9
    arguments: Sequence[str] = ()
    people: Sequence[int] = field(
        default=(
            *(seed.RIDER, seed.ENGLISH_RIDER, seed.RESIDENT) * 3,
            *(seed.LIN, seed.CHEN, STRANGER) * 2,
            *(NEWCOMER, OTHER_BOT, GROUP_ITSELF, TELEGRAM, seed.BOT["id"]),
        )
    )
    groups: Sequence[int] = (seed.MODERATORS_CHAT_ID, seed.MODERATORS_CHAT_ID, GROUP, SUPERGROUP)

    def one_in(self, times: int) -> bool:
        """Whether something rare happens."""
        return self.chance.random() * times < 1

    def some(self, most: int) -> int:
        """How many of several: often none, mostly few, now and then all."""
        if not most or self.one_in(3):
            return 0
        return most if self.one_in(60) else min(most, 1 + int(self.chance.expovariate(0.6)))

    # --- scalars ---

    def number(self, bits: int) -> int:
        """A whole number of no more than so many bits."""
        return self.chance.randrange(-1, 2 ** min(bits, self.chance.choice((1, 3, 7, 15, 31, 52))))

    def message_id(self) -> int:
        """The number of a message: mostly of one said of late."""
        if self.one_in(12):
            return self.chance.choice((0, 1, 2**31 - 1))
        return max(1, self.said - self.chance.randrange(-2, 40))

    def subject(self) -> int:
        """The number of a report or a draft: mostly of one made of late."""
        if self.one_in(15):
            return self.chance.choice((0, 2**31, 2**62 - 1, 36**13 - 1))
        return max(1, self.newest - self.chance.randrange(-2, 12))

    def moment(self) -> int:
        """Seconds since 1970: mostly about now."""
        if self.one_in(20):
            return self.chance.choice((0, 1, 2**31 - 1))
        return self.now - self.chance.randrange(3600)

    def text(self) -> str:
        """Words somebody might write, or might not."""
        words = self.chance.choice(WORDS)
        if self.one_in(6):
            words = f"{words} {self.chance.choice(WORDS)}"[:4096]
        return words

    def name(self) -> str:
        """A name, a title: words, but few."""
        return self.text()[:64]

    def file_id(self) -> str:
        """The id of one of a few files."""
        return f"AgACAgUAAxkBAAIB{self.chance.randrange(60):04d}" + "x" * 60

    def unique_id(self) -> str:
        """The unique id of one of a few files."""
        return f"AQAD{self.chance.randrange(60):04d}"

    def degrees(self, near: float, limit: float) -> float:
        """A latitude or longitude: mostly near a place."""
        if self.one_in(12):
            return self.chance.choice((0.0, limit, -limit, limit + 1, -1e300, 5e-324))
        return round(near + self.chance.choice((0.0, 0.0002, 0.004, -0.01)), 6)

    def data(self) -> str:
        """What a button carries: like ours, and like nobody's."""
        if self.one_in(6):
            return self.text()[:64]
        area = self.chance.choice(tuple(VERBS))
        verb = self.chance.choice(VERBS[area])
        data = f"{area}:{verb}:{callbacks.base36(self.subject())}"
        if not self.one_in(3):
            more = (callbacks.base36(self.subject()), "nan,inf", "1,2,3", "90.1,0", "zh", "en")
            data += f":{self.chance.choice((*self.arguments, *more))}"
        return data

    # --- people and chats ---

    def user(self, user_id: int | None = None) -> Json:
        """Somebody."""
        user_id = user_id or self.chance.choice(self.people)
        bot = user_id in {OTHER_BOT, GROUP_ITSELF, seed.BOT["id"]}
        return {"id": user_id, "is_bot": bot, "first_name": self.name() or "…"}

    def chat(self, chat_id: int | None = None) -> Json:
        """A chat of somebody's, or of several."""
        if chat_id is None:
            private = not self.one_in(3)
            chat_id = self.chance.choice(self.people if private else (*self.groups, CHANNEL))
        if chat_id > 0:
            return {"id": chat_id, "type": "private", "first_name": self.name()}
        kind = {GROUP: "group", CHANNEL: "channel"}.get(chat_id, "supergroup")
        return {"id": chat_id, "type": kind, "title": self.name()}


Maker = Callable[[Draw, int], Any]


@cache
def schema() -> Json:
    """The contract's schema of an update, in JSON Schema's words."""
    with warnings.catch_warnings():
        # Some defaults are no JSON; nobody reads defaults here.
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)
        return Update.model_json_schema()


def _place(draw: Draw, latitude: bool) -> float:
    where = FAR_AWAY if draw.one_in(8) else HERE
    return draw.degrees(where[0], 90.0) if latitude else draw.degrees(where[1], 180.0)


# Fields the documentation says more of than the schema does, wherever they are.
_BY_NAME: dict[str, Maker] = {
    "message_id": lambda draw, room: draw.message_id(),
    "text": lambda draw, room: draw.text(),
    "caption": lambda draw, room: draw.text()[:1024],
    "title": lambda draw, room: draw.name(),
    "file_id": lambda draw, room: draw.file_id(),
    "file_unique_id": lambda draw, room: draw.unique_id(),
    "media_group_id": lambda draw, room: str(13_500_000_000_000_000 + draw.chance.randrange(4)),
    "mime_type": lambda draw, room: draw.chance.choice(MIMES),
    "file_name": lambda draw, room: draw.chance.choice(FILES),
    "file_size": lambda draw, room: draw.chance.choice((0, 90_000, 25_000_000, 2**40)),
    "language_code": lambda draw, room: draw.chance.choice(LANGUAGES),
    "latitude": lambda draw, room: _place(draw, latitude=True),
    "longitude": lambda draw, room: _place(draw, latitude=False),
    "horizontal_accuracy": lambda draw, room: draw.chance.choice((0.0, 5.0, 99.9, 300.0, 1500.0)),
    "live_period": lambda draw, room: draw.chance.choice((60, 900, 2**31 - 1)),
    "migrate_to_chat_id": lambda draw, room: draw.chance.choice((*draw.groups, -4002)),
    "migrate_from_chat_id": lambda draw, room: draw.chance.choice((*draw.groups, -4002)),
    "user_id": lambda draw, room: draw.chance.choice(draw.people),
    **dict.fromkeys(TIMES, lambda draw, room: draw.moment()),
}
_BY_PLACE: dict[tuple[str, str], Maker] = {
    ("MessageEntity", "type"): lambda draw, room: draw.chance.choice(KINDS_OF_ENTITY),
    ("MessageEntity", "offset"): lambda draw, room: draw.chance.choice((0, 0, 0, 1, 5, 5000)),
    ("MessageEntity", "length"): lambda draw, room: draw.chance.choice((1, 2, 5, 7, 4096)),
    ("CallbackQuery", "data"): lambda draw, room: draw.data(),
    ("CallbackQuery", "id"): lambda draw, room: str(draw.chance.randrange(2**63)),
    ("InlineQuery", "chat_type"): lambda draw, room: draw.chance.choice(KINDS_OF_CHAT),
}


class Contract:
    """The schema, as functions that draw from it."""

    def __init__(self) -> None:
        whole = schema()
        self.definitions: dict[str, Json] = {**whole["$defs"], "Update": whole}
        self.kinds = sorted(set(whole["properties"]) - {"update_id"})
        message = self.definitions["Message"]["properties"]
        self.contents = sorted(set(message) - AROUND)
        self._rooms: dict[str, float] = dict.fromkeys(self.definitions, float("inf"))
        self._measure()
        self._made: dict[str, Maker] = {
            "User": lambda draw, room: self._more("User", draw.user(), draw, room),
            "Chat": lambda draw, room: self._more("Chat", draw.chat(), draw, room),
            "Message": self._message,
            "CallbackQuery": self._callback_query,
            "ChatMemberUpdated": self._member_updated,
        }
        self._fields = {name: self._fields_of(name) for name in self.definitions}
        self._unions = {
            name: self._maker(what)
            for name, what in self.definitions.items()
            if "properties" not in what
        }

    def update(self, draw: Draw, update_id: int, kind: str | None = None) -> Json:
        """An update of a kind, or of any."""
        if kind is None:
            kinds = (*OFTEN, *self.kinds)
            weights = (*OFTEN.values(), *(1 for _ in self.kinds))
            kind = draw.chance.choices(kinds, weights)[0]
        return {"update_id": update_id, kind: self._property("Update", kind)(draw, 6)}

    # --- how deep something must be ---

    def _measure(self) -> None:
        """For each definition the depth below which it cannot be said."""
        settled = False
        while not settled:
            settled = True
            for name, what in self.definitions.items():
                room = self._room(what)
                if room < self._rooms[name]:
                    self._rooms[name], settled = room, False

    def _room(self, what: Json) -> float:
        if "$ref" in what:
            return self._rooms[_name(what)]
        if options := what.get("anyOf") or what.get("oneOf"):
            return min(self._room(option) for option in options if option != {"type": "null"})
        if "properties" in what:
            fields = what["properties"]
            return 1 + max((self._room(fields[key]) for key in _needed(what)), default=0)
        return 0

    # --- how something is drawn ---

    def _maker(self, what: Json, key: str = "") -> Maker:
        if "$ref" in what:
            name = _name(what)
            return self._made.get(name) or (lambda draw, room: self._any(name, draw, room))
        if options := what.get("anyOf") or what.get("oneOf"):
            return self._one_of([option for option in options if option != {"type": "null"}], key)
        if "const" in what:
            return lambda draw, room: what["const"]
        if what.get("format") == "date-time":
            return lambda draw, room: draw.moment()
        match what.get("type"):
            case "array":
                item, needed = self._maker(what["items"]), self._room(what["items"])
                return lambda draw, room: [
                    item(draw, room) for _ in range(draw.some(4) if needed <= room else 0)
                ]
            case "string":
                longest = _longest(key)
                return lambda draw, room: draw.text()[:longest]
            case "integer":
                bits = _bits(key)
                return lambda draw, room: draw.number(bits)
            case "number":
                return lambda draw, room: draw.chance.choice((0, -1.5, 0.1, 1e9))
            case "boolean":
                return lambda draw, room: draw.chance.random() < 0.5
            case "object" if what.get("additionalProperties") is True:
                return lambda draw, room: {"anything": draw.text()}
        raise AssertionError(f"the contract says something new: {what}")

    def _one_of(self, options: list[Json], key: str) -> Maker:
        makers = [(self._room(option), self._maker(option, key)) for option in options]
        shallowest = min(makers, key=lambda option: option[0])[1]

        def make(draw: Draw, room: int) -> Any:
            fitting = [maker for needed, maker in makers if needed <= room]
            return (draw.chance.choice(fitting) if fitting else shallowest)(draw, room)

        return make

    def _property(self, name: str, key: str) -> Maker:
        special = _BY_PLACE.get((name, key)) or _BY_NAME.get(key)
        what = self.definitions[name]["properties"][key]
        return special if special and not _is_object(what) else self._maker(what, key)

    def _fields_of(
        self, name: str
    ) -> tuple[list[tuple[str, Maker]], list[tuple[str, Maker, float]]]:
        what = self.definitions[name]
        fields, needed = what.get("properties", {}), _needed(what)
        return (
            [(key, self._property(name, key)) for key in fields if key in needed],
            [
                (key, self._property(name, key), self._room(fields[key]))
                for key in fields
                if key not in needed
            ],
        )

    def _any(self, name: str, draw: Draw, room: int) -> Any:
        what = self.definitions[name]
        if "properties" not in what:
            # A union that goes by a name.
            return self._unions[name](draw, room)
        made = {key: make(draw, room - 1) for key, make in self._fields[name][0]}
        return self._more(name, made, draw, room)

    def _more(self, name: str, made: Json, draw: Draw, room: int) -> Json:
        """Fields something may have but need not."""
        optional = self._fields[name][1]
        count = draw.some(len(optional))
        if count == len(optional) > 12:
            # All that can be said of something at once is enough; not of all that is in it, too.
            room = min(room, 2)
        for key, make, needed in draw.chance.sample(optional, count):
            if needed < room and key not in made:
                made[key] = make(draw, room - 1)
        return made

    # --- what belongs together ---

    def _message(self, draw: Draw, room: int) -> Json:
        made: Json = {"message_id": draw.message_id(), "date": draw.moment()}
        sender = draw.chance.choice(draw.people)
        if not draw.one_in(4):
            made["chat"], made["from"] = draw.chat(sender), draw.user(sender)
        else:
            made["chat"] = draw.chat()
            if not draw.one_in(4):
                made["from"] = draw.user(sender)
        if "from" in made:
            made["from"] |= {"language_code": draw.chance.choice(LANGUAGES)}
        contents = 1 if not draw.one_in(12) else draw.chance.choice((0, 2, 5))
        for _ in range(contents if room > 2 else 0):
            likely = draw.chance.random() < 0.6
            key = draw.chance.choice(LIKELY if likely else self.contents)
            if self._room(self.definitions["Message"]["properties"][key]) < room:
                made[key] = self._property("Message", key)(draw, room - 1)
            if key in CAPTIONED and draw.one_in(3):
                made["caption"] = draw.text()[:1024]
        if draw.one_in(8):
            self._more("Message", made, draw, min(room, 4))
        if made.get("text", "").startswith("/") and not draw.one_in(10):
            length = len(made["text"].split(maxsplit=1)[0])
            made["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
        return made

    def _callback_query(self, draw: Draw, room: int) -> Json:
        made = self._any("CallbackQuery", draw, min(room, 2))
        presser = draw.chance.choice(draw.people)
        made["from"] = draw.user(presser)
        if not draw.one_in(12):
            # Reviewers' buttons are in groups, all others in private chats; or the other way round.
            review = made.setdefault("data", draw.data()).startswith(callbacks.REVIEW)
            elsewhere = draw.one_in(10)
            where = presser if review == elsewhere else draw.chance.choice(draw.groups)
            made["message"] = {
                "message_id": draw.message_id(),
                "date": 0 if draw.one_in(10) else draw.moment(),
                "chat": draw.chat(where),
            }
        return made

    def _member_updated(self, draw: Draw, room: int) -> Json:
        made = self._any("ChatMemberUpdated", draw, room)
        if not draw.one_in(4):
            made["chat"] = draw.chat(draw.chance.choice((*draw.groups, made["from"]["id"])))
        return made


def _name(what: Json) -> str:
    name: str = what["$ref"].rsplit("/", 1)[1]
    return name


def _needed(what: Json) -> set[str]:
    # What is always the same goes with it, whether or not the schema asks for it.
    fixed = {key for key, field in what.get("properties", {}).items() if "const" in field}
    return {*what.get("required", ()), *fixed}


def _bits(key: str) -> int:
    # The Bot API says which of its numbers may have more than 31 significant bits.
    return 52 if key.endswith(("id", "size", "amount", "color")) else 31


def _is_object(what: Json) -> bool:
    return any("$ref" in option for option in (what, *what.get("anyOf", ())))


@cache
def contract() -> Contract:
    """The contract, read once."""
    return Contract()


# --- whether something is as the contract says ---


def conforms(update: Json) -> bool:
    """Whether an update is one Telegram could send: by the schema, strictly, and by the models."""
    if not _Judge().fits(contract().definitions["Update"], update):
        return False
    try:
        Update.model_validate(update)
    except (ValidationError, ValueError, OverflowError):
        return False
    return True


class _Judge:
    """Holds one update to the schema and to what the documentation says beside it."""

    def __init__(self) -> None:
        # What was found of something: in unions of unions it would be asked again and again.
        self._known: dict[tuple[int, int], bool] = {}

    def fits(self, what: Json, value: Any, key: str = "") -> bool:
        if "$ref" in what:
            return self.fits(contract().definitions[_name(what)], value, key)
        if not isinstance(value, dict | list):
            return self._fits(what, value, key)
        question = id(what), id(value)
        if question not in self._known:
            self._known[question] = self._fits(what, value, key)
        return self._known[question]

    def _fits(self, what: Json, value: Any, key: str) -> bool:
        if options := what.get("anyOf") or what.get("oneOf"):
            return any(self.fits(option, value, key) for option in options)
        if "const" in what:
            return type(value) is type(what["const"]) and value == what["const"]
        if what.get("format") == "date-time" or (key in TIMES and what.get("type") == "integer"):
            return type(value) is int and 0 <= value < 2**31
        match what.get("type"):
            case "null":
                return value is None
            case "array":
                return isinstance(value, list) and all(
                    self.fits(what["items"], item) for item in value
                )
            case "string":
                return isinstance(value, str) and len(value) <= _longest(key)
            case "boolean":
                return isinstance(value, bool)
            case "integer":
                return type(value) is int and abs(value) < 2 ** _bits(key)
            case "number":
                return type(value) in {int, float} and -1e308 < value < 1e308
        return isinstance(value, dict) and self._is(what, value)

    def _is(self, what: Json, value: Json) -> bool:
        fields = what.get("properties", {})
        if not _needed(what) <= value.keys():
            return False
        if "is_bot" in fields and not (type(value["id"]) is int and value["id"] > 0):
            # Other numbers are those of groups.
            return False
        return all(
            self.fits(fields[name], value[name], name) for name in fields.keys() & value.keys()
        )


def _longest(key: str) -> int:
    # Texts have their limit; ids are called opaque, but none as long as this was ever seen.
    return 255 if key.endswith("file_id") else 64 if key.endswith("_id") else 4096
