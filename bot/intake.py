"""One update is one transaction.

In it: the update's id, the conversation's state, every row of the domain, every answer to be sent.
Only after the commit does the caller acknowledge the update, only then is anything sent. The whole
of it runs in one worker thread over an ordinary session. Handlers are coroutines because PTB wants
them so; since none may wait for anything but the database, each is driven to its end in one go, and
one that does wait is a bug that is reported as such.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from time import perf_counter
from typing import Any, Self

import structlog
from sqlalchemy.orm import Session
from telegram import Update
from telegram._utils.defaultvalue import DEFAULT_NONE
from telegram._utils.types import ODVInput
from telegram.ext import Application, ApplicationBuilder, ContextTypes, ExtBot
from telegram.request import BaseRequest, RequestData

from bot.database import Database, is_away, is_full
from bot.logs import frames_of
from bot.metrics import Metrics
from handlers import flood, routing_table, timers
from handlers.context import ButtonAnswer, Context, House, Turn, taking_turn
from handlers.errors import on_error
from handlers.menu import DESK_COMMANDS
from models import clock
from services import people, updates

log = structlog.get_logger()

# What we ask Telegram for; everything else would only be thrown away.
ALLOWED_UPDATES = ["message", "edited_message", "callback_query", "my_chat_member", "chat_member"]


# So often a failing database is not held against the update that met it.
AWAY_TRIES = 20
# Commands of ours in groups; whoever says anything else there is none of our business.
GROUP_COMMANDS = ("/here", "/language", "/role", *(f"/{name}" for name, _ in DESK_COMMANDS))


class Outcome(StrEnum):
    """What became of an update."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    FLOODED = "flooded"
    FAILED = "failed"
    SET_ASIDE = "set_aside"

    @property
    def settled(self) -> bool:
        """It may be acknowledged: nothing more is to be done for it."""
        return self is not Outcome.FAILED


@dataclass(frozen=True, slots=True)
class Said:
    """What of a turn concerns somebody once it is committed.

    Attributes:
        answers: to presses of buttons, to be sent.
        forged: a press to be counted as forged.
    """

    answers: list[ButtonAnswer] = field(default_factory=list)
    forged: bool = False

    @classmethod
    def of(cls, turn: Turn) -> Self:
        """What a turn leaves."""
        return cls(turn.button_answers, turn.forged)


class DatabaseAway(Exception):  # noqa: N818 - a state of the world
    """The database cannot be used now; nothing was counted against the update."""


class Malformed(ValueError):  # noqa: N818 - what Telegram would never send
    """An update whose sender, chat, message or press does not go by such an id as all others do."""


class Suspended(RuntimeError):  # noqa: N818
    """A handler waited for something: the network has no place inside a transaction."""


