"""The two ways to be told no: the bot hears Telegram's words, a person a sentence."""

from typing import Any

from localchat.json_types import Json


class ApiError(Exception):
    """A Bot API call that fails; its words are Telegram's."""

    def __init__(self, code: int, description: str, parameters: Json | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def envelope(self) -> dict[str, Any]:
        """The answer as it goes over the wire."""
        answer: dict[str, Any] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        if self.parameters:
            answer["parameters"] = self.parameters
        return answer


class BadRequestError(ApiError):
    """400, the usual refusal."""

    def __init__(self, reason: str, parameters: Json | None = None) -> None:
        super().__init__(400, f"Bad Request: {reason}", parameters)


class ForbiddenError(ApiError):
    """403: the bot may not do this here."""

    def __init__(self, reason: str) -> None:
        super().__init__(403, f"Forbidden: {reason}")


class TooManyRequestsError(ApiError):
    """429, with the seconds to wait."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            429,
            f"Too Many Requests: retry after {retry_after}",
            {"retry_after": retry_after},
        )


class PeopleError(Exception):
    """A person asked for something a chat would not let them do."""

    def __init__(self, status: int, english: str, chinese: str) -> None:
        super().__init__(english)
        self.status = status
        self.english = english
        self.chinese = chinese

    def sentence(self, language_code: str) -> str:
        """What to tell somebody who speaks this language."""
        return self.chinese if language_code.startswith("zh") else self.english
