"""Keyboards under messages: what Telegram accepts, and in which words it refuses."""

from typing import Any

from localchat.errors import BadRequestError
from localchat.json_types import Json

MOST_DATA_BYTES = 64
MOST_COPIED = 256
_ACTIONS = (
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
)
_STYLES = frozenset({"danger", "success", "primary"})


def checked(markup: Json | None, *, private: bool) -> tuple[Json | None, Json | None]:
    """Check a `reply_markup`.

    Args:
        markup: as sent, or None.
        private: whether it goes to a private chat; only there a button may ask for a place.

    Returns:
        The inline keyboard, which belongs to the message, and any other markup, which only the
        people's chat shows. At most one of them is given.

    Raises:
        BadRequestError: in Telegram's words.
    """
    if not markup:
        return None, None
    if "inline_keyboard" in markup:
        rows = _rows(markup["inline_keyboard"], _inline_button)
        return ({"inline_keyboard": rows} if rows else None), None
    if "keyboard" in markup:
        rows = _rows(markup["keyboard"], lambda button: _reply_button(button, private=private))
        if not rows:
            raise BadRequestError("object expected as reply markup")
        return None, {**markup, "keyboard": rows}
    if markup.get("remove_keyboard") or markup.get("force_reply"):
        return None, dict(markup)
    raise BadRequestError("object expected as reply markup")


def inline_only(markup: Json | None) -> Json | None:
    """Check the `reply_markup` of an edit, where only inline keyboards may stand.

    Raises:
        BadRequestError: it is another keyboard, or wrong.
    """
    if markup and "inline_keyboard" not in markup:
        raise BadRequestError("inline keyboard expected")
    return checked(markup, private=False)[0]


def offers(markup: Json | None, data: str) -> bool:
    """Whether an inline keyboard has a button with this data."""
    return any(
        button.get("callback_data") == data
        for row in (markup or {}).get("inline_keyboard", ())
        for button in row
    )


def _rows(rows: Any, check: Any) -> list[list[Json]]:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise BadRequestError("can't parse inline keyboard: array of arrays expected")
    return [[check(button) for button in row] for row in rows if row]


def _inline_button(button: Any) -> Json:
    if not isinstance(button, dict):
        raise BadRequestError("can't parse inline keyboard button: object expected")
    if not str(button.get("text") or "").strip():
        raise BadRequestError(
            'can\'t parse inline keyboard button: Field "text" must be of type String'
            if "text" not in button
            else "inline keyboard button text is empty"
        )
    actions = [name for name in _ACTIONS if button.get(name) is not None]
    if not actions:
        raise BadRequestError("text buttons are unallowed in the inline keyboard")
    if "callback_data" in actions:
        size = len(str(button["callback_data"]).encode())
        if not 0 < size <= MOST_DATA_BYTES:
            raise BadRequestError("BUTTON_DATA_INVALID")
    if "url" in actions and not str(button["url"]).startswith(("http://", "https://", "tg://")):
        raise BadRequestError(
            f"inline keyboard button URL '{button['url']}' is invalid: wrong HTTP URL"
        )
    if "copy_text" in actions and not 0 < len(_copied(button["copy_text"])) <= MOST_COPIED:
        raise BadRequestError("BUTTON_COPY_TEXT_INVALID")
    _check_style(button)
    return {key: value for key, value in button.items() if value is not None}


def _copied(given: Any) -> str:
    return str(given.get("text", "")) if isinstance(given, dict) else ""


def _reply_button(button: Any, *, private: bool) -> Json:
    if isinstance(button, str):
        button = {"text": button}
    if not isinstance(button, dict) or not str(button.get("text") or "").strip():
        raise BadRequestError("keyboard button text must not be empty")
    if button.get("request_location") and not private:
        raise BadRequestError("location can be requested in private chats only")
    if button.get("request_contact") and not private:
        raise BadRequestError("phone number can be requested in private chats only")
    _check_style(button)
    return {key: value for key, value in button.items() if value is not None}


def _check_style(button: Json) -> None:
    style = button.get("style")
    if style is not None and str(style) not in _STYLES:
        raise BadRequestError("can't parse inline keyboard button: invalid button style specified")
