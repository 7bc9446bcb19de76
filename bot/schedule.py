"""When things are due: APScheduler fires, an idempotent service acts. Twice or late: no matter."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy.exc import DBAPIError

from bot.intake import Intake
from handlers import timers
from handlers.context import Turn

log = structlog.get_logger()

SWEEP_S = 30


def scheduler(intake: Intake, zone: ZoneInfo) -> AsyncIOScheduler:
    """The timetable, ready to be started.

    Args:
        intake: runs each job as a transaction of its own.
        zone: hours are meant in it.
    """
    timetable = AsyncIOScheduler(
        timezone=zone,
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 3600},
    )
    timetable.add_job(_job(intake, timers.sweep), IntervalTrigger(seconds=SWEEP_S))
    timetable.add_job(_job(intake, timers.tidy), CronTrigger(hour=4, minute=15, timezone=zone))
    return timetable


def _job(intake: Intake, work: Callable[[Turn], None]) -> Callable[[], object]:
    async def run() -> None:
        try:
            await intake.say(work)
        except DBAPIError as error:
            # The columns still say it is due: the next run does it.
            log.warning("job_database_away", job=work.__name__, error=type(error).__name__)

    return run
