"""`llmroute sessions`: the kept conversations."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tui.commands.group import Commands
from tui.commands.options import AsJson, check_place, flag
from tui.errors import UsageError
from tui.money import ledger_fields, spent_text
from tui.program import Program
from tui.visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.sessions import SessionInfo, Sessions
    from tui.sessions.search import Hit

app = Commands("Conversations: list, show, search, export, rm, restore.")
NAME = typer.Argument(metavar="SESSION", help="Its id, or part of its id or title.")
Name = Annotated[str, NAME]
OrNewest = Annotated[
    str | None,
    typer.Argument(metavar="SESSION", help="Its id, or part of its id or title; else the newest."),
]
Trash = Annotated[bool, flag("--trash", about="Those in the trash, kept there for 30 days.")]


@app.command("list")
def list_sessions(*, as_json: AsJson = False, trash: Trash = False) -> None:
    """All conversations, the newest first."""
    rows = [row for row in _sessions().list(trash=trash) if row.deleted == trash]
    warn_of_damage(rows)
    if as_json:
        typer.echo(json.dumps([_fields(row) for row in rows], indent=2))
        return
    if not rows:
        typer.echo("The trash is empty." if trash else "No conversation is kept yet.")
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
def show_session(name: OrNewest = None) -> None:
    """Print a conversation as Markdown."""
    from tui.sessions import to_markdown

    typer.echo(visible(to_markdown(_sessions().read(_id(name)))))


@app.command("search")
def search_sessions(
    words: Annotated[list[str], typer.Argument(metavar="WORD", help="In any order.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Find messages that contain all the words; the exit code is 1 if there are none."""
    from dataclasses import asdict

    sessions = _sessions()
    warn_of_damage(sessions.list())
    hits = list(sessions.search(" ".join(words)))
    if as_json:
        typer.echo(json.dumps([asdict(hit) for hit in hits], indent=2))
    else:
        _print_hits(hits)
    if not hits:
        typer.echo("No message contains all of these words.", err=True)
        raise typer.Exit(1)


@app.command("export")
def export_session(
    name: OrNewest = None,
    *,
    kind: Annotated[Literal["md", "json"], typer.Option("--as", help="Markdown or JSON.")] = "md",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            callback=check_place,
            help="Default: standard output.",
        ),
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
def remove_sessions(names: Annotated[list[str], NAME]) -> None:
    """Move conversations to the trash; `sessions restore` brings one back."""
    from tui.sessions import short

    sessions = _sessions()
    for session_id in dict.fromkeys([_id(name) for name in names]):
        sessions.delete(session_id)
        typer.echo(f"In the trash. To undo: llmroute sessions restore {short(session_id)}")


@app.command("restore")
def restore_session(name: Name) -> None:
    """Bring a conversation back from the trash."""
    sessions = _sessions()
    found = sessions.find(name, trash=True)
    sessions.restore(found.id)
    typer.echo(f"{visible(found.title)!r} is back." if found.title else f"{found.id} is back.")


def warn_of_damage(rows: Sequence[SessionInfo]) -> None:
    """Warn of every damaged session."""
    for row in rows:
        if row.trouble:
            typer.echo(f"{row.id}: {row.trouble}", err=True)


def _sessions() -> Sessions:
    from tui.sessions import Sessions

    return Sessions(Program.open().paths.sessions)


def _fields(row: SessionInfo) -> dict[str, Any]:
    """What a script reads of a conversation: its totals, and its costs by day and model."""
    from dataclasses import asdict

    costs = [{"day": it.day, "model": it.model} | ledger_fields(it.ledger) for it in row.costs]
    return asdict(row) | {"spent_usd": ledger_fields(row.ledger)["spent_usd"], "costs": costs}


def _print_hits(hits: Sequence[Hit]) -> None:
    """Each session's line, then the places in its messages."""
    from itertools import groupby

    from tui.sessions import short

    for (session_id, title), found in groupby(hits, lambda hit: (hit.session, hit.title)):
        typer.echo(f"{short(session_id)}  {visible(title)}")
        for hit in found:
            if hit.message:  # else the title holds the words, and is told
                typer.echo(f"    {visible(hit.snippet)}")


def _id(name: str | None) -> str:
    """The id of the one session that the name means; of the newest for None.

    Raises:
        UsageError: none does, or several do.
    """
    sessions = _sessions()
    if name is None:
        found = next(iter(sessions.list()), None)
        if found is None:
            raise UsageError("No conversation is kept yet.")
    else:
        found = sessions.find(name)
    warn_of_damage([found])
    return found.id


def _moment(text: str) -> str:
    """A moment of UTC as this place's clocks show it, "" for none."""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M") if text else ""
