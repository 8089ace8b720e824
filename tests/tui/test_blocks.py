"""Messages walked through: copied, edited, answered again, forked; their versions."""

import os
from pathlib import Path

import pytest
from textual.pilot import Pilot

from routing import errors
from tests.tui.conftest import Chat, ready, say, wait_until
from tests.tui.fakes import FakeEngine, reply_events
from tui.app import ChatApp
from tui.clipboard import TMUX, put, told
from tui.sessions import Message, Sessions
from tui.widgets.block import Block, Place
from tui.widgets.card import Card
from tui.widgets.reply import Reply
from tui.widgets.said import Said

SIZE = (110, 34)
CODE = "First:\n\n```python\nx = 1\n```\n\n1. Then:\n\n   ```sh\n   ls\n   ```\n"


def texts(app: ChatApp) -> list[str]:
    """The conversation on the screen."""
    return [block.copied for block in app.chat.talk.transcript.blocks]


def places(app: ChatApp) -> list[str]:
    return [str(block.place) for block in app.chat.talk.transcript.blocks]


def stored(app: ChatApp) -> dict[str, list[Message]]:
    """Every session on disk, the branch in sight of each."""
    sessions = Sessions(app.chat.program.paths.sessions)
    return {info.id: sessions.read(info.id).branch() for info in sessions.list()}


def three_turns() -> FakeEngine:
    return FakeEngine(*(reply_events(f"answer {n}") for n in (1, 2, 3)))


async def talk_thrice(pilot: Pilot[None]) -> None:
    await ready(pilot)
    for number in (1, 2, 3):
        await say(pilot, f"question {number}")
    blocks = pilot.app.chat.talk.transcript.blocks
    await wait_until(pilot, lambda: all(block.message_id for block in blocks))


async def walk(pilot: Pilot[None], steps: int) -> Block:
    """Go that many messages up."""
    await pilot.press(*["alt+up"] * steps)
    await wait_until(pilot, lambda: isinstance(pilot.app.focused, Block))
    block = pilot.app.focused
    assert isinstance(block, Block)
    return block


async def answered(pilot: Pilot[None], answer: str) -> None:
    last = pilot.app.chat.talk.turns
    await wait_until(pilot, lambda: last.last and last.last.answer == answer and last.last.done)
    await wait_until(
        pilot, lambda: all(b.message_id for b in pilot.app.chat.talk.transcript.blocks)
    )
    await pilot.pause()


async def test_walking_goes_from_message_to_message_and_back_to_the_composer(chat: Chat):
    app = chat(three_turns())
    async with app.run_test(size=SIZE) as pilot:
        await talk_thrice(pilot)
        assert isinstance(await walk(pilot, 1), Reply)
        assert (await walk(pilot, 1)).copied == "question 3"
        assert "y copy" in app.chat.composer.border_title
        assert (await walk(pilot, 9)).copied == "question 1"
        await pilot.press(*["alt+down"] * 6)
        await wait_until(pilot, lambda: app.chat.composer.draft.has_focus)
        assert not any(block.can_focus for block in app.chat.talk.transcript.blocks)


async def test_typing_and_escape_leave_the_messages(chat: Chat):
    app = chat(three_turns())
    async with app.run_test(size=SIZE) as pilot:
        await talk_thrice(pilot)
        await walk(pilot, 2)
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.chat.composer.draft.has_focus)
        await walk(pilot, 2)
        await pilot.press("q", "r")
        assert app.chat.composer.text == "qr"


async def test_a_click_does_not_arm_the_keys_of_a_message(chat: Chat):
    engine = three_turns()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await talk_thrice(pilot)
        await pilot.click(app.chat.talk.transcript.blocks[1])
        assert not isinstance(app.focused, Block)


