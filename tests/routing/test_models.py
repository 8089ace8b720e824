"""Names, endpoints, keys and prices, against litellm's own answers where it has any."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from routing.errors import NoModelError
from routing.models import (
    DEMO_PAIR,
    Endpoint,
    Model,
    Pool,
    context_of,
    endpoint_of,
    is_local,
    key_name_of,
    known_models,
    nearest_names,
    price_of,
    provider_of,
    suggested_models,
)
from routing.prices import Price
from routing.providers import import_litellm

OWN = Price(1e-6, 2e-6)


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4o",
        "openai/gpt-4o-mini",
        "azure/gpt-4o",
        "claude-sonnet-4-5",
        "anthropic/claude-sonnet-4-5",
        "gemini/gemini-2.5-pro",
        "mistral/mistral-large-latest",
        "groq/openai/gpt-oss-20b",
        "deepseek/deepseek-chat",
    ],
)
def test_price_and_context_are_litellms(name: str) -> None:
    listed = import_litellm().get_model_info(name)
    price = price_of(Model(name))
    assert price.prompt == listed["input_cost_per_token"] > 0
    assert price.completion == listed["output_cost_per_token"] > 0
    assert price.cached == listed["cache_read_input_token_cost"]
    assert context_of(Model(name)) == listed["max_input_tokens"]


def test_long_prompt_price_is_litellms() -> None:
    listed = import_litellm().get_model_info("gemini/gemini-2.5-pro")
    price = price_of(Model("gemini/gemini-2.5-pro"))
    assert price.above_tokens == 200_000
    assert price.above.prompt == listed["input_cost_per_token_above_200k_tokens"]
    assert price.above.completion == listed["output_cost_per_token_above_200k_tokens"]


@pytest.mark.parametrize("name", ["gpt-4o", "local/x", "ollama/x", "demo/weak", "nobody/knows"])
def test_own_price_comes_first(name: str) -> None:
    assert price_of(Model(name, price=OWN)) == OWN


@pytest.mark.parametrize(
    "model",
    [
        Model("local/some/folder"),
        Model("ollama/anything"),
        Model("ollama_chat/anything", api_base="http://127.0.0.1:11434"),
        Model("lm_studio/anything", api_base="localhost:1234"),
        Model("ollama/anything", api_base="http://[::1]:11434"),
    ],
)
def test_what_runs_here_is_free(model: Model) -> None:
    assert is_local(model)
    assert price_of(model) == Price(0.0, 0.0)


@pytest.mark.parametrize(
    "model",
    [
        Model("nobody/knows-this"),
        Model("nonsense"),
        Model("openai/not-yet-released"),
        Model("ollama/llama3", api_base="http://192.168.0.7:11434"),
        Model("ollama/unheard-of", api_base="https://ollama.example.com"),
        Model("ollama/gpt-oss:120b-cloud"),
        Model("mine", api_base="http://localhost:1234"),
        Model("text-embedding-3-small"),
        Model("sample_spec"),
    ],
)
def test_unknown_price_stays_unknown(model: Model) -> None:
    assert price_of(model) is None


def test_ollama_elsewhere_by_the_environment_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_BASE", "http://10.0.0.5:11434")
    assert not is_local(Model("ollama/llama3"))
    assert price_of(Model("ollama/llama3")) is None


def test_demo_has_listed_prices_and_the_strong_one_is_dearer() -> None:
    strong, weak = price_of(DEMO_PAIR.strong), price_of(DEMO_PAIR.weak)
    assert strong.prompt > weak.prompt > 0
    assert strong.completion > weak.completion > 0


def test_context_of_a_folder_is_in_its_config(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 512}')
    assert context_of(Model(f"local/{tmp_path}")) == 512
    assert context_of(Model("local/not/there")) is None
    assert context_of(Model("local/not/there", context_tokens=99)) == 99


@pytest.mark.parametrize(
    ("model", "provider", "key"),
    [
        (Model("gpt-4o"), "openai", "OPENAI_API_KEY"),
        (Model("claude-sonnet-4-5"), "anthropic", "ANTHROPIC_API_KEY"),
        (Model("gemini/gemini-2.5-pro"), "gemini", "GEMINI_API_KEY"),
        (Model("openrouter/openai/gpt-4o"), "openrouter", "OPENROUTER_API_KEY"),
        (Model("together_ai/x"), "together_ai", "TOGETHERAI_API_KEY"),
        (Model("groq/x"), "groq", "GROQ_API_KEY"),
        (Model("bedrock/x"), "bedrock", None),
        (Model("ollama/llama3"), "ollama", None),
        (Model("local/x"), "local", None),
        (Model("demo/weak"), "demo", None),
        (Model("nonsense"), "", None),
        (Model("gpt-4o", api_base="http://x.example"), "custom_openai", None),
        (Model("gpt-4o", api_base="http://x.example", key_name="MINE"), "custom_openai", "MINE"),
        (Model("gpt-4o", key_name="MINE"), "openai", "MINE"),
    ],
)
def test_provider_and_key_name(model: Model, provider: str, key: str | None) -> None:
    assert provider_of(model) == provider
    assert key_name_of(model) == key


@pytest.mark.parametrize(
    ("model", "endpoint"),
    [
        (Model("gpt-4o"), Endpoint("openai/gpt-4o", None)),
        (Model("azure/mine"), Endpoint("azure/mine", None)),
        (Model("big", "localhost:1234"), Endpoint("custom_openai/big", "http://localhost:1234/v1")),
        (Model("big", "example.com"), Endpoint("custom_openai/big", "https://example.com/v1")),
        (
            Model("qwen/qwen3", "http://h:1/v1/chat/completions"),
            Endpoint("custom_openai/qwen/qwen3", "http://h:1/v1"),
        ),
        (Model("openai/big", "http://h:1/api/"), Endpoint("custom_openai/big", "http://h:1/api")),
        (Model("ollama/x", "http://h:1/v1"), Endpoint("ollama_chat/x", "http://h:1")),
        (Model("lm_studio/x"), Endpoint("custom_openai/x", "http://localhost:1234/v1")),
        (Model("anthropic/c", "https://p.example"), Endpoint("anthropic/c", "https://p.example")),
    ],
)
def test_endpoint_puts_in_what_people_leave_out(model: Model, endpoint: Endpoint) -> None:
    assert endpoint_of(model) == endpoint


def test_known_models_are_chat_models_and_litellm_serves_them() -> None:
    names = known_models()
    assert {"gpt-4o", "demo/strong", "demo/weak"} <= set(names)
    assert not {"text-embedding-3-small", "dall-e-3", "sample_spec"} & set(names)
    assert list(names) == sorted(names)


@pytest.mark.parametrize("begun", ["gpt-4o", "openai/gpt-4o", "anthropic/claude-sonnet"])
def test_names_are_suggested_with_their_provider_the_plainest_first(begun: str) -> None:
    first, *others = (name for name in suggested_models() if name.startswith(begun))
    assert all(len(first) <= len(other) for other in others)
    assert price_of(Model(first)) is not None
    assert "gpt-4o" not in begun or first == begun


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gpt4o", "gpt-4o"),
        ("openai/gpt-4o-mimi", "openai/gpt-4o-mini"),
        ("anthropic/claude-sonet-4-5", "anthropic/claude-sonnet-4-5"),
        ("GPT-4O", "gpt-4o"),
    ],
)
def test_nearest_name_is_what_was_meant(typed: str, meant: str) -> None:
    assert nearest_names(typed)[0] == meant


def test_nothing_is_near_to_nonsense() -> None:
    assert nearest_names("zzzzzzzzzzzz") == []
    assert len(nearest_names("gpt-4")) == 3


def priced(name: str, prompt: float | None) -> Model:
    price = None if prompt is None else Price(prompt, 2 * prompt)
    return Model(f"nobody/{name}", price=price)


def test_pool_finds_its_ends_and_any_model_by_name() -> None:
    pool = Pool((Model("s"), Model("m"), Model("w")))
    assert (pool.find("strong"), pool.find("weak")) == (Model("s"), Model("w"))
    assert pool.find("m") == Model("m")
    assert [pool.tier_of(model) for model in pool.models] == ["strong", "middle", "weak"]
    with pytest.raises(NoModelError, match="'x' is none of the models"):
        pool.find("x")


@pytest.mark.parametrize(
    ("prompts", "order"),
    [
        ({"s": 5, "a": 1, "b": 3}, "s b a"),
        ({"s": 1, "a": 2, "b": 9}, "s b a"),  # the user says which is strongest
        ({"s": None, "a": None, "b": None}, "s a b"),
        ({"s": 5, "a": 1, "x": None, "b": 3, "c": 2}, "s b x c a"),
    ],
)
def test_pool_runs_from_dear_to_cheap_and_unknown_prices_stay(
    prompts: dict[str, float | None], order: str
) -> None:
    pool = Pool.ordered([priced(name, prompt) for name, prompt in prompts.items()])
    assert " ".join(name.removeprefix("nobody/") for name in pool.names) == order


def test_one_model_is_no_pool() -> None:
    with pytest.raises(ValueError, match="two models or more, not 1"):
        Pool.ordered([Model("s")])


def test_nearest_in_strength_stands_in_the_stronger_of_two() -> None:
    s, m, n, w = (Model(name) for name in "smnw")
    pool = Pool((s, m, n, w))
    assert pool.alternatives(s) == [m, n, w]
    assert pool.alternatives(m) == [s, n, w]
    assert pool.alternatives(w) == [n, m, s]


def test_prices_need_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from routing.models import *\n"
        "import routing.chat, routing.cost, routing.errors, routing.providers\n"
        "model = Model('gpt-4o')\n"
        "assert price_of(model) and context_of(model) and nearest_names('gpt')\n"
        "heavy = {'litellm', 'numpy', 'pydantic', 'httpx', 'torch', 'transformers', 'openai'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
