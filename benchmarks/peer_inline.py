"""A peer: the same report on python-telegram-bot, with whatever makes it fast, and nothing stored.

    python -m benchmarks.peer_inline API_URL PORT

Starlette takes the webhook and answers once the update is handled, many updates at once; calls go
out over aiohttp instead of httpx. The conversation is the one of `benchmarks.peer_webhook`, in
memory. What is left is PTB's own work, and HTTP's.
"""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from telegram import Update
from telegram.ext import Application
from telegram.request import BaseRequest, RequestData

from benchmarks.peer_webhook import conversation
from benchmarks.processes import TOKEN


class AiohttpRequest(BaseRequest):
    """Calls over aiohttp: no uploads, no time-outs, as little as there can be."""

    session: aiohttp.ClientSession

    @property
    def read_timeout(self) -> float | None:
        """There is none."""
        return None

    async def initialize(self) -> None:
        """Open the session."""
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=256))

    async def shutdown(self) -> None:
        """Close the session."""
        await self.session.close()

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *_: Any, **__: Any
    ) -> tuple[int, bytes]:
        """Make one call."""
        form = request_data.json_parameters if request_data is not None else None
        async with self.session.request(method, url, data=form) as response:
            return response.status, await response.read()


def main() -> None:
    """Serve until told to end."""
    api_url, port = sys.argv[1], int(sys.argv[2])
    application = (
        Application.builder()
        .token(TOKEN)
        .base_url(f"{api_url}/bot")
        .request(AiohttpRequest())
        .get_updates_request(AiohttpRequest())
        .updater(None)
        .build()
    )
    application.add_handler(conversation())

    async def take(request: Request) -> Response:
        update = Update.de_json(json.loads(await request.body()), application.bot)
        await application.process_update(update)
        return Response()

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        async with application:
            await application.bot.set_webhook(f"http://127.0.0.1:{port}/hook")
            yield

    web = Starlette(routes=[Route("/hook", take, methods=["POST"])], lifespan=life)
    uvicorn.run(web, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
