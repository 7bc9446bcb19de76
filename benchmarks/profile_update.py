"""What an update costs, step by step: `python -m benchmarks.profile_update [--functions STEP]`.

Riders report in this very process and thread, on a new SQLite database: their updates are applied
one by one, and what is to be said is claimed and settled, with nobody to send it to. Neither HTTP
nor pictures. For each step it tells how many statements the database was given, and the median of
the processor time; on a busy machine, repeat it and believe the lowest.
"""

import argparse
import cProfile
import pstats
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import structlog
from sqlalchemy import event

from benchmarks.report import Findings, show
from benchmarks.riders import BOT, MODERATORS, Crowd, Json
from bot import schema
from bot.application import house_of, prepare
from bot.database import Database, create
from bot.intake import Intake
from bot.metrics import Metrics
from bot.settings import load
from services import outbox
from services.districts import load_districts
from services.outbox import Sending, Sent

STEPS = ("/report", "photo", "place", "category", "claim and settle")
SENDING = len(STEPS) - 1
RIDERS, WARM_UP, REPORTS = 20, 60, 200


class Bot:
    """The bot without a network, and the riders before it."""

    def __init__(self, folder: Path) -> None:
        settings = load(
            {
                "data_dir": folder,
                "chats": {"moderators": MODERATORS},
                # The stub's group takes as much as comes.
                "telegram": {"group_per_minute": 0},
            }
        )
        engine = create(settings.database_url)
        event.listen(engine, "connect", self._listen)
        schema.upgrade(engine)
        self.database = Database(engine)
        districts = load_districts(settings.districts.file, settings.districts.places)
        house = house_of(settings, districts, BOT["username"])
        self.database.run_here(lambda session: prepare(session, settings, house, leads=True))
        self.intake = Intake(self.database, house, BOT, Metrics())
        self.updates: deque[tuple[int, Json]] = deque()
        self.crowd = Crowd(
            lambda rider, update: self.updates.append((rider.step or 0, update)),
            riders=RIDERS,
            fetches=False,
        )
        self.statements = 0

    def _listen(self, connection: Any, record: Any) -> None:  # noqa: ARG002 - SQLAlchemy's
        connection.set_trace_callback(self._count)

    def _count(self, statement: str) -> None:  # noqa: ARG002 - sqlite3's
        self.statements += 1

    def report(self, reports: int, measure: Callable[[int, Callable[[], Any]], Any]) -> None:
        """Make so many reports; `measure` is given each piece of work, by its step."""
        self.crowd._left = reports
        while self.crowd._left and self.crowd._resting:
            self.crowd._begin(self.crowd._resting.popleft())
        sent: list[Sent] = []
        while self.updates or sent:
            # Under load, so many updates come between two rounds of the sender.
            for _ in range(min(4, len(self.updates))):
                step, update = self.updates.popleft()
                measure(step, lambda update=update: self.intake._apply(update))
            claimed = measure(
                SENDING, lambda sent=sent: self.database.run_here(lambda s: _round(s, sent))
            )
            sent = [self._send(sending) for sending in claimed]
            if self.crowd.failure is not None:
                raise self.crowd.failure

    def _send(self, sending: Sending) -> Sent:
        if sending.method not in {outbox.SAY, outbox.SHOW}:
            return Sent(sending.id)
        message = {"message_id": self.crowd.message_id(), "chat": {"id": sending.chat_id}}
        self.crowd.hear(message | sending.payload, sending.payload.get("reply_markup"))
        return Sent(sending.id, message["message_id"], has_photo=bool(sending.pictures))


def _round(session: Any, sent: list[Sent]) -> list[Sending]:
    outbox.settle(session, holder=1, outcomes=sent)
    return outbox.claim(session, holder=1, bulk_per_second=25, group_per_minute=0).sendings


def main() -> None:
    """Measure, and print what came out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--functions", choices=STEPS, help="where the time of a step goes")
    wanted = parser.parse_args().functions
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    profile = cProfile.Profile()
    taken: list[list[float]] = [[] for _ in STEPS]
    statements: list[list[int]] = [[] for _ in STEPS]

    with TemporaryDirectory(prefix="bench-") as folder:
        bot = Bot(Path(folder))

        def timed(step: int, work: Callable[[], Any]) -> Any:
            bot.statements, begun = 0, time.thread_time_ns()
            done = work()
            taken[step].append((time.thread_time_ns() - begun) / 1000)
            statements[step].append(bot.statements)
            return done

        def profiled(step: int, work: Callable[[], Any]) -> Any:
            return profile.runcall(work) if STEPS[step] == wanted else work()

        bot.report(WARM_UP, lambda _, work: work())
        bot.report(REPORTS, timed if wanted is None else profiled)
        bot.database.close()
    if wanted is not None:
        pstats.Stats(profile).sort_stats("tottime").print_stats(40)
        return
    show(
        Findings(
            title="What an update costs",
            columns=("step", "statements", "CPU µs"),
            rows=[
                (name, f"{median(counts):.0f}", f"{median(costs):.0f}")
                for name, counts, costs in zip(STEPS, statements, taken, strict=True)
            ],
            notes=("BEGIN and COMMIT are statements, too.",),
            goals=[],
        )
    )


if __name__ == "__main__":
    main()
