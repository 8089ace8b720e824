"""The month against its budget; the meter's marks; the context that fills."""

import json
from datetime import date
from pathlib import Path

import pytest

from routing.conversation import Usage
from routing.cost import Bill, Ledger
from tests.servers import ScriptedServer
from tests.tui.conftest import Chat, Run, ready, say, wait_until
from tests.tui.fakes import FakeEngine, reply_events
from tests.tui.test_ask import Serve, at
from tui.budget import Month, limit_of, month_of, month_text, warning_of
from tui.sessions import DayCost
from tui.settings import Budget
from tui.widgets.header import Header
from tui.widgets.history import History
from tui.widgets.meter import FULL_ADVICE, Meter, Spending, meter_text

TODAY = date(2026, 1, 10)
WARN, WEAK = Budget(20.0), Budget(20.0, "weak")


def days(**spent: float) -> list[DayCost]:
    """Costs by day: `days(d0101=2.0)` is $2 on January 1st."""
    return [
        DayCost(f"{'2025' if day[1:3] == '12' else '2026'}-{day[1:3]}-{day[3:]}", "m", Ledger(usd))
        for day, usd in spent.items()
    ]


def test_pace_is_that_of_the_days_in_use():
    month = month_of(days(d0101=1.0, d0104=3.0, d0110=1.0), TODAY)
    assert month.spent_usd == 5.0
    assert month.forecast_usd == pytest.approx(5.0 + 0.5 * 21)


def test_pace_looks_back_beyond_the_first_of_the_month():
    month = month_of(days(d1201=30.0, d1215=15.0, d0101=3.0), date(2026, 1, 1))
    assert month.spent_usd == 3.0
    # From the 3rd of December on: the 1st is more than 30 days ago.
    assert month.forecast_usd == pytest.approx(3.0 + 18 / 30 * 30)


def test_two_days_are_no_pace():
    assert month_of(days(d0109=1.0, d0110=1.0), TODAY).forecast_usd is None
    assert month_of([], TODAY) == Month(0.0, None, 0)


def test_last_day_of_the_month_forecasts_what_was_spent():
    month = month_of(days(d0101=1.0, d0131=1.0), date(2026, 1, 31))
    assert month.forecast_usd == month.spent_usd == 2.0


def test_month_with_an_estimate_is_an_estimate():
    guessed = DayCost("2026-01-09", "m", Ledger(1.0, estimated_turns=1))
    last_year = DayCost("2025-01-09", "m", Ledger(1.0, estimated_turns=1))
    assert month_text(month_of([guessed], TODAY), WARN) == "month ~$1 of $20"
    assert not month_of([last_year], TODAY).is_estimated


def test_turns_of_unknown_price_are_said():
    unknown = DayCost("2026-01-09", "m", Ledger(1.0, unpriced_turns=2))
    assert month_text(month_of([unknown], TODAY), WARN) == "month $1 + 2 x $? of $20"


@pytest.mark.parametrize(
    ("month", "text"),
    [
        (Month(4.1, 12.3), "month $4.10 of $20, on pace for $12"),
        (Month(4.1, 7.5), "month $4.10 of $20, on pace for $7.50"),
        (Month(0.0), "month $0 of $20"),
        (Month(20.0, 31.0), "month $20 of $20 OVER BUDGET"),
    ],
)
def test_month_in_a_line(month: Month, text: str):
    assert month_text(month, WARN) == text
    assert month_text(month, Budget()) == ""


def test_past_the_budget_a_warning_then_weak_only_as_set():
    assert warning_of(Month(19.99), WEAK) == limit_of(Month(19.99), WEAK) == ""
    assert "$20 are spent" in warning_of(Month(20.0), WARN)
    assert limit_of(Month(20.0), WARN) == ""
    assert "weak only" in limit_of(Month(20.0), WEAK)
    assert month_text(Month(0.0042), Budget(monthly_usd=0.01)) == "month $0.0042 of $0.01"


def test_all_strong_is_exact_where_the_strong_model_gave_every_reply():
    exact, guessed = Usage(10, 10), Usage(10, 10, estimated=True)
    bill = Bill(cost_usd=0.01, all_strong_usd=0.01)
    ledger = Ledger().add(bill, exact, "strong")
    assert "│ $0.0100 all strong │ saved $0 (0 %)" in meter_text(Spending(ledger), 120).plain
    weak = ledger.add(Bill(cost_usd=0.001, all_strong_usd=0.01), exact, "weak")
    assert meter_text(Spending(weak), 120).plain.startswith("$0.0110 spent │ ~$0.0200 all strong")
    unreported = ledger.add(bill, guessed, "strong")
    assert meter_text(Spending(unreported), 120).plain.startswith("~$0.0200 spent │ ~$0.0200")


