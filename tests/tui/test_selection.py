"""Text selected with the mouse and copied: in old turns, across turns, while a reply streams."""

import asyncio

import pytest
from textual.geometry import Offset
from textual.pilot import Pilot

from routing.conversation import Delta
from tests.tui.conftest import Chat, ready, say, wait_until
from tests.tui.fakes import FakeEngine, reply_events
from tui.app import ChatApp
from tui.widgets.block import Block

SIZE = (110, 34)
MIXED = "Some *words*, [/foo]:\n\n- 東京 and 🙂\n\n```python\nif x:\n    y = 1\n```"
COPIED = "Some words, [/foo]:\n\n• 東京 and 🙂\n\nif x:\n    y = 1"
BADGE = "[W] weak · demo/weak  0.18 < 0.42  $0.0004"


async def drag(pilot: Pilot[None], start: Offset, end: Offset) -> None:
    """Select from one place of the screen to another."""
    await pilot.mouse_down(offset=start)
    await pilot.hover(offset=start.blend(end, 0.5))
    await pilot.hover(offset=end)


async def select(pilot: Pilot[None], first: Block, last: Block, *, back: bool = False) -> str:
    """What is copied after a drag over the whole of these messages, perhaps from their end."""
    app = pilot.app
    assert isinstance(app, ChatApp)
    text = last.prose.region
    ends = first.prose.region.offset, text.bottom_right - (1, 1)
    start, end = reversed(ends) if back else ends
    await drag(pilot, start, end)
    await pilot.mouse_up(offset=end)
    await wait_until(pilot, lambda: app.chat.get_selected_text())
    await pilot.press("ctrl+c")
    await wait_until(pilot, lambda: app.clipboard)
    copied, app._clipboard = app.clipboard, ""
    return copied


async def come_back(pilot: Pilot[None], turns: int) -> None:
    """Talk until the first turns have left the screen, and scroll up to them."""
    talk = pilot.app.chat.talk.transcript
    for number in range(turns):
        await say(pilot, f"question {number}")
    await wait_until(pilot, lambda: len(talk.blocks) < 2 * turns - 2)
    while len(talk.blocks) < 2 * turns or talk.scroll_y:
        await pilot.press("pageup")
    await pilot.pause()


@pytest.mark.parametrize("back", [False, True])
async def test_turns_that_left_the_screen_and_came_back_are_selected_and_copied(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, back: bool
):
    monkeypatch.setattr("tui.widgets.shown.MOST_SHOWN", 8)
    monkeypatch.setattr("tui.widgets.shown.STILL_SHOWN", 6)
    app = chat(FakeEngine(*[reply_events(MIXED) for _ in range(8)]))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await come_back(pilot, 8)
        blocks = app.chat.talk.transcript.blocks
        at = f"{blocks[2].at:%H:%M}"
        assert await select(pilot, blocks[1], blocks[1], back=back) == COPIED
        assert await select(pilot, blocks[0], blocks[3], back=back) == (
            f"question 0\n\n{BADGE}\n{COPIED}\n\nYou  {at}\nquestion 1\n\n{BADGE}\n{COPIED}"
        )


def streaming(*parts: str) -> tuple[FakeEngine, list[asyncio.Event]]:
    """An engine whose reply comes in parts, each after the first when its event is set."""
    events = [asyncio.Event() for _ in parts]
    script = reply_events("")[:1]
    for part, event in zip(parts, events, strict=True):
        script += [Delta(part), event]
    return FakeEngine(*[reply_events(MIXED)] * 3, script), events


async def begin(pilot: Pilot[None], part: str) -> None:
    """Talk for three turns, and let the fourth reply come as far as that."""
    chat = pilot.app.chat
    await ready(pilot)
    for number in range(3):
        await say(pilot, f"question {number}")
    chat.composer.insert("go on")
    await pilot.press("enter")
    await wait_until(pilot, lambda: chat.talk.turns.live and chat.talk.turns.live.pieces)
    await wait_until(pilot, lambda: chat.talk.transcript.last_reply.copied == part)
    await pilot.pause()


async def test_selection_across_turns_stays_in_place_while_the_reply_streams(chat: Chat):
    lines = "".join(f"line {n}\n\n" for n in range(9))
    engine, events = streaming(lines, "more\n\n" * 9, "the end")
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await begin(pilot, lines)
        talk = app.chat.talk.transcript
        said, reply = talk.blocks[-2:]
        end = reply.prose.region.offset + Offset(6, 2)
        await drag(pilot, said.prose.region.offset, end)
        await wait_until(pilot, lambda: (app.chat.get_selected_text() or "").endswith("line 1"))
        before, height = said.region, talk.virtual_size.height
        events[0].set()
        await wait_until(pilot, lambda: talk.virtual_size.height > height)
        await pilot.mouse_up(offset=end)
        assert said.region == before
        selected = app.chat.get_selected_text()
        assert selected.startswith("go on\n\n[W] weak")
        assert selected.endswith("\nline 0\n\nline 1")
        await pilot.press("ctrl+c")
        await wait_until(pilot, lambda: app.clipboard == selected)
        assert not app.chat.get_selected_text()
        talk.scroll_end(animate=False)
        events[1].set()
        await wait_until(pilot, lambda: reply.copied.endswith("the end"))
        await wait_until(pilot, lambda: talk.scroll_y == talk.max_scroll_y)
        assert talk.follows_end


async def test_click_lets_the_end_be_followed_on(chat: Chat):
    lines = "".join(f"line {n}\n\n" for n in range(9))
    engine, events = streaming(lines, "the end")
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await begin(pilot, lines)
        talk = app.chat.talk.transcript
        at = talk.last_reply.prose.region.offset
        await drag(pilot, at, at + Offset(3, 1))
        assert not talk.follows_end
        await pilot.mouse_up(offset=at + Offset(3, 1))
        await pilot.click(offset=at)
        await wait_until(pilot, lambda: talk.follows_end)
        events[0].set()
        await wait_until(pilot, lambda: talk.scroll_y == talk.max_scroll_y)


async def test_selection_grows_with_what_scrolls_in_under_the_mouse(chat: Chat):
    lines = "".join(f"line {n}\n\n" for n in range(30))
    app = chat(streaming(lines)[0])
    async with app.run_test(size=SIZE) as pilot:
        await begin(pilot, lines)
        talk = app.chat.talk.transcript
        top = talk.region.offset + Offset(3, 4)
        await drag(pilot, talk.region.bottom_right - (9, 2), top)
        before = app.chat.get_selected_text()
        talk.scroll_y -= 20
        await pilot.pause()
        app.chat._update_select()  # as Textual does while the mouse rests at the edge
        await wait_until(pilot, lambda: len(app.chat.get_selected_text()) > len(before) + 60)
        assert app.chat.get_selected_text().endswith(before[-40:])
