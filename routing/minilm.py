"""all-MiniLM-L6-v2, the packaged embedder, in a few lines of torch.

sentence-transformers reads it too, to the same rows, but takes four seconds and half a gigabyte to
be imported; the first question of a day should not wait for that.

Source: Wang et al. 2020, MiniLM (arXiv:2002.10957); its layers are BERT's (arXiv:1810.04805).
"""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

# The model was trained on texts of 128 tokens. A question stands before or after what was pasted,
# seldom in its middle.
HEAD_TOKENS, TAIL_TOKENS = 96, 32
# No ordinary text has longer tokens on average; what lies behind them the model never sees.
CHARACTERS_PER_TOKEN = 16
BATCH_SIZE = 32
# How much longer than its shortest text a batch may be: padding costs as much as text.
PADDED = 1.5

KINDS = ("weight", "bias")
LAYERS, HEADS = 6, 12
# The last layers were trained to tell what a text is about; those before still know how it is put.
MIDDLE_LAYER = 4
NORM_EPSILON = 1e-12


class MiniLM:
    """Texts to rows, of a long text its first 96 tokens and its last 32.

    Args:
        folder: with `model.safetensors` and `tokenizer.json`.
        device: "cpu", "cuda", ...; None for CUDA where there is a card.

    Raises:
        OSError: a file cannot be read.
    """

    def __init__(self, folder: Path, device: str | None = None) -> None:
        import torch
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        file = folder / "model.safetensors"
        weights = load_file(file, device=self._device)
        ends = _under("embeddings.", weights)
        # Mapped by itself: the layers copy theirs, and a view of `weights` would keep those too.
        self._words = load_file(file, device=self._device)["embeddings.word_embeddings.weight"]
        self._places = ends["position_embeddings.weight"] + ends["token_type_embeddings.weight"][0]
        self._norm = _Norm(ends, "LayerNorm")
        self._layers = [_Layer(_under(f"encoder.layer.{n}.", weights)) for n in range(LAYERS)]

    @property
    def dimension(self) -> int:
        """How many numbers a row has."""
        return self._words.shape[1]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The mean of each text's last states, beside that of its middle ones, shape (n, 2 d)."""
        import torch

        tokens = self._ends(texts)
        rows = np.empty((len(tokens), 2 * self.dimension), dtype=np.float32)
        with torch.inference_mode():
            for batch in _batches([len(each) for each in tokens]):
                rows[batch] = self._forward([tokens[at] for at in batch]).cpu().numpy()
        return rows

    def _ends(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text that are read, those that mark its two ends among them."""
        head, tail = (size * CHARACTERS_PER_TOKEN for size in (HEAD_TOKENS, TAIL_TOKENS))
        short = [
            text if len(text) <= head + tail else f"{text[:head]}\n{text[-tail:]}" for text in texts
        ]
        read = [encoding.ids for encoding in self._tokenizer.encode_batch(short)]
        return [
            tokens
            if len(tokens) <= HEAD_TOKENS + TAIL_TOKENS
            else [*tokens[:HEAD_TOKENS], *tokens[-TAIL_TOKENS:]]
            for tokens in read
        ]

    def _forward(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Mean states of texts of n tokens and fewer, the last and the middle ones, (b, 2 d)."""
        import torch

        longest = max(map(len, tokens))
        padded = [[*each, *[0] * (longest - len(each))] for each in tokens]
        lengths = torch.tensor([[len(each)] for each in tokens], device=self._device)
        ids = torch.tensor(padded, device=self._device)
        there = torch.arange(longest, device=self._device) < lengths  # (b, n)
        mask = None if bool(there.all()) else there[:, None, None, :]
        states = self._norm(self._words[ids] + self._places[:longest])
        for layer in self._layers[:MIDDLE_LAYER]:
            states = layer(states, mask)
        middle = states
        for layer in self._layers[MIDDLE_LAYER:]:
            states = layer(states, mask)
        both = torch.cat([states, middle], dim=2) * there[..., None]
        return both.sum(1) / lengths


class _Layer:
    """Attention, then two dense layers; what goes in is added to what comes out, and normed."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        parts = (f"attention.self.{part}" for part in ("query", "key", "value"))
        self._parts = _linear(weights, *parts)
        self._attended = _linear(weights, "attention.output.dense")
        self._attended_norm = _Norm(weights, "attention.output.LayerNorm")
        self._wide = _linear(weights, "intermediate.dense")
        self._narrow = _linear(weights, "output.dense")
        self._norm = _Norm(weights, "output.LayerNorm")

    def __call__(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """From (b, n, d) to (b, n, d); `mask` is (b, 1, 1, n), true where there is text."""
        from torch.nn.functional import gelu, scaled_dot_product_attention

        query, key, value = self._parts(states).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        heads = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        attended = self._attended(heads.transpose(1, 2).flatten(2))
        states = self._attended_norm(states + attended)
        return self._norm(states + self._narrow(gelu(self._wide(states))))


class _Norm:
    def __init__(self, weights: Mapping[str, Tensor], name: str) -> None:
        self._weight, self._bias = (weights[f"{name}.{kind}"].clone() for kind in KINDS)

    def __call__(self, states: Tensor) -> Tensor:
        from torch.nn.functional import layer_norm

        return layer_norm(states, states.shape[-1:], self._weight, self._bias, NORM_EPSILON)


def _linear(weights: Mapping[str, Tensor], *names: str) -> Module:
    """The dense layers of these names side by side."""
    import torch

    weight, bias = (torch.cat([weights[f"{name}.{kind}"] for name in names]) for kind in KINDS)
    linear = torch.nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    linear.load_state_dict({"weight": weight, "bias": bias}, assign=True)
    return _packed(linear.eval()) if weight.device.type == "cpu" else linear


def _packed(linear: Module) -> Module:
    """The layer in oneDNN's layout, where there is one: up to twice as fast as torch's own."""
    import torch

    if not torch.backends.mkldnn.is_available():
        return linear
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of torch.jit
        from torch.utils import mkldnn

    with torch.no_grad():  # a graph would keep the layer that is replaced
        packed: Module = mkldnn.to_mkldnn(linear)
    return packed


def _under(prefix: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: w for name, w in weights.items() if name.startswith(prefix)}


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """The places of texts, the shortest first, those of about one length together."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    start = 0
    while start < len(order):
        longest = lengths[order[start]] * PADDED
        end = bisect_right(order, longest, start, key=lengths.__getitem__)
        batch = order[start : min(end, start + BATCH_SIZE)]
        start += len(batch)
        yield batch
