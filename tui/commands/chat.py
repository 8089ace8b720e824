"""`llmroute chat`: the full-screen chat."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tui.commands.options import ApiBase, Demo, KeyName, Pool, Share, Strong, Threshold, Weak
from tui.errors import UsageError
from tui.program import Program
from tui.settings import split_pool


def chat(
    *,
    strong: Strong = None,
    weak: Weak = None,
    pool: Pool = None,
    share: Share = None,
    threshold: Threshold = None,
    demo: Demo = False,
    api_base: ApiBase = None,
    key_name: KeyName = None,
    theme: Annotated[str | None, typer.Option(help="Colour theme.")] = None,
    screen_reader: Annotated[
        bool | None,
        typer.Option("--screen-reader", help="Lines that are said once; nothing is drawn."),
    ] = None,
    temporary: Annotated[bool, typer.Option("--temporary", help="Keep nothing.")] = False,
) -> None:
    """Chat; every turn goes to the cheapest model that is good enough for it, in the open."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "The chat needs a terminal.",
            hint='In a pipe or a script: llmroute ask "your question".',
        )
    program = Program.open(
        demo=demo,
        api_base=api_base,
        key_name=key_name,
        strong=strong,
        weak=weak,
        pool=pool and split_pool(pool),
        share=share,
        threshold=threshold,
        theme=theme,
        screen_reader=screen_reader,
    )
    if program.settings.screen_reader:
        from tui.plain.chat import run_plain

        run_plain(program, temporary=temporary)
        return
    from tui.app import run_chat

    raise typer.Exit(run_chat(program, temporary=temporary))
