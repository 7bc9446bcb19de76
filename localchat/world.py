"""The world: users, chats, messages, files, and the updates that wait for the bot.

It knows no HTTP and no event loop; every method answers at once, may be called from any thread,
and is one transaction. The bot's side is `World.call`, the people's side the methods of
`localchat.people`.

    world = World()
    world.add_person({"id": 7, "first_name": "海鸥"})
    world.say(7, 7, "/start")
    world.call(world.token, "getUpdates", {})
    world.call(world.token, "sendMessage", {"chat_id": 7, "text": "你好"})
    world.messages(7)
"""

from localchat.bot_side import BotSide
from localchat.people import PeopleSide


class World(PeopleSide, BotSide):
    """A whole world; what it can do is told by its bases, one for each side."""
