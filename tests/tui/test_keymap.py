from pathlib import Path

import pytest

from tests.tui.conftest import Chat, ready
from tui.app import run_chat
from tui.errors import SettingsError
from tui.keymap import check_keymap
from tui.program import Program
from tui.widgets.why import Why


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"wyh": "f9"}, ["'wyh'", "did you mean why?"]),
        ({"zzz": "f9"}, ["'zzz'", "there are:", "why"]),
        ({"why": "foo"}, ["'foo'", "expected one such as f6"]),
        ({"why": ""}, ["''"]),
        ({"why": "Ctrl+Y"}, ["'Ctrl+Y'", "did you mean 'ctrl+y'"]),
        ({"why": "shift+ctrl+y"}, ["did you mean 'ctrl+shift+y'"]),
        ({"why": "f9,escpae"}, ["'escpae'", "did you mean 'escape'"]),
        ({"why": "x"}, ["'x'", "writing a message"]),
        ({"why": "full_stop"}, ["writing a message"]),
        ({"why": "space"}, ["writing a message"]),
        ({"why": "backspace"}, ["writing a message"]),
        ({"clear_or_quit": "a"}, ["writing a message"]),
        ({"why": "enter"}, ["'enter'", "the key of send"]),
        ({"why": "ctrl+m"}, ["'ctrl+m'", "the key of send"]),
        ({"history": "ctrl+w"}, ["keys.history", "the key of why"]),
        ({"history": "f9", "why": "f9"}, ["'f9'", "the key of history"]),
        ({"why": "ctrl+q"}, ["the key of quit"]),
    ],
)
def test_key_that_would_not_work_or_lock_out_is_refused(
    tmp_path: Path, keys: dict[str, str], words: list[str]
):
    file = tmp_path / "settings.toml"
    rows = [f"{action} = {key!r}" for action, key in keys.items()]
    file.write_text("\n".join(["share = 0.2", "[keys]", *rows]))
    with pytest.raises(SettingsError) as caught:
        check_keymap(keys, file)
    assert f"{file}, line {len(keys) + 2}: keys." in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"why": "f9"},
        {"why": "alt+q, ctrl+y"},
        {"why": "ctrl+b", "history": "ctrl+w"},
        {"why": "escape", "stop": "f9"},
        {"send": "ctrl+enter,f12", "newline": "enter"},
        {"slider.less": "h", "audit.cancel": "delete"},
        {"block.copy": "Y", "why.forget_1": "x", "history.delete": "d"},
    ],
)
def test_key_that_works_is_let_pass(tmp_path: Path, keys: dict[str, str]):
    check_keymap(keys, tmp_path / "settings.toml")


def test_chat_does_not_open_with_a_bad_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("LLMROUTE_HOME", str(tmp_path))
    (tmp_path / "settings.toml").write_text("[keys]\nclear_or_quit = 'a'\n")
    with pytest.raises(SettingsError, match="line 2"):
        run_chat(Program.open(demo=True))


def test_chat_does_not_open_with_a_theme_that_there_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("LLMROUTE_HOME", str(tmp_path))
    (tmp_path / "settings.toml").write_text("theme = 'pink'\n")
    with pytest.raises(
        SettingsError, match=r"settings.toml: theme is 'pink': expected one of dark,"
    ):
        run_chat(Program.open(demo=True))


async def test_two_actions_can_change_their_keys(chat: Chat, tmp_path: Path):
    (tmp_path / "settings.toml").write_text("[keys]\nwhy = 'ctrl+b'\nhistory = 'ctrl+w'\n")
    app = chat()
    async with app.run_test(size=(110, 34)) as pilot:
        await ready(pilot)
        was_open = app.chat.query_one(Why).has_class("-open")
        await pilot.press("ctrl+b")
        assert app.chat.query_one(Why).has_class("-open") != was_open