class Intake:
    """Applies updates, and whatever else is to be said in a transaction of its own."""

    def __init__(
        self, database: Database, house: House, me: Mapping[str, Any], metrics: Metrics
    ) -> None:
        """Nothing is opened yet.

        Args:
            database: runs the transactions.
            house: rules, districts, languages.
            me: what getMe said of the bot.
            metrics: counts updates.
        """
        self._database = database
        self._house = house
        self._me = dict(me)
        self._metrics = metrics
        self._of_thread = threading.local()
        self._listeners: list[Callable[[list[ButtonAnswer]], None]] = []
        # How often the database failed on an update, while it was the first to be tried.
        self._away: dict[int, int] = {}
        # Since when the database has had no space, as far as has been noticed and not told yet.
        self._full_since: datetime | None = None
        # Updates that failed here and will be tried again.
        self._failed: set[int] = set()

    def after_commit(self, listener: Callable[[list[ButtonAnswer]], None]) -> None:
        """Call somebody after each commit, in the event loop, with the button answers to send."""
        self._listeners.append(listener)

    async def apply(self, update: dict[str, Any]) -> Outcome:
        """Apply an update, once.

        Args:
            update: as JSON, as the Bot API gives it.

        Returns:
            What became of it; anything but FAILED may be acknowledged.

        Raises:
            DatabaseAway: try again later.
        """
        begun = perf_counter()
        outcome, said = await self._database.in_thread(self._apply, update)
        seconds = perf_counter() - begun
        kind = _kind_of(update)
        self._metrics.update(kind, outcome, seconds)
        log.debug(
            "update_taken_in",
            origin=_origin_of(update),
            kind=kind,
            outcome=outcome,
            ms=round(seconds * 1000, 1),
        )
        self._committed(said, origin=_origin_of(update))
        return outcome

    async def say(self, work: Callable[[Turn], None], *, origin: str) -> None:
        """Run something that speaks unasked: a timer, the answer to an errand.

        Args:
            work: gets a turn; what it says is sent after the commit.
            origin: what it comes from, for the log, e.g. `timer:remind`.
        """

        def in_transaction(session: Session) -> Said:
            session.info["origin"] = origin
            turn = Turn(session, self._house)
            work(turn)
            return Said.of(turn)

        self._committed(await self._database.run(in_transaction), origin=origin)

    def _committed(self, said: Said, *, origin: str) -> None:
        if said.forged:
            self._metrics.forged_press()
            # Neither who nor what: logs carry nothing of people.
            log.warning("forged_press", origin=origin)
        for listener in self._listeners:
            listener(said.answers)

    def _apply(self, raw: dict[str, Any]) -> tuple[Outcome, Said]:
        update_id = raw["update_id"]
        try:
            result = self._attempt(raw)
        except Exception as error:
            if is_full(error):
                # No update is to blame, however long it lasts.
                self.note_full()
                raise DatabaseAway("no space left") from error
            if is_away(error) and not self._blames_itself(update_id):
                raise DatabaseAway(type(error).__name__) from error
            return self._count_failure(raw, error), Said()
        self._away.pop(update_id, None)
        self._tell_of_full_disk()
        return result

    def note_full(self) -> None:
        """The disk of the database is full; whoever meets it first says so, once."""
        if self._full_since is None:
            self._full_since = clock.now()
            log.error("database_full", effect="nothing is taken in until there is space again")

    def _tell_of_full_disk(self) -> None:
        """Tell the admins of a full disk once something can be written down again."""
        since, self._full_since = self._full_since, None
        if since is None:
            return
        try:
            with self._database.transaction() as session:
                session.info["origin"] = "database"
                turn = Turn(session, self._house)
                words = turn.words_of(None)
                text = words.tr(
                    "The disk with the database was full from {since} to {until}. What people sent "
                    "meanwhile is coming in now; some buttons may have to be pressed again.",
                    since=words.clock(since),
                    until=words.clock(clock.now()),
                )
                timers.alarm(turn, key="database_full", text=text)
        except Exception as error:  # noqa: BLE001 - the update is in, whatever becomes of the alarm
            log.warning("nobody_told_of_full_disk", error=type(error).__name__)
            if is_away(error):
                self._full_since = since
        else:
            log.info("database_has_space_again")

    def _blames_itself(self, update_id: int) -> bool:
        # An update that makes the database fail again and again would hold up all others.
        self._away[update_id] = self._away.get(update_id, 0) + 1
        return self._away[update_id] > AWAY_TRIES

    def _count_failure(self, raw: dict[str, Any], error: Exception) -> Outcome:
        try:
            return self._after_failure(raw, error)
        except Exception as second:
            if is_away(second):
                raise DatabaseAway(type(second).__name__) from second
            # Not even the failure can be written down: one update must not stop all others.
            log.error(  # noqa: TRY400 - the traceback would carry what people sent
                "update_dropped",
                origin=_origin_of(raw),
                error=type(second).__name__,
                frames=frames_of(second)[-4:],
            )
            return Outcome.SET_ASIDE

    def _attempt(self, raw: dict[str, Any]) -> tuple[Outcome, Said]:
        application = self._application()
        with self._database.transaction() as session:
            session.info["origin"] = _origin_of(raw)
            if not updates.first_sight(session, update_id=raw["update_id"]):
                return Outcome.DUPLICATE, Said()
            turn = Turn(session, self._house)
            update = Update.de_json(_storable(raw), application.bot)
            user = update.effective_user
            _require_ids(update)
            if user is not None and not user.is_bot and _speaks_to_us(update, self._me["id"]):
                turn.person = people.meet(
                    session,
                    person_id=user.id,
                    language_code=user.language_code,
                    policy=self._house.policy,
                )
                if flood.too_much(turn, update):
                    return Outcome.FLOODED, Said.of(turn)
                since = turn.person.unreachable_since
                told = update.message
                if since is not None and told is not None and told.chat.type == "private":
                    people.reachable(session, person_id=user.id)
                    timers.catch_up(turn, turn.person, since)
            if turn.person is None and _needs_a_person(update):
                # A bot, or nobody at all: there is no one whose wish it could be.
                return Outcome.APPLIED, Said()
            with taking_turn(turn):
                drive(application.process_update(update))
            if turn.failure is not None:
                raise turn.failure
            if raw["update_id"] in self._failed:
                updates.forget_failure(session, update_id=raw["update_id"])
                self._failed.discard(raw["update_id"])
        return Outcome.APPLIED, Said.of(turn)

    def _after_failure(self, raw: dict[str, Any], error: Exception) -> Outcome:
        # Frames and kinds only: messages of errors may carry what a person wrote.
        frames = frames_of(error)
        text = "\n".join([*frames, type(error).__name__])
        with self._database.transaction() as session:
            session.info["origin"] = _origin_of(raw)
            failure = updates.failed(session, update_id=raw["update_id"], error=text, payload=raw)
            self._failed.add(raw["update_id"])
            if failure.set_aside:
                self._failed.discard(raw["update_id"])
                self._away.pop(raw["update_id"], None)
                self._tell_of_failure(session, raw)
        log.error(
            "update_failed",
            origin=_origin_of(raw),
            tries=failure.tries,
            set_aside=failure.set_aside,
            error=type(error).__name__,
            frames=frames[-4:],
        )
        return Outcome.SET_ASIDE if failure.set_aside else Outcome.FAILED

    def _tell_of_failure(self, session: Session, raw: dict[str, Any]) -> None:
        try:
            with session.begin_nested():
                self._apologise(session, raw)
        except Exception as error:  # noqa: BLE001 - whatever set the update aside may strike here, too
            log.warning("nobody_told_of_failure", error=type(error).__name__)

    def _apologise(self, session: Session, raw: dict[str, Any]) -> None:
        turn = Turn(session, self._house)
        sender = _private_sender(raw)
        if sender is not None:
            turn.person = people.meet(
                session, person_id=sender, language_code=None, policy=self._house.policy
            )
            timers.apologise(turn, chat_id=sender)
        timers.alarm(
            turn,
            key="update_set_aside",
            text=turn.words_of(None).tr(
                "An update could not be handled and was set aside (see failed_update)."
            ),
        )

    def _application(self) -> Application[Any, Context, Any, Any, Any, Any]:
        # PTB's objects are not made for several threads: each worker has its own table.
        if not hasattr(self._of_thread, "application"):
            self._of_thread.application = routing_application(self._me)
        application: Application[Any, Context, Any, Any, Any, Any] = self._of_thread.application
        return application


