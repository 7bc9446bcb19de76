"""When things are due: APScheduler fires, an idempotent service acts. Twice or late: no matter.

Each part of a sweep is a transaction of its own, and each reminder and each late card a savepoint
in one: what cannot be done for one rider is still done for the others.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar
from zoneinfo import ZoneInfo

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from bot.database import is_away
from bot.intake import Intake
from bot.logs import frames_of
from handlers import timers
from handlers.context import Turn
from services import (
    boards,
    chats,
    claims,
    clarifications,
    drafts,
    jobs,
    shop_statements,
    vouchers,
)

log = structlog.get_logger()

Item = TypeVar("Item")

SWEEP_S = 30
# A group takes a message every three seconds.
OFTEN_S = 3
# Statements go out in the morning; what was missed then, later in the day, but not at night.
STATEMENT_HOURS, STATEMENT_MINUTE = "7-21", 5


def remind(turn: Turn) -> None:
    """Remind riders of drafts they left lying, once each."""
    _each(turn, timers.remind, drafts.to_remind(turn.session, policy=turn.policy))


def show_boards(turn: Turn) -> None:
    """Bring the pinned message of each desk up to date."""
    _each(turn, timers.show_board, boards.due(turn.session))


def deal(turn: Turn) -> None:
    """Deal what waits for room in the desks, as far as there is some by now."""
    _each(turn, timers.deal, timers.waiting(turn))


def end_claims(turn: Turn) -> None:
    """Give back the cards whose claim has run out."""
    _each(turn, timers.end_claim, claims.overdue(turn.session))


def close_unanswered(turn: Turn) -> None:
    """Close the reports whose question stayed open too long."""
    overdue = clarifications.overdue(turn.session, policy=turn.policy)
    _each(turn, timers.close_unanswered, overdue)


def expire_vouchers(turn: Turn) -> None:
    """Give back the points of vouchers whose time is over."""
    _each(turn, timers.expire_voucher, vouchers.expired(turn.session))


def leave_unclaimed(turn: Turn) -> None:
    """Leave the groups nobody gave a purpose in time."""
    _each(turn, timers.leave_unclaimed, chats.unclaimed(turn.session))


def send_statements(turn: Turn) -> None:
    """Send shops and admins the statements of the days and the month that are over."""
    due = shop_statements.due(turn.session, zone=turn.policy.zone)
    _each(turn, timers.send_statement, due)


# Every half minute; running one twice changes nothing.
SWEEP: tuple[Callable[[Turn], None], ...] = (
    remind,
    timers.expire,
    timers.look_for_undealt,
    end_claims,
    close_unanswered,
    leave_unclaimed,
    expire_vouchers,
    timers.watch_budget,
)
# Every few seconds.
OFTEN: tuple[Callable[[Turn], None], ...] = (show_boards, deal)


def scheduler(intake: Intake, zone: ZoneInfo) -> AsyncIOScheduler:
    """The timetable, ready to be started; of several processes it runs in the one that leads.

    A paused timetable that is resumed runs what it has missed within `misfire_grace_time`, so what
    was due while nobody led is done by whoever leads next.

    Args:
        intake: runs each job as a transaction of its own.
        zone: hours are meant in it.
    """
    timetable = AsyncIOScheduler(
        timezone=zone,
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 3600},
    )
    for part in SWEEP:
        timetable.add_job(_job(intake, part), IntervalTrigger(seconds=SWEEP_S))
    for part in OFTEN:
        timetable.add_job(_job(intake, part, noted=False), IntervalTrigger(seconds=OFTEN_S))
    timetable.add_job(_job(intake, timers.tidy), CronTrigger(hour=4, minute=15, timezone=zone))
    timetable.add_job(
        _job(intake, send_statements),
        CronTrigger(hour=STATEMENT_HOURS, minute=STATEMENT_MINUTE, timezone=zone),
    )
    return timetable


def lead(timetable: AsyncIOScheduler, *, leads: bool) -> None:
    """Let the timetable run while this process leads.

    Args:
        timetable: that was started.
        leads: whether it does now.
    """
    if not timetable.running:
        # On its way out a process may still come to lead; it fires nothing any more.
        return
    if leads:
        timetable.resume()
    else:
        timetable.pause()


def _job(
    intake: Intake, work: Callable[[Turn], None], *, noted: bool = True
) -> Callable[[], object]:
    name = work.__name__

    def in_turn(turn: Turn) -> None:
        work(turn)
        # What runs every few seconds and has nothing to do writes nothing.
        if noted:
            jobs.succeeded(turn.session, name=name)

    async def run() -> None:
        try:
            await intake.say(in_turn, origin=f"timer:{name}")
        except Exception as error:  # noqa: BLE001 - the columns still say it is due: the next run
            if is_away(error):
                log.warning("job_database_away", job=name, error=type(error).__name__)
                return
            _log_failure(name, error)

    return run


def _each(turn: Turn, act: Callable[[Turn, Item], None], items: Iterable[Item]) -> None:
    for item in items:
        try:
            with turn.session.begin_nested():
                act(turn, item)
        except Exception as error:
            if is_away(error):
                raise
            _log_failure(act.__name__, error)


def _log_failure(job: str, error: Exception) -> None:
    # Not the traceback: it would carry what people sent.
    log.error("job_failed", job=job, error=type(error).__name__, frames=frames_of(error)[-4:])
