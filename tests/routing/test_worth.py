"""Which models of a pool are worth their price: by costs, battles, and the user's own order."""

import pytest

from routing.battles import MINE, Battle
from routing.ladder import Record
from routing.models import Model
from routing.worth import outdone


def battles(a: str, b: str, wins: int, losses: int, source: str = "judged") -> list[Battle]:
    winners = ["a"] * wins + ["b"] * losses
    return [Battle(f"{a} {b} {at}", a, b, who, source) for at, who in enumerate(winners)]


def found(costs: list[float | None], *fought: Battle, like: str | None = None) -> dict[str, str]:
    models = [Model("big"), Model("mid", like=like), Model("small")]
    return outdone(models, costs, Record.of(fought))


PRICES: list[float | None] = [9.0, 3.0, 1.0]


@pytest.mark.parametrize(
    ("wins", "losses", "expected"),
    [
        (20, 60, {"mid": "small"}),
        (40, 40, {"mid": "small"}),
        (42, 38, {"mid": "small"}),  # better, but that may be chance
        (60, 20, {}),
        (1, 5, {}),  # too few to speak against the order in which they were named
    ],
)
def test_dearer_model_is_outdone_unless_battles_find_it_better(
    wins: int, losses: int, expected: dict[str, str]
):
    assert found(PRICES, *battles("mid", "small", wins, losses)) == expected


def test_models_are_compared_through_those_that_both_met():
    other = [*battles("big", "mid", 90, 10), *battles("big", "small", 60, 40)]
    assert found(PRICES, *other) == {"mid": "small"}
    other = [*battles("big", "mid", 60, 40), *battles("big", "small", 90, 10)]
    assert found(PRICES, *other) == {}


def test_models_that_no_battles_compare_are_taken_as_named():
    assert found(PRICES) == {}
    assert found(PRICES, *battles("big", "mid", 90, 10)) == {}


def test_model_dearer_than_the_strongest_is_worth_it_only_by_battles():
    assert found([2.0, 3.0, 1.0]) == {"mid": "big"}
    assert found([2.0, 3.0, 1.0], *battles("mid", "big", 2, 1)) == {"mid": "big"}
    assert found([2.0, 3.0, 1.0], *battles("mid", "big", 60, 20)) == {}


@pytest.mark.parametrize(
    "costs", [[9.0, None, 1.0], [9.0, 3.0, None], [None, 3.0, None], [9.0, 1.0, 1.0]]
)
def test_only_a_lower_price_outdoes_and_an_unknown_one_is_not_lower(costs: list[float | None]):
    assert found(costs, *battles("mid", "small", 10, 90)) == {}


def test_model_without_battles_is_judged_as_the_person_says_and_the_last_as_weak():
    fought = battles("gpt", "weak", 20, 60)
    assert found(PRICES, *fought, like="gpt") == {"mid": "small"}
    assert found(PRICES, *fought) == {}


def test_own_battles_are_too_few_to_put_a_model_out():
    fought = [*battles("a", "b", 1, 1), *battles("mid", "small", 0, 90, MINE)]
    assert found(PRICES, *fought) == {}


def test_strongest_is_outdone_by_battles_and_the_last_never_is():
    fought = battles("big", "small", 20, 60)
    assert found(PRICES, *fought) == {"big": "small"}
    models = [Model("big"), Model("small")]
    assert outdone(models, [9.0, 1.0], Record.of(fought)) == {"big": "small"}
    assert outdone(models, [1.0, 9.0], Record.of(fought)) == {}
    assert outdone(models, [9.0, 1.0], Record.of(battles("strong", "weak", 60, 20))) == {}