def test_meter_says_what_to_do_when_the_context_fills():
    def shown(share: float, width: int = 120) -> str:
        return meter_text(Spending(Ledger(), context_share=share), width).plain

    assert shown(0.5).endswith("ctx 50 %")
    assert shown(0.8).endswith(f"ctx 80 %, nearly full: {FULL_ADVICE}")
    assert shown(0.97).endswith(f"ctx 97 %, full: {FULL_ADVICE}")
    assert shown(0.97, 30).endswith("ctx 97 %!")


def test_pace_gives_way_before_the_month():
    spending = Spending(Ledger(), month=Month(4.1, 12.3), budget=WARN)
    assert meter_text(spending, 70).plain.endswith("on pace for $12")
    assert meter_text(spending, 42).plain.endswith("month $4.10 of $20")


def test_what_a_spent_budget_does_gives_way_before_that_it_is_spent():
    spending = Spending(Ledger(0.0072), month=Month(20.5), budget=WEAK)
    assert meter_text(spending, 70).plain.endswith("month $20.50 of $20 OVER BUDGET: weak only")
    assert meter_text(spending, 58).plain.endswith("month $20.50 of $20 OVER BUDGET")


async def test_nearly_full_context_is_told_once(chat: Chat):
    app = chat(FakeEngine(*(reply_events("x") for _ in range(2))))
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await ready(pilot)
        turns = app.chat.talk.turns
        await wait_until(pilot, lambda: turns.contexts)
        turns.contexts = {"demo/weak": 1_400, "demo/strong": None}
        await say(pilot, "one")
        await say(pilot, "two")
        await wait_until(pilot, lambda: app._notifications)
        told = [note.message for note in app._notifications]
        assert [text for text in told if "fills 86 %" in text] == told
        assert len(told) == 1


async def test_opened_conversation_shows_how_full_it_is(chat: Chat):
    app = chat()
    async with app.run_test(size=(120, 30)) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        await wait_until(pilot, lambda: app.chat.history.shown)
        session = app.chat.talk.turns.session.id
        await pilot.press("ctrl+n")
        turns = app.chat.talk.turns
        await wait_until(pilot, lambda: turns.session.id != session and turns.context_share is None)
        app.chat.history.post_message(History.Opened(session))
        await wait_until(pilot, lambda: turns.last is not None)
        assert turns.context_share == pytest.approx(1200 / 32_000)


async def test_spent_budget_is_told_once_and_named_as_the_reason(chat: Chat, tmp_path: Path):
    (tmp_path / "settings.toml").write_text('[budget]\nmonthly_usd = 0.0001\npast = "weak"\n')
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        await wait_until(pilot, lambda: app.chat.talk.turns.limit)
        await say(pilot, "two")
        assert "weak only" in engine.requests[-1].because
        assert str(app.chat.query_one(Header).mode) == "weak only: budget spent"
        shown = meter_text(app.chat.query_one(Meter).spending, 120).plain
        assert shown.endswith("of $0.0001 OVER BUDGET: weak only")
        app.chat.composer.insert("three")
        await pilot.press("alt+s")  # the user's word for one message counts for more
        await wait_until(pilot, lambda: len(engine.requests) == 3)
        told = [note.message for note in app._notifications if "are spent" in note.message]
        assert len(told) == 1
    assert [request.pin for request in engine.requests] == [None, "weak", "strong"]


def test_ask_keeps_to_the_budget(serve: Serve, run: Run, home: Path):
    server: ScriptedServer = serve()
    (home / "settings.toml").write_text(
        '[budget]\nmonthly_usd = 0.000001\npast = "weak"\n'
        '[models."openai/small"]\nprompt_price = 1\ncompletion_price = 2\n'
        '[models."openai/big"]\nprompt_price = 1\ncompletion_price = 2\n'
    )
    run("ask", *at(server), "--pin", "strong", "first")
    code, _, err = run("ask", *at(server), "second")
    assert code == 0
    assert "weak only, as you set it" in err
    assert "openai/small" in err
    shown = run("cost")[1]
    assert "OVER BUDGET" in shown
    report = json.loads(run("cost", "--json")[1])
    assert report["budget_usd"] == 0.000001
    assert report["month"]["spent_usd"] == pytest.approx(report["total"]["spent_usd"])
