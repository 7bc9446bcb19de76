"""`python -m benchmarks [throughput] [nearby] [memory]`: all of them if none is named."""

import argparse
import importlib
import signal
import sys
from types import FrameType
from typing import NoReturn

from benchmarks.processes import BenchmarkFailed
from benchmarks.report import machine, show

NAMES = ("throughput", "nearby", "memory")
# Seconds for one benchmark, with all it starts.
LIMIT_S = 1200


def main() -> int:
    """Run what was asked for.

    Returns:
        0, or 1 if a goal was missed or a benchmark failed.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="|".join(NAMES), help="which; all if none")
    names = parser.parse_args().names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    # Either way the `with` blocks end, and with them whatever was started.
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGALRM, _end)
    print(machine())
    fine = True
    for name in names:
        signal.alarm(LIMIT_S)
        try:
            findings = importlib.import_module(f"benchmarks.{name}").run()
        except BenchmarkFailed as failed:
            print(f"\n{name} failed: {failed}")
            fine = False
            continue
        finally:
            signal.alarm(0)
        show(findings)
        fine = fine and all(goal.met for goal in findings.goals)
    return 0 if fine else 1


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    sys.exit(f"ended by {signal.Signals(number).name}")


if __name__ == "__main__":
    sys.exit(main())