async def test_edited_message_is_another_branch_and_the_old_one_stays(chat: Chat):
    engine = three_turns()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await talk_thrice(pilot)
        engine.scripts.append(reply_events("another answer"))
        app.chat.composer.insert("a draft")
        await walk(pilot, 3)  # the second reply: its message is edited
        await pilot.press("e")
        await wait_until(pilot, lambda: app.chat.composer.text == "question 2")
        assert "another version" in app.chat.composer.border_title
        await pilot.press("!", "enter")
        await answered(pilot, "another answer")
        assert texts(app) == ["question 1", "answer 1", "question 2!", "another answer"]
        assert places(app) == ["", "", "<2/2>", ""]
        assert app.chat.composer.text == "a draft"
        assert [turn.text for turn in engine.requests[-1].turns] == [
            "question 1",
            "answer 1",
            "question 2!",
        ]
        await walk(pilot, 2)
        await pilot.press("left")
        await wait_until(pilot, lambda: texts(app)[-1] == "answer 3")
        assert texts(app)[2:4] == ["question 2", "answer 2"]
        assert places(app)[2] == "<1/2>"
        await wait_until(pilot, lambda: getattr(app.focused, "copied", "") == "question 2")
        await pilot.press("right")
        await wait_until(pilot, lambda: texts(app)[-1] == "another answer")
        shown = texts(app)
    [branch] = stored(app).values()
    assert [said.text for said in branch] == shown


async def test_escape_leaves_an_edit_and_gives_the_draft_back(chat: Chat):
    engine = three_turns()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await talk_thrice(pilot)
        app.chat.composer.insert("a draft")
        await app.chat._command("/edit")
        assert app.chat.composer.text == "question 3"
        await pilot.press("escape")
        assert app.chat.composer.text == "a draft"
        assert app.chat.editing is None
    assert len(engine.requests) == 3


async def test_any_reply_can_be_given_again_by_either_model(chat: Chat):
    engine = three_turns()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await talk_thrice(pilot)
        engine.scripts += [reply_events("again"), reply_events("strong again", "strong")]
        await walk(pilot, 5)
        await pilot.press("r")
        await answered(pilot, "again")
        assert texts(app) == ["question 1", "again"]
        assert places(app) == ["", "<2/2>"]
        await walk(pilot, 1)
        await pilot.press("g")
        await answered(pilot, "strong again")
        assert places(app) == ["", "<3/3>"]
        assert [request.pin for request in engine.requests[-2:]] == [None, "strong"]
        assert [turn.text for turn in engine.requests[-1].turns] == ["question 1"]
        await walk(pilot, 1)
        await pilot.press("right")  # round to the first
        await wait_until(pilot, lambda: texts(app)[-1] == "answer 3")
        assert app.chat.talk.turns.last.text == "question 3"


async def test_failed_try_is_no_version_once_it_is_answered(chat: Chat):
    app = chat(FakeEngine([errors.NetworkError("offline")], reply_events("back")))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await pilot.press("r")
        await answered(pilot, "back")
        assert places(app) == ["", ""]


async def test_message_that_failed_and_was_sent_again_has_no_versions(chat: Chat):
    app = chat(FakeEngine([errors.NetworkError("offline")], reply_events("back")))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await wait_until(pilot, lambda: app.chat.query(Card))
        await say(pilot, "hi again")
        await answered(pilot, "back")
        assert texts(app) == ["hi again", "back"]
        assert places(app) == ["", ""]
        kept = app.chat.talk.turns.session.conversation.messages.values()
        assert [(said.text, said.error) for said in kept][:2] == [("hi", None), ("", "offline")]


async def test_another_version_that_failed_leads_back_to_the_first(chat: Chat):
    app = chat(FakeEngine(reply_events("good"), [errors.NetworkError("offline")]))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "first")
        await walk(pilot, 2)
        await pilot.press("e")
        await wait_until(pilot, lambda: app.chat.editing)
        await say(pilot, "second")
        await wait_until(pilot, lambda: places(app)[0] == "<2/2>")
        await walk(pilot, 2)
        await pilot.press("left")
        await wait_until(pilot, lambda: texts(app) == ["first", "good"])
        assert places(app) == ["", ""]


async def test_fork_goes_on_in_a_copy_up_to_the_message(chat: Chat):
    engine = three_turns()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await talk_thrice(pilot)
        first = app.chat.talk.turns.session.id
        await walk(pilot, 3)
        await pilot.press("f")
        await wait_until(pilot, lambda: app.chat.talk.turns.session.id != first)
        await wait_until(pilot, lambda: len(texts(app)) == 4)
        await say(pilot, "elsewhere")
    branches = stored(app)
    assert [said.text for said in branches.pop(first)][-1] == "answer 3"
    [copy] = branches.values()
    assert [said.text for said in copy][1:] == [
        "answer 1",
        "question 2",
        "answer 2",
        "elsewhere",
        "Played back.",
    ]


