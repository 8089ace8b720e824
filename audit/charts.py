"""Plots as SVG text, so that a report needs no library, script or network.

Colours are CSS variables of the page around them, which has a light and a dark set.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

WIDTH = 980
ROW = 26
TEXT_WIDTH = 7.2  # of a character at 13 px, about
SERIES = 8  # colours of the page

_Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Bar:
    """A difference in points with its interval."""

    label: str
    points: float
    low: float
    high: float
    is_clear: bool


@dataclass(frozen=True, slots=True)
class Column:
    """What happens at one position: shares in [0, 1]; `recall` is None without a question there."""

    label: str
    recall: float | None
    picked: float


@dataclass(frozen=True, slots=True)
class Line:
    """A model's ranks, one for each perturbation, from 1 for the best."""

    label: str
    ranks: tuple[int, ...]


def differences(title: str, bars: Sequence[Bar]) -> str:
    """Each difference as a dot on its interval, around a line at zero."""
    left = min(300.0, 16 + max((len(bar.label) for bar in bars), default=0) * TEXT_WIDTH)
    right, top = WIDTH - 64, 14
    ticks = _ticks(min([-1.0, *(b.low for b in bars)]), max([1.0, *(b.high for b in bars)]))
    height = top + ROW * len(bars) + 34

    def x(points: float) -> float:
        return left + (points - ticks[0]) / (ticks[-1] - ticks[0]) * (right - left)

    bottom = top + ROW * len(bars)
    parts = [_axis_x(x(tick), top, bottom, f"{tick:+g}" if tick else "0") for tick in ticks]
    parts.append(_line(x(0), top, x(0), bottom, "zero"))
    for i, bar in enumerate(bars):
        parts.append(_difference(bar, x, left, top + ROW * (i + 0.5)))
    parts.append(_text((left + right) / 2, height - 2, "points of accuracy", "axis", "middle"))
    said = "; ".join(f"{b.label} {b.points:+.1f} ({b.low:+.1f} to {b.high:+.1f})" for b in bars)
    return _svg(title, said, height, parts)


def _difference(bar: Bar, x: _Scale, left: float, y: float) -> str:
    kind = "clear" if bar.is_clear else "unclear"
    words = f"{bar.label}: {bar.points:+.1f} points, {bar.low:+.1f} to {bar.high:+.1f}"
    return _group(
        words,
        [
            _text(left - 10, y + 4.5, bar.label, "label", "end"),
            _line(x(bar.low), y, x(bar.high), y, f"whisker {kind}"),
            f'<circle class="dot {kind}" cx="{x(bar.points):.1f}" cy="{y:.1f}" r="5"/>',
            _text(WIDTH - 4, y + 4.5, f"{bar.points:+.1f}", f"value {kind}", "end"),
        ],
    )


def positions(title: str, columns: Sequence[Column], accuracy: float) -> str:
    """Recall per position as bars under the accuracy's line, the share of the picks as a mark."""
    left, right, top, bottom = 48.0, 320.0, 18.0, 218.0
    step = (right - left) / len(columns)

    def y(share: float) -> float:
        return bottom - share * (bottom - top)

    parts = [_axis_y(left, right, y(tick / 100), f"{tick} %") for tick in (0, 25, 50, 75, 100)]
    for i, column in enumerate(columns):
        parts.append(_column(column, y, left + step * (i + 0.5), step * 0.56, bottom))
    parts.append(_line(left, y(accuracy), right, y(accuracy), "mean"))
    parts.append(_text(right + 6, y(accuracy) - 3, "accuracy", "axis", "start"))
    parts.append(_text(right + 6, y(accuracy) + 12, f"{100 * accuracy:.1f} %", "axis", "start"))
    said = "; ".join(_column_words(column) for column in columns)
    return _svg(title, said, 246, parts, width=390)


def _column(column: Column, y: _Scale, middle: float, width: float, bottom: float) -> str:
    parts = [_text(middle, bottom + 18, column.label, "label", "middle")]
    if column.recall is not None:
        height = bottom - y(column.recall)
        parts.append(
            f'<rect class="bar" x="{middle - width / 2:.1f}" y="{y(column.recall):.1f}" '
            f'width="{width:.1f}" height="{height:.1f}" rx="2"/>'
        )
    at = y(column.picked)
    parts.append(
        f'<path class="mark" d="M{middle - 7:.1f} {at:.1f}l7 -7l7 7l-7 7z"/>',
    )
    return _group(_column_words(column), parts)


def _column_words(column: Column) -> str:
    recall = "no answer is there"
    if column.recall is not None:
        recall = f"{100 * column.recall:.1f} % of the answers there are found"
    return f"{column.label}: {recall}, {100 * column.picked:.1f} % of the picks go there"


def confusion(title: str, labels: Sequence[str], table: Sequence[Sequence[int]]) -> str:
    """Where the picks go (columns) by where the right answer stands (rows), each row 100 %."""
    cell, left, top = min(56.0, 300 / len(labels)), 58.0, 40.0
    size = cell * len(labels)
    parts = [
        _text(left + size / 2, 14, "picked", "axis", "middle"),
        f'<text class="axis" text-anchor="middle" '
        f'transform="translate(14 {top + size / 2:.1f}) rotate(-90)">right answer</text>',
    ]
    said = []
    for i, row in enumerate(table):
        parts.append(_text(left - 10, top + cell * (i + 0.5) + 4.5, labels[i], "label", "end"))
        parts.append(_text(left + cell * (i + 0.5), top - 8, labels[i], "label", "middle"))
        total = sum(row)
        for j, number in enumerate(row):
            share = number / total if total else 0.0
            words = f"right {labels[i]}, picked {labels[j]}: {number} ({100 * share:.0f} %)"
            said.append(words)
            corner = (left + cell * j, top + cell * i)
            parts.append(_group(words, _cell(corner, cell, share, is_right=i == j)))
    return _svg(title, "; ".join(said), top + size + 8, parts, width=390)


