"""More than two models: the rule, its calibration, and models without battles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from routing.battles import Battle
from routing.decide import choose, decide
from routing.models import Model, Pool
from routing.routers import Judgement
from routing.routers.pool import PoolRouter
from routing.routers.similarity import SimilarityRouter
from tests.routing.fakes import HashEmbedder

CHANCES = {"big": 0.5, "mid": 0.6, "small": 0.8, "tiny": 0.9}
SAMPLE = np.linspace(-0.4, 0.1, 101)


class TableRouter:
    """Plays back one win probability a model, moved by what the prompt says."""

    def __init__(self, rival: str = "", stand_ins: tuple[str, ...] = ()) -> None:
        self.rival = rival
        self.stand_ins = stand_ins
        self.asked: list[str] = []

    def for_pair(self, strong: str, weak: str) -> Self:
        unknown = tuple(name for name in (strong, weak) if name not in CHANCES)
        pair = type(self)(weak, unknown)
        pair.asked = self.asked
        return pair

    def win_probability(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        self.asked.append(self.rival)
        moved = np.array([float(prompt or 0) for prompt in prompts])
        return CHANCES.get(self.rival, CHANCES["small"]) + moved

    def judge(self, prompt: str, nearest: int) -> Judgement:
        return Judgement(float(self.win_probability([prompt])[0]))

    def sample(self) -> NDArray[np.float64]:
        return CHANCES.get(self.rival, CHANCES["small"]) + SAMPLE


def pool_of(*names: str, **likes: str) -> Pool:
    return Pool(tuple(Model(name, like=likes.get(name)) for name in names))


def routed(threshold: float, *names: str, prompt: str = "0", **likes: str) -> str:
    router = PoolRouter(TableRouter(), pool_of(*names, **likes))
    return decide(prompt, router, router.calibration(), threshold).model


@pytest.mark.parametrize(
    ("threshold", "model"),
    [(0.5, "big"), (0.6, "big"), (0.61, "mid"), (0.8, "mid"), (0.81, "small"), (1.0, "tiny")],
)
def test_cheapest_model_that_is_good_enough_answers(threshold: float, model: str):
    assert routed(threshold, "big", "mid", "small", "tiny") == model


@given(st.floats(0, 1), st.floats(0, 1))
def test_of_two_models_it_is_the_binary_rule(win_probability: float, threshold: float):
    assert (choose([win_probability], threshold) == 0) == (win_probability >= threshold)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.floats(0, 1), st.floats(0, 1))
def test_higher_threshold_is_never_dearer(chances: list[float], one: float, two: float):
    assert choose(chances, min(one, two)) <= choose(chances, max(one, two))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_share_is_that_of_turns_no_other_model_is_good_enough_for(share: float):
    router = PoolRouter(TableRouter(), pool_of("big", "mid", "small"))
    calibration = router.calibration()
    threshold = calibration.threshold(share)
    taken = [
        decide(str(moved), router, calibration, threshold).tier == "strong" for moved in SAMPLE
    ]
    assert np.mean(taken) == pytest.approx(share, abs=0.01)


def test_decision_holds_every_candidate_and_compares_with_the_one_taken():
    router = PoolRouter(TableRouter(), pool_of("big", "mid", "small"))
    decision = decide("0", router, router.calibration(), 0.9)
    assert [(c.model, c.tier, c.win_probability) for c in decision.candidates] == [
        ("big", "strong", None),
        ("mid", "middle", 0.6),
        ("small", "weak", 0.8),
    ]
    assert [c.good_enough for c in decision.candidates] == pytest.approx([1, 0.4, 0.2])
    assert (decision.model, decision.win_probability, decision.odds) == ("small", 0.6, 0.8)
    assert decision.reason == "win probability 0.8000 < threshold 0.9000."
    strong = decide("0", router, router.calibration(), 0.5)
    assert (strong.model, strong.odds) == ("big", 0.6)
    assert strong.reason == "win probability 0.6000 ≥ threshold 0.5000."


def test_no_turn_goes_to_a_model_that_is_outdone():
    table = TableRouter()
    pool = pool_of("big", "mid", "small", "tiny")
    router = PoolRouter(table, pool, {"mid": "tiny", "small": "tiny"})
    taken = [decide("0", router, router.calibration(), at / 100) for at in range(101)]
    assert {decision.model for decision in taken} == {"big", "tiny"}
    assert [c.outdone_by for c in taken[0].candidates] == ["", "tiny", "tiny", ""]
    pair = PoolRouter(table, pool_of("big", "tiny"))
    assert router.calibration().threshold(0.3) == pair.calibration().threshold(0.3)


def test_model_outdone_by_the_strongest_gives_way_to_the_next_cheaper():
    router = PoolRouter(TableRouter(), pool_of("big", "mid", "small"), {"mid": "big"})
    assert router.win_probabilities(["0", "-0.2"]).tolist() == pytest.approx(
        np.array([[0.8, 0.8], [0.6, 0.6]])
    )


def test_each_model_is_asked_about_once():
    table = TableRouter()
    PoolRouter(table, pool_of("big", "mid", "small")).judge("0", 5)
    assert sorted(table.asked) == ["mid", "small"]


def test_model_without_battles_is_judged_as_the_person_says():
    router = PoolRouter(TableRouter(), pool_of("big", "new", "tiny", new="mid"))
    assert router.win_probabilities(["0"]).tolist() == [[0.6, 0.9]]
    assert router.priors == {"new": "like mid"}


def test_model_like_the_strongest_has_even_odds():
    router = PoolRouter(TableRouter(), pool_of("big", "new", "tiny", new="big"))
    assert router.win_probabilities(["0"]).tolist() == [[0.5, 0.9]]


def test_unknown_model_in_the_middle_stands_between_its_neighbours():
    router = PoolRouter(TableRouter(), pool_of("big", "new", "tiny", "newer"))
    (row,) = router.win_probabilities(["0"])
    odds = np.log(row / (1 - row))
    assert odds[0] == pytest.approx(odds[1] / 2)
    assert router.priors == {
        "new": "between its neighbours",
        "newer": "as weak",
    }


def test_two_unknown_models_in_a_row_take_equal_steps():
    router = PoolRouter(TableRouter(), pool_of("big", "new", "newer", "tiny"))
    (row,) = router.win_probabilities(["0"])
    odds = np.log(row / (1 - row))
    assert odds == pytest.approx(odds[2] * np.array([1 / 3, 2 / 3, 1]))


def test_model_like_one_that_nobody_knows_says_so():
    router = PoolRouter(TableRouter(), pool_of("big", "new", new="typo"))
    assert router.priors["new"] == "as weak (no battles tell typo apart either)"


def test_models_with_battles_have_no_prior():
    assert PoolRouter(TableRouter(), pool_of("big", "mid", "small")).priors == {}


def battles() -> list[Battle]:
    rows = [
        ("big", "mid", "ab" * 6 + "aaaa"),
        ("mid", "tiny", "ab" * 4 + "aaaaa"),
        ("big", "tiny", "a" * 9 + "b"),
    ]
    return [
        Battle(f"prompt {number} of {one} and {two}", one, two, winner)
        for one, two, winners in rows
        for number, winner in enumerate(winners)
    ]


def test_similarity_router_embeds_and_scans_once_for_all_models():
    embedder = HashEmbedder()
    router = SimilarityRouter(embedder).fit(battles())
    scanned: list[int] = []
    wins = router.kernel_.wins
    router.kernel_.wins = lambda queries, **options: (  # type: ignore[method-assign]
        scanned.append(len(queries)) or wins(queries, **options)
    )
    pooled = PoolRouter(router, pool_of("big", "mid", "tiny"))
    embedder.embedded.clear()
    judged = pooled.judge("which of them?", 3)
    assert embedder.embedded == ["which of them?"]
    assert scanned == [1]
    assert 0.5 < judged.win_probabilities[0] < judged.win_probabilities[1]


def test_pool_of_two_says_what_the_pair_says():
    router = SimilarityRouter(HashEmbedder()).fit(battles())
    pair = router.for_pair("big", "tiny")
    pooled = PoolRouter(router, pool_of("big", "tiny"))
    prompts = ["one", "two words", "prompt 3 of big and tiny"]
    assert np.array_equal(pooled.win_probability(prompts), pair.win_probability(prompts))
    assert np.array_equal(pooled.calibration().probabilities, np.sort(pair.sample()))


def test_own_battle_is_heard_at_once():
    router = SimilarityRouter(HashEmbedder()).fit(battles())
    before = PoolRouter(router, pool_of("big", "tiny")).judge("hello there", 1)
    router.add([Battle("hello there", "big", "tiny", "b", "mine", "id-1")])
    after = PoolRouter(router, pool_of("big", "tiny")).judge("hello there", 1)
    assert after.win_probabilities[0] < before.win_probabilities[0]
