"""What an update costs with thousands of reports in the database, and with millions."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.contenders import RIDERS, Ours, require_reports, running
from benchmarks.databases import PostgreSQL, postgresql
from benchmarks.filling import fill_postgresql, fill_sqlite
from benchmarks.report import Findings, Goal, Options, size_mb
from benchmarks.riders import STEPS
from benchmarks.throughput import Figures, HalfLoad, figures_of, half_load_of, reports_at
from bot import schema
from bot.database import create

CONTENDERS = (Ours("sqlite", "SQLite", "sqlite"), Ours("postgresql", "PostgreSQL", "postgresql"))
KEYS = tuple(contender.key for contender in CONTENDERS)
WARM_UP, REPORTS, ROUNDS = 50, 200, 3
QUICK_WARM_UP, QUICK_REPORTS = 10, 20
# So many times as long, at most, as with the smallest size.
LIMIT = 1.2


@dataclass
class Sized:
    """A database of some size, and what was measured on it."""

    reports: int
    url: str
    megabytes: float
    runs: list[Figures] = field(default_factory=list)
    half_load: HalfLoad | None = None
    # Reports that were made while it was measured.
    made: int = 0

    @property
    def median(self) -> Figures:
        """The run in the middle."""
        return sorted(self.runs, key=lambda figures: figures.per_second)[len(self.runs) // 2]


def run(options: Options) -> Findings:
    """Fill databases of each size, and measure on all of them in turn.

    Raises:
        BenchmarkFailed: a bot did not do what it should.
    """
    everything = {}
    for contender in CONTENDERS:
        if options.wants(contender.key):
            with TemporaryDirectory(prefix="bench-") as temporary, ExitStack() as end:
                server = end.enter_context(postgresql()) if contender.key == "postgresql" else None
                folder = Path(temporary)
                sizes = [
                    end.enter_context(_filled(reports, folder, server)) for reports in options.sizes
                ]
                # What was written while filling must not be on its way while something is measured.
                os.sync()
                _measure(contender, sizes, folder, server, quick=options.quick)
            everything[contender.name] = sizes
    return _findings(everything, 1 if options.quick else ROUNDS)


@contextmanager
def _filled(reports: int, folder: Path, server: PostgreSQL | None) -> Iterator[Sized]:
    begun = time.monotonic()
    if server is None:
        file = folder / f"filled-{reports}.db"
        url = f"sqlite:///{file}"
        engine = create(url)
        schema.upgrade(engine)
        engine.dispose()
        fill_sqlite(str(file), reports)
        _tell(reports, "SQLite", begun)
        yield Sized(reports, url, size_mb(file))
        return
    name = f"filled_{reports}"
    with server.database(name) as url:
        fill_postgresql(server, name, reports)
        _tell(reports, "PostgreSQL", begun)
        yield Sized(reports, url, server.size_mb(name))


def _tell(reports: int, database: str, begun: float) -> None:
    seconds = time.monotonic() - begun
    print(f"{database}: {reports:,} reports filled in {seconds:.0f} s", file=sys.stderr)


def _measure(
    contender: Ours, sizes: list[Sized], folder: Path, server: PostgreSQL | None, *, quick: bool
) -> None:
    rounds = 1 if quick else ROUNDS
    warm_up, reports = (QUICK_WARM_UP, QUICK_REPORTS) if quick else (WARM_UP, REPORTS)
    # From 1 on: what the database was filled with has the ids below.
    for number in range(1, rounds + 1):
        for one in sizes:
            own = folder / f"{one.reports}-{number}"
            own.mkdir()
            with running(
                contender, own, server=server, database_url=one.url, series=number
            ) as course:
                course.measure(warm_up)
                one.runs.append(figures_of(course.measure(reports)))
                one.made += warm_up + reports
                if number == rounds:
                    # Every size the same.
                    rate = sizes[0].median.per_second / 2
                    one.made += (count := QUICK_REPORTS if quick else reports_at(rate))
                    one.half_load = half_load_of(course.measure(count, rate), rate)
            require_reports(contender, one.url, one.reports + one.made)


# --- what came out ---


def _findings(everything: dict[str, list[Sized]], rounds: int) -> Findings:
    return Findings(
        title="The same with thousands and with millions of reports in the database",
        columns=(
            "",
            "updates/s",
            "time an update, ×",
            "runs",
            "bot µs/update",
            "database µs/update",
            "half load p50 ms",
            "p99 ms",
            "MB",
        ),
        rows=[_row(name, one, sizes[0]) for name, sizes in everything.items() for one in sizes],
        notes=(
            f"{STEPS} updates a report, {RIDERS} riders, webhook, one process, pictures not",
            f"fetched; of {rounds} runs, all sizes in turn, the one in the middle. Two years of",
            "reports with their people, photos, events, cards and points lie all over the",
            "districts, half of them in one place out of fifty, some in the cells around every",
            "place riders report. Half load: half of what the smallest size did, for every size.",
            "SQLite is left without ANALYZE, as the bot leaves it; PostgreSQL has vacuumed and",
            "analysed, as it does by itself.",
        ),
        goals=[
            Goal(
                f"{name}, {one.reports:,} reports: an update takes at most {LIMIT} × as long as"
                f" with {sizes[0].reports:,}",
                f"{_slower(one, sizes[0]):.2f} ×",
                _slower(one, sizes[0]) <= LIMIT,
            )
            for name, sizes in everything.items()
            for one in sizes[1:]
        ],
        raw={
            "limit": LIMIT,
            "databases": {name: [_raw(one) for one in sizes] for name, sizes in everything.items()},
        },
    )


def _slower(one: Sized, smallest: Sized) -> float:
    return smallest.median.per_second / one.median.per_second


def _row(name: str, one: Sized, smallest: Sized) -> tuple[str, ...]:
    middle, half = one.median, one.half_load
    assert half is not None
    return (
        f"{name}, {one.reports:,} reports",
        f"{middle.per_second:.0f}",
        f"{_slower(one, smallest):.2f}",
        " ".join(f"{figures.per_second:.0f}" for figures in one.runs),
        f"{middle.bot_us:.0f}",
        f"{middle.database_us:.0f}" if name == "PostgreSQL" else "–",
        f"{half.p50_ms:.0f}",
        f"{half.p99_ms:.0f}",
        f"{one.megabytes:,.0f}",
    )


def _raw(one: Sized) -> dict[str, Any]:
    middle = one.median
    return {
        "reports": one.reports,
        "megabytes": one.megabytes,
        "per_second": middle.per_second,
        "cpu_us": middle.bot_us + middle.database_us,
        "runs": [asdict(figures) for figures in one.runs],
        "half_load": asdict(one.half_load) if one.half_load else None,
    }
