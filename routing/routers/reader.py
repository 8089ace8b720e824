"""Language models with a classification head over prompts, and how prompts are batched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn

# Tokens that are read at once, padding included. With more a core computes for the padding above
# all; a GPU is hardly busy with so few.
READ_TOKENS = 512
READ_TOKENS_GPU = 16_384


class Reader(Protocol):
    """A language model with a classification head over prompts.

    Attributes:
        module: tokens (B, T) and their mask (B, T) -> logits (B, classes).
        pad: the token that fills up a row; `pad_left`: it comes first.
    """

    module: nn.Module
    pad: int
    pad_left: bool

    def encode(self, prompt: str) -> list[int]:
        """The prompt's tokens, as the model is shown them."""

    def settle(self) -> None:
        """It is trained: what only the training needed may go."""

    def save(self, folder: Path) -> None:
        """Put an ordinary transformers model into the folder."""


def tokens_at_once(reader: Reader) -> int:
    """How many tokens, padding included, its model is shown at once."""
    on_cpu = next(reader.module.parameters()).device.type == "cpu"
    return READ_TOKENS if on_cpu else READ_TOKENS_GPU


def batches(rows: Sequence[Sequence[int]], most: int) -> Iterator[list[int]]:
    """Numbers of rows of like length, so many that they have `most` tokens once padded, or one."""
    batch: list[int] = []
    for at in sorted(range(len(rows)), key=lambda at: len(rows[at])):
        if batch and (len(batch) + 1) * len(rows[at]) > most:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch


def pad(reader: Reader, rows: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
    """Rows of tokens as a rectangle, and the mask of what is no padding, both (B, T)."""
    import torch

    longest = max(len(row) for row in rows)
    tokens = torch.full((len(rows), longest), reader.pad)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for at, row in enumerate(rows):
        place = slice(longest - len(row), longest) if reader.pad_left else slice(0, len(row))
        tokens[at, place] = torch.tensor(row, dtype=torch.long)
        mask[at, place] = 1
    device = next(reader.module.parameters()).device
    return tokens.to(device), mask.to(device)
