"""Which model is meant by a name: planted, in a folder, connected, at a URL, or well known."""

from __future__ import annotations

import difflib
import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from audit.hub_ids import HUB_IDS
from audit.planted import PLANTED, planted_model
from routing.models import DEMO_PRICES, Model, nearest_names, provider_of
from tui.errors import UsageError
from tui.program import Program

LIST_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Weights:
    """A model to run on this machine.

    Attributes:
        source: its folder, or its id on the hub.
        name: how reports call it.
    """

    source: str
    name: str


def resolve(program: Program, name: str) -> Weights | Model:
    """The model of that name: planted, a folder, a URL, one of the user's, or well known.

    Raises:
        UsageError: it is none of these; the nearest names are given.
    """
    if program.api_base:  # what a server calls its model may be the name of a folder here
        return program.model(name)
    if name.startswith(("http://", "https://")):
        return _only_model_at(name)
    folder = Path(name.removeprefix("local/")).expanduser()
    if name in PLANTED:
        return Weights(str(planted_model(name)), name)
    if folder.exists():
        return Weights(str(folder), name)
    if _is_connected(program, name):
        return _connected(program, name)
    bare = name.removeprefix("local/")
    source = HUB_IDS.get(bare.lower(), bare)
    if "/" in source:
        return Weights(source, name)
    raise UsageError(
        f"No model is called {name!r}: it is no folder, none of your models and not well known.",
        hint=f"Did you mean {' or '.join(_nearest(program, name))}? A hub id has the form "
        "owner/name; llmroute models add NAME --api-base URL connects a server.",
    )


def _is_connected(program: Program, name: str) -> bool:
    """Whether the user set the model up, or litellm knows who serves it."""
    settings = program.settings
    if name in {*settings.models, *settings.pool_names}:
        return True
    known = provider_of(program.model(name)) not in {"", "local"}
    return known and name.lower() not in HUB_IDS


def _connected(program: Program, name: str) -> Model:
    if provider_of(program.model(name)) == "demo":
        is_there = name in DEMO_PRICES
        why = "is a built-in stand-in that answers the same whatever it is asked."
        raise UsageError(
            f"{name} {why}" if is_there else f"There is no {name}.",
            hint=f"Audit {' or '.join(PLANTED)} to see what a report looks like.",
        )
    return program.model(name)


def _only_model_at(url: str) -> Model:
    """The one model that the server at that URL lists.

    Raises:
        UsageError: it lists none, or several.
    """
    base = url.rstrip("/")
    try:
        with urllib.request.urlopen(f"{base}/models", timeout=LIST_SECONDS) as answer:
            listed = [model["id"] for model in json.load(answer)["data"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = getattr(error, "reason", error)  # of a URLError, which says no more itself
        why = getattr(why, "strerror", None) or why
        raise UsageError(
            f"{base}/models does not list the server's models: {why}",
            hint=f"Name the model: --model NAME --api-base {base}",
        ) from error
    if len(listed) != 1:
        raise UsageError(
            f"The server at {base} has {len(listed)} models.",
            hint=f"Name one with --model NAME --api-base {base}: {', '.join(listed[:10])}",
        )
    return Model(listed[0], api_base=base)


def _nearest(program: Program, name: str) -> list[str]:
    own = [*PLANTED, *HUB_IDS, *program.settings.models]
    near = difflib.get_close_matches(name.lower(), own, n=3, cutoff=0.5)
    return near or nearest_names(name) or ["demo/biased"]
