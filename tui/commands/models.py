"""`llmroute models`: which models are set, what they cost, whether they answer."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tui.commands.group import Commands
from tui.commands.options import ApiBase, AsJson, KeyName
from tui.errors import UsageError, red
from tui.money import MILLION, usd
from tui.program import Program
from tui.settings import check_pool, pool_settings

if TYPE_CHECKING:
    from routing.models import Model, Pool

app = Commands("Models: list, use, add, price, test, rm.")
Name = Annotated[str, typer.Argument(metavar="MODEL", help="As litellm names it: openai/gpt-4o.")]
PerMillion = Annotated[
    float | None, typer.Option(min=0.0, metavar="USD", help="US dollars per million tokens.")
]


@app.command("list")
def list_models(*, as_json: AsJson = False) -> None:
    """The models to route between, and every other one that has settings of its own."""
    from tui.model_states import COLUMNS, model_states

    program = Program.open()
    states = model_states(program)
    if as_json:
        typer.echo(json.dumps([state.as_dict() for state in states], indent=2))
        return
    from tui.tables import print_table

    print_table(COLUMNS, [state.row() for state in states])
    typer.echo("US dollars per million tokens. $? is unknown: llmroute models price MODEL.")
    if program.pool is None:
        typer.echo("No models are set to route between: llmroute models use STRONG ... WEAK.")
    else:
        _remark_on(program.pool, program)


@app.command("use")
def use_models(
    names: Annotated[
        list[str],
        typer.Argument(metavar="MODEL", help="The strongest first, as litellm names them."),
    ],
    *,
    api_base: ApiBase = None,
    key_name: KeyName = None,
) -> None:
    """Set the models to route between: the strongest first, then cheaper ones."""
    from routing.models import Pool
    from tui.model_check import check_model

    program = Program.open(api_base=api_base, key_name=key_name)
    models = [program.model(name) for name in names]
    for model in models:
        check_model(model)
    check_pool(names, "models use")
    served = {"api_base": api_base, "key_name": key_name}
    program.change(
        pool_settings(names) | ({"models": dict.fromkeys(names, served)} if api_base else {})
    )
    pool = Pool.ordered(models)
    for model in pool.models:
        typer.echo(f"{pool.tier_of(model):6} = {model.name}")
    typer.echo(f"kept in {program.paths.settings}")
    _remark(program, models)
    _remark_on(pool, program)


@app.command("add")
def add_model(
    name: Name,
    *,
    api_base: ApiBase = None,
    key_name: KeyName = None,
    context: Annotated[
        int | None, typer.Option(min=1, help="Its context window, in tokens.")
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            metavar="strong|weak|MODEL", help="Treat it like this model until it has battles."
        ),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0.0, max=2.0, help="0 always takes the likeliest token.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="Sample from the likeliest tokens with this total probability."
        ),
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest reply, in tokens.")] = None,
    reasoning_effort: Annotated[
        Literal["none", "minimal", "low", "medium", "high"] | None,
        typer.Option(help="How much a reasoning model thinks."),
    ] = None,
) -> None:
    """Set a model's address, key, context window, strength and sampling."""
    from tui.model_check import check_key_name, check_model, like_remark

    own = {
        "api_base": api_base,
        "key_name": key_name,
        "context_tokens": context,
        "like": like,
        "temperature": temperature,
        "top_p": top_p,
        "max_tokens": max_tokens,
        "reasoning_effort": reasoning_effort,
    }
    given = {key: value for key, value in own.items() if value is not None}
    if not given:
        raise UsageError(
            f"No option was given for {name}.",
            hint="Give --api-base, --key-name, --context, --like or --temperature, for example.",
        )
    if key_name is not None:
        check_key_name(key_name)
    program = Program.open()
    known = program.model(name)
    model = replace(known, api_base=api_base or known.api_base, key_name=key_name or known.key_name)
    check_model(model)
    program.change({"models": {name: given}})
    typer.echo(f"{name} is kept in {program.paths.settings}")
    _remark(program, [model])
    if like and (unknown := like_remark(like, program.paths.router)):
        typer.echo(unknown, err=True)


