"""What a Score means, and the contract of every scorer that costs nothing."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest

from audit.battery import Plan, build
from audit.perturbations import Materials, perturb, unperturbed
from audit.questions import Question
from audit.scorers import Choice, Score, Scorer, choose, values
from audit.scorers.rules import RuleScorer, always, follows_hints, knows, symbol, uniform
from audit.variants import Variant
from tests.audit.worlds import CountingScorer, world
from tests.audit.worlds import question as world_question

RULES = {
    "always": always(2),
    "uniform": uniform(0),
    "symbol": symbol(2),
    "knows": knows(0.5, 0, always(2)),
    "hints": follows_hints(uniform(0)),
}
SCORERS: list[Scorer] = [
    *(RuleScorer(name, rule) for name, rule in RULES.items()),
    CountingScorer(),
]


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: scorer.identity.model)
def test_every_scorer_gives_one_score_a_variant_whoever_its_neighbours_are(scorer: Scorer):
    variants = build(world(6), Plan("paper")).variants
    scores = list(scorer.score(variants))
    assert len(scores) == len(variants)
    for variant, score in zip(variants, scores, strict=True):
        assert len(score.loglik) == len(variant.shown.options)
        assert choose(variant, score).position in range(len(variant.shown.options))
    assert list(scorer.score(variants[::-7])) == scores[::-7]
    assert list(scorer.score([])) == []
    stopped = scorer.score(variants)
    assert [next(stopped), next(stopped)] == scores[:2]
    assert scorer.identity == scorer.identity


@pytest.mark.parametrize("scoring", ["symbol", "hybrid", "cloze"])
@pytest.mark.parametrize("name", RULES)
def test_a_rule_picks_the_same_under_every_scoring(name: str, scoring: str):
    variants = [replace(v, scoring=scoring) for v in build(world(30), Plan("position")).variants]
    scorer = RuleScorer(name, RULES[name])
    for variant, score in zip(variants, scorer.score(variants), strict=True):
        assert choose(variant, score) == Choice(RULES[name](variant))


QUESTION = Question("1", "Which?", ("ab", "é", "abcd"), 0)


def asked(scoring: str = "cloze") -> Variant:
    return replace(unperturbed(QUESTION, "cloze.0shot", Materials(), 0), scoring=scoring)


def test_all_normalisations_come_from_one_score():
    score = Score(loglik=(-4.0, -3.0, -8.0), bare=(-1.0, -3.0, -7.5), tokens=(1, 2, 4))
    assert values(asked(), score, "none") == (-4.0, -3.0, -8.0)
    assert values(asked(), score, "characters") == (-2.0, -3.0, -2.0)
    assert values(asked(), score, "bytes") == (-2.0, -1.5, -2.0)
    assert values(asked(), score, "tokens") == (-4.0, -1.5, -2.0)
    assert values(asked(), score, "pmi") == (-3.0, 0.0, -0.5)


def test_each_scoring_has_its_usual_normalisation():
    score = Score(loglik=(-4.0, -3.0, -7.0))
    assert choose(asked("symbol"), score).position == 1
    assert choose(asked("hybrid"), score).position == 2
    assert choose(asked("cloze"), score).position == 2


def test_a_tie_is_said_and_broken_fairly():
    picks = Counter()
    for seed in range(300):
        choice = choose(replace(asked("symbol"), seed=seed), Score(loglik=(-1.0, -2.0, -1.0)))
        assert choice.tied
        picks[choice.position] += 1
    assert set(picks) == {0, 2}
    assert abs(picks[0] - 150) < 45  # five standard deviations


def test_an_option_that_was_not_measured_is_not_taken():
    assert choose(asked("symbol"), Score(loglik=(None, -9.0, None), bound=-10.0)) == Choice(1)
    assert values(asked(), Score(loglik=(-1.0, -2.0, -3.0)), "pmi") == (None, None, None)


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        (Score(), "not measurable"),
        (Score(loglik=(None, None, None)), "not measurable"),
        (Score(votes=(0, 0, 0), unparsed=2, refused=1), "unparsed"),
        (Score(votes=(0, 0, 0), refused=1), "refused"),
    ],
)
def test_no_answer_has_a_reason_and_is_no_wrong_answer(score: Score, reason: str):
    assert choose(asked("symbol"), score) == Choice(None, reason=reason)


def test_votes_decide_where_only_text_is_seen():
    assert choose(asked("symbol"), Score(votes=(1, 3, 1), refused=5)) == Choice(1)
    assert choose(asked("hybrid"), Score(votes=(2, 0, 2))).tied


def test_a_rule_gives_log_likelihoods_of_a_distribution_over_two():
    (score,) = RuleScorer("always", always(0)).score([asked("symbol")])
    assert score.loglik == (math.log(0.9), math.log(0.1), math.log(0.1))


def test_a_tie_is_broken_whatever_the_order_that_was_drawn():
    """A model that cannot tell options apart must not seem to prefer a place or a text."""
    taken = Counter()
    for number in range(400):
        base = unperturbed(world_question(number), "symbol.0shot", Materials(), 0)
        (shuffled,) = perturb(base, "order.shuffle_both", Materials())
        position = choose(shuffled, Score(loglik=(-1.0,) * 4)).position
        assert position is not None
        taken[shuffled.shown.order[position]] += 1
    assert all(abs(taken[option] - 100) < 45 for option in range(4))  # five standard deviations
