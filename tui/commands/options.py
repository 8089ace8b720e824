"""Options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from tui.errors import UsageError
from tui.money import parse_share

STDOUT = Path("-")
LARGEST_SEED = 2**32 - 1  # what every library that draws takes


def parse_share_option(text: str) -> float:
    """A share as the command line takes it: 30% or 0.3."""
    try:
        return parse_share(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: expected 0% to 100%, or 0.0 to 1.0") from error


def check_place(file: Path | None) -> Path | None:
    """A file to write, where a file can be: known before the work whose outcome it is to hold."""
    if file is None or file == STDOUT:
        return file
    folder = file.parent
    if not folder.is_dir():
        raise typer.BadParameter(f"{file}: there is no folder {folder}")
    if file.is_dir() or not os.access(folder, os.W_OK):
        raise typer.BadParameter(
            f"{file}: {'is a folder' if file.is_dir() else 'cannot be written'}"
        )
    return file


def flag(*names: str, about: str) -> Any:  # noqa: ANN401  # as typer.Option
    """An option that takes no value."""
    return typer.Option(*names, help=about)


Strong = Annotated[
    str | None,
    typer.Option("--strong", metavar="MODEL", help="The strong model, as litellm names it."),
]
Weak = Annotated[
    str | None, typer.Option("--weak", metavar="MODEL", help="The weak model, as litellm names it.")
]
Pool = Annotated[
    str | None,
    typer.Option(
        "--pool",
        metavar="A,B,C",
        help="Instead of a pair: two or more models, the strongest first.",
    ),
]
Share = Annotated[
    float | None,
    typer.Option(
        "--share",
        metavar="SHARE",
        parser=parse_share_option,
        help="Share of strong calls, such as 30%.",
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        min=0.0,
        max=1.0,
        help="Least win probability for the strong model; overrules --share.",
    ),
]
ApiBase = Annotated[
    str | None,
    typer.Option(
        "--api-base", metavar="URL", help="The models' server, if not the provider's own."
    ),
]
KeyName = Annotated[
    str | None,
    typer.Option(
        "--key-name",
        metavar="NAME",
        help="Name of the API key to send to --api-base; without it none is sent there.",
    ),
]
Demo = Annotated[bool, flag("--demo", about="The built-in demo pair: no key, no network.")]
GoOn = Annotated[bool, flag("--continue", "-c", about="Continue the newest session.")]
Session = Annotated[
    str | None,
    typer.Option(
        "--session",
        metavar="SESSION",
        help="Continue this session: its id, or part of its id or title.",
    ),
]
Temporary = Annotated[bool, flag("--temporary", about="Keep nothing.")]
Seed = Annotated[
    int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Seed of every random choice.")
]
AsJson = Annotated[bool, flag("--json", about="Print JSON.")]
File = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True)]


def session_to_go_on(
    folder: Path, *, newest: bool, name: str | None, temporary: bool = False
) -> str | None:
    """The id of the session that the options name; None for a new one.

    Raises:
        UsageError: the options contradict each other, or name no one session.
    """
    if not newest and name is None:
        return None
    if temporary:
        raise UsageError("--temporary keeps nothing, so it cannot continue a kept conversation.")
    from tui.sessions import Sessions

    sessions = Sessions(folder)
    if name is not None:
        return sessions.find(name).id
    return next((info.id for info in sessions.list()), None)