def drive(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never waits to its end.

    Raises:
        Suspended: it does wait.
    """
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise Suspended("a handler waited inside a transaction")


class OfflineRequest(BaseRequest):
    """The network of the routing bot: it knows who it is, and nothing else."""

    def __init__(self, me: Mapping[str, Any]) -> None:
        self._answer = json.dumps({"ok": True, "result": dict(me)}).encode()

    @property
    def read_timeout(self) -> float | None:
        """There is nothing to wait for."""
        return None

    async def initialize(self) -> None:
        """Nothing to open."""

    async def shutdown(self) -> None:
        """Nothing to close."""

    async def do_request(  # noqa: PLR0917 - PTB's signature
        self,
        url: str,
        method: str,  # noqa: ARG002
        request_data: RequestData | None = None,  # noqa: ARG002
        read_timeout: ODVInput[float] = DEFAULT_NONE,  # noqa: ARG002
        write_timeout: ODVInput[float] = DEFAULT_NONE,  # noqa: ARG002
        connect_timeout: ODVInput[float] = DEFAULT_NONE,  # noqa: ARG002
        pool_timeout: ODVInput[float] = DEFAULT_NONE,  # noqa: ARG002
    ) -> tuple[int, bytes]:
        """Answer getMe; refuse anything else.

        Raises:
            Suspended: a handler tried to reach the network.
        """
        if url.endswith("/getMe"):
            return 200, self._answer
        raise Suspended("a handler called the Bot API inside a transaction")


def routing_application(
    me: Mapping[str, Any],
) -> Application[Any, Context, Any, Any, Any, Any]:
    """PTB's Application as a routing table that cannot reach the network."""
    request = OfflineRequest(me)
    bot: ExtBot[None] = ExtBot(
        token=f"{me['id']}:offline", request=request, get_updates_request=OfflineRequest(me)
    )
    application = (
        ApplicationBuilder()
        .bot(bot)
        .updater(None)
        .job_queue(None)
        .context_types(ContextTypes(context=Context))
        .build()
    )
    application.add_handlers(routing_table())
    application.add_error_handler(on_error)
    asyncio.run(application.initialize())
    return application


def _origin_of(raw: dict[str, Any]) -> str:
    """The thread through the logs, from an update to all that is sent because of it."""
    return f"update:{raw['update_id']}"


def _kind_of(raw: dict[str, Any]) -> str:
    # Only what we know: a label of a figure must not grow with what people make up.
    return next((kind for kind in ALLOWED_UPDATES if kind in raw), "other")


def _storable(value: Any) -> Any:
    # Telegram's texts have neither NUL nor halves of surrogate pairs, JSON's may, no database does.
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")
    if isinstance(value, dict):
        return {key: _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value


def _require_ids(update: Update) -> None:
    # PTB takes anything for an id, SQLite makes one up where there is none, and to a person whose
    # number is a group's we would write in that group.
    user, chat, message = update.effective_user, update.effective_chat, update.effective_message
    if user is not None and not (_is_id(user.id) and user.id > 0):
        raise Malformed
    if chat is not None and not _is_id(chat.id):
        raise Malformed
    if message is not None and not _is_id(message.message_id):
        raise Malformed
    query = update.callback_query
    if query is not None and not isinstance(query.id, str):
        raise Malformed


def _is_id(value: object) -> bool:
    return type(value) is int and abs(value) < 2**63


def _speaks_to_us(update: Update, me: int) -> bool:
    # What people of a group say among themselves is none of our business, nor are they.
    if update.callback_query is not None:
        return True
    chat, message = update.effective_chat, update.effective_message
    if chat is None or chat.type == "private":
        return True
    if message is None:
        return False
    replied = message.reply_to_message
    if replied is not None and replied.from_user is not None and replied.from_user.id == me:
        return True
    return (message.text or "").startswith(GROUP_COMMANDS)


def _needs_a_person(update: Update) -> bool:
    # In groups somebody may well be nobody: anonymous administrators, the group itself.
    chat = update.effective_chat
    return update.callback_query is not None or chat is None or chat.type == "private"


def _private_sender(raw: dict[str, Any]) -> int | None:
    for kind in ("message", "edited_message"):
        chat = raw.get(kind, {}).get("chat", {})
        if chat.get("type") == "private":
            return int(chat["id"])
    sender = raw.get("callback_query", {}).get("from", {}).get("id")
    return int(sender) if sender is not None else None
