"""Local weights: a tiny model made on the spot, through the same way as any other."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from routing.chat import stream
from routing.conversation import Delta, Reply, Turn
from routing.errors import ContextError, NoModelError, ReplyError, ServiceError
from routing.models import Model, Sampling
from routing.providers import local

if TYPE_CHECKING:
    import torch
    from transformers.generation.streamers import BaseStreamer

CONTEXT = 96
TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('none') }}{% endif %}"
    "<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Torch's threads wait for each other where many tests share few cores."""
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _forget_models() -> Iterator[None]:
    yield
    local._load.cache_clear()


def save_tokenizer(folder: Path, template: str | None = None) -> None:
    """A tokenizer with one token a byte."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {"</s>": 0} | {letter: number for number, letter in enumerate(alphabet, start=1)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>")
    wrapped.chat_template = template
    wrapped.save_pretrained(folder)


def save_weights(folder: Path) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=257,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        bos_token_id=None,
        eos_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    save_weights(tmp_path)
    save_tokenizer(tmp_path)
    return tmp_path


async def ask(folder: Path | str, *turns: Turn) -> list[Delta | Reply]:
    asked = turns or (Turn("user", "Hello"),)
    return [piece async for piece in stream(Model(f"local/{folder}"), asked)]


@pytest.mark.parametrize("temperature", [0.0, 1.5])
async def test_reply_is_no_longer_than_was_said(tiny: Path, temperature: float):
    sampling = Sampling(temperature=temperature, max_tokens=3)
    model = Model(f"local/{tiny}", sampling=sampling)
    *_, reply = [piece async for piece in stream(model, (Turn("user", "Hello"),))]
    assert isinstance(reply, Reply)
    assert (reply.usage.completion_tokens, reply.finish_reason) == (3, "length")


def test_temperature_decides_how_tokens_are_chosen():
    assert local._chances(Sampling()) == {}
    assert local._chances(Sampling(temperature=0.0, top_p=0.9))["do_sample"] is False
    warm = {"do_sample": True, "temperature": 0.7, "top_p": 0.9}
    assert local._chances(Sampling(temperature=0.7, top_p=0.9)) == warm


class Scripted:
    """Weights that write a given text, whatever they are asked."""

    device = "cpu"

    def __init__(self, tokens: Sequence[int], wait_at: int | None = None) -> None:
        self.tokens = tokens
        self.wait_at = wait_at
        self.written = 0
        self.ended = threading.Event()

    def generate(
        self,
        prompt: torch.Tensor,
        streamer: BaseStreamer,
        stopping_criteria: Sequence[Callable[..., torch.Tensor]],
        **_: object,
    ) -> None:
        import torch

        streamer.put(prompt)
        for token in self.tokens:
            streamer.put(torch.tensor([token]))
            self.written += 1
            if stopping_criteria[0](prompt, None).all():
                break
        streamer.end()
        self.ended.set()


def scripted(
    folder: Path,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    template: str | None = None,
    context_tokens: int | None = None,
) -> Scripted:
    """Serve that text from a folder which has a real tokenizer."""
    from transformers import AutoTokenizer

    save_tokenizer(folder, template)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    weights = Scripted(tokenizer.encode(text))
    model = local.LanguageModel(str(folder), weights, tokenizer, context_tokens)
    monkeypatch.setattr(local, "_load", _Loader(model))
    return weights


class _Loader:
    def __init__(self, model: local.LanguageModel) -> None:
        self.model = model

    def __call__(self, name: str) -> local.LanguageModel:
        return self.model

    def cache_clear(self) -> None:
        """Nothing is cached."""


async def test_reply_streams_and_usage_is_exact(tiny: Path) -> None:
    got = await ask(tiny)
    reply = got[-1]
    assert "".join(piece.text for piece in got[:-1]) == reply.text
    prompt = "User: Hello\nAssistant:"
    assert reply.usage.prompt_tokens == len(prompt)
    assert not reply.usage.estimated
    assert 0 < reply.usage.completion_tokens <= CONTEXT - len(prompt)


async def test_reply_that_fills_the_context_ends_for_its_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt, text = "User: Hello\nAssistant:", "one two three"
    room = len(prompt) + len(text)
    scripted(tmp_path, text, monkeypatch, context_tokens=room)
    assert (await ask(tmp_path))[-1].finish_reason == "length"
    scripted(tmp_path, text, monkeypatch, context_tokens=room + 1)
    assert (await ask(tmp_path))[-1].finish_reason == "stop"


async def test_same_question_has_the_same_answer_from_a_kept_model(tiny: Path) -> None:
    first = await ask(tiny)
    for file in tiny.iterdir():
        file.unlink()
    (tiny / "gone").mkdir()
    assert await ask(tiny) == first


async def test_conversation_longer_than_the_model_reads(tiny: Path) -> None:
    with pytest.raises(ContextError, match="too many"):
        await ask(tiny, Turn("user", "x" * CONTEXT))


async def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoModelError, match="there is no folder"):
        await ask(tmp_path / "nowhere")


async def test_hub_id_without_a_network_is_no_model() -> None:
    with pytest.raises(NoModelError, match=r"local/owner/model cannot be loaded"):
        await ask("owner/model")


async def test_each_missing_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoModelError, match=r"no config\.json"):
        await ask(tmp_path)
    save_weights(tmp_path)
    with pytest.raises(NoModelError, match="no tokenizer"):
        await ask(tmp_path)
    save_tokenizer(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(NoModelError, match="no weights"):
        await ask(tmp_path)


async def test_model_that_does_not_write_text_is_no_model(tiny: Path) -> None:
    config = json.loads((tiny / "config.json").read_text())
    (tiny / "config.json").write_text(json.dumps(config | {"model_type": "vit"}))
    with pytest.raises(NoModelError, match="causal language model"):
        await ask(tiny)


async def test_out_of_memory_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = scripted(tmp_path, "text", monkeypatch)

    def generate(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    weights.generate = generate
    with pytest.raises(ServiceError, match="not enough memory"):
        await ask(tmp_path)


async def test_characters_of_several_tokens_come_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Καλημέρα 日本 👩‍🚀 ok"
    scripted(tmp_path, text, monkeypatch)
    got = await ask(tmp_path)
    assert got[-1].text == text
    assert all("\ufffd" not in piece.text for piece in got)
    assert Delta("日") in got


async def test_model_without_a_template_does_not_ask_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = scripted(tmp_path, " Two.\nUse it.\nUser: and then?\nAssistant: no", monkeypatch)
    got = await ask(tmp_path)
    assert got[-1].text == "".join(p.text for p in got[:-1]) == "Two.\nUse it."
    assert got[-1].finish_reason == "stop"
    assert weights.written == len(" Two.\nUse it.\nUser:")


async def test_model_with_a_template_may_write_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "A line\nUser: quoted"
    scripted(tmp_path, text, monkeypatch, template=TEMPLATE)
    assert (await ask(tmp_path))[-1].text == text


async def test_template_without_a_system_message_gets_it_from_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(tmp_path, "ok", monkeypatch, template=TEMPLATE)
    turns = (Turn("system", "Be brief."), Turn("user", "Hello"))
    reply = (await ask(tmp_path, *turns))[-1]
    assert reply.usage.prompt_tokens == len("<user>Be brief.\n\nHello<assistant>")


async def test_closing_the_stream_stops_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = scripted(tmp_path, "word " * 100_000, monkeypatch)
    pieces = stream(Model(f"local/{tmp_path}"), [Turn("user", "Hello")])
    assert await anext(pieces) == Delta("w")
    await pieces.aclose()
    assert await asyncio.to_thread(weights.ended.wait, 30)
    assert weights.written < 100_000


async def test_failure_while_writing_is_told_as_one_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(tmp_path, "text", monkeypatch).tokens = ["not a token"]
    with pytest.raises(ReplyError, match="failed while it wrote"):
        await ask(tmp_path)


def test_transcript_can_be_read_by_a_person() -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "Two?"},
    ]
    assert local.transcript(messages) == (
        "Be brief.\nUser: One?\nAssistant: 1\nUser: Two?\nAssistant:"
    )


@pytest.mark.gpu
async def test_weights_are_bf16_on_a_gpu(tiny: Path) -> None:
    import torch

    assert (await ask(tiny))[-1].text
    weights = local.load(str(tiny)).weights
    assert weights.device.type == "cuda"
    assert weights.dtype == torch.bfloat16
