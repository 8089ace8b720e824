"""Where the user types: Enter sends, Up recalls, a long paste stands as one word."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalGroup, VerticalGroup
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static, TextArea
from textual.widgets.option_list import Option

from tui.turns import Pin
from tui.widgets.tones import MUTED
from tui.workers import start_worker

PASTE_CHARACTERS = 20_000  # a longer paste is kept aside: the text area wraps what it holds

LEAST_OFFERED, MOST_OFFERED = 14, 36  # cells of the column of what is offered

_MENTION = re.compile(r'(?<!\S)@(?:"[^"]*|[^\s"]*)$')

Completer = Callable[[str], Sequence[tuple[str, str]]]


class Draft(TextArea):
    """The text area, with the keys of a chat."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", id="send", tooltip="Send the message", priority=True),
        Binding(
            "ctrl+j,shift+enter",
            "newline",
            "Newline",
            id="newline",
            tooltip="Begin a new line",
            priority=True,
        ),
    ]

    class Sent(Message):
        """The user pressed Enter."""

    class Recalled(Message):
        """The user wants an earlier (-1) or later (+1) message back."""

        def __init__(self, step: int) -> None:
            self.step = step
            super().__init__()

    class Completing(Message):
        """The user moves in the completions or takes one."""

        def __init__(self, key: str) -> None:
            self.key = key
            super().__init__()

    def __init__(self) -> None:
        super().__init__(
            compact=True,
            highlight_cursor_line=False,
            placeholder="type a message",
            id="draft",
        )
        self.completing = False
        self.pastes: dict[str, str] = {}

    def action_send(self) -> None:
        """Send, or take the completion."""
        self.post_message(self.Completing("enter") if self.completing else self.Sent())

    def action_newline(self) -> None:
        """Begin a new line, after what is typed and not yet in the draft."""
        self.call_later(self.insert, "\n")

    def action_cursor_up(self, select: bool = False) -> None:  # Textual's
        """Move up; on the first line recall."""
        if self.completing:
            self.post_message(self.Completing("up"))
        elif self.cursor_at_first_line and not select:
            self.post_message(self.Recalled(-1))
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:  # Textual's
        """Move down; on the last line come back from recalling."""
        if self.completing:
            self.post_message(self.Completing("down"))
        elif self.cursor_at_last_line and not select:
            self.post_message(self.Recalled(1))
        else:
            super().action_cursor_down(select)

    async def _on_key(self, event: events.Key) -> None:
        if self.completing and event.key in {"tab", "escape"}:
            event.stop()
            event.prevent_default()
            self.post_message(self.Completing(event.key))

    async def _on_paste(self, event: events.Paste) -> None:
        if len(event.text) <= PASTE_CHARACTERS:
            return
        event.prevent_default()
        event.stop()
        self.insert(self.shown(event.text))

    def shown(self, text: str) -> str:
        """What stands for a text in the draft: the name of a long one, which is set aside."""
        if len(text) <= PASTE_CHARACTERS:
            return text
        name = f"[paste {len(self.pastes) + 1}: {len(text):,} characters]"
        self.pastes[name] = text
        return name

    @property
    def begun(self) -> str:
        """The command, or the mention of a file, that is being typed; "" where none is."""
        row, column = self.cursor_location
        before = self.document.get_line(row)[:column]
        if mention := _MENTION.search(before):
            return mention[0]
        is_command = row == 0 and before.startswith("/") and self.document.line_count == 1
        return before if is_command else ""

    def complete(self, whole: str) -> None:
        """Write the whole of what has begun."""
        row, column = self.cursor_location
        self.replace(whole, (row, column - len(self.begun)), (row, column))

    @property
    def whole_text(self) -> str:
        """What is sent: pastes in full."""
        text = self.text
        for name, pasted in self.pastes.items():
            text = text.replace(name, pasted)
        return text


