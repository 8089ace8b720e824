"""The command line: parse, call, print."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

import tui
from audit.errors import AuditError, EndpointError, MismatchError, ModelError
from audit.errors import DataError as QuestionsError
from routing import errors
from routing.threads import patient
from tui.commands import audit, battles, cost, doctor, keys, models, router, sessions
from tui.commands.ask import ask
from tui.commands.chat import chat
from tui.commands.group import Commands
from tui.errors import AppError, SettingsError, UsageError, from_disk, red

FAILED, USAGE = 1, 2

EXIT_CODES: dict[type[Exception], int] = {
    UsageError: USAGE,
    SettingsError: USAGE,
    AppError: FAILED,
    errors.DataError: USAGE,
    errors.NoKeyError: 3,
    errors.AuthError: 4,
    errors.RateLimitError: 5,
    errors.NetworkError: 6,
    errors.ContextError: 7,
    errors.ReplyError: 8,
    errors.RoutingError: FAILED,
    QuestionsError: USAGE,
    MismatchError: USAGE,
    ModelError: 8,
    EndpointError: 8,
    AuditError: FAILED,
}

app = Commands(
    "A chat that routes each turn to a strong or a weak model; an audit of multiple-choice scores."
)
app.command("chat")(chat)
app.command("ask")(ask)
app.command("cost")(cost.cost)
app.add_typer(sessions.app, name="sessions")
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.add_typer(battles.app, name="battles")
app.add_typer(audit.app, name="audit")
app.add_typer(router.app, name="router")
app.command("doctor")(doctor.doctor)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"llmroute {tui.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Print the version.",
        ),
    ] = False,
) -> None:
    """Parse what stands before the command."""


def main() -> None:
    """Run the command line; what goes wrong becomes a sentence and an exit code."""
    os.environ |= patient(os.environ)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # not every terminal has every character
    try:
        sys.exit(app(prog_name="llmroute", standalone_mode=False))
    except typer.TyperException as error:
        sys.exit(_tell_misuse(error))
    except typer.Abort:
        sys.exit(_tell(AppError("Nothing was entered.")))
    except (errors.RoutingError, AuditError, AppError) as error:
        sys.exit(_tell(error))
    except OSError as error:
        sys.exit(_tell(from_disk(error)))


def _tell(error: errors.RoutingError | AuditError | AppError) -> int:
    """Print the error on stderr; its exit code."""
    typer.secho(f"llmroute: {error}", fg=red(os.environ), err=True)
    if error.hint:
        typer.echo(error.hint, err=True)
    if detail := getattr(error, "detail", ""):
        typer.secho(detail, dim=True, err=True)
    # An endpoint's failure in an audit has the exit code of the failed reply behind it.
    told = error.__cause__ if isinstance(error.__cause__, errors.ReplyError) else error
    return next(EXIT_CODES[kind] for kind in type(told).__mro__ if kind in EXIT_CODES)


def _tell_misuse(error: typer.TyperException) -> int:
    """The same for arguments that typer rejects."""
    said = error.format_message().replace("Value error, ", "")
    faults = getattr(error.__cause__, "errors", list)  # pydantic's, whose words leave the value out
    given = [repr(fault["input"]) for fault in faults()]
    found = f" (found {given[0]})" if given and given[0] not in said else ""
    typer.secho(f"llmroute: {said}{found}", fg=red(os.environ), err=True)
    context = getattr(error, "ctx", None)
    if context:
        typer.echo(f"{context.command_path} -h shows its usage.", err=True)
    return error.exit_code


if __name__ == "__main__":
    main()
