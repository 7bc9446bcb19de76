"""Who is alive and who leads, known to every process within seconds, without clocks or leases.

A process holds a lock with a number of its own on a connection of its own. When the process ends,
however it ends, the database lets go of it: whatever still bears that number is left behind, and
the others take it up. The timetable runs where the lock for leading is held.

On SQLite one process works alone: it leads, and whatever bears a number when it starts was left by
one that is gone.
"""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bot import advisory
from bot.database import Database
from services import errands, outbox

log = structlog.get_logger()

# How often a process looks after itself and the others, in seconds.
BEAT_S = 2.0
# The number on SQLite.
ALONE = 1
# So soon the server notices that the machine on the other side has gone, in seconds and times.
_KEEPALIVE = (
    text("SET tcp_keepalives_idle = 10"),
    text("SET tcp_keepalives_interval = 3"),
    text("SET tcp_keepalives_count = 3"),
)
_ALIVE = text("SELECT 1")


class Presence:
    """This process among the others."""

    def __init__(self, database: Database) -> None:
        """Nobody knows of us yet.

        Args:
            database: tells who else is there.
        """
        self._database = database
        self._connection: Connection | None = None
        self._known = False
        self._stopping = asyncio.Event()
        self._listeners: list[Callable[[bool], None]] = []
        self._taken_up: list[Callable[[], None]] = []
        self.number = ALONE if database.is_sqlite else secrets.randbelow(2**31 - 1) + 1
        self.leads = False

    def when_leading(self, listener: Callable[[bool], None]) -> None:
        """Call somebody whenever this process begins or ceases to lead."""
        self._listeners.append(listener)

    def when_taken_up(self, listener: Callable[[], None]) -> None:
        """Call somebody after something a dead process left was taken up."""
        self._taken_up.append(listener)

    async def enter(self) -> None:
        """Become known, and take up what the dead left behind.

        Raises:
            SQLAlchemyError: the database cannot be asked.
        """
        if self._database.is_sqlite:
            self.leads = True
            await self._database.run(lambda session: _take_up(session, gone=_holding(session)))
            return
        await asyncio.to_thread(self._look)
        await self._look_after_the_dead()

    def stop(self) -> None:
        """End `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Stay known, and look after the others, until stopped."""
        self._tell(self.leads)
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), BEAT_S)
            if not self._database.is_sqlite:
                await self._beat()
        await asyncio.to_thread(self._leave)

    async def _beat(self) -> None:
        led = self.leads
        try:
            await asyncio.to_thread(self._look)
        except SQLAlchemyError as error:
            log.warning("presence_lost", error=type(error).__name__)
            await asyncio.to_thread(self._leave)
        if led != self.leads:
            self._tell(self.leads)
        try:
            taken_up = await self._look_after_the_dead()
        except SQLAlchemyError as error:
            log.warning("dead_not_looked_after", error=type(error).__name__)
            return
        if taken_up:
            log.info("taken_up", rows=taken_up)
            for listener in self._taken_up:
                listener()

    def _look(self) -> None:
        """Hold our own lock, and lead if nobody does."""
        if self._connection is None:
            connection = self._database.engine.connect().execution_options(
                isolation_level="AUTOCOMMIT"
            )
            # It is kept for as long as we live, apart from those that come and go.
            connection.detach()
            self._connection = connection
            for statement in _KEEPALIVE:
                connection.execute(statement)
            self._known = False
        if not self._known:
            # The server may not have noticed yet that an earlier connection of ours has broken.
            self._known = advisory.take(self._connection, advisory.ALIVE, self.number)
        self._connection.execute(_ALIVE)
        if not self.leads:
            self.leads = advisory.take(self._connection, advisory.SINGLE, advisory.LEADING)

    async def _look_after_the_dead(self) -> int:
        def work(session: Session) -> int:
            # First who holds anything, then who is alive: whoever held something was alive then.
            holding = _holding(session)
            alive = advisory.holders(session.connection(), advisory.ALIVE) | {self.number}
            gone = holding - alive
            return _take_up(session, gone=gone) if gone else 0

        return await self._database.run(work)

    def _leave(self) -> None:
        self.leads = False
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(SQLAlchemyError):
                connection.close()

    def _tell(self, leads: bool) -> None:
        log.info("leading" if leads else "not_leading", process=self.number)
        for listener in self._listeners:
            listener(leads)


def _holding(session: Session) -> set[int]:
    return outbox.holders(session) | errands.holders(session)


def _take_up(session: Session, *, gone: set[int]) -> int:
    return outbox.recover(session, gone=gone) + errands.recover(session, gone=gone)
