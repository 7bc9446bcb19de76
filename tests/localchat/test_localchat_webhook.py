"""Deliveries: in order within a chat, side by side between them, again until taken."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from localchat.seed import RIDER
from localchat.webhook import SECRET_HEADER, deliver
from tests.localchat.contract import check_update
from tests.localchat.serving import served, until
from tests.localchat.worlds import call, checked_world, refused

BUTTONS = {"inline_keyboard": [[{"text": "a", "callback_data": "a"}]]}


class Receiver:
    """A bot's end of a webhook: keeps what comes, answers as told."""

    def __init__(self):
        self.came = []
        self.secrets = set()
        self.answers = []
        self.hold = {}

    async def take(self, request):
        update = await request.json()
        check_update(update)
        self.came.append(update)
        self.secrets.add(request.headers.get(SECRET_HEADER))
        for kind, gate in self.hold.items():
            if kind in update:
                await gate.wait()
        return self.answers.pop(0) if self.answers else web.Response()

    @asynccontextmanager
    async def listening(self):
        app = web.Application()
        app.router.add_post("/hook", self.take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        finally:
            await runner.cleanup()


@pytest.fixture
def receiver():
    return Receiver()


@pytest.fixture
def world():
    return checked_world()


class Pauses(list):
    """Records what a courier would have waited, in seconds, and lets it go on."""

    async def __call__(self, seconds):
        self.append(seconds)
        await asyncio.sleep(0)


@asynccontextmanager
async def delivering(world, pauses=None):
    async with asyncio.TaskGroup() as group:
        task = group.create_task(deliver(world, pause=pauses if pauses is not None else Pauses()))
        try:
            yield
        finally:
            task.cancel()


def texts(receiver):
    return [one["message"]["text"] for one in receiver.came]


async def test_updates_arrive_in_order_with_the_secret(world, receiver):
    world.say(RIDER, RIDER, "一")
    async with receiver.listening() as url, delivering(world):
        call(world, "setWebhook", url=url, secret_token="s3cret")
        world.say(RIDER, RIDER, "二")
        await until(world, lambda: len(receiver.came) == 2 and not world.pending_updates)
    assert texts(receiver) == ["一", "二"]
    assert receiver.secrets == {"s3cret"}


async def test_what_fails_is_sent_again_before_the_next(world, receiver):
    pauses = Pauses()
    receiver.answers = [web.Response(status=500) for _ in range(4)]
    async with receiver.listening() as url, delivering(world, pauses):
        call(world, "setWebhook", url=url)
        world.say(RIDER, RIDER, "一")
        world.say(RIDER, RIDER, "二")
        await until(world, lambda: not world.pending_updates)
        info = call(world, "getWebhookInfo")
    assert texts(receiver) == ["一"] * 5 + ["二"]
    assert pauses == [1.0, 2.0, 4.0]
    assert info["last_error_message"] == (
        "Wrong response from the webhook: 500 Internal Server Error"
    )


async def test_retry_after_is_honoured(world, receiver):
    pauses = Pauses()
    receiver.answers = [web.Response(status=429, headers={"Retry-After": "7"})]
    async with receiver.listening() as url, delivering(world, pauses):
        call(world, "setWebhook", url=url)
        world.say(RIDER, RIDER, "一")
        await until(world, lambda: not world.pending_updates)
    assert pauses == [7.0]


async def test_a_press_overtakes_a_message_that_takes_long(world, receiver):
    world.say(RIDER, RIDER, "/start")
    asked = call(world, "sendMessage", chat_id=RIDER, text="?", reply_markup=BUTTONS)
    gate = receiver.hold["message"] = asyncio.Event()
    async with receiver.listening() as url, delivering(world):
        call(world, "setWebhook", url=url)
        world.say(RIDER, RIDER, "later")
        world.press(RIDER, RIDER, asked["message_id"], "a")
        await until(world, lambda: len(world.pending_updates) == 2)
        assert [one for one in receiver.came if "callback_query" in one]
        gate.set()
        await until(world, lambda: not world.pending_updates)


async def test_an_answer_may_be_a_call(world, receiver):
    receiver.answers = [
        web.json_response({"method": "sendMessage", "chat_id": RIDER, "text": "收到"})
    ]
    async with receiver.listening() as url, delivering(world):
        call(world, "setWebhook", url=url)
        world.say(RIDER, RIDER, "x")
        await until(world, lambda: world.messages(RIDER)[-1]["text"] == "收到")


async def test_a_dead_end_is_tried_again_until_the_webhook_goes(world):
    tried = asyncio.Event()

    async def pause(_seconds):
        tried.set()
        await asyncio.Event().wait()

    async with delivering(world, pause):
        call(world, "setWebhook", url="http://127.0.0.1:1/hook")
        world.say(RIDER, RIDER, "x")
        await tried.wait()
        assert call(world, "getWebhookInfo")["pending_update_count"] == 1
        call(world, "deleteWebhook")
        assert len(call(world, "getUpdates")) == 1


async def test_a_served_world_delivers(world, receiver):
    async with receiver.listening() as url, served(world):
        call(world, "setWebhook", url=url)
        world.say(RIDER, RIDER, "x")
        await until(world, lambda: not world.pending_updates)
    assert texts(receiver) == ["x"]


def test_webhooks_and_polling_exclude_each_other(world):
    world.say(RIDER, RIDER, "x")
    call(
        world,
        "setWebhook",
        url="http://127.0.0.1:9/hook",
        max_connections=8,
        allowed_updates=["message"],
        drop_pending_updates=True,
    )
    assert refused(world, "getUpdates") == (
        409,
        (
            "Conflict: can't use getUpdates method while webhook is active;"
            " use deleteWebhook to delete the webhook first"
        ),
    )
    assert call(world, "getWebhookInfo") == {
        "url": "http://127.0.0.1:9/hook",
        "has_custom_certificate": False,
        "pending_update_count": 0,
        "max_connections": 8,
        "allowed_updates": ["message"],
    }
    call(world, "setWebhook", url="")
    assert call(world, "getUpdates") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "nonsense"},
        {"url": "http://elsewhere.example/hook"},
        {"url": "http://127.0.0.1/", "secret_token": "no spaces"},
        {"url": "http://127.0.0.1/", "max_connections": 101},
    ],
)
def test_wrong_webhooks_are_refused(world, wrong):
    assert refused(world, "setWebhook", **wrong)[0] == 400
