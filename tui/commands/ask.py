"""`llmroute ask`: one question, routed in the open; the answer on stdout, the route on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from routing.errors import RoutingError
from tui.attachments import text_of, under_its_name
from tui.commands import options
from tui.errors import AppError, UsageError
from tui.program import Program
from tui.settings import split_pool


def ask(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="QUESTION", help="The question; no quotes are needed."),
    ] = None,
    *,
    file: Annotated[
        list[Path] | None,
        typer.Option("--file", "-f", help="Add a text file below the question; may be repeated."),
    ] = None,
    go_on: options.GoOn = False,
    session: options.Session = None,
    strong: options.Strong = None,
    weak: options.Weak = None,
    pool: options.Pool = None,
    share: options.Share = None,
    threshold: options.Threshold = None,
    pin: Annotated[
        str | None,
        typer.Option(
            "--pin", "-m", metavar="strong|weak|MODEL", help="Use this model; do not route."
        ),
    ] = None,
    demo: options.Demo = False,
    api_base: options.ApiBase = None,
    key_name: options.KeyName = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds to wait for the next token.")
    ] = None,
    system: Annotated[
        str | None, typer.Option("--system", metavar="TEXT", help="Instructions for the model.")
    ] = None,
    as_json: options.AsJson = False,
    dry_run: Annotated[
        bool, options.flag("--dry-run", about="Show where it would go, without calling a model.")
    ] = False,
    temporary: options.Temporary = False,
) -> None:
    """Ask one question. Piped standard input is added below it.

    Exit codes: 0 ok, 2 usage, 3 no key, 4 key refused, 5 rate limit, 6 network, 7 too long,
    8 model, 130 interrupted.
    """
    from tui.asking import Asking

    with _told(as_json=as_json):
        program = Program.open(
            demo=demo,
            api_base=api_base,
            key_name=key_name,
            strong=strong,
            weak=weak,
            pool=pool and split_pool(pool),
            share=share,
            threshold=threshold,
            timeout=timeout,
        )
        asking = Asking(program, _question(words or [], file or []), pin, as_json=as_json)
        earlier = options.session_to_go_on(
            program.paths.sessions, newest=go_on, name=session, temporary=temporary
        )
        if dry_run:
            asking.decide(earlier)
        else:
            asking.answer(earlier, system=system, temporary=temporary)


@contextmanager
def _told(*, as_json: bool) -> Iterator[None]:
    """Lets what goes wrong be one object on stdout too: a script reads that, people stderr."""
    try:
        yield
    except (RoutingError, AppError) as error:
        if as_json:
            fields = {"kind": type(error).__name__, "message": str(error), "hint": error.hint}
            typer.echo(json.dumps({"error": fields}, ensure_ascii=False))
        raise


def _question(words: Sequence[str], files: Sequence[Path]) -> str:
    """The words, then what was piped in, then the files, each under its name."""
    from tui.sessions.message import clean

    parts = [clean(" ".join(words))]  # an argument that is not UTF-8 has lone surrogates
    if not sys.stdin.isatty():
        parts.append(text_of(sys.stdin.buffer.read(), "standard input"))
    parts += map(under_its_name, files)
    question = "\n\n".join(part.strip() for part in parts if part.strip())
    if not question:
        raise UsageError("There is no question.", hint='llmroute ask "why is the sky blue?"')
    return question
