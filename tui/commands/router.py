"""`llmroute router`: which router decides, and the threshold that gives a share of strong calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tui.commands.evaluate import evaluate, transfer
from tui.commands.group import Commands
from tui.commands.options import AsJson, Pool, flag, parse_share_option
from tui.commands.train import train
from tui.errors import UsageError
from tui.money import counted, percent
from tui.program import Program
from tui.settings import split_pool

app = Commands("The router: list, use, info, train, pull, calibrate, eval, transfer.")
app.command("train")(train)
app.command("eval")(evaluate)
app.command("transfer")(transfer)

HISTORY = "history"
BATTLES = "battles"
WIDE_MARGIN = 0.10  # of a share that a sample is too small for


Name = Annotated[str, typer.Argument(metavar="NAME")]


@app.command("list")
def list_routers(*, as_json: AsJson = False) -> None:
    """List the routers: which is in use, which are trained, and their held-out loss.

    The losses of two routers compare only where both learnt from the same battles.
    """
    from tui.router_states import states
    from tui.tables import print_table

    found = states(Program.open())
    if as_json:
        typer.echo(json.dumps([state.as_dict() for state in found], indent=2))
        return
    print_table(
        ("", "router", "state", "battles", "held-out loss"), [state.row() for state in found]
    )


@app.command("use")
def use(name: Name) -> None:
    """Route with that router from now on."""
    from tui.router_states import check_usable, strangers

    program = Program.open()
    check_usable(program, name)
    own = program.settings.threshold is not None
    program.change({"router": name} | ({"threshold": None} if own else {}))
    typer.echo(f"Routing with {name}. Kept in {program.paths.settings}.")
    if unknown := strangers(program, name):
        typer.echo(unknown, err=True)
    if own:
        typer.echo("Your own threshold was for the previous router, so the share applies again.")


@app.command("info")
def info(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The one in use by default.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show a router: its checkpoint, what it was trained on, its held-out loss."""
    from tui.router_states import facts
    from tui.tables import print_facts

    program = Program.open()
    name = name or program.settings.router
    found = facts(program, name)
    if as_json:
        typer.echo(json.dumps({key.replace(" ", "_"): fact for key, fact in found.items()}))
        return
    print_facts(name, found)


@app.command("pull")
def pull(
    repository: Annotated[str, typer.Argument(metavar="OWNER/NAME")],
    *,
    revision: Annotated[str, typer.Option(help="Branch, tag or commit.")] = "main",
    replace: Annotated[
        bool, flag("--replace", about="Replace a trained router of that kind.")
    ] = False,
) -> None:
    """Fetch a trained router from the Hugging Face hub; its files are checked before it is kept."""
    from routing.published import pull_router
    from tui.router_states import embedder_name

    program = Program.open()
    typer.echo(f"Fetching {repository} …", err=True)
    manifest = pull_router(
        repository,
        program.paths.router,
        embedder=embedder_name(program),
        revision=revision,
        replace=replace,
    )
    typer.echo(
        f"{manifest.router}, trained on {manifest.battles:,} battles between "
        f"{len(manifest.models):,} models; held-out loss {manifest.held_out_loss:.4f}.\n"
        f"To route with it: llmroute router use {manifest.router}"
    )


@app.command("calibrate")
def calibrate(
    *,
    share: Annotated[
        float,
        typer.Option(
            "--share",
            "--strong",
            metavar="SHARE",
            parser=parse_share_option,
            help="Share of strong calls: 30%.",
        ),
    ],
    on: Annotated[
        str,
        typer.Option(
            metavar="battles|history|FILE",
            help="Prompts to measure on: history is your own; a text file has one per line.",
        ),
    ] = BATTLES,
    pool: Pool = None,
    dry_run: Annotated[
        bool, flag("--dry-run", about="Print the threshold without keeping it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find and keep the threshold that sends a given share of prompts to the strong model.

    It is kept for the models of the settings, or for those of --pool.
    """
    from routing.library import Library
    from routing.models import DEMO_PAIR

    program = Program.open(pool=pool and split_pool(pool))
    models = program.pool or DEMO_PAIR
    library = Library.open(program.engine_options())
    calibration = library.calibrate(models, _prompts(program, on), keep=not dry_run)
    threshold, size = calibration.threshold(share), len(calibration.probabilities)
    _warn_of_few(size, calibration.margin(share))
    if not dry_run:
        program.change({"share": share, "threshold": None})
    if as_json:
        fields = {"share": share, "threshold": threshold, "prompts": size, "on": on}
        fields |= {"models": list(models.names)}
        typer.echo(json.dumps(fields))
        return
    unset = "" if program.pool else " (no models are set; --pool names some)"
    typer.echo(f"For {', '.join(models.names)}{unset}:")
    typer.echo(
        f"{percent(share)} strong: threshold {threshold:.4f}, "
        f"from {counted(size, 'prompt')} ({on})."
    )
    if not dry_run:
        typer.echo(f"Kept in {program.paths.settings}.")


def _warn_of_few(prompts: int, margin: float) -> None:
    """Say how far the share may lie off on other prompts, where that is far."""
    if margin > WIDE_MARGIN:
        typer.echo(
            f"{prompts} prompts are few: on others the share may lie {percent(margin)} higher or "
            "lower. --on battles measures on some hundreds.",
            err=True,
        )


def _prompts(program: Program, on: str) -> list[str]:
    """The prompts to calibrate on; none for the battles' own, which the router has."""
    if on == BATTLES:
        return []
    if on == HISTORY:
        return _history(program)
    try:
        lines = Path(on).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"--on {on}: expected battles, history or a text file; {why}") from error
    prompts = [line for line in lines if line.strip()]
    if not prompts:
        raise UsageError(f"--on {on}: there is no prompt in it; expected one a line")
    return prompts


def _history(program: Program) -> list[str]:
    """What was routed, or would have been, for each message that the user wrote."""
    from routing.query import query_of
    from tui.sessions import Sessions

    prompts = [
        query_of(conversation.turns_to(message.id)).text
        for conversation in Sessions(program.paths.sessions).conversations()
        for message in conversation.messages.values()
        if message.role == "user" and message.origin is None
    ]
    if not prompts:
        raise UsageError("There is no history yet.", hint="Calibrate with --on battles.")
    return prompts
