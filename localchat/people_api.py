"""The people's door over HTTP, as docs/localchat.md describes it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from localchat.errors import PeopleError
from localchat.json_types import Json
from localchat.rooms import Room
from localchat.waiting import Closing, bell
from localchat.world import World

NOTICE = {
    "en": "A local chat on this machine for trying out the bot. It is no messenger: "
    "nothing leaves this machine, and whoever opens this page can be anybody in it.",
    "zh": "这是本机上的试用聊天，不是通讯软件：内容不会离开这台机器，打开本页的人可以扮演任何人。",
}
KEEP_ALIVE_S = 15
MOST_AT_ONCE = 200
# Shown in the page; anything else is only handed out as a download, never opened as a page.
_SHOWN = frozenset(
    {
        "image/jpeg",
        "image/png",
        "image/webp",
        "image/gif",
        "audio/ogg",
        "audio/webm",
        "audio/mpeg",
        "audio/mp4",
        "video/mp4",
        "video/webm",
    }
)

Given = TypeVar("Given", bound=BaseModel)
Answer = Callable[[Request], Awaitable[Any]]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Place(_Given):
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    horizontal_accuracy: float | None = Field(None, ge=0, le=1500)
    live_period: int | None = Field(None, ge=60)


class _Venue(_Given):
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    title: str = Field(min_length=1)
    address: str = ""


class _Said(_Given):
    text: str | None = None
    location: _Place | None = None
    venue: _Venue | None = None
    sticker: bool | str | None = None
    reply_to: int | None = None
    thread_id: int | None = None


class _Edit(_Given):
    text: str | None = None
    caption: str | None = None
    location: _Place | None = None


class _Press(_Given):
    data: str


class _Reaction(_Given):
    emoji: str | None


class _Block(_Given):
    blocked: bool


class _Group(_Given):
    title: str


class _Members(_Given):
    add: list[int] = []
    remove: list[int] = []
    promote: list[int] = []
    demote: list[int] = []


class PeopleDoor:
    """The people's API of a world."""

    def __init__(
        self,
        world: World,
        closing: Closing,
        *,
        districts: Json | None = None,
        places: Json | None = None,
        samples: Path | None = None,
    ) -> None:
        """Nothing is opened yet.

        Args:
            world: the world.
            closing: tells when the server ends, so that no stream goes on.
            districts: GeoJSON of the districts.
            places: GeoJSON points of named places.
            samples: the folder of sample pictures, with its `index.json`.
        """
        self._world = world
        self._closing = closing
        self._districts = districts
        self._places = places
        self._samples = samples

    def routes(self) -> list[Route]:
        """Where it is."""
        me = "/api/people/{me:int}"
        chat = me + "/chats/{chat}"
        message = chat + "/messages/{message:int}"
        table: list[tuple[str, str, Answer]] = [
            ("GET", "/api/world", self.world),
            ("GET", "/api/map", self.map),
            ("GET", "/api/places", self.places),
            ("GET", "/api/samples", self.samples),
            ("GET", "/api/samples/{name}", self.sample),
            ("GET", "/api/files/{file_id}", self.file),
            ("GET", me + "/chats", self.chats),
            ("GET", chat + "/messages", self.messages),
            ("POST", chat + "/messages", self.say),
            ("PATCH", message, self.edit),
            ("POST", message + "/press", self.press),
            ("POST", message + "/react", self.react),
            ("POST", chat + "/read", self.read),
            ("POST", me + "/block", self.block),
            ("POST", me + "/groups", self.make_group),
            ("POST", me + "/groups/{chat}/members", self.members),
            ("POST", me + "/groups/{chat}/upgrade", self.upgrade),
            ("GET", me + "/events", self.events),
        ]
        return [Route(path, self._door(run), methods=[verb]) for verb, path, run in table]

    def _door(self, run: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                result = await run(request)
            except PeopleError as refusal:
                sentence = refusal.sentence(self._language(request))
                return JSONResponse({"error": sentence}, refusal.status)
            return result if isinstance(result, Response) else JSONResponse(result)

        return answer

    def _language(self, request: Request) -> str:
        person = self._world.people.get(request.path_params.get("me", 0))
        return str(person.user.get("language_code", "")) if person is not None else ""

    # The world

    async def world(self, _request: Request) -> Json:
        """Who there is."""
        people = [
            {**person.user, "role": person.role, "about": person.about}
            for person in self._world.people.values()
        ]
        return {"bot": self._world.bot, "people": people, "notice": NOTICE}

    async def map(self, _request: Request) -> Json:
        """The districts."""
        return self._districts or _no_features()

    async def places(self, _request: Request) -> Json:
        """The named places."""
        return self._places or _no_features()

    async def samples(self, _request: Request) -> list[Json]:
        """The sample pictures."""
        return [
            {
                "name": one["name"],
                "title": one["title"],
                "url": f"/api/samples/{one['file']}",
                "latitude": one["latitude"],
                "longitude": one["longitude"],
            }
            for one in self._sample_index()
        ]

    async def sample(self, request: Request) -> Response:
        """One sample picture."""
        name = request.path_params["name"]
        if self._samples is None or name not in {one["file"] for one in self._sample_index()}:
            raise PeopleError(404, "There is no such picture.", "没有这张图片。")
        return FileResponse(self._samples / name)

    def _sample_index(self) -> list[Json]:
        index = self._samples / "index.json" if self._samples is not None else None
        if index is None or not index.is_file():
            return []
        listed: list[Json] = json.loads(index.read_text("utf-8"))
        return listed

    async def file(self, request: Request) -> Response:
        """The bytes of a file."""
        record = self._world.file(request.path_params["file_id"])
        if record is None:
            raise PeopleError(404, "There is no such file.", "没有这个文件。")
        shown = record.mime_type in _SHOWN
        headers = {
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, max-age=31536000, immutable",
        }
        if not shown:
            headers["Content-Disposition"] = "attachment"
        return Response(
            self._world.read_file(record),
            media_type=record.mime_type if shown else "application/octet-stream",
            headers=headers,
        )

    # Chats and messages

    async def chats(self, request: Request) -> list[Json]:
        """The list on the left."""
        me = _me(request)
        people = self._world.people
        if me not in people:
            raise PeopleError(404, "There is no such person.", "没有这个人。")
        return [
            self._entry(me, room) for room in self._world.rooms_of(me) if room.migrated_to is None
        ]

    def _entry(self, me: int, room: Room) -> Json:
        person = self._world.people[me]
        newest = self._world.messages(room.id, me, limit=1)
        entry: Json = {
            "chat": room.chat,
            "last": newest[0] if newest else None,
            "unread": self._world.unread(me, room.id),
            "commands": self._world.commands_for(me, room.id),
            "started": person.started or not room.private,
            "blocked": person.blocked and room.private,
        }
        if room.private:
            entry["description"] = self._world.description_for(me)
        return entry

    async def messages(self, request: Request) -> list[Json]:
        """A page of messages, oldest first."""
        before = _number(request.query_params.get("before"))
        limit = _number(request.query_params.get("limit"))
        return self._world.messages(
            _chat(request),
            _me(request),
            before=before,
            limit=min(limit if limit is not None else 50, MOST_AT_ONCE),
        )

    async def say(self, request: Request) -> Json:
        """Something new."""
        kind = request.headers.get("content-type", "")
        if kind.startswith("multipart/form-data"):
            return {"messages": await self._send_files(request)}
        said = await _body(request, _Said)
        return {"messages": self._say(_me(request), _chat(request), said)}

    def _say(self, me: int, chat: int, said: _Said) -> list[Json]:
        world = self._world
        if said.text is not None:
            return world.say_all(me, chat, said.text, said.reply_to, thread_id=said.thread_id)
        if said.location is not None:
            place = said.location
            return [
                world.send_location(
                    me,
                    chat,
                    place.latitude,
                    place.longitude,
                    accuracy=place.horizontal_accuracy,
                    live_period=place.live_period,
                    reply_to=said.reply_to,
                )
            ]
        if said.venue is not None:
            venue = said.venue
            sent = world.send_venue(
                me, chat, venue.latitude, venue.longitude, venue.title, venue.address
            )
            return [sent]
        if said.sticker:
            emoji = said.sticker if isinstance(said.sticker, str) else "👍"
            return [world.send_sticker(me, chat, emoji, said.reply_to)]
        raise PeopleError(400, "There is nothing to send.", "没有可发送的内容。")

    async def _send_files(self, request: Request) -> list[Json]:
        async with request.form() as form:
            files = [
                (
                    await part.read(),
                    part.filename or "file",
                    part.content_type or "application/octet-stream",
                )
                for part in form.getlist("file")
                if isinstance(part, UploadFile)
            ]
            fields = {name: form.get(name) for name in ("kind", "caption", "reply_to")}
        caption = fields["caption"] if isinstance(fields["caption"], str) else None
        reply = fields["reply_to"]
        reply_to = _number(reply) if isinstance(reply, str) else None
        kind = fields["kind"]

        def send() -> list[Json]:
            world, me, chat = self._world, _me(request), _chat(request)
            if kind == "photo":
                photos = [data for data, _, _ in files]
                return world.send_photos(me, chat, photos, caption, reply_to=reply_to)
            sent: list[Json] = []
            for data, name, mime in files:
                words = caption if not sent else None
                if kind == "document":
                    sent.append(
                        world.send_document(me, chat, data, name, mime, words, reply_to=reply_to)
                    )
                elif kind == "voice":
                    sent.append(
                        world.send_voice(
                            me, chat, data, caption=words, reply_to=reply_to, mime=mime
                        )
                    )
                elif kind == "video":
                    sent.append(
                        world.send_video(
                            me, chat, data, name, caption=words, reply_to=reply_to, mime=mime
                        )
                    )
            if not sent:
                raise PeopleError(400, "There is nothing to send.", "没有可发送的内容。")
            return sent

        # Pictures take a while to scale; others go on meanwhile.
        return await run_in_threadpool(send)

    async def edit(self, request: Request) -> Json:
        """Other words, or a live location that moves."""
        given = await _body(request, _Edit)
        me, chat, message = _me(request), _chat(request), request.path_params["message"]
        if given.location is not None:
            place = given.location
            return self._world.move_live(
                me,
                chat,
                message,
                place.latitude,
                place.longitude,
                accuracy=place.horizontal_accuracy,
            )
        return self._world.edit(me, chat, message, text=given.text, caption=given.caption)

    async def press(self, request: Request) -> Json:
        """An inline button."""
        given = await _body(request, _Press)
        query = self._world.press(
            _me(request), _chat(request), request.path_params["message"], given.data
        )
        return {"callback_query_id": query}

    async def react(self, request: Request) -> Json:
        """A reaction, or none."""
        given = await _body(request, _Reaction)
        self._world.react(_me(request), _chat(request), request.path_params["message"], given.emoji)
        return {}

    async def read(self, request: Request) -> Json:
        """All is read."""
        self._world.mark_read(_me(request), _chat(request))
        return {}

    # The bot and groups

    async def block(self, request: Request) -> Json:
        """Blocks the bot, or not any more."""
        given = await _body(request, _Block)
        change = self._world.block if given.blocked else self._world.unblock
        change(_me(request))
        return {}

    async def make_group(self, request: Request) -> Json:
        """A group with the bot in it."""
        given = await _body(request, _Group)
        chat = self._world.create_group(_me(request), given.title)
        return {"chat": self._world.room(chat).chat}

    async def members(self, request: Request) -> Json:
        """Who is in a group, and who runs it."""
        given = await _body(request, _Members)
        me, chat = _me(request), _chat(request)
        self._world.add_member(me, chat, *given.add)
        self._world.remove_member(me, chat, *given.remove)
        for who in given.promote:
            self._world.promote(me, chat, who)
        for who in given.demote:
            self._world.demote(me, chat, who)
        return {}

    async def upgrade(self, request: Request) -> Json:
        """A group becomes a supergroup."""
        chat = self._world.upgrade_group(_me(request), _chat(request))
        return {"chat": self._world.room(chat).chat}

    # Events

    async def events(self, request: Request) -> Response:
        """What happens, as it happens."""
        me = _me(request)
        if me not in self._world.people:
            raise PeopleError(404, "There is no such person.", "没有这个人。")
        newest = self._world.last_event
        asked = _number(request.headers.get("last-event-id")) or _number(
            request.query_params.get("after")
        )
        # A number from before a world was begun anew means nothing here.
        after = newest if asked is None or asked > newest else asked
        return StreamingResponse(
            self._stream(me, after),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _stream(self, me: int, after: int) -> AsyncIterator[str]:
        async with bell(self._world) as news:
            yield ": here\n\n"
            while not self._closing.now:
                newest = self._world.last_event
                for event in self._world.events(after, me):
                    after = event.pop("seq")
                    yield f"id: {after}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
                after = max(after, newest)
                try:
                    async with asyncio.timeout(KEEP_ALIVE_S):
                        await news.wait()
                except TimeoutError:
                    yield ": still here\n\n"


def _no_features() -> Json:
    return {"type": "FeatureCollection", "features": []}


def _me(request: Request) -> int:
    me: int = request.path_params["me"]
    return me


def _chat(request: Request) -> int:
    chat = _number(request.path_params["chat"])
    if chat is None:
        raise PeopleError(404, "There is no such chat.", "没有这个聊天。")
    return chat


def _number(given: str | None) -> int | None:
    try:
        return int(given) if given else None
    except ValueError:
        return None


async def _body(request: Request, kind: type[Given]) -> Given:
    try:
        return kind.model_validate_json(await request.body())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise PeopleError(
            400, f"{where}: {first['msg']}.", f"{where} 有误：{first['msg']}。"
        ) from None
