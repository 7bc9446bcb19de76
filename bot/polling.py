"""Front door 1: getUpdates. What is not committed is not confirmed, so Telegram gives it again."""

import asyncio
from collections import defaultdict
from typing import Any

import structlog
from telegram.error import Conflict, RetryAfter, TelegramError

from bot.bot_api import BotApi
from bot.intake import ALLOWED_UPDATES, DatabaseAway, Intake

log = structlog.get_logger()

LONG_POLL_S = 25
BATCH = 100
# Waits after a failure, in seconds.
WAITS = (0.5, 1, 2, 5, 10, 30)


class Polling:
    """Fetches updates and has them applied, in order within each chat."""

    def __init__(self, api: BotApi, intake: Intake) -> None:
        """Nothing is fetched yet."""
        self._api = api
        self._intake = intake
        self._stopping = asyncio.Event()
        self._all_applied = True
        self._patience: asyncio.Timeout | None = None

    def stop(self) -> None:
        """Finish what is being applied, then end `run`."""
        self._stopping.set()
        if self._patience is not None:
            self._patience.reschedule(0)

    async def run(self) -> None:
        """Fetch and apply until stopped."""
        failures = 0
        offset: int | None = None
        await self._leave_webhook()
        while not self._stopping.is_set():
            try:
                batch = await self._fetch(offset)
            except TelegramError as error:
                failures += 1
                log.warning("polling_failed", error=type(error).__name__, failures=failures)
                await self._pause(_wait(error, failures))
                continue
            failures = 0
            if not batch:
                continue
            await self._apply_all(batch)
            if self._stopping.is_set() and not self._all_applied:
                return
            offset = batch[-1]["update_id"] + 1
        if offset is not None:
            await self._confirm(offset)

    async def _leave_webhook(self) -> None:
        # Where one is set, Telegram refuses to be asked; what waits there comes to us instead.
        try:
            await self._api.call("deleteWebhook", {"drop_pending_updates": False})
        except TelegramError as error:
            log.info("webhook_not_left", error=type(error).__name__)

    async def _fetch(self, offset: int | None) -> list[dict[str, Any]]:
        parameters = {
            "timeout": LONG_POLL_S,
            "limit": BATCH,
            "allowed_updates": ALLOWED_UPDATES,
            **({"offset": offset} if offset is not None else {}),
        }
        try:
            async with asyncio.timeout(None) as self._patience:
                updates: list[dict[str, Any]] = await self._api.call(
                    "getUpdates", parameters, wait_s=LONG_POLL_S + 10
                )
        except TimeoutError:
            # Nobody but `stop` ends the patience.
            return []
        finally:
            self._patience = None
        return updates

    async def _apply_all(self, batch: list[dict[str, Any]]) -> None:
        self._all_applied = True
        queues: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
        for update in batch:
            queues[_queue_of(update)].append(update)
        async with asyncio.TaskGroup() as tasks:
            for queue in queues.values():
                tasks.create_task(self._apply_in_order(queue))

    async def _apply_in_order(self, queue: list[dict[str, Any]]) -> None:
        for update in queue:
            tries = 0
            while True:
                try:
                    outcome = await self._intake.apply(update)
                except DatabaseAway as error:
                    tries += 1
                    log.warning("database_away", error=str(error))
                else:
                    if outcome.settled:
                        break
                    tries += 1
                if self._stopping.is_set():
                    # Not confirmed: it comes again after the restart.
                    self._all_applied = False
                    return
                await self._pause(WAITS[min(tries, len(WAITS)) - 1])

    async def _confirm(self, offset: int) -> None:
        # Else the last batch would come again after the restart, to be recognised and dropped.
        try:
            await self._api.call("getUpdates", {"offset": offset, "limit": 1, "timeout": 0})
        except TelegramError as error:
            log.info("last_batch_not_confirmed", error=type(error).__name__)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


def _queue_of(update: dict[str, Any]) -> int:
    # A person's messages and presses stay in order; so do a group's.
    for part in update.values():
        for sender in (part.get("from"), part.get("chat")) if isinstance(part, dict) else ():
            # Whatever else it may be, the intake will say so; nothing may stop the others.
            if isinstance(sender, dict) and isinstance(sender.get("id"), int):
                return int(sender["id"])
    return 0


def _wait(error: TelegramError, failures: int) -> float:
    if isinstance(error, RetryAfter):
        after = error.retry_after
        return after if isinstance(after, int | float) else after.total_seconds()
    if isinstance(error, Conflict):
        return 5
    return WAITS[min(failures, len(WAITS)) - 1]
