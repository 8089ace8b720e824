"""What every router owes its callers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from routing.battles import Battle
from routing.calibrate import Calibration
from routing.checkpoints import checkpoint_folder
from routing.errors import RouterError
from routing.routers import ROUTERS, Router, router_class
from routing.routers.trained import TrainedRouter
from routing.training import Schedule
from tests.routing.fakes import HashEmbedder, random_battles
from tests.routing.tiny import tiny_causal, tiny_encoder

# A float32 product rounds by the shape of its batch: cosines move by 1e-7, and at gamma 500 a win
# probability by some of them.
ROUNDING = 1e-6
PROMPTS = ["", "hello", "word1 word2 word3", "prove it\n" * 1000, "你好", "[/bold] \x00 \ud800"]


BATTLES = random_battles(200, 6)


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """What a router needs beside an embedder: little models to start from, and a short training."""
    folder = tmp_path_factory.mktemp("bases")
    short = Schedule(batch_size=16, learning_rate=1e-3, weight_decay=0, steps=8, check_every=4)
    return {
        "factorization": {"schedule": replace(short, batch_size=64, steps=200)},
        "bert": {"base": str(tiny_encoder(folder / "encoder")), "schedule": short},
        "causal": {"base": str(tiny_causal(folder / "causal")), "schedule": short},
    }


@pytest.fixture(scope="session")
def folders(
    bases: dict[str, dict[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """By name, the folder of a library in which the router was trained, if it is one to train."""
    folders = {}
    for name in ROUTERS:
        folders[name] = tmp_path_factory.mktemp(name)
        router = unfitted(name, bases)
        if isinstance(router, TrainedRouter):
            list(router.train_into(checkpoint_folder(folders[name], name), BATTLES))
    return folders


@pytest.fixture(params=ROUTERS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def router(name: str, folders: dict[str, Path]) -> Router:
    return router_class(name).open(HashEmbedder(states=8), BATTLES, folders[name])


def unfitted(name: str, bases: dict[str, dict[str, object]]) -> Router:
    kind = router_class(name)
    return kind() if name == "chance" else kind(HashEmbedder(), **bases.get(name, {}))


def test_win_probabilities_are_float64_in_the_unit_interval(router: Router):
    found = router.win_probability(PROMPTS)
    assert found.shape == (len(PROMPTS),)
    assert found.dtype == np.float64
    assert ((found >= 0) & (found <= 1)).all()


def test_no_prompts_give_no_numbers(router: Router):
    assert router.win_probability([]).shape == (0,)


def test_order_of_prompts_does_not_matter(router: Router):
    backwards = router.win_probability(PROMPTS[::-1])[::-1]
    assert backwards == pytest.approx(router.win_probability(PROMPTS), abs=ROUNDING)


def test_batch_equals_one_by_one(router: Router):
    alone = [router.win_probability([prompt])[0] for prompt in PROMPTS]
    assert router.win_probability(PROMPTS) == pytest.approx(alone, abs=ROUNDING)


def test_judgement_carries_the_same_number(router: Router):
    judgement = router.judge("word1 word2", nearest=3)
    assert judgement.win_probability == router.win_probability(["word1 word2"])[0]
    assert len(judgement.neighbours) <= 3


def test_calibration_meets_a_wanted_share(router: Router):
    calibration = Calibration.from_probabilities(router.sample())
    assert calibration.share(calibration.threshold(0.3)) == pytest.approx(0.3, abs=0.01)


def test_another_pair_needs_no_fit_and_leaves_the_router_alone(router: Router):
    before = router.win_probability(PROMPTS)
    other = router.for_pair("model0", "model5")
    assert other.win_probability(PROMPTS).shape == before.shape
    assert np.array_equal(router.win_probability(PROMPTS), before)


def test_battle_can_be_added_and_forgotten(router: Router):
    before = router.win_probability(PROMPTS)
    router.add([Battle("word1 word2", "model0", "model5", "b", "mine", "id-1")])
    router.forget("id-1")
    router.forget("never there")
    assert router.win_probability(PROMPTS) == pytest.approx(before, abs=ROUNDING)


def test_use_before_fit_is_refused(name: str, bases: dict[str, dict[str, object]]):
    router = unfitted(name, bases)
    uses = (
        lambda: router.win_probability(["hello"]),
        lambda: router.judge("hello", 1),
        lambda: router.sample(),
        lambda: router.add([]),
        lambda: router.forget("x"),
    )
    for use in uses:
        with pytest.raises(RouterError, match="not fitted"):
            use()


def test_fit_returns_the_router(name: str, bases: dict[str, dict[str, object]]):
    router = unfitted(name, bases)
    assert router.fit(random_battles(50, 4)) is router


def test_unknown_router_names_the_known():
    with pytest.raises(ValueError, match="unknown router 'magic'; known: chance, similarity, "):
        router_class("magic")


def test_chance_depends_on_text_and_seed_alone():
    from routing.routers.chance import ChanceRouter

    first, again, other = (ChanceRouter(seed).fit([]) for seed in (1, 1, 2))
    prompts = [f"prompt {number}" for number in range(2000)]
    numbers = first.win_probability(prompts)
    assert np.array_equal(numbers, again.win_probability(prompts))
    assert abs(np.corrcoef(numbers, other.win_probability(prompts))[0, 1]) < 0.1
    assert abs(numbers.mean() - 0.5) < 0.02
