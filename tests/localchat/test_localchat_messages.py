"""What the bot sends and changes, and in which words it is refused."""

import io
import json

import pytest
from PIL import Image

from localchat.arguments import Upload
from localchat.seed import CHEN, LIN, MODERATORS_CHAT_ID, RESIDENT, RIDER
from tests.localchat.worlds import call, checked_world, picture, refused, updates

BUTTONS = {"inline_keyboard": [[{"text": "采纳", "callback_data": "rv:a:1"}]]}


@pytest.fixture
def world():
    made = checked_world()
    made.say(RIDER, RIDER, "/start")
    updates(made)
    return made


def test_a_sent_message_comes_back_and_is_seen(world):
    sent = call(world, "sendMessage", chat_id=RIDER, text="  你好  ")
    assert sent["text"] == "你好"
    assert sent["from"]["is_bot"]
    assert world.messages(RIDER, RIDER)[-1] == sent
    assert updates(world) == []


def test_strings_and_json_values_mean_the_same(world):
    sent = call(
        world, "sendMessage", chat_id=str(RIDER), text="x", reply_markup=json.dumps(BUTTONS)
    )
    assert sent["reply_markup"] == BUTTONS


def test_a_reply_keyboard_is_shown_to_people_only(world):
    keyboard = {"keyboard": [[{"text": "📍", "request_location": True}]], "resize_keyboard": True}
    sent = call(world, "sendMessage", chat_id=RIDER, text="在哪里？", reply_markup=keyboard)
    assert "reply_markup" not in sent
    assert world.message(RIDER, sent["message_id"])["reply_markup"] == keyboard
    assert refused(
        world, "sendMessage", chat_id=MODERATORS_CHAT_ID, text="x", reply_markup=keyboard
    ) == (400, "Bad Request: location can be requested in private chats only")
    call(world, "sendMessage", chat_id=RIDER, text="x", reply_markup={"remove_keyboard": True})
    call(world, "sendMessage", chat_id=RIDER, text="x", reply_markup={"force_reply": True})


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("sendMessage", {"text": " "}, "Bad Request: message text is empty"),
        ("sendMessage", {"text": "x" * 4097}, "Bad Request: message is too long"),
        ("sendMessage", {"text": "x", "chat_id": 77}, "Bad Request: chat not found"),
        ("sendMessage", {"text": "x", "chat_id": ""}, "Bad Request: chat_id is empty"),
        (
            "sendMessage",
            {"text": "x", "reply_parameters": {"message_id": 999}},
            "Bad Request: message to be replied not found",
        ),
        (
            "sendMessage",
            {"text": "x", "message_thread_id": 5},
            "Bad Request: message thread not found",
        ),
        (
            "sendMessage",
            {"text": "x", "reply_markup": {"inline_keyboard": [[{"text": "a"}]]}},
            "Bad Request: text buttons are unallowed in the inline keyboard",
        ),
        (
            "sendMessage",
            {
                "text": "x",
                "reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "é" * 33}]]},
            },
            "Bad Request: BUTTON_DATA_INVALID",
        ),
        ("sendPhoto", {}, "Bad Request: there is no photo in the request"),
        (
            "sendPhoto",
            {"photo": "nonsense"},
            "Bad Request: wrong file identifier/HTTP URL specified",
        ),
        (
            "editMessageText",
            {"message_id": 99, "text": "x"},
            "Bad Request: message to edit not found",
        ),
        ("editMessageText", {"message_id": 1, "text": "x"}, "Bad Request: message can't be edited"),
        ("deleteMessage", {"message_id": 99}, "Bad Request: message to delete not found"),
        ("getFile", {"file_id": "x"}, "Bad Request: invalid file_id"),
        ("sendChatAction", {"action": "dance"}, "Bad Request: wrong parameter action in request"),
        ("setMyCommands", {"commands": [{"command": "Ab", "description": "x"}]},
         "Bad Request: BOT_COMMAND_INVALID"),
        (
            "answerCallbackQuery",
            {"callback_query_id": "1"},
            "Bad Request: query is too old and response timeout expired or query ID is invalid",
        ),
    ],
)  # fmt: skip
def test_refusals_use_telegrams_words(world, method, params, words):
    assert refused(world, method, **{"chat_id": RIDER, **params}) == (400, words)


