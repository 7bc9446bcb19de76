"""A served world is the same after any end."""

import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from localchat.journal import DiskJournal
from localchat.seed import BOT, LIN, MODERATORS_CHAT_ID, RIDER, TOKEN, seed
from localchat.world import World
from tests.localchat.worlds import call, picture, updates


@pytest.fixture
def opened():
    """Opens worlds; none is closed before the next, as a killed process closes nothing."""
    worlds = []

    def open_(path):
        worlds.append(seed(World(token=TOKEN, bot=BOT, journal=DiskJournal(path))))
        return worlds[-1]

    yield open_
    for world in worlds:
        world.close()


def test_everything_comes_back(tmp_path, opened):
    path = tmp_path / "deep" / "chat.db"
    before = opened(path)
    before.say(RIDER, RIDER, "/start")
    sent = before.send_photos(RIDER, RIDER, [picture()], "护栏")[0]
    gone = before.say(RIDER, RIDER, "删")
    keyboard = {"keyboard": [[{"text": "📍", "request_location": True}]]}
    asked = call(before, "sendMessage", chat_id=RIDER, text="?", reply_markup=keyboard)
    card = call(
        before,
        "sendMessage",
        chat_id=MODERATORS_CHAT_ID,
        text="卡片",
        reply_markup={"inline_keyboard": [[{"text": "a", "callback_data": "a"}]]},
    )
    query = before.press(LIN, MODERATORS_CHAT_ID, card["message_id"], "a")
    call(before, "deleteMessage", chat_id=RIDER, message_id=gone["message_id"])
    before.react(LIN, MODERATORS_CHAT_ID, card["message_id"], "👀")
    call(before, "pinChatMessage", chat_id=MODERATORS_CHAT_ID, message_id=card["message_id"])
    call(before, "setMyCommands", commands=[{"command": "help", "description": "x"}])
    call(before, "setWebhook", url="http://127.0.0.1:9/hook", secret_token="s")
    before.block(LIN)

    after = opened(path)
    assert after.messages(RIDER) == before.messages(RIDER)
    assert after.messages(MODERATORS_CHAT_ID, LIN) == before.messages(MODERATORS_CHAT_ID, LIN)
    assert after.pending_updates == before.pending_updates
    assert after.commands_for(RIDER, RIDER) == before.commands_for(RIDER, RIDER)
    assert after.webhook[:3] == before.webhook[:3]
    assert after.people == before.people
    assert after.last_event == before.last_event
    found = call(after, "getFile", file_id=sent["photo"][-1]["file_id"])
    record = after.file_at(found["file_path"])
    assert len(after.read_file(record)) == record.size
    call(after, "answerCallbackQuery", callback_query_id=query)
    call(after, "deleteWebhook")
    last = updates(after)[-1]["update_id"]
    again = after.say(RIDER, RIDER, "x")
    assert again["message_id"] == asked["message_id"] + 1
    assert updates(after)[0]["update_id"] == last + 1


def test_confirmed_updates_do_not_come_back(tmp_path, opened):
    before = opened(tmp_path / "chat.db")
    before.say(RIDER, RIDER, "x")
    last = updates(before)[-1]["update_id"]
    after = opened(tmp_path / "chat.db")
    assert after.pending_updates == []
    after.say(RIDER, RIDER, "y")
    assert updates(after)[0]["update_id"] > last


def test_a_deleted_last_message_leaves_its_number_taken(tmp_path, opened):
    before = opened(tmp_path / "chat.db")
    before.say(RIDER, RIDER, "/start")
    gone = call(before, "sendMessage", chat_id=RIDER, text="x")["message_id"]
    call(before, "deleteMessage", chat_id=RIDER, message_id=gone)
    after = opened(tmp_path / "chat.db")
    assert call(after, "sendMessage", chat_id=RIDER, text="y")["message_id"] == gone + 1


def test_what_is_no_journal_is_refused(tmp_path):
    path = tmp_path / "chat.db"
    path.write_bytes(b"This is a text, and long enough to be mistaken for a database." * 20)
    with pytest.raises(sqlite3.DatabaseError):
        DiskJournal(path)


_TALKER = """
import sys
from pathlib import Path
from localchat.journal import DiskJournal
from localchat.seed import BOT, RIDER, TOKEN, seed
from localchat.world import World

world = seed(World(token=TOKEN, bot=BOT, journal=DiskJournal(Path(sys.argv[1]))))
number = 0
while True:
    number += 1
    world.say(RIDER, RIDER, str(number))
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def test_kill_9_loses_nothing_that_was_answered(tmp_path, opened):
    path = tmp_path / "chat.db"
    with subprocess.Popen(
        [sys.executable, "-c", _TALKER, str(path)], stdout=subprocess.PIPE, text=True
    ) as talker:
        for line in talker.stdout:
            if int(line) >= 50:
                os.kill(talker.pid, signal.SIGKILL)
                break
        answered = [int(line), *map(int, talker.stdout.read().split("\n")[:-1])][-1]
    after = opened(path)
    said = [int(one["text"]) for one in after.messages(RIDER)]
    # One more may have been written than could be told.
    assert said == list(range(1, len(said) + 1))
    assert len(said) in {answered, answered + 1}
    assert len(after.pending_updates) == len(said)