def _cell(corner: tuple[float, float], size: float, share: float, *, is_right: bool) -> list[str]:
    x, y = corner
    kind = "right" if is_right else "wrong"
    strong = " strong" if share > 0.55 else ""
    return [
        f'<rect class="cell {kind}" x="{x + 1:.1f}" y="{y + 1:.1f}" width="{size - 2:.1f}" '
        f'height="{size - 2:.1f}" rx="3" fill-opacity="{0.06 + 0.94 * share:.2f}"/>',
        f'<rect class="frame {kind}" x="{x + 1:.1f}" y="{y + 1:.1f}" width="{size - 2:.1f}" '
        f'height="{size - 2:.1f}" rx="3"/>',
        _text(x + size / 2, y + size / 2 + 5, f"{100 * share:.0f}", f"number{strong}", "middle"),
    ]


def bump(title: str, steps: Sequence[str], lines: Sequence[Line]) -> str:
    """Each model's rank from step to step; models that keep theirs run level."""
    longest = max((len(line.label) for line in lines), default=0)
    left = min(240.0, 46 + longest * TEXT_WIDTH)
    right, top, gap = WIDTH - 40.0, 20.0, 30.0
    width = (right - left) / max(1, len(steps) - 1)
    bottom = top + gap * (len(lines) - 1)

    def at(step: int, rank: float) -> tuple[float, float]:
        return left + width * step, top + gap * (rank - 1)

    parts = [_step(left + width * i, top - 10, bottom + 8, step) for i, step in enumerate(steps)]
    for number, line in enumerate(lines):
        points = [at(i, rank) for i, rank in enumerate(_apart(lines, number))]
        parts.append(_bump_line(number, line, points))
    longest_step = max((len(step) for step in steps), default=0)
    height = bottom + 28 + longest_step * TEXT_WIDTH * 0.72
    said = "; ".join(f"{line.label}: ranks {', '.join(map(str, line.ranks))}" for line in lines)
    return _svg(title, said, height, parts)


def _apart(lines: Sequence[Line], number: int) -> list[float]:
    """The line's ranks, models of the same rank set below one another in the order given."""
    own = lines[number]
    return [
        rank + sum(other.ranks[i] == rank for other in lines[:number])
        for i, rank in enumerate(own.ranks)
    ]


def _bump_line(number: int, line: Line, points: Sequence[tuple[float, float]]) -> str:
    kind = f"series s{number % SERIES}"
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        bend = (x1 - x0) / 2
        path += f"C{x0 + bend:.1f} {y0:.1f} {x1 - bend:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
    dots = [
        f'<circle class="{kind} dot" cx="{x:.1f}" cy="{y:.1f}" r="9"/>'
        + _text(x, y + 4, str(rank), "rank", "middle")
        for (x, y), rank in zip(points, line.ranks, strict=True)
    ]
    label = _text(points[0][0] - 18, points[0][1] + 4.5, line.label, "label", "end")
    words = f"{line.label}: ranks {', '.join(map(str, line.ranks))}"
    return _group(words, [f'<path class="{kind} path" d="{path}"/>', *dots, label])


def _step(x: float, top: float, bottom: float, label: str) -> str:
    turned = f'transform="translate({x + 4:.1f} {bottom + 14:.1f}) rotate(-45)"'
    text = f'<text class="axis" text-anchor="end" {turned}>{escape(label)}</text>'
    return _line(x, top, x, bottom, "grid") + text


def _ticks(low: float, high: float) -> list[float]:
    """Five to nine round numbers from the one below `low` to the one above `high`."""
    span = high - low
    size = 10 ** math.floor(math.log10(span / 5))
    step = next(size * by for by in (1, 2, 5, 10) if span / (size * by) <= 7)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [step * i for i in range(first, last + 1)]


def _svg(
    title: str, said: str, height: float, parts: Sequence[str], *, width: float = WIDTH
) -> str:
    """The picture; a screen reader says its title and then every value."""
    label = escape(f"{title}. {said}")
    size = f'viewBox="0 0 {width:g} {height:.0f}" style="max-width:{width:g}px"'
    return f'<svg {size} role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _group(words: str, parts: Sequence[str]) -> str:
    return f"<g><title>{escape(words)}</title>{''.join(parts)}</g>"


def _text(x: float, y: float, text: str, kind: str, anchor: str) -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _line(x0: float, y0: float, x1: float, y1: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>'


def _axis_x(x: float, top: float, bottom: float, label: str) -> str:
    return _line(x, top, x, bottom, "grid") + _text(x, bottom + 16, label, "axis", "middle")


def _axis_y(left: float, right: float, y: float, label: str) -> str:
    return _line(left, y, right, y, "grid") + _text(left - 6, y + 4, label, "axis", "end")
