"""Routers that read the prompt's text with a language model of their own.

They are trained as the paper's classifiers: on battles between strong models and models of one
weaker tier, and what they learn stands for every pair of a strong and a weak model.

Source: Ong et al., RouteLLM (arXiv 2406.18665), sections 4.1 and 4.2.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.arrays import Floats
from routing.battles import Battle
from routing.checkpoints import Manifest, train_command
from routing.embeddings import Embedder
from routing.errors import DataError, RouterError
from routing.index import unique_prompts
from routing.ladder import OUTCOMES, STRONG, WEAK, Ladder
from routing.minilm import CHARACTERS_PER_TOKEN
from routing.routers import SAMPLE_SIZE
from routing.routers.reader import Reader, batches, pad, tokens_at_once
from routing.routers.trained import Names, TrainedRouter
from routing.training import Progress, Rows, Schedule, seeded, split_by_prompt, train

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SAMPLE = "sample.json"
TURNED = {OUTCOMES["a"]: OUTCOMES["b"], OUTCOMES["b"]: OUTCOMES["a"]}
# What transformers raises for a model that is not there, not a model, or of another kind.
LOADING_ERRORS = (OSError, ValueError, RuntimeError, KeyError, ImportError)


class Sides(NamedTuple):
    """Battles between strong and weak models: prompts, and outcomes as the strong one sees them.

    `scores` are a judge's grades of the weak reply; None where none was given.
    """

    names: Names
    prompts: list[str]
    outcomes: list[int]
    scores: list[int | None]


class TextRouter(TrainedRouter):
    """A router that reads text.

    Args:
        base: "minilm", a transformers id, or a folder: what the training starts from.
        tokens: a prompt is read up to so many.
        dtype: "float32", "bfloat16", ...; None for what suits the device.

    The others are those of `TrainedRouter`. The pair given here says which battles are learnt from:
    those of its strong model's side against its weak model's tier.
    """

    # The class of each outcome, as OUTCOMES numbers them: strong won, weak won, tie.
    targets: ClassVar[tuple[int, int, int]]
    # The first so many classes say that the strong reply is preferred.
    strong_classes: ClassVar[int]
    default_base: ClassVar[str]
    default_tokens: ClassVar[int]
    sample_size: int = SAMPLE_SIZE

    def __init__(  # noqa: PLR0913 the settings of an estimator, as in scikit-learn
        self,
        embedder: Embedder,
        strong: str = STRONG,
        weak: str = WEAK,
        *,
        base: str | None = None,
        tokens: int | None = None,
        schedule: Schedule | None = None,
        device: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(embedder, strong, weak, schedule=schedule, device=device)
        self.base = base or self.default_base
        self.tokens = tokens or self.default_tokens
        self.dtype = dtype

    def win_probability(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """Chance that the strong model's reply is preferred, for each prompt, shape (n,).

        Raises:
            RouterError: the router is not fitted.
        """
        self._check_fitted()
        return self._seen(self._read_all(prompts))

    def sample(self) -> NDArray[np.float64]:
        """Win probabilities of prompts of the battles, those held out of the training first.

        They were computed once, after the training.
        """
        self._check_fitted()
        return self._seen(self._sample)

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """Models of the pair that are of another side than their seat, or of none."""
        self._check_fitted()
        strong, weak = self._sides()
        return tuple(
            name for name, side in ((self.strong, strong), (self.weak, weak)) if name not in side
        )

    @abstractmethod
    def _start(self) -> Reader:
        """The base model with a fresh head. May raise any of LOADING_ERRORS."""

    @abstractmethod
    def _resume(self, folder: Path) -> Reader:
        """The trained model of a checkpoint. May raise any of LOADING_ERRORS."""

    def _target(self, outcome: int, score: int | None) -> int:
        """The class to learn for a battle; `score` is the judge's grade, where there is one."""
        return self.targets[outcome]

    def _is_turned(self) -> bool:
        """Whether the pair's strong model is of the weak side, and its weak model of the strong."""
        manifest = self.manifest_
        return self.strong in manifest.weak and self.weak in manifest.strong

    def _sides(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        sides = self.manifest_.strong, self.manifest_.weak
        return sides[::-1] if self._is_turned() else sides

    def _seen(self, chances: NDArray[np.float64]) -> NDArray[np.float64]:
        """The chances as the pair sees them."""
        return 1 - chances if self._is_turned() else chances

    def _of_pair(self, battle: Battle) -> bool:
        strong, weak = self._sides()
        a, b = battle.model_a, battle.model_b
        return (a in strong and b in weak) or (b in strong and a in weak)

    def _chance(self, prompt: str, query: Floats) -> float:
        return float(self.win_probability([prompt])[0])

    def _read_all(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """Chances for each prompt; those of like length are read together."""
        import torch

        tokens = [self._encode(prompt) for prompt in prompts]
        chances = np.empty(len(tokens), dtype=np.float64)
        self._reader.module.eval()
        with torch.inference_mode():
            for batch in batches(tokens, tokens_at_once(self._reader)):
                logits = self._reader.module(*pad(self._reader, [tokens[row] for row in batch]))
                shares = logits.double().softmax(dim=-1)  # (B, classes)
                chances[batch] = shares[:, : self.strong_classes].sum(dim=-1).cpu().numpy()
        return np.clip(chances, 0.0, 1.0)

    def _encode(self, prompt: str) -> list[int]:
        # Half an emoji has no bytes that a tokenizer could read.
        head = prompt[: self.tokens * CHARACTERS_PER_TOKEN].encode("utf-16", "surrogatepass")
        return self._reader.encode(head.decode("utf-16", "replace"))

    def _train(
        self, battles: Sequence[Battle], vectors: Floats | None, state: Path | None
    ) -> Generator[Progress, None, Manifest]:
        sides = sides_of(battles, self.strong, self.weak)
        split = split_by_prompt(sides.prompts, self.schedule.seed)
        with seeded(self.schedule.seed):
            self._reader = self._from_base()
        tokens = [self._encode(prompt) for prompt in sides.prompts]
        targets = list(map(self._target, sides.outcomes, sides.scores))
        learner = _Learner(self._reader, tokens, targets)
        outcome = yield from train(learner, split, self.schedule, state)
        self._reader.settle()
        seen = [sides.prompts[row] for row in (*split.held_out, *split.train)]
        prompts = list(dict.fromkeys((*seen, *unique_prompts(battles))))
        self._sample = self._read_all(prompts[: self.sample_size])
        return self._record(battles, sides.names, split, outcome)

    def _from_base(self) -> Reader:
        try:
            return self._start()
        except LOADING_ERRORS as error:
            raise RouterError(
                f"the base model {self.base!r} of the {self.name} router cannot be loaded",
                hint=f"{train_command(self.name)} --base FOLDER, or a model's id on the hub.",
                detail=str(error),
            ) from error

    def _read(self, folder: Path, manifest: Manifest) -> None:
        self.base = manifest.base
        try:
            self._reader = self._resume(folder)
            self._sample = np.array(json.loads((folder / SAMPLE).read_bytes()), dtype=np.float64)
        except LOADING_ERRORS as error:
            raise DataError(
                f"{folder}: the weights do not load as a {self.name} router",
                hint=f"Train it again: {train_command(self.name)}",
                detail=str(error),
            ) from error

    def _write(self, folder: Path) -> None:
        self._reader.save(folder)
        (folder / SAMPLE).write_text(json.dumps(self._sample.tolist()))

    def _origin(self) -> str:
        return f"{self.base}\n{self.tokens}\n{self.dtype}\n{self.strong}\n{self.weak}"


class _Learner:
    """Tokens of every example and the class that each is of."""

    def __init__(self, reader: Reader, tokens: Sequence[list[int]], targets: Sequence[int]) -> None:
        import torch

        self.reader = reader
        self.module = reader.module
        self.tokens = tokens
        self.targets = torch.tensor(targets)
        self.most = tokens_at_once(reader)

    def optimizer(self, schedule: Schedule) -> torch.optim.Optimizer:
        import torch

        trained = [weight for weight in self.module.parameters() if weight.requires_grad]
        return torch.optim.AdamW(
            trained, schedule.learning_rate, weight_decay=schedule.weight_decay
        )

    def loss(self, rows: Rows) -> Tensor:
        import torch

        tokens = [self.tokens[row] for row in rows]
        parts = [self._total_loss(rows[part]) for part in batches(tokens, self.most)]
        return torch.stack(parts).sum() / len(rows)

    def _total_loss(self, rows: Rows) -> Tensor:
        from torch.nn import functional

        tokens, mask = pad(self.reader, [self.tokens[row] for row in rows])
        logits = self.module(tokens, mask)  # (B, classes)
        targets = self.targets[rows.tolist()].to(logits.device)  # (B,)
        return functional.cross_entropy(logits.float(), targets, reduction="sum")


def sides_of(battles: Sequence[Battle], strong: str, weak: str) -> Sides:
    """The battles between the strong side and the weak tier, seen from the strong side.

    The strong side are all tiers above that of the pair's weak model, as the paper pools its two
    best; the weak side is that tier alone.

    Raises:
        RouterError: there are none, or all of them ended alike.
    """
    ladder = Ladder.of(battles)
    seats = ladder.seats(strong, weak)
    above = {*range(seats.weak), seats.strong}
    prompts: list[str] = []
    outcomes: list[int] = []
    scores: list[int | None] = []
    for battle in battles:
        a, b = ladder.tiers_in(battle)
        outcome, score = OUTCOMES[battle.winner], battle.score
        if b in above and a == seats.weak:
            a, b, outcome, score = b, a, TURNED.get(outcome, outcome), None
        if a in above and b == seats.weak:
            prompts.append(battle.prompt)
            outcomes.append(outcome)
            scores.append(score)
    _check_two_sided(outcomes, len(battles))
    tier_of = ladder.tier_of
    names = Names(
        models=tuple(tier_of),
        strong=tuple(name for name, tier in tier_of.items() if tier in above),
        weak=tuple(name for name, tier in tier_of.items() if tier == seats.weak),
    )
    return Sides(names, prompts, outcomes, scores)


def _check_two_sided(outcomes: Sequence[int], battles: int) -> None:
    found = Counter(outcomes)
    if len(found) < 2:
        words = {0: "the strong side wins all", 1: "the weak side wins all", 2: "all are ties"}
        ending = words[next(iter(found))] if found else "there is none"
        raise RouterError(
            f"one-sided: of {battles:,} battles {len(outcomes):,} are between a strong model and "
            f"one of the weak tier; {ending}",
            hint="Add battles that end otherwise: they say when a weak model does.",
        )
