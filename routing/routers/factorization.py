"""Matrix factorization: a vector for each model, multiplied into the prompt's.

logit(a beats b) = w . ((a / |a| - b / |b|) * (W q))

Source: Ong et al., RouteLLM (arXiv 2406.18665), section 4.2.2, and routellm 0.2.0, where no bias
follows W.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from routing.arrays import Floats
from routing.battles import MINE, Battle
from routing.checkpoints import Manifest
from routing.embeddings import Embedder
from routing.errors import DataError, RouterError
from routing.index import unique_prompts
from routing.ladder import A_WINS, OUTCOMES, STRONG, WEAK, Ladder
from routing.routers import SAMPLE_SIZE
from routing.routers.trained import Names, TrainedRouter, check_finite
from routing.training import (
    Progress,
    Rows,
    Schedule,
    chosen_device,
    seeded,
    split_by_prompt,
    train,
)

Ties = Literal["skip", "half"]

LATENT = 128
TIED = 0.5
NOISE, NOISE_DIMENSION = 0.1, 1536  # per element, of the reference's embeddings
WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class FactorizationSizes:
    """How many models, how long a prompt's vector, how long a model's."""

    models: int
    text: int
    latent: int = LATENT


class Factorization(nn.Module):
    """Log-odds that one model's reply is preferred to another's."""

    def __init__(self, sizes: FactorizationSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.models = nn.Embedding(sizes.models, sizes.latent)
        self.project = nn.Linear(sizes.text, sizes.latent, bias=False)
        self.weigh = nn.Linear(sizes.latent, 1, bias=False)

    def forward(self, queries: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Log-odds that `first` beats `second`, (B,), from queries (B, text) and models (B,)."""
        lead = self._unit(first) - self._unit(second)  # (B, latent)
        read = self.project(queries)  # (B, latent)
        logits: Tensor = self.weigh(lead * read).squeeze(1)  # (B, 1) -> (B,)
        return logits

    def direction(self, first: int, second: int) -> NDArray[np.float64]:
        """The u of one pair, (text,): its log-odds are u . q, and nothing else need be computed."""
        with torch.inference_mode():
            lead = self._unit(torch.tensor(first)) - self._unit(torch.tensor(second))  # (latent,)
            collapsed = (self.weigh.weight[0] * lead) @ self.project.weight  # (latent,) -> (text,)
        return collapsed.double().numpy()

    def _unit(self, model: Tensor) -> Tensor:
        return F.normalize(self.models(model), dim=-1)


class Seats(NamedTuple):
    """Whose vectors speak for the pair, and which of the pair are only stood in for."""

    strong: str
    weak: str
    stand_ins: tuple[str, ...]


class Example(NamedTuple):
    """A battle as it is learnt: places of two models, how much the first won, the prompt."""

    first: int
    second: int
    outcome: float
    prompt: str


