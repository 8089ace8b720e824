"""The similarity router: parity with the reference's converged fit, forms, pairs and learning."""

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from routing.battles import Battle, Winner
from routing.calibrate import Calibration
from routing.errors import RouterError
from routing.index import unique_prompts
from routing.index_files import load_index
from routing.neighbours import INDEX_FILE
from routing.ratings import tiers
from routing.routers.similarity import Form, SimilarityRouter
from tests.routing.fakes import HashEmbedder, random_battles

STRONG, WEAK = "model0", "model23"
Clustered = tuple[list[Battle], NDArray[np.float32], NDArray[np.float32]]


def reference_design(
    left: NDArray[np.int64], right: NDArray[np.int64], winners: list[str], players: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The design matrix and outcomes of routellm 0.2.0: every battle twice, a tie once for each."""
    count = len(winners)
    design = np.zeros((2 * count, players))
    rows = np.arange(2 * count)
    design[rows, np.tile(left, 2)] = math.log(10)
    design[rows, np.tile(right, 2)] = -math.log(10)  # overwrites where left is right
    first = [winner in ("a", "tie") for winner in winners]
    second = [winner == "a" for winner in winners]
    return design, np.array(first + second, dtype=float)


def converged(
    design: NDArray[np.float64],
    outcome: NDArray[np.float64],
    weight: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Its logistic regression, but run until it stands still.

    Without weights the fit is that of models, which is free along a common shift: only lbfgs
    takes that. The order of models needs no more digits than it gives.
    """
    model = LogisticRegression(
        fit_intercept=False,
        C=np.inf,
        solver="lbfgs" if weight is None else "newton-cholesky",
        tol=1e-9 if weight is None else 1e-13,
        max_iter=10_000,
    )
    return 400 * model.fit(design, outcome, sample_weight=weight).coef_[0]


def reference_probabilities(battles: list[Battle], queries: NDArray, embedder: HashEmbedder):
    """What routellm 0.2.0 computes, written anew from its source, with converged fits."""
    battles = [battle for battle in battles if len(battle.prompt) >= 16]
    names = list(dict.fromkeys(n for battle in battles for n in (battle.model_a, battle.model_b)))
    left = np.array([names.index(battle.model_a) for battle in battles])
    right = np.array([names.index(battle.model_b) for battle in battles])
    winners = [battle.winner for battle in battles]
    ratings = converged(*reference_design(left, right, winners, len(names)))
    tier = tiers(ratings, 10)
    design, outcome = reference_design(tier[left], tier[right], winners, tier.max() + 1)
    rows = embedder.embed([battle.prompt for battle in battles]).astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    strong, weak = tier[names.index(STRONG)], tier[names.index(WEAK)]
    found = []
    for query in queries.astype(np.float64):
        similarity = rows @ (query / np.linalg.norm(query))
        weight = 10 * 10 ** (similarity / similarity.max())
        elo = converged(design, outcome, np.tile(weight, 2))
        found.append(1 / (1 + 10 ** ((elo[weak] - elo[strong]) / 400)))
    return np.array(found), tier


def test_reference_equals_the_converged_fit_of_routellm():
    battles = random_battles(2000, 24, seed=3)
    battles[7] = Battle("too short", "model1", "model2", "a")
    embedder = HashEmbedder(64)
    queries = embedder.embed([f"word{n} word{n + 1} what of it" for n in range(12)])
    expected, tier = reference_probabilities(battles, queries, embedder)
    router = SimilarityRouter(embedder, STRONG, WEAK, reference=True).fit(battles)
    assert router.ladder_.size == tier.max() + 1 == 10
    inside = [
        router.ladder_.tier_of[battle.model_a] == router.ladder_.tier_of[battle.model_b]
        for battle in battles
    ]
    assert sum(inside) > 50
    assert sum(battle.winner == "tie" for battle in battles) > 200
    assert np.abs(router.win_probability_from(queries) - expected).max() < 1e-6


def test_without_the_quirk_battles_inside_a_tier_say_nothing():
    battles = random_battles(300, 12)
    router = SimilarityRouter(HashEmbedder(), "model0", "model11", tier_count=2).fit(battles)
    tier_of = router.ladder_.tier_of
    across = [b for b in battles if tier_of[b.model_a] != tier_of[b.model_b]]
    assert 0 < len(across) < len(battles)
    queries = router.index_.vectors()[:5]
    weights = 500 ** ((queries @ router.index_.vectors().T) / 1.0)  # each is its own nearest
    for query_weights, found in zip(weights, router.win_probability_from(queries), strict=True):
        won = sum(
            query_weights[row] * {"a": 1.0, "b": 0.0, "tie": 0.5}[battle.winner]
            if tier_of[battle.model_a] == 0
            else query_weights[row] * {"a": 0.0, "b": 1.0, "tie": 0.5}[battle.winner]
            for row, battle in enumerate(battles)
            if battle in across
        )
        total = sum(query_weights[row] for row, battle in enumerate(battles) if battle in across)
        assert found == pytest.approx(won / total, abs=1e-5)


def test_prompt_near_strong_wins_needs_the_strong_model():
    battles = [Battle(f"prove theorem {n}", "strong", "weak", "a") for n in range(20)]
    battles += [Battle(f"hello friend {n}", "strong", "weak", "tie") for n in range(20)]
    router = SimilarityRouter(HashEmbedder()).fit(battles)
    hard, easy = router.win_probability(["prove theorem now", "hello friend now"])
    assert hard > 0.75 > easy


def test_row_normalization_weighs_by_each_battles_own_nearest():
    battles = random_battles(40, 2, seed=5)
    embedder = HashEmbedder()
    router = SimilarityRouter(embedder, "model0", "model1", gamma=50, normalize="row").fit(battles)
    rows = embedder.embed([battle.prompt for battle in battles]).astype(np.float64)
    near = rows @ rows.T
    np.fill_diagonal(near, -1)
    query = embedder.embed(["word1 word2 word3"])
    weights = 50 ** ((rows @ query[0]) / np.maximum(near.max(axis=1), 0.2))
    strong = np.array([{"a": 1, "b": 0, "tie": 0.5}[battle.winner] for battle in battles])
    swapped = np.array([battle.model_a == "model1" for battle in battles])
    won = np.where(swapped, 1 - strong, strong)
    expected = weights @ won / weights.sum()
    assert router.win_probability_from(query)[0] == pytest.approx(expected, abs=1e-5)


@pytest.fixture(scope="module")
def clustered() -> Clustered:
    """6,000 battles over prompts in 60 clusters, whose winners depend on the cluster; queries."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(60, 32))
    cluster = rng.integers(60, size=6200)
    rows = centres[cluster] + 0.7 * rng.normal(size=(6200, 32)) + 0.5
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    ease = rng.random(60)
    battles = []
    for number in range(6000):
        tie = rng.random() < ease[cluster[number]]
        winner = "tie" if tie else ("a" if rng.random() < 0.9 else "b")
        battles.append(Battle(f"prompt {number}", "strong", "weak", winner))
    return battles, rows[:6000], rows[6000:]


def spearman(a: NDArray, b: NDArray) -> float:
    return float(np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1])


@pytest.mark.parametrize(
    ("form", "gamma", "gap", "order"),
    [
        ("bytes", 10, 1e-4, 0.9999),
        ("bytes", 500, 1e-3, 0.9999),
        ("moments", 10, 0.01, 0.99),
        ("moments", 500, 0.01, 0.99),
    ],
)
def test_fast_forms_keep_the_order_of_the_exact_one(
    clustered: Clustered, form: Form, gamma: float, gap: float, order: float
):
    battles, vectors, queries = clustered
    embedder = HashEmbedder()
    exact, fast = (
        SimilarityRouter(embedder, gamma=gamma, form=each).fit(battles, vectors)
        for each in ("exact", form)
    )
    expected, found = exact.win_probability_from(queries), fast.win_probability_from(queries)
    assert np.abs(found - expected).max() < gap
    assert spearman(found, expected) > order
    thresholds = [
        Calibration.from_probabilities(router.sample()).threshold(0.3) for router in (exact, fast)
    ]
    assert thresholds[0] == pytest.approx(thresholds[1], abs=gap)


@pytest.mark.parametrize("form", ["exact", "bytes", "moments"])
def test_new_battles_count_at_once_and_forgotten_ones_no_more(clustered: Clustered, form: Form):
    battles, vectors, _ = clustered
    embedder = HashEmbedder()
    router = SimilarityRouter(embedder, form=form).fit(battles, vectors)
    query = embedder.embed(["plan my week"])
    before = router.win_probability_from(query)[0]
    mine = [
        Battle("plan my week", "big", "small", "a", source="mine", battle_id=f"id-{number}")
        for number in range(3)
    ]
    router.add(mine)
    assert router.win_probability_from(query)[0] > before + 1e-3
    assert router.nearest(query[0], 1)[0].battle_id == "id-0"
    assert router.for_pair("big", "small").win_probability_from(query)[0] > before + 1e-3
    for battle in mine:
        router.forget(battle.battle_id)
    assert router.win_probability_from(query)[0] == pytest.approx(before, abs=1e-6)
    assert router.nearest(query[0], 1)[0].source == ""


def test_forgetting_a_battle_of_the_fit_equals_a_fit_without_it(clustered: Clustered):
    battles, vectors, queries = clustered
    named = [*battles[:-1], Battle("prompt 5999", "strong", "weak", "b", "mine", "gone")]
    for form in ("exact", "moments"):
        router = SimilarityRouter(HashEmbedder(), form=form).fit(named, vectors)
        without = SimilarityRouter(HashEmbedder(), form="exact").fit(named[:-1], vectors[:-1])
        router.forget("gone")
        found, expected = (each.win_probability_from(queries) for each in (router, without))
        assert np.abs(found - expected).max() < (1e-5 if form == "exact" else 0.1)


def test_sample_prompts_are_judged_without_their_own_battles():
    battles = [Battle(f"alone {n}" * 3, "strong", "weak", "tie") for n in range(30)]
    battles.append(Battle("quite another thing", "strong", "weak", "a"))
    router = SimilarityRouter(HashEmbedder(), gamma=1e6).fit(battles)
    assert router.win_probability(["quite another thing"])[0] > 0.9
    own = router.sample_.strengths[-1]
    assert own[0] - own[1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("reference", [False, True])
def test_battles_of_ones_own_pair_count_beside_many_models_of_an_import(reference: bool):
    pair = ("mine/large", "mine/small")
    gold = [
        Battle(f"{kind} {n}", *pair, winner, "gold")
        for kind, winner, count in (("easy", "tie", 100), ("hard", "a", 8))
        for n in range(count)
    ]
    battles = [*random_battles(2000, 24), *gold]
    router = SimilarityRouter(HashEmbedder(), *pair, tier_count=4, reference=reference)
    router.fit(battles)
    easy, hard = router.win_probability(["easy", "hard"])
    if reference:
        assert (router.ladder_.size, router.stand_ins) == (4, pair)
    else:
        assert (router.ladder_.size, router.stand_ins) == (5, ())
        assert set(router.ladder_.tier_of.values()) == set(range(5))
        assert hard - easy > 0.2


class TestPairs:
    BATTLES = (
        [Battle(f"starter {n}", "strong", "weak", "a" if n % 3 else "tie") for n in range(60)]
        + [Battle(f"arena {n}", "big", "mid", "a" if n % 4 else "b") for n in range(60)]
        + [Battle(f"arena {n}", "mid", "tiny", "a" if n % 8 else "b") for n in range(60)]
    )

    @pytest.fixture
    def router(self) -> SimilarityRouter:
        return SimilarityRouter(HashEmbedder(), tier_count=3).fit(self.BATTLES)

    def test_known_models_keep_their_own_tiers(self, router: SimilarityRouter):
        pair = router.for_pair("big", "tiny")
        assert pair.stand_ins == ()
        assert (
            pair.win_probability(["x"])[0] > router.for_pair("big", "mid").win_probability(["x"])[0]
        )

    def test_unknown_models_sit_in_the_starters_seats(self, router: SimilarityRouter):
        pair = router.for_pair("new/large", "new/small")
        assert pair.stand_ins == ("new/large", "new/small")
        assert pair.win_probability(["x"])[0] == router.win_probability(["x"])[0]

    def test_only_the_unknown_one_is_stood_in_for_where_the_other_met_who_stands_in(self):
        battles = [*self.BATTLES, Battle("both", "strong", "mid", "a")]
        router = SimilarityRouter(HashEmbedder(), tier_count=3).fit(battles)
        assert router.for_pair("big", "new/small").stand_ins == ("new/small",)

    @pytest.mark.parametrize("pair", [("big", "new/small"), ("tiny", "weak"), ("mid", "weak")])
    def test_two_that_never_met_are_stood_in_for(
        self, router: SimilarityRouter, pair: tuple[str, str]
    ):
        asked = router.for_pair(*pair)
        assert asked.stand_ins == pair
        assert asked.win_probability(["x"])[0] == router.win_probability(["x"])[0]

    def test_votes_on_one_of_the_pair_take_nothing_from_the_starters(self):
        def rows(prompt: str, winner: Winner, *pair: str) -> list[Battle]:
            return [Battle(f"{prompt} {n}", *pair, winner) for n in range(40)]

        starters = rows("easy", "tie", "strong", "weak") + rows("hard", "a", "strong", "weak")
        votes = rows("easy vote", "tie", "best", "large") + rows("hard vote", "a", "best", "large")
        router = SimilarityRouter(HashEmbedder(), "large", "small")
        alone = router.fit(starters).win_probability(["easy", "hard"])
        assert router.fit([*starters, *votes]).win_probability(["easy", "hard"]) == pytest.approx(
            alone, abs=0.01
        )
        assert alone[1] - alone[0] > 0.4

    def test_models_that_never_met_line_up_at_the_top(self, router: SimilarityRouter):
        assert router.ladder_.tier_of["strong"] == router.ladder_.tier_of["big"] == 0

    def test_two_of_one_tier_are_stood_in_for(self, router: SimilarityRouter):
        pair = router.for_pair("strong", "big")
        assert pair.stand_ins == ("strong", "big")
        assert pair.win_probability(["x"])[0] == router.win_probability(["x"])[0]

    def test_turned_pair_turns_the_chance(self, router: SimilarityRouter):
        chances = [
            router.for_pair(*pair).win_probability(["x"])[0]
            for pair in (("big", "mid"), ("mid", "big"))
        ]
        assert sum(chances) == pytest.approx(1)

    def test_without_starters_the_weak_seat_is_who_met_the_strongest_most(self):
        router = SimilarityRouter(HashEmbedder()).fit(self.BATTLES[60:])
        tier_of = router.ladder_.tier_of
        assert (router.ladder_.strong, router.ladder_.weak) == (tier_of["big"], tier_of["mid"])

    def test_own_battles_move_no_tiers(self):
        mine = [Battle(f"mine {n}", "new/large", "new/small", "b", "mine") for n in range(50)]
        router = SimilarityRouter(HashEmbedder()).fit([*self.BATTLES, *mine])
        assert "new/large" not in router.ladder_.tier_of
        fresh = SimilarityRouter(HashEmbedder()).fit(self.BATTLES)
        assert router.win_probability(["mine 1"])[0] < fresh.win_probability(["mine 1"])[0] - 0.1


class TestNeighbours:
    def test_nearest_comes_first_with_its_cosine(self):
        router = SimilarityRouter(HashEmbedder()).fit(random_battles(50, 3))
        wanted = router.index_.battles[17]
        found = router.judge(wanted.prompt, 4).neighbours
        assert found[0].prompt == wanted.prompt
        assert found[0].similarity == pytest.approx(1, abs=1e-6)
        assert [each.similarity for each in found] == sorted(
            (each.similarity for each in found), reverse=True
        )

    def test_own_battle_speaks_for_its_prompt(self):
        others = [Battle("same words", "strong", "weak", "tie", "starter")]
        mine = Battle("same words", "big", "small", "b", "mine", "id")
        router = SimilarityRouter(HashEmbedder()).fit([*others, mine])
        (found,) = router.judge("same words", 3).neighbours
        assert (found.source, found.battle_id, found.outcome) == ("mine", "id", "small won")

    def test_battle_of_the_pair_comes_before_others(self):
        router = SimilarityRouter(HashEmbedder()).fit(
            [
                *random_battles(200, 4),
                Battle("the one", "model0", "model1", "a"),
                Battle("the one", "model2", "model3", "a"),
            ]
        )
        (found,) = router.for_pair("model2", "model3").judge("the one", 1).neighbours
        assert found.model_a == "model2"


class TestOpen:
    def test_second_opening_embeds_nothing(self, tmp_path: Path):
        battles = random_battles(30, 3)
        first = SimilarityRouter.open(HashEmbedder(), battles, tmp_path)
        embedder = HashEmbedder()
        second = SimilarityRouter.open(embedder, battles, tmp_path)
        assert embedder.embedded == []
        prompts = ["word1 word2", "other"]
        assert np.array_equal(first.win_probability(prompts), second.win_probability(prompts))

    def test_only_new_prompts_are_embedded(self, tmp_path: Path):
        battles = random_battles(30, 3)
        SimilarityRouter.open(HashEmbedder(), battles, tmp_path)
        embedder = HashEmbedder()
        router = SimilarityRouter.open(
            embedder, [*battles[5:], Battle("brand new", "model0", "model1", "a")], tmp_path
        )
        assert embedder.embedded == ["brand new"]
        fresh = SimilarityRouter(HashEmbedder()).fit(router.index_.battles)
        assert router.win_probability(["x"]) == pytest.approx(
            fresh.win_probability(["x"]), abs=1e-6
        )

    @pytest.mark.parametrize("content", [b"", b"garbage", None])
    def test_index_that_does_not_fit_is_built_anew(self, tmp_path: Path, content: bytes | None):
        battles = random_battles(30, 3)
        SimilarityRouter.open(HashEmbedder(), battles, tmp_path)
        if content is not None:
            (tmp_path / INDEX_FILE).write_bytes(content)
        embedder = HashEmbedder(name="other" if content is None else "hash")
        SimilarityRouter.open(embedder, battles, tmp_path)
        assert embedder.embedded == unique_prompts(battles)
        assert load_index(tmp_path / INDEX_FILE, embedder.name).battles == battles


def test_no_battles_are_refused():
    with pytest.raises(RouterError, match="no battles to learn from"):
        SimilarityRouter(HashEmbedder()).fit([])


def test_query_that_resembles_nothing_gets_the_global_rating():
    battles = [Battle(f"x {n}", "strong", "weak", "a" if n % 4 else "tie") for n in range(40)]
    router = SimilarityRouter(HashEmbedder(2)).fit(battles)
    opposite = -router.index_.vectors().mean(axis=0)
    if (router.index_.vectors() @ opposite).max() > 0:
        opposite = np.zeros(2, dtype=np.float32)
    assert router.win_probability_from(opposite[None])[0] == pytest.approx(0.875, abs=1e-9)


@pytest.mark.parametrize("winner", ["a", "b"])
def test_pair_of_which_one_side_never_lost_is_refused(winner: str):
    mixed = [
        Battle(f"old {at}", "strong", "weak", "a" if at % 2 else "tie", "starter")
        for at in range(30)
    ]
    mine = [Battle(f"new {at}", "big", "small", winner, "votes") for at in range(30)]
    router = SimilarityRouter(HashEmbedder()).fit([*mixed, *mine])
    assert 0 < router.for_pair("strong", "weak").win_probability(["new 1"])[0] < 1
    for ask in (lambda pair: pair.win_probability(["new 1"]), lambda pair: pair.sample()):
        with pytest.raises(RouterError, match=r"one-sided: .* one of big and small always wins"):
            ask(router.for_pair("big", "small"))
