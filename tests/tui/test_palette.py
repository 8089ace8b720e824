"""The palette names every action with its key, and carries each out; themes are kept."""

import pytest

from tests.tui.conftest import Chat, ready, say, wait_until
from tui.app import ChatApp
from tui.screens.bindings import BindingsScreen
from tui.screens.slash import COMMANDS
from tui.sessions import Sessions
from tui.widgets.find import Find

SIZE = (110, 34)
SPEC = (
    "/model /weak /strong /auto /threshold /why /cost /new /sessions /search /rename /fork /retry "
    "/edit /copy /export /system /theme /keys /audit /doctor /quit"
)


def rows(app: ChatApp) -> dict[str, str]:
    """What the palette shows: titles, and what stands below each."""
    return {command.title: command.help for command in app.get_system_commands(app.screen)}


async def test_every_command_and_every_key_is_in_the_palette(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        shown = " ".join(word for row in rows(app).items() for word in row).split()
        assert set(SPEC.split()) <= set(shown)
        assert {f"/{name}" for name in COMMANDS} <= set(shown)
        for binding in app.chat.key_list():
            for key in binding.key.split(","):
                assert key in shown, binding


@pytest.mark.parametrize(("width", "heading"), [(110, "name in [keys]"), (60, "name")])
async def test_columns_of_the_keys_have_headings(chat: Chat, width: int, heading: str):
    app = chat()
    async with app.run_test(size=(width, 30)) as pilot:
        await ready(pilot)
        await pilot.press("f1")
        await wait_until(pilot, lambda: isinstance(app.screen, BindingsScreen))
        await pilot.pause()
        shown = [strip.text for strip in app.screen._compositor.render_strips()]
        [row] = [line for line in shown if "what it does" in line]
        assert row.strip(" │").split("  ")[0] == "key"
        assert row.strip(" │").endswith(heading)


async def test_palette_carries_out_commands_and_keys(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await wait_until(pilot, lambda: all(b.message_id for b in app.chat.talk.transcript.blocks))
        calls = {c.title: c.callback for c in app.get_system_commands(app.screen)}
        calls["/search  search all conversations"]()
        assert app.chat.composer.text == "/search "
        await calls["Begin a new line"]()
        await wait_until(pilot, lambda: app.chat.composer.text == "/search \n")
        app.chat.composer.clear()
        calls["/find  find in this conversation"]()
        await wait_until(pilot, lambda: app.chat.query_one(Find).display)
        await calls["On a message: edit it and send it again"]()
        await wait_until(pilot, lambda: app.chat.composer.text == "hi")
        calls["/keys  every key"]()
        await wait_until(pilot, lambda: isinstance(app.screen, BindingsScreen))


@pytest.mark.parametrize("name", ["light", "llmroute-contrast", "dracula"])
async def test_chosen_theme_is_kept(chat: Chat, name: str):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await app.chat._command(f"/theme {name}")
        assert app.theme.endswith(name)
        settings = app.chat.program.paths.settings
        await wait_until(pilot, lambda: settings.exists() and app.theme in settings.read_text())
    assert chat().theme == app.theme


async def test_dialogue_is_free_of_what_was_told_before(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await app.chat._command("/cost")
        app.chat.warn("Nearly full.")
        await wait_until(pilot, lambda: len(app._notifications) == 2)
        await pilot.press("f1")
        await wait_until(pilot, lambda: [n.message for n in app._notifications] == ["Nearly full."])


async def test_unknown_theme_names_ours(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        await app.chat._command("/theme pink")
        await wait_until(pilot, lambda: app._notifications)
        assert "dark, light, contrast" in next(iter(app._notifications)).message
    assert not Sessions(app.chat.program.paths.sessions).list()
