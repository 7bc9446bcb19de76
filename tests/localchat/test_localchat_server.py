"""Both doors over HTTP, with real clients."""

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest
import telegram
from telegram.error import Conflict, NetworkError, RetryAfter
from telegram.request import HTTPXRequest

from localchat.seed import LIN, MODERATORS_CHAT_ID, RESIDENT, RIDER, TOKEN
from localchat.server import NotLoopbackError, PortTakenError, build, find_port, serve
from tests.localchat.serving import served, until
from tests.localchat.worlds import call, checked_world, picture, updates

BUTTONS = {"inline_keyboard": [[{"text": "a", "callback_data": "a"}]]}


@pytest.fixture
def world():
    return checked_world()


@asynccontextmanager
async def visiting(world, **doors):
    async with (
        served(world, **doors) as url,
        aiohttp.ClientSession(url, raise_for_status=False) as session,
    ):
        yield session


@asynccontextmanager
async def ptb(world):
    async with (
        served(world) as url,
        telegram.Bot(
            TOKEN,
            base_url=f"{url}/bot",
            base_file_url=f"{url}/file/bot",
            get_updates_request=HTTPXRequest(connection_pool_size=2),
        ) as bot,
    ):
        yield bot


async def answered(session, verb, path, **more):
    async with session.request(verb, path, **more) as response:
        return response.status, await response.json()


async def test_ptb_speaks_with_it(world):
    world.say(RIDER, RIDER, "/start")
    async with ptb(world) as bot:
        assert bot.username == "street_sentinel_bot"
        sent = await bot.send_photo(RIDER, picture(), caption="<b>a</b>", parse_mode="HTML")
        assert sent.caption_entities[0].type == "bold"
        file = await sent.photo[-1].get_file()
        assert len(await file.download_as_bytearray()) == sent.photo[-1].file_size
        album = [telegram.InputMediaPhoto(picture()), telegram.InputMediaPhoto(picture("blue"))]
        assert len(await bot.send_media_group(RIDER, album)) == 2
        document = await bot.send_document(RIDER, "字".encode(), filename="说明.txt")
        assert document.document.file_name == "说明.txt"
        found = await bot.get_updates(timeout=5)
        assert found[0].message.text == "/start"
        world.faults.add("sendMessage", retry_after=4)
        with pytest.raises(RetryAfter):
            await bot.send_message(RIDER, "x")


async def test_a_long_poll_wakes_for_news(world):
    async with ptb(world) as bot, asyncio.TaskGroup() as group:
        polling = group.create_task(bot.get_updates(timeout=30))
        await until(world, lambda: world.polls == 1)
        world.say(RIDER, RIDER, "/start")
        assert (await polling)[0].message.text == "/start"


async def test_a_second_poll_ends_the_first(world):
    async with ptb(world) as bot, asyncio.TaskGroup() as group:

        async def first():
            with pytest.raises(Conflict):
                await bot.get_updates(timeout=30)

        polling = group.create_task(first())
        await until(world, lambda: world.polls == 1)
        assert await bot.get_updates() == ()
        await polling


async def test_lost_connections(world):
    world.say(RIDER, RIDER, "/start")
    async with ptb(world) as bot:
        for kind, arrived in (("drop_before", 0), ("drop_after", 1)):
            world.faults.add("sendMessage", kind=kind)
            with pytest.raises(NetworkError):
                await bot.send_message(RIDER, kind)
            said = [one["text"] for one in world.messages(RIDER) if one.get("text") == kind]
            assert len(said) == arrived
        world.faults.add("sendMessage", kind="hang")
        with pytest.raises(telegram.error.TimedOut):
            await bot.send_message(RIDER, "x", read_timeout=0.1)


async def test_requests_may_come_in_every_way(world):
    world.say(RIDER, RIDER, "/start")
    path = f"/bot{TOKEN}/sendMessage"
    params = {"chat_id": str(RIDER), "text": "x"}
    async with visiting(world) as session:
        ways = [
            ("GET", {"params": params}),
            ("POST", {"data": params}),
            ("POST", {"json": params}),
            ("POST", {"params": {"chat_id": str(RIDER)}, "json": {"text": "x"}}),
        ]
        for verb, more in ways:
            status, answer = await answered(session, verb, path, **more)
            assert (status, answer["ok"]) == (200, True), more
        for body in (b"{", b"[]"):
            headers = {"Content-Type": "application/json"}
            status, answer = await answered(session, "POST", path, data=body, headers=headers)
            assert (status, answer["error_code"]) == (400, 400)
        assert (await answered(session, "GET", f"/file/bot{TOKEN}/none"))[0] == 404
        assert (await answered(session, "GET", "/file/bot1:x/none"))[0] == 401
        assert (await answered(session, "GET", "/bot1:x/getMe"))[0] == 401


