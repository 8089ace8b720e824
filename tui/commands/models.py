"""`llmroute models`: which models are set, what they cost, whether they answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tui.commands.options import ApiBase, AsJson, KeyName, group
from tui.errors import UsageError
from tui.money import MILLION, usd
from tui.program import Program
from tui.settings import check_pool, pool_settings

if TYPE_CHECKING:
    from routing.models import Model

app = group("Models: list, use, add, price, test.")
Name = Annotated[str, typer.Argument(metavar="MODEL", help="As litellm names it: openai/gpt-4o.")]
PerMillion = Annotated[
    float | None, typer.Option(min=0.0, metavar="USD", help="US dollars per million tokens.")
]


@app.command("list")
def list_models(*, as_json: AsJson = False) -> None:
    """The models to route between, and every other one that has settings of its own."""
    from routing.models import DEMO_PAIR

    program = Program.open()
    settings = program.settings
    pool = program.pool
    seats = {model.name: pool.tier_of(model) for model in pool.models} if pool else {}
    names = dict.fromkeys([*seats, *settings.models, *DEMO_PAIR.names])
    rows = [_row(program, settings.model(name), seats.get(name, "")) for name in names]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from tui.tables import print_table

    print_table(tuple(rows[0]), [tuple(row.values()) for row in rows])
    typer.echo("US dollars per million tokens. $? is unknown: llmroute models price MODEL.")


@app.command("use")
def use_models(
    names: Annotated[
        list[str],
        typer.Argument(metavar="STRONG [BETWEEN]... WEAK", help="As litellm names them."),
    ],
) -> None:
    """Set the models to route between: the strongest first, then cheaper ones."""
    from routing.models import Pool
    from tui.model_check import check_model

    program = Program.open()
    models = [program.model(name) for name in names]
    for model in models:
        check_model(model)
    check_pool(names, "models use")
    program.change(pool_settings(names))
    pool = Pool.ordered(models)
    for model in pool.models:
        typer.echo(f"{pool.tier_of(model):6} = {model.name}")
    typer.echo(f"kept in {program.paths.settings}")
    _remark(program, models)


@app.command("add")
def add_model(
    name: Name,
    *,
    api_base: ApiBase = None,
    key_name: KeyName = None,
    context: Annotated[int | None, typer.Option(min=1, help="Tokens that it can read.")] = None,
    like: Annotated[
        str | None,
        typer.Option(
            metavar="strong|weak|MODEL", help="Judge it like this one while no battles name it."
        ),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0.0, max=2.0, help="0: always the likeliest token.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Only the likeliest tokens of this share."),
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="The most of a reply.")] = None,
    reasoning_effort: Annotated[
        Literal["none", "minimal", "low", "medium", "high"] | None,
        typer.Option(help="How long a reasoning model thinks."),
    ] = None,
) -> None:
    """Say where a model is reached, which key it needs, how strong it is and how it writes."""
    from tui.model_check import check_key_name, check_model

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
            f"Nothing is said about {name}.",
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

    program = Program.open()
    if prompt is not None or completion is not None or cached is not None:
        if prompt is None or completion is None:
            raise typer.BadParameter("a price needs both --prompt and --completion")
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
    typer.echo(
        f"{name}: {_per_million(price.prompt)} prompt, {_per_million(cached_price)} cached prompt, "
        f"{_per_million(price.completion)} completion, per million tokens"
    )


@app.command("test")
def try_model(name: Name, *, api_base: ApiBase = None, key_name: KeyName = None) -> None:
    """Ask a model for one word and say how long it took and what it cost."""
    import asyncio

    from routing.chat import import_litellm, stream
    from routing.conversation import Reply, Turn
    from routing.cost import cost
    from routing.models import price_of

    program = Program.open(api_base=api_base, key_name=key_name)
    model = program.model(name)

    async def reply() -> Reply:
        turns = [Turn("user", "Reply with the one word: ready")]
        key = program.keyring.for_models(model).get(name)
        async for piece in stream(model, turns, key=key, timeout=program.settings.timeout):
            if isinstance(piece, Reply):
                return piece
        raise AssertionError("a stream ends with a reply")

    import_litellm()  # takes seconds that are not the model's
    start = time.perf_counter()
    done = asyncio.run(reply())
    typer.echo(
        f"{name} answers: {time.perf_counter() - start:.1f} s, {done.usage.prompt_tokens} + "
        f"{done.usage.completion_tokens} tokens, {usd(cost(done.usage, price_of(model)))}"
    )


def _remark(program: Program, models: Iterable[Model]) -> None:
    """Say on stderr what is still missing for the models' first turn."""
    from tui.model_check import remarks

    said = [remark for model in models for remark in remarks(model, program.keyring)]
    for remark in dict.fromkeys(said):
        typer.echo(remark, err=True)


def _row(program: Program, model: Model, seat: str) -> dict[str, str | int]:
    from routing.models import context_of, key_name_of, price_of

    price = price_of(model)
    key_name = key_name_of(model)
    key = program.keyring.find(key_name) if key_name else None
    return {
        "seat": seat,
        "model": model.name,
        "prompt": _per_million(price.prompt if price else None),
        "completion": _per_million(price.completion if price else None),
        "context": context_of(model) or "?",
        "key": f"{key_name}: {key.origin if key else 'not set'}" if key_name else "none needed",
        "endpoint": model.api_base or "its usual",
    }


def _per_million(price: float | None) -> str:
    """US dollars a million tokens, with the cents and what else matters."""
    if price is None:
        return usd(None)
    whole, _, rest = f"{price * MILLION:,.4f}".partition(".")
    return f"${whole}.{rest.rstrip('0'):0<2}"
