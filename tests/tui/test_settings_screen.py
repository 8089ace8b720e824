"""The settings that one changes in the chat: what is kept, what is refused, what is shown."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.tui.conftest import Chat, ready, wait_until
from tui.app import ChatApp
from tui.local_servers import LocalServer
from tui.screens.settings import Choices, SettingsScreen
from tui.widgets.welcome import Welcome

SIZE = (110, 34)


async def opened(app: ChatApp, pilot: Pilot[None]) -> SettingsScreen:
    await ready(pilot)
    await pilot.press("f5")
    await wait_until(pilot, lambda: isinstance(app.screen, SettingsScreen))
    await wait_until(pilot, lambda: app.screen.query("#budget"))
    assert isinstance(app.screen, SettingsScreen)
    return app.screen


async def enter(pilot: Pilot[None], name: str, text: str) -> None:
    box = pilot.app.screen.query_one(f"#{name}", Input)
    box.value = text
    box.focus()
    await pilot.press("enter")


@pytest.mark.parametrize("amount", ["0.0025", "1250"])
async def test_budget_stands_in_its_field_as_it_was_written(
    chat: Chat, tmp_path: Path, amount: str
):
    (tmp_path / "settings.toml").write_text(f"[budget]\nmonthly_usd = {amount}\n")
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        assert (await opened(app, pilot)).query_one("#budget", Input).value == amount


@pytest.mark.parametrize(
    ("typed", "meant"), [("lm_", "lm_studio/qwen"), ("openai/ho", "openai/house"), ("gemini/", "")]
)
async def test_models_of_ones_own_and_of_servers_here_are_suggested(
    chat: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, meant: str
):
    async def found() -> list[LocalServer]:
        return [LocalServer("LM Studio", 1234, ("lm_studio/qwen",))]

    monkeypatch.setattr("tui.local_servers.find_servers", found)
    (tmp_path / "settings.toml").write_text('[models."openai/house"]\napi_base = "127.0.0.1:1"\n')
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        box = (await opened(app, pilot)).query_one("#strong", Input)
        box.value = ""
        box.focus()
        box.insert_text_at_cursor(typed)
        await wait_until(pilot, lambda: box._suggestion)
        await pilot.press("right")
        assert box.value == meant or (not meant and box.value.startswith(typed))


async def test_budget_comes_into_force_and_nothing_else_is_kept(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        await enter(pilot, "budget", "$20")
        await wait_until(pilot, lambda: app.screen is app.chat)
        settings = app.chat.program.paths.settings
        await wait_until(pilot, settings.exists)
        assert settings.read_text() == '[budget]\nmonthly_usd = 20.0\npast = "warn"\n'
        meter = app.chat.query_one("Meter")
        await wait_until(pilot, lambda: "of $20" in meter.render().plain)
        assert (await opened(app, pilot)).query_one("#budget", Input).value == "20"
        await enter(pilot, "budget", "")
        await wait_until(pilot, lambda: "monthly_usd" not in settings.read_text())
        await wait_until(pilot, lambda: "of $20" not in meter.render().plain)


async def test_share_takes_the_place_of_a_threshold(chat: Chat, tmp_path: Path):
    settings = tmp_path / "settings.toml"
    settings.write_text("threshold = 0.25\nshare = 0.333\n")
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        await enter(pilot, "share", "40")
        assert "'40' is not a share" in str(app.screen.query_one(".error", Static).content)
        await enter(pilot, "share", "33 %")  # as it was shown
        await wait_until(pilot, lambda: app.screen is app.chat)
        assert app.chat.program.settings.threshold == 0.25
        await opened(app, pilot)
        await enter(pilot, "share", "40%")
        await wait_until(pilot, lambda: settings.read_text() == "share = 0.4\n")
        assert app.chat.talk.turns.routing.threshold is None


@pytest.mark.parametrize("text", ["a lot", "-1", "nan", "inf"])
async def test_amount_that_is_none_is_refused(chat: Chat, text: str):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        await enter(pilot, "budget", text)
        assert f"{text!r} is not an amount" in str(app.screen.query_one(".error", Static).content)


async def test_what_was_set_is_told_by_its_place_in_words(chat: Chat, tmp_path: Path):
    file = tmp_path / "settings.toml"
    file.write_text(
        'pool = ["demo/strong", "demo/middle", "demo/weak"]\nrouter = "chance"\n'
        '[budget]\nmonthly_usd = 5\n[keys]\nwhy = "f9"\n'
        '[models."openai/own"]\napi_base = "http://127.0.0.1:1/v1"\n'
    )
    app = chat(demo=False, share=0.25)
    async with app.run_test(size=SIZE) as pilot:
        lines = (await opened(app, pilot))._effective().splitlines()
    assert lines[:6] == [
        f"Set ({file}):",
        "  budget: monthly_usd 5.0, past warn",
        "  keys: why f9",
        "  models: openai/own",
        "  pool: demo/strong, demo/middle, demo/weak",
        "  router: chance",
    ]
    assert "Set (command line):" in lines


@pytest.mark.parametrize("size", [(60, 20), (80, 24)])
async def test_what_one_can_do_stays_in_sight(chat: Chat, size: tuple[int, int]):
    app = chat(demo=False, pool=("demo/strong", "demo/middle", "demo/weak"))
    async with app.run_test(size=size) as pilot:
        screen = await opened(app, pilot)
        await pilot.pause()
        frame = screen.query_one("VerticalScroll").region
        for widget in (*screen.query(Input), screen.query_one(Choices)):
            assert widget.region.height
            assert frame.contains_region(widget.region)
        await pilot.press("pagedown", "pagedown")
        told = screen.query_one(".set")
        await wait_until(pilot, lambda: told.region.bottom <= screen.query_one(".choices").region.y)


async def test_models_can_be_taken_away_from_an_empty_conversation(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        app.screen.query_one("#strong", Input).value = ""
        await enter(pilot, "weak", "")
        await wait_until(pilot, lambda: app.chat.query(Welcome))
        assert app.chat.talk.turns.routing.pool is None
