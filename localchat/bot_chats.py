"""The bot's side of a world: itself, its updates, and the chats it is in."""

import re
from typing import Any, ClassVar
from urllib.parse import urlsplit

from localchat.arguments import Arguments
from localchat.bot_method import BotMethod, bot_method, methods_of
from localchat.errors import ApiError, BadRequestError, ForbiddenError
from localchat.json_types import Json
from localchat.rooms import Member, Room, standing_change
from localchat.state import State
from localchat.updates import allowed_from

MOST_UPDATES = 100
_TOKEN = re.compile(r"[1-9]\d*:[A-Za-z0-9_-]{1,70}")
_CHAT_ID = re.compile(r"-?\d{1,16}")
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)
# https://core.telegram.org/bots/api#reactiontypeemoji
_REACTIONS = frozenset(
    (  # noqa: SIM905 - one a line would fill three screens
        "❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤\u200d🔥 "
        "🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨\u200d💻 👀 🎃 🙈 😇 "
        "😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷\u200d♂ 🤷 🤷\u200d♀ 😡"
    ).split()
)
_TOPIC_COLOUR = 7322096
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class BotChats(State):
    """The methods about the bot, its updates and its chats."""

    _methods: ClassVar[dict[str, BotMethod[Any]]] = {}

    def __init_subclass__(cls) -> None:
        """Learn the methods of a class once."""
        super().__init_subclass__()
        cls._methods = methods_of(cls)

    # Itself

    @bot_method
    def api_get_me(self, _args: Arguments) -> Json:
        """The bot: https://core.telegram.org/bots/api#getme."""
        return self.bot

    @bot_method
    def api_log_out(self, _args: Arguments) -> bool:
        """Nothing to log out of here: https://core.telegram.org/bots/api#logout."""
        return True

    @bot_method
    def api_close(self, _args: Arguments) -> bool:
        """Nothing to close here: https://core.telegram.org/bots/api#close."""
        return True

    @bot_method
    def api_set_my_commands(self, args: Arguments) -> bool:
        """The command menu: https://core.telegram.org/bots/api#setmycommands."""
        commands = args.objects("commands")
        if len(commands) > 100:
            raise BadRequestError("BOT_COMMANDS_TOO_MUCH")
        kept = []
        for one in commands:
            command = str(one.get("command", "")).removeprefix("/")
            description = str(one.get("description", ""))
            if not _COMMAND.fullmatch(command):
                raise BadRequestError("BOT_COMMAND_INVALID")
            if not 0 < len(description) <= 256:
                raise BadRequestError("BOT_COMMAND_DESCRIPTION_INVALID")
            kept.append({"command": command, "description": description})
        self._set_commands(args, kept)
        return True

    @bot_method
    def api_delete_my_commands(self, args: Arguments) -> bool:
        """No command menu: https://core.telegram.org/bots/api#deletemycommands."""
        self._set_commands(args, [])
        return True

    @bot_method
    def api_get_my_commands(self, args: Arguments) -> list[Json]:
        """One command menu, as set: https://core.telegram.org/bots/api#getmycommands."""
        found: list[Json] = self._settings.get("commands", {}).get(self._scope(args), [])
        return found

    @bot_method
    def api_set_my_description(self, args: Arguments) -> bool:
        """What an empty chat shows: https://core.telegram.org/bots/api#setmydescription."""
        self._describe("description", args, 512)
        return True

    @bot_method
    def api_get_my_description(self, args: Arguments) -> Json:
        """As set: https://core.telegram.org/bots/api#getmydescription."""
        return {"description": self._described("description", args)}

    @bot_method
    def api_set_my_short_description(self, args: Arguments) -> bool:
        """What the profile shows: .../bots/api#setmyshortdescription."""
        self._describe("short_description", args, 120)
        return True

    @bot_method
    def api_get_my_short_description(self, args: Arguments) -> Json:
        """As set: https://core.telegram.org/bots/api#getmyshortdescription."""
        return {"short_description": self._described("short_description", args)}

    @bot_method
    def api_set_my_name(self, args: Arguments) -> bool:
        """The bot's name by language: https://core.telegram.org/bots/api#setmyname."""
        self._describe("name", args, 64)
        return True

    @bot_method
    def api_get_my_name(self, args: Arguments) -> Json:
        """As set: https://core.telegram.org/bots/api#getmyname."""
        return {"name": self._described("name", args) or self.bot["first_name"]}

    # Updates

    @bot_method
    def api_get_updates(self, args: Arguments) -> list[Json]:
        """What waits; this answers at once: https://core.telegram.org/bots/api#getupdates."""
        if self._settings.get("webhook", {}).get("url"):
            raise ApiError(
                409,
                "Conflict: can't use getUpdates method while webhook is active;"
                " use deleteWebhook to delete the webhook first",
            )
        # Whoever waits in an older poll hears that this one took its place.
        self._polls += 1
        self._rang = True
        if "allowed_updates" in args:
            self._allow(args)
        offset = args.integer("offset")
        if offset > 0:
            self._updates.confirm_before(offset)
        elif offset < 0:
            self._updates.keep_last(-offset)
        return self._waiting_updates(args)

    @bot_method
    def api_set_webhook(self, args: Arguments) -> bool:
        """Where updates go: https://core.telegram.org/bots/api#setwebhook."""
        url = args.text("url")
        if not url:
            return self._drop_webhook(args)
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise BadRequestError("bad webhook: invalid webhook URL specified")
        if parts.hostname not in LOOPBACK:
            raise BadRequestError("bad webhook: the local chat speaks to this machine only")
        secret = args.text("secret_token")
        if secret and not _SECRET.fullmatch(secret):
            raise BadRequestError("secret token contains unallowed characters")
        connections = args.integer("max_connections", 40)
        if not 1 <= connections <= 100:
            raise BadRequestError("max_connections must be between 1 and 100")
        if "allowed_updates" in args:
            self._allow(args)
        if args.truth("drop_pending_updates"):
            self._updates.keep_last(0)
        self._hooks += 1
        self._set(
            "webhook",
            {"url": url, "secret_token": secret, "max_connections": connections},
        )
        self._rang = True
        return True

    @bot_method
    def api_delete_webhook(self, args: Arguments) -> bool:
        """Back to getUpdates: https://core.telegram.org/bots/api#deletewebhook."""
        return self._drop_webhook(args)

    @bot_method
    def api_get_webhook_info(self, _args: Arguments) -> Json:
        """How deliveries go: https://core.telegram.org/bots/api#getwebhookinfo."""
        hook = self._settings.get("webhook", {})
        info: Json = {
            "url": hook.get("url", ""),
            "has_custom_certificate": False,
            "pending_update_count": len(self._updates),
        }
        if info["url"]:
            info["max_connections"] = hook["max_connections"]
        for name in ("last_error_date", "last_error_message"):
            if name in hook:
                info[name] = hook[name]
        if self._updates.allowed:
            info["allowed_updates"] = sorted(self._updates.allowed)
        return info

    # Chats

    @bot_method
    def api_get_chat(self, args: Arguments) -> Json:
        """A chat in full: https://core.telegram.org/bots/api#getchat."""
        room = self._target(args, writing=False)
        full: Json = {
            **room.chat,
            "accent_color_id": abs(room.id) % 7,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys(
                (
                    "unlimited_gifts",
                    "limited_gifts",
                    "unique_gifts",
                    "premium_subscription",
                    "gifts_from_channels",
                ),
                False,
            ),
        }
        if not room.private:
            full["permissions"] = {
                "can_send_messages": True,
                "can_send_photos": True,
                "can_send_documents": True,
                "can_send_other_messages": True,
                "can_invite_users": True,
            }
        if room.pinned and room.pinned[-1] in room.messages:
            full["pinned_message"] = room.messages[room.pinned[-1]].body
        return full

    @bot_method
    def api_get_chat_member(self, args: Arguments) -> Json:
        """Somebody's standing: https://core.telegram.org/bots/api#getchatmember."""
        room = self._target(args, writing=False)
        who = args.integer("user_id")
        if who != self._bot_user["id"] and who not in self._people:
            raise BadRequestError("invalid user_id specified")
        return room.standing(who).as_json(self._user(who))

    @bot_method
    def api_get_chat_administrators(self, args: Arguments) -> list[Json]:
        """Who runs a group: https://core.telegram.org/bots/api#getchatadministrators."""
        room = self._target(args, writing=False)
        if room.private:
            raise BadRequestError("there are no administrators in the private chat")
        return [
            member.as_json(self._user(who))
            for who, member in room.members.items()
            # Other bots are left out, and here the bot itself is the only one.
            if member.admin and (who != self._bot_user["id"] or args.truth("return_bots"))
        ]

    @bot_method
    def api_get_chat_member_count(self, args: Arguments) -> int:
        """How many are in it: https://core.telegram.org/bots/api#getchatmembercount."""
        room = self._target(args, writing=False)
        return sum(member.present for member in room.members.values())

    @bot_method
    def api_leave_chat(self, args: Arguments) -> bool:
        """The bot goes: https://core.telegram.org/bots/api#leavechat."""
        room = self._target(args)
        if room.private:
            raise BadRequestError("chat member status can't be changed in private chats")
        old = room.standing(self._bot_user["id"])
        self._post(room, self._bot_user, {"left_chat_member": self._bot_user})
        room.members[self._bot_user["id"]] = Member("left")
        self._save_room(room)
        self._tell(room, "chat")
        change = standing_change(
            room,
            self._bot_user,
            self._bot_user,
            old=old,
            new=Member("left"),
            date=self.now(),
        )
        self._enqueue("my_chat_member", change)
        return True

    @bot_method
    def api_send_chat_action(self, args: Arguments) -> bool:
        """The bot is typing: https://core.telegram.org/bots/api#sendchataction."""
        room = self._target(args)
        action = args.text("action")
        if action not in _ACTIONS:
            raise BadRequestError("wrong parameter action in request")
        self._tell(room, "chat_action", action=action)
        return True

    @bot_method
    def api_set_message_reaction(self, args: Arguments) -> bool:
        """The bot's reaction: https://core.telegram.org/bots/api#setmessagereaction."""
        room = self._target(args)
        message_id = args.integer("message_id")
        stored = room.messages.get(message_id)
        if stored is None:
            raise BadRequestError("message to react not found")
        emoji = [str(one.get("emoji")) for one in args.objects("reaction")]
        if len(emoji) > 1:
            raise BadRequestError("REACTIONS_TOO_MANY")
        if not _REACTIONS.issuperset(emoji):
            raise BadRequestError("REACTION_INVALID")
        stored.reactions.pop(self._bot_user["id"], None)
        if emoji:
            stored.reactions[self._bot_user["id"]] = emoji
        self._save_message(room, message_id, stored)
        self._tell(room, "reaction", message_id)
        return True

    @bot_method
    def api_pin_chat_message(self, args: Arguments) -> bool:
        """A message on top: https://core.telegram.org/bots/api#pinchatmessage."""
        room = self._target(args)
        self._need(room, "can_pin_messages", "not enough rights to manage pinned messages")
        message_id = args.integer("message_id")
        stored = room.messages.get(message_id)
        if stored is None:
            raise BadRequestError("message to pin not found")
        if message_id not in room.pinned:
            room.pinned.append(message_id)
            self._save_room(room)
            self._post(room, self._bot_user, {"pinned_message": stored.body})
        return True

    @bot_method
    def api_unpin_chat_message(self, args: Arguments) -> bool:
        """Off the top again: https://core.telegram.org/bots/api#unpinchatmessage."""
        room = self._target(args)
        self._need(room, "can_pin_messages", "not enough rights to manage pinned messages")
        message_id = args.integer("message_id") or (room.pinned[-1] if room.pinned else 0)
        if message_id not in room.pinned:
            raise BadRequestError("message to unpin not found")
        room.pinned.remove(message_id)
        self._save_room(room)
        self._tell(room, "chat")
        return True

    # Topics

    @bot_method
    def api_create_forum_topic(self, args: Arguments) -> Json:
        """A topic: https://core.telegram.org/bots/api#createforumtopic."""
        room = self._forum(args)
        name = args.text("name").strip()
        if not 0 < len(name) <= 128:
            raise BadRequestError(
                "topic name must be non-empty" if not name else "TOPIC_TITLE_TOO_LONG"
            )
        topic: Json = {
            "name": name,
            "icon_color": args.integer("icon_color", _TOPIC_COLOUR),
        }
        created = self._post(room, self._bot_user, {"forum_topic_created": topic})
        thread_id = created["message_id"]
        self._replace(
            room,
            thread_id,
            {**created, "message_thread_id": thread_id, "is_topic_message": True},
        )
        room.topics[thread_id] = {**topic, "closed": False}
        self._save_room(room)
        return {"message_thread_id": thread_id, **topic}

    @bot_method
    def api_edit_forum_topic(self, args: Arguments) -> bool:
        """A topic's name: https://core.telegram.org/bots/api#editforumtopic."""
        room, thread_id = self._topic(args)
        name = args.text("name").strip()
        if name and name != room.topics[thread_id]["name"]:
            room.topics[thread_id] = {**room.topics[thread_id], "name": name}
            self._save_room(room)
            self._topic_service(room, thread_id, "forum_topic_edited", {"name": name})
        return True

    @bot_method
    def api_close_forum_topic(self, args: Arguments) -> bool:
        """No more words in it: https://core.telegram.org/bots/api#closeforumtopic."""
        return self._close_topic(args, "forum_topic_closed", closed=True)

    @bot_method
    def api_reopen_forum_topic(self, args: Arguments) -> bool:
        """Words again: https://core.telegram.org/bots/api#reopenforumtopic."""
        return self._close_topic(args, "forum_topic_reopened", closed=False)

    # What the methods have in common

    @property
    def webhook(self) -> tuple[str, str, int, int] | None:
        """Address, secret, most connections and number of the webhook, if there is one."""
        with self._lock:
            hook = self._settings.get("webhook", {})
            if not hook.get("url"):
                return None
            return hook["url"], hook["secret_token"], hook["max_connections"], self._hooks

    def webhook_failed(self, why: str) -> None:
        """Remember for getWebhookInfo how the newest delivery failed."""
        with self._transaction():
            hook = self._settings.get("webhook", {})
            if hook.get("url"):
                failed = {"last_error_date": self.now(), "last_error_message": why}
                self._set("webhook", hook | failed)

    @property
    def polls(self) -> int:
        """The number of the newest getUpdates."""
        with self._lock:
            return self._polls

    def look_again(self, token: str, args: Arguments, ticket: int) -> Json:
        """What a waiting getUpdates would answer now.

        Args:
            token: the bot's.
            args: its parameters; the offset was applied when it began.
            ticket: its number, as `polls` told it.

        Returns:
            Telegram's envelope: 409 if another getUpdates or a webhook took its place.
        """
        with self._transaction():
            try:
                self._check_token(token)
                self._check_poll(ticket)
                return {"ok": True, "result": self._waiting_updates(args)}
            except ApiError as refusal:
                return refusal.envelope()

    def _check_poll(self, ticket: int) -> None:
        if self._settings.get("webhook", {}).get("url"):
            raise ApiError(409, "Conflict: terminated by setWebhook request")
        if ticket != self._polls:
            raise ApiError(
                409,
                "Conflict: terminated by other getUpdates request;"
                " make sure that only one bot instance is running",
            )

    def _waiting_updates(self, args: Arguments) -> list[Json]:
        limit = args.integer("limit", MOST_UPDATES)
        limit = min(limit, MOST_UPDATES) if limit > 0 else MOST_UPDATES
        return [pending.body for pending in self._updates.first(limit, self._clock())]

    def commands_for(self, person: int, chat_id: int) -> list[Json]:
        """The command menu somebody sees in a chat: the narrowest that is set.

        See https://core.telegram.org/bots/api#determining-list-of-commands.
        """
        with self._lock:
            room = self.room(chat_id)
            language = str(self._people[person].user.get("language_code", ""))[:2]
            if room.private:
                scopes = [f"chat:{chat_id}", "all_private_chats", "default"]
            else:
                admin = room.standing(person).admin
                scopes = [
                    f"chat_member:{chat_id}:{person}",
                    *([f"chat_administrators:{chat_id}"] if admin else []),
                    f"chat:{chat_id}",
                    *(["all_chat_administrators"] if admin else []),
                    "all_group_chats",
                    "default",
                ]
            menus: dict[str, list[Json]] = self._settings.get("commands", {})
            for scope in scopes:
                for spoken in (language, ""):
                    menu = menus.get(f"{scope}/{spoken}")
                    if menu:
                        return menu
            return []

    def description_for(self, person: int) -> str:
        """What an empty chat with the bot shows to somebody."""
        with self._lock:
            language = str(self._people[person].user.get("language_code", ""))[:2]
            texts: dict[str, str] = self._settings.get("descriptions", {})
            return texts.get(f"description/{language}") or texts.get("description/", "")

    def _check_token(self, token: str) -> None:
        if not _TOKEN.fullmatch(token):
            raise ApiError(401, "Unauthorized: invalid token specified")
        if token != self.token:
            raise ApiError(401, "Unauthorized")

    @classmethod
    def _method(cls, name: str) -> BotMethod[Any]:
        found = cls._methods.get(name.lower())
        if found is None:
            raise ApiError(404, "Not Found: method not found")
        return found

    def _target(self, args: Arguments, name: str = "chat_id", *, writing: bool = True) -> Room:
        """The chat a call means, if the bot may do this there."""
        given = args.text(name).strip()
        if not given:
            raise BadRequestError(f"{name} is empty")
        room = self._rooms.get(int(given)) if _CHAT_ID.fullmatch(given) else None
        if room is None:
            raise BadRequestError("chat not found")
        if room.private:
            person = self._people[room.id]
            if not person.started:
                # A bot knows only who wrote to it, or shares a group with it.
                if writing:
                    raise ForbiddenError("bot can't initiate conversation with a user")
                raise BadRequestError("chat not found")
            if writing and person.deactivated:
                raise ForbiddenError("user is deactivated")
            if writing and person.blocked:
                raise ForbiddenError("bot was blocked by the user")
            return room
        if room.migrated_to is not None:
            raise BadRequestError(
                "group chat was upgraded to a supergroup chat",
                {"migrate_to_chat_id": room.migrated_to},
            )
        standing = room.members.get(self._bot_user["id"])
        if standing is None:
            raise BadRequestError("chat not found")
        if not standing.present:
            kind = room.type
            if kind == "group" or standing.status == "kicked":
                raise ForbiddenError(f"bot was kicked from the {kind} chat")
            raise ForbiddenError(f"bot is not a member of the {kind} chat")
        return room

    def _need(self, room: Room, right: str, otherwise: str) -> None:
        if not room.private and not room.standing(self._bot_user["id"]).may(right):
            raise BadRequestError(otherwise)

    def _forum(self, args: Arguments) -> Room:
        room = self._target(args)
        if not room.forum:
            raise BadRequestError("the chat is not a forum")
        self._need(room, "can_manage_topics", "not enough rights to create a topic")
        return room

    def _topic(self, args: Arguments) -> tuple[Room, int]:
        room = self._forum(args)
        thread_id = args.integer("message_thread_id")
        if thread_id not in room.topics:
            raise BadRequestError("message thread not found")
        return room, thread_id

    def _topic_service(self, room: Room, thread_id: int, kind: str, value: Json) -> None:
        content = {"message_thread_id": thread_id, "is_topic_message": True, kind: value}
        self._post(room, self._bot_user, content)

    def _close_topic(self, args: Arguments, kind: str, *, closed: bool) -> bool:
        room, thread_id = self._topic(args)
        if room.topics[thread_id]["closed"] is closed:
            raise BadRequestError("TOPIC_NOT_MODIFIED")
        room.topics[thread_id] = {**room.topics[thread_id], "closed": closed}
        self._save_room(room)
        self._topic_service(room, thread_id, kind, {})
        return True

    def _allow(self, args: Arguments) -> None:
        listed = args.sequence("allowed_updates")
        allowed = allowed_from(listed)
        if allowed != self._updates.allowed:
            self._updates.allowed = allowed
            self._set("allowed_updates", listed or [])

    def _drop_webhook(self, args: Arguments) -> bool:
        if args.truth("drop_pending_updates"):
            self._updates.keep_last(0)
        self._hooks += 1
        if self._settings.get("webhook"):
            self._set("webhook", {})
        self._rang = True
        return True

    def _scope(self, args: Arguments) -> str:
        scope = args.mapping("scope") or {}
        parts = [str(scope.get("type", "default"))]
        parts += [str(scope[name]) for name in ("chat_id", "user_id") if name in scope]
        return f"{':'.join(parts)}/{args.text('language_code')}"

    def _set_commands(self, args: Arguments, commands: list[Json]) -> None:
        menus = {**self._settings.get("commands", {}), self._scope(args): commands}
        if not commands:
            del menus[self._scope(args)]
        self._set("commands", menus)
        for room in self._rooms.values():
            self._tell(room, "commands")

    def _describe(self, what: str, args: Arguments, most: int) -> None:
        text = args.text(what)
        if len(text) > most:
            raise BadRequestError(f"bot {what.replace('_', ' ')} is too long")
        texts = self._settings.get("descriptions", {})
        self._set("descriptions", {**texts, f"{what}/{args.text('language_code')}": text})

    def _described(self, what: str, args: Arguments) -> str:
        texts: dict[str, str] = self._settings.get("descriptions", {})
        return texts.get(f"{what}/{args.text('language_code')}", "")
