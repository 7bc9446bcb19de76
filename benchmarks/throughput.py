"""A whole four-update report, HTTP to commit to HTTP, beside PTB's stock webhook."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.processes import BenchmarkFailed, child, cores, free_port, sentinel, stub
from benchmarks.report import Findings, Goal, percentile
from benchmarks.riders import MODERATORS, Measured

RIDERS = 200
WARM_UP = 100
REPORTS = 300
RUNS = 3


@dataclass(frozen=True)
class Figures:
    """Of one run, a figure a column."""

    per_second: float
    bot_us: float
    bot_share: float
    load_share: float
    wait_p50_ms: float
    wait_p99_ms: float


def run() -> Findings:
    """Measure, ours and the peer in turn.

    Raises:
        BenchmarkFailed: a bot did not do what it should.
    """
    taken: dict[str, list[Figures]] = {"ours": [], "later": [], "peer": []}
    with TemporaryDirectory(prefix="bench-") as temporary:
        for number in range(RUNS):
            for who, runs in taken.items():
                folder = Path(temporary) / f"{who}-{number}"
                folder.mkdir()
                runs.append(_figures(_peer(folder) if who == "peer" else _ours(folder, who)))
    ours, later, peer = (_median(taken[who]) for who in ("ours", "later", "peer"))
    ratio = ours.per_second / peer.per_second
    return Findings(
        title="A whole report: updates a second",
        columns=(
            "",
            "updates/s",
            "ratio",
            "runs",
            "CPU µs/update",
            "bot's core",
            "load's core",
            "answer p50 ms",
            "p99 ms",
        ),
        rows=[
            _row("ours, durable, pictures fetched", ours, ratio, taken["ours"]),
            _row(
                "ours, durable, pictures later",
                later,
                later.per_second / peer.per_second,
                taken["later"],
            ),
            _row("peer, in memory, no pictures", peer, 1.0, taken["peer"]),
        ],
        notes=(
            f"{REPORTS} reports of 4 updates by {RIDERS} riders at once, after {WARM_UP} to warm",
            f"up; medians of {RUNS} runs in turn. Done means that every receipt, card and button",
            "answer has arrived, and every picture was fetched where they are.",
        ),
        goals=[
            Goal("at least as many updates a second as the peer", f"{ratio:.2f} ×", ratio >= 1.0)
        ],
    )


def _ours(folder: Path, who: str) -> Measured:
    bot_core, load_core = cores()
    pictures = "later" if who == "later" else "fetched"
    with (
        stub(*_load(), "--pictures", pictures, log=folder / "stub.log", core=load_core) as (
            server,
            api_url,
        ),
        sentinel(api_url, folder, moderators=MODERATORS, core=bot_core) as bot,
    ):
        server.hear()
        server.tell(str(bot.pid))
        try:
            measured = Measured(**server.hear())
        except BenchmarkFailed as failed:
            raise BenchmarkFailed(f"{failed}\n{bot.last_words()}") from failed
    _require_reports(folder / "data" / "sentinel.db")
    return measured


def _peer(folder: Path) -> Measured:
    bot_core, load_core = cores()
    with (
        stub(*_load(), "--pictures", "later", log=folder / "stub.log", core=load_core) as (
            server,
            api_url,
        ),
        child(
            "the peer",
            ["-m", "benchmarks.peer_webhook", api_url, str(free_port())],
            log=folder / "peer.log",
            core=bot_core,
        ) as bot,
    ):
        server.hear()
        server.tell(str(bot.pid))
        return Measured(**server.hear())


def _load() -> list[str]:
    return [
        "--riders",
        str(RIDERS),
        "--warm-up",
        str(WARM_UP),
        "--reports",
        str(REPORTS),
    ]


def _require_reports(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        (stored,) = database.execute("SELECT count(*) FROM report").fetchone()
        (waiting,) = database.execute("SELECT count(*) FROM outgoing").fetchone()
    if stored != WARM_UP + REPORTS or waiting:
        raise BenchmarkFailed(f"{stored} reports stored, {waiting} messages unsent")


def _figures(measured: Measured) -> Figures:
    return Figures(
        per_second=measured.updates / measured.seconds,
        bot_us=measured.bot_cpu_s / measured.updates * 1e6,
        bot_share=measured.bot_cpu_s / measured.seconds,
        load_share=measured.load_cpu_s / measured.seconds,
        wait_p50_ms=percentile(measured.waits_ms, 50),
        wait_p99_ms=percentile(measured.waits_ms, 99),
    )


def _median(runs: list[Figures]) -> Figures:
    return sorted(runs, key=lambda figures: figures.per_second)[len(runs) // 2]


def _row(name: str, figures: Figures, ratio: float, runs: list[Figures]) -> tuple[str, ...]:
    return (
        name,
        f"{figures.per_second:.0f}",
        f"{ratio:.2f}",
        " ".join(f"{one.per_second:.0f}" for one in runs),
        f"{figures.bot_us:.0f}",
        f"{figures.bot_share:.0%}",
        f"{figures.load_share:.0%}",
        f"{figures.wait_p50_ms:.0f}",
        f"{figures.wait_p99_ms:.0f}",
    )
