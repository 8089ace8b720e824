"""Exact log-likelihoods from a transformers model on this machine."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audit.errors import ModelError
from audit.prompts import Prompt, render
from audit.scorers import Identity, Score, Spent
from audit.scorers.encoding import Encoder, Pair, Passage, longest_input
from audit.scorers.onednn import lay_out
from audit.scorers.packing import PassResult, packed, plain
from audit.scorers.trie import Grown, Trie, grow

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    from audit.variants import Variant

LEAST_BUDGET = 16
# Widest mean difference, in nats a token, between packed and plain passes on sound hardware.
TOLERANCE = {"float32": 1e-4, "float64": 1e-4, "float16": 0.1, "bfloat16": 0.1}
ONE_THREAD = 5_000_000  # a model of fewer parameters only waits for its second thread
CUT = "the context was cut on the left, as the model reads only {limit} tokens"
SAMPLED = 1024  # values of each tensor that identify it
# Alike at first, then not, of different lengths: a row of them has forks, jumps and neighbours.
CHECK = (
    Pair("Question:", " The river rises in the north and reaches the sea after nine bends."),
    Pair("Question:", " The river rises in the south, where it rains."),
    Pair("Answer", ": 1, 2, 3, and then it stops, as every count does."),
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done at once.

    Attributes:
        budget: tokens in one forward pass.
        window: Variants that share one Trie.
    """

    budget: int
    window: int


# On a GPU a 7B model takes as long to be told of a short row as to run it, so rows are long.
SIZES = {"cuda": Sizes(budget=4096, window=4096), "cpu": Sizes(budget=512, window=512)}


class LocalScorer:
    """A causal language model with its tokenizer.

    Attributes:
        packed: whether passages share a row; False where the model cannot keep them apart, and
            each then goes through it by itself.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        name: str,
        sizes: Sizes | None = None,
    ) -> None:
        dtype = str(model.dtype).removeprefix("torch.")
        self._model = model.eval()
        self._encoder = Encoder(tokenizer, longest_input(model.config, tokenizer))
        self._sizes = sizes or SIZES.get(model.device.type, SIZES["cpu"])
        self._budget = self._sizes.budget
        self._read = 0
        self._threads = 1 if model.num_parameters() < ONE_THREAD else sys.maxsize
        self._longest_packed = longest_packed(model.config)
        self.identity = Identity(name, revision=_digest(model, tokenizer), dtype=dtype)
        self.packed = self._longest_packed > 0 and _keeps_apart(
            model, self._encoder.encode(CHECK), TOLERANCE[dtype]
        )

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's tokenizer."""
        return self._encoder.tokenizer

    @property
    def spent(self) -> Spent:
        """Tokens that the model has read; they cost nothing."""
        return Spent(tokens=self._read)

    def score(self, variants: Sequence[Variant]) -> Iterator[Score]:
        """One Score for each Variant, in order; they come in bursts, as rows are done.

        Raises:
            ModelError: the model does not fit into memory, or computes what is no number.
            ValueError: an option that is no token at all after its prompt.
        """
        for start in range(0, len(variants), self._sizes.window):
            window = variants[start : start + self._sizes.window]
            yield from self._window([render(variant) for variant in window])

    def _window(self, prompts: Sequence[Prompt]) -> Iterator[Score]:
        """Scores of the prompts; where memory runs out, the rest again in smaller passes."""
        done = 0
        while done < len(prompts):
            try:
                for score in self._together(prompts[done:]):
                    done += 1
                    yield score
            except (MemoryError, RuntimeError) as error:
                if not _out_of_memory(error):
                    raise
                self._halve(error)

    def _together(self, prompts: Sequence[Prompt]) -> Iterator[Score]:
        """Scores of prompts that share one Trie, each as soon as all before it are known."""
        pairs = [_pairs(prompt) for prompt in prompts]
        passages = self._encoder.encode([pair for group in pairs for pair in group])
        bounds = np.cumsum([0, *(len(group) for group in pairs)])
        grown = grow(passages)
        nats = np.zeros(len(grown.trie.tokens))
        known = np.zeros(len(nats), dtype=np.bool_)
        done = 0
        for measured in self._run(passages, grown.trie):
            nats[measured.nodes] = measured.nats
            known[measured.nodes] = True
            while done < len(prompts):
                part = slice(bounds[done], bounds[done + 1])
                if not all(known[span].all() for span in grown.spans[part]):
                    break
                sums = [float(nats[span].sum()) for span in grown.spans[part]]
                yield self._score(prompts[done], passages[part], sums)
                done += 1

    def _run(self, passages: Sequence[Passage], trie: Trie) -> Iterator[PassResult]:
        import torch

        longest = max(len(passage.tokens) for passage in passages)
        run = packed if self.packed and longest <= self._longest_packed else plain
        threads = torch.get_num_threads()
        torch.set_num_threads(min(threads, self._threads))
        try:
            for measured in run(self._model, trie, self._budget):
                self._read += measured.read
                yield measured
        finally:
            torch.set_num_threads(threads)

    def _score(self, prompt: Prompt, passages: Sequence[Passage], sums: list[float]) -> Score:
        """The Score of a prompt from its passages: those after its context, then those after bare.

        Raises:
            ModelError: a sum is not a number.
        """
        if any(math.isnan(value) for value in sums):
            raise ModelError(
                f"{self.identity.model} computes values that are no numbers (NaN)",
                hint="Try --dtype float32; if it stays, the weights are damaged.",
            )
        count = len(prompt.continuations)
        is_cut = any(passage.cut for passage in passages)
        return Score(
            loglik=tuple(sums[:count]),
            bare=tuple(sums[count:]),
            tokens=tuple(passage.scored for passage in passages[:count]),
            warnings=(CUT.format(limit=self._encoder.limit),) if is_cut else (),
        )

    def _halve(self, error: Exception) -> None:
        """Make the passes that follow half as large.

        Raises:
            ModelError: they are as small as they get.
        """
        import torch

        if self._budget <= LEAST_BUDGET:
            raise ModelError(
                f"{self.identity.model} does not fit into the memory of {self._model.device.type}, "
                f"even at {self._budget} tokens a pass",
                hint="Take --dtype bfloat16, a smaller model or a larger machine.",
                detail=str(error),
            ) from error
        self._budget //= 2
        if self._model.device.type == "cuda":
            torch.cuda.empty_cache()


