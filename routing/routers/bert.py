"""An encoder with three classes: the strong reply wins, the weak one does, or neither.

A tie means that the weak model does.

Source: Ong et al., RouteLLM (arXiv 2406.18665), section 4.2.3.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from routing.embeddings import PACKAGED, packaged_folder, quiet
from routing.routers.reader import Reader
from routing.routers.text import TextRouter
from routing.training import Schedule, chosen_device

LABELS = ("strong wins", "tie", "weak wins")


class Encoder(nn.Module):
    """A transformers model for sequence classification, as logits of its classes."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Logits (B, 3) of token rows and their mask, both (B, T)."""
        logits: Tensor = self.model(input_ids=tokens, attention_mask=mask).logits
        return logits


class EncoderReader:
    """The encoder and its tokenizer."""

    pad_left = False

    def __init__(self, model: Any, tokenizer: Any, tokens: int) -> None:  # noqa: ANN401  # untyped
        self.module: nn.Module = Encoder(model)
        self.model, self.tokenizer = model, tokenizer
        self.tokens = min(tokens, model.config.max_position_embeddings)
        self.pad = int(tokenizer.pad_token_id)

    def encode(self, prompt: str) -> list[int]:
        """The head of the prompt between the model's own marks."""
        ids: list[int] = self.tokenizer(prompt, truncation=True, max_length=self.tokens).input_ids
        return ids

    def settle(self) -> None:
        """Nothing was added for the training."""

    def save(self, folder: Path) -> None:
        """Put model and tokenizer into the folder."""
        with quiet():
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)


class BertRouter(TextRouter):
    """A fine-tuned encoder. Its arguments are those of `TextRouter`.

    The paper trains BERT-base at a rate of 1e-5; the packaged encoder, a fifth of its size, learns
    at five times that.
    """

    name = "bert"
    default_schedule = Schedule(
        batch_size=16, learning_rate=5e-5, weight_decay=0.01, steps=2000, check_every=100
    )
    default_base = PACKAGED
    default_tokens = 512
    targets = (0, 2, 1)
    strong_classes = 1

    def _start(self) -> Reader:
        source = str(packaged_folder()) if self.base == PACKAGED else self.base
        return self._load(source, num_labels=len(LABELS), id2label=dict(enumerate(LABELS)))

    def _resume(self, folder: Path) -> Reader:
        return self._load(str(folder))

    def _load(self, source: str, **head: Any) -> Reader:  # noqa: ANN401  # transformers' own
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        with quiet():
            model = AutoModelForSequenceClassification.from_pretrained(
                source, dtype=getattr(torch, self.dtype or "float32"), **head
            )
            tokenizer = AutoTokenizer.from_pretrained(source)
        return EncoderReader(model.to(chosen_device(self.device)), tokenizer, self.tokens)
