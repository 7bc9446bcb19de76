"""Things that go wrong on request: tests and drills say which call fails, and how."""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal

from localchat.errors import ApiError
from localchat.json_types import Json

# How a fault shows: as Telegram's refusal, or on the way there or back.
Kind = Literal["error", "hang", "drop_before", "drop_after"]

_WORDS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden: bot was blocked by the user",
    404: "Not Found",
    409: "Conflict: terminated by other getUpdates request; make sure that only one bot instance"
    " is running",
    500: "Internal Server Error",
    502: "Bad Gateway",
}


@dataclass(slots=True)
class Fault:
    """One planned failure.

    Attributes:
        kind: `error` answers with Telegram's refusal; `hang` never answers and has no effect;
            `drop_before` breaks the connection before the call takes effect, `drop_after` after.
        method: the method it strikes; None strikes any.
        chat_id: the chat it strikes; None strikes any.
        error: what is answered, for the kind `error`.
        left: how many calls it still strikes; None never ends.
    """

    kind: Kind
    method: str | None
    chat_id: int | None
    error: ApiError | None
    left: int | None

    def strikes(self, method: str, chat_id: int | None) -> bool:
        """Whether a call is hit."""
        return (
            (self.left is None or self.left > 0)
            and self.method in {None, method}
            and self.chat_id in {None, chat_id}
        )


class Faults:
    """All planned failures; the first that fits a call strikes it."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []
        self._lock = Lock()

    def add(
        self,
        method: str | None = None,
        *,
        chat_id: int | None = None,
        error: int = 500,
        description: str | None = None,
        parameters: Json | None = None,
        retry_after: int | None = None,
        kind: Kind = "error",
        times: int | None = 1,
    ) -> Fault:
        """Plan a failure.

        Args:
            method: the Bot API method, e.g. `sendMessage`; None means any.
            chat_id: only calls for this chat.
            error: HTTP status and error code, for the kind `error`.
            description: Telegram's words; the usual ones for the code where absent.
            parameters: the answer's `parameters`.
            retry_after: seconds; makes the error a 429.
            kind: how it shows.
            times: how many calls it strikes; None strikes until `clear`.

        Returns:
            The fault; its `left` counts down.
        """
        if retry_after is not None or error == 429:
            error = 429
            seconds = 3 if retry_after is None else retry_after
            parameters = parameters or {"retry_after": seconds}
            description = description or f"Too Many Requests: retry after {seconds}"
        words = description or _WORDS.get(error, "Internal Server Error")
        refusal = ApiError(error, words, parameters) if kind == "error" else None
        fault = Fault(kind, method, chat_id, refusal, times)
        with self._lock:
            self._planned.append(fault)
        return fault

    def clear(self) -> None:
        """Nothing fails any more."""
        with self._lock:
            self._planned.clear()

    def take_error(self, method: str, params: Mapping[str, Any]) -> ApiError | None:
        """The refusal a call meets, if any; counts as struck."""
        fault = self._take(method, params, on_the_way=False)
        return fault.error if fault else None

    def take_transport(self, method: str, params: Mapping[str, Any]) -> Kind | None:
        """What happens to a call on the way, if anything; counts as struck."""
        fault = self._take(method, params, on_the_way=True)
        return fault.kind if fault else None

    def _take(self, method: str, params: Mapping[str, Any], *, on_the_way: bool) -> Fault | None:
        if not self._planned:
            return None
        try:
            chat_id = int(params["chat_id"])
        except (KeyError, TypeError, ValueError):
            chat_id = None
        with self._lock:
            for fault in self._planned:
                if (fault.kind != "error") is on_the_way and fault.strikes(method, chat_id):
                    if fault.left is not None:
                        fault.left -= 1
                        if not fault.left:
                            self._planned.remove(fault)
                    return fault
        return None
