"""litellm set up for this program, with our own providers `demo/` and `local/`.

Both are litellm custom providers, so that every model is called the same way.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
import sys
import warnings
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

from routing.conversation import Delta, Reply
from routing.models import AS_IT_IS, Sampling

if TYPE_CHECKING:
    from routing.decide import Decision

BUILT_IN_PROVIDERS = {
    "demo": "routing.providers.demo:stream",
    "local": "routing.providers.local:stream",
}
DECISION = "llmroute_decision"
SAMPLING = "llmroute_sampling"


class BuiltIn(Protocol):
    """A model inside this program."""

    def __call__(
        self,
        name: str,
        messages: Sequence[Mapping[str, str]],
        decision: Decision | None,
        sampling: Sampling,
    ) -> AsyncGenerator[Delta | Reply]:
        """The reply in pieces, then whole.

        `name` comes without its provider, and `messages` have a "role" and a "content".
        """


@functools.cache
def import_litellm() -> Any:  # noqa: ANN401  # a module without types
    """The litellm module: silent, offline but for the replies asked of it, our providers known.

    The first call takes seconds.
    """
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise it uses the network on import
    os.environ["LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"] = "True"
    os.environ.setdefault(
        "LITELLM_MODE", "PRODUCTION"
    )  # otherwise it loads any .env above its folder
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.drop_params = True
    litellm.REPEATED_STREAMING_CHUNK_LIMIT = (
        sys.maxsize
    )  # otherwise it cuts any reply that has 100 zeros
    litellm.disable_hf_tokenizer_download = True
    # Left behind when a call is cancelled before its thread is done.
    abandoned = r"coroutine '\w+\.\w+' was never awaited"
    warnings.filterwarnings("ignore", abandoned, RuntimeWarning)
    # A provider's nonsense is handled; its warnings must not reach the terminal.
    warnings.filterwarnings("ignore", "Pydantic serializer warnings", UserWarning)
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).disabled = True
    litellm.custom_provider_map = [
        {"provider": provider, "custom_handler": _handler(litellm, target)}
        for provider, target in BUILT_IN_PROVIDERS.items()
    ]
    litellm.utils.custom_llm_setup()
    return litellm


def _handler(litellm: Any, target: str) -> object:  # noqa: ANN401  # a module without types
    """Litellm's view of a built-in model."""

    class Handler(litellm.CustomLLM):  # type: ignore[misc]
        async def astreaming(
            self,
            model: str,
            messages: Sequence[Mapping[str, str]],
            litellm_params: Mapping[str, Any],
            **_: object,
        ) -> AsyncGenerator[dict[str, Any]]:
            told = litellm_params.get("metadata") or {}
            sampling = told.get(SAMPLING, AS_IT_IS)
            replying = _load(target)(model, messages, told.get(DECISION), sampling)
            async with aclosing(replying) as pieces:
                async for piece in pieces:
                    yield _as_chunk(piece)

    return Handler()


def _load(target: str) -> BuiltIn:
    module, _, name = target.partition(":")
    built_in: BuiltIn = getattr(importlib.import_module(module), name)
    return built_in


def _as_chunk(piece: Delta | Reply) -> dict[str, Any]:
    """A piece in litellm's form, `GenericStreamingChunk`."""
    chunk = {"text": "", "is_finished": False, "finish_reason": "", "index": 0}
    if not isinstance(piece, Reply):
        return chunk | {"text": piece.text, "usage": None, "tool_use": None}
    usage = {
        "prompt_tokens": piece.usage.prompt_tokens,
        "completion_tokens": piece.usage.completion_tokens,
        "total_tokens": piece.usage.prompt_tokens + piece.usage.completion_tokens,
    }
    finish = {"is_finished": True, "finish_reason": piece.finish_reason}
    return chunk | finish | {"usage": usage, "tool_use": None}
