"""How a benchmark tells what it measured, and whether a goal was missed."""

import os
import platform
import sqlite3
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import psutil
from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Goal:
    """Something the project claims.

    Attributes:
        claim: in words.
        measured: what came out, in words.
        met: it holds; None where this machine cannot tell.
    """

    claim: str
    measured: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """In a word or two."""
        return "not judged" if self.met is None else "met" if self.met else "MISSED"


@dataclass(frozen=True)
class Findings:
    """What one benchmark found.

    Attributes:
        title: of the table.
        columns: its head.
        rows: as they are printed.
        notes: what to know about it, line by line.
        goals: what is claimed of it.
        raw: the figures behind it, for the plot and for whoever wants to reckon on.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: tuple[str, ...]
    goals: list[Goal]
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line.

    Attributes:
        only: keys of the rows to measure; all if empty.
        quick: one short run, to see that everything works.
        sizes: of databases, in reports, for what is measured at several.
    """

    only: frozenset[str]
    quick: bool
    sizes: tuple[int, ...]

    def wants(self, key: str) -> bool:
        """Whether a row is to be measured."""
        return not self.only or key in self.only


def show(findings: Findings) -> None:
    """Print findings as a Markdown table."""
    console = Console(width=160, highlight=False, markup=False, emoji=False)
    console.print(f"\n## {findings.title}")
    table = Table(*findings.columns, box=box.MARKDOWN)
    for row in findings.rows:
        table.add_row(*row)
    console.print(table)
    console.print(" ".join(findings.notes))
    for goal in findings.goals:
        console.print(f"{goal.verdict:10} {goal.claim}: {goal.measured}", soft_wrap=True)


def machine() -> str:
    """What this was measured on, in a line; an fsync is timed for it."""
    memory_gb = psutil.virtual_memory().total / 1e9
    busy = os.getloadavg()[0]
    return (
        f"{psutil.cpu_count()} cores, {memory_gb:.0f} GB, {platform.system()} {platform.machine()},"
        f" Python {platform.python_version()}, SQLite {sqlite3.sqlite_version},"
        f" an fsync costs {fsync_us():.0f} µs, load average {busy:.1f} before"
    )


def fsync_us() -> float:
    """What it costs to make 4 KiB durable where temporary files lie: the median, in µs."""
    with NamedTemporaryFile() as file:
        handle = file.fileno()
        costs = []
        for _ in range(300):
            os.pwrite(handle, b"\0" * 4096, 0)
            begun = time.perf_counter()
            os.fsync(handle)
            costs.append((time.perf_counter() - begun) * 1e6)
    return statistics.median(costs)


def percentile(values: list[float], percent: int) -> float:
    """The value so many percent of the values are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]


def size_mb(file: Path) -> float:
    """How large a file is, in MB."""
    return file.stat().st_size / 1e6
