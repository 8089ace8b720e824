"""Whether a model can be used as it is named, and what is worth knowing before its first turn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from routing.models import (
    DEMO_PRICES,
    Model,
    endpoint_of,
    key_name_of,
    nearest_names,
    price_of,
    provider_of,
)
from tui.errors import UsageError

if TYPE_CHECKING:
    from tui.keys import KeyRing

SPELLING = "Write provider/model, such as openai/gpt-4o, or give the address of its server."
KEY_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


def check_model(model: Model) -> None:
    """Let pass a model that somebody may serve, at an address that is one.

    Raises:
        UsageError: nobody can answer under that name, or at that address.
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
            f"Nobody is known to serve a model named {model.name}.",
            hint=f"{_did_you_mean(model.name)}{SPELLING}",
        )
    if model.api_base is not None:
        check_address(model.api_base)


def check_address(base: str) -> None:
    """Let pass an endpoint that can be called; its scheme may be left out.

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
    """Let pass the name of a variable, so that nobody gives the key itself.

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
    """What the person may want to do before the first turn: a price, a key, another spelling.

    Raises:
        KeysError: a place that may hold a key cannot be read.
    """
    said = []
    if price_of(model) is None:
        said.append(
            f"The price of {model.name} is unknown. {_did_you_mean(model.name)}"
            f"To set it: llmroute models price {model.name} --prompt USD --completion USD"
        )
    key_name = key_name_of(model)
    if key_name and keyring.find(key_name) is None:
        said.append(f"{key_name} is not set. To keep it: llmroute keys set {key_name}")
    return said


def _check_folder(name: str, rest: str) -> None:
    """A folder that is written as one must be there; anything else is an id of a hub."""
    if rest.startswith(("/", "~", ".")) and not Path(rest).expanduser().is_dir():
        raise UsageError(
            f"{name}: there is no folder {Path(rest).expanduser()}.",
            hint="Write local/FOLDER or local/HUB_ID, such as local/Qwen/Qwen3-0.6B",
        )


def _did_you_mean(name: str) -> str:
    near = [known for known in nearest_names(name) if known != name]
    return f"Did you mean {' or '.join(near)}? " if near else ""
