"""PTB's request class on a world in the same process: no socket, every answer real JSON."""

import asyncio
import json
from urllib.parse import parse_qsl, unquote, urlsplit

from telegram._utils.defaultvalue import DEFAULT_NONE
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest

from localchat.arguments import Upload
from localchat.waiting import poll


class Gate:
    """A call that waits: `reached` says that it is there, `release` lets it on."""

    def __init__(self, method, chat_id, passing):
        self._call = (method, str(chat_id))
        self._passing = passing
        self.reached = asyncio.Event()
        self.release = asyncio.Event()

    async def pass_(self, method, params):
        if (method, str(params.get("chat_id"))) != self._call or self.reached.is_set():
            return
        if self._passing:
            self._passing -= 1
            return
        self.reached.set()
        await self.release.wait()


class WorldRequest(BaseRequest):
    """Calls a `World` where others call Telegram.

    `hang` and `drop_after` faults show as `TimedOut`, `drop_before` as `NetworkError`.
    What was called is in `calls`: `(method, parameters)`.
    """

    def __init__(self, world):
        self.world = world
        self.calls = []
        self._gates = []

    def hold(self, method, chat_id, *, passing=0):
        """Holds the next call of a method for a chat, after letting some pass; gives the gate."""
        gate = Gate(method, chat_id, passing)
        self._gates.append(gate)
        return gate

    @property
    def read_timeout(self):
        return 5.0

    async def initialize(self):
        pass

    async def shutdown(self):
        pass

    async def do_request(  # noqa: PLR0917 - PTB's signature
        self,
        url,
        method,
        request_data=None,
        read_timeout=DEFAULT_NONE,
        write_timeout=DEFAULT_NONE,
        connect_timeout=DEFAULT_NONE,
        pool_timeout=DEFAULT_NONE,
    ):
        parts = urlsplit(url)
        whole = unquote(parts.path)
        if whole.startswith("/file/bot"):
            token, _, path = whole.removeprefix("/file/bot").partition("/")
            return self._download(token, path)
        token, _, called = whole.rpartition("/bot")[2].partition("/")
        params = dict(parse_qsl(parts.query))
        files = {}
        if request_data is not None:
            params |= request_data.json_parameters
            for name, (filename, content, mime) in (request_data.multipart_data or {}).items():
                data = content if isinstance(content, bytes) else content.read()
                files[name] = Upload(data, filename, mime)
        self.calls.append((called, params))
        for gate in self._gates:
            await gate.pass_(called, params)
        on_the_way = self.world.faults.take_transport(called, params)
        if on_the_way == "hang":
            raise TimedOut
        if on_the_way == "drop_before":
            raise NetworkError("the connection broke before the call arrived")
        if called == "getUpdates":
            answer = await poll(self.world, token, params)
        else:
            answer = self.world.call(token, called, params, files)
        if on_the_way == "drop_after":
            raise TimedOut
        status = 200 if answer["ok"] else answer["error_code"]
        return status, json.dumps(answer, ensure_ascii=False).encode()

    def _download(self, token, path):
        if token != self.world.token:
            return 401, b'{"ok":false,"error_code":401,"description":"Unauthorized"}'
        record = self.world.file_at(path)
        if record is None:
            return 404, b'{"ok":false,"error_code":404,"description":"Not Found"}'
        return 200, self.world.read_file(record)
