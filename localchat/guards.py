"""What a server on loopback must refuse: other machines' pages, and bodies without end.

Any web page a browser shows can send requests to this machine. A foreign name that leads here (DNS
rebinding) shows in `Host`, a foreign page in `Origin` or `Sec-Fetch-Site`.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
MOST_BODY_BYTES = 60 << 20
_STRANGE = frozenset({"cross-site", "same-site"})


class _TooLargeError(Exception):
    pass


class LoopbackOnly:
    """Lets pass only what was asked for by a name of this machine, from this machine's page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on or refuse."""
        if scope["type"] == "http" and not _is_own(Headers(scope=scope), scope["path"]):
            refusal = JSONResponse(
                {
                    "ok": False,
                    "error_code": 403,
                    "description": "Forbidden: this machine's own pages and programs only",
                    "error": "Only pages and programs of this machine may come in. "
                    "只有本机的页面和程序可以访问。",
                },
                403,
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


class BodyLimit:
    """Refuses bodies over a size, without reading them to the end."""

    def __init__(self, app: ASGIApp, most: int = MOST_BODY_BYTES) -> None:
        """Guard an application.

        Args:
            app: what is guarded.
            most: in bytes.
        """
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on while the body is small enough."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._most:
            await _too_large()(scope, receive, send)
            return
        came = 0
        answering = False

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > self._most:
                raise _TooLargeError
            return message

        async def watched(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except _TooLargeError:
            if not answering:
                await _too_large()(scope, receive, send)


def _too_large() -> JSONResponse:
    return JSONResponse(
        {
            "ok": False,
            "error_code": 413,
            "description": "Request Entity Too Large",
            "error": "This is too large to send. 文件太大，无法发送。",
        },
        413,
    )


def _is_own(headers: Headers, path: str) -> bool:
    try:
        host = urlsplit(f"//{headers.get('host', '')}").hostname
        origin = headers.get("origin")
        from_here = origin is None or urlsplit(origin).hostname in LOOPBACK
    except ValueError:
        return False
    if host not in LOOPBACK or not from_here:
        return False
    # Following a link to the page itself is fine, wherever the link stands.
    to_a_door = path.startswith(("/api/", "/bot", "/file/"))
    return not (to_a_door and headers.get("sec-fetch-site") in _STRANGE)
