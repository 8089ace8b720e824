"""The audit's place in the chat, with an audit that is played back."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import ContentSwitcher, Input, OptionList

from audit.report import to_json
from tests.audit.reports import REPORT
from tests.audit.servers import EndpointServer, asked_symbols
from tests.tui.conftest import Chat, offered, ready, say, wait_until
from tests.tui.fakes import bill, decision
from tui.app import ChatApp
from tui.audits.child import steps
from tui.audits.job import CANCELLED, run_child
from tui.audits.kept import newest_notes, read_notes
from tui.audits.wire import Begun, Failed, Kept, Order, Scored, Step, decode_step, encode_step
from tui.screens.audit import AuditScreen
from tui.widgets.why import why_text

SIZE = (110, 34)
MODEL = "openai/gpt-4.1"

BEGUN = Begun((f"{MODEL}: 300 questions in 2,700 prompts, measured by letters", "2,700 calls"))
SCORED = Scored(
    1_200,
    2_700,
    "1,200 of 2,700  40 s left  $0.1200  order.fix_C",
    (("base.symbol", "300", "61.0 %", "4.1", ""), ("order.fix_C", "200", "74.5 %", "9.8", "2")),
)


class FakeRunner:
    """Plays back steps of an audit, and waits where an event of asyncio stands among them."""

    def __init__(self, *script: Step | asyncio.Event) -> None:
        self.script = script
        self.orders: list[Order] = []
        self.closed = 0

    async def __call__(self, order: Order, log: Path) -> AsyncGenerator[Step]:
        self.orders.append(order)
        try:
            for step in self.script:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield step
        finally:
            self.closed += 1


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A report among those kept, in the folder that the chat is given."""
    file = tmp_path / "audits" / "reports" / f"20260131120000-{REPORT.model.replace('/', '_')}.json"
    file.parent.mkdir(parents=True)
    file.write_text(to_json(REPORT), encoding="utf-8")
    return file


async def opened(pilot: Pilot[None], command: str, runner: FakeRunner) -> AuditScreen:
    """The audit screen as that command opens it."""
    await ready(pilot)
    app = pilot.app
    assert isinstance(app, ChatApp)
    app.chat.audit_runner = runner
    app.chat.composer.insert(command)
    if " " not in command:
        await offered(pilot)
    await pilot.press("enter")
    await wait_until(pilot, lambda: isinstance(app.screen, AuditScreen))
    await wait_until(pilot, lambda: app.screen.query("#hint"))
    screen = app.screen
    assert isinstance(screen, AuditScreen)
    return screen


def part(screen: AuditScreen) -> str | None:
    return screen.query_one(ContentSwitcher).current


def listed(screen: AuditScreen) -> list[str]:
    return [str(option.prompt) for option in screen.query_one(OptionList).options]


async def test_list_offers_connected_models_and_opens_reports(chat: Chat, kept: Path):
    app = chat(demo=False, strong=MODEL, weak="local/tiny")
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "/audit", FakeRunner())
        await wait_until(pilot, lambda: REPORT.model[:20] in listed(screen)[-1])
        rows = [row.strip() for row in listed(screen)]
        assert rows[:6] == ["Run on", MODEL, "local/tiny", *rows[3:5], "Reports kept"]
        assert rows[3:5] == ["demo/biased", "demo/balanced"]
        await pilot.press("end", "enter")
        await wait_until(pilot, lambda: part(screen) == "report")
        await pilot.press("l")
        assert part(screen) == "choice"


async def test_audit_runs_on_behind_a_closed_screen_and_shows_its_report(chat: Chat, kept: Path):
    go_on = asyncio.Event()
    runner = FakeRunner(BEGUN, SCORED, go_on, Kept(str(kept), "1 finding"))
    app = chat(demo=False, strong=MODEL, weak="local/tiny")
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, f"/audit {MODEL}", runner)
        await wait_until(pilot, lambda: app.chat.audit_job.scored == SCORED)
        assert part(screen) == "run"
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat)
        await say(pilot, "the chat goes on")
        assert app.chat.audit_under_way
        screen = await opened(pilot, "/audit", runner)
        assert part(screen) == "run"
        go_on.set()
        await wait_until(pilot, lambda: part(screen) == "report")
        assert runner.orders == [Order(MODEL, pool=(MODEL, "local/tiny"))]
        assert REPORT.model in app.chat.talk.why.audits


async def test_x_cancels_the_audit_and_says_that_scores_are_kept(chat: Chat):
    runner = FakeRunner(BEGUN, SCORED, asyncio.Event())
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, "/audit demo/biased", runner)
        await wait_until(pilot, lambda: app.chat.audit_job.scored)
        await pilot.press("x")
        await wait_until(pilot, lambda: runner.closed)
        assert app.chat.audit_job.ended == CANCELLED


async def test_leaving_the_chat_ends_the_audit(chat: Chat):
    runner = FakeRunner(BEGUN, asyncio.Event())
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, "/audit demo/biased", runner)
        await wait_until(pilot, lambda: app.chat.audit_job.begun)
    assert runner.closed == 1


async def test_limit_goes_with_the_order_and_must_be_an_amount(chat: Chat):
    runner = FakeRunner(Failed("It cannot be loaded.", "Look at the folder."))
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "/audit", runner)
        screen.query_one("#model", Input).value = "mine"
        screen.query_one("#limit", Input).value = "cheap"
        screen.query_one("#limit").focus()
        await pilot.press("enter")
        assert runner.orders == []
        screen.query_one("#limit", Input).value = "$0.50"
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.audit_job and app.chat.audit_job.ended)
        assert [order.max_cost for order in runner.orders] == [0.5]
        assert part(screen) == "run"


