"""The context of every command: settings, paths, keys and engine options."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tui.errors import UsageError
from tui.paths import Paths, paths

if TYPE_CHECKING:
    from routing.events import EngineOptions
    from routing.models import Model, Pool
    from tui.keys import KeyRing
    from tui.settings import Loaded, Settings


@dataclass(frozen=True)
class Program:
    """One run of the program: what was set, where things are kept, which keys are known.

    Attributes:
        api_base, key_name: the endpoint given on the command line for this run, and its key.
    """

    loaded: Loaded
    paths: Paths
    environment: Mapping[str, str]
    api_base: str | None = None
    key_name: str | None = None

    @classmethod
    def open(
        cls,
        *,
        demo: bool = False,
        api_base: str | None = None,
        key_name: str | None = None,
        **flags: Any,  # noqa: ANN401  # any setting's value
    ) -> Program:
        """The program with those flags of the command line; None means not given.

        Raises:
            SettingsError: a setting is not as expected.
            UsageError: the endpoint or the name of its key is none, or it has no endpoint.
        """
        _check_endpoint(api_base, key_name)
        from routing.models import DEMO_PAIR
        from tui.settings import load, pool_settings

        places = paths(os.environ)
        given = flags | pool_settings(DEMO_PAIR.names) if demo else flags
        loaded = load(places.settings, os.environ, given)
        return cls(loaded, places, os.environ, api_base, key_name)

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.loaded.settings

    @cached_property
    def keyring(self) -> KeyRing:
        """Every place that may hold an API key."""
        from tui.keys import KeyRing

        return KeyRing(self.environment, self.paths.keys, self.settings.key_command)

    def model(self, name: str) -> Model:
        """The model of that name, at the endpoint of the command line where one was given."""
        model = self.settings.model(name)
        if self.api_base is None:
            return model
        # The key that the settings name is for the endpoint that they name.
        return replace(model, api_base=self.api_base, key_name=self.key_name)

    @property
    def pool(self) -> Pool | None:
        """The models to route between; None before any were chosen."""
        from routing.models import Pool

        names = self.settings.pool_names
        return Pool.ordered([self.model(name) for name in names]) if names else None

    @property
    def pool_is_given(self) -> bool:
        """Whether the command line names the models of this run."""
        origins = map(self.loaded.origins.get, ("strong", "weak", "pool"))
        return "command line" in origins

    def require_pool(self) -> Pool:
        """The models to route between.

        Raises:
            UsageError: none is set.
        """
        if self.pool is None:
            raise UsageError(
                "No models are set.",
                hint="Give --strong MODEL and --weak MODEL, or --demo for the built-in pair; "
                "llmroute models use STRONG ... WEAK keeps a choice.",
            )
        return self.pool

    def change(self, changes: Mapping[str, Any]) -> None:
        """Write settings into the user's file.

        Raises:
            SettingsError: a value is not as expected, or the file cannot be written.
        """
        from tui.settings import save

        save(self.paths.settings, changes)

    def engine_options(self) -> EngineOptions:
        """What the engine needs to know to start."""
        from routing.events import EngineOptions

        return EngineOptions(
            folder=str(self.paths.router),
            router=self.settings.router,
            embedder=self.settings.embedder,
            timeout=self.settings.timeout,
        )


def _check_endpoint(api_base: str | None, key_name: str | None) -> None:
    from tui.model_check import check_address, check_key_name

    if key_name and not api_base:
        raise UsageError("--key-name names the key for --api-base, which is not given.")
    if key_name:
        check_key_name(key_name)
    if api_base is not None:
        check_address(api_base)
