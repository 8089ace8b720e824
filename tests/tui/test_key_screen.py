"""A key that is added in the chat: its name, and the server that it goes to."""

from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from routing import errors
from routing.events import Decided
from tests.tui.conftest import SIZE, Chat, ready, say, wait_until
from tests.tui.fakes import FakeEngine, decision, reply_events
from tui.screens.keys import KeyScreen
from tui.widgets.card import Card
from tui.widgets.welcome import Welcome

AT = "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize("by_flag", [False, True])
async def test_key_for_a_server_of_ones_own_is_named_and_sent_there(
    chat: Chat, tmp_path: Path, *, by_flag: bool
):
    small = Decided(replace(decision("weak"), model="openai/small"), 10_000)
    refused = errors.NoKeyError("The server wants a key, and none was sent (401)")
    engine = FakeEngine([small, refused], reply_events("at last"))
    settings = tmp_path / "settings.toml"
    settings.write_text(f'[models."openai/small"]\napi_base = "{AT}"\ntemperature = 0.5\n')
    given = {"api_base": AT} if by_flag else {}
    app = chat(engine, demo=False, strong="openai/big", weak="openai/small", **given)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await wait_until(pilot, lambda: app.chat.query(Card) and app.chat.query_one(Card).has_focus)
        await pilot.press("k")
        await wait_until(pilot, lambda: isinstance(app.screen, KeyScreen))
        name = app.screen.query_one("#name", Input)
        assert name.value == "", "no key of a provider is offered to a server"
        assert AT in str(app.screen.query("Static").nodes[2].render())
        name.value = "sk-this-is-the-key-itself"
        app.screen.query_one("#value", Input).value = "secret"
        app.screen.query_one("#value", Input).focus()
        await pilot.press("enter")
        assert "name of its variable" in str(app.screen.query_one(".error").render())
        name.value = "MY_SERVER_KEY"
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.screen is app.chat)
        await say(pilot, "hi")
        model = engine.requests[-1].pool.weak
        assert (model.key_name, model.api_base) == ("MY_SERVER_KEY", AT)
        assert engine.requests[-1].keys["openai/small"] == "secret"
    kept = settings.read_text()
    assert ('key_name = "MY_SERVER_KEY"' in kept) != by_flag
    assert "temperature = 0.5" in kept
    assert "secret" not in kept


async def test_welcome_names_keys_that_are_kept_and_one_that_is_added(chat: Chat, tmp_path: Path):
    kept = tmp_path / "keys.json"
    kept.write_text('{"MISTRAL_API_KEY": "secret-1"}')
    kept.chmod(0o600)
    app = chat(demo=False)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        welcome = app.chat.query_one(Welcome)
        await wait_until(pilot, lambda: welcome.key_names)
        await pilot.press("k", "enter")
        await wait_until(pilot, lambda: isinstance(app.screen, KeyScreen))
        app.screen.query_one("#name", Input).value = "GROQ_API_KEY"
        app.screen.query_one("#value", Input).value = "secret-2"
        app.screen.query_one("#value", Input).focus()
        await pilot.press("enter")
        told = welcome.query_one("#keys", Static)
        await wait_until(pilot, lambda: "GROQ" in str(told.content))
        assert str(told.content) == "Keys: GROQ_API_KEY, MISTRAL_API_KEY"
