"""`llmroute router train`: progress, held-out loss, and Ctrl+C that loses nothing."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands.options import Seed
from tui.money import counted
from tui.program import Program
from tui.progress import INTERRUPTED, bars, duration, follower

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from routing.checkpoints import Manifest
    from routing.routers.trained import Training
    from routing.training import Progress

PLAIN_STEPS = 10  # lines in all, where nobody watches
STDERR = 2
STOPPING = b"\nStopping after this step (Ctrl+C again: at once, which loses up to a minute).\n"


def train(
    name: Annotated[str, typer.Argument(metavar="factorization|bert|causal")],
    *,
    battles: Annotated[
        list[str] | None,
        typer.Option(metavar="SET|FILE", help="May be repeated; every set by default."),
    ] = None,
    seed: Seed = 0,
    epochs: Annotated[
        float | None, typer.Option(min=0.01, help="Passes over the battles, at most.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps, at most.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=0.0, help="Default: the router's own.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|ID", help="Language model to start from: bert's and causal's."
        ),
    ] = None,
    lora_rank: Annotated[
        int | None, typer.Option(min=0, help="Rank of causal's LoRA; 0 trains the whole model.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda or cuda:1; by default the fastest available.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            file_okay=False,
            resolve_path=True,
            help="Checkpoint folder; the chat's by default.",
        ),
    ] = None,
) -> None:
    """Train a router on battles; the weights with the lowest held-out loss are kept.

    Ctrl+C stops and saves; the same command resumes.
    """
    from routing.checkpoints import read_manifest
    from tui.router_training import WantedTraining, started

    wanted = WantedTraining(
        router=name,
        battles=battles or (),
        seed=seed,
        epochs=epochs,
        steps=steps,
        learning_rate=learning_rate,
        base=base,
        rank=lora_rank,
        device=device,
        out=out,
    )
    with bars() as shown:
        training, folder = started(Program.open(), wanted, follower(shown))
        whole = _watch(training, shown)
    if not whole:
        typer.echo("Stopped; progress is saved. Run the same command again to continue.", err=True)
        raise typer.Exit(INTERRUPTED)
    typer.echo(f"{summary(read_manifest(folder, name))}\nKept in {folder}")
    if out is None:
        typer.echo(f"Route with it: llmroute router use {name}")


def summary(manifest: Manifest) -> str:
    """The result of the training, in a line."""
    return (
        f"{manifest.router} learnt from {counted(manifest.battles, 'battle')}: held-out loss "
        f"{manifest.held_out_loss:.4f} after {manifest.steps:,} steps "
        f"({manifest.epochs:.1f} passes)."
    )


def _watch(training: Training, shown: Bars) -> bool:
    """Show the training as it goes; whether it was completed."""
    told = 0
    task = None
    with _interrupts() as interrupted:
        for progress in training:
            if task is None:
                task = shown.add_task("Training", total=progress.steps)
                if progress.step > 1:
                    _say(shown, f"Going on from step {progress.step:,}.")
            shown.update(task, completed=progress.step, description=_description(progress))
            if shown.disable and progress.step * PLAIN_STEPS // progress.steps > told:
                told = progress.step * PLAIN_STEPS // progress.steps
                _say(shown, _plain(progress))
            if interrupted.is_set():
                training.close()
                return False
            if progress.is_early_end:
                _say(shown, "The held-out loss no longer falls; stopping early.")
    return True


def _say(shown: Bars, line: str) -> None:
    """A line on stderr, above the bars."""
    shown.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _description(progress: Progress) -> str:
    if progress.is_last:
        return f"Trained: held out {progress.best_loss:.4f}. Scoring a sample, saving"
    if math.isnan(progress.held_out_loss):
        return f"Training: loss {progress.loss:.4f}"
    return (
        f"Training: loss {progress.loss:.4f}, held out {progress.held_out_loss:.4f} "
        f"(best {progress.best_loss:.4f})"
    )


def _plain(progress: Progress) -> str:
    left = progress.seconds_left
    time_left = "" if left is None else f", {duration(left)} left"
    return f"{progress.step:,} of {progress.steps:,}{time_left}. {_description(progress)}"


@contextmanager
def _interrupts() -> Iterator[Event]:
    """Set by the first Ctrl+C; the second one raises KeyboardInterrupt as ever."""
    interrupted = Event()
    former = signal.getsignal(signal.SIGINT)

    def stop(*_: object) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, former)
        # Past the bars and every buffer, which the signal may have met amid a write.
        with suppress(OSError):  # the same Ctrl+C may have ended what reads it
            os.write(STDERR, STOPPING)

    signal.signal(signal.SIGINT, stop)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, former)
