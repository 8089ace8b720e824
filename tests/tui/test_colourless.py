"""The chat under NO_COLOR: what is written has no colour, and what is chosen can still be seen."""

import re

import pytest
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.pilot import Pilot

from tests.tui.conftest import Chat, offered, ready, say, wait_until
from tui.app import ChatApp
from tui.colourless import WithoutColour

SGR = re.compile(r"\x1b\[([0-9;]*)m")
ATTRIBUTES = {
    "",
    "0",
    "1",
    "2",
    "3",
    "4",
    "7",
    "9",
}  # bold, dim, italic, underline, reverse, struck


def written(app: ChatApp) -> list[str]:
    """What the terminal is sent for each line."""
    return [strip.render(app.console) for strip in app.screen._compositor.render_strips()]


def codes(lines: list[str]) -> set[str]:
    return {code for line in lines for found in SGR.findall(line) for code in found.split(";")}


def reversed_text(line: str) -> str:
    pieces = SGR.split(line)
    return "".join(
        text
        for code, text in zip(pieces[1::2], pieces[2::2], strict=True)
        if "7" in code.split(";")
    )


def triplets(app: ChatApp) -> list[ColorTriplet]:
    """The colours of the letters on the screen."""
    styles = [s.style for strip in app.screen._compositor.render_strips() for s in strip]
    return [
        style.color.triplet for style in styles if style and style.color and style.color.triplet
    ]


async def palette(pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+k")
    await wait_until(pilot, lambda: pilot.app.screen.query("CommandList"))
    await wait_until(pilot, lambda: pilot.app.screen.query_one("CommandList").highlighted == 0)
    await pilot.press("down")
    await pilot.pause()


@pytest.fixture
def without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.usefixtures("without_colour")
@pytest.mark.parametrize("theme", ["llmroute-dark", "llmroute-light", "textual-ansi"])
async def test_no_colour_is_written_whatever_the_theme(chat: Chat, theme: str):
    app = chat(theme=theme)
    async with app.run_test() as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        assert codes(written(app)) <= ATTRIBUTES
        await palette(pilot)
        assert codes(written(app)) <= ATTRIBUTES


@pytest.mark.usefixtures("without_colour")
async def test_badge_and_what_is_chosen_are_reversed(chat: Chat):
    app = chat()
    async with app.run_test() as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        assert [line for line in written(app) if reversed_text(line).startswith("[W]")]
        await palette(pilot)
        chosen = [line for line in written(app) if reversed_text(line).strip().startswith("/")]
        assert len(chosen) == 1


@pytest.mark.usefixtures("without_colour")
async def test_completion_that_enter_takes_is_reversed(chat: Chat):
    app = chat()
    async with app.run_test() as pilot:
        await ready(pilot)
        await pilot.press("slash", "t", "h")
        await offered(pilot)
        await pilot.pause()
        assert [line for line in written(app) if reversed_text(line).startswith("/th")]


@pytest.mark.usefixtures("without_colour")
async def test_theme_is_kept_and_said_not_to_show(chat: Chat):
    app = chat()
    async with app.run_test() as pilot:
        await ready(pilot)
        await app.chat._command("/theme light")
        await wait_until(pilot, lambda: app.chat.program.paths.settings.exists())
        assert "llmroute-light" in app.chat.program.paths.settings.read_text()
        assert "NO_COLOR" in [n.message for n in app._notifications][-1]
        assert codes(written(app)) <= ATTRIBUTES


async def test_empty_variable_asks_for_nothing(chat: Chat, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_COLOR", "")
    app = chat()
    async with app.run_test() as pilot:
        await ready(pilot)
        assert any(red != blue for red, _, blue in triplets(app))


def test_filter_keeps_what_is_no_colour():
    style = Style(bold=True, underline=True, color="red", bgcolor="black", meta={"at": (1, 2)})
    [segment] = WithoutColour().apply([Segment("text", style)], Color.parse("black"))
    assert segment.style is not None
    assert segment.style.bold
    assert segment.style.underline
    assert segment.style.meta == {"at": (1, 2)}
    assert segment.style.color is segment.style.bgcolor is None


def test_faint_letters_are_dim_and_no_letters_on_a_light_ground_are():
    grey = Style(color="#888888", bgcolor="#000000")
    chosen = Style(color="#888888", bgcolor="#ffffff")
    segments = WithoutColour().apply([Segment("a", grey), Segment("b", chosen)], Color(0, 0, 0))
    assert [(s.style.dim, s.style.reverse) for s in segments if s.style] == [
        (True, False),
        (False, True),
    ]
