"""The bot's door over HTTP: methods and files, in every way Telegram takes a request."""

import json
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from localchat.arguments import Upload
from localchat.errors import ApiError, BadRequestError
from localchat.json_types import Json
from localchat.waiting import Closing, bell, poll
from localchat.world import World

MOST_FIELD_BYTES = 8 << 20
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


class Broken(Response):
    """An answer that breaks off after its head, as a lost connection does."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Begin, and never end."""
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", b"1000")],
            }
        )


class BotDoor:
    """The Bot API of a world."""

    def __init__(self, world: World, closing: Closing) -> None:
        """Nothing is opened yet.

        Args:
            world: the world.
            closing: tells when the server ends, so that nobody waits on.
        """
        self._world = world
        self._closing = closing

    def routes(self) -> list[Route]:
        """Where it is."""
        return [
            Route("/bot{token}/{method}", self.call, methods=["GET", "POST"]),
            Route("/file/bot{token}/{path:path}", self.download, methods=["GET"]),
        ]

    async def call(self, request: Request) -> Response:
        """One call of a method."""
        token, method = request.path_params["token"], request.path_params["method"]
        try:
            params, files = await _parameters(request)
        except ApiError as refusal:
            return _answer(refusal.envelope())
        on_the_way = self._world.faults.take_transport(method, params)
        if on_the_way == "hang":
            async with bell(self._world) as news:
                while not self._closing.now:
                    await news.wait()
        if on_the_way in {"hang", "drop_before"}:
            return Broken()
        if method.lower() == "getupdates":
            answer = await poll(self._world, token, params, closing=self._closing)
        elif files:
            # Pictures take a while to scale; others go on meanwhile.
            answer = await run_in_threadpool(self._world.call, token, method, params, files)
        else:
            answer = self._world.call(token, method, params)
        return Broken() if on_the_way == "drop_after" else _answer(answer)

    async def download(self, request: Request) -> Response:
        """The bytes of a file."""
        if request.path_params["token"] != self._world.token:
            return _answer(ApiError(401, "Unauthorized").envelope())
        record = self._world.file_at(request.path_params["path"])
        if record is None:
            return _answer(ApiError(404, "Not Found").envelope())
        return Response(self._world.read_file(record), media_type="application/octet-stream")


def _answer(envelope: Json) -> Response:
    return JSONResponse(envelope, 200 if envelope["ok"] else envelope["error_code"])


async def _parameters(request: Request) -> tuple[dict[str, Any], dict[str, Upload]]:
    params: dict[str, Any] = dict(request.query_params)
    files: dict[str, Upload] = {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        params |= _object(await request.body())
    elif kind in _FORMS:
        async with request.form(max_part_size=MOST_FIELD_BYTES) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    files[name] = Upload(
                        await value.read(),
                        value.filename or "file",
                        value.content_type or "application/octet-stream",
                    )
                else:
                    params[name] = value
    return params, files


def _object(body: bytes) -> Json:
    if not body.strip():
        return {}
    try:
        given = json.loads(body)
    except ValueError:
        raise BadRequestError("can't parse JSON object") from None
    if not isinstance(given, dict):
        raise BadRequestError("object expected")
    return given