async def test_only_this_machine_comes_in(world):
    async with visiting(world) as session:
        for headers in (
            {"Host": "sentinel.example"},
            {"Host": "sentinel.example:80"},
            {"Origin": "https://sentinel.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
        ):
            assert (await answered(session, "GET", "/api/world", headers=headers))[0] == 403
        for headers in ({"Host": "localhost:1"}, {"Host": "[::1]:1"}, {"Host": "127.0.0.1"}):
            assert (await answered(session, "GET", "/api/world", headers=headers))[0] == 200


async def test_a_body_too_large_is_refused_unread(world):
    async with visiting(world) as session:
        path = f"/bot{TOKEN}/sendMessage"
        headers = {"Content-Length": str(61 << 20)}
        async with session.post(path, headers=headers, skip_auto_headers=["Content-Type"]) as one:
            assert one.status == 413


async def test_a_journey_through_the_peoples_door(world):
    me = f"/api/people/{RIDER}"
    chat = f"{me}/chats/{RIDER}"
    async with visiting(world) as session:
        _, listed = await answered(session, "GET", f"{me}/chats")
        assert [(one["chat"]["id"], one["started"], one["last"]) for one in listed] == [
            (RIDER, False, None)
        ]
        _, said = await answered(session, "POST", f"{chat}/messages", json={"text": "/start"})
        assert said["messages"][0]["text"] == "/start"
        form = aiohttp.FormData({"kind": "photo", "caption": "护栏"})
        form.add_field("file", picture(), filename="a.jpg", content_type="image/jpeg")
        form.add_field("file", picture("blue"), filename="b.jpg", content_type="image/jpeg")
        _, sent = await answered(session, "POST", f"{chat}/messages", data=form)
        assert [one.get("caption") for one in sent["messages"]] == ["护栏", None]
        file_id = sent["messages"][0]["photo"][0]["file_id"]
        async with session.get(f"/api/files/{file_id}") as response:
            assert response.content_type == "image/jpeg"
        place = {"location": {"latitude": 25, "longitude": 118.9, "live_period": 60}}
        _, live = await answered(session, "POST", f"{chat}/messages", json=place)
        number = live["messages"][0]["message_id"]
        place["location"]["latitude"] = 25.1
        del place["location"]["live_period"]
        status, _ = await answered(session, "PATCH", f"{chat}/messages/{number}", json=place)
        assert status == 200
        for body in ({"venue": {"latitude": 1, "longitude": 2, "title": "x"}}, {"sticker": True}):
            assert (await answered(session, "POST", f"{chat}/messages", json=body))[0] == 200
        first = said["messages"][0]["message_id"]
        await answered(session, "PATCH", f"{chat}/messages/{first}", json={"text": "/help"})
        asked = call(world, "sendMessage", chat_id=RIDER, text="?", reply_markup=BUTTONS)
        press = f"{chat}/messages/{asked['message_id']}/press"
        _, pressed = await answered(session, "POST", press, json={"data": "a"})
        assert pressed["callback_query_id"]
        assert (await answered(session, "POST", press, json={"data": "b"}))[0] == 400
        _, page = await answered(session, "GET", f"{chat}/messages?limit=2&before=3")
        assert [one["message_id"] for one in page] == [1, 2]
        _, listed = await answered(session, "GET", f"{me}/chats")
        assert listed[0]["unread"] == 1
        await answered(session, "POST", f"{chat}/read", json={})
        react = f"{chat}/messages/{asked['message_id']}/react"
        await answered(session, "POST", react, json={"emoji": "👍"})
        await answered(session, "POST", f"{me}/block", json={"blocked": True})
        _, listed = await answered(session, "GET", f"{me}/chats")
        assert (listed[0]["unread"], listed[0]["blocked"]) == (0, True)
    kinds = [next(key for key in one if key != "update_id") for one in updates(world)]
    assert kinds == [
        *["message"] * 4,
        "edited_message",
        *["message"] * 2,
        "edited_message",
        "callback_query",
        "my_chat_member",
    ]


async def test_a_file_sent_as_it_is_never_opens_as_a_page(world):
    form = aiohttp.FormData({"kind": "document"})
    form.add_field("file", b"<script>", filename="a.html", content_type="text/html")
    async with visiting(world) as session:
        path = f"/api/people/{RIDER}/chats/{RIDER}/messages"
        _, sent = await answered(session, "POST", path, data=form)
        file_id = sent["messages"][0]["document"]["file_id"]
        async with session.get(f"/api/files/{file_id}") as response:
            assert response.content_type == "application/octet-stream"
            assert response.headers["Content-Disposition"] == "attachment"
        assert (await answered(session, "GET", "/api/files/none"))[0] == 404


async def test_groups_through_the_peoples_door(world):
    me = f"/api/people/{LIN}"
    async with visiting(world) as session:
        _, made = await answered(session, "POST", f"{me}/groups", json={"title": "值班"})
        group = f"{me}/groups/{made['chat']['id']}"
        change = {"add": [RESIDENT], "promote": [world.bot["id"]]}
        assert (await answered(session, "POST", f"{group}/members", json=change))[0] == 200
        change = {"remove": [RESIDENT], "demote": [world.bot["id"]]}
        assert (await answered(session, "POST", f"{group}/members", json=change))[0] == 200
        _, new = await answered(session, "POST", f"{group}/upgrade", json={})
        assert new["chat"]["type"] == "supergroup"
        _, listed = await answered(session, "GET", f"{me}/chats")
        assert {one["chat"]["id"] for one in listed} == {
            LIN,
            MODERATORS_CHAT_ID,
            new["chat"]["id"],
        }


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"{RIDER}/chats/{RIDER}/messages", {}, 400),
        (f"{RIDER}/chats/{RIDER}/messages", {"text": 5}, 400),
        (f"{RIDER}/chats/{RIDER}/messages", {"txt": "x"}, 400),
        (f"{RIDER}/chats/{RIDER}/messages", [], 400),
        (f"{RIDER}/chats/nonsense/messages", {"text": "x"}, 404),
        (f"{RIDER}/chats/{LIN}/messages", {"text": "x"}, 403),
        (f"9/chats/{RIDER}/messages", {"text": "x"}, 404),
        (
            f"{RIDER}/chats/{RIDER}/messages",
            {"location": {"latitude": 91, "longitude": False}},
            400,
        ),
        (f"{RIDER}/chats/{RIDER}/messages/9/press", {"data": "x"}, 404),
    ],
)
async def test_bad_input_gets_a_sentence(world, path, body, status):
    async with visiting(world) as session:
        found, answer = await answered(session, "POST", f"/api/people/{path}", json=body)
        assert found == status
        assert answer["error"]


