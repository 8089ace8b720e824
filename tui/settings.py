"""Settings: defaults < the TOML file < the environment < flags of the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from routing.files import replace_file
from routing.models import Model, Sampling
from routing.prices import Price
from routing.routers import ROUTERS
from tui.errors import SettingsError
from tui.faults import find_fault, line_of
from tui.money import MILLION, parse_share

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Dollars = Annotated[float, Meta(ge=0.0)]
Seconds = Annotated[float, Meta(gt=0.0)]

PREFIX = "LLMROUTE_"


class ModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One `[models."NAME"]` table. Prices are US dollars per million tokens.

    Attributes:
        like: as which model the router judges it while no battle names it.
        temperature, top_p, max_tokens, reasoning_effort: how it writes, as `Sampling` has it.
    """

    api_base: str | None = None
    key_name: Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    prompt_price: Dollars | None = None
    completion_price: Dollars | None = None
    cached_price: Dollars | None = None
    context_tokens: Annotated[int, Meta(gt=0)] | None = None
    like: str | None = None
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] | None = None
    top_p: Annotated[float, Meta(gt=0.0, le=1.0)] | None = None
    max_tokens: Annotated[int, Meta(gt=0)] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | None = None


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[budget]` table: US dollars a month, and what happens past it."""

    monthly_usd: Dollars | None = None
    past: Literal["warn", "weak"] = "warn"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every setting, as the TOML file spells it.

    Attributes:
        strong, weak: names of the pair's models; both or none.
        pool: in place of a pair, the names of two or more models, the strongest first.
        share: wanted share of strong calls; `threshold`, where given, overrules it.
        embedder: "minilm", a sentence-transformers id, or a folder.
        fallback: on a rate limit the other model answers without being asked for.
        cache_aware: a turn stays with the stronger model that answered last where its provider's
            prompt cache makes it cost no more than the one that the router chose.
        system: what the model is told before the first message of a new conversation.
        learn: the user's judgements, and asking the strong model again, become their battles.
        screen_reader: the chat says lines and draws nothing.
        key_command: a command that prints the key whose name is put in for `{name}`.
        keys: keys of the keyboard by action, for the ones the user moved.
    """

    strong: str | None = None
    weak: str | None = None
    pool: tuple[str, ...] | None = None
    share: Share = 0.5
    threshold: Share | None = None
    router: str = "ridge"
    embedder: str = "minilm"
    fallback: bool = False
    cache_aware: bool = False
    system: str | None = None
    learn: bool = True
    timeout: Seconds = 60.0
    theme: str = "llmroute-dark"
    screen_reader: bool = False
    key_command: str | None = None
    budget: Budget = Budget()
    keys: dict[str, str] = {}
    models: dict[str, ModelSettings] = {}

    def model(self, name: str) -> Model:
        """The model of that name with what the user said about it."""
        own = self.models.get(name, ModelSettings())
        return Model(
            name=name,
            api_base=own.api_base,
            key_name=own.key_name,
            price=_own_price(own),
            context_tokens=own.context_tokens,
            like=own.like,
            sampling=Sampling(own.temperature, own.top_p, own.max_tokens, own.reasoning_effort),
        )

    @property
    def pool_names(self) -> tuple[str, ...]:
        """The models to route between as the user named them; none before any were chosen."""
        if self.pool is not None:
            return self.pool
        if self.strong is None or self.weak is None:
            return ()
        return (self.strong, self.weak)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and for each one that is not the default where it was set."""

    settings: Settings
    origins: Mapping[str, str]


def load(file: Path, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Loaded:
    """The settings in force.

    Flags whose value is None were not given.

    Raises:
        SettingsError: a file, variable or flag is not as expected; it names which, the value and
            what was expected.
    """
    layers = [
        (str(file), _read(file)),
        ("environment", _from_environment(environment)),
        ("command line", {name: value for name, value in flags.items() if value is not None}),
    ]
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, values in layers:
        _check(values, origin, file)
        _check_router(values, _place("router", origin, file))
        if "pool" in values:
            where = _place("pool", origin, file)
            _check_alone(values, where)
            check_pool(values["pool"], f"{where}: pool")
        for name in _overruled(values):
            merged.pop(name, None)
            origins.pop(name, None)
        merged |= values
        for name in values:
            known = origin != "environment"
            origins[name] = origin if known else f"environment {PREFIX}{name.upper()}"
    settings = msgspec.convert(merged, Settings, strict=False)
    if (settings.strong is None) != (settings.weak is None):
        missing, given = ("strong", "weak") if settings.strong is None else ("weak", "strong")
        raise SettingsError(
            f"{given} is set ({origins[given]}) and {missing} is not: a pair needs both",
            hint=f"Set {missing} in {file}, or give --{missing} MODEL.",
        )
    if settings.strong is not None and settings.strong == settings.weak:
        raise SettingsError(
            f"strong ({origins['strong']}) and weak ({origins['weak']}) are both "
            f"{settings.strong}: expected two different models"
        )
    return Loaded(settings, origins)


def save(file: Path, changes: Mapping[str, Any]) -> None:
    """Write settings into the TOML file, leaving its other lines and comments as they are.

    A None removes the setting or the table. A value that is a mapping is merged into its table.

    Raises:
        SettingsError: the file cannot be read or written, or a value is not as expected.
    """
    import tomlkit

    _check(_kept(changes), "new settings", file)
    _read(file)
    document = tomlkit.parse(_text(file))
    _merge(document, changes)
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(file, tomlkit.dumps(document).encode())
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}") from error


def split_pool(text: str) -> tuple[str, ...]:
    """The names in a text that separates them by commas."""
    return tuple(name for part in text.split(",") if (name := part.strip()))


def pool_settings(names: Sequence[str]) -> dict[str, Any]:
    """The settings that name these models, the strongest first; None for those that give way."""
    if len(names) == 2:
        return {"strong": names[0], "weak": names[1], "pool": None}
    return {"strong": None, "weak": None, "pool": tuple(names)}


def _overruled(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The settings of earlier layers that these override."""
    if "pool" in values:
        return ("strong", "weak")
    return ("pool",) if {"strong", "weak"} & values.keys() else ()


def check_pool(names: Sequence[str], where: str) -> None:
    """Refuse a pool of too few models, or with one of them twice.

    Raises:
        SettingsError: it is one; `where` says who asks for it.
    """
    if len(names) < 2 or len(set(names)) < len(names):
        raise SettingsError(
            f"{where}: {', '.join(names) or 'nothing'}: expected two or more different models, "
            "the strongest first"
        )


def _check_router(values: Mapping[str, Any], where: str) -> None:
    """Check that the router exists."""
    name = values.get("router")
    if name is not None and name not in ROUTERS:
        raise SettingsError(
            f"{where}: router is {name!r}: expected one of {', '.join(map(repr, ROUTERS))}"
        )


def _check_alone(values: Mapping[str, Any], where: str) -> None:
    """Check that a pool and a pair are not both set."""
    beside = sorted({"strong", "weak"} & values.keys())
    if beside:
        raise SettingsError(
            f"{where}: pool is set beside {' and '.join(beside)}",
            hint="Keep one: strong and weak name a pair, pool names two or more models.",
        )


def _own_price(own: ModelSettings) -> Price | None:
    if own.prompt_price is None or own.completion_price is None:
        return None
    cached = None if own.cached_price is None else own.cached_price / MILLION
    return Price(own.prompt_price / MILLION, own.completion_price / MILLION, cached)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error


def _read(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(_text(file))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error
    _check(values, str(file), file)
    return values


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        text = environment.get(PREFIX + field.name.upper())
        if not text or field.name in {"budget", "keys", "models"}:
            continue
        values[field.name] = _parsed(field.name, text)
    return values


def _parsed(name: str, text: str) -> Any:  # noqa: ANN401  # any setting's value
    if name == "pool":
        return split_pool(text)
    if name != "share":
        return text
    try:
        return parse_share(text)
    except ValueError:
        return text  # the check names the variable and what it expects


def _check(values: Mapping[str, Any], origin: str, file: Path) -> None:
    """Refuse what is not as expected, naming the origin, the line where there is one, the value."""
    try:
        msgspec.convert(dict(values), Settings, strict=origin != "environment")
    except msgspec.ValidationError as error:
        raise SettingsError(_explain(error, values, origin, file)) from error


def _explain(
    error: msgspec.ValidationError, values: Mapping[str, Any], origin: str, file: Path
) -> str:
    fault = find_fault(error, values, Settings)
    return f"{_place(fault.path[-1], origin, file, fault.path[:-1])}: {fault.words}"


def _place(name: str, origin: str, file: Path, table: Sequence[str] = ()) -> str:
    """Where a setting stands that is in that table, by its origin."""
    if origin == "environment":
        return f"environment variable {PREFIX}{name.upper()}"
    if origin != str(file):
        return origin
    line = line_of([*table, name], _text(file))
    return f"{file}, line {line}" if line else str(file)


def _kept(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes without the settings that they remove."""
    return {
        name: _kept(value) if isinstance(value, Mapping) else value
        for name, value in changes.items()
        if value is not None
    }


def _merge(table: Any, changes: Mapping[str, Any]) -> None:  # noqa: ANN401  # a tomlkit container
    import tomlkit

    for name, value in changes.items():
        if value is None:
            table.pop(name, None)
        elif isinstance(value, Mapping):
            if name not in table:
                table.add(name, tomlkit.table())
            _merge(table[name], value)
        else:
            table[name] = value
