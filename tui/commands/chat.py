"""`llmroute chat`: the full-screen chat."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tui.browser import for_browser, is_in_browser
from tui.commands import options
from tui.errors import UsageError
from tui.program import Program
from tui.settings import split_pool


def chat(
    *,
    strong: options.Strong = None,
    weak: options.Weak = None,
    pool: options.Pool = None,
    share: options.Share = None,
    threshold: options.Threshold = None,
    demo: options.Demo = False,
    api_base: options.ApiBase = None,
    key_name: options.KeyName = None,
    theme: Annotated[
        str | None,
        typer.Option(
            metavar="dark|light|contrast|NAME", help="Colours: ours, or a theme of Textual's."
        ),
    ] = None,
    screen_reader: Annotated[
        bool | None,
        options.flag("--screen-reader", about="Plain lines for a screen reader; nothing is drawn."),
    ] = None,
    go_on: options.GoOn = False,
    session: options.Session = None,
    temporary: options.Temporary = False,
    web: Annotated[
        bool, options.flag("--web", about="Serve the chat to a browser on this machine.")
    ] = False,
    port: Annotated[
        int,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            show_default=False,
            help="Port for --web; any free one by default.",
        ),
    ] = 0,
) -> None:
    """Chat in the terminal; every turn goes to the cheapest model that is good enough for it."""
    given: dict[str, Any] = {
        "demo": demo,
        "api_base": api_base,
        "key_name": key_name,
        "strong": strong,
        "weak": weak,
        "share": share,
        "threshold": threshold,
        "theme": theme,
    }
    in_browser = is_in_browser(os.environ)
    _check_place(port, web=web, in_browser=in_browser, screen_reader=screen_reader)
    program = Program.open(**given, pool=pool and split_pool(pool), screen_reader=screen_reader)
    session_id = options.session_to_go_on(
        program.paths.sessions, newest=go_on, name=session, temporary=temporary
    )
    if web:
        _serve(program, given | {"pool": pool, "temporary": temporary, "session": session_id}, port)
        return
    if in_browser:
        program = for_browser(program)
    elif program.settings.screen_reader:
        from tui.plain.chat import run_plain

        run_plain(program, session_id, temporary=temporary)
        return
    gc.disable()  # nothing is garbage before the first paint, which comes a tenth sooner
    from tui.app import run_chat

    raise typer.Exit(run_chat(program, session_id, temporary=temporary))


def _check_place(port: int, *, web: bool, in_browser: bool, screen_reader: bool | None) -> None:
    """Check that the chat has exactly one place to be shown in.

    Raises:
        UsageError: it has none, or two.
    """
    if port and not web:
        raise UsageError("--port needs --web.")
    if web and screen_reader:
        raise UsageError("--screen-reader writes lines in a terminal; --web draws in a browser.")
    if not (web or in_browser or (sys.stdin.isatty() and sys.stdout.isatty())):
        raise UsageError(
            "The chat needs a terminal.",
            hint='In a pipe or a script: llmroute ask "your question".',
        )


def _serve(program: Program, given: Mapping[str, object], port: int) -> None:
    """Serve the chat of these options, once what is set is known to be right."""
    from textual.theme import BUILTIN_THEMES

    from tui.keymap import check_keymap
    from tui.themes import THEMES, check_theme
    from tui.web import flags, serve

    check_keymap(program.settings.keys, program.paths.settings)
    check_theme(program, {*BUILTIN_THEMES, *(theme.name for theme in THEMES)})
    serve(flags(given), port, typer.echo)
