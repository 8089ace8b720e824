"""A causal language model that grades the weak model's answer before it is written.

The prompt is put as a question to the model; its answer is one of five label tokens, [[1]] to
[[5]]. One forward pass reads the five logits: nothing is generated.

Source: Ong et al., RouteLLM (arXiv 2406.18665), section 4.2.4, and routellm 0.2.0, causal_llm.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from routing.embeddings import Embedder, quiet
from routing.errors import RouterError
from routing.ladder import STRONG, WEAK
from routing.routers.reader import Reader
from routing.routers.text import TextRouter
from routing.training import Schedule, chosen_device

LABELS = tuple(f"[[{score}]]" for score in range(1, 6))
PLACE = "<prompt>"
QUESTION = (
    "Below is a message that a person sent to a small language model. Predict how good its reply "
    f"will be, from 1 (of no use) to 5 (as good as that of the best models).\n\n{PLACE}\n\nScore:"
)
RANK = 16
ADAPTED = "all-linear"  # in peft's words: every linear layer but the output


class Grader(nn.Module):
    """A causal language model, as logits of the five labels after the last token."""

    def __init__(self, model: Any, head: nn.Linear) -> None:  # noqa: ANN401  # transformers has no types
        super().__init__()
        self.model = model
        self.head = head

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Logits (B, 5) of token rows, padded on their left, and their mask, both (B, T)."""
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)  # (B, T)
        body = self.model.base_model
        states = body(
            input_ids=tokens, attention_mask=mask, position_ids=positions, use_cache=False
        ).last_hidden_state  # (B, T, width)
        logits: Tensor = self.head(states[:, -1].to(self.head.weight.dtype))
        return logits


class GraderReader:
    """The language model, its five label rows and its tokenizer."""

    pad_left = True

    def __init__(self, model: Any, tokenizer: Any, tokens: int) -> None:  # noqa: ANN401  # untyped
        self.model, self.tokenizer = model, tokenizer
        self.labels = tokenizer.convert_tokens_to_ids(list(LABELS))
        rows = model.get_output_embeddings().weight[self.labels].detach().float()  # (5, width)
        head = nn.Linear(rows.shape[1], len(LABELS), bias=False, device=rows.device)
        head.weight = nn.Parameter(rows.clone())
        self.module: nn.Module = Grader(model, head)
        self.head = head
        self.pad = tokenizer.pad_token_id or 0
        self._before, self._after = _around_prompt(tokenizer)
        longest = getattr(model.config, "max_position_embeddings", None) or tokens
        self.room = min(tokens, longest) - len(self._before) - len(self._after)
        self._adapted: Any = None
        if self.room < 1:
            raise ValueError(f"{longest} tokens have no room for the question")

    def encode(self, prompt: str) -> list[int]:
        """The head of the prompt inside the question."""
        # Text that looks like a special token is still the user's text.
        ids = self.tokenizer(
            prompt, add_special_tokens=False, split_special_tokens=True, verbose=False
        ).input_ids
        return [*self._before, *ids[: self.room], *self._after]

    def adapt(self, rank: int) -> None:
        """Freeze the model and train small matrices beside its linear layers instead (LoRA).

        Raises:
            RouterError: peft is not installed.
        """
        try:
            from peft import LoraConfig, get_peft_model
        except ImportError as error:
            raise RouterError(
                "LoRA needs peft, which is not installed",
                hint='pip install "llmroute[train]", or train the whole model: --lora-rank 0',
            ) from error
        config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=ADAPTED)
        with warnings.catch_warnings():  # peft uses a deprecated call of transformers
            warnings.simplefilter("ignore", FutureWarning)
            self._adapted = get_peft_model(self.model, config)

    def settle(self) -> None:
        """Add what the small matrices learnt to the layers: the model stands alone again."""
        if self._adapted is not None:
            self._adapted.merge_and_unload()
            self._adapted = None

    def save(self, folder: Path) -> None:
        """Put model and tokenizer into the folder, the labels' rows among the vocabulary's."""
        output = self.model.get_output_embeddings()
        with torch.no_grad():
            output.weight[self.labels] = self.head.weight.to(output.weight.dtype)
        with quiet():
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)