async def test_key_that_comes_before_the_screen_is_there_does_no_harm(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.audit("")
        await app.run_action("leave", app.screen)
        await wait_until(pilot, lambda: app.screen.query("#hint"))
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat)


async def test_broken_report_is_refused_in_its_place(chat: Chat, kept: Path):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, "/audit", FakeRunner())
        await wait_until(pilot, lambda: len(listed(screen)) == 5)
        kept.write_text("{}")
        await pilot.press("end", "enter")
        error = screen.query_one(".error")
        await wait_until(pilot, lambda: "expected a report" in str(error.render()))


def test_why_ends_with_the_models_audit(kept: Path, tmp_path: Path):
    note = newest_notes(tmp_path / "audits")[REPORT.model]
    assert note.day == REPORT.created[:10]
    text = why_text(decision("strong"), bill("strong"), 90, f"{note.line} ({note.day})").plain
    assert text.splitlines()[-1] == f"audit: {note.line} ({note.day})"


def test_note_gives_accuracy_and_the_first_finding(kept: Path, tmp_path: Path):
    report = json.loads(kept.read_text())
    report["results"]["effects"][0] |= {"accuracy": 0.61, "interval": [0.57, 0.65]}
    report["findings"][0]["sentence"] = "Picks C when unsure: +13.5 points when the answer is C"
    kept.write_text(json.dumps(report))
    [note] = read_notes(tmp_path / "audits")
    assert note.line == "61 % ± 4, picks C when unsure"
    report |= {"findings": [], "verdict": "No bias found at the 5 % level over 25 tests"}
    report["results"]["effects"][0]["interval"] = [None, None]
    kept.write_text(json.dumps(report))
    assert read_notes(tmp_path / "audits")[0].line == "61 %, no bias found"
    report["results"]["effects"][0]["accuracy"] = None
    report["verdict"] = "Nothing was found, for nothing could be tested"
    kept.write_text(json.dumps(report))
    assert "no bias" not in read_notes(tmp_path / "audits")[0].line


def test_unreadable_reports_are_left_out(kept: Path, tmp_path: Path):
    kept.write_text("{")
    assert read_notes(tmp_path / "audits") == []
    assert newest_notes(tmp_path / "audits") == {}


@pytest.mark.parametrize("step", [BEGUN, SCORED, Kept("a.json", "1 finding"), CANCELLED])
def test_steps_come_back_as_they_were(step: Step):
    assert decode_step(encode_step(step)) == step


def test_child_audits_an_endpoint(monkeypatch: pytest.MonkeyPatch, home: Path):
    monkeypatch.setenv("LLMROUTE_HOME", str(home))
    with EndpointServer(reply=lambda message: asked_symbols(message)[2]) as server:
        order = Order("tiny", max_samples=4, pool=("tiny", "other"), api_base=server.url)
        begun, *scored, last = steps(order)
    assert isinstance(begun, Begun)
    assert "4 questions" in begun.lines[0]
    assert scored[-1].done == scored[-1].total
    assert isinstance(last, Kept)
    assert [note.file for note in read_notes(home / "audits")] == [Path(last.file)]


def test_child_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch, home: Path):
    monkeypatch.setenv("LLMROUTE_HOME", str(home))
    [failed] = steps(Order("demo/strong", pool=("demo/strong", "demo/weak")))
    assert isinstance(failed, Failed)
    assert "stand-in" in failed.message


async def test_process_that_dies_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    told = [step async for step in run_child(Order("tiny"), tmp_path / "log")]
    assert [type(step) for step in told] == [Failed]
    assert "code 1" in told[0].message


async def test_process_ends_with_its_iterator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    endless = tmp_path / "endless"
    line = encode_step(BEGUN).decode().strip()
    endless.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\necho '{line}'\nexec sleep 60\n")
    endless.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(endless))
    told = run_child(Order("tiny"), tmp_path / "log")
    assert await anext(told) == BEGUN
    await told.aclose()
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


Snap = Callable[..., bool]


def test_running_audit_looks_so(chat: Chat, snap_compare: Snap):
    app = chat()

    async def running(pilot: Pilot[None]) -> None:
        await opened(pilot, "/audit demo/biased", FakeRunner(BEGUN, SCORED, asyncio.Event()))
        await wait_until(pilot, lambda: app.chat.audit_job.scored and app.chat.talk.warm)
        await pilot.pause()

    assert snap_compare(app, terminal_size=SIZE, run_before=running)


def test_report_looks_so(chat: Chat, snap_compare: Snap, kept: Path):
    async def shown(pilot: Pilot[None]) -> None:
        screen = await opened(pilot, "/audit demo/biased", FakeRunner(BEGUN, Kept(str(kept), "")))
        await wait_until(pilot, lambda: part(screen) == "report")
        await pilot.pause()

    assert snap_compare(chat(), terminal_size=SIZE, run_before=shown)


def test_choice_looks_so(chat: Chat, snap_compare: Snap, kept: Path):
    async def shown(pilot: Pilot[None]) -> None:
        screen = await opened(pilot, "/audit", FakeRunner())
        await wait_until(pilot, lambda: len(listed(screen)) == 5)
        for box in screen.query(Input):
            box.cursor_blink = False
        await pilot.pause()

    assert snap_compare(chat(demo=True), terminal_size=SIZE, run_before=shown)
