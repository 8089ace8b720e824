"""`llmroute battles mine`: the user's own battles, shown, taken back, exported."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands.group import Commands
from tui.commands.options import AsJson, flag
from tui.errors import UsageError
from tui.money import counted
from tui.program import Program

if TYPE_CHECKING:
    from routing.battles import Battle
    from routing.own import OwnBattles

app = Commands("Your own battles: what your judgements taught the router.", alone_is_help=False)

PROMPT_WIDTH = 48
NOTHING = "/good, /bad, ctrl+g and edited messages in the chat teach the router."
_MOMENT = re.compile(r"(\d{8}T\d{6})\d{6}-([0-9a-f]{8})")


@app.callback(invoke_without_command=True)
def list_mine(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Your own battles: what your judgements taught the router. `mine forget ID` removes one."""
    if context.invoked_subcommand:
        return
    battles = _own().read()
    if as_json:
        typer.echo(json.dumps([asdict(battle) for battle in battles], ensure_ascii=False, indent=2))
    elif not battles:
        typer.echo(f"Nothing was learnt yet. {NOTHING}")
    else:
        from tui.tables import print_table

        print_table(("id", "learnt from", "prompt", "outcome"), [_row(b) for b in battles])


@app.command("forget")
def forget(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Id as listed, or as in --json.")],
) -> None:
    """Remove battles; an open chat forgets them with its next turn."""
    own = _own()
    for battle in [_find(own, battle_id) for battle_id in ids]:
        own.forget(battle.battle_id)
        typer.echo(f"Forgotten: {_short(battle.battle_id)} {_prompt(battle)}")


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="JSON lines.")],
    *,
    force: Annotated[bool, flag("--force", about="Overwrite an existing file.")] = False,
) -> None:
    """Write your battles into a file that `llmroute battles import` reads."""
    from routing.battle_files import write_battles

    battles = _own().read()
    if not battles:
        raise UsageError("There is nothing to export.", hint=NOTHING)
    if file.exists() and not force:
        raise UsageError(f"{file} already exists.", hint="Give another name, or --force.")
    write_battles(file, battles)
    typer.echo(f"{counted(len(battles), 'battle')} written to {file}.")


def _own() -> OwnBattles:
    from routing.own import OwnBattles

    return OwnBattles(Program.open().paths.router)


def _find(own: OwnBattles, battle_id: str) -> Battle:
    """The battle of that id, or of that end of an id.

    Raises:
        UsageError: there is none, or there are several.
    """
    found = [battle for battle in own.read() if battle.battle_id.endswith(battle_id)]
    exact = [battle for battle in found if battle.battle_id == battle_id]
    if len(exact or found) != 1:
        many = f"{len(found)} of your battles end in" if found else "None of your battles is"
        raise UsageError(f"{many} {battle_id!r}.", hint="llmroute battles mine lists them.")
    return (exact or found)[0]


def _row(battle: Battle) -> tuple[str, str, str, str]:
    moment = _MOMENT.fullmatch(battle.battle_id)
    said = "" if moment is None else _local(moment[1])
    return _short(battle.battle_id), said, _prompt(battle), _outcome(battle)


def _short(battle_id: str) -> str:
    """The end of an id that names a moment, which tells battles apart; else all of it."""
    moment = _MOMENT.fullmatch(battle_id)
    return moment[2] if moment else battle_id


def _local(moment: str) -> str:
    """A message's moment in UTC as the date and time of here."""
    said = datetime.strptime(f"{moment}+0000", "%Y%m%dT%H%M%S%z")
    return f"{said.astimezone():%Y-%m-%d %H:%M}"


def _prompt(battle: Battle) -> str:
    """What the user said last; what that was routed with stands apart."""
    from tui.visible import one_line

    said, *before = battle.messages
    after = f" (after: {' / '.join(before)})" if before else ""
    return one_line(" ".join(f"{said}{after}".split()), PROMPT_WIDTH)


def _outcome(battle: Battle) -> str:
    won, lost = battle.model_a, battle.model_b
    if battle.winner == "tie":
        return f"{won} = {lost}"
    return f"{lost} beat {won}" if battle.winner == "b" else f"{won} beat {lost}"
