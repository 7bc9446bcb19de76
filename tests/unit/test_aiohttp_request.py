"""bot/aiohttp_request.py and bot/bot_api.py: real HTTP on loopback, PTB's errors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TimedOut

from bot.aiohttp_request import AiohttpRequest, proxy_for, was_not_sent
from bot.bot_api import BotApi, Upload

TOKEN = "1:secret"


class Server:
    """A Bot API that answers as it is told and remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any, dict[str, bytes]]] = []
        self.answer: dict[str, Any] = {"ok": True, "result": {"message_id": 7}}
        self.status = 200
        self.hang = asyncio.Event()
        self.hanging = False
        self.port = 0
        self.most_at_once = 0
        self._at_once = 0
        self._news = asyncio.Condition()

    async def busy(self, count: int) -> None:
        """Wait until so many calls are being answered."""
        async with self._news:
            await self._news.wait_for(lambda: self._at_once >= count)

    async def handle(self, request: web.Request) -> web.Response:
        if request.path.startswith("/file/"):
            return web.Response(body=b"bytes")
        files: dict[str, bytes] = {}
        if request.content_type == "multipart/form-data":
            form = await request.post()
            fields: Any = {k: v for k, v in form.items() if isinstance(v, str)}
            files = {k: v.file.read() for k, v in form.items() if not isinstance(v, str)}
        else:
            fields = await request.json() if request.can_read_body else {}
        self.seen.append((request.path.rsplit("/", 1)[1], fields, files))
        if self.hanging:
            async with self._news:
                self._at_once += 1
                self.most_at_once = max(self.most_at_once, self._at_once)
                self._news.notify_all()
            await self.hang.wait()
            self._at_once -= 1
        return web.json_response(self.answer, status=self.status)


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Server, BotApi]]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        async with BotApi(TOKEN, f"http://127.0.0.1:{server.port}/", AiohttpRequest()) as api:
            yield server, api
    finally:
        server.hang.set()
        await runner.cleanup()


async def test_parameters_go_as_json() -> None:
    async with serving() as (server, api):
        markup = {"inline_keyboard": [[{"text": "采纳", "callback_data": "v:a1:1"}]]}
        result = await api.call(
            "sendMessage", {"chat_id": 5, "text": "你好", "reply_markup": markup}
        )
        assert result == {"message_id": 7}
        [(method, fields, files)] = server.seen
        assert method == "sendMessage"
        assert fields == {"chat_id": 5, "text": "你好", "reply_markup": markup}
        assert files == {}


async def test_an_upload_goes_as_a_form() -> None:
    async with serving() as (server, api):
        await api.call("sendPhoto", {"chat_id": 5, "photo": Upload("a.jpg", b"\xff\xd8jpeg")})
        [(_, fields, files)] = server.seen
        assert fields["chat_id"] == "5"
        assert files == {"photo": b"\xff\xd8jpeg"}


async def test_an_album_mixes_ids_and_uploads() -> None:
    async with serving() as (server, api):
        media = ["known-id", Upload("b.jpg", b"bytes")]
        await api.call_with_media("sendMediaGroup", {"chat_id": 5, "caption": "#1"}, media)
        [(_, fields, files)] = server.seen
        assert '"media": "known-id"' in fields["media"]
        assert '"caption": "#1"' in fields["media"]
        [(name, content)] = files.items()
        assert f"attach://{name}" in fields["media"]
        assert content == b"bytes"


async def test_a_file_is_fetched() -> None:
    async with serving() as (_, api):
        assert await api.download("photos/1.jpg") == b"bytes"


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (
            429,
            {
                "ok": False,
                "error_code": 429,
                "description": "Too Many Requests: retry after 9",
                "parameters": {"retry_after": 9},
            },
            RetryAfter,
        ),
        (
            403,
            {
                "ok": False,
                "error_code": 403,
                "description": "Forbidden: bot was blocked by the user",
            },
            Forbidden,
        ),
        (
            400,
            {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"},
            BadRequest,
        ),
        (502, {"ok": False, "error_code": 502, "description": "Bad Gateway"}, NetworkError),
    ],
)
async def test_refusals_are_ptbs(
    status: int, answer: dict[str, Any], error: type[Exception]
) -> None:
    async with serving() as (server, api):
        server.status, server.answer = status, answer
        with pytest.raises(error):
            await api.call("sendMessage", {"chat_id": 5, "text": "x"})


async def test_no_answer_in_time_may_have_arrived() -> None:
    async with serving() as (server, api):
        server.hanging = True
        with pytest.raises(TimedOut) as caught:
            await api.call("sendMessage", {"chat_id": 5, "text": "x"}, wait_s=0.05)
        assert not was_not_sent(caught.value)


async def test_nobody_listening_was_not_sent() -> None:
    async with BotApi(TOKEN, "http://127.0.0.1:9", AiohttpRequest()) as api:
        with pytest.raises(NetworkError) as caught:
            await api.call("sendMessage", {"chat_id": 5, "text": "x"})
    assert was_not_sent(caught.value)
    assert "secret" not in str(caught.value)


async def test_before_it_is_opened_it_refuses() -> None:
    with pytest.raises(NetworkError, match="not initialized"):
        await BotApi(TOKEN, "http://127.0.0.1:9", AiohttpRequest()).call("getMe")


def test_the_environments_proxy_is_taken_and_bypassed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert proxy_for("https://api.telegram.org") is None
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    assert proxy_for("https://api.telegram.org") == "http://proxy.example:3128"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert proxy_for("https://127.0.0.1:8081") is None


async def test_calls_go_through_the_proxy_that_is_set() -> None:
    """A plain proxy is asked for the whole address, as a web server is for the path alone."""
    asked: list[str] = []

    async def proxy(request: web.BaseRequest) -> web.Response:
        asked.append(str(request.url))
        return web.json_response({"ok": True, "result": {"id": 1}})

    server = web.Server(proxy)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    through = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with BotApi(TOKEN, "http://api.example", AiohttpRequest(proxy=through)) as api:
            assert await api.call("getMe") == {"id": 1}
    finally:
        await runner.cleanup()
    assert asked == [f"http://api.example/bot{TOKEN}/getMe"]


async def test_no_more_calls_at_once_than_connections() -> None:
    async with serving() as (server, _):
        server.hanging = True
        async with AiohttpRequest(connections=2) as request, asyncio.TaskGroup() as tasks:
            url = f"http://127.0.0.1:{server.port}/bot{TOKEN}/getMe"
            for _ in range(5):
                tasks.create_task(request.post(url))
            await server.busy(2)
            server.hang.set()
        assert server.most_at_once == 2
        assert len(server.seen) == 5


async def test_who_finds_no_free_connection_in_time_sent_nothing() -> None:
    async with serving() as (server, _):
        server.hanging = True
        async with AiohttpRequest(connections=1) as request, asyncio.TaskGroup() as tasks:
            url = f"http://127.0.0.1:{server.port}/bot{TOKEN}/getMe"
            tasks.create_task(request.post(url))
            await server.busy(1)
            with pytest.raises(TimedOut) as caught:
                await request.post(url, pool_timeout=0.05)
            server.hang.set()
        assert was_not_sent(caught.value)
        assert len(server.seen) == 1
