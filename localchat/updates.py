"""The queue of updates that waits for the bot.

An update stays until the bot confirms it, or until it is too old to be worth anything. In what
order the webhook delivers them is told by each update's queue: the messages of one chat wait for
each other, a person's button presses form a queue of their own and may overtake.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from localchat.json_types import Json

MESSAGE_LIFE_S = 24 * 3600.0
CALLBACK_LIFE_S = 150.0

# Sent only to who asks for them.
ONLY_IF_ASKED = frozenset({"chat_member", "message_reaction", "message_reaction_count"})

Queue = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Pending:
    """An update not confirmed yet.

    Attributes:
        update_id: strictly increasing.
        queue: updates of one queue are delivered one after the other.
        body: the update as the bot gets it.
        dies_at: seconds since 1970; delivered no later.
    """

    update_id: int
    queue: Queue
    body: Json
    dies_at: float


def queue_of(kind: str, payload: Json) -> Queue:
    """The delivery queue of an update."""
    if kind == "callback_query":
        return ("callback", payload["from"]["id"])
    if kind == "chat_member":
        return ("member", payload["from"]["id"])
    if kind.startswith("message_reaction"):
        return ("reaction", payload["chat"]["id"])
    if "chat" in payload:
        return ("chat", payload["chat"]["id"])
    return (kind, payload.get("from", {}).get("id", 0))


class UpdateQueue:
    """Updates in the order they happened."""

    def __init__(self, forget: Callable[[int], None]) -> None:
        """An empty queue.

        Args:
            forget: told the id of every update that leaves.
        """
        self._waiting: OrderedDict[int, Pending] = OrderedDict()
        self._forget = forget
        self.allowed: frozenset[str] | None = None

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def wants(self, kind: str) -> bool:
        """Whether the bot asked for this kind of update."""
        return kind in self.allowed if self.allowed else kind not in ONLY_IF_ASKED

    def put(self, pending: Pending) -> None:
        """Add the newest update."""
        self._waiting[pending.update_id] = pending

    def lives(self, update_id: int, now: float) -> bool:
        """Whether an update waits and is not too old; too old ones leave."""
        pending = self._waiting.get(update_id)
        if pending is not None and pending.dies_at <= now:
            self.confirm(update_id)
            return False
        return pending is not None

    def confirm(self, update_id: int) -> None:
        """One update was delivered."""
        if self._waiting.pop(update_id, None) is not None:
            self._forget(update_id)

    def confirm_before(self, offset: int) -> None:
        """All updates below an id were delivered."""
        while self._waiting and next(iter(self._waiting)) < offset:
            update_id, _ = self._waiting.popitem(last=False)
            self._forget(update_id)

    def keep_last(self, count: int) -> None:
        """Only the newest stay, the others count as delivered."""
        while len(self._waiting) > count:
            update_id, _ = self._waiting.popitem(last=False)
            self._forget(update_id)

    def first(self, limit: int, now: float) -> list[Pending]:
        """The oldest living updates, at most `limit`."""
        found: list[Pending] = []
        dead: list[int] = []
        for pending in self._waiting.values():
            if pending.dies_at <= now:
                dead.append(pending.update_id)
                continue
            found.append(pending)
            if len(found) == limit:
                break
        for update_id in dead:
            self.confirm(update_id)
        return found

    def newest_first(self) -> Iterator[Pending]:
        """All, newest first; the queue must not change meanwhile."""
        return reversed(self._waiting.values())

    def __iter__(self) -> Iterator[Pending]:
        """All, oldest first."""
        return iter(list(self._waiting.values()))


def allowed_from(listed: list[Any] | None) -> frozenset[str] | None:
    """`allowed_updates` as a set; an empty list means the usual kinds."""
    return frozenset(str(kind) for kind in listed) if listed else None
