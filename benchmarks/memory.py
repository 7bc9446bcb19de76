"""What `sentinel run` weighs: at rest, and after some work."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks.processes import load, sentinel
from benchmarks.report import Findings, Goal, Options
from benchmarks.riders import MODERATORS

KEYS = ("memory",)
REPORTS = 50
REST_S = 5.0
LIMIT_MB = 150


def run(options: Options) -> Findings:  # noqa: ARG001 - there is one way to weigh
    """Weigh it.

    Raises:
        BenchmarkFailed: the bot did not do what it should.
    """
    with TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        with (
            load("--riders", "10", log=folder / "stub.log") as riders,
            sentinel(riders.api_url, folder, moderators=MODERATORS) as bot,
        ):
            riders.await_bot()
            # What is to be weighed is a bot that has nothing to do.
            time.sleep(REST_S)
            at_rest = _weight(bot.pid)
            riders.measure(REPORTS, [bot.pid])
            after = _weight(bot.pid)
    return Findings(
        title="Memory of `sentinel run`, MB",
        columns=("", "resident (RSS)", "its own share (PSS)"),
        rows=[
            ("at rest", *_words(at_rest)),
            (f"after {REPORTS} reports with pictures", *_words(after)),
        ],
        notes=(f"At rest: {REST_S:.0f} s after the start, on a database it has just made.",),
        goals=[
            Goal(f"under {LIMIT_MB} MB at rest", f"{at_rest[0]:.0f} MB", met=at_rest[0] < LIMIT_MB)
        ],
    )


def _weight(pid: int) -> tuple[float, float | None]:
    process = psutil.Process(pid)
    try:
        weight = process.memory_full_info()
    except psutil.AccessDenied:
        return process.memory_info().rss / 1e6, None
    return weight.rss / 1e6, weight.pss / 1e6


def _words(weight: tuple[float, float | None]) -> tuple[str, str]:
    rss, pss = weight
    return f"{rss:.0f}", "not readable" if pss is None else f"{pss:.0f}"
