"""bot/webhook.py: who is let in, what is answered, and how Telegram is told where we are."""

import asyncio

import httpx
import pytest

from bot.bot_api import BotApi
from bot.http_door import CannotListen, HttpDoor
from bot.intake import ALLOWED_UPDATES, DatabaseAway, Outcome
from bot.settings import load
from bot.webhook import MOST_BYTES, SECRET_HEADER, Webhook, WebhookRefused
from localchat.seed import RIDER, TOKEN
from tests.localchat.ptb_request import WorldRequest
from tests.localchat.serving import until
from tests.localchat.worlds import call, checked_world

SECRET = "a-secret_of-ours"
RIGHT = {SECRET_HEADER: SECRET, "Content-Type": "application/json"}
UPDATE = {"update_id": 7, "message": {}}


class FakeIntake:
    """Takes updates in and says what it is told to say."""

    def __init__(self):
        self.taken = []
        self.says = Outcome.APPLIED

    async def apply(self, update):
        self.taken.append(update)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@pytest.fixture
def world():
    return checked_world()


@pytest.fixture
def intake():
    return FakeIntake()


@pytest.fixture
def webhook(world, intake, monkeypatch):
    monkeypatch.setenv("SENTINEL_WEBHOOK__URL", "http://127.0.0.1:8080/telegram/hook")
    monkeypatch.setenv("SENTINEL_WEBHOOK__SECRET", SECRET)
    monkeypatch.setenv("SENTINEL_WEBHOOK__LISTEN", "127.0.0.1:0")
    return Webhook(BotApi(TOKEN, "http://world", WorldRequest(world)), intake, load().webhook)


@pytest.fixture
async def telegram(webhook):
    transport = httpx.ASGITransport(webhook.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://us") as client:
        yield client


async def deliver(telegram, *, json=UPDATE, headers=RIGHT, path="/telegram/hook", **more):
    more = more or {"json": json}
    return await telegram.post(path, headers=headers, **more)


@pytest.mark.parametrize("settled", [Outcome.APPLIED, Outcome.DUPLICATE, Outcome.SET_ASIDE])
async def test_what_is_settled_is_acknowledged(telegram, intake, settled):
    intake.says = settled
    assert (await deliver(telegram)).status_code == 200
    assert intake.taken == [UPDATE]


async def test_what_failed_is_kept_by_telegram(telegram, intake):
    intake.says = Outcome.FAILED
    answer = await deliver(telegram)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


async def test_while_the_database_is_away_telegram_keeps_it(telegram, intake):
    intake.says = DatabaseAway("OperationalError")
    answer = await deliver(telegram)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        RIGHT | {SECRET_HEADER: ""},
        RIGHT | {SECRET_HEADER: SECRET[:-1]},
        RIGHT | {SECRET_HEADER: SECRET + "x"},
        RIGHT | {SECRET_HEADER: "é".encode()},
    ],
)
async def test_who_does_not_know_the_secret_gets_nothing_in(telegram, intake, headers):
    assert (await deliver(telegram, headers=headers)).status_code == 403
    assert intake.taken == []


async def test_only_telegrams_content_type_is_taken(telegram, intake):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = await deliver(telegram, headers=RIGHT | {"Content-Type": kind})
        assert answer.status_code == 415
    assert intake.taken == []
    odd = RIGHT | {"Content-Type": "Application/JSON; charset=utf-8"}
    assert (await deliver(telegram, headers=odd)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"\xff\xfe",
        b'{"message": {}}',
        b'{"update_id": "7"}',
        b'{"update_id": true}',
        b'{"update_id": 7.5}',
        b'{"update_id": -1}',
        b'{"update_id": 9223372036854775808}',
        b"[" * 100_000,
    ],
)
async def test_nonsense_is_refused(telegram, intake, body):
    assert (await deliver(telegram, content=body)).status_code == 400
    assert intake.taken == []


async def test_too_much_is_refused_whether_announced_or_not(telegram, intake):
    async def in_parts():
        for _ in range(MOST_BYTES // 65536 + 1):
            yield b" " * 65536

    announced = await deliver(telegram, content=b" " * (MOST_BYTES + 1))
    unannounced = await deliver(telegram, content=in_parts())
    assert announced.status_code == unannounced.status_code == 413
    assert intake.taken == []


async def test_there_is_one_door_for_one_kind_of_request(telegram, intake):
    assert (await telegram.get("/telegram/hook", headers=RIGHT)).status_code == 405
    for path in ("/", "/telegram", "/telegram/hook/x", "/metrics"):
        assert (await deliver(telegram, path=path)).status_code == 404
    assert intake.taken == []


async def test_telegram_is_told_where_we_are_and_nothing_that_waits_is_dropped(webhook, world):
    world.say(RIDER, RIDER, "sent while nobody was there")
    webhook.open()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(webhook.run())
        await until(world, lambda: world.webhook is not None)
        webhook.stop()
    assert webhook.is_set
    info = call(world, "getWebhookInfo")
    assert info["url"] == "http://127.0.0.1:8080/telegram/hook"
    assert info["pending_update_count"] == 1
    assert info["max_connections"] == 40
    assert set(info["allowed_updates"]) == set(ALLOWED_UPDATES)
    # It stays: others of our processes may still be there, and what waits comes to who is next.
    assert world.webhook is not None


async def test_a_webhook_telegram_refuses_ends_us_with_its_reason(webhook, world):
    world.faults.add("setWebhook", error=400, description="Bad Request: bad webhook: HTTPS url")
    webhook.open()
    with pytest.RaisesGroup(pytest.RaisesExc(WebhookRefused, match="(?i)bad webhook: https url")):
        async with asyncio.timeout(20):
            await webhook.run()


async def test_telegram_being_away_at_the_start_is_waited_for(webhook, world, monkeypatch):
    monkeypatch.setattr("bot.webhook.WAITS", (0, 0))
    world.faults.add("setWebhook", error=502, times=2)
    webhook.open()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(webhook.run())
        await until(world, lambda: world.webhook is not None)
        webhook.stop()
    assert webhook.is_set
    assert world.webhook is not None


def test_an_address_that_is_taken_is_one_line(webhook):
    first = HttpDoor(webhook.app(), "127.0.0.1:0")
    port = first.open()
    with pytest.raises(CannotListen, match=f"cannot listen on 127.0.0.1:{port}: "):
        HttpDoor(webhook.app(), f"127.0.0.1:{port}").open()
    first.close()
