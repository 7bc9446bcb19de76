"""The state of a world, and how it changes: one call, one transaction, written down first."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from threading import RLock
from typing import Any, NamedTuple, Protocol

from localchat.errors import PeopleError
from localchat.faults import Faults
from localchat.filing import FileRecord, Files
from localchat.json_types import Json
from localchat.limits import Limits
from localchat.rooms import Member, Person, Room, Stored, is_service
from localchat.updates import (
    CALLBACK_LIFE_S,
    MESSAGE_LIFE_S,
    Pending,
    UpdateQueue,
    allowed_from,
    queue_of,
)

KEPT_EVENTS = 20_000
KEPT_ANSWERS = 10_000

DEFAULT_TOKEN = "10000:local-chat-token"  # noqa: S105 - opens nothing but the chat of this machine
DEFAULT_BOT: Json = {
    "id": 10000,
    "is_bot": True,
    "first_name": "Local bot",
    "username": "local_bot",
}


class Change(NamedTuple):
    """One row to write down.

    Attributes:
        kind: person, room, message, update, query, file, blob or setting.
        key: which one.
        body: its new state, JSON or bytes; None takes it away.
    """

    kind: str
    key: str
    body: Any


class Journal(Protocol):
    """Where changes are written down before a call is answered."""

    def write(self, changes: Sequence[Change]) -> None:
        """Write all of them, or none."""

    def rows(self, kind: str) -> Iterator[tuple[str, Any]]:
        """All rows of a kind, oldest first."""

    def blob(self, key: str) -> bytes | None:
        """The bytes of a file."""

    def close(self) -> None:
        """Nothing more is written."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something the people in a chat can see happen.

    Attributes:
        seq: strictly increasing.
        chat_id: where.
        kind: `message`, `edited`, `deleted`, `reaction`, `chat`, `chat_action`, `callback_answer`
            or `commands`.
        message_id: of which message, if any.
        person: only this person sees it; None shows it to all in the chat.
        detail: more fields.
    """

    seq: int
    chat_id: int
    kind: str
    message_id: int | None
    person: int | None
    detail: Json


@dataclass(slots=True)
class Query:
    """A button press the bot may answer once."""

    person: int
    chat_id: int
    message_id: int
    at: float
    answered: bool = False


class State:
    """Everything in a world, guarded by one lock."""

    def __init__(
        self,
        *,
        token: str = DEFAULT_TOKEN,
        bot: Json | None = None,
        clock: Callable[[], float] = time.time,
        limits: bool = False,
        privacy: bool = True,
        journal: Journal | None = None,
    ) -> None:
        """An empty world, or the one a journal holds.

        Args:
            token: the bot's.
            bot: the bot's `User`.
            clock: seconds since 1970.
            limits: whether Telegram's sending limits are enforced.
            privacy: whether the bot, where it is no administrator, sees in groups only what is
                meant for it.
            journal: where every change is written down; None keeps the world in memory only.
        """
        self.token = token
        self.bot: Json = {
            "can_join_groups": True,
            "can_read_all_group_messages": not privacy,
            "supports_inline_queries": False,
            **(bot or DEFAULT_BOT),
        }
        # As others see it in messages: `User` without what only getMe tells.
        self._bot_user: Json = {
            key: self.bot[key] for key in ("id", "is_bot", "first_name", "username")
        }
        self.faults = Faults()
        self._clock = clock
        self._limits = Limits() if limits else None
        self._journal = journal
        self._lock = RLock()
        self._depth = 0
        self._changes: list[Change] = []
        self._listeners: list[Callable[[], None]] = []
        self._rang = False
        self._people: dict[int, Person] = {}
        self._rooms: dict[int, Room] = {}
        self._queries: dict[str, Query] = {}
        self._answers: deque[Json] = deque(maxlen=KEPT_ANSWERS)
        self._events: dict[int, Event] = {}
        self._blobs: dict[str, bytes] = {}
        self._settings: dict[str, Any] = {}
        self._counters = {"update": 0, "event": 0, "query": 0, "group": 0, "album": 0}
        self._counted = False
        self._polls = 0
        self._hooks = 0
        self._files = Files(self._keep_file, self._fetch_file)
        self._updates = UpdateQueue(lambda update_id: self._note("update", str(update_id), None))
        if journal is not None:
            self._restore(journal)

    # Transactions

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Hold the lock; at the outermost end write the changes down, then tell the listeners."""
        with self._lock:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    self._finish()

    def _finish(self) -> None:
        if self._journal is not None:
            if self._counted:
                self._changes.append(Change("setting", "counters", self._counters))
            if self._changes:
                # If this fails they stay, and the next call writes them too.
                self._journal.write(self._changes)
                self._changes = []
        self._counted = False
        if self._rang:
            self._rang = False
            for listener in self._listeners:
                listener()

    def _note(self, kind: str, key: str, body: Any) -> None:
        if self._journal is not None:
            self._changes.append(Change(kind, key, body))

    def _next(self, counter: str) -> int:
        self._counters[counter] += 1
        self._counted = True
        return self._counters[counter]

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Be told of news.

        Args:
            listener: called after every change that made an update or an event, in whatever thread
                made it; must return at once and never raise.

        Returns:
            What ends it.
        """
        with self._lock:
            self._listeners.append(listener)

        def stop() -> None:
            with self._lock:
                self._listeners.remove(listener)

        return stop

    def close(self) -> None:
        """Close the journal, if there is one; nothing may be called afterwards."""
        with self._lock:
            if self._journal is not None:
                self._journal.close()

    def ring(self) -> None:
        """Tell all listeners that there is news, though nothing changed."""
        with self._lock:
            for listener in self._listeners:
                listener()

    def _restore(self, journal: Journal) -> None:
        settings = dict(journal.rows("setting"))
        self._counters.update(settings.pop("counters", {}))
        self._settings = settings
        for _, row in journal.rows("person"):
            person = Person(**row)
            self._people[person.id] = person
        for _, row in journal.rows("room"):
            room = Room.from_row(row)
            self._rooms[room.id] = room
        found = []
        for key, row in journal.rows("message"):
            chat_id, message_id = (int(part) for part in key.split(":"))
            found.append((message_id, chat_id, row))
        for message_id, chat_id, row in sorted(found, key=lambda one: one[0]):
            room = self._rooms[chat_id]
            room.next_id = message_id + 1
            if row is not None and not row.get("deleted"):
                room.messages[message_id] = Stored.from_row(row)
        for _, row in sorted(journal.rows("update"), key=lambda one: int(one[0])):
            self._updates.put(
                Pending(row["update_id"], tuple(row["queue"]), row["body"], row["dies_at"])
            )
        for key, row in journal.rows("query"):
            self._queries[key] = Query(**row)
        for _, row in journal.rows("file"):
            self._files.restore(FileRecord(**row))
        self._updates.allowed = allowed_from(self._settings.get("allowed_updates"))

    def _set(self, name: str, value: Any) -> None:
        self._settings[name] = value
        self._note("setting", name, value)

    # Files

    def _keep_file(self, record: FileRecord, data: bytes) -> None:
        # Without a journal the bytes stay here; with one they would only be there twice.
        if self._journal is None:
            self._blobs[record.file_id] = data
            return
        self._note("file", record.file_id, record.as_row())
        self._note("blob", record.file_id, data)

    def _fetch_file(self, file_id: str) -> bytes | None:
        if self._journal is None:
            return self._blobs.get(file_id)
        return self._journal.blob(file_id)

    def file_at(self, path: str) -> FileRecord | None:
        """The file a `file_path` of getFile means."""
        with self._lock:
            return self._files.at(path)

    def file(self, file_id: str) -> FileRecord | None:
        """The file with an id."""
        with self._lock:
            return self._files.get(file_id)

    def read_file(self, record: FileRecord) -> bytes:
        """The bytes of a file."""
        with self._lock:
            return self._files.read(record)

    # Rooms and messages

    def now(self) -> int:
        """Seconds since 1970, as messages carry them."""
        return int(self._clock())

    def _save_room(self, room: Room) -> None:
        if self._journal is not None:
            self._note("room", str(room.id), room.as_row())

    def _save_message(self, room: Room, message_id: int, stored: Stored) -> None:
        if self._journal is not None:
            self._note("message", f"{room.id}:{message_id}", stored.as_row())

    def _save_person(self, person: Person) -> None:
        if self._journal is not None:
            row = {
                "user": person.user,
                "role": person.role,
                "about": person.about,
                "started": person.started,
                "blocked": person.blocked,
                "deactivated": person.deactivated,
            }
            self._note("person", str(person.id), row)

    def _user(self, user_id: int) -> Json:
        if user_id == self._bot_user["id"]:
            return self._bot_user
        return self._people[user_id].user

    def _post(
        self,
        room: Room,
        sender: Json,
        content: Json,
        *,
        markup: Json | None = None,
        hidden: bool = False,
    ) -> Json:
        """A new message; the bot hears of it unless it is its own, or `hidden` says not."""
        message_id = room.next_id
        room.next_id += 1
        body: Json = {
            "message_id": message_id,
            "from": sender,
            "chat": room.chat,
            "date": self.now(),
            **content,
        }
        stored = Stored(body, markup)
        room.messages[message_id] = stored
        self._save_message(room, message_id, stored)
        self._tell(room, "message", message_id)
        if sender is not self._bot_user and not hidden and self._bot_sees(room, body):
            self._enqueue("message", body)
        return body

    def _replace(self, room: Room, message_id: int, body: Json) -> None:
        """A message in its new form."""
        stored = room.messages[message_id]
        stored.body = body
        self._save_message(room, message_id, stored)
        self._tell(room, "edited", message_id)

    def _remove(self, room: Room, message_id: int) -> None:
        del room.messages[message_id]
        # The row stays as a marker, so that after a restart the id is not given out again.
        self._note("message", f"{room.id}:{message_id}", {"deleted": True})
        if message_id in room.pinned:
            room.pinned.remove(message_id)
            self._save_room(room)
        self._tell(room, "deleted", message_id)

    def _bot_sees(self, room: Room, body: Json) -> bool:
        """Privacy mode: https://core.telegram.org/bots/features#privacy-mode."""
        if room.private:
            return True
        standing = room.standing(self._bot_user["id"])
        if not standing.present:
            return False
        if standing.admin or self.bot["can_read_all_group_messages"] or is_service(body):
            return True
        answered = body.get("reply_to_message", {}).get("from", {}).get("id")
        if answered == self._bot_user["id"]:
            return True
        words = body.get("text") or body.get("caption") or ""
        for entity in body.get("entities") or body.get("caption_entities") or ():
            if entity["type"] == "bot_command" and entity["offset"] == 0:
                _, _, to = words[: entity["length"]].partition("@")
                return not to or to.lower() == self.bot["username"].lower()
        return False

    def _enqueue(self, kind: str, payload: Json) -> int | None:
        """An update for the bot, if it asked for its kind."""
        return self._put_update(kind, payload) if self._updates.wants(kind) else None

    def _put_update(self, kind: str, payload: Json) -> int:
        update_id = self._next("update")
        life = CALLBACK_LIFE_S if kind == "callback_query" else MESSAGE_LIFE_S
        pending = Pending(
            update_id,
            queue_of(kind, payload),
            {"update_id": update_id, kind: payload},
            self._clock() + life,
        )
        self._updates.put(pending)
        if self._journal is not None:
            row = {
                "update_id": update_id,
                "queue": pending.queue,
                "body": pending.body,
                "dies_at": pending.dies_at,
            }
            self._note("update", str(update_id), row)
        self._rang = True
        return update_id

    def _tell(
        self,
        room: Room,
        kind: str,
        message_id: int | None = None,
        *,
        person: int | None = None,
        **detail: Any,
    ) -> None:
        seq = self._next("event")
        self._events[seq] = Event(seq, room.id, kind, message_id, person, detail)
        self._events.pop(seq - KEPT_EVENTS, None)
        self._rang = True

    def _save_query(self, query_id: str, query: Query) -> None:
        if self._journal is not None:
            self._note("query", query_id, asdict(query))

    def _forget_queries(self) -> None:
        """Presses too old to be answered leave from the front; they are in order of time."""
        while self._queries:
            query_id, oldest = next(iter(self._queries.items()))
            if self._clock() - oldest.at <= CALLBACK_LIFE_S:
                break
            del self._queries[query_id]
            self._note("query", query_id, None)

    def _album_id(self) -> str:
        return str(13_000_000_000_000_000 + self._next("album"))

    # What everybody may look at

    def add_person(
        self,
        user: Json,
        *,
        role: str = "rider",
        about: dict[str, str] | None = None,
        started: bool = False,
    ) -> Person:
        """Let somebody into the world; who is there already is only described anew.

        Args:
            user: the Bot API's `User`: `id` and `first_name` at least.
            role: rider, reviewer, resident, shop or team.
            about: a line about them, by language.
            started: whether they have written to the bot before.

        Returns:
            The person.
        """
        with self._transaction():
            whole = {"is_bot": False, **user}
            person = Person(whole, role, about or {}, started=started)
            known = self._people.get(person.id)
            if known is not None:
                person.started = known.started or started
                person.blocked, person.deactivated = known.blocked, known.deactivated
            self._people[person.id] = person
            self._save_person(person)
            chat: Json = {
                key: whole[key]
                for key in ("id", "first_name", "last_name", "username")
                if key in whole
            }
            if person.id not in self._rooms:
                room = Room({**chat, "type": "private"})
                room.members = {
                    person.id: Member("member"),
                    self._bot_user["id"]: Member("member"),
                }
                self._rooms[room.id] = room
                self._save_room(room)
            return person

    @property
    def people(self) -> dict[int, Person]:
        """Everybody, by id."""
        with self._lock:
            return dict(self._people)

    def room(self, chat_id: int) -> Room:
        """A chat.

        Raises:
            PeopleError: there is none of this id.
        """
        with self._lock:
            found = self._rooms.get(chat_id)
            if found is None:
                raise PeopleError(404, "There is no such chat.", "没有这个聊天。")
            return found

    def has_chat(self, chat_id: int) -> bool:
        """Whether there is a chat of this id."""
        with self._lock:
            return chat_id in self._rooms

    def rooms_of(self, person: int) -> list[Room]:
        """The chats somebody is in, those with the newest message first."""
        with self._lock:
            mine = [room for room in self._rooms.values() if room.holds(person)]
            return sorted(mine, key=_newest, reverse=True)

    def view(self, stored: Stored, viewer: int | None = None) -> Json:
        """A message as people see it: with its keyboard and its reactions.

        Args:
            stored: the message.
            viewer: whose own reactions are marked.

        Returns:
            A `Message`, with `reactions`: `[{"emoji", "count", "own"}]` where there are any.
        """
        body = stored.body
        if stored.markup is None and not stored.reactions:
            return body
        seen = dict(body)
        if stored.markup is not None:
            seen["reply_markup"] = stored.markup
        if stored.reactions:
            counted: dict[str, Json] = {}
            for who, given in stored.reactions.items():
                for emoji in given:
                    one = counted.setdefault(emoji, {"emoji": emoji, "count": 0, "own": False})
                    one["count"] += 1
                    one["own"] = one["own"] or who == viewer
            seen["reactions"] = list(counted.values())
        return seen

    def messages(
        self,
        chat_id: int,
        viewer: int | None = None,
        *,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Json]:
        """The messages of a chat, oldest first.

        Args:
            chat_id: the chat.
            viewer: who looks; None sees every chat.
            before: only messages with a smaller id.
            limit: only so many, the newest.

        Returns:
            `Message`s as `view` gives them.

        Raises:
            PeopleError: there is no such chat, or the viewer is not in it.
        """
        with self._lock:
            room = self.room(chat_id)
            if viewer is not None and not room.holds(viewer):
                raise PeopleError(403, "You are not in this chat.", "你不在这个聊天里。")
            found: list[Json] = []
            for message_id in reversed(room.messages):
                if before is not None and message_id >= before:
                    continue
                if limit is not None and len(found) >= limit:
                    break
                found.append(self.view(room.messages[message_id], viewer))
            found.reverse()
            return found

    def message(self, chat_id: int, message_id: int, viewer: int | None = None) -> Json:
        """One message.

        Raises:
            PeopleError: it does not exist.
        """
        with self._lock:
            room = self.room(chat_id)
            stored = room.messages.get(message_id)
            if stored is None:
                raise PeopleError(404, "There is no such message.", "没有这条消息。")
            return self.view(stored, viewer)

    @property
    def callback_answers(self) -> list[Json]:
        """What the bot answered to presses, oldest first.

        Each has `callback_query_id`, `user_id`, `text`, `show_alert`, and `url` where given.
        """
        with self._lock:
            return list(self._answers)

    @property
    def last_event(self) -> int:
        """The number of the newest event."""
        with self._lock:
            return self._counters["event"]

    def events(self, after: int = 0, viewer: int | None = None) -> list[Json]:
        """What happened.

        Args:
            after: only events with a larger number.
            viewer: whose eyes; None sees everything.

        Returns:
            Events as docs/localchat.md describes them, each with `seq`.
        """
        with self._lock:
            newest = self._counters["event"]
            first = max(after + 1, newest - KEPT_EVENTS + 1)
            found = []
            for seq in range(first, newest + 1):
                event = self._events.get(seq)
                shown = self._shown(event, viewer) if event is not None else None
                if shown is not None:
                    found.append(shown)
            return found

    def _shown(self, event: Event, viewer: int | None) -> Json | None:
        room = self._rooms[event.chat_id]
        if viewer is not None:
            if event.person not in {None, viewer}:
                return None
            if event.person is None and not room.holds(viewer):
                return None
        shown: Json = {
            "seq": event.seq,
            "type": event.kind,
            "chat_id": event.chat_id,
            **event.detail,
        }
        if event.message_id is not None:
            shown["message_id"] = event.message_id
            if event.kind in {"message", "edited", "reaction"}:
                stored = room.messages.get(event.message_id)
                # What is deleted by now is told as deleted.
                if stored is None:
                    return None
                shown["message"] = self.view(stored, viewer)
        return shown

    # The updates, for webhooks, tests and benchmarks

    @property
    def pending_updates(self) -> list[Json]:
        """All updates not confirmed yet, oldest first."""
        with self._lock:
            return [pending.body for pending in self._updates]

    def pending_after(self, update_id: int) -> list[Pending]:
        """The unconfirmed updates with a larger id, oldest first."""
        with self._lock:
            found = []
            for pending in self._updates.newest_first():
                if pending.update_id <= update_id:
                    break
                found.append(pending)
            found.reverse()
            return found

    def is_pending(self, update_id: int) -> bool:
        """Whether an update still waits and lives."""
        with self._transaction():
            return self._updates.lives(update_id, self._clock())

    def confirm(self, update_id: int) -> None:
        """An update reached the bot by webhook."""
        with self._transaction():
            self._updates.confirm(update_id)
            self._rang = True

    def inject(self, kind: str, payload: Json) -> int:
        """Put an update of any kind into the queue, for what this chat has no way to do.

        Args:
            kind: the field of `Update`, e.g. `poll`.
            payload: its value, taken as it is.

        Returns:
            The update's id.
        """
        with self._transaction():
            return self._put_update(kind, payload)


def _newest(room: Room) -> tuple[int, int]:
    last = next(reversed(room.messages), None)
    if last is None:
        return (0, room.id)
    return (room.messages[last].body["date"], last)
