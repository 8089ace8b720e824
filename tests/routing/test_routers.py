"""What every router owes its callers."""

from pathlib import Path

import numpy as np
import pytest

from routing.battles import Battle
from routing.errors import RouterError
from routing.routers import ROUTERS, Router, router_class
from tests.routing.fakes import HashEmbedder, random_battles

# A float32 product rounds by the shape of its batch: cosines move by 1e-7, and at gamma 500 a win
# probability by some of them.
ROUNDING = 1e-6
PROMPTS = ["", "hello", "word1 word2 word3", "prove it\n" * 1000, "你好", "[/bold] \x00 \ud800"]


@pytest.fixture(params=ROUTERS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def router(name: str, tmp_path: Path) -> Router:
    return router_class(name).open(HashEmbedder(), random_battles(200, 6), tmp_path)


def unfitted(name: str) -> Router:
    kind = router_class(name)
    return kind(HashEmbedder()) if name == "similarity" else kind()


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
    calibration = router.calibration()
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


def test_use_before_fit_is_refused(name: str):
    router = unfitted(name)
    uses = (
        lambda: router.win_probability(["hello"]),
        lambda: router.judge("hello", 1),
        lambda: router.calibration(),
        lambda: router.add([]),
        lambda: router.forget("x"),
    )
    for use in uses:
        with pytest.raises(RouterError, match="not fitted"):
            use()


def test_fit_returns_the_router(name: str):
    router = unfitted(name)
    assert router.fit(random_battles(50, 4)) is router


def test_unknown_router_names_the_known():
    with pytest.raises(ValueError, match="unknown router 'magic'; known: chance, similarity"):
        router_class("magic")


def test_chance_depends_on_text_and_seed_alone():
    from routing.routers.chance import ChanceRouter

    first, again, other = (ChanceRouter(seed).fit([]) for seed in (1, 1, 2))
    prompts = [f"prompt {number}" for number in range(2000)]
    numbers = first.win_probability(prompts)
    assert np.array_equal(numbers, again.win_probability(prompts))
    assert abs(np.corrcoef(numbers, other.win_probability(prompts))[0, 1]) < 0.1
    assert abs(numbers.mean() - 0.5) < 0.02
