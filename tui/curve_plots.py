"""Curves of quality against strong calls or cost: text for a terminal, SVG and PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.errors import UsageError

if TYPE_CHECKING:
    from textual_plotext.plot import Plot

FORMATS = (".svg", ".png")
# Apart also to eyes that confuse colours: Okabe and Ito's palette, black first.
COLOURS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#D55E00", "#CC79A7", "#0072B2")
TERMINAL_COLOURS = ("default", "orange+", "cyan+", "green+", "red+", "magenta+", "blue+")


@dataclass(frozen=True, slots=True)
class Line:
    """A curve; `is_reference` draws it dashed and thin: a baseline, not a router."""

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
class Chart:
    """What is drawn, in either form."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    levels: Sequence[Level] = ()


def draw_in(plot: Plot, chart: Chart) -> None:
    """Draw the chart on a plot of the terminal, in place of what it shows."""
    plot.clear_data()
    colours = _colours(chart.lines, TERMINAL_COLOURS)
    for line, colour in zip(chart.lines, colours, strict=True):
        marker = "dot" if line.is_reference else "braille"
        plot.plot(list(line.x), list(line.y), label=line.label, marker=marker, color=colour)
    for level in chart.levels:
        plot.hline(level.y)
    plot.title(chart.title)
    plot.xlabel(chart.x_label)
    plot.ylabel(chart.y_label)


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
        figure = Figure(figsize=(8, 5), layout="constrained")
        FigureCanvasAgg(figure)
        _draw(figure.add_subplot(), chart)
        try:
            metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
            figure.savefig(path, dpi=160, metadata=metadata)
        except OSError as error:
            raise UsageError(f"--plot {path}: cannot be written: {error.strerror}") from error


def _draw(axes: Any, chart: Chart) -> None:  # noqa: ANN401  # matplotlib is not loaded here
    for at, level in enumerate(chart.levels):
        axes.axhline(level.y, color="#888888", linestyle="--", linewidth=1)
        # The upper one at the left, the lower one at the right: where curves are not.
        axes.annotate(
            level.label,
            (at % 2, level.y),
            xycoords=("axes fraction", "data"),
            xytext=(-4 if at % 2 else 4, 3),
            textcoords="offset points",
            ha="right" if at % 2 else "left",
            color="#555555",
        )
    dashes = cycle(("-.", ":"))
    for line, colour in zip(chart.lines, _colours(chart.lines, COLOURS), strict=True):
        style = {"linestyle": next(dashes)} if line.is_reference else {"marker": "o"}
        axes.plot(line.x, line.y, label=line.label, color=colour, markersize=4, **style)
    axes.set_title(chart.title)
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    axes.grid(visible=True, color="#e5e5e5", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="best")


def _colours(lines: Sequence[Line], palette: Sequence[str]) -> list[str]:
    """One colour for each line; the references share the first."""
    found, used = [], 0
    for line in lines:
        used += not line.is_reference
        found.append(palette[0 if line.is_reference else 1 + (used - 1) % (len(palette) - 1)])
    return found
