"""Text as Telegram keeps it: plain, with entities that say where it is bold or a link.

Offsets and lengths count UTF-16 code units, as the Bot API does
(https://core.telegram.org/bots/api#formatting-options).
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from localchat.errors import BadRequestError
from localchat.json_types import Json

_SIMPLE = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
_OTHERS = frozenset({"a", "span", "tg-emoji", "tg-time"})
_REFERENCES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-z]+));?")
_TAG_NAME = re.compile(r"[a-zA-Z0-9-]*")
_ATTRIBUTE = re.compile(r"""\s*([^\s=>/"']+)\s*(=)?\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))?""")

# What Telegram marks by itself. A command needs a border before it, or "and/or" would be one.
_FOUND = re.compile(
    r"(?P<url>\b(?:https?|tg)://[^\s<>\"。，；！？（）]+)"
    r"|(?P<email>\b[\w.+-]+@[\w-]+\.[\w.-]*\w)"
    r"|(?P<bot_command>(?<![\w/<>])/[a-zA-Z0-9_]{1,64}(?:@[a-zA-Z0-9_]{3,32})?(?![\w/]))"
    r"|(?P<mention>(?<!\w)@[a-zA-Z][a-zA-Z0-9_]{3,31}(?!\w))"
    r"|(?P<hashtag>(?<!\w)#\w*[^\W\d]\w*)"
)
_MAY_HOLD = re.compile(r"[/@#]")
_OPAQUE = frozenset({"code", "pre", "text_link", "text_mention", "date_time", "custom_emoji"})
_GIVEN_TYPES = frozenset(_SIMPLE.values()) | _OPAQUE | {"expandable_blockquote"}


@dataclass(slots=True)
class Formatted:
    """Text and its entities, sorted as Telegram sorts them: outer before inner."""

    text: str
    entities: list[Json] = field(default_factory=list)

    def into(self, message: Json, text_key: str, entities_key: str) -> None:
        """Write both into a message; an empty list is left out, as Telegram does."""
        if self.text:
            message[text_key] = self.text
        if self.entities:
            message[entities_key] = self.entities


def utf16(text: str) -> int:
    """The length of a text in UTF-16 code units."""
    # Most texts are within the first plane; counting the rest is cheaper than encoding all.
    return len(text) if text.isascii() else len(text) + sum(ch > "\uffff" for ch in text)


def formatted(
    text: str,
    *,
    parse_mode: str = "",
    entities: list[Any] | None = None,
) -> Formatted:
    """Read a text as a bot sends it.

    Args:
        text: as sent.
        parse_mode: `HTML` or empty.
        entities: given instead of a parse mode.

    Returns:
        The text without markup and surrounding space, with the entities given and found.

    Raises:
        BadRequestError: the markup is wrong, or the parse mode unknown.
    """
    if parse_mode.lower() == "html":
        result = _parse_html(text)
    elif parse_mode:
        raise BadRequestError("unsupported parse_mode")
    else:
        result = Formatted(text, [_checked(entity) for entity in entities or ()])
    _trim(result)
    return marked(result)


def marked(given: Formatted) -> Formatted:
    """Add the entities Telegram finds by itself: commands, mentions, addresses, hashtags."""
    if not _MAY_HOLD.search(given.text):
        return given
    found = []
    for match in _FOUND.finditer(given.text):
        kind = match.lastgroup or ""
        offset = utf16(given.text[: match.start()])
        entity = {"type": kind, "offset": offset, "length": utf16(match.group())}
        if not any(_in_the_way(entity, other) for other in given.entities):
            found.append(entity)
    if found:
        given.entities = _sorted([*given.entities, *found])
    return given


def _in_the_way(found: Json, given: Json) -> bool:
    start, end = found["offset"], found["offset"] + found["length"]
    given_start, given_end = given["offset"], given["offset"] + given["length"]
    apart = end <= given_start or given_end <= start
    if apart:
        return False
    around = given_start <= start and end <= given_end
    return given["type"] in _OPAQUE or not around


def _sorted(entities: list[Json]) -> list[Json]:
    return sorted(entities, key=lambda one: (one["offset"], -one["length"]))


def _checked(entity: Any) -> Json:
    if (
        not isinstance(entity, dict)
        or not isinstance(entity.get("offset"), int)
        or not isinstance(entity.get("length"), int)
    ):
        raise BadRequestError("can't parse MessageEntity: Object expected")
    return {key: value for key, value in entity.items() if value is not None}


def _trim(given: Formatted) -> None:
    bare = given.text.strip()
    if len(bare) == len(given.text):
        kept = utf16(bare)
        given.entities = _clipped(given.entities, 0, kept)
        return
    front = utf16(given.text[: len(given.text) - len(given.text.lstrip())])
    given.text = bare
    given.entities = _clipped(given.entities, front, utf16(bare))


def _clipped(entities: list[Json], front: int, length: int) -> list[Json]:
    kept = []
    for entity in entities:
        start = max(entity["offset"] - front, 0)
        end = min(entity["offset"] + entity["length"] - front, length)
        if end > start and entity.get("type") in _GIVEN_TYPES:
            kept.append({**entity, "offset": start, "length": end - start})
    return _sorted(kept)


@dataclass(slots=True)
class _Open:
    name: str
    attributes: dict[str, str]
    offset: int
    text_at: int


def _parse_html(source: str) -> Formatted:
    parts: list[str] = []
    entities: list[Json] = []
    stack: list[_Open] = []
    offset = 0
    at = 0
    while at < len(source):
        if source[at] == "&":
            piece, at = _reference(source, at)
        elif source[at] != "<":
            end = _next_special(source, at)
            piece, at = source[at:end], end
        elif source.startswith("</", at):
            at = _close(source, at, stack, entities, parts=parts, offset=offset)
            continue
        else:
            opened, at = _open(source, at)
            opened.offset, opened.text_at = offset, len(parts)
            stack.append(opened)
            continue
        parts.append(piece)
        offset += utf16(piece)
    if stack:
        raise _unparsable(f'Can\'t find end tag corresponding to start tag "{stack[-1].name}"')
    # What closed last lies outermost, and comes first among those of one range.
    return Formatted("".join(parts), _merged_code(_sorted(entities[::-1])))


def _unparsable(why: str) -> BadRequestError:
    return BadRequestError(f"can't parse entities: {why}")


def _bytes_before(source: str, at: int) -> int:
    return len(source[:at].encode())


def _next_special(source: str, at: int) -> int:
    ends = [found for mark in "<&" if (found := source.find(mark, at)) >= 0]
    return min(ends, default=len(source))


def _reference(source: str, at: int) -> tuple[str, int]:
    match = _REFERENCE.match(source, at)
    if match is None:
        return "&", at + 1
    decimal, hexadecimal, name = match.groups()
    if name:
        known = _REFERENCES.get(name)
        return (known, match.end()) if known else ("&", at + 1)
    code = int(decimal) if decimal else int(hexadecimal, 16)
    if not 0 < code < 0x10FFFF or 0xD800 <= code < 0xE000:
        return "&", at + 1
    return chr(code), match.end()


def _open(source: str, at: int) -> tuple[_Open, int]:
    name_match = _TAG_NAME.match(source, at + 1)
    name = name_match.group().lower() if name_match else ""
    where = _bytes_before(source, at)
    if name not in _SIMPLE and name not in _OTHERS:
        raise _unparsable(f'Unsupported start tag "{name}" at byte offset {where}')
    cursor = at + 1 + len(name)
    attributes: dict[str, str] = {}
    while True:
        while cursor < len(source) and source[cursor].isspace():
            cursor += 1
        if cursor >= len(source):
            raise _unparsable(f'Unclosed start tag "{name}" at byte offset {where}')
        if source[cursor] == ">":
            break
        match = _ATTRIBUTE.match(source, cursor)
        if match is None:
            raise _unparsable(f'Empty attribute name in the tag "{name}" at byte offset {where}')
        key, equals, double, single, bare = match.groups()
        # `expandable` of a block quote is the one attribute that stands alone.
        if not equals and not (name == "blockquote" and key == "expandable"):
            raise _unparsable(
                f'Expected equal sign in declaration of an attribute of the tag "{name}"'
                f" at byte offset {where}"
            )
        value = next((one for one in (double, single, bare) if one is not None), "")
        attributes[key.lower()] = _unescaped(value)
        cursor = match.end()
    if name == "span" and attributes.get("class") != "tg-spoiler":
        raise _unparsable(f'Tag "span" must have class "tg-spoiler" at byte offset {where}')
    return _Open(name, attributes, 0, 0), cursor + 1


def _unescaped(value: str) -> str:
    parts = []
    at = 0
    while at < len(value):
        if value[at] == "&":
            piece, at = _reference(value, at)
        else:
            piece, at = value[at], at + 1
        parts.append(piece)
    return "".join(parts)


def _close(
    source: str,
    at: int,
    stack: list[_Open],
    entities: list[Json],
    *,
    parts: list[str],
    offset: int,
) -> int:
    where = _bytes_before(source, at)
    if not stack:
        raise _unparsable(f"Unexpected end tag at byte offset {where}")
    end = source.find(">", at)
    if end < 0:
        raise _unparsable(f"Unclosed end tag at byte offset {where}")
    name = source[at + 2 : end].strip().lower()
    opened = stack.pop()
    if name and name != opened.name:
        raise _unparsable(
            f'Unmatched end tag at byte offset {where}, expected "</{opened.name}>",'
            f' found "</{name}>"'
        )
    if offset > opened.offset:
        entity = _entity(opened, "".join(parts[opened.text_at :]))
        if entity is not None:
            entities.append({**entity, "offset": opened.offset, "length": offset - opened.offset})
    return end + 1


def _entity(opened: _Open, inner: str) -> Json | None:
    attributes = opened.attributes
    if opened.name == "a":
        return _link(attributes.get("href") or inner)
    if opened.name == "span":
        return {"type": "spoiler"}
    if opened.name == "tg-emoji":
        return {"type": "custom_emoji", "custom_emoji_id": attributes.get("emoji-id", "")}
    if opened.name == "tg-time":
        return _time(attributes)
    if opened.name == "blockquote" and "expandable" in attributes:
        return {"type": "expandable_blockquote"}
    language = attributes.get("class", "").removeprefix("language-")
    if opened.name == "code" and language:
        return {"type": "code", "language": language}
    return {"type": _SIMPLE[opened.name]}


def _link(address: str) -> Json | None:
    try:
        scheme = urlsplit(address if "://" in address else f"http://{address}")
    except ValueError:
        return None
    if scheme.scheme not in {"http", "https", "tg"} or not scheme.netloc or " " in address:
        return None
    if not re.search(r"[./:]", address):
        return None
    whole = scheme.geturl()
    # Telegram writes a bare host with its slash.
    if scheme.scheme != "tg" and not scheme.path and not scheme.query and not scheme.fragment:
        whole += "/"
    return {"type": "text_link", "url": whole}


def _time(attributes: dict[str, str]) -> Json | None:
    try:
        entity: Json = {"type": "date_time", "unix_time": int(attributes.get("unix", ""))}
    except ValueError:
        return None
    if attributes.get("format"):
        entity["date_time_format"] = attributes["format"]
    return entity


def _merged_code(entities: list[Json]) -> list[Json]:
    """`<pre><code class="language-…">` is one entity, and only there a language means anything."""
    result: list[Json] = []
    for given in entities:
        entity = given
        if entity["type"] == "code" and "language" in entity:
            around = next(
                (
                    one
                    for one in result
                    if one["type"] == "pre"
                    and (one["offset"], one["length"]) == (entity["offset"], entity["length"])
                ),
                None,
            )
            if around is not None:
                around["language"] = entity["language"]
                continue
            entity = {key: value for key, value in entity.items() if key != "language"}
        result.append(entity)
    return result
