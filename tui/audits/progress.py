"""A running audit in the terminal: how far it is, and what it says so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from audit.run import Progress, Run
from audit.tally import Tally
from tui.audits.wire import COLUMNS
from tui.money import usd
from tui.progress import duration

REDRAW_SECONDS = 0.5
OTHER_LINES = 5  # around the table of perturbations
PLAIN_STEPS = 10  # lines in all, where the output is no terminal

Follow = Callable[[Progress], None]


@contextmanager
def following(run: Run) -> Iterator[Follow]:
    """What shows each Progress on stderr: a live table, or some lines without a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain(len(run.battery.variants))
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        drawn = 0.0

        def follow(progress: Progress) -> None:
            nonlocal drawn
            if time.monotonic() - drawn > REDRAW_SECONDS or progress.done == progress.total:
                live.update(drawing(progress, console.height - OTHER_LINES), refresh=True)
                drawn = time.monotonic()

        yield follow


def introduction(run: Run) -> list[str]:
    """What is about to be asked, how it is measured, and what it may cost."""
    from audit.scorers.endpoint import EndpointScorer

    asked, battery = len(run.battery.questions), run.battery
    lines = [
        f"{run.scorer.identity.model}: {asked:,} questions in {len(battery.variants):,} prompts, "
        f"measured by {run.scorer.identity.method}",
        *run.notes,
    ]
    if isinstance(run.scorer, EndpointScorer):
        guess = run.scorer.estimate(run.missing)
        price = f"at most about {usd(guess.cost_usd)}"
        if guess.cost_usd is None:
            price = "at an unknown price: llmroute models price sets it"
        lines.append(f"{guess.calls:,} calls, about {guess.tokens:,} tokens, {price}")
    return lines


def drawing(progress: Progress, height: int) -> Group:
    """The bar with its figures, and as many perturbations as there is room for."""
    bar = Table.grid(padding=(0, 2))
    bar.add_row(
        ProgressBar(total=progress.total, completed=progress.done, width=30),
        Text(summary(progress)),
    )
    table = Table(box=None, pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "perturbation" else "right")
    for cells in rows(progress)[: max(1, height)]:
        table.add_row(*cells)
    more = len(progress.tallies.by_perturbation) - max(1, height)
    return Group(bar, table, Text(f"and {more} more" if more > 0 else ""))


def summary(progress: Progress) -> str:
    """One line: prompts, time left, speed and cost."""
    left = progress.seconds_left
    parts = [
        f"{progress.done:,} of {progress.total:,}",
        "" if left is None else f"{duration(left)} left",
        f"{progress.tokens_per_second:,.0f} tokens/s" if progress.tokens_per_second else "",
        usd(progress.cost_usd),
        progress.perturbation,
    ]
    return "  ".join(part for part in parts if part)


def rows(progress: Progress) -> tuple[tuple[str, ...], ...]:
    """The cells of each perturbation so far, as `COLUMNS` names them."""
    return tuple(_cells(name, tally) for name, tally in progress.tallies.by_perturbation.items())


def _cells(name: str, tally: Tally) -> tuple[str, ...]:
    accuracy, rstd = tally.accuracy, tally.rstd
    return (
        name,
        f"{len(tally.golds):,}",
        "" if accuracy is None else f"{100 * accuracy:.1f} %",
        "" if rstd is None else f"{rstd:.1f}",
        f"{tally.unanswered:,}" if tally.unanswered else "",
    )


def _plain(total: int) -> Follow:
    """A line at each tenth of the way."""
    step = max(1, total // PLAIN_STEPS)

    def follow(progress: Progress) -> None:
        if progress.done % step == 0:
            first = next(iter(progress.tallies.by_perturbation.items()))
            _, size, accuracy, rstd, _ = _cells(*first)
            so_far = f"{first[0]} {accuracy or 'n/a'}, RStd {rstd or 'n/a'} after {size}"
            typer.echo(f"{summary(progress)}  ({so_far})", err=True)

    return follow
