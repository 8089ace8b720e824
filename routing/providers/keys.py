"""Which keys of the environment a model's provider takes, and which it lacks."""

from __future__ import annotations

import os

from routing.models import Model, endpoint_of, is_local, key_name_of, provider_of
from routing.providers import BUILT_IN_PROVIDERS, import_litellm

OTHER_KEYS = {  # accepted by litellm instead of a provider's usual one
    "ANTHROPIC_API_KEY": ("ANTHROPIC_AUTH_TOKEN",),
    "GEMINI_API_KEY": ("GOOGLE_API_KEY",),
    "TOGETHERAI_API_KEY": ("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY"),
}


def key_in_environment(model: Model) -> str | None:
    """The key that the environment holds for the model; None where it holds none."""
    name = key_name_of(model)
    return (os.environ.get(name, "").strip() or None) if name else None


def missing_keys(model: Model) -> list[str]:
    """The variables that the model's provider needs and that are not set."""
    endpoint, provider = endpoint_of(model), provider_of(model)
    if endpoint.api_base or is_local(model) or provider in {"", *BUILT_IN_PROVIDERS}:
        return []
    missing: list[str] = import_litellm().validate_environment(endpoint.name)["missing_keys"]
    usual = key_name_of(model)
    if usual in missing or (usual and not any(map(os.environ.get, OTHER_KEYS.get(usual, ())))):
        return [usual]
    return missing
