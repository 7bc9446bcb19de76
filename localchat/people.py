"""The people's side of a world: what they say, send, press and do to groups."""

from collections.abc import Callable, Iterable, Sequence

from localchat.errors import BadRequestError, PeopleError
from localchat.formatting import Formatted, marked, utf16
from localchat.json_types import Json
from localchat.markup import offers
from localchat.rooms import SUPERGROUP_BASE, Member, Person, Room, bare, standing_change
from localchat.state import Query, State

MOST_TEXT = 4096
MOST_CAPTION = 1024
MOST_ALBUM = 10

# Who speaks for a new supergroup; a fixed id of Telegram's.
_ANONYMOUS: Json = {
    "id": 1087968824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}


class PeopleSide(State):
    """A world as its people use it. `user` is always the id of who acts, `chat` the chat's id.

    All methods raise `PeopleError` where a chat would not let a person do the thing.
    """

    # Saying

    def say(
        self,
        user: int,
        chat: int,
        text: str,
        reply_to: int | None = None,
        *,
        thread_id: int | None = None,
    ) -> Json:
        """Say something.

        Args:
            user: who.
            chat: where; a person's own id is their chat with the bot.
            text: any length above zero; over 4096 characters it is sent in pieces, as apps do.
            reply_to: the message it answers.
            thread_id: the topic of a forum.

        Returns:
            The (first) `Message`.
        """
        return self.say_all(user, chat, text, reply_to, thread_id=thread_id)[0]

    def say_all(
        self,
        user: int,
        chat: int,
        text: str,
        reply_to: int | None = None,
        *,
        thread_id: int | None = None,
    ) -> list[Json]:
        """Like `say`, but gives all pieces of a long text."""
        with self._transaction():
            room = self._entered(user, chat)
            pieces = [piece for piece in _pieces(text) if piece]
            if not pieces:
                raise PeopleError(400, "There is nothing to send.", "没有可发送的内容。")
            posted = []
            for piece in pieces:
                content = self._around(room, reply_to, thread_id)
                marked(Formatted(piece)).into(content, "text", "entities")
                posted.append(self._post(room, self._user(user), content))
            return posted

    def send_photos(
        self,
        user: int,
        chat: int,
        photos: Sequence[bytes],
        caption: str | None = None,
        *,
        reply_to: int | None = None,
    ) -> list[Json]:
        """Send one photo, or several as an album (at most ten in one, then another).

        Args:
            user: who.
            chat: where.
            photos: pictures in any common format; they arrive re-encoded, without EXIF.
            caption: words under the first.
            reply_to: the message they answer.

        Returns:
            One `Message` a photo.
        """
        with self._transaction():
            room = self._entered(user, chat)
            if not photos:
                raise PeopleError(400, "There is nothing to send.", "没有可发送的内容。")
            words = self._caption(caption)
            taken = [self._photo(photo) for photo in photos]
            posted = []
            for start in range(0, len(taken), MOST_ALBUM):
                album = taken[start : start + MOST_ALBUM]
                group = {"media_group_id": self._album_id()} if len(album) > 1 else {}
                for index, photo_content in enumerate(album):
                    content = {
                        **self._around(room, reply_to),
                        **photo_content,
                        **group,
                        **(words if start == index == 0 else {}),
                    }
                    posted.append(self._post(room, self._user(user), content))
            return posted

    def send_document(  # noqa: PLR0917 - what is sent, then what it is called
        self,
        user: int,
        chat: int,
        data: bytes,
        filename: str = "file",
        mime: str = "application/octet-stream",
        caption: str | None = None,
        *,
        reply_to: int | None = None,
    ) -> Json:
        """Send a file as it is, byte for byte.

        Returns:
            The `Message`.
        """
        return self._send_file(
            user,
            chat,
            lambda: self._files.document(data, filename, mime),
            caption=caption,
            reply_to=reply_to,
        )

    def send_voice(
        self,
        user: int,
        chat: int,
        data: bytes = b"OggS",
        duration: int = 1,
        *,
        caption: str | None = None,
        reply_to: int | None = None,
        mime: str = "audio/ogg",
    ) -> Json:
        """Send a voice message.

        Args:
            user: who.
            chat: where.
            data: the recording; nobody listens to it here.
            duration: in seconds.
            caption: words under it.
            reply_to: the message it answers.
            mime: what kind of recording.

        Returns:
            The `Message`.
        """
        return self._send_file(
            user,
            chat,
            lambda: self._files.voice(data, duration, mime),
            caption=caption,
            reply_to=reply_to,
        )

    def send_video(
        self,
        user: int,
        chat: int,
        data: bytes = b"video",
        filename: str = "video.mp4",
        *,
        caption: str | None = None,
        reply_to: int | None = None,
        mime: str = "video/mp4",
    ) -> Json:
        """Send a video.

        Returns:
            The `Message`.
        """
        return self._send_file(
            user,
            chat,
            lambda: self._files.video(data, filename, mime),
            caption=caption,
            reply_to=reply_to,
        )

    def send_sticker(
        self, user: int, chat: int, emoji: str = "👍", reply_to: int | None = None
    ) -> Json:
        """Send a sticker, here no more than an emoji.

        Returns:
            The `Message`.
        """
        return self._send_file(
            user, chat, lambda: self._files.sticker(emoji), caption=None, reply_to=reply_to
        )

    def send_location(
        self,
        user: int,
        chat: int,
        lat: float,
        lon: float,
        *,
        accuracy: float | None = None,
        live_period: int | None = None,
        reply_to: int | None = None,
    ) -> Json:
        """Send a place.

        Args:
            user: who.
            chat: where it is sent.
            lat: degrees north.
            lon: degrees east.
            accuracy: radius in metres, 0 to 1500, as a phone knows it; a pin set by hand has none.
            live_period: seconds for which `move_live` may follow; None is a fixed place.
            reply_to: the message it answers.

        Returns:
            The `Message`.
        """
        with self._transaction():
            room = self._entered(user, chat)
            location = _location(lat, lon, accuracy)
            if live_period is not None:
                location["live_period"] = live_period
            content = {**self._around(room, reply_to), "location": location}
            return self._post(room, self._user(user), content)

    def move_live(
        self,
        user: int,
        chat: int,
        message_id: int,
        lat: float,
        lon: float,
        *,
        accuracy: float | None = None,
    ) -> Json:
        """A live location moves: the bot gets an edited message.

        Returns:
            The `Message` as it is now.
        """
        with self._transaction():
            room, body = self._own(user, chat, message_id)
            period = body.get("location", {}).get("live_period")
            if period is None or self.now() >= body["date"] + period:
                raise PeopleError(400, "This is no live location.", "这不是实时位置。")
            location = {**_location(lat, lon, accuracy), "live_period": period}
            return self._edited(room, {**body, "location": location})

    def stop_live(self, user: int, chat: int, message_id: int) -> Json:
        """A live location ends where it is.

        Returns:
            The `Message` as it is now.
        """
        with self._transaction():
            room, body = self._own(user, chat, message_id)
            location = dict(body.get("location") or {})
            if location.pop("live_period", None) is None:
                raise PeopleError(400, "This is no live location.", "这不是实时位置。")
            return self._edited(room, {**body, "location": location})

    def send_venue(  # noqa: PLR0917 - a place and its name
        self,
        user: int,
        chat: int,
        lat: float,
        lon: float,
        title: str,
        address: str = "",
        *,
        reply_to: int | None = None,
    ) -> Json:
        """Send a named place.

        Returns:
            The `Message`; as at Telegram its `location` is given beside the `venue`.
        """
        with self._transaction():
            room = self._entered(user, chat)
            location = _location(lat, lon, None)
            venue = {"location": location, "title": title, "address": address}
            content = {**self._around(room, reply_to), "venue": venue, "location": location}
            return self._post(room, self._user(user), content)

    def forward_photo(
        self,
        user: int,
        chat: int,
        photo: bytes,
        *,
        origin: str | Json = "Somebody",
        caption: str | None = None,
    ) -> Json:
        """Send on a photo somebody else took.

        Args:
            user: who forwards.
            chat: where to.
            photo: the picture.
            origin: the first sender: a `MessageOrigin`, or the name of somebody who hides.
            caption: words that were under it.

        Returns:
            The `Message`, with `forward_origin`.
        """
        with self._transaction():
            hidden = {"type": "hidden_user", "sender_user_name": origin, "date": self.now()}
            content = self._photo(photo) | self._caption(caption)
            content["forward_origin"] = hidden if isinstance(origin, str) else origin
            return self._post(self._entered(user, chat), self._user(user), content)

    # Changing what was said

    def edit(
        self,
        user: int,
        chat: int,
        message_id: int,
        *,
        text: str | None = None,
        caption: str | None = None,
    ) -> Json:
        """Change one's own words.

        Args:
            user: who.
            chat: where.
            message_id: which message.
            text: the new text of a message that has one.
            caption: the new caption of one that has a file.

        Returns:
            The `Message` as it is now.
        """
        with self._transaction():
            room, body = self._own(user, chat, message_id)
            changed = dict(body)
            if text is not None:
                if "text" not in body or not text.strip() or utf16(text) > MOST_TEXT:
                    raise PeopleError(
                        400, "This cannot become the message's text.", "消息不能改成这样。"
                    )
                del changed["text"]
                changed.pop("entities", None)
                marked(Formatted(text.strip())).into(changed, "text", "entities")
            elif caption is not None:
                if not any(kind in body for kind in ("photo", "document", "video", "voice")):
                    raise PeopleError(400, "This message has no caption.", "这条消息没有配文。")
                changed.pop("caption", None)
                changed.pop("caption_entities", None)
                changed |= self._caption(caption)
            if changed == body:
                raise PeopleError(400, "Nothing would change.", "内容没有变化。")
            return self._edited(room, changed)

    def react(self, user: int, chat: int, message_id: int, emoji: str | None) -> None:
        """Put one's reaction under a message, or take it away with None."""
        with self._transaction():
            room = self._entered(user, chat)
            stored = room.messages.get(message_id)
            if stored is None:
                raise PeopleError(404, "There is no such message.", "没有这条消息。")
            old = stored.reactions.get(user, [])
            new = [emoji] if emoji else []
            if old == new:
                return
            if new:
                stored.reactions[user] = new
            else:
                del stored.reactions[user]
            self._save_message(room, message_id, stored)
            self._tell(room, "reaction", message_id)
            if room.private or room.standing(self._bot_user["id"]).admin:
                self._enqueue(
                    "message_reaction",
                    {
                        "chat": room.chat,
                        "message_id": message_id,
                        "user": self._user(user),
                        "date": self.now(),
                        "old_reaction": [{"type": "emoji", "emoji": one} for one in old],
                        "new_reaction": [{"type": "emoji", "emoji": one} for one in new],
                    },
                )

    def press(
        self,
        user: int,
        chat: int,
        message_id: int,
        data: str,
        *,
        forge: bool = False,
    ) -> str:
        """Press an inline button.

        Args:
            user: who.
            chat: where.
            message_id: the message with the button.
            data: the button's `callback_data`.
            forge: send `data` even if no button has it and whoever may see the message, as a
                modified app can.

        Returns:
            The id of the callback query; the answer is in `callback_answers`, and an event.
        """
        with self._transaction():
            room = self.room(chat) if forge else self._entered(user, chat)
            stored = room.messages.get(message_id)
            if stored is None and not forge:
                raise PeopleError(404, "There is no such message.", "没有这条消息。")
            if not forge and not offers(stored.body.get("reply_markup") if stored else None, data):
                raise PeopleError(400, "This message has no such button.", "这条消息没有这个按钮。")
            query_id = str(4_000_000_000_000 + self._next("query"))
            query = Query(user, chat, message_id, self._clock())
            self._queries[query_id] = query
            self._save_query(query_id, query)
            self._forget_queries()
            body = (
                stored.body
                if stored is not None
                else {"chat": room.chat, "message_id": message_id, "date": 0}
            )
            self._enqueue(
                "callback_query",
                {
                    "id": query_id,
                    "from": self._user(user),
                    "message": body,
                    "chat_instance": str(-room.id),
                    "data": data,
                },
            )
            return query_id

    def mark_read(self, user: int, chat: int) -> None:
        """Everything in a chat is read."""
        with self._transaction():
            room = self._entered(user, chat, writing=False)
            last = next(reversed(room.messages), 0)
            if room.read.get(user, 0) < last:
                room.read[user] = last
                self._save_room(room)

    def unread(self, user: int, chat: int) -> int:
        """How many messages of others somebody has not read in a chat."""
        with self._lock:
            room = self.room(chat)
            seen = room.read.get(user, 0)
            count = 0
            for message_id in reversed(room.messages):
                if message_id <= seen:
                    break
                count += room.messages[message_id].body["from"]["id"] != user
            return count

    # A person and the bot

    def block(self, user: int) -> None:
        """Block the bot: it can no longer write to this person."""
        self._set_blocked(user, blocked=True)

    def unblock(self, user: int) -> None:
        """Let the bot write again."""
        self._set_blocked(user, blocked=False)

    def deactivate(self, user: int) -> None:
        """The person's account is gone; the bot hears so when it writes."""
        with self._transaction():
            person = self._person(user)
            person.deactivated = True
            self._save_person(person)

    def _set_blocked(self, user: int, *, blocked: bool) -> None:
        with self._transaction():
            person = self._person(user)
            if person.blocked is blocked:
                return
            person.blocked = blocked
            self._save_person(person)
            room = self._rooms[user]
            old, new = Member("member"), Member("kicked")
            if not blocked:
                old, new = new, old
            change = standing_change(
                room, person.user, self._bot_user, old=old, new=new, date=self.now()
            )
            self._tell(room, "chat", person=user)
            self._enqueue("my_chat_member", change)

    # Groups

    def create_group(
        self,
        user: int,
        title: str,
        members: Iterable[int] = (),
        *,
        supergroup: bool = False,
        forum: bool = False,
        bot: str | None = "member",
        chat_id: int | None = None,
        quiet: bool = False,
    ) -> int:
        """Make a group.

        Args:
            user: who owns it.
            title: 1 to 128 characters.
            members: ids of who else is in it.
            supergroup: whether it is one from the start; forums are.
            forum: whether it has topics.
            bot: the bot's standing: `member`, `administrator`, or None to leave it out.
            chat_id: its id, where it must be a known one.
            quiet: the bot hears nothing of it, as of a group made long ago.

        Returns:
            The id of the chat.
        """
        with self._transaction():
            owner = self._person(user)
            if not 0 < len(title.strip()) <= 128:
                raise PeopleError(
                    400,
                    "A group needs a name of at most 128 characters.",
                    "群名需要 1 到 128 个字。",
                )
            others = [self._person(one).id for one in members if one != user]
            large = supergroup or forum
            number = self._next("group")
            usual = SUPERGROUP_BASE - 1_000_000 - number if large else -4_000_000 - number
            made = usual if chat_id is None else chat_id
            chat: Json = {
                "id": made,
                "type": "supergroup" if large else "group",
                "title": title.strip(),
            }
            if forum:
                chat["is_forum"] = True
            room = Room(chat, {owner.id: Member("creator")})
            room.members |= {one: Member("member") for one in others}
            if bot is not None:
                room.members[self._bot_user["id"]] = Member(bot)
            self._rooms[room.id] = room
            self._save_room(room)
            kind = "supergroup_chat_created" if large else "group_chat_created"
            # Bots hear of a small group's making; of a supergroup's only that they are in it.
            self._post(room, owner.user, {kind: True}, hidden=large or quiet)
            if bot is not None and not quiet:
                change = standing_change(
                    room,
                    owner.user,
                    self._bot_user,
                    old=Member("left"),
                    new=Member(bot),
                    date=self.now(),
                )
                self._enqueue("my_chat_member", change)
            return room.id

    def add_member(self, user: int, chat: int, *added: int) -> None:
        """Bring people, or the bot, into a group."""
        with self._transaction():
            room = self._group(user, chat)
            for one in added:
                if one != self._bot_user["id"]:
                    self._person(one)
                if not room.holds(one):
                    self._change_standing(room, user, one, Member("member"))
                    self._post(room, self._user(user), {"new_chat_members": [self._user(one)]})

    def remove_member(self, user: int, chat: int, *removed: int) -> None:
        """Put people, or the bot, out of a group; who removes oneself leaves."""
        with self._transaction():
            room = self._group(user, chat)
            for one in removed:
                if not room.holds(one):
                    continue
                banned = one != user and room.type == "supergroup"
                self._post(room, self._user(user), {"left_chat_member": self._user(one)})
                self._change_standing(room, user, one, Member("kicked" if banned else "left"))

    def promote(self, user: int, chat: int, who: int, rights: Json | None = None) -> None:
        """Make somebody, or the bot, an administrator.

        Args:
            user: who does it.
            chat: the group.
            who: whom.
            rights: what differs from the usual, e.g. `{"can_manage_topics": False}`.
        """
        with self._transaction():
            room = self._group(user, chat)
            if not room.holds(who):
                raise PeopleError(400, "They are not in this group.", "对方不在这个群里。")
            self._change_standing(room, user, who, Member("administrator", rights or {}))

    def demote(self, user: int, chat: int, who: int) -> None:
        """Make an administrator an ordinary member again."""
        with self._transaction():
            room = self._group(user, chat)
            if not room.holds(who):
                raise PeopleError(400, "They are not in this group.", "对方不在这个群里。")
            self._change_standing(room, user, who, Member("member"))

    def upgrade_group(self, user: int, chat: int, *, forum: bool = False) -> int:
        """Turn a group into a supergroup: it gets a new id, and the old one leads there.

        Returns:
            The id of the supergroup.
        """
        with self._transaction():
            room = self._group(user, chat)
            if room.type == "supergroup":
                raise PeopleError(400, "This is a supergroup already.", "这已经是超级群了。")
            new_id = SUPERGROUP_BASE - 2_000_000 - self._next("group")
            new_chat: Json = {
                "id": new_id,
                "type": "supergroup",
                "title": room.chat["title"],
            }
            if forum:
                new_chat["is_forum"] = True
            new = Room(new_chat, dict(room.members))
            self._rooms[new_id] = new
            self._post(room, self._user(user), {"migrate_to_chat_id": new_id})
            room.migrated_to = new_id
            self._save_room(room)
            self._save_room(new)
            self._post(new, _ANONYMOUS, {"sender_chat": new_chat, "migrate_from_chat_id": chat})
            return new_id

    def title(self, user: int, chat: int, title: str) -> None:
        """Give a group another name."""
        with self._transaction():
            room = self._group(user, chat)
            room.chat = {**room.chat, "title": title}
            self._save_room(room)
            self._post(room, self._user(user), {"new_chat_title": title})

    def _change_standing(self, room: Room, actor: int, who: int, new: Member) -> None:
        old = room.standing(who)
        room.members[who] = new
        self._save_room(room)
        change = standing_change(
            room, self._user(actor), self._user(who), old=old, new=new, date=self.now()
        )
        self._tell(room, "chat")
        if not new.present:
            self._tell(room, "chat", person=who)
        if who == self._bot_user["id"]:
            self._enqueue("my_chat_member", change)
        elif room.standing(self._bot_user["id"]).admin:
            self._enqueue("chat_member", change)

    # What the methods above have in common

    def _person(self, user: int) -> Person:
        person = self._people.get(user)
        if person is None:
            raise PeopleError(404, "There is no such person.", "没有这个人。")
        return person

    def _entered(self, user: int, chat: int, *, writing: bool = True) -> Room:
        """The chat, if this person may write there; writing to the bot starts it."""
        person = self._person(user)
        room = self.room(chat)
        if not room.holds(user):
            raise PeopleError(403, "You are not in this chat.", "你不在这个聊天里。")
        if not writing:
            return room
        if room.migrated_to is not None:
            raise PeopleError(
                400,
                "This group has become a supergroup; go on there.",
                "这个群已升级为超级群，请到新群继续。",
            )
        if room.private:
            if person.blocked:
                raise PeopleError(
                    403,
                    "You blocked the bot. Unblock it to write.",
                    "你屏蔽了机器人。解除屏蔽后才能发消息。",
                )
            if not person.started:
                person.started = True
                self._save_person(person)
        return room

    def _group(self, user: int, chat: int) -> Room:
        room = self._entered(user, chat)
        if room.private:
            raise PeopleError(400, "This is no group.", "这不是群。")
        return room

    def _own(self, user: int, chat: int, message_id: int) -> tuple[Room, Json]:
        room = self._entered(user, chat)
        stored = room.messages.get(message_id)
        if stored is None:
            raise PeopleError(404, "There is no such message.", "没有这条消息。")
        if stored.body["from"]["id"] != user:
            raise PeopleError(403, "You can only change your own messages.", "只能改自己的消息。")
        return room, stored.body

    def _edited(self, room: Room, body: Json) -> Json:
        changed = {**body, "edit_date": self.now()}
        self._replace(room, body["message_id"], changed)
        if self._bot_sees(room, changed):
            self._enqueue("edited_message", changed)
        return changed

    def _around(self, room: Room, reply_to: int | None, thread_id: int | None = None) -> Json:
        """The fields that tie a message to another one and to its topic."""
        content: Json = {}
        if reply_to is not None:
            stored = room.messages.get(reply_to)
            if stored is None:
                raise PeopleError(
                    404, "The message you answer does not exist.", "你回复的消息不存在。"
                )
            content["reply_to_message"] = bare(stored.body)
            if stored.body.get("is_topic_message"):
                thread_id = stored.body["message_thread_id"]
        if thread_id is not None:
            if thread_id not in room.topics:
                raise PeopleError(404, "There is no such topic.", "没有这个话题。")
            content |= {"message_thread_id": thread_id, "is_topic_message": True}
        return content

    def _caption(self, caption: str | None) -> Json:
        content: Json = {}
        if caption and caption.strip():
            if utf16(caption.strip()) > MOST_CAPTION:
                raise PeopleError(
                    400,
                    f"A caption has at most {MOST_CAPTION} characters.",
                    f"配文最多 {MOST_CAPTION} 字。",
                )
            words = marked(Formatted(caption.strip()))
            words.into(content, "caption", "caption_entities")
        return content

    def _photo(self, data: bytes) -> Json:
        try:
            return self._files.photo(data)
        except BadRequestError as refusal:
            raise PeopleError(
                400, "This is no picture that can be sent as a photo.", "这不是能当照片发送的图片。"
            ) from refusal

    def _send_file(
        self,
        user: int,
        chat: int,
        take_in: Callable[[], Json],
        *,
        caption: str | None,
        reply_to: int | None,
    ) -> Json:
        with self._transaction():
            room = self._entered(user, chat)
            words = self._caption(caption)
            around = self._around(room, reply_to)
            try:
                content = take_in()
            except BadRequestError as refusal:
                raise PeopleError(
                    400, "An empty file cannot be sent.", "不能发送空文件。"
                ) from refusal
            return self._post(room, self._user(user), {**around, **content, **words})


def _location(lat: float, lon: float, accuracy: float | None) -> Json:
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise PeopleError(400, "There is no such place.", "没有这个地点。")
    location: Json = {"latitude": lat, "longitude": lon}
    if accuracy is not None:
        location["horizontal_accuracy"] = accuracy
    return location


def _pieces(text: str) -> list[str]:
    """A text in parts Telegram takes, trimmed as apps trim."""
    bare_text = text.strip()
    if utf16(bare_text) <= MOST_TEXT:
        return [bare_text]
    # Half the limit in characters always fits: one character is at most two code units.
    step = MOST_TEXT if utf16(bare_text) == len(bare_text) else MOST_TEXT // 2
    return [bare_text[at : at + step].strip() for at in range(0, len(bare_text), step)]
