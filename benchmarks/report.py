"""How a benchmark tells what it measured, and whether a goal was missed."""

import os
import platform
import sqlite3
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

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
        met: it holds.
    """

    claim: str
    measured: str
    met: bool


@dataclass(frozen=True)
class Findings:
    """What one benchmark found: a table, what to know about it, and its goals."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: tuple[str, ...]
    goals: list[Goal]


def show(findings: Findings) -> None:
    """Print findings as a Markdown table."""
    console = Console(width=160, highlight=False, markup=False, emoji=False)
    console.print(f"\n## {findings.title}")
    table = Table(*findings.columns, box=box.MARKDOWN)
    for row in findings.rows:
        table.add_row(*row)
    console.print(table)
    for note in findings.notes:
        console.print(note, soft_wrap=True)
    for goal in findings.goals:
        sign = "met   " if goal.met else "MISSED"
        console.print(f"{sign} {goal.claim}: {goal.measured}", soft_wrap=True)


def machine() -> str:
    """What this was measured on, in a line; an fsync is timed for it."""
    memory_gb = psutil.virtual_memory().total / 1e9
    return (
        f"{psutil.cpu_count()} cores, {memory_gb:.0f} GB, {platform.system()} {platform.machine()},"
        f" Python {platform.python_version()}, SQLite {sqlite3.sqlite_version},"
        f" an fsync costs {fsync_us():.0f} µs"
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
