"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tui.money import parse_share


def parse_share_option(text: str) -> float:
    """A share as the command line takes it: 30% or 0.3."""
    try:
        return parse_share(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: expected 0% to 100%, or 0.0 to 1.0") from error


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
        help="In place of a pair: two or more models, the strongest first.",
    ),
]
Share = Annotated[
    float | None,
    typer.Option(
        "--share",
        metavar="SHARE",
        parser=parse_share_option,
        help="Wanted share of strong calls: 30%.",
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
        "--api-base", metavar="URL", help="Endpoint of both models, in place of the provider's own."
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
Demo = Annotated[bool, typer.Option("--demo", help="The built-in demo pair: no key, no network.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]
