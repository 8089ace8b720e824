"""Context and continuation as tokens, by the rules that lm-eval 0.4.13 follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

UNKNOWN_LENGTH = 2048  # lm-eval's default where neither config nor tokenizer names a length
UNSET_LENGTH = int(1e30)  # what transformers puts into `model_max_length` for "not set"


class Pair(NamedTuple):
    """What is measured: log p(continuation | context). The context ends in no white space."""

    context: str
    continuation: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A context and its continuation in tokens.

    Attributes:
        tokens: shape (length,).
        scored: how many tokens at the end are the continuation.
        cut: how many tokens were dropped on the left to fit the model.
    """

    tokens: NDArray[np.int64]
    scored: int
    cut: int = 0


class Encoder:
    """Turns pairs into Passages with one tokenizer.

    Attributes:
        limit: the longest input, in tokens; the last token of a passage is never an input.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, limit: int) -> None:
        self.tokenizer = tokenizer
        self.limit = limit

    def encode(self, pairs: Sequence[Pair]) -> list[Passage]:
        """The Passage of each pair: both texts encoded together, cut where the context's code ends.

        Beginning-of-sequence tokens are the tokenizer's own habit; an empty context becomes one
        such token.

        Raises:
            ValueError: a continuation that is no token at all.
        """
        whole = [pair.context + pair.continuation for pair in pairs]
        ids = self._ids({*whole, *(pair.context for pair in pairs if pair.context)})
        return [self._passage(pair, ids) for pair in pairs]

    def _passage(self, pair: Pair, ids: dict[str, list[int]]) -> Passage:
        start = self._first_token()
        if pair.context:
            # Not whole[:n] + whole[n:]: the two differ where a token straddles the border.
            context = ids[pair.context]
            continuation = ids[pair.context + pair.continuation][len(context) :]
        else:
            continuation = self.tokenizer.encode(pair.continuation, add_special_tokens=False)
            context = [] if start is None or continuation[:1] == [start] else [start]
            if not context:
                context, continuation = continuation[:1], continuation[1:]
        if not continuation:
            raise ValueError(f"continuation {pair.continuation!r} adds no token to its context")
        if len(continuation) > self.limit:
            raise ValueError(f"continuation of {len(continuation)} tokens; at most {self.limit}")
        tokens = np.asarray(context + continuation, dtype=np.int64)
        cut = max(0, len(tokens) - self.limit - 1)
        return Passage(tokens[cut:], len(continuation), cut)

    def _ids(self, texts: Iterable[str]) -> dict[str, list[int]]:
        """The code of each text; one that spells out its own first token gets no second one."""
        start = self._first_token()
        spelled = self.tokenizer.decode([start]) if start is not None else "\0"
        found: dict[str, list[int]] = {}
        for special in (True, False):
            group = [text for text in texts if text.startswith(spelled) is not special]
            if group:
                options = {} if special else {"add_special_tokens": False}
                coded = self.tokenizer(group, verbose=False, **options)["input_ids"]
                found.update(zip(group, coded, strict=True))
        return found

    def _first_token(self) -> int | None:
        """Beginning of sequence, or for want of it its end, or None."""
        bos: int | None = self.tokenizer.bos_token_id
        eos: int | None = self.tokenizer.eos_token_id
        return eos if bos is None else bos


def longest_input(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
    """How many tokens the model can read at once, as config or tokenizer say."""
    config = getattr(config, "text_config", None) or config
    for name in ("n_positions", "max_position_embeddings", "n_ctx"):
        if (length := getattr(config, name, None)) is not None:
            return int(length)
    length = int(getattr(tokenizer, "model_max_length", UNSET_LENGTH))
    return length if length < UNSET_LENGTH else UNKNOWN_LENGTH


def symbol_tokens(tokenizer: PreTrainedTokenizerBase, symbols: Sequence[str]) -> tuple[int, ...]:
    """How many tokens each symbol takes after "Answer:"."""
    pairs = [Pair("Answer:", f" {symbol}") for symbol in symbols]
    return tuple(passage.scored for passage in Encoder(tokenizer, UNKNOWN_LENGTH).encode(pairs))


def single_token_symbols(tokenizer: PreTrainedTokenizerBase, count: int) -> tuple[str, ...]:
    """The first `count` candidates that are one token each, all different, to this tokenizer.

    Raises:
        ValueError: it has fewer.
    """
    symbols = [s for s in CANDIDATES if symbol_tokens(tokenizer, [s]) == (1,)]
    if len(symbols) < count:
        raise ValueError(f"{count} single-token symbols wanted; this tokenizer has {len(symbols)}")
    return tuple(symbols[:count])


# Neither letters nor digits come first: both carry an order of their own.
CANDIDATES = (*"$&#@%*+=~^<>|§¶†", *"QWXZVKYJ", *"0123456789")
