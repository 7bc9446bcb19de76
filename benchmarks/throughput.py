"""A whole four-update report, HTTP to commit to HTTP, beside peers that store nothing."""

import os
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contenders import (
    RIDERS,
    Contender,
    Ours,
    Peer,
    fresh_database,
    require_reports,
    running,
)
from benchmarks.databases import PostgreSQL, postgresql
from benchmarks.processes import cores
from benchmarks.report import Findings, Goal, Options, percentile
from benchmarks.riders import STEPS, Measured

WARM_UP, REPORTS, RUNS = 100, 300, 3
QUICK_WARM_UP, QUICK_REPORTS = 10, 20
# At half load: as many reports as arrive in so many seconds, within bounds.
HALF_LOAD_S = 12.0
FEWEST, MOST = 100, 600
LIMIT_MS = 50.0
# At least so many times the peer's updates a second.
SPEED = {"sqlite": 1.0, "sqlite-pictures": 1.0, "postgresql-1": 0.7}
SCALING = 1.8

PEER = Peer("ptb", "PTB, its own webhook, httpx", "benchmarks.peer_webhook")
CONTENDERS: tuple[Contender, ...] = (
    Ours("sqlite", "ours, SQLite, webhook", "sqlite"),
    Ours("sqlite-pictures", "ours, SQLite, webhook, pictures", "sqlite", fetches=True),
    Ours("sqlite-polling", "ours, SQLite, polling", "sqlite", "polling"),
    Ours("postgresql-1", "ours, PostgreSQL, webhook × 1", "postgresql"),
    Ours("postgresql-2", "ours, PostgreSQL, webhook × 2", "postgresql", processes=2),
    Ours("postgresql-4", "ours, PostgreSQL, webhook × 4", "postgresql", processes=4),
    PEER,
    Peer("ptb-aiohttp", "PTB, Starlette, aiohttp", "benchmarks.peer_inline"),
    Peer("aiogram", "aiogram, its own webhook, aiohttp", "benchmarks.peer_aiogram"),
)
KEYS = tuple(contender.key for contender in CONTENDERS)


@dataclass(frozen=True)
class Figures:
    """Of one run: updates a second, and processor time, in µs an update and in cores."""

    per_second: float
    bot_us: float
    database_us: float
    load_us: float
    bot_cores: float
    load_cores: float


@dataclass(frozen=True)
class HalfLoad:
    """From an update to its answer, in ms, at a rate of updates a second the bot keeps easily."""

    per_second: float
    p50_ms: float
    p99_ms: float