async def test_fork_at_a_message_leaves_it_to_be_answered(chat: Chat):
    engine = three_turns()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await talk_thrice(pilot)
        first = app.chat.talk.turns.session.id
        await walk(pilot, 2)
        await pilot.press("f")
        await wait_until(pilot, lambda: app.chat.talk.turns.session.id != first)
        told = "ctrl+r answers your last message"
        await wait_until(pilot, lambda: told in app.chat.composer.border_title)
        await wait_until(pilot, lambda: app.chat.talk.turns.last)
        await pilot.press("ctrl+r")
        await answered(pilot, "Played back.")
        assert texts(app)[-2:] == ["question 3", "Played back."]


async def test_why_of_an_earlier_reply(chat: Chat):
    app = chat(FakeEngine(reply_events("one", "strong"), reply_events("two")))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "a")
        await say(pilot, "b")
        assert app.chat.talk.why.decision.tier == "weak"
        await walk(pilot, 4)
        await pilot.press("w")
        await wait_until(pilot, lambda: app.chat.talk.why.decision.tier == "strong")
        assert app.chat.talk.why.display


def tool(folder: Path, name: str, code: int = 0) -> None:
    """A program that writes what it reads to NAME.txt beside it."""
    program = folder / name
    program.write_text(f'#!/bin/sh\ncat > "{folder}/{name}.txt"\nexit {code}\n')
    program.chmod(0o755)


async def test_message_and_code_are_copied_and_how_is_said(
    chat: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tool(tmp_path, "xclip")
    monkeypatch.setenv("DISPLAY", ":9")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    app = chat(FakeEngine(reply_events(CODE)))
    copied = tmp_path / "xclip.txt"
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await walk(pilot, 1)
        for key, text, what in (
            ("c", "x = 1", "code block 1 of 2; c again takes the next (5 characters)"),
            ("c", "ls", "code block 2 of 2; c again takes the next (2 characters)"),
            ("c", "x = 1", "code block 1 of 2; c again takes the next (5 characters)"),
            ("y", CODE, f"the message ({len(CODE)} characters)"),
        ):
            await pilot.press(key)
            said = [f"Copied {what} with xclip."]  # one toast in the place of the one before
            await wait_until(
                pilot, lambda said=said: [note.message for note in app._notifications] == said
            )
            assert copied.read_text() == text


async def test_without_a_clipboard_the_doubt_is_said(chat: Chat, monkeypatch: pytest.MonkeyPatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "TMUX", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    app = chat()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await app.chat._command("/copy")
        await wait_until(pilot, lambda: app._notifications)
        assert "OSC 52, which not every one takes" in next(iter(app._notifications)).message
        assert app.clipboard == "Played back."


def test_next_tool_serves_where_one_fails(tmp_path: Path):
    tool(tmp_path, "wl-copy", code=1)
    tool(tmp_path, "xclip")
    both = {"WAYLAND_DISPLAY": "w", "DISPLAY": ":9", "PATH": f"{tmp_path}:/usr/bin:/bin"}
    assert put("é", both).name == "xclip"
    assert (tmp_path / "xclip.txt").read_text() == "é"
    assert put("é", both | {"PATH": str(tmp_path / "none")}) is None


def test_what_is_said_of_the_clipboard_is_true():
    assert "tmux's buffer" in told("it", TMUX, "x")
    assert "more than many take" in told("it", None, "x" * 60_000)


def test_place_is_shown_where_there_are_versions():
    assert str(Place(2, 3)) == "<2/3>"
    assert str(Place()) == ""


async def test_versions_stand_beside_the_message_and_the_badge(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hi")
        await pilot.press("ctrl+r")
        await wait_until(pilot, lambda: places(app) == ["", "<2/2>"])
        assert "<2/2>" in app.chat.query_one(Reply).badge.render().plain
        await app.chat._command("/edit")
        await say(pilot, "hi there")
        await wait_until(pilot, lambda: places(app) == ["<2/2>", ""])
        assert "<2/2>" in app.chat.query_one(Said)._heading().plain