class FactorizationRouter(TrainedRouter):
    """Learns a vector for each model, so that it ranks all that its battles name.

    Args:
        ties: "skip" leaves them out, as the paper; "half" learns that neither was preferred.
        latent: length of a model's vector.

    The others are those of `TrainedRouter`.
    """

    name = "factorization"
    default_schedule = Schedule(
        batch_size=64, learning_rate=3e-4, weight_decay=1e-5, epochs=100, patience=10
    )
    reads_vectors = True

    def __init__(  # noqa: PLR0913 the settings of an estimator, as in scikit-learn
        self,
        embedder: Embedder,
        strong: str = STRONG,
        weak: str = WEAK,
        *,
        ties: Ties = "half",
        latent: int = LATENT,
        schedule: Schedule | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__(embedder, strong, weak, schedule=schedule, device=device)
        self.ties: Ties = ties
        self.latent = latent

    def win_probability(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """Chance that the strong model's reply is preferred, for each prompt, shape (n,).

        Raises:
            EmbeddingError: the embedder refused.
            RouterError: the router is not fitted.
        """
        self._check_fitted()
        return self.win_probability_from(self.embedder.embed(prompts))

    def win_probability_from(self, queries: Floats) -> NDArray[np.float64]:
        """The same from unit rows, (n, d) -> (n,).

        Raises:
            ValueError: the rows have another length than those that it was trained on.
        """
        self._check_fitted()
        direction = self._direction()
        if queries.shape[1:] != direction.shape:
            raise ValueError(f"expected rows of {len(direction)} numbers, not {queries.shape}")
        logits = queries @ direction.astype(np.float32)
        chance: NDArray[np.float64] = 1 / (1 + np.exp(-logits.astype(np.float64)))
        return chance

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """Models of the pair that the table does not hold; others stand in for them."""
        self._check_fitted()
        return self._seats().stand_ins

    def sample(self) -> NDArray[np.float64]:
        """Win probabilities of the battles' own prompts for this pair, of 1,000 at most."""
        self._check_fitted()
        rows = self.index_.some_rows(SAMPLE_SIZE)
        return self.win_probability_from(self.index_.vectors_of(rows))

    def _chance(self, prompt: str, query: Floats) -> float:
        return float(self.win_probability_from(query)[0])

    def _direction(self) -> NDArray[np.float64]:
        """The pair's u, kept for the next prompt."""
        pair = self._seats()[:2]
        if pair not in self._directions:
            places = [self._place[name] for name in pair]
            self._directions[pair] = self._module.direction(*places)
        return self._directions[pair]

    def _seats(self) -> Seats:
        table, manifest, pair = self._place, self.manifest_, (self.strong, self.weak)
        strong = self.strong if self.strong in table else manifest.strong[0]
        weak = self.weak if self.weak in table else manifest.weak[0]
        if strong == weak:  # one vector stands for both
            return Seats(manifest.strong[0], manifest.weak[0], pair)
        return Seats(strong, weak, tuple(name for name in pair if name not in table))

    def _of_pair(self, battle: Battle) -> bool:
        return {battle.model_a, battle.model_b} <= {*self._seats()[:2], self.strong, self.weak}

    def _train(
        self, battles: Sequence[Battle], vectors: Floats | None, state: Path | None
    ) -> Generator[Progress, None, Manifest]:
        names, examples = examples_of(battles, self.ties)
        prompts = unique_prompts(battles)
        if vectors is None:
            vectors = self.embedder.embed(prompts)
            check_finite(vectors, prompts)
        split = split_by_prompt([example.prompt for example in examples], self.schedule.seed)
        row = {prompt: at for at, prompt in enumerate(prompts)}
        sizes = FactorizationSizes(len(names.models), vectors.shape[1], self.latent)
        with seeded(self.schedule.seed):
            module = Factorization(sizes)
        rows = np.array([row[example.prompt] for example in examples])
        learner = _Learner(module, examples, vectors, rows, chosen_device(self.device))
        outcome = yield from train(learner, split, self.schedule, state)
        self._take(module.cpu(), names.models)
        return self._record(battles, names, split, outcome)

    def _take(self, module: Factorization, models: Sequence[str]) -> None:
        self._module = module.eval()
        self._place = {name: place for place, name in enumerate(models)}
        self._directions: dict[tuple[str, str], NDArray[np.float64]] = {}

    def _read(self, folder: Path, manifest: Manifest) -> None:
        from safetensors.torch import load_file

        path = folder / WEIGHTS
        weights = load_file(path)
        (models, latent), text = weights["models.weight"].shape, weights["project.weight"].shape[1]
        if models != len(manifest.models):
            raise DataError(
                f"{path}: a table of {models} models; the manifest names {len(manifest.models)}",
                hint="The two are not of one training: train it again.",
            )
        module = Factorization(FactorizationSizes(models, text, latent))
        module.load_state_dict(weights)
        self._take(module, manifest.models)

    def _write(self, folder: Path) -> None:
        from safetensors.torch import save_file

        save_file(self._module.state_dict(), folder / WEIGHTS)

    def _origin(self) -> str:
        return f"{self.embedder.name}\n{self.ties}\n{self.latent}"


class _Learner:
    """Examples and the prompts' vectors, all on the device."""

    def __init__(
        self,
        module: Factorization,
        examples: Sequence[Example],
        vectors: Floats,
        rows: Rows,
        device: str,
    ) -> None:
        self.module: nn.Module = module.to(device)
        self.vectors = torch.tensor(vectors, dtype=torch.float32, device=device)
        self.rows = torch.tensor(rows, device=device)
        self.first = torch.tensor([example.first for example in examples], device=device)
        self.second = torch.tensor([example.second for example in examples], device=device)
        self.outcome = torch.tensor([example.outcome for example in examples], device=device)
        self.noise = NOISE * (NOISE_DIMENSION / vectors.shape[1]) ** 0.5

    def optimizer(self, schedule: Schedule) -> torch.optim.Optimizer:
        return torch.optim.Adam(
            self.module.parameters(), schedule.learning_rate, weight_decay=schedule.weight_decay
        )

    def loss(self, rows: Rows) -> Tensor:
        at = torch.from_numpy(rows).to(self.rows.device)
        queries = self.vectors[self.rows[at]]  # (B, text)
        if self.module.training:
            queries = queries + torch.randn_like(queries) * self.noise
        logits = self.module(queries, self.first[at], self.second[at])  # (B,)
        return F.binary_cross_entropy_with_logits(logits, self.outcome[at])


def examples_of(battles: Sequence[Battle], ties: Ties) -> tuple[Names, list[Example]]:
    """The battles that can be learnt from, and the models that they name.

    The user's own battles are too few for vectors of their own: a model that no other battle
    names is learnt as the one that stands in for it.

    Raises:
        RouterError: no battle is left, or every model always wins or always loses.
    """
    ladder = Ladder.of(battles)
    kept = [battle for battle in battles if ties == "half" or battle.winner != "tie"]
    strong, weak = stand_ins_of(ladder, kept)
    named = [
        (_name(battle.model_a, battle, ladder, strong), _name(battle.model_b, battle, ladder, weak))
        for battle in kept
    ]
    models = tuple(dict.fromkeys(name for pair in named for name in pair))
    place = {name: at for at, name in enumerate(models)}
    examples = [
        Example(place[a], place[b], float(A_WINS[OUTCOMES[battle.winner]]), battle.prompt)
        for (a, b), battle in zip(named, kept, strict=True)
        if a != b
    ]
    _check_two_sided(examples, battles)
    return Names(models, (strong,), (weak,)), examples


def stand_ins_of(ladder: Ladder, battles: Sequence[Battle]) -> tuple[str, str]:
    """Who stands in for a strong and for a weak model that no battle names.

    "strong" and "weak" of the starter battles where they are there; else of the tiers in which
    unknown models sit the one with the most battles.
    """
    fought = Counter(name for battle in battles for name in (battle.model_a, battle.model_b))

    def sitting(tier: int, other: str = "") -> str:
        names = [name for name in fought if name != other]
        return max(
            names, key=lambda name: (ladder.tier_of.get(name) == tier, fought[name]), default=""
        )

    strong = STRONG if STRONG in fought else sitting(ladder.strong)
    return strong, WEAK if WEAK in fought else sitting(ladder.weak, strong)


def _name(model: str, battle: Battle, ladder: Ladder, stand_in: str) -> str:
    own = battle.source == MINE and model not in ladder.tier_of
    return stand_in if own else model


def _check_two_sided(examples: Sequence[Example], battles: Sequence[Battle]) -> None:
    if examples and all(example.outcome == TIED for example in examples):
        raise RouterError(
            f"one-sided: all {len(examples):,} battles that can be learnt from are ties",
            hint="Add battles that one side wins: they say when a strong model is worth it.",
        )
    won = Counter[int]()
    lost = Counter[int]()
    for example in examples:
        won[example.first] += example.outcome > 0
        won[example.second] += example.outcome < 1
        lost[example.first] += example.outcome < 1
        lost[example.second] += example.outcome > 0
    if not any(won[model] and lost[model] for model in won):
        raise RouterError(
            f"one-sided: in {len(examples):,} of {len(battles):,} battles that can be learnt from "
            "every model always wins or always loses",
            hint="Add battles that the other side wins, or ties: they say when a weak model does.",
        )
