"""Curves of quality against strong calls or cost: text for a terminal, SVG and PNG files."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from routing.files import replace_file
from tui.errors import UsageError

if TYPE_CHECKING:
    from textual_plotext.plot import Plot

FORMATS = (".svg", ".png")
# Apart also to eyes that confuse colours: Okabe and Ito's palette, and a mark for each where there
# is no colour at all.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKS = ("o", "s", "^", "D", "v", "P")
TERMINAL_COLOURS = ("blue+", "red+", "green+", "magenta+", "orange+", "cyan+")
TERMINAL_MARKS = ("braille", "x", "o", "+", "#", "*")
DASHES, TERMINAL_DASHES = ((0, (1, 1.5)), (0, (6, 2, 1, 2))), ("dot", "·")
INK, MUTED, FAINT = "#222222", "#666666", "#e4e4e4"
MOST_TICKS, NUDGE = 6, 1e-9
LINES_OF_CURVES = 14  # of a terminal's plot, at the usual height
LABEL_WIDTH = 22  # characters in the margin


@dataclass(frozen=True, slots=True)
class Line:
    """A curve; `is_reference` draws it broken and without marks: a baseline, not a router."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    is_reference: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """A quality that needs no router: a line from side to side."""

    label: str
    y: float


@dataclass(frozen=True, slots=True)
class Band:
    """What lies between two curves: how far chance spreads."""

    label: str
    x: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True, slots=True)
class Point:
    """One model, that needs no router."""

    label: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn, in either form. A file alone shows the subtitle and the bands."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    levels: Sequence[Level] = ()
    bands: Sequence[Band] = ()
    points: Sequence[Point] = ()
    subtitle: str = ""


def draw_in(plot: Plot, chart: Chart) -> None:
    """Draw the chart on a plot of the terminal, in place of what it shows."""
    plot.clear_data()
    for level in chart.levels:
        plot.hline(level.y)
    references, routers = _parted(chart.lines)  # the routers last, on top of the others
    for line, mark in zip(references, cycle(TERMINAL_DASHES)):
        plot.plot(list(line.x), list(line.y), label=line.label, marker=mark, color="default")
    for line, mark, colour in zip(routers, cycle(TERMINAL_MARKS), cycle(TERMINAL_COLOURS)):
        plot.plot(list(line.x), list(line.y), label=line.label, marker=mark, color=colour)
    for point in chart.points:
        plot.text(f"@{point.label}", point.x, point.y, alignment="left")
    if chart.lines:
        end = max(chart.lines[0].x, default=0)
        for level in chart.levels:
            plot.text(f" {level.label} ", end, level.y, alignment="right")
    _leave_room_for_legend(plot, chart)
    across = [x for line in chart.lines for x in line.x] + [point.x for point in chart.points]
    if across and min(across) < max(across):
        plot.xticks(*labelled_ticks(min(across), max(across)))
    plot.title(chart.title)
    plot.xlabel(chart.x_label)
    plot.ylabel(chart.y_label)


def _leave_room_for_legend(plot: Plot, chart: Chart) -> None:
    """Extend the axis above the highest curve, so that the legend covers none."""
    known = [y for line in chart.lines for y in line.y] + [level.y for level in chart.levels]
    if not known:
        return
    low, high = min(known), max(known)
    if low == high:  # a flat curve stands in the middle
        margin = abs(low) / 2 or 1.0
        low, high = low - margin, high + margin
    height = high - low
    plot.ylim(low, low + height * (1 + len(chart.lines) / LINES_OF_CURVES))
    plot.yticks(*labelled_ticks(low, low + height))


def labelled_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Round numbers from low to high, low < high, and how each is written."""
    ticks = round_ticks(low, high)
    return ticks, [f"{tick:.6g}" for tick in ticks]