class CausalRouter(TextRouter):
    """A causal language model that learnt to grade.

    It learns the grade that a judge gave. Where none did, the winner gives one: 2 where the strong
    model won, 4 for a tie, 5 where the weak one won. The win probability is that of a grade under
    4.

    Args:
        rank: of the matrices that LoRA trains; 0 trains the whole model.

    The others are those of `TextRouter`. There is no base model by default.
    """

    name = "causal"
    default_schedule = Schedule(
        batch_size=8, learning_rate=1e-4, weight_decay=0.01, steps=2000, check_every=100
    )
    default_base = ""
    default_tokens = 2048
    sample_size = 200  # a large model takes seconds for each
    targets = (1, 4, 3)
    strong_classes = 3

    def __init__(  # noqa: PLR0913 the settings of an estimator, as in scikit-learn
        self,
        embedder: Embedder,
        strong: str = STRONG,
        weak: str = WEAK,
        *,
        base: str | None = None,
        tokens: int | None = None,
        rank: int = RANK,
        schedule: Schedule | None = None,
        device: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(
            embedder,
            strong,
            weak,
            base=base,
            tokens=tokens,
            schedule=schedule,
            device=device,
            dtype=dtype,
        )
        self.rank = rank

    def _target(self, outcome: int, score: int | None) -> int:
        """The class of the judge's grade, else of the winner's."""
        return super()._target(outcome, score) if score is None else score - 1

    def _start(self) -> Reader:
        if not self.base:
            raise RouterError(
                "the causal router starts from a causal language model, and none is named",
                hint="Give --base: a folder, or an id on the hub such as "
                "Qwen/Qwen2.5-0.5B-Instruct.",
            )
        model, tokenizer = self._load(self.base)
        add_labels(model, tokenizer)
        reader = GraderReader(model, tokenizer, self.tokens)
        if self.rank:
            reader.adapt(self.rank)
        return reader

    def _resume(self, folder: Path) -> Reader:
        return GraderReader(*self._load(str(folder)), self.tokens)

    def _load(self, source: str) -> tuple[Any, Any]:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        device = chosen_device(self.device)
        dtype = self.dtype or ("float32" if device == "cpu" else "bfloat16")
        with quiet():
            model = AutoModelForCausalLM.from_pretrained(source, dtype=getattr(torch, dtype))
            tokenizer = AutoTokenizer.from_pretrained(source)
        return model.to(device), tokenizer

    def _origin(self) -> str:
        return f"{super()._origin()}\n{self.rank}"


def add_labels(model: Any, tokenizer: Any) -> None:  # noqa: ANN401  # transformers has no types
    """Give the vocabulary the five labels; each begins as the digit that it holds."""
    tokenizer.add_tokens(list(LABELS), special_tokens=True)
    if len(tokenizer) > model.get_output_embeddings().weight.shape[0]:
        with quiet():
            model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    rows = model.get_output_embeddings().weight
    with torch.no_grad():
        for label, place in zip(LABELS, tokenizer.convert_tokens_to_ids(list(LABELS)), strict=True):
            digit = tokenizer(label.strip("[]"), add_special_tokens=False).input_ids
            rows[place] = rows[digit].mean(dim=0)


def _around_prompt(tokenizer: Any) -> tuple[list[int], list[int]]:  # noqa: ANN401  # untyped
    """The tokens of the question before and after the prompt."""
    before, after = QUESTION.split(PLACE)
    if tokenizer.chat_template:
        turns = [{"role": "user", "content": QUESTION}]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        before, after = text.split(PLACE)
    return (
        tokenizer(before, add_special_tokens=not tokenizer.chat_template).input_ids,
        tokenizer(after, add_special_tokens=False).input_ids,
    )
