"""A message in the transcript that one can walk to; single keys act on the one in focus."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import VerticalGroup
from textual.message import Message
from textual.reactive import reactive

from tui.widgets.actions import Actionable
from tui.widgets.prose import Prose

HINTS = (  # the longest first
    "y copy · c code · e edit · r again · g strong · +− judge · w why · f fork · ←→ · esc",
    "y copy · c code · e edit · r again · g strong · w why · f fork · ← → · esc",
    "y c e r g + − w f · ← → · esc · f1 says what they do",
)


def hints(width: int) -> str:
    """The keys of a message, in as many words as that many columns hold."""
    return next((words for words in HINTS if len(words) <= width), HINTS[-1])


class Place(NamedTuple):
    """Which of a message's versions is in sight, from 1, and how many there are."""

    number: int = 1
    total: int = 1

    def __str__(self) -> str:
        return f"<{self.number}/{self.total}>" if self.total > 1 else ""


def _key(key: str, name: str, tooltip: str) -> Binding:
    return Binding(key, f"choose('{name}')", tooltip, id=f"block.{name}", tooltip=tooltip)


class Block(VerticalGroup):
    """One message. It takes the focus only while one walks: a click must not arm its keys.

    Attributes:
        message_id: the stored message; "" until it is stored.
        place: which of its versions this is.
    """

    DEFAULT_CSS = """
    Block { height: auto; padding: 1 1 0 0; border-left: blank; }
    Block:focus { border-left: outer $accent; background: $foreground 5%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        _key("y", "copy", "On a message: copy it"),
        _key("c", "code", "On a message: copy its code"),
        _key("e", "edit", "On a message: edit it and send it again"),
        _key("r", "retry", "On a message: answer it again"),
        _key("g", "again", "On a message: answer it with strong"),
        _key("plus", "good", "On a message: its reply was good, learn it"),
        _key("minus", "bad", "On a message: its reply was bad, learn it"),
        _key("w", "why", "On a message: why it went where it went"),
        _key("f", "fork", "On a message: a new conversation up to it"),
        _key("left", "earlier", "On a message: the version before"),
        _key("right", "later", "On a message: the version after"),
    ]

    prose: Prose
    message_id = ""
    place: reactive[Place] = reactive(Place())

    class Chosen(Message):
        """The user chose what to do with this message."""

        def __init__(self, block: Block, name: str) -> None:
            self.block = block
            self.name = name
            super().__init__()

    def find(self, words: str) -> list[int]:
        """The lines in which the words begin, whatever their case; they are marked from now on."""
        return self.prose.find(words)

    def point_at(self, line: int | None) -> None:
        """Mark that line's words more than the others."""
        self.prose.pointed_at = line

    @property
    def copied(self) -> str:
        """Its text as it is copied."""
        raise NotImplementedError

    def walk_to(self) -> None:
        """Take the focus, and show where the message begins."""
        self.can_focus = True
        self.focus(scroll_visible=False)
        self.scroll_visible(animate=False, top=self.size.height > 4)

    def action_choose(self, name: str) -> None:
        self.post_message(self.Chosen(self, name))

    def on_blur(self) -> None:
        self.can_focus = False

    def on_key(self, event: events.Key) -> None:
        """What is none of its keys is typed into the composer."""
        typed = (event.is_printable and event.character) or ""
        leaves = typed and event.key not in self.screen.active_bindings
        if self.has_focus and (leaves or event.key == "escape"):
            event.stop()
            self.post_message(Actionable.Left(typed))