def test_tokens_and_methods(world):
    assert world.call("nonsense", "getMe")["error_code"] == 401
    assert world.call("1:wrong", "getMe") == {
        "ok": False,
        "error_code": 401,
        "description": "Unauthorized",
    }
    assert refused(world, "sendNothing")[0] == 404
    assert world.call(world.token, "getme")["ok"]


def test_a_bot_cannot_write_first_nor_to_who_left(world):
    assert refused(world, "sendMessage", chat_id=RESIDENT, text="x") == (
        403,
        "Forbidden: bot can't initiate conversation with a user",
    )
    assert refused(world, "getChat", chat_id=RESIDENT)[0] == 400
    world.block(RIDER)
    assert refused(world, "sendMessage", chat_id=RIDER, text="x") == (
        403,
        "Forbidden: bot was blocked by the user",
    )
    assert [one["my_chat_member"]["new_chat_member"]["status"] for one in updates(world)] == [
        "kicked"
    ]
    world.unblock(RIDER)
    world.deactivate(RIDER)
    assert refused(world, "sendMessage", chat_id=RIDER, text="x")[1] == (
        "Forbidden: user is deactivated"
    )


def test_edits_change_words_and_buttons_and_nothing_twice(world):
    sent = call(world, "sendMessage", chat_id=RIDER, text="一", reply_markup=BUTTONS)
    at = {"chat_id": RIDER, "message_id": sent["message_id"]}
    same = (
        400,
        (
            "Bad Request: message is not modified: specified new message content and reply markup"
            " are exactly the same as a current content and reply markup of the message"
        ),
    )
    assert refused(world, "editMessageText", **at, text="一", reply_markup=BUTTONS) == same
    edited = call(world, "editMessageText", **at, text="<b>二</b>", parse_mode="HTML")
    assert edited["text"] == "二"
    assert edited["edit_date"]
    assert "reply_markup" not in edited
    assert refused(world, "editMessageReplyMarkup", **at) == same
    call(world, "editMessageReplyMarkup", **at, reply_markup=BUTTONS)
    assert refused(world, "editMessageCaption", **at, caption="x")[1] == (
        "Bad Request: there is no caption in the message to edit"
    )


def test_captions_and_media_are_edited(world):
    sent = call(
        world, "sendPhoto", {"photo": Upload(picture(), "a.jpg")}, chat_id=RIDER, caption="卡片"
    )
    at = {"chat_id": RIDER, "message_id": sent["message_id"]}
    assert refused(world, "editMessageText", **at, text="x")[1] == (
        "Bad Request: there is no text in the message to edit"
    )
    assert refused(world, "editMessageCaption", **at, caption="x" * 1025)[1] == (
        "Bad Request: message caption is too long"
    )
    assert call(world, "editMessageCaption", **at, caption="已采纳")["caption"] == "已采纳"
    swapped = call(
        world,
        "editMessageMedia",
        {"new": Upload(picture("blue"), "b.jpg")},
        **at,
        media={"type": "photo", "media": "attach://new", "caption": "修好了"},
    )
    assert swapped["photo"] != sent["photo"]
    assert swapped["caption"] == "修好了"


def test_photos_come_in_sizes_without_exif_and_can_be_sent_again(world):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Phone"
    data = picture(size=(2000, 1500), exif=exif)
    sent = call(world, "sendPhoto", {"photo": Upload(data, "a.jpg")}, chat_id=RIDER)
    sizes = sent["photo"]
    assert [max(one["width"], one["height"]) for one in sizes] == [90, 320, 800, 1280]
    # Orientation 6 lies on its side: upright it is taller than wide.
    assert sizes[-1]["height"] == 1280
    found = call(world, "getFile", file_id=sizes[-1]["file_id"])
    served = world.read_file(world.file_at(found["file_path"]))
    assert len(served) == found["file_size"]
    assert not Image.open(io.BytesIO(served)).getexif()
    again = call(world, "sendPhoto", chat_id=RIDER, photo=sizes[0]["file_id"])
    assert again["photo"] == sizes
    same = call(world, "sendPhoto", {"photo": Upload(data, "other.jpg")}, chat_id=RIDER)
    assert same["photo"][-1]["file_unique_id"] == sizes[-1]["file_unique_id"]


def test_documents_keep_their_bytes_and_are_no_photos(world):
    data = picture(size=(50, 40))
    sent = call(
        world, "sendDocument", {"document": Upload(data, "a.jpg", "image/jpeg")}, chat_id=RIDER
    )
    document = sent["document"]
    assert document["file_name"] == "a.jpg"
    assert document["thumbnail"]["width"] == 50
    path = call(world, "getFile", file_id=document["file_id"])["file_path"]
    assert world.read_file(world.file_at(path)) == data
    assert refused(world, "sendPhoto", chat_id=RIDER, photo=document["file_id"])[1] == (
        "Bad Request: can't use file of type Document as Photo"
    )


