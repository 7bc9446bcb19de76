"""PTB on a world in the same process."""

import asyncio

import pytest
import telegram
from telegram.error import ChatMigrated, Forbidden, NetworkError, RetryAfter, TimedOut

from localchat.seed import LIN, MODERATORS_CHAT_ID, RIDER
from tests.localchat.ptb_request import WorldRequest
from tests.localchat.serving import until
from tests.localchat.worlds import checked_world, picture


@pytest.fixture
def world():
    made = checked_world()
    made.say(RIDER, RIDER, "/start")
    return made


@pytest.fixture
async def bot(world):
    request = WorldRequest(world)
    async with telegram.Bot(world.token, request=request, get_updates_request=request) as made:
        yield made


async def test_messages_files_and_albums(world, bot):
    album = [telegram.InputMediaPhoto(picture()), telegram.InputMediaPhoto(picture("blue"))]
    sent = await bot.send_media_group(MODERATORS_CHAT_ID, album)
    file = await sent[0].photo[-1].get_file()
    assert len(await file.download_as_bytearray()) == sent[0].photo[-1].file_size
    assert ("getMe", {}) in bot.request.calls


async def test_updates_and_waiting_for_them(world, bot):
    (first,) = await bot.get_updates()
    async with asyncio.TaskGroup() as group:
        polling = group.create_task(bot.get_updates(offset=first.update_id + 1, timeout=30))
        await until(world, lambda: world.polls == 2)
        world.say(RIDER, RIDER, "x")
        assert [one.message.text for one in await polling] == ["x"]


async def test_refusals_become_ptbs_errors(world, bot):
    group = world.create_group(LIN, "群")
    new = world.upgrade_group(LIN, group)
    with pytest.raises(ChatMigrated) as migrated:
        await bot.send_message(group, "x")
    assert migrated.value.new_chat_id == new
    world.faults.add("sendMessage", retry_after=3)
    with pytest.raises(RetryAfter):
        await bot.send_message(RIDER, "x")
    world.block(RIDER)
    with pytest.raises(Forbidden):
        await bot.send_message(RIDER, "x")


@pytest.mark.parametrize(
    ("kind", "error", "arrives"),
    [
        ("hang", TimedOut, False),
        ("drop_before", NetworkError, False),
        ("drop_after", TimedOut, True),
    ],
)
async def test_lost_calls(world, bot, kind, error, arrives):
    world.faults.add("sendMessage", kind=kind)
    with pytest.raises(error):
        await bot.send_message(RIDER, kind)
    assert (world.messages(RIDER)[-1]["text"] == kind) is arrives
