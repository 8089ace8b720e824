"""One training run: steps, evaluations on held-out examples, and a state on disk to resume from.

A run that was interrupted and resumed gives the same result as one in one piece: order and noise
of each step are drawn from the seed and the step's number alone.
"""

from __future__ import annotations

import io
import math
import pickle
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from routing.errors import DataError, RouterError
from routing.files import replace_file

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

Rows = NDArray[np.int64]

HELD_OUT = 0.1
SAVE_SECONDS = 60.0
DIVERGED = 1e6  # nats: a guess costs some tens, however wrong it is
CHECK_BATCH = 4  # times the batch: without gradients there is room for more


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast a router learns.

    Attributes:
        epochs: passes over the examples at most; `steps`, where given, overrules it.
        check_every: steps between two looks at the held-out loss; 0 for once a pass.
        patience: looks without a better held-out loss, after which it stops early.
        decay: let the learning rate fall to 0 in a straight line.
    """

    batch_size: int
    learning_rate: float
    weight_decay: float
    epochs: float = 0.0
    steps: int = 0
    check_every: int = 0
    patience: int = 10
    decay: bool = False
    seed: int = 0

    def total(self, examples: int) -> int:
        """The number of steps for that many examples.

        Raises:
            ValueError: it is none.
        """
        total = self.steps or math.ceil(self.epochs * self.pass_over(examples))
        if total < 1 or self.batch_size < 1:
            raise ValueError(f"a training takes a step at least, not {total} of {self.batch_size}")
        return total

    def pass_over(self, examples: int) -> int:
        """Steps of one pass over that many examples."""
        return math.ceil(examples / self.batch_size)


class Split(NamedTuple):
    """The examples that are learnt from and those that only judge, by number."""

    train: Rows
    held_out: Rows


class Learner(Protocol):
    """What is trained, and the loss of its examples."""

    module: nn.Module

    def optimizer(self, schedule: Schedule) -> Optimizer:
        """A fresh optimizer of the module's parameters."""

    def loss(self, rows: Rows) -> Tensor:
        """Mean loss over these examples in nats, a scalar; noisy while the module trains."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is.

    Attributes:
        loss: mean loss over the steps since the last look at the held-out examples, nats.
        held_out_loss: at the last look, nats; `best_loss`: the lowest so far. NaN before the first.
        seconds_left: as long as the steps go on like those before, None for the first.
        is_early_end: this was the last step, before the steps were done.
    """

    step: int
    steps: int
    loss: float
    held_out_loss: float
    best_loss: float
    seconds_left: float | None
    is_early_end: bool = False

    @property
    def is_last(self) -> bool:
        """Whether no step follows."""
        return self.is_early_end or self.step == self.steps


class Outcome(NamedTuple):
    """The result of a training: the best step, its held-out loss in nats, and the last step."""

    best_step: int
    held_out_loss: float
    steps: int


Steps = Generator[Progress, None, Outcome]


def split_by_prompt(prompts: Sequence[str], seed: int, share: float = HELD_OUT) -> Split:
    """The examples in two, so that no prompt is on both sides. `prompts`: that of each example.

    Raises:
        RouterError: there are fewer than two prompts.
    """
    number = {prompt: at for at, prompt in enumerate(dict.fromkeys(prompts))}
    if len(number) < 2:
        raise RouterError(
            f"the battles hold {len(number)} prompts that can be learnt from; expected 2 at least",
            hint="Import more battles: one to learn from, one to judge by.",
        )
    order = np.random.default_rng(seed).permutation(len(number))
    held_out = set(order[: max(1, round(share * len(number)))].tolist())
    judges = np.array([number[prompt] in held_out for prompt in prompts], dtype=bool)
    return Split(np.flatnonzero(~judges), np.flatnonzero(judges))


def train(learner: Learner, split: Split, schedule: Schedule, state: Path | None = None) -> Steps:
    """Train the module step by step and leave it at its lowest held-out loss.

    `state` keeps the run: it is written once a minute and when the generator is closed, and a run
    resumes from it if it is there. It is not removed at the end.

    Raises:
        RouterError: the loss is no longer a number, or the state is damaged.
        DataError: the state cannot be written.
    """
    run = _Run(learner, split, schedule)
    if state is not None and state.exists():
        run.restore(state)
    first, began, saved = run.step, time.monotonic(), time.monotonic()
    try:
        while not run.is_over:
            run.advance()
            now = time.monotonic()
            if state is not None and now - saved > SAVE_SECONDS:
                run.save(state)
                saved = now
            done = run.step - first
            left = (now - began) / done * (run.total - run.step) if done > 1 else None
            yield run.progress(left)
    except GeneratorExit:
        if state is not None:
            run.save(state)
        raise
    run.take_best()
    return Outcome(run.best_step, run.best_loss, run.step)