def round_ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers from low to high, low < high."""
    step = 10.0 ** math.floor(math.log10(high - low))
    step *= next(part for part in (0.2, 0.5, 1.0, 2.0) if (high - low) / (step * part) < MOST_TICKS)
    first, last = math.ceil(low / step - NUDGE), math.floor(high / step + NUDGE)
    return [at * step for at in range(first, last + 1)]


def terminal_plot(chart: Chart, width: int, height: int) -> str:
    """The chart as so many columns and lines of text, with colours as ANSI codes."""
    from textual_plotext.plot import Plot

    plot = Plot()
    plot.theme("clear")
    plot.plotsize(width, height)
    draw_in(plot, chart)
    return str(plot.build())


def check_format(path: Path) -> None:
    """Refuse a file that cannot be drawn, before anything is measured.

    Raises:
        UsageError: its name ends neither in .svg nor in .png.
    """
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"--plot {path}: expected a name that ends in {' or '.join(FORMATS)}")


def save_plot(chart: Chart, path: Path) -> None:
    """Draw the chart into an SVG or PNG file.

    Raises:
        UsageError: the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Text stays text in the SVG; no date and a fixed salt make equal charts equal files.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "llmroute", "font.size": 10}):
        figure = Figure(figsize=(8, 5.2), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _draw(axes, chart)
        figure.legend(loc="outside lower center", ncols=3, frameon=False)
        form = path.suffix.lower().removeprefix(".")
        drawn = io.BytesIO()
        metadata = {"Date": None} if form == "svg" else None
        figure.savefig(drawn, format=form, dpi=160, metadata=metadata)
    try:
        replace_file(path, drawn.getvalue(), private=False)
    except OSError as error:
        raise UsageError(f"--plot {path}: cannot be written: {error.strerror}") from error


def _draw(axes: Any, chart: Chart) -> None:  # noqa: ANN401  # matplotlib is not loaded here
    for band in chart.bands:
        axes.fill_between(band.x, band.low, band.high, color=FAINT, linewidth=0, label=band.label)
    _draw_levels(axes, chart.levels)
    references, routers = _parted(chart.lines)
    for line, dashes in zip(references, cycle(DASHES)):
        axes.plot(line.x, line.y, label=line.label, color=INK, linewidth=1.4, linestyle=dashes)
    for line, mark, colour in zip(routers, cycle(MARKS), cycle(COLOURS)):
        look = {"marker": mark, "markersize": 6, "markeredgecolor": "white", "linewidth": 1.8}
        axes.plot(line.x, line.y, label=line.label, color=colour, **look)
    for point in chart.points:
        axes.plot(point.x, point.y, marker="*", color=INK, markersize=9, linestyle="", zorder=3)
        axes.annotate(
            point.label, (point.x, point.y), xytext=(7, -12), textcoords="offset points", fontsize=9
        )
    axes.set_title(chart.title, loc="left", color=INK, pad=24 if chart.subtitle else 8)
    if chart.subtitle:
        place = {"xycoords": "axes fraction", "xytext": (0, 8), "textcoords": "offset points"}
        axes.annotate(chart.subtitle, (0, 1), color=MUTED, fontsize=9, **place)
    axes.set_xlabel(chart.x_label, color=INK)
    axes.set_ylabel(chart.y_label, color=INK)
    axes.margins(x=0.02, y=0.08 if chart.points else 0.05)  # names stand below points
    axes.tick_params(colors=MUTED)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)


def _draw_levels(axes: Any, levels: Sequence[Level]) -> None:  # noqa: ANN401
    """Lines from side to side, named in the right margin: there no curve runs through a name."""
    highest = max((level.y for level in levels), default=0.0)
    for level in levels:
        axes.axhline(level.y, color=MUTED, linestyle="--", linewidth=1, zorder=1)
        axes.annotate(
            fill(level.label, LABEL_WIDTH),
            (1, level.y),
            xycoords=("axes fraction", "data"),
            xytext=(6, 2 if level.y == highest else -2),
            textcoords="offset points",
            va="bottom" if level.y == highest else "top",
            color=MUTED,
            fontsize=9,
        )


def _parted(lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """The references, and the others."""
    references = [line for line in lines if line.is_reference]
    return references, [line for line in lines if not line.is_reference]
