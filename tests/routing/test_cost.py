"""Bills and ledgers against cases worked by hand."""

from __future__ import annotations

import pytest

from routing.conversation import Usage
from routing.cost import Bill, Ledger, bill, cost
from routing.models import Model, Pool
from routing.prices import Price

# US dollars per million tokens: strong 10 in, 1 cached, 30 out; weak 1 in, 2 out.
STRONG = Model("s", price=Price(10e-6, 30e-6, cached=1e-6))
WEAK = Model("w", price=Price(1e-6, 2e-6))
PAIR = Pool((STRONG, WEAK))
UNKNOWN = Model("nobody/knows-this")
LOCAL = Model("ollama/llama3")


def test_cost_is_tokens_times_price() -> None:
    # 1,000 x 10 + 200 x 30 = 16,000 millionths
    assert cost(Usage(1000, 200), STRONG.price) == pytest.approx(0.016)


def test_cached_tokens_have_their_own_price() -> None:
    # 400 fresh x 10 + 600 cached x 1 + 200 x 30 = 10,600 millionths
    assert cost(Usage(1000, 200, cached_tokens=600), STRONG.price) == pytest.approx(0.0106)


def test_cached_tokens_without_a_price_cost_what_others_cost() -> None:
    assert cost(Usage(1000, 200, cached_tokens=600), WEAK.price) == cost(
        Usage(1000, 200), WEAK.price
    )


def test_tokens_written_into_the_cache_have_their_own_price() -> None:
    price = Price(10e-6, 30e-6, cached=1e-6, written=12.5e-6)
    # 100 fresh x 10 + 600 cached x 1 + 300 written x 12.5 + 200 x 30 = 11,350 millionths
    usage = Usage(1000, 200, cached_tokens=600, written_tokens=300)
    assert cost(usage, price) == pytest.approx(0.01135)


@pytest.mark.parametrize(("prompt", "dollars"), [(200_000, 0.26), (200_001, 0.515002)])
def test_long_prompt_raises_the_price_of_all_tokens(prompt: int, dollars: float) -> None:
    price = Price(1.25e-6, 10e-6, above_tokens=200_000, above=Price(2.5e-6, 15e-6))
    # at 200,000: 250,000 + 1,000 x 10; one more: 200,001 x 2.5 + 1,000 x 15 = 515,002.5
    assert cost(Usage(prompt, 1000), price) == pytest.approx(dollars, abs=1e-6)


def test_unknown_price_is_never_zero() -> None:
    assert cost(Usage(1000, 200), None) is None


def test_bill_of_a_weak_reply_counts_the_same_tokens_at_the_strong_price() -> None:
    billed = bill(Usage(1000, 200), PAIR, WEAK)
    assert billed.cost_usd == pytest.approx(0.0014)
    assert billed.all_strong_usd == billed.others_usd["s"] == pytest.approx(0.016)
    assert billed.saved_usd == pytest.approx(0.0146)


def test_bill_of_a_strong_reply_saves_nothing() -> None:
    billed = bill(Usage(1000, 200), PAIR, STRONG)
    assert billed.cost_usd == billed.all_strong_usd == pytest.approx(0.016)
    assert billed.others_usd == {"w": pytest.approx(0.0014)}
    assert billed.saved_usd == 0


def test_bill_with_an_unknown_price_saves_an_unknown_sum() -> None:
    billed = bill(Usage(1000, 200), Pool((UNKNOWN, WEAK)), WEAK)
    assert billed == Bill(pytest.approx(0.0014), None, {UNKNOWN.name: None})
    assert billed.saved_usd is None


def test_local_model_is_free_and_saves_the_whole_strong_price() -> None:
    billed = bill(Usage(1000, 200), Pool((STRONG, LOCAL)), LOCAL)
    assert billed.cost_usd == 0
    assert billed.saved_usd == pytest.approx(0.016)


def test_ledger_adds_up_a_session() -> None:
    usage = Usage(1000, 200, cached_tokens=100)
    strong, weak = bill(usage, PAIR, STRONG), bill(usage, PAIR, WEAK)
    ledger = Ledger().add(strong, usage, "strong").add(weak, usage, "weak").add(weak, usage, "weak")
    # strong: 900 x 10 + 100 x 1 + 200 x 30 = 15,100; weak 1,400
    assert ledger.spent_usd == pytest.approx(0.0151 + 2 * 0.0014)
    assert ledger.all_strong_usd == pytest.approx(3 * 0.0151)
    assert ledger.saved_usd == pytest.approx(2 * (0.0151 - 0.0014))
    assert ledger.saved_share == pytest.approx(2 * 0.0137 / (3 * 0.0151))
    assert (ledger.strong_turns, ledger.weak_turns, ledger.unpriced_turns) == (1, 2, 0)
    assert (ledger.prompt_tokens, ledger.completion_tokens) == (3000, 600)
    assert ledger.cached_tokens == 300


def test_ledger_compares_only_turns_whose_prices_are_both_known() -> None:
    usage = Usage(1000, 200)
    known = bill(usage, PAIR, WEAK)
    half = bill(usage, Pool((UNKNOWN, WEAK)), WEAK)
    none = bill(usage, Pool((STRONG, UNKNOWN)), UNKNOWN)
    ledger = Ledger().add(known, usage, "weak").add(half, usage, "weak").add(none, usage, "weak")
    assert ledger.spent_usd == pytest.approx(2 * 0.0014)
    assert ledger.saved_usd == pytest.approx(0.016 - 0.0014)
    assert ledger.unpriced_turns == 1


def test_empty_ledger_saved_nothing() -> None:
    assert Ledger().saved_usd == Ledger().saved_share == 0


def test_bill_in_a_pool_names_every_other_model() -> None:
    middle = Model("m", price=Price(5e-6, 10e-6))
    billed = bill(Usage(1000, 200), Pool((STRONG, middle, UNKNOWN, WEAK)), middle)
    assert billed.cost_usd == pytest.approx(0.007)
    assert billed.all_strong_usd == pytest.approx(0.016)
    assert billed.others_usd == {
        "s": pytest.approx(0.016),
        UNKNOWN.name: None,
        "w": pytest.approx(0.0014),
    }


def test_ledger_counts_turns_by_tier() -> None:
    usage = Usage(10, 20)
    ledger = Ledger()
    for tier in ("weak", "middle", "weak", "strong"):
        ledger = ledger.add(Bill(0.1, 0.2), usage, tier)
    assert ledger.turns == {"strong": 1, "middle": 1, "weak": 2}