class _Run:
    """A training between two of its steps."""

    def __init__(self, learner: Learner, split: Split, schedule: Schedule) -> None:
        self.learner, self.split, self.schedule = learner, split, schedule
        self.total = schedule.total(len(split.train))
        self.check_every = schedule.check_every or schedule.pass_over(len(split.train))
        self.optimizer = learner.optimizer(schedule)
        self.step = self.best_step = self.looks_since_best = 0
        self.held_out_loss = math.nan
        self.best_loss = math.inf
        self.best = self._weights()
        self._losses: list[float] = []
        self._pass = -1
        self._order: Rows

    @property
    def is_over(self) -> bool:
        """Whether every step is done, or the held-out loss has not fallen for long."""
        return self.step >= self.total or self.looks_since_best >= self.schedule.patience

    def progress(self, seconds_left: float | None) -> Progress:
        """How far it is."""
        best = self.best_loss if math.isfinite(self.best_loss) else math.nan
        recent = float(np.mean(self._losses)) if self._losses else math.nan
        early = self.is_over and self.step < self.total
        return Progress(
            self.step, self.total, recent, self.held_out_loss, best, seconds_left, early
        )

    def advance(self) -> None:
        """One step, and a look at the held-out examples where it is time."""
        if self.step % self.check_every == 0:
            self._losses.clear()
        rows = self._batch()
        self.learner.module.train()
        # Noise drawn for this step alone; the caller's generators are left as they were.
        with seeded(self.schedule.seed * 1_000_003 + self.step):
            loss = self.learner.loss(rows)
            self.optimizer.zero_grad()
            loss.backward()
        self._losses.append(self._number(loss))
        if self.schedule.decay:
            for group in self.optimizer.param_groups:
                group["lr"] = self.schedule.learning_rate * (1 - self.step / self.total)
        self.optimizer.step()
        self.step += 1
        if self.step % self.check_every == 0 or self.step == self.total:
            self._look()

    def take_best(self) -> None:
        """Put the weights of the best look into the module."""
        self._put(self.best)

    def save(self, path: Path) -> None:
        """Keep the run."""
        import torch

        buffer = io.BytesIO()
        names = ("step", "best_step", "looks_since_best", "held_out_loss", "best_loss")
        content = {name: getattr(self, name) for name in names}
        content |= {"losses": self._losses, "weights": self._weights(), "best": self.best}
        torch.save(content | {"optimizer": self.optimizer.state_dict()}, buffer)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(path, buffer.getvalue())
        except OSError as error:
            raise DataError(
                f"{path}: the training cannot be kept: {error.strerror}", detail=str(error)
            ) from error

    def restore(self, path: Path) -> None:
        """Go on from a run that was kept."""
        import torch

        try:
            kept = torch.load(path, map_location="cpu", weights_only=True)
            self._put(kept.pop("weights"))
            self.optimizer.load_state_dict(kept.pop("optimizer"))
            self._losses, self.best = kept.pop("losses"), kept.pop("best")
        except (OSError, RuntimeError, KeyError, ValueError, EOFError, pickle.PickleError) as error:
            raise RouterError(
                f"{path}: the kept training is damaged",
                hint="Remove the file; the training starts over.",
                detail=str(error),
            ) from error
        for name, value in kept.items():
            setattr(self, name, value)

    def _batch(self) -> Rows:
        """The examples of this step: each pass goes through all of them in an order of its own."""
        examples, size = self.split.train, self.schedule.batch_size
        number, place = divmod(self.step, self.schedule.pass_over(len(examples)))
        if number != self._pass:
            random = np.random.default_rng((self.schedule.seed, number))
            self._pass, self._order = number, random.permutation(examples)
        return self._order[place * size : (place + 1) * size]

    def _look(self) -> None:
        self.held_out_loss = self._held_out()
        self.looks_since_best += 1
        if self.held_out_loss < self.best_loss:
            self.best_loss, self.best_step, self.looks_since_best = self.held_out_loss, self.step, 0
            self.best = {name: weight.clone() for name, weight in self._weights().items()}

    def _held_out(self) -> float:
        import torch

        rows, size = self.split.held_out, self.schedule.batch_size * CHECK_BATCH
        parts = [rows[at : at + size] for at in range(0, len(rows), size)]
        self.learner.module.eval()
        with torch.inference_mode():
            losses = [self._number(self.learner.loss(part)) for part in parts]
        return float(np.average(losses, weights=[len(part) for part in parts]))

    def _number(self, loss: Tensor) -> float:
        number = float(loss.detach())
        if not number < DIVERGED:
            raise RouterError(
                f"the training diverged: the loss is {number:g} at step {self.step + 1:,}",
                hint="Train with a lower --learning-rate.",
            )
        return number

    def _weights(self) -> dict[str, Tensor]:
        """What is trained, by name."""
        named = self.learner.module.named_parameters()
        return {name: weight.detach() for name, weight in named if weight.requires_grad}

    def _put(self, weights: dict[str, Tensor]) -> None:
        import torch

        with torch.no_grad():
            for name, weight in self._weights().items():
                weight.copy_(weights[name])


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's generators start from the seed; left, they are as before."""
    import torch

    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def chosen_device(name: str | None) -> str:
    """The device of that name; the fastest there is for None.

    Raises:
        RouterError: there is no such device.
    """
    import torch

    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # the latter without any driver
        raise RouterError(
            f"there is no device {name!r} here",
            hint='Name "cpu", "cuda" or "cuda:1", or none for the fastest there is.',
            detail=str(error),
        ) from error
    return name
