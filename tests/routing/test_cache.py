"""What a turn loses by leaving a model whose provider has the conversation cached."""

from pathlib import Path

import pytest

from routing.cache import Held, stay, switch_of
from routing.conversation import Turn
from routing.decide import pinned
from routing.engine import Engine
from routing.events import EngineOptions, TurnRequest
from routing.models import Model, Pool
from routing.prices import Price

# US dollars per million tokens would be 10, 20, 1 and 12.5: round numbers to work by hand.
BIG = Model("big", price=Price(10e-6, 20e-6, cached=1e-6, written=12.5e-6))
SMALL = Model("small", price=Price(2e-6, 4e-6, cached=0.2e-6))
POOL = Pool((BIG, SMALL))


def test_switch_is_priced_by_hand():
    switch = switch_of(BIG, POOL, [Held("small", 12_000, 300)])
    assert switch is not None
    assert (switch.left, switch.taken, switch.tokens) == ("small", "big", 12_000)
    assert switch.anew_usd == pytest.approx(0.12)
    assert switch.cached_usd == pytest.approx(0.0024)
    assert switch.extra_usd == pytest.approx(0.1176)


def test_what_the_other_model_holds_is_not_read_anew_and_its_writes_are_dearer():
    held = [Held("big", 4_000, 100, writes=True), Held("small", 12_000, 300)]
    switch = switch_of(BIG, POOL, held)
    assert switch is not None
    assert switch.tokens == 8_000
    assert switch.anew_usd == pytest.approx(8_000 * 12.5e-6)


@pytest.mark.parametrize(
    "held",
    [
        [],
        [Held("big", 12_000)],
        [Held("gone", 12_000)],
        [Held("big", 12_000), Held("small", 5_000)],
    ],
    ids=["no cache", "same model", "model left the pool", "the other holds more"],
)
def test_nothing_is_lost(held: list[Held]):
    assert switch_of(BIG, POOL, held) is None


def test_unknown_price_is_no_price():
    pool = Pool((Model("unheard-of"), SMALL))
    switch = switch_of(pool.strong, pool, [Held("small", 12_000)])
    assert switch is not None
    assert (switch.anew_usd, switch.extra_usd) == (None, None)
    assert stay(switch, pool, [Held("small", 12_000)], 10) is None


@pytest.mark.parametrize(("reply_tokens", "stays"), [(10, True), (2_000, False)])
def test_stronger_model_is_kept_only_where_leaving_saves_nothing(reply_tokens: int, stays: bool):
    held = [Held("big", 12_000, reply_tokens)]
    switch = switch_of(SMALL, POOL, held)
    assert switch is not None
    kept = stay(switch, POOL, held, new_tokens=20)
    prompt = 12_000 + reply_tokens + 20
    staying = 12_000 * 1e-6 + (reply_tokens + 20) * 10e-6 + reply_tokens * 20e-6
    switching = prompt * 2e-6 + reply_tokens * 4e-6
    assert (staying <= switching) == stays
    assert (kept is not None) == stays
    if kept:
        assert (kept.model, kept.stay_usd) == (BIG, pytest.approx(staying))
        assert kept.switch_usd == pytest.approx(switching)


def test_weaker_model_is_never_kept_for_its_cache():
    held = [Held("small", 12_000, 10)]
    switch = switch_of(BIG, POOL, held)
    assert switch is not None
    assert stay(switch, POOL, held, 20) is None


@pytest.mark.parametrize(("aware", "model"), [(False, "small"), (True, "big")])
async def test_route_changes_only_where_the_setting_says_so(
    tmp_path: Path, aware: bool, model: str
):
    request = TurnRequest(
        turns=(Turn("user", "hello there"),),
        pool=POOL,
        threshold=1.0,  # everything is weak
        held=(Held("big", 12_000, 10),),
        cache_aware=aware,
    )
    decision = await Engine(EngineOptions(str(tmp_path), router="chance")).decide(request)
    assert decision.model == model
    assert decision.switch is not None
    assert decision.switch.stayed == aware
    assert decision.reason.startswith("Stays with big") == aware
    assert decision.tier == POOL.tier_of(POOL.find(model))


async def test_pinned_turn_is_priced_and_stays_pinned(tmp_path: Path):
    request = TurnRequest(
        turns=(Turn("user", "hello"),),
        pool=POOL,
        pin="small",
        held=(Held("big", 12_000, 10),),
        cache_aware=True,
    )
    decision = await Engine(EngineOptions(str(tmp_path), router="chance")).decide(request)
    assert decision.model == pinned(POOL, "small").model
    assert decision.switch is not None
    assert not decision.switch.stayed
