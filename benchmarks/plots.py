"""The plots of the page: SVG that is the same for the same figures, on a ground of its own.

The ground is part of the picture, so that it reads on a dark page as on a light one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Blue and orange that the colour-blind can tell apart (Okabe and Ito), on paper.
OURS, PEERS, INK, PAPER, LINE = "#0072b2", "#d55e00", "#222222", "#fbfaf7", "#8a8a85"
_STYLE: dict[Any, Any] = {
    # Without it ids in the file are random.
    "svg.hashsalt": "street-sentinel",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.facecolor": PAPER,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.h_pad": 0.12,
    "figure.constrained_layout.w_pad": 0.12,
    "figure.facecolor": PAPER,
    "xtick.color": INK,
    "ytick.color": INK,
}


def throughput(raw: dict[str, Any], file: Path) -> None:
    """Updates a second as bars, and at half load how long an answer takes."""
    rows = raw["rows"][::-1]
    peer = next((_median(row) for row in rows if row["key"] == raw["peer"]), None)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10, 0.9 + 0.36 * len(rows)), layout="constrained")
        speed, answers = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
        _bars(speed, rows, peer)
        _answers(answers, rows, raw["limit_ms"])
        _save(figure, file)


def _bars(axes: Axes, rows: list[dict[str, Any]], peer: float | None) -> None:
    for place, row in enumerate(rows):
        rate = _median(row)
        axes.barh(place, rate, height=0.62, color=OURS if row["ours"] else PEERS)
        words = f"{rate:.0f}" if peer is None else f"{rate:.0f}  ({rate / peer:.2f} ×)"
        axes.annotate(
            words,
            (rate, place),
            (5, 0),
            textcoords="offset points",
            va="center",
            # The peer's line goes behind the words.
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1},
        )
    if peer is not None:
        axes.axvline(peer, color=LINE, linestyle="--", linewidth=1, zorder=0)
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows])
    axes.set_xlabel("updates a second; (× PTB's own webhook)")
    axes.margins(x=0.22)
    axes.set_xlim(left=0)


def _answers(axes: Axes, rows: list[dict[str, Any]], limit_ms: float) -> None:
    for place, row in enumerate(rows):
        half = row["half_load"]
        if half is None:
            continue
        colour = OURS if row["ours"] else PEERS
        axes.plot([half["p50_ms"], half["p99_ms"]], [place, place], color=colour, linewidth=2)
        axes.plot(half["p50_ms"], place, "o", color=PAPER, markeredgecolor=colour)
        axes.plot(half["p99_ms"], place, "o", color=colour)
    axes.axvline(limit_ms, color=LINE, linestyle="--", linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel(f"answer at half load, ms: ○ p50, ● p99; goal {limit_ms:.0f}")
    axes.tick_params(axis="y", left=False)


def growth(raw: dict[str, Any], file: Path) -> None:
    """Updates a second and processor time by the size of the database, the smallest being 1."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10, 3.2), layout="constrained")
        speed, cost = figure.subplots(1, 2)
        every_size = sorted({row["reports"] for rows in raw["databases"].values() for row in rows})
        for (name, rows), colour in zip(raw["databases"].items(), (OURS, PEERS), strict=False):
            sizes = [row["reports"] for row in rows]
            first = rows[0]
            speed.plot(
                sizes,
                [first["per_second"] / row["per_second"] for row in rows],
                "o-",
                color=colour,
                label=name,
            )
            cost.plot(sizes, [row["cpu_us"] / first["cpu_us"] for row in rows], "o-", color=colour)
        for axes, words in (
            (speed, "time an update takes, the smallest size being 1"),
            (cost, "CPU time an update takes, bot and database"),
        ):
            axes.axhline(raw["limit"], color=LINE, linestyle="--", linewidth=1, zorder=0)
            axes.annotate(
                f"goal {raw['limit']}",
                (0, raw["limit"]),
                (4, 3),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                color=LINE,
            )
            axes.set_xscale("log")
            axes.minorticks_off()
            axes.set_xticks(every_size, [_short(size) for size in every_size])
            axes.set_ylim(0, max(1.5, axes.get_ylim()[1]))
            axes.set_xlabel("reports in the database")
            axes.set_title(words, fontsize=9)
        speed.legend(frameon=False, loc="lower left")
        _save(figure, file)


PLOTS: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "throughput": throughput,
    "growth": growth,
}


def _short(number: int) -> str:
    return f"{number / 1e6:g} M" if number >= 1e6 else f"{number / 1e3:g} k"


def _median(row: dict[str, Any]) -> float:
    rates = sorted(one["per_second"] for one in row["runs"])
    return float(rates[len(rates) // 2])


def _save(figure: Figure, file: Path) -> None:
    # No date: the same figures are the same file.
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
