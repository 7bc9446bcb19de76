"""The parameters of a Bot API call, whatever they travelled in.

JSON bodies bring numbers and lists, forms bring strings that hold JSON; both mean the same.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localchat.errors import BadRequestError
from localchat.json_types import Json


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came along.

    Attributes:
        data: its bytes.
        filename: as the sender calls it.
        mime_type: as the sender declares it; may be wrong.
    """

    data: bytes
    filename: str = "file"
    mime_type: str = "application/octet-stream"


class Arguments:
    """Typed reading of parameters; what is missing or malformed is refused in Telegram's words."""

    def __init__(self, given: Mapping[str, Any], files: Mapping[str, Upload] | None = None) -> None:
        self._given = given
        self.files: Mapping[str, Upload] = files or {}

    def __contains__(self, name: str) -> bool:
        """Whether the parameter was given at all."""
        return name in self._given and self._given[name] is not None

    def text(self, name: str) -> str:
        """A string; empty where absent."""
        value = self._given.get(name)
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        # Numbers come most often, and json takes its time over them.
        if type(value) is int:
            return str(value)
        return json.dumps(value, ensure_ascii=False)

    def integer(self, name: str, default: int = 0) -> int:
        """A whole number; `default` where absent.

        Raises:
            BadRequestError: it is something else.
        """
        value = self._given.get(name)
        if value is None or value == "":
            return default
        try:
            return int(value)
        except (TypeError, ValueError, OverflowError):
            raise BadRequestError(f'parameter "{name}" must be an integer') from None

    def number(self, name: str) -> float | None:
        """A number, or None where absent.

        Raises:
            BadRequestError: it is something else.
        """
        value = self._given.get(name)
        if value is None or value == "":
            return None
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            raise BadRequestError(f'parameter "{name}" must be a number') from None

    def truth(self, name: str) -> bool:
        """A flag: true, `true`, 1 and `1` are yes, everything else is no."""
        value = self._given.get(name)
        if isinstance(value, str):
            return value.lower() in {"true", "1", "yes"}
        return bool(value)

    def mapping(self, name: str) -> Json | None:
        """An object, or None where absent.

        Raises:
            BadRequestError: it is no JSON object.
        """
        value = self._value(name)
        if value is not None and not isinstance(value, dict):
            raise BadRequestError(f"object expected as {name.replace('_', ' ')}")
        return value

    def sequence(self, name: str) -> list[Any] | None:
        """A list, or None where absent.

        Raises:
            BadRequestError: it is no JSON array.
        """
        value = self._value(name)
        if value is not None and not isinstance(value, list):
            raise BadRequestError(f'expected "{name}" to be an array')
        return value

    def objects(self, name: str) -> list[Json]:
        """A list of objects; empty where absent.

        Raises:
            BadRequestError: it is something else.
        """
        found = self.sequence(name) or []
        if not all(isinstance(one, dict) for one in found):
            raise BadRequestError(f'expected "{name}" to be an array of objects')
        return found

    def integers(self, name: str) -> list[int]:
        """A list of whole numbers; empty where absent.

        Raises:
            BadRequestError: it is something else.
        """
        found = self.sequence(name) or []
        if not all(isinstance(one, int | str) for one in found):
            raise BadRequestError(f'expected "{name}" to be an array of numbers')
        try:
            return [int(one) for one in found]
        except ValueError:
            raise BadRequestError(f'expected "{name}" to be an array of numbers') from None

    def _value(self, name: str) -> Any:
        value = self._given.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise BadRequestError(f"can't parse {name.replace('_', ' ')} JSON object") from None
