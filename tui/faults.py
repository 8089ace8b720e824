"""Faults in settings: which setting, on which line, its value, and what was expected."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

ANY_NAME = "[...]"  # as msgspec writes a key of a dict


class Fault(NamedTuple):
    """A setting that is not as expected: its tables' names and its own, and what is wrong."""

    path: list[str]
    words: str


def find_fault(
    error: msgspec.ValidationError, values: Mapping[str, Any], settings: type[msgspec.Struct]
) -> Fault:
    """The fault that msgspec met in the values of these settings."""
    message, _, at = str(error).partition(" - at `$")
    tokens = re.findall(r"\[\.\.\.\]|[\w-]+", at)
    path = _with_names(tokens, values, settings)
    if unknown := re.search(r"unknown field `(.+?)`", message):
        return _unknown(path, unknown[1], tokens, settings)
    if tokens[-1] == "key_name":  # whoever put the key itself there does not want it shown
        wanted = "expected the name of a variable such as MY_KEY, not the key itself"
        return Fault(path, f"{'.'.join(path)}: {wanted}")
    wanted = _in_words(_type_at(tokens, settings)) or message
    return Fault(path, f"{'.'.join(path)} is {_value_at(path, values)!r}: {wanted}")


def line_of(path: Sequence[str], text: str) -> int | None:
    """The line of a TOML text, from 1, that sets that path or begins that table."""
    table: list[str] = []
    around = None  # an inline table, or a table whose line is all there is
    for number, line in enumerate(text.splitlines(), 1):
        is_header = line.lstrip().startswith("[")
        here = _names_in(line) if is_header else table + _names_in(f"{line.partition('=')[0]}=0")
        table = here if is_header else table
        if here == list(path):
            return number
        if len(here) > (0 if is_header else len(table)) and here == list(path[: len(here)]):
            around = number
    return around


def _with_names(
    tokens: Sequence[str], values: Mapping[str, Any], settings: type[msgspec.Struct]
) -> list[str]:
    """The error's path with the name in place of "[...]": the first one that is refused."""
    if ANY_NAME not in tokens:
        return list(tokens)
    at = tokens.index(ANY_NAME)
    table = _value_at(tokens[:at], values)
    for name, value in table.items():
        try:
            msgspec.convert({tokens[0]: {name: value}}, settings)
        except msgspec.ValidationError:
            return [*tokens[:at], name, *tokens[at + 1 :]]
    raise AssertionError("one of the table's values was refused")


def _unknown(
    path: list[str], name: str, tokens: Sequence[str], settings: type[msgspec.Struct]
) -> Fault:
    kind = _type_at(tokens, settings)
    known = [field.name for field in kind.fields] if isinstance(kind, inspect.StructType) else []
    near = difflib.get_close_matches(name, known, n=1) or [k for k in known if name in k]
    meant = f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(known)}"
    where = f" of {'.'.join(path)}" if path else ""
    return Fault([*path, name], f"no setting{where} is named {name!r}{meant}")


def _type_at(tokens: Sequence[str], settings: type[msgspec.Struct]) -> inspect.Type:
    """What msgspec knows of the setting at that path of an error."""
    kind: inspect.Type = inspect.type_info(settings)
    for token in tokens:
        if token == ANY_NAME and isinstance(kind, inspect.DictType):
            kind = kind.value_type
        elif isinstance(kind, inspect.StructType):
            kind = next(field.type for field in kind.fields if field.name == token)
    return kind


def _in_words(kind: inspect.Type) -> str:
    """The values that a setting of that type takes; "" if msgspec's own message says it."""
    if isinstance(kind, inspect.UnionType):  # with None, for a setting that may be left out
        kind = kind.types[0]
    match kind:
        case inspect.LiteralType():
            return f"expected {' or '.join(map(repr, kind.values))}"
        case inspect.BoolType():
            return "expected true or false"
        case inspect.IntType() | inspect.FloatType():
            whole = "whole " if isinstance(kind, inspect.IntType) else ""
            return f"expected a {whole}number{_limits(kind)}"
        case inspect.StrType():
            return "expected text in quotes"
        case inspect.VarTupleType():
            return 'expected a list such as ["openai/big", "openai/small"]'
        case _:
            return ""


def _limits(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.ge is not None and kind.le is not None:
        return f" from {kind.ge:g} to {kind.le:g}"
    if kind.gt is not None:
        return f" above {kind.gt:g}" + ("" if kind.le is None else f", {kind.le:g} at most")
    return "" if kind.ge is None else f", {kind.ge:g} or more"


def _value_at(path: Sequence[str], values: Mapping[str, Any]) -> Any:  # noqa: ANN401  # any setting's
    value: Any = values
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else value
    return value


def _names_in(line: str) -> list[str]:
    """The names of a table's header, or of a setting's line; none where it is neither."""
    try:
        found: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return []
    names = []
    while isinstance(found, Mapping) and found:
        [(name, found)] = found.items()
        names.append(name)
    return names
