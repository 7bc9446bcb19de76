"""The bot's side of a world: the Bot API's messages, edits and deletions, in Telegram's words.

Wordings are those of Telegram's own server (tdlib/telegram-bot-api), where they could be had.
"""

from collections.abc import Mapping
from typing import Any

from localchat import markup
from localchat.arguments import Arguments, Upload
from localchat.bot_chats import BotChats
from localchat.bot_method import bot_method
from localchat.errors import ApiError, BadRequestError
from localchat.filing import MOST_DOWNLOAD_BYTES, MOST_UPLOAD_BYTES
from localchat.formatting import Formatted, formatted, utf16
from localchat.json_types import Json
from localchat.rooms import Room, Stored, bare

MOST_TEXT = 4096
MOST_CAPTION = 1024
MOST_ALBUM = 10
DELETABLE_S = 48 * 3600

_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same"
    " as a current content and reply markup of the message"
)
_CAPTIONED = ("photo", "document", "video", "voice")
_MEDIA = (*_CAPTIONED, "sticker")
_WORDS = ("text", "entities", "caption", "caption_entities")
# What a copy of a message takes along.
_CONTENT = (*_WORDS, *_MEDIA, "location", "venue")


class BotSide(BotChats):
    """The methods that send and change messages."""

    # Sending

    @bot_method
    def api_send_message(self, args: Arguments) -> Json:
        """Text: https://core.telegram.org/bots/api#sendmessage."""
        room = self._target(args)
        content = self._text(args)
        return self._send(room, args, content)

    @bot_method
    def api_send_photo(self, args: Arguments) -> Json:
        """A photo: https://core.telegram.org/bots/api#sendphoto."""
        return self._send_media(args, "photo")

    @bot_method
    def api_send_document(self, args: Arguments) -> Json:
        """A file: https://core.telegram.org/bots/api#senddocument."""
        return self._send_media(args, "document")

    @bot_method
    def api_send_voice(self, args: Arguments) -> Json:
        """A voice message: https://core.telegram.org/bots/api#sendvoice."""
        return self._send_media(args, "voice")

    @bot_method
    def api_send_video(self, args: Arguments) -> Json:
        """A video: https://core.telegram.org/bots/api#sendvideo."""
        return self._send_media(args, "video")

    @bot_method
    def api_send_sticker(self, args: Arguments) -> Json:
        """A sticker, by file id: https://core.telegram.org/bots/api#sendsticker."""
        room = self._target(args)
        return self._send(room, args, self._media(args, "sticker", args.text("sticker")))

    @bot_method
    def api_send_location(self, args: Arguments) -> Json:
        """A place: https://core.telegram.org/bots/api#sendlocation."""
        room = self._target(args)
        location = self._location_of(args)
        if args.integer("live_period"):
            location["live_period"] = args.integer("live_period")
        return self._send(room, args, {"location": location})

    @bot_method
    def api_send_venue(self, args: Arguments) -> Json:
        """A named place: https://core.telegram.org/bots/api#sendvenue."""
        room = self._target(args)
        location = self._location_of(args)
        venue = {
            "location": location,
            "title": args.text("title"),
            "address": args.text("address"),
        }
        if not venue["title"]:
            raise BadRequestError("venue title must be non-empty")
        return self._send(room, args, {"venue": venue, "location": location})

    @bot_method
    def api_send_media_group(self, args: Arguments) -> list[Json]:
        """An album: https://core.telegram.org/bots/api#sendmediagroup."""
        room = self._target(args)
        items = args.objects("media")
        if not items:
            raise BadRequestError("there are no messages to send")
        if len(items) > MOST_ALBUM:
            raise BadRequestError("too many messages to send as an album")
        kinds = {str(item.get("type")) for item in items}
        if not kinds <= {"photo", "video"} and kinds != {"document"}:
            raise BadRequestError("document can't be mixed with other media types in the album")
        contents = [self._input_media(args, item) for item in items]
        around, _, _ = self._around_sent(room, args)
        self._spend(room, len(items))
        group = {"media_group_id": self._album_id()}
        if len(items) == 1:
            group = {}
        return [
            self._post(room, self._bot_user, {**around, **content, **group}) for content in contents
        ]

    @bot_method
    def api_copy_message(self, args: Arguments) -> Json:
        """A message sent once more as one's own: .../bots/api#copymessage."""
        room = self._target(args)
        source = self._source(args, "message to copy not found")
        content = {key: source[key] for key in _CONTENT if key in source}
        if not content:
            raise BadRequestError("message can't be copied")
        if "caption" in args and any(kind in source for kind in _CAPTIONED):
            content.pop("caption", None)
            content.pop("caption_entities", None)
            content |= self._caption_of(args)
        sent = self._send(room, args, content)
        return {"message_id": sent["message_id"]}

    @bot_method
    def api_forward_message(self, args: Arguments) -> Json:
        """A message sent on: https://core.telegram.org/bots/api#forwardmessage."""
        room = self._target(args)
        source = self._source(args, "message to forward not found")
        content = {key: source[key] for key in _CONTENT if key in source}
        if not content:
            raise BadRequestError("message can't be forwarded")
        content["forward_origin"] = source.get("forward_origin") or {
            "type": "user",
            "sender_user": source["from"],
            "date": source["date"],
        }
        return self._send(room, args, content)

    # Changing

    @bot_method
    def api_edit_message_text(self, args: Arguments) -> Json:
        """New words: https://core.telegram.org/bots/api#editmessagetext."""
        room, stored = self._to_edit(args)
        if "text" not in stored.body:
            raise BadRequestError("there is no text in the message to edit")
        return self._change(room, stored, self._text(args), args, gone=("text", "entities"))

    @bot_method
    def api_edit_message_caption(self, args: Arguments) -> Json:
        """New words under a file: https://core.telegram.org/bots/api#editmessagecaption."""
        room, stored = self._to_edit(args)
        if not any(kind in stored.body for kind in _CAPTIONED):
            raise BadRequestError("there is no caption in the message to edit")
        caption = self._caption_of(args)
        return self._change(room, stored, caption, args, gone=("caption", "caption_entities"))

    @bot_method
    def api_edit_message_media(self, args: Arguments) -> Json:
        """Another file: https://core.telegram.org/bots/api#editmessagemedia."""
        room, stored = self._to_edit(args)
        item = args.mapping("media")
        if item is None:
            raise BadRequestError("can't parse InputMedia: expected an object")
        content = self._input_media(args, item)
        return self._change(room, stored, content, args, gone=(*_WORDS, *_MEDIA))

    @bot_method
    def api_edit_message_reply_markup(self, args: Arguments) -> Json:
        """Other buttons: https://core.telegram.org/bots/api#editmessagereplymarkup."""
        room, stored = self._to_edit(args)
        return self._change(room, stored, {}, args, gone=())

    @bot_method
    def api_edit_message_live_location(self, args: Arguments) -> Json:
        """The bot's own live location moves: .../bots/api#editmessagelivelocation."""
        room, stored = self._to_edit(args)
        period = stored.body.get("location", {}).get("live_period")
        if period is None:
            raise BadRequestError("message can't be edited")
        location = {**self._location_of(args), "live_period": period}
        return self._change(room, stored, {"location": location}, args, gone=("location",))

    @bot_method
    def api_stop_message_live_location(self, args: Arguments) -> Json:
        """The bot's own live location ends: .../bots/api#stopmessagelivelocation."""
        room, stored = self._to_edit(args)
        location = dict(stored.body.get("location") or {})
        if location.pop("live_period", None) is None:
            raise BadRequestError("message can't be edited")
        return self._change(room, stored, {"location": location}, args, gone=("location",))

    @bot_method
    def api_delete_message(self, args: Arguments) -> bool:
        """Takes a message away: https://core.telegram.org/bots/api#deletemessage."""
        room = self._target(args)
        message_id = args.integer("message_id")
        stored = room.messages.get(message_id)
        if stored is None:
            raise BadRequestError("message to delete not found")
        self._check_deletable(room, stored)
        self._remove(room, message_id)
        return True

    @bot_method
    def api_delete_messages(self, args: Arguments) -> bool:
        """Takes many away; the missing are skipped: .../bots/api#deletemessages."""
        room = self._target(args)
        listed = args.integers("message_ids")
        if not 0 < len(listed) <= 100:
            raise BadRequestError("message identifiers are not specified")
        found = [one for one in listed if one in room.messages]
        for message_id in found:
            self._check_deletable(room, room.messages[message_id])
        for message_id in dict.fromkeys(found):
            self._remove(room, message_id)
        return True

    # Files and presses

    @bot_method
    def api_get_file(self, args: Arguments) -> Json:
        """Where to fetch a file: https://core.telegram.org/bots/api#getfile."""
        record = self._files.get(args.text("file_id"))
        if record is None:
            raise BadRequestError("invalid file_id")
        if record.size > MOST_DOWNLOAD_BYTES:
            raise BadRequestError("file is too big")
        return {
            "file_id": record.file_id,
            "file_unique_id": record.unique_id,
            "file_size": record.size,
            "file_path": record.path,
        }

    @bot_method
    def api_answer_callback_query(self, args: Arguments) -> bool:
        """Ends a button's waiting, once: .../bots/api#answercallbackquery."""
        query_id = args.text("callback_query_id")
        self._forget_queries()
        query = self._queries.get(query_id)
        if query is None or query.answered:
            raise BadRequestError(
                "query is too old and response timeout expired or query ID is invalid"
            )
        text = args.text("text")
        if utf16(text) > 200:
            raise BadRequestError("MESSAGE_TOO_LONG")
        query.answered = True
        self._save_query(query_id, query)
        answer: Json = {
            "callback_query_id": query_id,
            "text": text,
            "show_alert": args.truth("show_alert"),
        }
        if args.text("url"):
            answer["url"] = args.text("url")
        self._answers.append({**answer, "user_id": query.person})
        room = self._rooms[query.chat_id]
        detail = {key: value for key, value in answer.items() if key != "message_id"}
        self._tell(
            room,
            "callback_answer",
            query.message_id,
            person=query.person,
            **detail,
        )
        return True

    # Parts

    def _text(self, args: Arguments) -> Json:
        given = formatted(
            args.text("text"),
            parse_mode=args.text("parse_mode"),
            entities=args.sequence("entities"),
        )
        if not given.text:
            raise BadRequestError("message text is empty")
        if utf16(given.text) > MOST_TEXT:
            raise BadRequestError("message is too long")
        return _written(given, "text", "entities")

    def _caption_of(self, args: Arguments) -> Json:
        given = formatted(
            args.text("caption"),
            parse_mode=args.text("parse_mode"),
            entities=args.sequence("caption_entities"),
        )
        if utf16(given.text) > MOST_CAPTION:
            raise BadRequestError("message caption is too long")
        return _written(given, "caption", "caption_entities")

    def _location_of(self, args: Arguments) -> Json:
        latitude, longitude = args.number("latitude"), args.number("longitude")
        if latitude is None:
            raise BadRequestError("latitude is empty")
        if longitude is None:
            raise BadRequestError("longitude is empty")
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
            raise BadRequestError("wrong location specified")
        location: Json = {"latitude": latitude, "longitude": longitude}
        accuracy = args.number("horizontal_accuracy")
        if accuracy:
            location["horizontal_accuracy"] = accuracy
        return location

    def _send_media(self, args: Arguments, kind: str) -> Json:
        room = self._target(args)
        source: str | Upload = args.files.get(kind) or args.text(kind)
        content = self._media(args, kind, source)
        return self._send(room, args, {**content, **self._caption_of(args)})

    def _media(self, args: Arguments, kind: str, source: str | Upload) -> Json:
        """A file to send: an upload, the name of one, or the id of an earlier file."""
        if isinstance(source, str) and source.startswith("attach://"):
            found = args.files.get(source.removeprefix("attach://"))
            if found is None:
                raise BadRequestError("wrong file identifier/HTTP URL specified")
            source = found
        if isinstance(source, Upload):
            return self._uploaded(args, kind, source)
        if not source:
            raise BadRequestError(f"there is no {kind} in the request")
        if source.startswith(("http://", "https://")):
            # This chat fetches nothing from anywhere.
            raise BadRequestError("failed to get HTTP URL content")
        content = self._files.again(source, kind)
        if content is None:
            raise BadRequestError("wrong file identifier/HTTP URL specified")
        return content

    def _uploaded(self, args: Arguments, kind: str, upload: Upload) -> Json:
        if len(upload.data) > MOST_UPLOAD_BYTES:
            raise ApiError(413, "Request Entity Too Large")
        if kind == "photo":
            return self._files.photo(upload.data)
        if kind == "voice":
            return self._files.voice(upload.data, args.integer("duration"), upload.mime_type)
        if kind == "video":
            return self._files.video(upload.data, upload.filename, upload.mime_type)
        return self._files.document(upload.data, upload.filename, upload.mime_type)

    def _input_media(self, args: Arguments, item: Any) -> Json:
        if not isinstance(item, dict) or item.get("type") not in _CAPTIONED:
            raise BadRequestError("can't parse InputMedia: unsupported media type")
        own = Arguments(item, args.files)
        content = self._media(own, item["type"], own.text("media"))
        return {**content, **self._caption_of(own)}

    def _send(self, room: Room, args: Arguments, content: Json) -> Json:
        around, inline, other = self._around_sent(room, args)
        self._spend(room, 1)
        if inline is not None:
            around["reply_markup"] = inline
        return self._post(room, self._bot_user, {**around, **content}, markup=other)

    def _around_sent(self, room: Room, args: Arguments) -> tuple[Json, Json | None, Json | None]:
        """What ties a message to another and to its topic, and its keyboards."""
        inline, other = markup.checked(args.mapping("reply_markup"), private=room.private)
        around = self._thread(room, args)
        around |= self._reply(room, args)
        if args.truth("protect_content"):
            around["has_protected_content"] = True
        return around, inline, other

    def _thread(self, room: Room, args: Arguments) -> Json:
        thread_id = args.integer("message_thread_id")
        if not thread_id:
            return {}
        topic = room.topics.get(thread_id)
        if topic is None:
            raise BadRequestError("message thread not found")
        if topic.get("closed") and not room.standing(self._bot_user["id"]).may("can_manage_topics"):
            raise BadRequestError("TOPIC_CLOSED")
        return {"message_thread_id": thread_id, "is_topic_message": True}

    def _reply(self, room: Room, args: Arguments) -> Json:
        given = args.mapping("reply_parameters") or {}
        own = Arguments(given) if given else args
        message_id = own.integer("message_id" if given else "reply_to_message_id")
        if not message_id:
            return {}
        elsewhere = own.integer("chat_id", room.id) != room.id if given else False
        stored = None if elsewhere else room.messages.get(message_id)
        if stored is None:
            if own.truth("allow_sending_without_reply"):
                return {}
            raise BadRequestError("message to be replied not found")
        content: Json = {"reply_to_message": bare(stored.body)}
        if stored.body.get("is_topic_message"):
            content["message_thread_id"] = stored.body["message_thread_id"]
            content["is_topic_message"] = True
        quote = own.text("quote") if given else ""
        if quote:
            words = stored.body.get("text") or stored.body.get("caption") or ""
            position = words.find(quote)
            if position < 0:
                raise BadRequestError("message quote not found: QUOTE_TEXT_INVALID")
            content["quote"] = {
                "text": quote,
                "position": utf16(words[:position]),
                "is_manual": True,
            }
        return content

    def _source(self, args: Arguments, missing: str) -> Json:
        room = self._target(args, "from_chat_id", writing=False)
        stored = room.messages.get(args.integer("message_id"))
        if stored is None:
            raise BadRequestError(missing)
        return stored.body

    def _to_edit(self, args: Arguments) -> tuple[Room, Stored]:
        if "inline_message_id" in args:
            raise BadRequestError("MESSAGE_ID_INVALID")
        room = self._target(args)
        if "message_id" not in args:
            raise BadRequestError("message identifier is not specified")
        stored = room.messages.get(args.integer("message_id"))
        if stored is None:
            raise BadRequestError("message to edit not found")
        # A reply keyboard belongs to the chat by now; its message stays as it is.
        if stored.body["from"]["id"] != self._bot_user["id"] or stored.markup is not None:
            raise BadRequestError("message can't be edited")
        return room, stored

    def _change(
        self,
        room: Room,
        stored: Stored,
        content: Json,
        args: Arguments,
        *,
        gone: tuple[str, ...],
    ) -> Json:
        inline = markup.inline_only(args.mapping("reply_markup"))
        old = stored.body
        new = {key: value for key, value in old.items() if key not in gone} | content
        new.pop("reply_markup", None)
        if inline is not None:
            new["reply_markup"] = inline
        if new == old:
            raise BadRequestError(_NOT_MODIFIED)
        self._spend(room, 1)
        new["edit_date"] = self.now()
        self._replace(room, old["message_id"], new)
        return new

    def _check_deletable(self, room: Room, stored: Stored) -> None:
        own = stored.body["from"]["id"] == self._bot_user["id"]
        admin = room.standing(self._bot_user["id"]).may("can_delete_messages")
        if not own and not room.private and not admin:
            raise BadRequestError("message can't be deleted")
        if not admin and self.now() - stored.body["date"] > DELETABLE_S:
            raise BadRequestError("message can't be deleted for everyone")

    def _spend(self, room: Room, messages: int) -> None:
        if self._limits is not None:
            self._limits.spend(room.id, messages, self._clock())

    # The door

    def call(
        self,
        token: str,
        method: str,
        params: Mapping[str, Any] | None = None,
        files: Mapping[str, Upload] | None = None,
    ) -> Json:
        """Make a call of the Bot API. It never waits: see `localchat.waiting` for long polls.

        Args:
            token: the bot's.
            method: its name; case does not matter.
            params: its parameters as JSON values, or as strings holding JSON.
            files: uploads by parameter name, or by the name an `attach://` gives.

        Returns:
            Telegram's envelope: `{"ok": true, "result": …}`, or `{"ok": false, "error_code": …,
            "description": …}` with `parameters` where there are any.
        """
        given = params or {}
        with self._transaction():
            try:
                self._check_token(token)
                run = self._method(method)
                planned = self.faults.take_error(run.api_name, given)
                if planned is not None:
                    return planned.envelope()
                return {"ok": True, "result": run(self, Arguments(given, files))}
            except ApiError as refusal:
                return refusal.envelope()


def _written(given: Formatted, text_key: str, entities_key: str) -> Json:
    content: Json = {}
    given.into(content, text_key, entities_key)
    return content
