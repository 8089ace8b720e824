"""What differs when the chat runs in a browser's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from tui.program import Program

KEYS = {  # of those that follow here, a browser keeps the second to itself: it closes the tab
    "why": "alt+y,ctrl+w",
    "threshold": "alt+t,ctrl+t",
    "new": "alt+n,ctrl+n",
}


def is_in_browser(environment: Mapping[str, str]) -> bool:
    """Whether this process is the chat of a page, which has pipes in place of a terminal."""
    return environment.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")


def for_browser(program: Program) -> Program:
    """The program with keys that a browser lets through, where the user has not moved them."""
    own = program.settings.keys
    taken = {key.strip() for keys in own.values() for key in keys.split(",")}
    free = {name: keys for name, keys in KEYS.items() if taken.isdisjoint(keys.split(","))}
    settings = msgspec.structs.replace(program.settings, keys={**free, **own})
    return replace(program, loaded=replace(program.loaded, settings=settings))