def test_what_is_too_large_or_no_picture_is_refused(world):
    def photo(data):
        return refused(world, "sendPhoto", {"photo": Upload(data, "x")}, chat_id=RIDER)

    assert photo(b"text") == (400, "Bad Request: IMAGE_PROCESS_FAILED")
    assert photo(b"") == (400, "Bad Request: file must be non-empty")
    assert photo(picture(size=(2100, 100)))[1] == "Bad Request: PHOTO_INVALID_DIMENSIONS"
    assert "too big for a photo" in photo(b"x" * ((10 << 20) + 1))[1]
    big = world.send_document(RIDER, RIDER, b"x" * ((20 << 20) + 1), "big.bin")
    assert refused(world, "getFile", file_id=big["document"]["file_id"]) == (
        400,
        "Bad Request: file is too big",
    )


def test_an_album_is_several_messages_of_one_group(world):
    sent = call(
        world,
        "sendMediaGroup",
        {"a": Upload(picture(), "a.jpg"), "b": Upload(picture("blue"), "b.jpg")},
        chat_id=RIDER,
        media=[
            {"type": "photo", "media": "attach://a", "caption": "两张"},
            {"type": "photo", "media": "attach://b"},
        ],
    )
    assert len({one["media_group_id"] for one in sent}) == 1
    assert [one.get("caption") for one in sent] == ["两张", None]
    assert refused(world, "sendMediaGroup", chat_id=RIDER, media=[])[0] == 400


def test_places_copies_and_forwards(world):
    place = call(world, "sendLocation", chat_id=RIDER, latitude=25.1, longitude=118.9)
    assert place["location"] == {"latitude": 25.1, "longitude": 118.9}
    venue = call(
        world, "sendVenue", chat_id=RIDER, latitude=25.1, longitude=118.9, title="站", address="路"
    )
    assert venue["location"] == venue["venue"]["location"]
    live = call(world, "sendLocation", chat_id=RIDER, latitude=1, longitude=2, live_period=60)
    at = {"chat_id": RIDER, "message_id": live["message_id"]}
    moved = call(world, "editMessageLiveLocation", **at, latitude=3, longitude=2)
    assert moved["location"]["latitude"] == 3
    assert "live_period" not in call(world, "stopMessageLiveLocation", **at)["location"]
    said = world.say(RIDER, RIDER, "看这里")
    source = {"from_chat_id": RIDER, "message_id": said["message_id"]}
    call(world, "copyMessage", chat_id=MODERATORS_CHAT_ID, **source)
    forwarded = call(world, "forwardMessage", chat_id=MODERATORS_CHAT_ID, **source)
    assert forwarded["forward_origin"]["sender_user"]["id"] == RIDER
    texts = [one.get("text") for one in world.messages(MODERATORS_CHAT_ID)]
    assert texts[-2:] == ["看这里", "看这里"]


def test_replies_quote_what_they_answer(world):
    first = call(world, "sendMessage", chat_id=RIDER, text="甲😀乙")
    second = call(
        world,
        "sendMessage",
        chat_id=RIDER,
        text="x",
        reply_parameters={"message_id": first["message_id"], "quote": "乙"},
    )
    assert second["reply_to_message"]["text"] == "甲😀乙"
    assert second["quote"] == {"text": "乙", "position": 3, "is_manual": True}
    third = call(
        world, "sendMessage", chat_id=RIDER, text="y", reply_to_message_id=second["message_id"]
    )
    assert "reply_to_message" not in third["reply_to_message"]
    lost = {"message_id": 999, "allow_sending_without_reply": True}
    call(world, "sendMessage", chat_id=RIDER, text="x", reply_parameters=lost)


def test_deleting_respects_whose_and_how_old(world):
    sent = call(world, "sendMessage", chat_id=RIDER, text="x")
    at = {"chat_id": RIDER, "message_id": sent["message_id"]}
    world._clock.pass_(48 * 3600 + 1)
    assert refused(world, "deleteMessage", **at)[1] == (
        "Bad Request: message can't be deleted for everyone"
    )
    fresh = call(world, "sendMessage", chat_id=RIDER, text="y")["message_id"]
    assert call(world, "deleteMessages", chat_id=RIDER, message_ids=[fresh, 12345]) is True
    assert world.events()[-1]["type"] == "deleted"
    group = world.create_group(LIN, "群")
    said = world.say(LIN, group, "/x")
    assert refused(world, "deleteMessage", chat_id=group, message_id=said["message_id"])[1] == (
        "Bad Request: message can't be deleted"
    )


