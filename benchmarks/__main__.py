"""`python -m benchmarks [throughput] [card_latency] …`: all but growth if none is named.

What a whole run found is kept on the page of figures; what `--only` or `--quick` found is only
printed, unless `--page` says where to keep it.
"""

import argparse
import importlib
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from benchmarks import page
from benchmarks.processes import ROOT, BenchmarkFailed
from benchmarks.report import Options, machine, show

NAMES = ("throughput", "card_latency", "growth", "nearby", "ledger", "memory")
# Growth takes long, and tens of gigabytes.
USUAL = ("throughput", "card_latency", "nearby", "ledger", "memory")
SIZES = "10k,1M,5M"
PAGE = ROOT / "benchmarks" / "figures"
# Seconds for one benchmark, with all it starts.
LIMIT_S = 1800


def main() -> int:
    """Run what was asked for.

    Returns:
        0, or 1 if a goal was missed or a benchmark failed.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="|".join(NAMES), help="which")
    parser.add_argument("--only", default="", help="rows by their keys, e.g. sqlite,ptb")
    parser.add_argument("--sizes", default=SIZES, help=f"for growth, in reports: {SIZES}")
    parser.add_argument("--quick", action="store_true", help="a short run: does it work?")
    parser.add_argument("--page", type=Path, help=f"keep it there instead of {PAGE.name}.*")
    parser.add_argument("--redraw", action="store_true", help="the page of what is kept; no run")
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    names = given.names or USUAL
    if given.redraw:
        page.draw(given.page or PAGE)
        return 0
    only = frozenset(given.only.split(",")) - {""}
    known = {key for name in names for key in importlib.import_module(f"benchmarks.{name}").KEYS}
    if strange := only - known:
        parser.error(
            f"no such row: {', '.join(sorted(strange))}; there are {', '.join(sorted(known))}"
        )
    try:
        options = Options(only, given.quick, tuple(map(_number, given.sizes.split(","))))
    except ValueError:
        parser.error("--sizes: numbers such as 10k,1M,5M")
    whole = not (only or given.quick or given.sizes != SIZES)
    return _run(names, options, given.page or (PAGE if whole else None))


def _number(text: str) -> int:
    units = {"k": 1_000, "M": 1_000_000}
    return int(text.rstrip("kM")) * units.get(text[-1:], 1)


def _run(names: list[str] | tuple[str, ...], options: Options, base: Path | None) -> int:
    # Either way the `with` blocks end, and with them whatever was started.
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGALRM, _end)
    if base is not None:
        base.parent.mkdir(parents=True, exist_ok=True)
    there = machine()
    print(there)
    fine = True
    for name in names:
        signal.alarm(LIMIT_S)
        try:
            findings = importlib.import_module(f"benchmarks.{name}").run(options)
        except BenchmarkFailed as failed:
            print(f"\n{name} failed: {failed}")
            fine = False
            continue
        finally:
            signal.alarm(0)
        show(findings)
        if base is not None:
            page.keep(base, name, findings, there)
        fine = fine and all(goal.met is not False for goal in findings.goals)
    return 0 if fine else 1


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    sys.exit(f"ended by {signal.Signals(number).name}")


if __name__ == "__main__":
    sys.exit(main())
