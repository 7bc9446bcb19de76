"""The private name of python-telegram-bot bot/bot_api.py stands on, and what it makes of it."""

import json

from telegram.request import BaseRequest, RequestData
from telegram.request._requestparameter import RequestParameter

from bot.bot_api import BotApi, Upload


class Wire(BaseRequest):
    """Notes what would be sent."""

    def __init__(self):
        self.sent = []

    @property
    def read_timeout(self):
        return 5.0

    async def initialize(self):
        """Nothing to open."""

    async def shutdown(self):
        """Nothing to close."""

    async def do_request(self, url, method, request_data=None, **timeouts):
        self.sent.append((url, request_data, timeouts))
        return 200, b'{"ok": true, "result": {"message_id": 7}}'


def api():
    wire = Wire()
    return BotApi("1:x", "http://api/", wire), wire


def test_the_pinned_name_is_where_it_was():
    parameter = RequestParameter.from_input("chat_id", 5)
    assert (parameter.name, parameter.json_value) == ("chat_id", "5")
    assert RequestData([parameter]).json_parameters == {"chat_id": "5"}


async def test_a_call_goes_out_as_json_and_comes_back_as_json():
    bot, wire = api()
    assert await bot.call("sendMessage", {"chat_id": 5, "rows": [{"a": "护栏"}]}) == {
        "message_id": 7
    }
    [(url, data, _)] = wire.sent
    assert url == "http://api/bot1:x/sendMessage"
    assert data.json_parameters["chat_id"] == "5"
    assert json.loads(data.json_parameters["rows"]) == [{"a": "护栏"}]
    assert not data.contains_files


async def test_a_longer_wait_is_told_to_the_network():
    bot, wire = api()
    await bot.call("getUpdates", {}, wait_s=40.0)
    assert wire.sent[0][2]["read_timeout"] == 40.0


async def test_bytes_go_along_under_their_name():
    bot, wire = api()
    await bot.call("sendPhoto", {"chat_id": 5, "photo": Upload("a.jpg", b"bytes")})
    data = wire.sent[0][1]
    assert data.contains_files
    assert data.multipart_data["photo"][:2] == ("a.jpg", b"bytes")


async def test_an_album_mixes_ids_and_uploads():
    bot, wire = api()
    media = ["id-1", Upload("b.jpg", b"bytes")]
    await bot.call_with_media("sendMediaGroup", {"chat_id": 5, "caption": "#7"}, media)
    data = wire.sent[0][1]
    first, second = json.loads(data.json_parameters["media"])
    assert first == {"type": "photo", "media": "id-1", "caption": "#7"}
    assert second["media"].startswith("attach://")
    assert "caption" not in data.json_parameters
    [(name, content, _)] = data.multipart_data.values()
    assert (name, content) == ("b.jpg", b"bytes")
