"""Checks of a model before its first turn, and remarks on its price and key."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from routing.models import (
    DEMO_PRICES,
    Model,
    blended_price,
    endpoint_of,
    key_name_of,
    nearest_names,
    price_of,
    provider_of,
)
from tui.errors import UsageError

if TYPE_CHECKING:
    from routing.models import Pool
    from tui.keys import KeyRing

SPELLING = "Write provider/model, such as openai/gpt-4o, or give the address of its server."
NAMED = 5
KEY_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


def check_model(model: Model, own: Iterable[str] = ()) -> None:
    """Check that the model has a known provider and a valid address.

    `own` are the names that the user has in use: one of them may be meant.

    Raises:
        UsageError: no provider serves that name, or the address is invalid.
    """
    if not model.name.strip() or any(map(str.isspace, model.name)):
        raise UsageError(f"{model.name!r} is no model's name.", hint=SPELLING)
    provider, _, rest = model.name.partition("/")
    if provider == "demo" and model.name not in DEMO_PRICES:
        raise UsageError(
            f"There is no {model.name}.", hint=f"There are {' and '.join(DEMO_PRICES)}."
        )
    if provider == "local":
        _check_folder(model.name, rest)
    if not provider_of(model):
        raise UsageError(
            f"No known provider serves a model named {model.name}.",
            hint=f"{_did_you_mean(model.name, own)}{SPELLING}",
        )
    if model.api_base is not None:
        check_address(model.api_base)


def check_address(base: str) -> None:
    """Check that the endpoint is a valid URL; its scheme may be left out.

    Raises:
        UsageError: it is no http or https URL with a host.
    """
    full = endpoint_of(Model("openai/any", api_base=base)).api_base or ""
    try:
        url = urlsplit(full)
        good = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        good = False
    if not good or any(map(str.isspace, full)):
        raise UsageError(
            f"{base!r} is not the address of a server.",
            hint="Write one such as http://127.0.0.1:8000/v1",
        )


def check_key_name(name: str) -> None:
    """Check that this is the name of a variable and not the key itself.

    Raises:
        UsageError: it is none; the message does not repeat it.
    """
    if not KEY_NAME.fullmatch(name):
        raise UsageError(
            "A key goes by the name of its variable, such as OPENAI_API_KEY: capital letters, "
            "digits and underscores.",
            hint="The key itself is kept with: llmroute keys set NAME",
        )


def remarks(model: Model, keyring: KeyRing) -> list[str]:
    """Remarks on what to set before the first turn: a price, a key, another spelling.

    Raises:
        KeysError: a place that may hold a key cannot be read.
    """
    said = price_remarks([model])
    key_name = key_name_of(model)
    if key_name and keyring.find(key_name) is None:
        said.append(f"{key_name} is not set. To keep it: llmroute keys set {key_name}")
    return said


def price_remarks(models: Iterable[Model]) -> list[str]:
    """Remarks on models of unknown price: how to set it, which model may be meant."""
    return [
        f"The price of {model.name} is unknown. "
        f"{'' if model.api_base else _did_you_mean(model.name)}"
        f"To set it: llmroute models price {model.name} --prompt USD --completion USD"
        for model in models
        if price_of(model) is None
    ]


def like_remark(like: str, folder: Path) -> str:
    """That no battle of that folder names the model to judge another one by; "" where one does."""
    from routing.library import read_sets

    battles = (battle for found in read_sets(folder).values() for battle in found)
    named = Counter(name for battle in battles for name in (battle.model_a, battle.model_b))
    if like in named:
        return ""
    most = ", ".join(name for name, _ in named.most_common(NAMED))
    return f"--like {like}: no battle names it. The most name {most}."


def pool_remarks(pool: Pool, folder: Path) -> list[str]:
    """Which models of the pool are not worth their price, by the battles of that folder."""
    from routing.errors import DataError

    try:
        return worth_words(pool, _outdone(pool, folder))
    except DataError as error:
        return [*worth_words(pool, {}), str(error)]


def worth_words(pool: Pool, outdone: Mapping[str, str]) -> list[str]:
    """Remarks on a pool's prices, a sentence each."""
    strong, weak = blended_price(pool.strong), blended_price(pool.weak)
    said = outdone_words(outdone, pool.strong.name)
    if strong is None or weak is None or weak <= strong:
        return said
    dearer = (
        f"{pool.weak.name} costs more than {pool.strong.name}, which is to be the stronger: "
        "a turn that goes to it saves nothing."
    )
    return [dearer, *said]


def chat_remarks(pool: Pool, outdone: Mapping[str, str]) -> list[str]:
    """Remarks on a pool that was just chosen, a sentence or two each."""
    return [*price_remarks(pool.models), *worth_words(pool, outdone)]


def outdone_words(outdone: Mapping[str, str], strongest: str) -> list[str]:
    """Remarks on models that are not worth their price, a sentence each."""
    found = []
    for model, cheaper in outdone.items():
        then = "a turn that goes to it wins nothing" if model == strongest else "no turn goes to it"
        found.append(f"{model} is outdone: {cheaper} costs less and is no worse, so {then}.")
    return found


def _outdone(pool: Pool, folder: Path) -> dict[str, str]:
    from routing.ladder import Record
    from routing.library import read_sets
    from routing.worth import outdone

    battles = [battle for found in read_sets(folder).values() for battle in found]
    costs = [blended_price(model) for model in pool.models]
    return outdone(pool.models, costs, Record.of(battles))


def _check_folder(name: str, rest: str) -> None:
    """A folder that is written as one must be there; anything else is an id of a hub."""
    if rest.startswith(("/", "~", ".")) and not Path(rest).expanduser().is_dir():
        raise UsageError(
            f"{name}: there is no folder {Path(rest).expanduser()}.",
            hint="Write local/FOLDER or local/HUB_ID, such as local/Qwen/Qwen3-0.6B",
        )


def _did_you_mean(name: str, own: Iterable[str] = ()) -> str:
    here = [known for known in own if known.rpartition("/")[2] == name]
    near = here or [known for known in nearest_names(name) if known != name]
    return f"Did you mean {' or '.join(near)}? " if near else ""