def test_reactions_and_pins(world):
    said = world.say(CHEN, MODERATORS_CHAT_ID, "看")
    at = {"chat_id": MODERATORS_CHAT_ID, "message_id": said["message_id"]}
    call(world, "setMessageReaction", **at, reaction=[{"type": "emoji", "emoji": "👀"}])
    world.react(CHEN, MODERATORS_CHAT_ID, said["message_id"], "👀")
    assert world.message(MODERATORS_CHAT_ID, said["message_id"], CHEN)["reactions"] == [
        {"emoji": "👀", "count": 2, "own": True}
    ]
    assert refused(
        world, "setMessageReaction", **at, reaction=[{"type": "emoji", "emoji": "x"}]
    ) == (400, "Bad Request: REACTION_INVALID")
    call(world, "setMessageReaction", **at)
    call(world, "pinChatMessage", **at)
    assert call(world, "getChat", chat_id=MODERATORS_CHAT_ID)["pinned_message"]["text"] == "看"
    call(world, "unpinChatMessage", **at)
    assert "pinned_message" not in call(world, "getChat", chat_id=MODERATORS_CHAT_ID)


def test_limits_count_messages_and_edits_together():
    world = checked_world(limits=True)
    sent = call(world, "sendMessage", chat_id=MODERATORS_CHAT_ID, text="0")
    at = {"chat_id": MODERATORS_CHAT_ID, "message_id": sent["message_id"]}
    world._clock.pass_(10)
    for number in range(1, 20):
        call(world, "editMessageText", **at, text=str(number))
    answer = world.call(world.token, "sendMessage", {"chat_id": MODERATORS_CHAT_ID, "text": "x"})
    assert answer == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 50",
        "parameters": {"retry_after": 50},
    }
    world._clock.pass_(50)
    call(world, "sendMessage", chat_id=MODERATORS_CHAT_ID, text="x")
    world.say(RIDER, RIDER, "/start")
    for number in range(20):
        call(world, "sendMessage", chat_id=RIDER, text=str(number))
    assert refused(world, "sendMessage", chat_id=RIDER, text="x")[0] == 429
    world._clock.pass_(1)
    call(world, "sendMessage", chat_id=RIDER, text="x")


def test_planned_faults_strike_as_often_as_told(world):
    world.faults.add("sendMessage", chat_id=RIDER, retry_after=3, times=2)
    for _ in range(2):
        assert refused(world, "sendMessage", chat_id=RIDER, text="x") == (
            429,
            "Too Many Requests: retry after 3",
        )
    call(world, "sendMessage", chat_id=RIDER, text="x")
    world.faults.add(error=403, times=None)
    assert refused(world, "getMe")[1] == "Forbidden: bot was blocked by the user"
    world.faults.clear()
    call(world, "getMe")
    assert world.faults.take_transport("sendMessage", {}) is None
    world.faults.add(kind="drop_after")
    call(world, "getMe")
    assert world.faults.take_transport("sendMessage", {}) == "drop_after"


def test_commands_and_texts_by_scope_and_language(world):
    def menu(word):
        return [{"command": word, "description": word}]

    call(world, "setMyCommands", commands=menu("help"))
    call(world, "setMyCommands", commands=menu("bangzhu"), language_code="zh")
    call(world, "setMyCommands", commands=menu("queue"), scope={"type": "all_chat_administrators"})
    assert world.commands_for(RIDER, RIDER) == menu("bangzhu")
    assert world.commands_for(CHEN, MODERATORS_CHAT_ID) == menu("bangzhu")
    assert world.commands_for(LIN, MODERATORS_CHAT_ID) == menu("queue")
    call(world, "deleteMyCommands", language_code="zh")
    assert call(world, "getMyCommands", language_code="zh") == []
    assert world.commands_for(RIDER, RIDER) == menu("help")
    call(world, "setMyDescription", description="报隐患", language_code="zh")
    assert world.description_for(RIDER) == "报隐患"
    call(world, "setMyShortDescription", short_description="x")
    assert call(world, "getMyName")["name"].startswith("流动哨兵")