def load(source: str | Path, *, name: str = "", device: str = "", dtype: str = "") -> LocalScorer:
    """A scorer for the model in a folder or of that id on the hub.

    Reports call it by `name`, or else by its source. Defaults are the first CUDA device with
    bfloat16, or else the CPU with float32.

    Raises:
        ModelError: there is no such model, it lacks its tokenizer, or memory does not hold it.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # a library does not print
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype = dtype or ("bfloat16" if device.startswith("cuda") else "float32")
    tokenizer = _tokenizer(source)
    try:
        model = AutoModelForCausalLM.from_pretrained(source, dtype=getattr(torch, dtype)).to(device)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{source}: no causal language model can be loaded from there",
            hint="Give a folder in transformers format, or the id of one on the hub.",
            detail=str(error),
        ) from error
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        raise ModelError(
            f"{source} does not fit into the memory of {device} as {dtype}",
            hint="Take --dtype bfloat16, a smaller model or a larger machine.",
            detail=str(error),
        ) from error
    scorer = LocalScorer(model, tokenizer, name=name or str(source))
    if scorer.packed:  # others, as Mamba, may read a layer's weights past the layer
        lay_out(model)
    return scorer


def longest_packed(config: PretrainedConfig) -> int:
    """The longest passage, in tokens, that may share a row; 0 if none may.

    Beyond it the model would have dropped what lies outside its attention window, or stretched
    its positions, and a packed row shows neither.
    """
    config = getattr(config, "text_config", None) or config
    if getattr(config, "attention_types", None):  # GPT-Neo counts its window along the row
        return 0
    limits = [getattr(config, "attention_chunk_size", None)]
    if getattr(config, "use_sliding_window", True):
        limits.append(getattr(config, "sliding_window", None))
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    if rope.get("rope_type") in {"dynamic", "longrope"}:
        limits.append(rope.get("original_max_position_embeddings"))
        limits.append(getattr(config, "original_max_position_embeddings", None))
        limits.append(config.max_position_embeddings)
    return min((limit for limit in limits if limit), default=sys.maxsize)


def _tokenizer(source: str | Path) -> PreTrainedTokenizerBase:
    """The model's tokenizer.

    Raises:
        ModelError: there is none, or no such model.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError, KeyError) as error:
        if Path(source, "config.json").exists():
            message = f"{source}: the model folder holds no tokenizer"
            hint = "Copy tokenizer.json and tokenizer_config.json there from the original model."
        elif Path(source).is_dir():
            message = f"{source}: the folder holds no model, for it has no config.json"
            hint = "Give a folder in transformers format, or the id of a model on the hub."
        else:
            message = f"{source}: no such model folder, and no such model on the hub"
            hint = "Check the name; without a network only folders and cached models can be used."
        raise ModelError(message, hint=hint, detail=str(error)) from error


def _pairs(prompt: Prompt) -> list[Pair]:
    contexts = [prompt.context, prompt.bare] if prompt.bare else [prompt.context]
    return [Pair(context, answer) for context in contexts for answer in prompt.continuations]


def _keeps_apart(model: PreTrainedModel, passages: Sequence[Passage], tolerance: float) -> bool:
    """Whether packed rows give the three passages what plain passes give them."""
    grown = grow(passages)
    try:
        # Once with each beginning cached and few tokens to a row, once with all in one row.
        apart = [_nats(packed(model, grown.trie, size), grown) for size in (LEAST_BUDGET, 4096)]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RuntimeError) as error:
        if _out_of_memory(error):
            raise
        return False
    together = _nats(plain(model, grown.trie, LEAST_BUDGET), grown)
    return bool(np.abs(apart - together).mean(axis=1).max() <= tolerance)


def _nats(run: Iterator[PassResult], grown: Grown) -> NDArray[np.float64]:
    """Nats of all scored tokens, passage by passage."""
    nats = np.zeros(len(grown.trie.tokens))
    for measured in run:
        nats[measured.nodes] = measured.nats
    return nats[np.concatenate(grown.spans)]


def _out_of_memory(error: Exception) -> bool:
    """Whether the device or the machine ran out of memory; on a CPU torch only says so in words."""
    import torch

    said = "can't allocate memory" in str(error) or "not enough memory" in str(error)
    return said or isinstance(error, (MemoryError, torch.OutOfMemoryError))


def _digest(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str:
    """A short code of the weights and the vocabulary: other weights, other code.

    Every tensor is sampled, since reading all of a large model takes longer than scoring it.
    """
    digest = hashlib.sha256(json.dumps(tokenizer.get_vocab(), sort_keys=True).encode())
    for name, tensor in model.state_dict().items():
        values = tensor.detach().flatten()
        sample = values[:: max(1, len(values) // SAMPLED)].float().cpu().numpy()
        digest.update(f"{name}{tuple(tensor.shape)}".encode() + sample.tobytes())
    return digest.hexdigest()[:16]
