"""What goes into a message, and finding words in the conversation."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from textual.widgets import Input
from textual.widgets._toast import Toast

from tests.tui.conftest import Chat, offered, ready, say, wait_until
from tests.tui.fakes import FakeEngine, reply_events
from tui.app import ChatApp
from tui.attachments import attach, complete, missing
from tui.editor import edit
from tui.errors import UsageError
from tui.screens.doctor import DoctorScreen
from tui.widgets.block import hints
from tui.widgets.find import Find
from tui.widgets.header import Header
from tui.widgets.prose import find_words, plain

SIZE = (110, 34)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "notes.md").write_text("# Notes\n\n```sh\nls\n```\n")
    (tmp_path / "my notes.txt").write_text("mine")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text("x = 1\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff\x00")
    (tmp_path / ".hidden").write_text("h")
    return tmp_path


def test_file_stands_under_the_message_in_a_fence_that_holds_it(folder: Path):
    whole = attach("see @notes.md, please", folder)
    assert whole == ("see @notes.md, please\n\nnotes.md:\n````\n# Notes\n\n```sh\nls\n```\n````")
    assert attach(whole, folder) == whole  # edited and sent again


def test_names_with_spaces_folders_and_homes_are_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(folder))
    assert "mine" in attach('read @"my notes.txt"', folder)
    assert "x = 1" in attach("(see below)\n@src/main.py", folder)
    assert "x = 1" in attach("@~/src/main.py?", Path("/"))
    assert attach("x@notes.md is an address, @dataclass a word", folder).count("\n") == 0


def test_what_is_no_text_is_refused(folder: Path):
    with pytest.raises(UsageError, match=r"picture\.png is not text"):
        attach("@picture.png", folder)


def test_mention_that_leads_nowhere_is_told(folder: Path):
    assert missing("@notse.md @notes.md @dataclass a@b.org", folder) == ["notse.md"]
    assert missing("@./nots, @/no/such @src @./src @types/node", folder) == ["nots", "such"]


def test_completion_names_files_and_folders(folder: Path):
    assert [name for name, _ in complete("@", folder)] == [
        "@src/",
        '@"my notes.txt" ',
        "@notes.md ",
        "@picture.png ",
    ]
    assert complete("@src/m", folder) == [("@src/main.py ", "6 bytes")]
    assert [name for name, _ in complete("@.h", folder)] == ["@.hidden "]
    assert complete("@nowhere/x", folder) == ()
    assert complete("@notes.md", folder) == []


@pytest.mark.usefixtures("folder")
async def test_mentioned_file_goes_along(chat: Chat):
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.composer.insert("what is ")
        await pilot.press("@", "s")
        await offered(pilot)
        await pilot.press("tab")
        await wait_until(pilot, lambda: app.chat.composer.text == "what is @src/")
        await offered(pilot)
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chat.composer.text == "what is @src/main.py ")
        await pilot.press("enter")
        await wait_until(pilot, lambda: engine.requests)
    assert engine.requests[0].turns[0].text == (
        "what is @src/main.py \n\nmain.py:\n```\nx = 1\n```"
    )


@pytest.mark.usefixtures("folder")
async def test_completion_of_what_is_no_longer_there_is_not_taken(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.composer.insert("@s")
        await offered(pilot)
        app.chat.composer._complete = lambda _: time.sleep(0.3) or ()
        await pilot.press("x", "tab")
        assert app.chat.composer.text == "@sx"


@pytest.mark.usefixtures("folder")
async def test_message_with_a_file_that_is_no_text_is_not_sent(chat: Chat):
    engine = FakeEngine()
    app = chat(engine)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        app.chat.composer.insert("look: @picture.png")
        await pilot.press("enter")
        await wait_until(pilot, lambda: app._notifications)
        assert app.chat.composer.text == "look: @picture.png"
    assert not engine.requests


def editor(folder: Path, code: str) -> dict[str, str]:
    """The environment with an editor that does that to `text`."""
    program = folder / "editor.py"
    program.write_text(
        "import pathlib, sys\nfile = pathlib.Path(sys.argv[1])\ntext = file.read_text()\n"
        f"assert file.parent.stat().st_mode & 0o077 == 0\n{code}\n"
    )
    return {"EDITOR": f"'{sys.executable}' {program}"}


def test_editor_gives_back_what_was_written(tmp_path: Path):
    environment = editor(tmp_path, "file.write_text(text + 'é and more\\n')")
    assert edit("draft ", environment) == "draft é and more"
    assert edit("draft", environment | {"VISUAL": "true"}) == "draft"


@pytest.mark.parametrize("code", ["sys.exit(3)", "file.unlink()", "file.write_bytes(b'\\xff')"])
def test_editor_that_fails_is_named(tmp_path: Path, code: str):
    with pytest.raises(UsageError, match=r"editor\.py"):
        edit("draft", editor(tmp_path, code))


async def test_editor_that_cannot_be_started_gives_the_terminal_back(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
):
    back = []

    @contextmanager
    def suspend(_: ChatApp) -> Iterator[None]:
        yield
        back.append(True)  # as Textual does: not where an error comes through

    monkeypatch.setattr(ChatApp, "suspend", suspend)
    monkeypatch.setenv("EDITOR", "/no/such/editor")
    monkeypatch.delenv("VISUAL", raising=False)
    app = chat()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        app.chat.composer.insert("my words")
        await pilot.press("ctrl+o")
        await wait_until(pilot, lambda: app._notifications)
        assert back
        assert app.chat.composer.text == "my words"


async def test_where_no_editor_can_be_opened_the_draft_stays(chat: Chat):
    app = chat()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        app.chat.composer.insert("draft")
        await pilot.press("ctrl+o")
        await wait_until(pilot, lambda: app._notifications)
        assert app.chat.composer.text == "draft"


async def test_words_are_found_marked_and_gone_through(chat: Chat):
    long = "\n\n".join(f"paragraph {n}" for n in range(60))
    app = chat(FakeEngine(reply_events(f"{long}\n\nthe **quokka** sleeps"), reply_events("ok")))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "what does a Quokka do?")
        await say(pilot, "thanks")
        await pilot.press("ctrl+f", *"quokka")
        finder = app.chat.query_one(Find)
        count = finder.query_one(".find--count")
        await wait_until(pilot, lambda: "2 of 2" in str(count.content))
        prose = app.chat.talk.transcript.blocks[1].prose
        assert prose.pointed_at == 120
        await pilot.press("enter")
        await wait_until(pilot, lambda: "1 of 2" in str(count.content))
        await wait_until(pilot, lambda: app.chat.talk.transcript.scroll_y == 0)
        await pilot.press("down")
        await wait_until(pilot, lambda: app.chat.talk.transcript.scroll_y > 80)
        await pilot.press(*["backspace"] * 6, *"zebra")
        await wait_until(pilot, lambda: "not found" in str(count.content))
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.chat.composer.draft.has_focus)
        assert not finder.display
        assert not prose._marks
        await pilot.press("ctrl+f")
        await wait_until(pilot, lambda: finder.query_one(Input).value == "zebra")


def test_match_that_goes_on_in_the_next_line_is_marked_in_both():
    document = plain("alpha beta gamma\ndelta")
    starts, marks = find_words(document, 11, "BETA gamma")
    assert starts == [0]
    assert [document.line(y).content.plain[a:b] for y, [(a, b)] in marks.items()] == [
        "beta",
        "gamma",
    ]
    assert find_words(document, 11, "gammadelta") == ([], {})
    assert find_words(document, 11, "") == ([], {})


async def test_doctor_shows_what_was_found_and_no_key(chat: Chat, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    app = chat()
    async with app.run_test(size=(110, 60)) as pilot:
        await ready(pilot)
        await app.chat._command("/doctor")
        await wait_until(pilot, lambda: isinstance(app.screen, DoctorScreen))
        await wait_until(pilot, lambda: "settings.toml" in app.export_screenshot())
        picture = app.export_screenshot()
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat)
    assert "OPENAI_API_KEY" in picture
    assert "secret" not in picture


async def test_passing_line_leaves_what_one_writes_in_sight(chat: Chat):
    app = chat()
    async with app.run_test(size=(60, 20), notifications=True) as pilot:
        await ready(pilot)
        app.chat.tell("A line that goes away by itself, and is long enough to be wrapped.")
        await wait_until(pilot, lambda: app.screen.query(Toast))
        await wait_until(pilot, lambda: app.screen.query_one(Toast).region.height)
        shown = app.screen.query_one(Toast).region
        assert app.chat.query_one(Header).region.bottom <= shown.y
        assert shown.bottom <= app.chat.composer.region.y
        assert shown.right < app.chat.talk.transcript.region.right - 1  # a scrollbar is there


@pytest.mark.parametrize("width", [20, 60, 76, 110])
def test_keys_of_a_message_are_told_in_the_words_that_fit(width: int):
    assert len(hints(width)) <= max(width, 60)
    assert "+− judge" in hints(110)
    assert hints(76).startswith("y copy")
