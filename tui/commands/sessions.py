"""`llmroute sessions`: the kept conversations."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tui.commands.options import AsJson, group
from tui.errors import UsageError
from tui.money import spent_text
from tui.program import Program
from tui.visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.sessions import SessionInfo, Sessions

app = group("Conversations: list, show, search, export, rm.")
Name = Annotated[
    str,
    typer.Argument(metavar="SESSION", help="Its id, or a part of it or of its title."),
]


@app.command("list")
def list_sessions(*, as_json: AsJson = False) -> None:
    """All conversations, the newest first."""
    rows = _sessions().list()
    warn_of_damage(rows)
    if as_json:
        from dataclasses import asdict

        fields = [asdict(row) | {"spent_usd": row.ledger.spent_usd} for row in rows]
        typer.echo(json.dumps(fields, indent=2))
        return
    if not rows:
        typer.echo("No conversation is kept yet.")
        return
    from tui.sessions import short
    from tui.tables import print_table

    print_table(
        ("id", "changed", "title", "messages", "spent"),
        [
            (short(row.id), _moment(row.updated), row.title, row.messages, spent_text(row.ledger))
            for row in rows
        ],
    )


@app.command("show")
def show_session(name: Name) -> None:
    """Print a conversation as Markdown."""
    from tui.sessions import to_markdown

    typer.echo(visible(to_markdown(_sessions().read(_id(name)))))


@app.command("search")
def search_sessions(words: Annotated[list[str], typer.Argument(metavar="WORDS")]) -> None:
    """Find messages that hold all the words."""
    from itertools import groupby

    from tui.sessions import short

    sessions = _sessions()
    warn_of_damage(sessions.list())
    session_id = ""
    for session_id, hits in groupby(sessions.search(" ".join(words)), lambda hit: hit.session):
        for position, hit in enumerate(hits):
            if position == 0:
                typer.echo(f"{short(session_id)}  {visible(hit.title)}")
            if hit.message:  # else the title holds the words, and is told
                typer.echo(f"    {visible(hit.snippet)}")
    if not session_id:
        typer.echo("Nothing holds all of these words.", err=True)
        raise typer.Exit(1)


@app.command("export")
def export_session(
    name: Name,
    kind: Annotated[Literal["md", "json"], typer.Option("--as", help="Markdown or JSON.")] = "md",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File; standard output by default.")
    ] = None,
) -> None:
    """Write a conversation as Markdown or JSON. No key stands in it."""
    from tui.sessions import to_json, to_markdown

    conversation = _sessions().read(_id(name))
    text = to_markdown(conversation) if kind == "md" else to_json(conversation)
    if output is None:
        typer.echo(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}") from error
    typer.echo(f"Written to {output}.", err=True)


@app.command("rm")
def remove_session(name: Name) -> None:
    """Put a conversation into the trash; `sessions restore` brings it back."""
    from tui.sessions import short

    session_id = _id(name)
    _sessions().delete(session_id)
    typer.echo(f"In the trash. To undo: llmroute sessions restore {short(session_id)}")


@app.command("restore")
def restore_session(name: Name) -> None:
    """Bring a conversation back from the trash."""
    sessions = _sessions()
    found = sessions.find(name, trash=True)
    sessions.restore(found.id)
    typer.echo(f"{visible(found.title) or found.id} is back.")


def warn_of_damage(rows: Sequence[SessionInfo]) -> None:
    """Say of every damaged session that it is."""
    for row in rows:
        if row.trouble:
            typer.echo(f"{row.id}: {row.trouble}", err=True)


def _sessions() -> Sessions:
    from tui.sessions import Sessions

    return Sessions(Program.open().paths.sessions)


def _id(name: str) -> str:
    """The id of the one session that the name means.

    Raises:
        UsageError: none does, or several do.
    """
    found = _sessions().find(name)
    warn_of_damage([found])
    return found.id


def _moment(text: str) -> str:
    """A moment of UTC as this place's clocks show it, "" for none."""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M") if text else ""
