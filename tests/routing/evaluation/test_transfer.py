"""Leaving one set out: what is learnt from the others, and that nothing of the set itself is."""

from collections.abc import Sequence

import numpy as np
import pytest

from routing.battles import Battle
from routing.errors import DataError
from routing.evaluation.sets import EvaluationSet
from routing.evaluation.transfer import Graded, gold_rows, leave_one_out
from routing.routers import Router
from routing.routers.ridge import RidgeRouter
from tests.routing.fakes import HashEmbedder

PAIR = ("big", "small")
# They know nothing of what makes a prompt hard in the sets.
BATTLES = [
    Battle(f"battle {at} about weather", "strong", "weak", "a" if at % 2 else "tie")
    for at in range(20)
]


def graded(name: str, *, size: int = 30) -> Graded:
    """The big model alone can prove things; of greetings both are capable."""
    hard = [f"prove lemma {at} of {name}" for at in range(size)]
    easy = [f"hello {at} from {name}" for at in range(size)]
    quality = np.array([[1.0, 0.0]] * size + [[1.0, 1.0]] * size)
    return Graded(EvaluationSet(name, (*hard, *easy), PAIR, quality), PAIR)


class Maker:
    """Makes ridge routers, and remembers what each was taught."""

    def __init__(self) -> None:
        self.taught: list[Sequence[Battle]] = []

    def __call__(self, name: str, pair: tuple[str, str], battles: Sequence[Battle]) -> Router:
        assert name == "ridge"
        self.taught.append(battles)
        return RidgeRouter(HashEmbedder(), *pair).fit(battles)


def test_rows_of_other_sets_teach_what_the_battles_do_not():
    make = Maker()
    sets = [graded("algebra"), graded("topology")]
    found = list(leave_one_out(sets, BATTLES, ["ridge"], make, HashEmbedder(), most=1000))
    assert [(each.set_name, each.prompts, each.rows) for each in found] == [
        ("algebra", 60, 60),
        ("topology", 60, 60),
    ]
    for each in found:
        assert each.taught.apgr > max(0.7, each.alone.apgr)
        assert each.taught.apgr in each.taught.interval
        assert each.taught.z > 3
        assert each.evidence.is_enough
    for each, (alone, taught) in zip(sets, zip(*[iter(make.taught)] * 2, strict=True), strict=True):
        assert alone == BATTLES
        learnt = {battle.prompt for battle in taught}
        assert not learnt & set(each.evaluation.prompts)


def test_prompts_that_another_set_holds_are_dropped_from_the_test():
    first, second = graded("algebra"), graded("topology")
    both = EvaluationSet(
        "both",
        (*first.evaluation.prompts, *second.evaluation.prompts[:5]),
        PAIR,
        np.concatenate([first.evaluation.quality, second.evaluation.quality[:5]]),
    )
    sets = [Graded(both, PAIR), second]
    found = next(leave_one_out(sets, [], ["ridge"], _only_taught, HashEmbedder(), most=1000))
    assert (found.prompts, found.dropped) == (60, 5)
    with pytest.raises(DataError, match="each of its 60 prompts is among"):
        list(
            leave_one_out(
                [first, first._replace()], BATTLES, ["ridge"], Maker(), HashEmbedder(), most=99
            )
        )


def test_gold_rows_are_as_many_as_wanted_and_drawn_by_the_seed():
    each = graded("algebra")
    some = gold_rows(each, 10, seed=1)
    assert len({battle.prompt for battle in some}) == 10
    assert some == gold_rows(each, 10, seed=1) != gold_rows(each, 10, seed=2)
    assert {battle.winner for battle in gold_rows(each, 1000, 0)} == {"a", "tie"}
    assert {battle.winner for battle in gold_rows(Graded(each.evaluation, PAIR[::-1]), 60, 0)} == {
        "b",
        "tie",
    }


def _only_taught(name: str, pair: tuple[str, str], battles: Sequence[Battle]) -> Router:
    return RidgeRouter(HashEmbedder(), *pair).fit(battles or BATTLES)
