"""The picture of a report's life in docs/reviewing.md, drawn from the table of its moves.

`python -m bot.workflow_chart` draws it anew in both languages. An arrow may stand for many moves of
the same name; all arrows together stand for every move of the table and for no other, or nothing is
drawn.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from models.workflow import (
    DECIDED_STATES,
    DESK_STATES,
    TRANSITIONS,
    WITHDRAWABLE_STATES,
    State,
)

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
LANGUAGES = ("zh", "en")

_WIDTH, _HEIGHT = 1160, 610
_BOX_WIDTH, _BOX_HEIGHT = 150, 46
_INK, _PAPER, _LINE = "#17211f", "#ffffff", "#4a5b57"
_COLOURS = {"desk": "#dcebe6", "away": "#fbf1d9", "end": "#e6e9f5"}
_FONT = "'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"

Point = tuple[int, int]
Move = tuple[str, State | None, State]


@dataclass(frozen=True, slots=True)
class Box:
    """A state on the paper: its middle, whose turn it is, and its names."""

    at: Point
    turn: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow: the moves it stands for, its corners, its words and where they stand."""

    moves: frozenset[Move]
    corners: tuple[Point, ...]
    zh: str
    en: str
    words_at: Point
    anchor: str = "middle"
    back: bool = False


_BOXES = {
    State.SUBMITTED: Box((580, 140), "desk", "待审核", "in review"),
    State.SECOND: Box((580, 270), "desk", "待第二人", "second review"),
    State.DISPUTED: Box((580, 400), "desk", "待组长", "chief's turn"),
    State.APPEALED: Box((580, 530), "desk", "申诉中", "appeal"),
    State.HELD: Box((130, 120), "away", "暂缓", "on hold"),
    State.ASKED: Box((130, 240), "away", "等骑手回答", "rider asked"),
    State.UNANSWERED: Box((130, 380), "end", "未回答，关闭", "closed, no answer"),
    State.WITHDRAWN: Box((130, 530), "end", "骑手撤回", "withdrawn"),
    State.APPROVED: Box((1030, 140), "end", "已采纳", "approved"),
    State.DUPLICATE: Box((1030, 300), "end", "重复，已合并", "duplicate"),
    State.REJECTED: Box((1030, 430), "end", "未采纳", "rejected"),
}
# What a decision may be made from, as one frame on the paper.
_FRAME = (485, 95, 675, 590)


def _moves(
    name: str, *, sources: frozenset[State] | None = None, targets: frozenset[State] | None = None
) -> frozenset[Move]:
    """All moves of a name, or those between some states."""
    return frozenset(
        (step.name, step.source, step.target)
        for step in TRANSITIONS
        if step.name == name
        and (sources is None or step.source in sources)
        and (targets is None or step.target in targets)
    )


_ONLY_HELD = frozenset({State.HELD})
_ARROWS = (
    Arrow(_moves("submitted"), ((580, 58), (580, 117)), "骑手上报", "reported", (592, 80), "start"),
    Arrow(_moves("approved"), ((675, 140), (955, 140)), "采纳 ★–★★★", "approve ★–★★★", (815, 132)),
    Arrow(
        _moves("undone", sources=DECIDED_STATES, targets=DESK_STATES),
        ((955, 215), (675, 215)),
        "本人 10 分钟内可撤销",
        "undo: 10 min, same reviewer",
        (815, 207),
        back=True,
    ),
    Arrow(
        _moves("merged", sources=DESK_STATES),
        ((675, 300), (955, 300)),
        "重复：并入另一条",
        "duplicate: merge",
        (815, 292),
    ),
    Arrow(
        _moves("reopened"),
        ((1030, 323), (1030, 365), (675, 365)),
        "另一条撤回或关闭了",
        "the other one was taken back",
        (845, 357),
        back=True,
    ),
    Arrow(
        _moves("rejected"),
        ((675, 430), (955, 430)),
        "驳回，附理由",
        "reject, with a reason",
        (815, 422),
    ),
    Arrow(
        _moves("appealed"),
        ((1030, 453), (1030, 530), (655, 530)),
        "骑手申诉，一次",
        "the rider appeals, once",
        (840, 522),
    ),
    Arrow(_moves("voted"), ((555, 163), (555, 247)), "第一票", "first vote", (549, 210), "end"),
    Arrow(
        _moves("vote_undone"),
        ((605, 247), (605, 163)),
        "撤票",
        "undo",
        (611, 210),
        "start",
        back=True,
    ),
    Arrow(
        _moves("disputed"), ((555, 293), (555, 377)), "意见不同", "they differ", (549, 340), "end"
    ),
    Arrow(
        _moves("held"), ((505, 122), (205, 122)), "暂缓，附原因", "hold, with a reason", (345, 114)
    ),
    Arrow(
        _moves("released"),
        ((205, 136), (505, 136)),
        "继续处理",
        "take up again",
        (345, 152),
        back=True,
    ),
    Arrow(
        _moves("merged", sources=_ONLY_HELD),
        ((145, 97), (145, 28), (1125, 28), (1125, 300), (1105, 300)),
        "暂缓的也可合并（可撤销）",
        "from on hold, too (and back by undo)",
        (345, 46),
    ),
    Arrow(
        _moves("undone", targets=_ONLY_HELD),
        ((1105, 312), (1140, 312), (1140, 14), (115, 14), (115, 97)),
        "",
        "",
        (0, 0),
        back=True,
    ),
    Arrow(
        _moves("asked"),
        ((505, 150), (430, 150), (430, 230), (205, 230)),
        "问骑手",
        "ask the rider",
        (315, 222),
    ),
    Arrow(
        _moves("answered") | _moves("recalled"),
        ((205, 252), (460, 252), (460, 158), (505, 158)),
        "回答，或不等了",
        "answered, or not waited for",
        (330, 268),
        back=True,
    ),
    Arrow(
        _moves("unanswered"), ((130, 263), (130, 357)), "5 天没回答", "5 days", (138, 315), "start"
    ),
    Arrow(
        _moves("resumed"),
        ((205, 380), (460, 380), (460, 252)),
        "后来回答了",
        "answered after all",
        (330, 372),
        back=True,
    ),
    Arrow(
        _moves("withdrawn", sources=WITHDRAWABLE_STATES),
        ((485, 530), (205, 530)),
        "骑手撤回（申诉除外）",
        "the rider withdraws (no appeal)",
        (345, 522),
    ),
)


