"""Ranks of several models, and which runs are not to be compared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit.battery import Plan, build
from audit.errors import MismatchError
from audit.leaderboard import compare, require_comparable
from audit.report import standings
from audit.results import Results, evaluate
from audit.scorers.rules import Pick, RuleScorer, always, knows, uniform
from audit.tables import rank_columns, ranking_rows
from tests.audit.worlds import world

BATTERY = build(world(120), Plan("position"))


def run(name: str, pick: Pick) -> Results:
    scorer = RuleScorer(name, pick)
    return evaluate(scorer.identity, BATTERY, list(scorer.score(BATTERY.variants)), 1000)


RUNS = [
    run("good", knows(0.9, 0, uniform(0))),
    run("fair", knows(0.6, 0, uniform(1))),
    run("says C", always(2)),
]


def test_a_model_that_says_c_wins_where_the_answer_is_c():
    board = compare(RUNS)
    assert board.models == ("good", "fair", "says C")
    ranking = next(r for r in board.rankings if r.perturbation == "order.fix_C")
    assert ranking.ranks == (2, 3, 1)
    assert ranking.moves == (-1, -1, 2)
    assert ranking.kendall.tau == pytest.approx(-1 / 3)
    assert ranking.n == 120
    assert board.largest_moves(1)[0].model == "says C"
    assert board.largest_moves(1)[0].places == 2


def test_a_model_beside_itself_keeps_its_rank():
    board = compare([RUNS[0], RUNS[0]])
    assert all(ranking.ranks == (1, 1) for ranking in board.rankings)
    assert board.largest_moves(5) == ()


def test_runs_that_differ_in_more_than_the_model_are_refused_with_the_reason():
    first = RUNS[0]
    for other, reason in [
        (replace(first, question_ids=first.question_ids[1:]), "120 and 119 questions, 119 of them"),
        (replace(first, form=replace(first.form, prompts="x")), "prompts '.*' and 'x'"),
        (replace(first, form=replace(first.form, shots=3)), "shots 5 and 3"),
        (replace(first, identity=replace(first.identity, dtype="bfloat16")), "dtype '' and 'bf"),
        (replace(first, identity=replace(first.identity, revision="2")), "revision '' and '2'"),
        (replace(first, identity=replace(first.identity, method="text")), "method 'rule' and 't"),
    ]:
        with pytest.raises(MismatchError, match=reason):
            compare([first, other])


def test_two_models_may_have_different_revisions():
    other = replace(RUNS[1], identity=replace(RUNS[1].identity, revision="2"))
    require_comparable(RUNS[0], other)
    assert len(compare([RUNS[0], other]).models) == 2


def test_one_run_is_no_leaderboard():
    with pytest.raises(ValueError, match="at least 2"):
        compare(RUNS[:1])


def test_models_that_share_a_rank_are_not_told_apart():
    board = compare([RUNS[0], RUNS[0]])
    first = ranking_rows(board)[0]
    assert first[2] == first[3]
    assert first[2].endswith("(1=)")
    assert standings(board)[0].count("(1=)") == 2


def test_each_model_has_its_accuracy_beside_its_rank():
    board = compare(RUNS)
    assert rank_columns(board)[2:5] == ("good", "fair", "says C")
    rows = {row[0]: row[2:5] for row in ranking_rows(board)}
    assert rows["order.fix_C"][2] == "100.0 % (1)"
    assert [cell.rpartition(" ")[2] for cell in rows["order.fix_C"]] == ["(2)", "(3)", "(1)"]
    assert standings(board)[0].startswith("By symbol.0shot: good ")
