"""The page of figures, with its plots: kept as JSON, so that it can be drawn again.

`figures.json` holds what each benchmark found when it was last run; `figures.md` and the plots
beside it are made of nothing else.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import plots
from benchmarks.report import Findings, Goal
from models import clock

_HEAD = """\
# Figures

Written by `python -m benchmarks` itself; `README.md` tells what is measured, and how. Read ratios,
not absolutes: they travel between machines, the figures do not.
"""


def keep(base: Path, name: str, findings: Findings, machine: str) -> None:
    """Put what a benchmark found in place of what it found before, and write the page anew.

    Args:
        base: of the files, without their endings.
        name: of the benchmark.
        findings: of it.
        machine: what it ran on, in a line.
    """
    file = base.with_suffix(".json")
    kept: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    kept[name] = {
        "machine": machine,
        "date": clock.now().date().isoformat(),
        "findings": asdict(findings),
    }
    file.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", "utf-8")
    draw(base)


def draw(base: Path) -> None:
    """Write the page and its plots of what is kept."""
    kept: dict[str, Any] = json.loads(base.with_suffix(".json").read_text("utf-8"))
    sections = [_HEAD]
    for name, part in kept.items():
        findings = part["findings"]
        picture = ""
        if plot := plots.PLOTS.get(name):
            plot_file = base.with_name(f"{base.name}-{name}.svg")
            plot(findings["raw"], plot_file)
            picture = f"\n![{findings['title']}]({plot_file.name})\n"
        sections.append(
            f"\n## {findings['title']}\n\n"
            f"`make bench ARGS={name}` on {part['date']}; {part['machine']}.\n{picture}\n"
            + _table(findings["columns"], findings["rows"])
            + f"\n{' '.join(findings['notes'])}\n\n"
            + "".join(_goal(Goal(**goal)) for goal in findings["goals"])
        )
    base.with_suffix(".md").write_text("".join(sections), "utf-8")


def _table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _goal(goal: Goal) -> str:
    return f"- **{goal.verdict}**: {goal.claim}: {goal.measured}\n"
