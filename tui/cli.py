"""The command line: parse, call, print."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import tui
from routing import errors as routing_errors
from routing.errors import RoutingError
from tui.commands import ask, battles, chat, cost, doctor, keys, models, router, sessions
from tui.errors import AppError

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

EXIT_CODES: dict[type[Exception], int] = {
    routing_errors.NoKeyError: 3,
    routing_errors.AuthError: 4,
    routing_errors.RateLimitError: 5,
    routing_errors.NetworkError: 6,
    routing_errors.ContextError: 7,
    routing_errors.ReplyError: 8,
    RoutingError: FAILED,
    AppError: FAILED,
}

app = typer.Typer(
    name="llmroute",
    help="Chat with a strong and a weak model, every turn routed in the open.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
