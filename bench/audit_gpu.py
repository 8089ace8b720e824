"""Times a battery on a 7B-shaped random Llama in bfloat16, beside the card's own matrix rate.

Run `python -m bench.audit_gpu` where there is a CUDA device with 20 GB or more. The share counts
only the products with the layers' weights, once for each token read: attention, the vocabulary's
logits, tokenizing and moving data take time and add nothing. The questions are MMLU's where
`mcq/mmlu` lies under LLMROUTE_DATA, else the shipped ones. Without such a device a small model is
run in float32 on the CPU, which proves the script and says nothing about speed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from audit.battery import BATTERIES, Plan, build
from audit.question_files import read, shipped
from audit.questions import QuestionSet
from audit.scorers.local import SIZES, LocalScorer, Sizes
from audit.variants import Variant
from bench import random_llama
from bench.datasets import DATA

TARGET = 1_000  # questions that the time is given for
ATTEMPTS = 20
SEVEN_B = {
    "vocab_size": 32_000,
    "hidden_size": 4096,
    "intermediate_size": 11_008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
}
MINIATURE = {
    "vocab_size": random_llama.VOCABULARY,
    "hidden_size": 128,
    "intermediate_size": 344,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
}


@dataclass(frozen=True, slots=True)
class Setting:
    """Where the model runs, its shape, and the side of the matrices that the rate is taken from."""

    device: str
    dtype: torch.dtype
    shape: dict[str, int]
    side: int


def main() -> None:
    """Print the card's rate, then a line for each number of tokens in a pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--battery", choices=BATTERIES, default="quick")
    parser.add_argument("--questions", type=int, default=TARGET)
    parser.add_argument("--budget", type=int, action="append", help="tokens in a pass")
    arguments = parser.parse_args()
    if torch.cuda.is_available():
        setting = Setting("cuda", torch.bfloat16, SEVEN_B, side=8192)
        print(torch.cuda.get_device_name(), f"torch {torch.__version__}")
    else:
        setting = Setting("cpu", torch.float32, MINIATURE, side=1024)
        print("No CUDA device: a small model in float32, to prove the script")
    questions = _questions()
    plan = Plan(arguments.battery, max_samples=arguments.questions)
    variants = build(questions, plan).variants
    count = len({variant.question_id for variant in variants})
    rate = matrix_rate(setting)
    model = random_model(setting)
    weights = layer_weights(model)
    print(f"{weights:,} weights in the layers; matrix rate {rate / 1e12:.2f} TFLOP/s")
    print(
        f"{arguments.battery}: {count:,} questions of {questions.name}, {len(variants):,} prompts"
    )
    print(
        f"{'budget':>8}{'seconds':>10}{'1,000 q.':>10}{'tokens/s':>10}{'share':>9}{'peak GiB':>10}"
    )
    texts = (" ".join([q.stem, *q.options]) for q in questions.test)
    tokenizer = random_llama.trained_tokenizer(texts, random_llama.VOCABULARY)
    usual = SIZES[setting.device]
    for budget in arguments.budget or [usual.budget // 2, usual.budget, usual.budget * 2]:
        sizes = Sizes(budget, usual.window)
        seconds, tokens = timed(LocalScorer(model, tokenizer, name="random", sizes=sizes), variants)
        share = 2 * weights * tokens / seconds / rate
        print(
            f"{budget:>8,}{seconds:>10.1f}{seconds / count * TARGET:>10.1f}"
            f"{tokens / seconds:>10,.0f}{share:>9.1%}{_peak_gib():>10.1f}",
            flush=True,
        )


def timed(scorer: LocalScorer, variants: Sequence[Variant]) -> tuple[float, int]:
    """Seconds from the first question to the last score, and the tokens read.

    A first stretch warms the device up and is not counted.
    """
    if not scorer.packed:
        print("The start-up check failed, so plain batches are timed")
    for _ in scorer.score(variants[: len(variants) // 20]):
        pass
    before, start = scorer.spent.tokens, time.perf_counter()
    scored = sum(1 for _ in scorer.score(variants))
    assert scored == len(variants)
    return time.perf_counter() - start, scorer.spent.tokens - before


def matrix_rate(setting: Setting) -> float:
    """Floating-point operations a second of the best of several products of square matrices."""
    one, other = (
        torch.randn(setting.side, setting.side, device=setting.device, dtype=setting.dtype)
        for _ in range(2)
    )
    best = min(_product_seconds(one, other) for _ in range(ATTEMPTS))
    return 2 * setting.side**3 / best


def random_model(setting: Setting) -> LlamaForCausalLM:
    """A Llama of that shape with random weights, made on the device."""
    config = LlamaConfig(**setting.shape, max_position_embeddings=4096)
    torch.manual_seed(0)
    usual = torch.get_default_dtype()
    torch.set_default_dtype(setting.dtype)
    try:
        with torch.device(setting.device):
            return LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(usual)


def layer_weights(model: LlamaForCausalLM) -> int:
    """Weights that every token is multiplied with: those of the layers, without embeddings."""
    return sum(weight.numel() for weight in model.model.layers.parameters())


def _product_seconds(one: torch.Tensor, other: torch.Tensor) -> float:
    _wait()
    start = time.perf_counter()
    one @ other
    _wait()
    return time.perf_counter() - start


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _peak_gib() -> float:
    return torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else 0.0


def _questions() -> QuestionSet:
    folder = DATA / "mcq" / "mmlu"
    return read(folder) if folder.exists() else shipped()


if __name__ == "__main__":
    main()
