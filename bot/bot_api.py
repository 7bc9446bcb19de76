"""The Bot API as outbox, polling and errands call it: method and parameters in, JSON out.

PTB's own Bot builds an object of every answer, which costs more than everything else in a sending;
here PTB's request layer is used below it, with its errors. It pins `RequestParameter`, a private
name of python-telegram-bot 22.8; tests/unit/test_bot_api.py notices if it goes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from telegram import InputFile
from telegram.request import BaseRequest, RequestData
from telegram.request._requestparameter import RequestParameter

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Upload:
    """Bytes to be sent along, under a file name."""

    filename: str
    data: bytes


class BotApi:
    """One bot's calls of the Bot API."""

    def __init__(self, token: str, api_url: str, request: BaseRequest) -> None:
        """Nothing is called yet.

        Args:
            token: the bot's.
            api_url: the server, without `/bot…`.
            request: how calls are made.
        """
        self._base = f"{api_url.rstrip('/')}/bot{token}"
        self._files = f"{api_url.rstrip('/')}/file/bot{token}"
        self._request = request

    async def __aenter__(self) -> Self:
        """Open connections."""
        await self._request.initialize()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close them."""
        await self._request.shutdown()

    async def call(
        self,
        method: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        wait_s: float | None = None,
    ) -> Any:
        """Call a method.

        Args:
            method: its name, e.g. `sendMessage`.
            parameters: JSON values, or an `Upload` where a file goes.
            wait_s: how long the answer may take, in seconds, beyond the usual.

        Returns:
            The result, as JSON.

        Raises:
            TelegramError: as PTB tells them apart.
        """
        data = RequestData([_parameter(k, v) for k, v in (parameters or {}).items()])
        url = f"{self._base}/{method}"
        if wait_s is None:
            return await self._request.post(url, data)
        return await self._request.post(url, data, read_timeout=wait_s)

    async def call_with_media(
        self, method: str, parameters: Mapping[str, Any], media: Sequence[str | Upload]
    ) -> Any:
        """Call a method whose `media` is a list of photos: ids at Telegram, or uploads."""
        files = [
            InputFile(item.data, filename=item.filename, attach=True)
            for item in media
            if isinstance(item, Upload)
        ]
        uploads = iter(files)
        listed: list[Json] = [
            {"type": "photo", "media": item if isinstance(item, str) else next(uploads).attach_uri}
            for item in media
        ]
        caption = parameters.get("caption")
        if caption and listed:
            listed[0]["caption"] = caption
        others = [_parameter(k, v) for k, v in parameters.items() if k != "caption"]
        data = RequestData([*others, RequestParameter("media", listed, files or None)])
        return await self._request.post(f"{self._base}/{method}", data)

    async def download(self, file_path: str) -> bytes:
        """The bytes of a file, by the path getFile gave."""
        return await self._request.retrieve(f"{self._files}/{file_path}")


def _parameter(name: str, value: Any) -> RequestParameter:
    if isinstance(value, Upload):
        return RequestParameter.from_input(name, InputFile(value.data, filename=value.filename))
    # Plain JSON: nothing PTB would have to look for in it.
    return RequestParameter(name, value, None)
