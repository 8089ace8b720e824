"""Commands under one name, and how their help reads: plain lines, no wider than can be read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.models import CommandFunctionType, Default

LOOKS = {"max_content_width": 100, "help_option_names": ["-h", "--help"]}
USAGE = 2  # the exit code
WHOLE = 1000  # characters: no first sentence is as long
REQUIRED = "[required]"  # which the line of usage says too


class Commands(typer.Typer):
    """Commands under one name; alone it prints their help, unless a callback does more."""

    def __init__(self, about: str | None = None, *, alone_is_help: bool = True) -> None:
        super().__init__(
            help=about or Default(None),  # then the callback's docstring tells it
            cls=_Group,
            no_args_is_help=alone_is_help,
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
            context_settings=LOOKS,
        )

    def command(
        self,
        name: str | None = None,
        **options: Any,  # noqa: ANN401  # typer's
    ) -> Callable[[CommandFunctionType], CommandFunctionType]:
        """Makes a function a command of that name."""
        return super().command(name, cls=_Command, **options)


class _Command(TyperCommand):
    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401  # of typer's own click
        _write_options(self.get_params(ctx), ctx, formatter)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401  # of typer's own click
        return [
            piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)
        ]


class _Group(TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  # of typer's own click
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            typer.echo(ctx.get_help(), err=True)
            ctx.exit(USAGE)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401  # of typer's own click
        _write_options(self.get_params(ctx), ctx, formatter)
        rows = [
            (name, command.get_short_help_str(WHOLE)) for name, command in self.commands.items()
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _write_options(params: list[Any], ctx: Any, formatter: Any) -> None:  # noqa: ANN401
    """What typer writes, without the types of Python that it names: `<bool>`, `<list[str]>`."""
    arguments, options = [], []
    for param in params:
        if isinstance(param, TyperOption) and not param.is_flag and param.metavar is None:
            param.metavar = _value(param, ctx)
        record = param.get_help_record(ctx)
        if record and isinstance(param, TyperArgument):
            arguments.append((param.display_name_raw, record[1].removesuffix(REQUIRED).rstrip()))
        elif record:
            options.append((record[0], _limits_in_words(record[1])))
    for title, rows in (("Arguments", arguments), ("Options", options)):
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)


def _limits_in_words(about: str) -> str:
    """What is said of an option, its limits as "0 to 1" in place of "0.0<=x<=1.0"."""
    about = re.sub(r"(\d+)(?:\.0)?<=x<=(\d+)(?:\.0)?", r"\1 to \2", about)
    return re.sub(r"x>=([\d.]+?)(?:\.0)?(?=[;\]])", r"\1 or more", about)


def _value(option: TyperOption, ctx: Any) -> str:  # noqa: ANN401  # of typer's own click
    """What stands for the option's value: its choices, a number, or the option's own name."""
    kind = option.type_descriptor
    if kind.is_choice:
        return option.display_type(ctx).strip("<>")
    if kind.is_ranged or kind.annotation in (int, float):
        return "N"
    return max(option.opts, key=len).lstrip("-").upper()