@dataclass
class Taken:
    """What was measured of one contender."""

    contender: Contender
    runs: list[Figures]
    half_load: HalfLoad | None = None

    @property
    def median(self) -> Figures:
        """The run in the middle."""
        return sorted(self.runs, key=lambda figures: figures.per_second)[len(self.runs) // 2]


def run(options: Options) -> Findings:
    """Measure, one contender after the other, and all of them again.

    Raises:
        BenchmarkFailed: a bot did not do what it should.
    """
    everybody = [Taken(c, []) for c in CONTENDERS if options.wants(c.key)]
    runs = 1 if options.quick else RUNS
    about_database = ""
    with TemporaryDirectory(prefix="bench-") as temporary, ExitStack() as end:
        server = None
        if any(_needs_server(taken.contender) for taken in everybody):
            server = end.enter_context(postgresql())
            about_database = server.describe()
        for number in range(runs):
            for taken in everybody:
                folder = Path(temporary) / f"{taken.contender.key}-{number}"
                folder.mkdir()
                _measure(
                    taken,
                    folder,
                    server if _needs_server(taken.contender) else None,
                    quick=options.quick,
                    last=number == runs - 1,
                )
    return _findings({taken.contender.key: taken for taken in everybody}, runs, about_database)


def _needs_server(contender: Contender) -> bool:
    return isinstance(contender, Ours) and contender.database == "postgresql"


def _measure(
    taken: Taken, folder: Path, server: PostgreSQL | None, *, quick: bool, last: bool
) -> None:
    contender = taken.contender
    warm_up, reports = (QUICK_WARM_UP, QUICK_REPORTS) if quick else (WARM_UP, REPORTS)
    made = warm_up + reports
    with fresh_database(contender, folder, server) as url:
        with running(contender, folder, server=server, database_url=url) as course:
            course.measure(warm_up)
            taken.runs.append(figures_of(course.measure(reports)))
            if last:
                rate = taken.median.per_second / 2
                made += (count := QUICK_REPORTS if quick else reports_at(rate))
                taken.half_load = half_load_of(course.measure(count, rate), rate)
        require_reports(contender, url, made)


def reports_at(per_second: float) -> int:
    """How many reports to make at so many updates a second."""
    return round(min(max(per_second / STEPS * HALF_LOAD_S, FEWEST), MOST))


def figures_of(measured: Measured) -> Figures:
    """What a run in a closed loop tells."""
    return Figures(
        per_second=measured.updates / measured.seconds,
        bot_us=measured.bot_cpu_s / measured.updates * 1e6,
        database_us=measured.database_cpu_s / measured.updates * 1e6,
        load_us=measured.load_cpu_s / measured.updates * 1e6,
        bot_cores=measured.bot_cpu_s / measured.seconds,
        load_cores=measured.load_cpu_s / measured.seconds,
    )


def half_load_of(measured: Measured, per_second: float) -> HalfLoad:
    """What a run at a given rate tells."""
    return HalfLoad(
        per_second=per_second,
        p50_ms=percentile(measured.waits_ms, 50),
        p99_ms=percentile(measured.waits_ms, 99),
    )


# --- what came out ---


def _findings(everybody: dict[str, Taken], runs: int, about_database: str) -> Findings:
    peer = everybody.get(PEER.key)
    base = peer.median.per_second if peer else None
    return Findings(
        title="A whole report: updates a second, and how long an answer takes at half of that",
        columns=(
            "",
            "updates/s",
            "ratio",
            "runs",
            "bot µs/update",
            "database µs/update",
            "bot's cores",
            "load's",
            "half load p50 ms",
            "p99 ms",
        ),
        rows=[_row(taken, base) for taken in everybody.values()],
        notes=tuple(_notes(everybody, runs, about_database)),
        goals=_goals(everybody, base),
        raw={
            "limit_ms": LIMIT_MS,
            "peer": PEER.key,
            "rows": [
                {
                    "key": key,
                    "name": taken.contender.name,
                    "ours": isinstance(taken.contender, Ours),
                    "runs": [asdict(figures) for figures in taken.runs],
                    "half_load": asdict(taken.half_load) if taken.half_load else None,
                }
                for key, taken in everybody.items()
            ],
        },
    )


def _row(taken: Taken, base: float | None) -> tuple[str, ...]:
    middle, half = taken.median, taken.half_load
    return (
        taken.contender.name,
        f"{middle.per_second:.0f}",
        f"{middle.per_second / base:.2f}" if base else "–",
        " ".join(f"{one.per_second:.0f}" for one in taken.runs),
        f"{middle.bot_us:.0f}",
        f"{middle.database_us:.0f}" if _needs_server(taken.contender) else "–",
        f"{middle.bot_cores:.2f}",
        f"{middle.load_cores:.2f}",
        f"{half.p50_ms:.0f}" if half else "–",
        f"{half.p99_ms:.0f}" if half else "–",
    )


def _notes(everybody: dict[str, Taken], runs: int, about_database: str) -> list[str]:
    notes = [
        f"Reports of {STEPS} updates by {RIDERS} riders at once, after some to warm up; of {runs}",
        "runs, all contenders in turn, the one in the middle. A run ends when every receipt, card",
        "and button answer has arrived, and every picture has been fetched where they are.",
        "At half load reports begin at random moments, as many as make half the row's own updates",
        "a second, whatever the bot does; timed from an update to the answer in its chat. The",
        "load's cores near 1: the figure is the load's, not the bot's.",
    ]
    for processes in sorted({taken.contender.processes for taken in everybody.values()}):
        shares, bots = cores(processes), "1 process" if processes == 1 else f"{processes} processes"
        notes.append(
            f"{bots} of the bot: a core each, {len(shares.database | shares.load)} for the rest."
            if shares.apart
            else f"{bots} of the bot: all share {len(shares.load)} with everything else."
        )
    if about_database:
        notes.append(f"{about_database}.")
    return notes


def _goals(everybody: dict[str, Taken], base: float | None) -> list[Goal]:
    goals = []
    for key, least in SPEED.items():
        if key in everybody and base is not None:
            name, rate = everybody[key].contender.name, everybody[key].median.per_second
            goals.append(
                Goal(
                    f"{name}: at least {least} × PTB's own webhook",
                    f"{rate / base:.2f} ×",
                    rate / base >= least,
                )
            )
    if "postgresql-1" in everybody and "postgresql-2" in everybody:
        goals.append(_scaling(everybody["postgresql-1"].median, everybody["postgresql-2"].median))
    goals += [
        Goal(
            f"{everybody[key].contender.name}: p99 under {LIMIT_MS:.0f} ms at half load",
            f"{half.p99_ms:.0f} ms",
            half.p99_ms < LIMIT_MS,
        )
        for key in SPEED
        if key in everybody and (half := everybody[key].half_load) is not None
    ]
    return goals


def _scaling(one: Figures, two: Figures) -> Goal:
    measured = two.per_second / one.per_second
    # A process that has a core makes it busy; what it leaves to be done around it needs cores, too.
    there = len(os.sched_getaffinity(0))
    allowed = there * one.bot_us / (one.bot_us + one.database_us + one.load_us)
    claim = f"PostgreSQL: from one process to two at least {SCALING} ×"
    if allowed < SCALING:
        return Goal(
            claim,
            f"{measured:.2f} ×; {there} cores allow at most {allowed:.2f} ×, for database and load"
            " need theirs, too",
            met=None,
        )
    return Goal(claim, f"{measured:.2f} ×", met=measured >= SCALING)
