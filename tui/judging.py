"""`battles judge`: the estimate and confirmation, progress, and the resulting battles."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tui.errors import UsageError
from tui.money import counted, usd
from tui.progress import duration

if TYPE_CHECKING:
    from routing.battles import Battle
    from routing.judge import Guess, Panel, Progress, Terms
    from routing.verdicts import Verdicts
    from tui.program import Program

FOLDER = "judged"


@dataclass(frozen=True, slots=True)
class WantedJudging:
    """A judged set as the command line asks for it; `judge` is None for the strong model."""

    prompts: tuple[str, ...]
    name: str
    judge: str | None
    terms: Terms
    yes: bool


def judge(program: Program, wanted: WantedJudging) -> list[Battle]:
    """The battles of the set, those of earlier runs included; also when the run was stopped.

    Raises:
        UsageError: the cost was not agreed to, or it cannot be limited.
        RoutingError: the run stopped; what arrived is kept, and its battles are in the set.
        KeyboardInterrupt: likewise.
    """
    from routing.judge import QUESTION, battles_in, estimate
    from routing.library import keep_set
    from routing.verdicts import Verdicts

    panel = _panel(program, wanted.judge)
    folder = program.paths.router
    file = folder / FOLDER / f"{wanted.name}.jsonl"
    _check_name(folder, wanted.name, file)
    with Verdicts(file, panel.names, QUESTION) as verdicts:
        _agree(estimate(verdicts, wanted.prompts, panel), panel, wanted)
        try:
            asyncio.run(_run(wanted, panel, verdicts))
        finally:
            battles = battles_in(verdicts, wanted.prompts, panel)
            if battles:
                keep_set(folder, wanted.name, battles)
    return battles


def _panel(program: Program, judge: str | None) -> Panel:
    from routing.judge import Panel

    pool = program.require_pool()
    referee = program.model(judge) if judge else pool.strong
    keys = program.keyring.for_models(pool.strong, pool.weak, referee)
    return Panel(pool.strong, pool.weak, referee, keys)


def _check_name(folder: Path, name: str, file: Path) -> None:
    """A set of that name may be there only if it is this judged one."""
    from routing.library import check_new

    if not file.exists():
        check_new(folder, name)


def _agree(guess: Guess, panel: Panel, wanted: WantedJudging) -> None:
    """State what is left to do and its cost, and ask for confirmation.

    Raises:
        UsageError: they did not, or a limit is set and a price unknown.
    """
    if not guess.calls:
        return
    unknown = " (a price is unknown: llmroute models price)" if guess.cost_usd is None else ""
    typer.echo(
        f"{counted(guess.prompts, 'prompt')}: {panel.strong.name} and {panel.weak.name} answer, "
        f"{panel.judge.name} judges.\n"
        f"{counted(guess.calls, 'call')}, about {guess.tokens:,} tokens, "
        f"about {usd(guess.cost_usd)}{unknown}",
        err=True,
    )
    if wanted.terms.max_cost is not None and guess.cost_usd is None:
        raise UsageError(
            "--max-cost cannot be enforced while a price is unknown.",
            hint="llmroute models price MODEL --prompt USD --completion USD sets one.",
        )
    if wanted.yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "This needs your agreement, and there is no terminal to ask in.",
            hint="Give --yes to agree beforehand.",
        )
    if not typer.confirm("Go on?", err=True):
        raise UsageError("Nothing was asked.")


async def _run(wanted: WantedJudging, panel: Panel, verdicts: Verdicts) -> None:
    from routing.judge import judge

    run: AsyncGenerator[Progress] = judge(wanted.prompts, panel, verdicts, wanted.terms)
    with _following() as follow:
        async with aclosing(run) as steps:
            async for progress in steps:
                follow(progress)


def summary(progress: Progress) -> str:
    """How far a run is, in a line."""
    left = progress.seconds_left
    parts = [
        f"{progress.done:,} of {progress.total:,} judged",
        f"{progress.unreadable:,} unreadable" if progress.unreadable else "",
        f"{progress.failed:,} failed" if progress.failed else "",
        usd(progress.cost_usd),
        "" if left is None else f"{duration(left)} left",
    ]
    return "  ".join(part for part in parts if part)


@contextmanager
def _following() -> Iterator[Callable[[Progress], None]]:
    """What shows each Progress on stderr: one line that changes, or about ten lines in all."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Told().tell
        return
    with Live(console=console, transient=True) as live:
        yield lambda progress: live.update(summary(progress))


@dataclass
class _Told:
    """How many tenths of the prompts the last line was about."""

    tenths: int = 0

    def tell(self, progress: Progress) -> None:
        """Print a line where a tenth more of the prompts is done."""
        tenths = 10 * (progress.done + progress.failed) // progress.total
        if tenths > self.tenths:
            typer.echo(summary(progress), err=True)
            self.tenths = tenths
