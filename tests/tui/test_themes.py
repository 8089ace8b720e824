"""Themes by their short names and their full ones, wherever one is named."""

from pathlib import Path

import pytest

from tests.tui.conftest import Chat, ready
from tui.errors import SettingsError
from tui.themes import THEMES, check_theme, full_name


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        ("light", "llmroute-light"),
        ("llmroute-contrast", "llmroute-contrast"),
        ("textual-light", "textual-light"),
    ],
)
async def test_chat_begins_in_the_theme_of_that_name(chat: Chat, named: str, shown: str):
    app = chat(theme=named)
    check_theme(app.chat.program, app.available_themes)
    async with app.run_test() as pilot:
        await ready(pilot)
        assert app.theme == shown
        assert not app.chat.program.paths.settings.exists()  # a name is no choice of another


async def test_short_name_in_the_settings_is_known(chat: Chat, tmp_path: Path):
    (tmp_path / "settings.toml").write_text('theme = "contrast"\n')
    assert chat().theme == "llmroute-contrast"


def test_unknown_theme_is_refused_with_those_there_are(chat: Chat):
    app = chat(theme="lihgt")
    with pytest.raises(SettingsError, match="'lihgt': expected one of dark, light, contrast, ansi"):
        check_theme(app.chat.program, app.available_themes)


def test_full_names_are_those_of_textual():
    assert [full_name(name) for name in ("dark", "nord")] == ["llmroute-dark", "nord"]
    assert all(full_name(theme.name) == theme.name for theme in THEMES)