async def test_events_stream_and_resume(world):
    async with visiting(world) as session:
        path = f"/api/people/{RIDER}/events"

        async def next_event(response):
            number = None
            async for line in response.content:
                if line.startswith(b"id: "):
                    number = line[4:].strip().decode()
                if line.startswith(b"data: "):
                    return number, json.loads(line[6:])
            return None

        async with session.get(path) as response:
            world.say(LIN, MODERATORS_CHAT_ID, "not for riders")
            world.say(RIDER, RIDER, "/start")
            number, event = await next_event(response)
            assert (event["type"], event["message"]["text"]) == ("message", "/start")
        call(world, "sendChatAction", chat_id=RIDER, action="typing")
        async with session.get(path, headers={"Last-Event-ID": number}) as response:
            _, event = await next_event(response)
            assert event == {"type": "chat_action", "chat_id": RIDER, "action": "typing"}
        async with session.get(f"{path}?after=999999") as response:
            world.say(RIDER, RIDER, "new")
            assert (await next_event(response))[1]["message"]["text"] == "new"


async def test_the_end_is_prompt_with_requests_open(world):
    ready = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group, aiohttp.ClientSession() as session:
        server = group.create_task(serve(build(world), port=0, ready=ready.set_result))
        url = await ready
        poll = group.create_task(
            answered(session, "GET", f"{url}/bot{TOKEN}/getUpdates?timeout=50")
        )
        await until(world, lambda: world.polls == 1)
        async with session.get(f"{url}/api/people/{RIDER}/events") as stream:
            await stream.content.readline()
            server.cancel()
            assert (await poll)[1] == {"ok": True, "result": []}
            await stream.content.read()
        await asyncio.wait([server])


async def test_the_page_the_map_and_the_samples(world, tmp_path):
    (tmp_path / "index.html").write_text("<p>页</p>", "utf-8")
    samples = tmp_path / "samples"
    samples.mkdir()
    (samples / "a.jpg").write_bytes(picture())
    one = {"name": "a", "title": {"en": "A", "zh": "甲"}, "latitude": 25.1, "longitude": 118.9}
    (samples / "index.json").write_text(json.dumps([{**one, "file": "a.jpg"}]), "utf-8")
    districts = {"type": "FeatureCollection", "features": [{"type": "Feature"}]}
    async with visiting(world, page=tmp_path, samples=samples, districts=districts) as session:
        async with session.get("/") as response:
            assert await response.text("utf-8") == "<p>页</p>"
        assert (await answered(session, "GET", "/api/map"))[1] == districts
        assert (await answered(session, "GET", "/api/places"))[1]["features"] == []
        _, listed = await answered(session, "GET", "/api/samples")
        assert listed == [{**one, "url": "/api/samples/a.jpg"}]
        async with session.get(listed[0]["url"]) as response:
            assert await response.read() == picture()
        for path in ("/api/samples/index.json", "/api/samples/..%2Findex.html"):
            assert (await session.get(path)).status == 404
        _, found = await answered(session, "GET", "/api/world")
        assert {person["role"] for person in found["people"]} == {
            "rider",
            "reviewer",
            "resident",
            "shop",
        }
        assert found["notice"]["zh"]


async def test_ports_and_addresses(world):
    async with served(world) as url:
        taken = int(url.rpartition(":")[2])
        with pytest.raises(PortTakenError):
            await serve(build(world), port=taken)
        assert find_port(taken) != taken
    with pytest.raises(NotLoopbackError):
        await serve(build(world), "0.0.0.0")