class Composer(VerticalGroup):
    """The draft, and above it completions of a command or of the mention of a file."""

    DEFAULT_CSS = """
    Composer { height: auto; border-top: solid $foreground 20%; padding: 0 1;
        border-title-color: $text-muted; }
    Composer Static { width: 2; color: $text-accent; }
    Composer Draft { height: auto; min-height: 1; max-height: 8; padding: 0;
        background: $background; }
    Composer Draft:focus { border: none; }
    Composer > OptionList { height: auto; max-height: 8; border: none; padding: 0; display: none;
        background: $surface; }
    Composer.-completing > OptionList { display: block; }
    """

    class Sent(Message):
        """A message, for a tier where the user said which, or a command to carry out."""

        def __init__(self, text: str, pin: Pin) -> None:
            self.text = text
            self.pin = pin
            super().__init__()

    class Offered(Message):
        """The completions of what had begun are known."""

        def __init__(self, begun: str, completions: Sequence[tuple[str, str]]) -> None:
            self.begun = begun
            self.completions = completions
            super().__init__()

    def __init__(self, complete: Completer) -> None:
        super().__init__()
        self._complete = complete
        self._sent: list[str] = []
        self._recalled = 0
        self._unsent = ""
        self._offered_for = ""  # what had begun when the completions in sight were looked up
        self._options = OptionList(id="completions")
        self._options.can_focus = False
        self.draft = Draft()

    def compose(self) -> ComposeResult:
        with HorizontalGroup():
            yield Static("❯ ", markup=False)
            yield self.draft

    @property
    def text(self) -> str:
        """The draft as it would be sent."""
        return self.draft.whole_text

    def restore(self, text: str) -> None:
        """Put a text back to be edited, unless the user has begun another."""
        shown = self.draft.shown(text)
        if self.draft.text.strip():
            self.remember(shown)
        else:
            self._write(shown)

    def exchange(self, text: str) -> str:
        """Write a text in place of the draft; the draft as it was."""
        draft = self.text
        self._write(self.draft.shown(text))
        return draft

    def insert(self, text: str) -> None:
        """Insert text at the cursor."""
        self.draft.focus()
        self.draft.insert(self.draft.shown(text))

    def remember(self, *texts: str) -> None:
        """Make texts recallable, the latest last; of equal ones in a row one."""
        for text in texts:
            if self._sent[-1:] != [text]:
                self._sent.append(text)
        self._recalled = len(self._sent)

    def forget(self) -> None:
        """Clear the recallable messages for another conversation."""
        self._sent, self._recalled = [], 0
        self.draft.pastes = {n: p for n, p in self.draft.pastes.items() if n in self.draft.text}

    def clear(self) -> None:
        """Empty the draft. Pastes stay: a message that is recalled has them in it."""
        self._write("")

    def on_draft_sent(self, message: Draft.Sent) -> None:
        message.stop()
        self.send()

    def send(self, pin: Pin = "session") -> None:
        """Send the draft, pinned to a tier for this turn, routed by None, or as the session is."""
        text = self.text
        if not text.strip():
            return
        self.remember(self.draft.text)
        self.clear()
        self.post_message(self.Sent(text, pin))

    def on_draft_recalled(self, message: Draft.Recalled) -> None:
        message.stop()
        target = self._recalled + message.step
        if not 0 <= target <= len(self._sent):
            return
        if self._recalled == len(self._sent):
            self._unsent = self.draft.text
        self._recalled = target
        self._write(self._sent[target] if target < len(self._sent) else self._unsent)

    async def on_text_area_changed(self, message: TextArea.Changed) -> None:
        message.stop()
        if begun := self.draft.begun:
            look_up = partial(self._look_up, begun)
            start_worker(self, look_up, "completions", alone=True)
        else:
            await self._offer(())

    async def on_composer_offered(self, message: Offered) -> None:
        message.stop()
        if message.begun == self.draft.begun:  # else one has typed on
            self._offered_for = message.begun
            await self._offer(message.completions)

    async def on_draft_completing(self, message: Draft.Completing) -> None:
        message.stop()
        match message.key:
            case "up":
                self._options.action_cursor_up()
            case "down":
                self._options.action_cursor_down()
            case "escape":
                await self._offer(())
            case key:
                self._take(send=key == "enter")

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self._take(send=False)

    def _take(self, *, send: bool) -> None:
        """Write the highlighted completion. Enter also sends a command that needs no more."""
        option = self._options.highlighted_option
        if option is None and not send:
            option = self._options.get_option_at_index(0)
        typed = self.draft.begun
        # One has typed on, and these are not for that; or none of them was gone to.
        if typed != self._offered_for or option is None:
            if send and typed.startswith("/"):
                self.draft.post_message(Draft.Sent())
            return
        taken = str(option.id)
        self.draft.complete(taken)
        whole = typed.strip() == taken.strip() or not taken.endswith(" ")
        if send and typed.startswith("/") and whole:
            self.draft.post_message(Draft.Sent())

    async def _look_up(self, begun: str) -> None:
        self.post_message(self.Offered(begun, await asyncio.to_thread(self._complete, begun)))

    async def _offer(self, offered: Sequence[tuple[str, str]]) -> None:
        self.draft.completing = bool(offered)
        self.set_class(bool(offered), "-completing")
        if not offered:
            return
        if not self._options.is_attached:  # made when it is first needed
            await self.mount(self._options, before=0)
        self._options.clear_options()
        widest = max(cell_len(text) for text, _ in offered)
        column = min(max(widest, LEAST_OFFERED), MOST_OFFERED)
        for text, help_ in offered:
            gap = " " * max(column - cell_len(text) + 1, 1)
            prompt = Content.assemble((text, "bold"), (f"{gap}{help_}", MUTED))
            self._options.add_option(Option(prompt, id=text))
        # An argument may be any other: Enter takes one of these only once it is gone to.
        is_argument = self._offered_for.startswith("/") and " " in self._offered_for
        self._options.highlighted = None if is_argument else 0

    def _write(self, text: str) -> None:
        self.draft.load_text(text)
        self.draft.move_cursor(self.draft.document.end)
