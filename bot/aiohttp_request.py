"""Outgoing HTTP over aiohttp, behind PTB's interface: its own, httpx, is several times slower."""

import json
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from telegram._utils.defaultvalue import DEFAULT_NONE, DefaultValue
from telegram._utils.types import ODVInput
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData

# Seconds, where a call says nothing else.
CONNECT_S = 5.0
READ_S = 10.0
UPLOAD_S = 30.0


class AiohttpRequest(BaseRequest):
    """PTB's request class on an aiohttp session."""

    def __init__(self, *, connections: int = 64, proxy: str | None = None) -> None:
        """Nothing is opened yet.

        Args:
            connections: how many at once.
            proxy: `http://…`, where there is no direct way out.
        """
        self._connections = connections
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float | None:
        """How long an answer may take, in seconds."""
        return READ_S

    async def initialize(self) -> None:
        """Open the session."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=30)
            # Not trust_env: it looks for a proxy and for a .netrc anew at every single call.
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            )

    async def shutdown(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def do_request(  # noqa: PLR0917 - PTB's signature
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: ODVInput[float] = DEFAULT_NONE,
        write_timeout: ODVInput[float] = DEFAULT_NONE,  # noqa: ARG002 - aiohttp has none
        connect_timeout: ODVInput[float] = DEFAULT_NONE,
        pool_timeout: ODVInput[float] = DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Make one request.

        Returns:
            Status and body.

        Raises:
            TimedOut: it took too long; `was_not_sent` tells whether it can have arrived.
            NetworkError: it broke.
        """
        if self._session is None:
            raise RuntimeError("not initialized: call initialize() first")
        read = _seconds(read_timeout, READ_S)
        uploads = request_data is not None and request_data.contains_files
        timeout = aiohttp.ClientTimeout(
            total=None,
            connect=_seconds(pool_timeout, CONNECT_S),
            sock_connect=_seconds(connect_timeout, CONNECT_S),
            sock_read=UPLOAD_S if uploads else read,
        )
        try:
            async with self._session.request(
                method,
                url,
                timeout=timeout,
                proxy=self._proxy,
                **_body(request_data),
            ) as response:
                return response.status, await response.read()
        except TimeoutError as error:
            raise TimedOut from error
        except (aiohttp.ClientError, OSError) as error:
            # Its words may hold the address, and the address holds the token.
            raise NetworkError(f"aiohttp {type(error).__name__}") from error


def proxy_for(url: str) -> str | None:
    """The proxy the environment names for an address; None where the way is direct."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)


def was_not_sent(error: BaseException) -> bool:
    """Whether a failed call certainly never reached the server."""
    cause = error.__cause__
    return isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)


_JSON = {"Content-Type": "application/json"}


def _body(data: RequestData | None) -> dict[str, Any]:
    if data is None:
        return {}
    if not data.contains_files:
        # Once: PTB would write what is nested as JSON within JSON.
        return {"data": json.dumps(data.parameters).encode(), "headers": _JSON}
    form = aiohttp.FormData()
    for name, value in data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, mime_type) in (data.multipart_data or {}).items():
        form.add_field(name, content, filename=filename, content_type=mime_type)
    return {"data": form}


def _seconds(value: ODVInput[float], default: float) -> float | None:
    if isinstance(value, DefaultValue):
        return default
    return value
