"""The training loop: what it keeps, how it stops and how it goes on."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from routing.errors import RouterError
from routing.training import Outcome, Progress, Schedule, Split, Steps, split_by_prompt, train

SCHEDULE = Schedule(
    batch_size=8, learning_rate=0.05, weight_decay=0.0, steps=60, check_every=5, patience=100
)


class Line:
    """A straight line through noisy points; the noise of a step is drawn anew as dropout's is."""

    def __init__(self, points: int = 100) -> None:
        rng = np.random.default_rng(0)
        self.x = torch.tensor(rng.normal(size=(points, 3)), dtype=torch.float32)
        self.y = self.x @ torch.tensor([1.0, -2.0, 0.5])
        torch.manual_seed(0)
        self.module: nn.Module = nn.Linear(3, 1)

    def optimizer(self, schedule: Schedule) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.module.parameters(), schedule.learning_rate)

    def loss(self, rows: np.ndarray) -> Tensor:
        x = self.x[rows]
        if self.module.training:
            x = x + 0.1 * torch.randn_like(x)
        return functional.mse_loss(self.module(x).squeeze(1), self.y[rows])

    @property
    def weights(self) -> np.ndarray:
        return torch.cat([w.detach().ravel() for w in self.module.parameters()]).numpy().copy()


SPLIT = Split(np.arange(80), np.arange(80, 100))


def run(steps: Steps) -> tuple[list[Progress], Outcome]:
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value


def test_every_step_is_told_and_the_held_out_loss_falls():
    line = Line()
    seen, outcome = run(train(line, SPLIT, SCHEDULE))
    assert [each.step for each in seen] == list(range(1, 61))
    assert math.isnan(seen[0].held_out_loss)
    assert seen[0].seconds_left is None
    assert seen[-1].seconds_left == pytest.approx(0)
    assert seen[-1].best_loss < 0.2 * seen[4].best_loss
    assert outcome.held_out_loss == seen[-1].best_loss


def test_weights_of_the_best_look_are_kept():
    line = Line()
    wild = replace(SCHEDULE, learning_rate=5.0, check_every=1)
    _, outcome = run(train(line, SPLIT, wild))
    line.module.eval()
    with torch.no_grad():
        again = float(line.loss(SPLIT.held_out))
    assert outcome.best_step < 60
    assert again == pytest.approx(outcome.held_out_loss, rel=1e-5)


def test_stops_when_the_held_out_loss_no_longer_falls():
    impatient = replace(SCHEDULE, learning_rate=1.5, steps=10_000, patience=3)
    seen, outcome = run(train(Line(), SPLIT, impatient))
    assert [each.step for each in seen if each.is_early_end] == [outcome.steps]
    assert outcome.steps == seen[-1].step == outcome.best_step + 3 * 5 < 10_000


def test_same_seed_gives_the_same_weights_and_another_seed_others():
    lines = [Line() for _ in range(3)]
    for line, seed in zip(lines, (1, 1, 2), strict=True):
        run(train(line, SPLIT, replace(SCHEDULE, seed=seed)))
    assert np.array_equal(lines[0].weights, lines[1].weights)
    assert not np.array_equal(lines[0].weights, lines[2].weights)


def test_the_callers_randomness_is_left_alone():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    run(train(Line(), SPLIT, SCHEDULE))
    torch.manual_seed(7)
    steps = train(Line(), SPLIT, SCHEDULE)  # its module is made with another seed
    torch.manual_seed(7)
    next(steps)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("interrupted_after", [1, 7, 40])
def test_interrupted_training_goes_on_as_if_it_had_not_been(tmp_path: Path, interrupted_after: int):
    whole, parts, state = Line(), Line(), tmp_path / "below" / "state"
    expected_seen, expected = run(train(whole, SPLIT, SCHEDULE))
    steps = train(parts, SPLIT, SCHEDULE, state)
    for _ in range(interrupted_after):
        next(steps)
    steps.close()
    resumed = Line()
    seen, outcome = run(train(resumed, SPLIT, SCHEDULE, state))
    assert seen[0].step == interrupted_after + 1
    assert outcome == expected
    assert seen[-1].loss == pytest.approx(expected_seen[-1].loss)
    assert np.array_equal(resumed.weights, whole.weights)


def test_damaged_state_is_refused(tmp_path: Path):
    state = tmp_path / "state"
    steps = train(Line(), SPLIT, SCHEDULE, state)
    next(steps)
    steps.close()
    state.write_bytes(state.read_bytes()[:-50])
    with pytest.raises(RouterError, match="the kept training is damaged"):
        next(train(Line(), SPLIT, SCHEDULE, state))


def test_divergence_is_told_with_its_step():
    line = Line()
    line.y[:] = math.nan
    with pytest.raises(RouterError, match="loss is nan at step 1"):
        next(train(line, SPLIT, SCHEDULE))


def test_learning_rate_decays_in_a_straight_line():
    line, rates = Line(), []
    optimizer = line.optimizer(SCHEDULE)
    line.optimizer = lambda schedule: optimizer
    for _ in train(line, SPLIT, replace(SCHEDULE, decay=True, steps=4)):
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.05, 0.0375, 0.025, 0.0125])


def test_no_prompt_is_on_both_sides_of_a_split():
    prompts = [f"prompt {number % 30}" for number in range(100)]
    split = split_by_prompt(prompts, seed=3, share=0.2)
    train_prompts, held_out = ({prompts[row] for row in rows} for rows in split)
    assert not train_prompts & held_out
    assert len(held_out) == 6
    assert sorted([*split.train, *split.held_out]) == list(range(100))
    assert split.held_out.tolist() == split_by_prompt(prompts, 3, 0.2).held_out.tolist()
    assert split.held_out.tolist() != split_by_prompt(prompts, 4, 0.2).held_out.tolist()


def test_one_prompt_cannot_be_split():
    with pytest.raises(RouterError, match="the battles hold 1 prompts"):
        split_by_prompt(["the same"] * 5, seed=0)


def test_steps_follow_from_epochs():
    schedule = Schedule(batch_size=8, learning_rate=1, weight_decay=0, epochs=2.5)
    assert schedule.total(80) == 25
    assert replace(schedule, steps=7).total(80) == 7
    with pytest.raises(ValueError, match="a training takes a step at least"):
        replace(schedule, epochs=0).total(80)
