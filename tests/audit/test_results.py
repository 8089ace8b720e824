"""Closed forms of scorers whose bias is known, through the whole house."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from audit import findings
from audit.battery import Battery, Plan, build
from audit.findings import LEVEL, decomposition, find, least_points, verdict
from audit.questions import Question, QuestionSet, checked
from audit.results import Effect, Results, evaluate
from audit.scorers import Score
from audit.scorers.rules import Pick, RuleScorer, always, follows_hints, knows, symbol, uniform
from audit.statistics import Spread
from audit.tally import Tallies
from audit.variants import Variant, seeded
from tests.audit.worlds import CountingScorer, question, world

FAST = 1000
ALWAYS_C_RSTD = 43.301  # 100 * sqrt(3) / 4


def run(pick: Pick, battery: Battery) -> Results:
    scorer = RuleScorer("rule", pick)
    return evaluate(scorer.identity, battery, list(scorer.score(battery.variants)), FAST)


def effect(results: Results, name: str) -> Effect:
    found = results.effect(name)
    assert found is not None
    return found


def by_position(results: Results, name: str) -> Spread:
    found = effect(results, name).by_position
    assert found is not None
    return found


def points(results: Results, name: str) -> float:
    change = effect(results, name).change
    assert change is not None
    return change.points


QUICK = build(world(240), Plan("quick"))
PAPER = build(world(60), Plan("paper"))
AT_C = sum(q.answer == 2 for q in QUICK.questions) / 240


def test_always_c_has_its_closed_forms():
    results = run(always(2), QUICK)
    base = effect(results, "symbol.0shot")
    assert base.accuracy == pytest.approx(AT_C)
    assert base.shares == (0, 0, 1, 0)
    assert base.recall == (0, 0, 1, 0)
    assert base.confusion[1] == (0, 0, sum(q.answer == 1 for q in QUICK.questions), 0)
    assert by_position(results, "symbol.0shot").rstd == pytest.approx(ALWAYS_C_RSTD, abs=1e-3)
    assert points(results, "order.fix_C") == pytest.approx(100 - 100 * AT_C)
    for letter in "ABD":
        assert points(results, f"order.fix_{letter}") == pytest.approx(-100 * AT_C)
    assert effect(results, "order.fix_C").by_position is None
    swap = effect(results, "order.swap").change
    assert swap is not None
    assert swap.flips == 1


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_knowing_a_share_else_c_has_its_closed_forms(share: float):
    pick = knows(share, 0, always(2))
    known = {q.id for q in QUICK.questions if seeded(0, f"known\0{q.id}").random() < share}
    results = run(pick, QUICK)
    unknown = [q for q in QUICK.questions if q.id not in known]
    unknown_at_c = sum(q.answer == 2 for q in unknown) / 240
    base = effect(results, "symbol.0shot")
    assert base.accuracy == pytest.approx(len(known) / 240 + unknown_at_c)
    gained = 100 * (len(unknown) / 240 - unknown_at_c)
    assert points(results, "order.fix_C") == pytest.approx(gained)
    assert points(results, "order.fix_A") == pytest.approx(-100 * unknown_at_c)
    # In expectation RStd is 43.3 (1 - k); which questions are known is drawn.
    assert by_position(results, "symbol.0shot").rstd == pytest.approx(
        ALWAYS_C_RSTD * (1 - share), abs=4
    )


def test_uniform_is_inside_its_band():
    spread = by_position(run(uniform(1), QUICK), "symbol.0shot")
    assert spread.rstd < spread.band_high
    assert spread.band_mean == pytest.approx(4.4, abs=0.8)


def test_a_position_bias_is_named():
    results = run(knows(0.5, 0, always(2)), QUICK)
    first = find(results)[0]
    assert first.kind == "position"
    assert first.sentence.startswith("Picks C when unsure: +")
    assert "It is the position, not the symbol" in first.sentence
    assert first.perturbation == "order.fix_C"
    assert first.p < 0.001
    assert "cyclic" in first.remedy


def test_a_symbol_bias_is_named():
    results = run(knows(0.5, 0, symbol(2)), QUICK)
    first = find(results)[0]
    assert first.kind == "symbol"
    assert "It is the symbol, not the position" in decomposition(results)
    shuffled = effect(results, "symbols.rare+shuffle_symbols")
    assert shuffled.by_symbol is not None
    assert shuffled.by_position is not None
    assert shuffled.by_symbol.rstd > 15 > shuffled.by_position.rstd


def test_hints_are_named_and_nothing_else():
    results = run(follows_hints(knows(0.5, 0, uniform(0))), PAPER)
    assert {finding.kind for finding in find(results)} == {"hint"}
    assert effect(results, "fewshot.incorrect").accuracy == 0
    assert effect(results, "fewshot.correct").accuracy == 1


def test_a_way_of_scoring_is_named():
    def worse_by_text(variant: Variant) -> int:
        return variant.shown.answer if variant.scoring == "symbol" else uniform(0)(variant)

    assert {f.kind for f in find(run(worse_by_text, QUICK))} == {"scoring"}


def test_knowing_everything_is_no_bias():
    results = run(lambda variant: variant.shown.answer, PAPER)
    assert find(results) == ()
    assert verdict(results).startswith("No bias found at the 5 % level over ")
    assert decomposition(results).startswith("With the symbols shuffled, recall follows neither")


def test_too_few_questions_acquit_nobody():
    results = run(always(2), build(world(6), Plan("quick")))
    assert find(results) == ()
    assert verdict(results).startswith("Too few questions for any finding")


def test_smallest_move_that_can_be_a_finding_is_where_mcnemar_crosses_the_level():
    results = run(lambda variant: variant.shown.answer, QUICK)
    tests, n = findings.tests_of(results), len(QUICK.questions)
    least = least_points(results)
    assert least is not None
    changed = round(least * n / 100)
    assert 2 * 0.5**changed * tests < LEVEL <= 2 * 0.5 ** (changed - 1) * tests


def by_text(seed: int) -> Pick:
    """Likes one option of each question, wherever it stands: unsteady in nothing, unbiased."""

    def pick(variant: Variant) -> int:
        liked = seeded(seed, f"liked\0{variant.question_id}").randrange(len(variant.shown.options))
        return variant.shown.order.index(liked)

    return pick


UNBIASED = {
    "uniform": uniform,
    "half known": lambda seed: knows(0.5, seed, uniform(seed)),
    "by text": by_text,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", UNBIASED)
def test_no_unbiased_scorer_is_accused_beyond_the_level(name: str):
    accused = 0
    for seed in range(100):
        battery = build(world(60, seed=seed), Plan("quick", seed=seed))
        accused += bool(find(run(UNBIASED[name](seed), battery)))
    # At the 5 % level: 12 or more of 100 would happen once in 230 times.
    assert accused <= 11


def test_what_was_not_answered_is_counted_apart():
    battery = build(world(40), Plan("scoring"))
    scores = [
        Score(votes=(0, 0, 0, 0), refused=1) if i % 5 == 0 else score
        for i, score in enumerate(RuleScorer("r", always(1)).score(battery.variants))
    ]
    results = evaluate(RuleScorer("r", always(1)).identity, battery, scores, FAST)
    asked = sum(e.n + e.refused for e in results.effects)
    assert asked == len(battery.variants)
    assert sum(e.refused for e in results.effects) == sum(i % 5 == 0 for i in range(asked))
    base, cloze = effect(results, "symbol.0shot"), effect(results, "scoring.cloze")
    assert cloze.change is not None
    assert cloze.change.n < min(base.n, cloze.n)
    assert cloze.change.points == 0


def test_a_run_without_any_answer_has_results_all_the_same():
    battery = build(world(12), Plan("paper"))
    refused = [Score(votes=(0, 0, 0, 0), refused=1)] * len(battery.variants)
    results = evaluate(RuleScorer("r", always(0)).identity, battery, refused, FAST)
    assert {e.n for e in results.effects} == {0}
    assert all(e.accuracy is None for e in results.effects)
    assert find(results) == ()


def test_a_stopped_run_has_the_results_of_what_was_scored():
    scores = list(RuleScorer("r", always(2)).score(QUICK.variants[:400]))
    results = evaluate(RuleScorer("r", always(2)).identity, QUICK, scores, FAST)
    asked = sum(e.n for e in results.effects)
    assert asked == 400
    assert sum(c is not None for c in results.correct["symbol.0shot"]) < 240
    nothing = evaluate(RuleScorer("r", always(2)).identity, QUICK, [], FAST)
    assert nothing.effects == ()
    assert verdict(nothing) == "No finding: nothing could be tested"


def test_questions_about_their_own_options_can_be_left_out():
    special = [
        replace(question(i, answer=3), options=("x", "y", "z", "All of the above"))
        for i in range(20)
    ]
    plain = [question(100 + i, answer=i % 4) for i in range(20)]
    battery = build(QuestionSet("mixed", checked([*special, *plain])), Plan("position"))
    change = effect(run(always(3), battery), "order.fix_A").change
    assert change is not None
    assert (change.n, change.plain_n) == (40, 20)
    assert change.points == pytest.approx(-100 * 25 / 40)
    assert change.plain_points == pytest.approx(-25)


def test_remedies_undo_a_prior():
    """A model that knows the answer but adds a prior for C."""
    battery = build(world(200), Plan("position"))

    def scored(prior: Sequence[float]) -> list[Score]:
        scores = []
        for variant in battery.variants:
            shown, rng = variant.shown, seeded(0, variant.question_id)
            worth = [rng.gauss(0, 1) + 2 * (i == shown.order[shown.answer]) for i in range(4)]
            scores.append(
                Score(tuple(worth[o] + p for o, p in zip(shown.order, prior, strict=True)))
            )
        return scores

    identity = CountingScorer().identity
    biased = {r.name: r for r in evaluate(identity, battery, scored((0, 0, 3, 0)), FAST).remedies}
    fair = {r.name: r for r in evaluate(identity, battery, scored((0, 0, 0, 0)), FAST).remedies}
    assert list(biased) == ["none", "batch calibration", "PriDe", "cyclic average", "CircularEval"]
    assert biased["none"].accuracy < fair["none"].accuracy - 0.15
    assert biased["PriDe"].accuracy == pytest.approx(fair["none"].accuracy)
    assert biased["batch calibration"].accuracy == pytest.approx(fair["none"].accuracy, abs=0.05)
    assert biased["cyclic average"].accuracy == pytest.approx(fair["none"].accuracy, abs=0.05)
    assert fair["CircularEval"].accuracy == pytest.approx(fair["none"].accuracy)
    assert biased["CircularEval"].accuracy < biased["none"].accuracy
    assert {r.n for r in biased.values()} == {200}


def test_mixed_numbers_of_options_go_through_every_battery():
    mixed = QuestionSet(
        "mixed",
        test=tuple(question(i, 2 + i % 9) for i in range(54)),
        examples=world(1, 10).examples,
        trivial=world(1, 3).trivial,
        ood=world(1, 2).ood,
    )
    results = run(always(1), build(mixed, Plan("paper")))
    assert by_position(results, "order.cyclic").rstd > 20
    assert effect(results, "order.fix_J").n == 6
    assert {r.n for r in results.remedies} == {54}


def test_running_numbers_agree_with_the_report():
    scorer = RuleScorer("r", always(2))
    scores = list(scorer.score(QUICK.variants))
    tallies = Tallies()
    for variant, score in zip(QUICK.variants, scores, strict=True):
        tallies.add(variant, score)
    results = run(always(2), QUICK)
    for found in results.effects:
        tally = tallies.by_perturbation[found.perturbation]
        assert tally.accuracy == pytest.approx(found.accuracy)
    assert tallies.by_perturbation["symbol.0shot"].rstd == pytest.approx(ALWAYS_C_RSTD, abs=1e-3)


def test_the_same_scores_give_the_same_numbers():
    assert run(uniform(0), PAPER) == run(uniform(0), PAPER)


def test_scores_by_texts_come_under_every_length():
    question = Question("1", "Which?", ("ab", "é", "abcd"), 0)
    battery = build(QuestionSet("one", (question,)), Plan("scoring"))
    nats = Score(loglik=(-4.0, -3.0, -9.0), bare=(-1.0, -3.0, -7.5), tokens=(2, 1, 4))
    found = evaluate(CountingScorer().identity, battery, [nats] * len(battery.variants), FAST)
    right = {"none": 0.0, "characters": 1.0, "bytes": 0.0, "tokens": 1.0, "pmi": 0.0}
    assert {each.perturbation: each.accuracy for each in found.by_length} == {
        "scoring.hybrid": right,
        "scoring.cloze": right,
    }


def test_length_that_is_not_known_has_no_accuracy():
    scorer = RuleScorer("rule", always(2))
    found = run(always(2), PAPER).by_length
    known = {each.perturbation: set(each.accuracy) for each in found}
    assert "tokens" not in known["scoring.cloze"]
    assert known["scoring.hybrid"] == {"none", "characters", "bytes"}
    told = [Score(votes=(1, 0, 0, 0))] * len(PAPER.variants)
    assert evaluate(scorer.identity, PAPER, told, FAST).by_length == ()


def test_warnings_are_counted():
    battery = build(world(6), Plan("fewshot"))
    scorer = CountingScorer()
    results = evaluate(scorer.identity, battery, list(scorer.score(battery.variants)), FAST)
    assert results.warnings == {"cut": len(battery.variants)}
