"""Who is in the world and where they talk."""

from dataclasses import dataclass, field
from typing import Any

from localchat.json_types import Json

# Ids of supergroups begin with -100; the number behind them is the group's own.
SUPERGROUP_BASE = -1_000_000_000_000

_PRESENT = frozenset({"creator", "administrator", "member"})
_ADMINS = frozenset({"creator", "administrator"})

ADMIN_RIGHTS: Json = {
    "can_be_edited": False,
    "is_anonymous": False,
    "can_manage_chat": True,
    "can_delete_messages": True,
    "can_manage_video_chats": True,
    "can_restrict_members": True,
    "can_promote_members": False,
    "can_change_info": True,
    "can_invite_users": True,
    "can_post_stories": False,
    "can_edit_stories": False,
    "can_delete_stories": False,
    "can_send_welcome_messages": False,
    "can_pin_messages": True,
    "can_manage_topics": True,
}


@dataclass(slots=True)
class Person:
    """Somebody to be.

    Attributes:
        user: the Bot API's `User`.
        role: what they are in the city: rider, reviewer, resident, shop, team.
        about: a line about them, by language.
        started: they have written to the bot, so it may write to them.
        blocked: they blocked the bot.
        deactivated: their account is gone.
    """

    user: Json
    role: str = "rider"
    about: dict[str, str] = field(default_factory=dict)
    started: bool = False
    blocked: bool = False
    deactivated: bool = False

    @property
    def id(self) -> int:
        """The user's id."""
        found: int = self.user["id"]
        return found


@dataclass(slots=True)
class Member:
    """Somebody's standing in a group.

    Attributes:
        status: creator, administrator, member, left or kicked.
        rights: for administrators, what differs from `ADMIN_RIGHTS`.
    """

    status: str
    rights: Json = field(default_factory=dict)

    @property
    def present(self) -> bool:
        """Whether they are in the group now."""
        return self.status in _PRESENT

    @property
    def admin(self) -> bool:
        """Whether they run the group."""
        return self.status in _ADMINS

    def may(self, right: str) -> bool:
        """Whether an administrator has a right, e.g. `can_pin_messages`."""
        if self.status == "creator":
            return True
        return self.admin and bool({**ADMIN_RIGHTS, **self.rights}.get(right))

    def as_json(self, user: Json) -> Json:
        """The Bot API's `ChatMember`."""
        if self.status == "administrator":
            return {"status": "administrator", "user": user, **ADMIN_RIGHTS, **self.rights}
        if self.status == "creator":
            return {"status": "creator", "user": user, "is_anonymous": False}
        if self.status == "kicked":
            return {"status": "kicked", "user": user, "until_date": 0}
        return {"status": self.status, "user": user}


@dataclass(slots=True)
class Stored:
    """A message as the world keeps it.

    Attributes:
        body: the Bot API's `Message`. Never changed in place: updates in the queue share it.
        markup: a reply keyboard, its removal or a forced reply; the Bot API shows no one these.
        reactions: emoji by who gave them.
    """

    body: Json
    markup: Json | None = None
    reactions: dict[int, list[str]] = field(default_factory=dict)

    def as_row(self) -> Json:
        """What the journal keeps."""
        return {
            "body": self.body,
            "markup": self.markup,
            "reactions": {str(who): given for who, given in self.reactions.items()},
        }

    @classmethod
    def from_row(cls, row: Json) -> "Stored":
        """Back from the journal."""
        return cls(
            row["body"],
            row["markup"],
            {int(who): given for who, given in row["reactions"].items()},
        )


@dataclass(slots=True)
class Room:
    """A chat. A private chat is the bot's with one person and has that person's id.

    Attributes:
        chat: the Bot API's `Chat`.
        members: standing by user id, the bot's too.
        messages: by id, oldest first.
        next_id: what the next message is called.
        migrated_to: the supergroup this group became.
        topics: `ForumTopic` by thread id, with `closed` where they are.
        pinned: message ids, newest last.
        read: the newest message each person has seen.
    """

    chat: Json
    members: dict[int, Member] = field(default_factory=dict)
    messages: dict[int, Stored] = field(default_factory=dict)
    next_id: int = 1
    migrated_to: int | None = None
    topics: dict[int, Json] = field(default_factory=dict)
    pinned: list[int] = field(default_factory=list)
    read: dict[int, int] = field(default_factory=dict)

    @property
    def id(self) -> int:
        """The chat's id."""
        found: int = self.chat["id"]
        return found

    @property
    def type(self) -> str:
        """`private`, `group` or `supergroup`."""
        found: str = self.chat["type"]
        return found

    @property
    def private(self) -> bool:
        """Whether it is the bot's chat with one person."""
        return self.type == "private"

    @property
    def forum(self) -> bool:
        """Whether it has topics."""
        return bool(self.chat.get("is_forum"))

    def holds(self, user_id: int) -> bool:
        """Whether somebody is in it now."""
        member = self.members.get(user_id)
        return member is not None and member.present

    def standing(self, user_id: int) -> Member:
        """Somebody's standing; who never was in it has left."""
        return self.members.get(user_id) or Member("left")

    def as_row(self) -> Json:
        """What the journal keeps of it, messages apart."""
        return {
            "chat": self.chat,
            "members": [[who, one.status, one.rights] for who, one in self.members.items()],
            "migrated_to": self.migrated_to,
            "topics": [[thread, topic] for thread, topic in self.topics.items()],
            "pinned": self.pinned,
            "read": [[who, seen] for who, seen in self.read.items()],
        }

    @classmethod
    def from_row(cls, row: Json) -> "Room":
        """Back from the journal, without messages."""
        return cls(
            chat=row["chat"],
            members={who: Member(status, rights) for who, status, rights in row["members"]},
            migrated_to=row["migrated_to"],
            topics=dict(row["topics"]),
            pinned=row["pinned"],
            read=dict(row["read"]),
        )


def bare(message: Json) -> Json:
    """A message as others quote it: without what it quotes itself."""
    return {key: value for key, value in message.items() if key not in _QUOTING}


_QUOTING = frozenset({"reply_to_message", "pinned_message"})


def is_service(message: Json) -> bool:
    """Whether a message is the chat's own and nobody's words."""
    return not _SERVICE.isdisjoint(message)


_SERVICE = frozenset(
    {
        "new_chat_members",
        "left_chat_member",
        "new_chat_title",
        "group_chat_created",
        "supergroup_chat_created",
        "migrate_to_chat_id",
        "migrate_from_chat_id",
        "pinned_message",
        "forum_topic_created",
        "forum_topic_edited",
        "forum_topic_closed",
        "forum_topic_reopened",
    }
)


def standing_change(
    room: Room, actor: Json, user: Json, *, old: Member, new: Member, date: int
) -> Json:
    """The Bot API's `ChatMemberUpdated`."""
    changed: dict[str, Any] = {
        "chat": room.chat,
        "from": actor,
        "date": date,
        "old_chat_member": old.as_json(user),
        "new_chat_member": new.as_json(user),
    }
    return changed
