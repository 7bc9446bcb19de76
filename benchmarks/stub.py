"""A Bot API server that answers at once, with riders behind it, in a process of its own.

    python -m benchmarks.stub [--riders N] [--series N] [--pictures fetched|later]

On its standard output, a line of JSON each: the port, that the bot is there, what was measured. On
its standard input, likewise: the ports to deliver to, and how many reports to make at what rate.
"""

import argparse
import asyncio
import dataclasses
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from io import BytesIO
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from PIL import Image, ImageDraw

from benchmarks.riders import BOT, Crowd, Json, Rider, Surprise, sizes

# How many webhook connections Telegram holds at once unless told otherwise.
CONNECTIONS = 40
_SENDING = {"sendMessage", "sendPhoto"}
_EDITING = {"editMessageText", "editMessageCaption", "editMessageReplyMarkup"}
_NODDED = {
    "setMyCommands",
    "setMyDescription",
    "setMyShortDescription",
    "deleteWebhook",
    "sendChatAction",
    "pinChatMessage",
}


class Stub:
    """The server: what the bot calls, and how updates reach it."""

    def __init__(self, crowd: Callable[[Callable[[Rider, Json], None]], Crowd]) -> None:
        self.there = asyncio.Event()
        self.crowd = crowd(self._send)
        self._waiting: deque[Json] = deque()
        self._news = asyncio.Event()
        self._hook = ""
        self._headers: dict[str, str] = {}
        # Where to deliver, in turn.
        self._fronts = cycle([""])
        self._outbox: asyncio.Queue[tuple[Rider, Json]] = asyncio.Queue()
        self._later = asyncio.Event()
        self._pictures = 0

    def _send(self, rider: Rider, update: Json) -> None:
        if self._hook:
            self._outbox.put_nowait((rider, update))
        else:
            self._waiting.append(update)
            self._news.set()

    async def called(self, request: web.Request) -> web.Response:
        """Answer one call of the bot."""
        method = request.match_info["method"]
        if request.content_type == "application/json":
            given = json.loads(await request.read() or b"{}")
        else:
            given = dict(await request.post())
        result = await self._result(method, given)
        if result is None:
            self.crowd.fail(f"the stub does not know {method}")
            return web.json_response(
                {"ok": False, "error_code": 404, "description": "Not Found"}, status=404
            )
        return web.json_response({"ok": True, "result": result})

    async def _result(self, method: str, given: Json) -> Any:
        if method in _SENDING:
            keyboard = _keyboard(given)
            message = self._message(given)
            if keyboard is not None and "inline_keyboard" in keyboard:
                message["reply_markup"] = keyboard
            self.crowd.hear(message, keyboard)
            return message
        if method in _EDITING:
            return self._message(given)
        if method in _NODDED:
            return True
        match method:
            case "answerCallbackQuery":
                self.crowd.button_answered()
                return True
            case "getUpdates":
                return await self._updates(given)
            case "getMe":
                return BOT | {"can_join_groups": True, "supports_inline_queries": False}
            case "getChat":
                return {"id": int(given["chat_id"]), "type": "supergroup", "title": "Moderators"}
            case "getChatAdministrators":
                return [{"status": "administrator", "user": BOT}]
            case "getChatMember":
                return {"status": "administrator", "user": BOT}
            case "setWebhook":
                self._hook = given["url"]
                if secret := given.get("secret_token"):
                    self._headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
                self._fronts = cycle([self._hook])
                self.there.set()
                return True
            case "getWebhookInfo":
                return {
                    "url": self._hook,
                    "has_custom_certificate": False,
                    "pending_update_count": 0,
                }
            case "getFile":
                return await self._file(given["file_id"])
        return None

    async def _updates(self, given: Json) -> list[Json]:
        self.there.set()
        offset, limit = int(given.get("offset", 0)), int(given.get("limit", 100))
        while self._waiting and self._waiting[0]["update_id"] < offset:
            self._waiting.popleft()
        if not self._waiting:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), float(given.get("timeout", 0)))
            except TimeoutError:
                return []
        return [self._waiting[i] for i in range(min(limit, len(self._waiting)))]

    def _message(self, given: Json) -> Json:
        chat_id = int(given["chat_id"])
        chat = (
            {"id": chat_id, "type": "supergroup", "title": "Moderators"}
            if chat_id < 0
            else {"id": chat_id, "type": "private", "first_name": f"Rider {chat_id}"}
        )
        message: Json = {
            "message_id": self.crowd.message_id(),
            "date": int(time.time()),
            "chat": chat,
            "from": BOT,
        }
        if "photo" in given:
            photo = given["photo"] if isinstance(given["photo"], str) else "uploaded"
            message |= {"photo": sizes(photo), "caption": given.get("caption", "")}
        else:
            message["text"] = given.get("text", "")
        return message

    async def _file(self, file_id: str) -> Json:
        await self._later.wait()
        return {
            "file_id": file_id,
            "file_unique_id": f"u-{file_id}",
            "file_size": 9000,
            "file_path": f"photos/{file_id}.jpg",
        }

    def give_pictures(self) -> None:
        """From now on files can be had; until then the bot waits for them."""
        self._later.set()

    async def download(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """A picture that nobody has had before."""
        self._pictures += 1
        self.crowd.picture_fetched()
        return web.Response(body=picture(self._pictures), content_type="image/jpeg")

    def spread(self, ports: list[int]) -> None:
        """Deliver to these ports in turn, instead of the one the webhook was set to."""
        path = urlsplit(self._hook).path
        self._fronts = cycle([f"http://127.0.0.1:{port}{path}" for port in ports])

    async def push(self, session: aiohttp.ClientSession) -> None:
        """Hand over updates to the webhook, one connection's worth at a time."""
        while True:
            rider, update = await self._outbox.get()
            try:
                async with (
                    rider.lane,
                    session.post(
                        next(self._fronts), json=update, headers=self._headers
                    ) as response,
                ):
                    if response.status != 200:
                        self.crowd.fail(f"the webhook answered {response.status}")
            except aiohttp.ClientError as error:
                self.crowd.fail(f"the webhook was not reached: {type(error).__name__}")


def _keyboard(given: Json) -> Json | None:
    markup = given.get("reply_markup")
    return json.loads(markup) if isinstance(markup, str) else markup


_SIZE = (320, 240)


def picture(number: int) -> bytes:
    """A small JPEG, another one for each number; few are drawn, for that takes the load's time."""
    plain = _DRAWN[number % len(_DRAWN)]
    # A comment after the first marker makes other bytes of the same picture.
    comment = f"{number:08d}".encode()
    return plain[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + plain[2:]


def _draw(seed: int) -> bytes:
    image = Image.effect_noise(_SIZE, 20 + seed).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle((seed * 9, 20, seed * 9 + 60, 200), fill=(seed * 15, 255 - seed * 15, 90))
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


_DRAWN = [_draw(seed) for seed in range(16)]


def _say(**words: Any) -> None:
    print(json.dumps(words), flush=True)


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until the standard input ends."""
    stub = Stub(
        lambda send: Crowd(
            send,
            riders=arguments.riders,
            fetches=arguments.pictures == "fetched",
            series=arguments.series,
        )
    )
    if arguments.pictures == "fetched":
        stub.give_pictures()
    application = web.Application()
    application.router.add_post("/bot{token}/{method}", stub.called)
    application.router.add_get("/file/bot{token}/{path:.*}", stub.download)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    _say(port=runner.addresses[0][1])
    await stub.there.wait()
    _say(there=True)
    # Sooner than any server closes an idle connection: one that is just being closed takes nothing.
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=2)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as tasks:
        pushing = [tasks.create_task(stub.push(session)) for _ in range(CONNECTIONS)]
        while line := await asyncio.to_thread(sys.stdin.readline):
            await _obey(stub, json.loads(line))
        for task in pushing:
            task.cancel()
    await runner.cleanup()


async def _obey(stub: Stub, order: Json) -> None:
    if "ports" in order:
        stub.spread(order["ports"])
    elif "pictures" in order:
        stub.give_pictures()
    else:
        try:
            measured = await stub.crowd.report(order.pop("reports"), **order)
        except Surprise as surprise:
            _say(surprise=str(surprise))
        else:
            _say(**dataclasses.asdict(measured))


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--riders", type=int, default=200)
    parser.add_argument("--series", type=int, default=0, help="of this database, the how manieth")
    parser.add_argument("--pictures", choices=["fetched", "later"], default="fetched")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
