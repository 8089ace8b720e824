"""`llmroute keys`: keep API keys out of files that others read."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from tui.commands.group import Commands
from tui.commands.options import AsJson
from tui.program import Program

app = Commands("API keys: set, list, find, rm; they are never shown.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name, such as OPENAI_API_KEY.")]


@app.command("set")
def set_key(name: Name) -> None:
    """Keep a key in the OS keyring, or in a file that only you can read.

    The key is asked for, or read from standard input; never given as an argument, where other
    programs could see it.
    """
    from tui.model_check import check_key_name

    check_key_name(name)
    value = typer.prompt(name, hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    place = Program.open().keyring.store(name, value)
    typer.echo(f"{name} is kept in: {place}")


@app.command("rm")
def remove_key(name: Name) -> None:
    """Forget a kept key."""
    removed = Program.open().keyring.remove(name)
    typer.echo(f"{name} is forgotten." if removed else f"No key named {name} was kept.")
    raise typer.Exit(0 if removed else 1)


@app.command("find")
def find_key(name: Name) -> None:
    """Say where a key is found, without showing it."""
    key = Program.open().keyring.find(name)
    typer.echo(f"{name}: {key.origin}" if key else f"{name}: not set")
    raise typer.Exit(0 if key else 1)


@app.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """Say where each key is found that was kept, that the models need or the environment holds."""
    from tui.diagnosis import known_keys
    from tui.tables import print_table

    program = Program.open()
    keys = known_keys(program, program.pool)
    if as_json:
        typer.echo(json.dumps(keys, indent=2))
    elif keys:
        print_table(("key", "found in"), list(keys.items()))
    else:
        typer.echo(
            "No key is kept, needed or set in the environment. llmroute keys set NAME keeps one."
        )
