"""Front door 2: Telegram brings the updates over HTTPS, to any of our processes.

An update is acknowledged with a 2xx once its transaction is committed, and never before; until then
Telegram keeps it and brings it again. It brings the next update of a chat only after that, so any
process may take any of them.
"""

import asyncio
import hmac
import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from telegram.error import BadRequest, Forbidden, InvalidToken, RetryAfter, TelegramError

from bot.bot_api import BotApi
from bot.http_door import HttpDoor
from bot.intake import ALLOWED_UPDATES, DatabaseAway, Intake
from bot.settings import Webhook as Settings

log = structlog.get_logger()

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name
# The longest update has some tens of kilobytes; nobody honest sends more.
MOST_BYTES = 1 << 20
# Seconds after which Telegram may try again: when the database is away, and when a handler failed.
AWAY_S, FAILED_S = 3, 1
# Waits after the webhook could not be set, in seconds.
WAITS = (1, 2, 5, 10, 30)


class WebhookRefused(Exception):  # noqa: N818 - an answer to the operator
    """Telegram does not take the webhook; the message is its reason in one line."""


class Webhook:
    """Takes updates in over HTTP, and has Telegram bring them."""

    def __init__(self, api: BotApi, intake: Intake, settings: Settings) -> None:
        """Nothing is opened yet.

        Args:
            api: sets the webhook.
            intake: applies updates.
            settings: with url and secret.
        """
        assert settings.url is not None
        assert settings.secret is not None
        self._api = api
        self._intake = intake
        self._settings = settings
        self._url = settings.url
        self._secret = settings.secret.get_secret_value()
        self._door = HttpDoor(self.app(), settings.listen)
        self._stopping = asyncio.Event()
        # Telegram was told where we are.
        self.is_set = False

    def app(self) -> Starlette:
        """The application alone: one route, for one kind of request."""
        path = urlsplit(self._url).path or "/"
        return Starlette(routes=[Route(path, self._take, methods=["POST"])])

    def open(self) -> None:
        """Begin to listen.

        Raises:
            CannotListen: the address cannot be had.
        """
        self._door.open()

    async def run(self) -> None:
        """Listen, tell Telegram where, and take updates in until stopped.

        Raises:
            WebhookRefused: Telegram does not take the address.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                serving = tasks.create_task(self._door.run())
                await self._set()
                await serving
        finally:
            self._door.close()

    def stop(self) -> None:
        """Finish what is being applied, then end `run`. Telegram keeps what comes meanwhile."""
        self._stopping.set()
        self._door.stop()

    async def _set(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                # Never dropping what waits: it is what people sent while nobody was there.
                await self._api.call(
                    "setWebhook",
                    {
                        "url": self._url,
                        "secret_token": self._secret,
                        "max_connections": self._settings.connections,
                        "allowed_updates": ALLOWED_UPDATES,
                        "drop_pending_updates": False,
                    },
                )
            except (BadRequest, Forbidden, InvalidToken) as error:
                raise WebhookRefused(" ".join(error.message.split())) from error
            except TelegramError as error:
                wait = _wait(error, failures)
                failures += 1
                log.warning("webhook_not_set", error=type(error).__name__, again_in_s=wait)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), wait)
            else:
                self.is_set = True
                log.info("webhook_set")
                return

    async def _take(self, request: Request) -> Response:
        given = request.headers.get(SECRET_HEADER, "").encode()
        if not hmac.compare_digest(given, self._secret.encode()):
            return Response(status_code=403)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return Response(status_code=415)
        try:
            body = await _body(request)
        except ClientDisconnect:
            # Nobody is there to be answered; it comes again.
            return Response(status_code=400)
        if body is None:
            return Response(status_code=413)
        update = _update(body)
        if update is None:
            return Response(status_code=400)
        try:
            outcome = await self._intake.apply(update)
        except DatabaseAway as error:
            log.warning("database_away", error=str(error))
            return Response(status_code=429, headers={"Retry-After": str(AWAY_S)})
        if not outcome.settled:
            return Response(status_code=503, headers={"Retry-After": str(FAILED_S)})
        return Response(status_code=200)


async def _body(request: Request) -> bytes | None:
    """What was sent; None if it is more than anybody honest sends."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MOST_BYTES:
        return None
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


def _update(body: bytes) -> dict[str, Any] | None:
    """An update, as far as can be told without looking into it."""
    try:
        given: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict) or type(given.get("update_id")) is not int:
        return None
    # As large as a column of the database, and as Telegram's numbers are by far not.
    return given if 0 <= given["update_id"] < 2**63 else None


def _wait(error: TelegramError, failures: int) -> float:
    if isinstance(error, RetryAfter):
        after = error.retry_after
        return float(after if isinstance(after, int | float) else after.total_seconds())
    return WAITS[min(failures, len(WAITS) - 1)]
