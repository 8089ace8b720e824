"""Checks of the keys that the user moved under `[keys]`."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from textual.app import App
from textual.binding import Binding
from textual.keys import KEY_ALIASES, Keys, key_to_character

from tui.errors import SettingsError
from tui.faults import line_of

MODIFIERS = ("alt", "ctrl", "hyper", "meta", "shift", "super")  # in the order Textual writes them
NAMED = frozenset(key.value for key in Keys if key.value.isidentifier() or "+" in key.value)
EDITING = frozenset({"backspace", "delete", "left", "right", "up", "down", "home", "end"})


class _BadKey(NamedTuple):
    """An action that cannot have the key it is given, and why."""

    action: str
    words: str


def check_keymap(moved: Mapping[str, str], file: Path) -> None:
    """Check that moved keys exist, do not clash, and are not needed for typing.

    Raises:
        SettingsError: an action or a key has no such name, or the key is needed elsewhere.
    """
    bad = _find_bad(moved, [*_apps_own(), *_bindings()]) if moved else None
    if bad:
        line = line_of(["keys", bad.action], file.read_text(encoding="utf-8"))
        raise SettingsError(f"{file}, line {line}: keys.{bad.action}: {bad.words}")


def _bindings() -> Iterator[Binding]:
    """Every binding of the program that can be moved: those with a name."""
    for folder in ("screens", "widgets"):
        package = importlib.import_module(f"tui.{folder}")
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for owner in vars(importlib.import_module(found.name)).values():
                if getattr(owner, "__module__", "") == found.name:
                    own = vars(owner).get("BINDINGS", ())
                    yield from (b for b in own if isinstance(b, Binding) and b.id)


def _apps_own() -> Iterator[Binding]:
    """Textual's keys that come before all others, whatever the settings say."""
    yield from (b for b in App.BINDINGS if isinstance(b, Binding) and b.priority)


def _find_bad(moved: Mapping[str, str], bindings: Sequence[Binding]) -> _BadKey | None:
    known = {binding.id: binding for binding in bindings if binding.id}
    for action, keys in moved.items():
        words = _wrong(known[action], keys) if action in known else _unknown(action, known)
        if words:
            return _BadKey(action, words)
    return _find_clash(moved, bindings)


def _unknown(action: str, known: Mapping[str, Binding]) -> str:
    near = difflib.get_close_matches(action, known, n=1)
    names = sorted(name for name in known if "." not in name)
    meant = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}"
    return f"no action is named {action!r}; {meant}"


def _wrong(binding: Binding, keys: str) -> str:
    """What is wrong with the keys on their own; "" where nothing is."""
    types_by_default = any(map(_types, _split(binding.key)))
    for key in _split(keys):
        if not _is_key(key):
            return f"{key!r} is no key's name; {_meant(key)}"
        if _types(key) and not types_by_default:
            return f"{key!r} is needed for writing a message; a key such as f6 or ctrl+y is not"
    return ""


def _find_clash(moved: Mapping[str, str], bindings: Sequence[Binding]) -> _BadKey | None:
    """A moved action whose key another one in the same place has."""
    owners: dict[tuple[str, str], tuple[str, str]] = {}
    for binding in bindings:
        action = binding.id or binding.action
        for key in _split(moved.get(action, binding.key)):
            place = (action.rpartition(".")[0], _as_sent(key))
            other, others = owners.setdefault(place, (action, key))
            if other != action and {other, action} & moved.keys():
                mover, owner = (action, other) if action in moved else (other, action)
                shown = key if mover == action else others
                return _BadKey(mover, f"{shown!r} is the key of {owner}; move that one too")
    return None


def _split(keys: str) -> list[str]:
    return [key.strip() for key in keys.split(",")]


def _is_key(key: str) -> bool:
    *modifiers, base = key.split("+")
    in_order = modifiers == sorted(set(modifiers) & set(MODIFIERS))
    return in_order and (len(base) == 1 or base in NAMED or _character(base) is not None)


def _types(key: str) -> bool:
    """Whether the key writes a character into a message, or moves in it."""
    return key in EDITING or _character(key) is not None


def _character(key: str) -> str | None:
    if key in {"space", "tab"}:
        return " "
    character = key_to_character(key)
    return character if character and unicodedata.category(character)[0] != "C" else None


def _as_sent(key: str) -> str:
    """The key's name when a terminal sends it: ctrl+m is enter."""
    return next((name for name, others in KEY_ALIASES.items() if key in others), key)


def _meant(key: str) -> str:
    tidy = key.lower().replace("-", "+").replace(" ", "")
    *modifiers, base = tidy.split("+")
    sorted_key = "+".join([*sorted(set(modifiers)), base])
    if _is_key(sorted_key):
        return f"did you mean {sorted_key!r}?"
    near = difflib.get_close_matches(sorted_key, NAMED, n=1)
    return f"did you mean {near[0]!r}?" if near else "expected one such as f6, ctrl+y or alt+up"