@app.command("price")
def price_model(
    name: Name,
    *,
    prompt: PerMillion = None,
    completion: PerMillion = None,
    cached: PerMillion = None,
) -> None:
    """Show a model's price, or set it with --prompt and --completion."""
    from routing.models import price_of
    from tui.model_check import check_model
    from tui.model_states import dollars

    program = Program.open()
    if prompt is not None or completion is not None or cached is not None:
        if prompt is None or completion is None:
            raise UsageError("A price needs both --prompt and --completion.")
        check_model(program.model(name), program.settings.models)
        own = {"prompt_price": prompt, "completion_price": completion, "cached_price": cached}
        program.change({"models": {name: own}})
        program = Program.open()
    price = price_of(program.settings.model(name))
    if price is None:
        typer.echo(
            f"{name}: unknown. Set it with --prompt USD --completion USD (per million tokens)."
        )
        raise typer.Exit(1)
    cached_price = price.prompt if price.cached is None else price.cached
    shown = [dollars(each * MILLION) for each in (price.prompt, cached_price, price.completion)]
    typer.echo(
        f"{name}: {shown[0]} prompt, {shown[1]} cached prompt, {shown[2]} completion, "
        "per million tokens"
    )


@app.command("rm")
def remove_model(name: Name) -> None:
    """Forget a model's settings: its address, its key's name, its price, its sampling."""
    program = Program.open()
    if name not in program.settings.models:
        raise UsageError(f"No settings are kept for {name}.", hint="llmroute models list")
    if name in program.settings.pool_names:
        raise UsageError(
            f"{name} is one of the models to route between.",
            hint="Choose others first: llmroute models use STRONG ... WEAK",
        )
    program.change({"models": {name: None}})
    typer.echo(f"{name} is out of {program.paths.settings}")


@app.command("test")
def try_models(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODEL", help="Default: all models to route between."),
    ] = None,
    *,
    api_base: ApiBase = None,
    key_name: KeyName = None,
) -> None:
    """Test models by asking each for one word; show the time and the cost."""
    import asyncio

    from routing.chat import import_litellm
    from routing.errors import RoutingError

    program = Program.open(api_base=api_base, key_name=key_name)
    names = names or list(program.settings.pool_names)
    if not names:
        raise UsageError("No models are set to test.", hint="llmroute models test MODEL tests one.")
    import_litellm()  # takes seconds that are not the model's
    failures = []
    for name in names:
        try:
            typer.echo(f"{name} answers: {asyncio.run(_tried(program, name))}")
        except RoutingError as error:
            failures.append(error)
    for failure in failures[1:]:
        typer.secho(f"llmroute: {failure}", fg=red(os.environ), err=True)
    if failures:
        raise failures[0]


async def _tried(program: Program, name: str) -> str:
    """Seconds, tokens and cost of a model's short reply."""
    from routing.chat import stream
    from routing.conversation import Reply, Turn
    from routing.cost import cost
    from routing.models import price_of

    model = program.model(name)
    turns = [Turn("user", "Reply with the one word: ready")]
    key = program.keyring.for_models(model).get(name)
    start = time.perf_counter()
    async for piece in stream(model, turns, key=key, timeout=program.settings.timeout):
        if isinstance(piece, Reply):
            seconds, usage = time.perf_counter() - start, piece.usage
            tokens = f"{usage.prompt_tokens} + {usage.completion_tokens} tokens"
            return f"{seconds:.1f} s, {tokens}, {usd(cost(usage, price_of(model)))}"
    raise AssertionError("a stream ends with a reply")


def _remark(program: Program, models: Iterable[Model]) -> None:
    """Say on stderr what is still missing for the models' first turn."""
    from tui.model_check import remarks

    said = [remark for model in models for remark in remarks(model, program.keyring)]
    for remark in dict.fromkeys(said):
        typer.echo(remark, err=True)


def _remark_on(pool: Pool, program: Program) -> None:
    """Say on stderr which of the models are not worth their price."""
    from tui.model_check import pool_remarks

    for remark in pool_remarks(pool, program.paths.router):
        typer.echo(remark, err=True)
