"""What people do, and what the bot hears of it."""

import pytest

from localchat.errors import PeopleError
from localchat.seed import CHEN, ENGLISH_RIDER, LIN, MODERATORS_CHAT_ID, RESIDENT, RIDER
from tests.localchat.worlds import call, checked_world, picture, refused, updates

BUTTONS = {"inline_keyboard": [[{"text": "采纳", "callback_data": "rv:a:1"}]]}


@pytest.fixture
def world():
    return checked_world()


def only(found):
    assert len(found) == 1, found
    return found[0]


def test_the_seed_is_quiet_and_complete(world):
    assert updates(world) == []
    assert [chat.id for chat in world.rooms_of(LIN)] == [MODERATORS_CHAT_ID, LIN]
    bot = call(world, "getChatMember", chat_id=MODERATORS_CHAT_ID, user_id=world.bot["id"])
    assert bot["status"] == "administrator"
    assert bot["can_manage_topics"]
    count = call(world, "getChatMemberCount", chat_id=MODERATORS_CHAT_ID)
    assert count == 3
    admins = call(world, "getChatAdministrators", chat_id=MODERATORS_CHAT_ID)
    assert [one["user"]["id"] for one in admins] == [LIN]


def test_commands_and_mentions_are_marked(world):
    world.say(RIDER, RIDER, "/start r_42")
    message = only(updates(world))["message"]
    assert message["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    world.say(RIDER, RIDER, "😀 and/or @street_sentinel_bot /help@street_sentinel_bot")
    kinds = [(one["type"], one["offset"]) for one in only(updates(world))["message"]["entities"]]
    assert kinds == [("mention", 10), ("bot_command", 31)]


def test_a_long_text_is_sent_in_pieces(world):
    sent = world.say_all(RIDER, RIDER, "路" * 5000)
    assert [len(one["text"]) for one in sent] == [4096, 904]
    assert len(updates(world)) == 2
    with pytest.raises(PeopleError):
        world.say(RIDER, RIDER, "  ")


def test_an_album_is_one_update_a_photo(world):
    world.send_photos(RIDER, RIDER, [picture(), picture("blue")], "/report 护栏")
    first, second = (one["message"] for one in updates(world))
    assert first["media_group_id"] == second["media_group_id"]
    assert first["caption_entities"][0]["type"] == "bot_command"
    assert "caption" not in second
    single = only(world.send_photos(RIDER, RIDER, [picture()]))
    assert "media_group_id" not in single
    assert len(world.send_photos(RIDER, RIDER, [picture()] * 12)) == 12
    with pytest.raises(PeopleError):
        world.send_photos(RIDER, RIDER, [b"no picture"])


def test_every_other_kind_of_message(world):
    world.send_voice(RIDER, RIDER, duration=3)
    world.send_video(RIDER, RIDER)
    world.send_sticker(RIDER, RIDER, "🚧")
    world.send_venue(RIDER, RIDER, 25.1, 118.9, "永嘉天地", "永嘉路")
    world.forward_photo(RIDER, RIDER, picture(), caption="别人拍的")
    world.send_document(RIDER, RIDER, b"%PDF", "a.pdf", "application/pdf", "说明")
    kinds = ("voice", "video", "sticker", "venue", "photo", "document")
    found = updates(world)
    assert [kind in one["message"] for kind, one in zip(kinds, found, strict=True)] == [True] * 6
    assert found[4]["message"]["forward_origin"]["type"] == "hidden_user"


def test_a_live_location_moves_and_ends(world):
    sent = world.send_location(RIDER, RIDER, 25.1, 118.9, accuracy=12.0, live_period=60)
    world._clock.pass_(5)
    world.move_live(RIDER, RIDER, sent["message_id"], 25.2, 118.9)
    world.stop_live(RIDER, RIDER, sent["message_id"])
    first, moved, ended = updates(world)
    assert first["message"]["location"]["horizontal_accuracy"] == 12.0
    assert moved["edited_message"]["location"]["latitude"] == 25.2
    assert moved["edited_message"]["edit_date"] == sent["date"] + 5
    assert "live_period" not in ended["edited_message"]["location"]
    with pytest.raises(PeopleError):
        world.move_live(RIDER, RIDER, sent["message_id"], 1, 1)
    with pytest.raises(PeopleError):
        world.send_location(RIDER, RIDER, 91, 0)
    with pytest.raises(PeopleError):
        world.send_location(RIDER, RIDER, float("nan"), 0)


def test_own_words_are_edited(world):
    said = world.say(RIDER, RIDER, "护拦")
    photo = only(world.send_photos(RIDER, RIDER, [picture()]))
    updates(world)
    world.edit(RIDER, RIDER, said["message_id"], text="护栏")
    world.edit(RIDER, RIDER, photo["message_id"], caption="夜里看不清")
    first, second = (one["edited_message"] for one in updates(world))
    assert first["text"] == "护栏"
    assert second["caption"] == "夜里看不清"
    # What was queued before the edit is as it was then.
    assert said["text"] == "护拦"
    answer = call(world, "sendMessage", chat_id=RIDER, text="x")
    with pytest.raises(PeopleError):
        world.edit(RIDER, RIDER, answer["message_id"], text="y")


def test_a_press_is_answered_once(world):
    world.say(RIDER, RIDER, "/start")
    sent = call(world, "sendMessage", chat_id=RIDER, text="?", reply_markup=BUTTONS)
    updates(world)
    query = world.press(RIDER, RIDER, sent["message_id"], "rv:a:1")
    found = only(updates(world))["callback_query"]
    assert (found["id"], found["data"]) == (query, "rv:a:1")
    assert found["message"]["message_id"] == sent["message_id"]
    call(world, "answerCallbackQuery", callback_query_id=query, text="好", show_alert=True)
    assert world.callback_answers == [
        {"callback_query_id": query, "user_id": RIDER, "text": "好", "show_alert": True}
    ]
    assert refused(world, "answerCallbackQuery", callback_query_id=query)[0] == 400
    event = world.events(viewer=RIDER)[-1]
    assert (event["type"], event["text"]) == ("callback_answer", "好")
    assert [one for one in world.events(viewer=LIN) if one["type"] == "callback_answer"] == []


def test_presses_can_be_forged_and_grow_old(world):
    sent = call(world, "sendMessage", chat_id=MODERATORS_CHAT_ID, text="?", reply_markup=BUTTONS)
    with pytest.raises(PeopleError):
        world.press(LIN, MODERATORS_CHAT_ID, sent["message_id"], "rv:a:2")
    with pytest.raises(PeopleError):
        world.press(RIDER, MODERATORS_CHAT_ID, sent["message_id"], "rv:a:1")
    world.press(RIDER, MODERATORS_CHAT_ID, sent["message_id"], "rv:a:2", forge=True)
    world.press(RIDER, MODERATORS_CHAT_ID, 999, "rv:a:2", forge=True)
    assert [one["callback_query"]["from"]["id"] for one in updates(world)] == [RIDER, RIDER]
    late = world.press(LIN, MODERATORS_CHAT_ID, sent["message_id"], "rv:a:1")
    world._clock.pass_(151)
    assert updates(world) == []
    assert refused(world, "answerCallbackQuery", callback_query_id=late)[0] == 400


def test_privacy_mode_hides_talk_from_an_ordinary_bot(world):
    group = world.create_group(LIN, "值班群", [CHEN])
    made, joined = updates(world)
    assert made["message"]["group_chat_created"]
    assert joined["my_chat_member"]["new_chat_member"]["status"] == "member"
    asked = call(world, "sendMessage", chat_id=group, text="?")
    world.say(CHEN, group, "闲聊")
    world.say(CHEN, group, "/here moderators")
    world.say(CHEN, group, "/here@other_bot")
    world.say(CHEN, group, "/here@street_sentinel_bot")
    world.say(CHEN, group, "答", reply_to=asked["message_id"])
    texts = [one["message"]["text"] for one in updates(world)]
    assert texts == ["/here moderators", "/here@street_sentinel_bot", "答"]
    world.promote(LIN, group, world.bot["id"], {"can_pin_messages": False})
    world.say(CHEN, group, "闲聊")
    promoted, talk = updates(world)
    assert promoted["my_chat_member"]["new_chat_member"]["status"] == "administrator"
    assert talk["message"]["text"] == "闲聊"
    assert refused(world, "pinChatMessage", chat_id=group, message_id=asked["message_id"])[1] == (
        "Bad Request: not enough rights to manage pinned messages"
    )


def test_members_come_and_go(world):
    call(world, "getUpdates", allowed_updates=["message", "chat_member", "my_chat_member"])
    world.add_member(LIN, MODERATORS_CHAT_ID, RESIDENT)
    world.remove_member(LIN, MODERATORS_CHAT_ID, RESIDENT)
    kinds = [next(key for key in one if key != "update_id") for one in updates(world)]
    assert kinds == ["chat_member", "message", "message", "chat_member"]
    gone = call(world, "getChatMember", chat_id=MODERATORS_CHAT_ID, user_id=RESIDENT)
    assert gone["status"] == "kicked"
    never = call(world, "getChatMember", chat_id=MODERATORS_CHAT_ID, user_id=RIDER)
    assert never["status"] == "left"
    with pytest.raises(PeopleError):
        world.say(RESIDENT, MODERATORS_CHAT_ID, "x")
    world.remove_member(LIN, MODERATORS_CHAT_ID, world.bot["id"])
    assert refused(world, "sendMessage", chat_id=MODERATORS_CHAT_ID, text="x") == (
        403,
        "Forbidden: bot was kicked from the supergroup chat",
    )
    group = world.create_group(LIN, "群")
    world.remove_member(LIN, group, world.bot["id"])
    assert refused(world, "sendMessage", chat_id=group, text="x")[1] == (
        "Forbidden: bot was kicked from the group chat"
    )


def test_the_bot_leaves(world):
    call(world, "leaveChat", chat_id=MODERATORS_CHAT_ID)
    assert refused(world, "getChat", chat_id=MODERATORS_CHAT_ID)[1] == (
        "Forbidden: bot is not a member of the supergroup chat"
    )


def test_a_group_becomes_a_supergroup(world):
    group = world.create_group(LIN, "群", [CHEN], bot="administrator")
    updates(world)
    new = world.upgrade_group(LIN, group)
    to, from_ = (one["message"] for one in updates(world))
    assert to["migrate_to_chat_id"] == from_["chat"]["id"] == new
    assert from_["migrate_from_chat_id"] == to["chat"]["id"] == group
    answer = world.call(world.token, "sendMessage", {"chat_id": group, "text": "x"})
    assert answer["description"] == ("Bad Request: group chat was upgraded to a supergroup chat")
    assert answer["parameters"] == {"migrate_to_chat_id": new}
    call(world, "sendMessage", chat_id=new, text="x")
    with pytest.raises(PeopleError):
        world.say(CHEN, group, "x")


def test_topics(world):
    forum = world.create_group(LIN, "按街道", [CHEN], forum=True, bot="administrator")
    topic = call(world, "createForumTopic", chat_id=forum, name="山腰")
    thread = {"chat_id": forum, "message_thread_id": topic["message_thread_id"]}
    card = call(world, "sendMessage", **thread, text="卡片")
    assert card["is_topic_message"]
    said = world.say(CHEN, forum, "看了", reply_to=card["message_id"])
    assert said["message_thread_id"] == topic["message_thread_id"]
    call(world, "editForumTopic", **thread, name="山腰街道")
    call(world, "closeForumTopic", **thread)
    assert refused(world, "closeForumTopic", **thread)[1] == "Bad Request: TOPIC_NOT_MODIFIED"
    call(world, "reopenForumTopic", **thread)
    assert refused(world, "createForumTopic", chat_id=MODERATORS_CHAT_ID, name="x")[1] == (
        "Bad Request: the chat is not a forum"
    )


def test_updates_wait_until_confirmed(world):
    for word in ("一", "二", "三"):
        world.say(RIDER, RIDER, word)
    first = call(world, "getUpdates", limit=2)
    assert first == call(world, "getUpdates", limit=2)
    assert [one["update_id"] for one in first] == [1, 2]
    assert len(call(world, "getUpdates", offset=2)) == 2
    newest = only(call(world, "getUpdates", offset=-1))
    assert newest["message"]["text"] == "三"
    world._clock.pass_(24 * 3600 + 1)
    assert call(world, "getUpdates") == []


def test_reactions_are_told_to_who_asked(world):
    said = world.say(CHEN, MODERATORS_CHAT_ID, "x")
    world.react(LIN, MODERATORS_CHAT_ID, said["message_id"], "👍")
    assert len(updates(world)) == 1
    call(world, "getUpdates", allowed_updates=["message_reaction"])
    world.react(LIN, MODERATORS_CHAT_ID, said["message_id"], None)
    world.say(CHEN, MODERATORS_CHAT_ID, "y")
    change = only(updates(world))["message_reaction"]
    assert (change["old_reaction"], change["new_reaction"]) == (
        [{"type": "emoji", "emoji": "👍"}],
        [],
    )


def test_any_update_can_be_injected(world):
    payload = {"id": "1", "from": world.people[RIDER].user, "query": "", "offset": ""}
    update_id = world.inject("inline_query", payload)
    assert only(updates(world)) == {"update_id": update_id, "inline_query": payload}


def test_everybody_sees_only_their_chats(world):
    world.say(RIDER, RIDER, "/start")
    assert world.unread(RIDER, RIDER) == 0
    call(world, "sendMessage", chat_id=RIDER, text="x")
    assert world.unread(RIDER, RIDER) == 1
    world.mark_read(RIDER, RIDER)
    assert world.unread(RIDER, RIDER) == 0
    with pytest.raises(PeopleError):
        world.messages(RIDER, ENGLISH_RIDER)
    assert world.events(viewer=ENGLISH_RIDER) == []
    world.block(RIDER)
    with pytest.raises(PeopleError) as refusal:
        world.say(RIDER, RIDER, "x")
    assert refusal.value.sentence("zh-hans").startswith("你屏蔽了")
    assert refusal.value.sentence("en").startswith("You blocked")