class Incomplete(Exception):  # noqa: N818 - a state of the table
    """The arrows do not stand for the moves of the table."""


def draw(language: str) -> str:
    """Draw the picture.

    Args:
        language: `zh` or `en`.

    Returns:
        An SVG.

    Raises:
        Incomplete: a move of the table is missing on the paper, or one too many is there.
    """
    drawn = [move for arrow in _ARROWS for move in arrow.moves]
    table = [(step.name, step.source, step.target) for step in TRANSITIONS]
    if sorted(map(str, drawn)) != sorted(map(str, table)) or set(_BOXES) != set(State):
        raise Incomplete(str(set(drawn) ^ set(table)))
    return "\n".join(_lines(language)) + "\n"


def _lines(language: str) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-family="{_FONT}" font-size="14">'
    )
    yield (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        f'markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="{_LINE}"/></marker></defs>'
    )
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="{_PAPER}"/>'
    left, top, right, bottom = _FRAME
    yield (
        f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" rx="14" '
        f'fill="{_COLOURS["desk"]}" fill-opacity="0.45" stroke="{_LINE}" stroke-dasharray="3 4"/>'
    )
    yield _words(
        (left + right) // 2, bottom - 8, "轮到审核群" if language == "zh" else "the desk's turn"
    )
    for arrow in _ARROWS:
        yield _arrow(arrow, language)
    for box in _BOXES.values():
        yield _box(box, language)
    yield "</svg>"


def _arrow(arrow: Arrow, language: str) -> str:
    path = "M" + " L".join(f"{x} {y}" for x, y in arrow.corners)
    dashes = ' stroke-dasharray="6 4"' if arrow.back else ""
    line = f'<path d="{path}" fill="none" stroke="{_LINE}"{dashes} marker-end="url(#tip)"/>'
    text = arrow.zh if language == "zh" else arrow.en
    return line + (_words(*arrow.words_at, text, anchor=arrow.anchor) if text else "")


def _box(box: Box, language: str) -> str:
    x, y = box.at
    text = box.zh if language == "zh" else box.en
    return (
        f'<rect x="{x - _BOX_WIDTH // 2}" y="{y - _BOX_HEIGHT // 2}" width="{_BOX_WIDTH}" '
        f'height="{_BOX_HEIGHT}" rx="10" fill="{_COLOURS[box.turn]}" stroke="{_INK}"/>'
        + _words(x, y + 5, text, bold=True)
    )


def _words(x: int, y: int, text: str, *, anchor: str = "middle", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x}" y="{y}" fill="{_INK}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'
    )


def file_of(language: str) -> Path:
    """Where the picture of a language lies."""
    return IMAGES / f"workflow.{language}.svg"


def main() -> int:
    """Draw both pictures: the exit code of `python -m bot.workflow_chart`."""
    for language in LANGUAGES:
        file_of(language).write_text(draw(language), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
