"""Delivers updates to a webhook as Telegram's server does.

Updates of one queue (a chat's messages, a person's button presses) go one after the other, the next
only when the one before got a 2xx; different queues go side by side. What fails is sent again at
once, then after doubling pauses; `Retry-After` is honoured. The answer may itself be a call:
https://core.telegram.org/bots/api#making-requests-when-getting-updates
"""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from localchat.updates import Pending, Queue
from localchat.waiting import bell
from localchat.world import World

ANSWER_WITHIN_S = 60.0
LONGEST_PAUSE_S = 60.0
LONGEST_RETRY_AFTER_S = 3600.0
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Hook:
    """Where updates go.

    Attributes:
        url: where.
        secret_token: sent along in a header; empty sends none.
        max_connections: how many deliveries at once.
        number: tells one setWebhook from the next.
    """

    url: str
    secret_token: str
    max_connections: int
    number: int


async def deliver(world: World, *, pause: Pause = asyncio.sleep) -> None:
    """Deliver whatever a webhook is set for, until cancelled.

    Args:
        world: whose updates.
        pause: waits some seconds; tests pass their own.
    """
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
    async with bell(world) as news, aiohttp.ClientSession(timeout=timeout) as session:
        while True:
            hook = world.webhook
            if hook is None:
                await news.wait()
                continue
            async with asyncio.TaskGroup() as group:
                courier = _Courier(world, Hook(*hook), session, group, pause)
                while world.webhook == hook:
                    courier.collect()
                    await news.wait()
                courier.stop()


class _Courier:
    """Deliveries to one webhook."""

    def __init__(
        self,
        world: World,
        hook: Hook,
        session: aiohttp.ClientSession,
        group: asyncio.TaskGroup,
        pause: Pause,
    ) -> None:
        self._world = world
        self._hook = hook
        self._session = session
        self._group = group
        self._pause = pause
        self._seen = 0
        self._queues: defaultdict[Queue, deque[Pending]] = defaultdict(deque)
        self._running: dict[Queue, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(hook.max_connections)

    def collect(self) -> None:
        """Take what is new into its queue, and start the queues that rest."""
        for pending in self._world.pending_after(self._seen):
            self._seen = pending.update_id
            self._queues[pending.queue].append(pending)
            if pending.queue not in self._running:
                task = self._group.create_task(self._run(pending.queue))
                self._running[pending.queue] = task

    def stop(self) -> None:
        """Deliver nothing more."""
        for task in self._running.values():
            task.cancel()

    async def _run(self, queue: Queue) -> None:
        waiting = self._queues[queue]
        while waiting:
            if await self._bring(waiting[0]):
                self._world.confirm(waiting[0].update_id)
            waiting.popleft()
        del self._queues[queue]
        del self._running[queue]

    async def _bring(self, pending: Pending) -> bool:
        """Deliver one update, however often it takes; no if it died before."""
        failures = 0
        while self._world.is_pending(pending.update_id):
            async with self._slots:
                wait = await self._post(pending, failures)
            if wait is None:
                return True
            failures += 1
            if wait:
                await self._pause(wait)
        return False

    async def _post(self, pending: Pending, failures: int) -> float | None:
        """Deliver once.

        Returns:
            None where it was taken, else the seconds to wait before the next try.
        """
        headers = {"Content-Type": "application/json"}
        if self._hook.secret_token:
            headers[SECRET_HEADER] = self._hook.secret_token
        # At once after the first failure, then 1, 2, 4 … seconds.
        doubled = min(2.0 ** (failures - 1), LONGEST_PAUSE_S) if failures else 0.0
        try:
            async with self._session.post(
                self._hook.url,
                data=json.dumps(pending.body, ensure_ascii=False).encode(),
                headers=headers,
                allow_redirects=False,
            ) as response:
                body = await response.read()
                status, reason = response.status, response.reason
                asked = response.headers.get("Retry-After", "")
        except TimeoutError:
            self._world.webhook_failed("Read timeout expired")
            return doubled
        except (aiohttp.ClientError, OSError) as error:
            self._world.webhook_failed(f"Connection failed: {type(error).__name__}")
            return doubled
        if 200 <= status < 300:
            self._call_back(body)
            return None
        self._world.webhook_failed(f"Wrong response from the webhook: {status} {reason}")
        return min(float(asked), LONGEST_RETRY_AFTER_S) if asked.isdecimal() else doubled

    def _call_back(self, body: bytes) -> None:
        """Make the call an answer holds, if it holds one."""
        try:
            given: Any = json.loads(body) if body.startswith(b"{") else None
        except ValueError:
            return
        if isinstance(given, dict) and isinstance(given.get("method"), str):
            params = {name: value for name, value in given.items() if name != "method"}
            self._world.call(self._world.token, given["method"], params)
