"""The sidebar: conversations on disk, the newest first, and a box to search them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui.visible import one_line
from tui.widgets.tones import MUTED

if TYPE_CHECKING:
    from tui.sessions.search import Hit

TITLE_CHARACTERS = 60
WINDOW = 100  # rows that are made at a time: ten thousand at once stall the screen for 140 ms


class Item(NamedTuple):
    """One conversation in the list.

    Attributes:
        found: the words that a search found in it.
        updated: when it was changed last, as ISO 8601; "" where that is not said.
        hit: what the search found, to go to.
    """

    session_id: str
    title: str
    found: str = ""
    updated: str = ""
    hit: Hit | None = None


def _key(key: str, name: str, tooltip: str) -> Binding:
    return Binding(key, f"choose('{name}')", tooltip, id=f"history.{name}", tooltip=tooltip)


class History(Vertical):
    """The conversations that can be opened."""

    DEFAULT_CSS = """
    History { width: 26; border-right: solid $foreground 20%; display: none; }
    History.-open { display: block; }
    History > Static { height: 1; padding: 0 1; color: $text-muted; }
    History > Input { border: none; height: 1; padding: 0 1; background: $surface; }
    History > Input:focus { border: none; background: $boost; }
    History > OptionList { border: none; height: 1fr; padding: 0 0 0 1; background: $background;
        text-wrap: nowrap; text-overflow: ellipsis;
        scrollbar-size-vertical: 1; }
    History > OptionList:focus { border: none; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        _key("d,delete", "delete", "In the history: delete"),
        _key("u", "undo", "In the history: bring back"),
        _key("r", "rename", "In the history: rename"),
    ]

    class Searched(Message):
        """The user looks for other words."""

    class Opened(Message):
        """The user wants to open a conversation."""

        def __init__(self, session_id: str) -> None:
            self.session_id = session_id
            super().__init__()

    class Chosen(Message):
        """The user wants something done with a conversation; "" where none is listed."""

        def __init__(self, name: str, session_id: str) -> None:
            self.name = name
            self.session_id = session_id
            super().__init__()

    def __init__(self) -> None:
        super().__init__()
        self.current = ""
        self.shown: Sequence[Item] = ()  # all of them, also those that have no row yet
        self._rows = 0  # how many have one
        self._day = ""  # of the last row
        self._today = date.min

    def compose(self) -> ComposeResult:
        yield Static(Content("HISTORY"))

    async def fill(self) -> None:
        """Make the box and the list, once the first paint is done."""
        listed = OptionList(id="sessions")
        await self.mount(Input(placeholder="search …", id="search"), listed)
        self.watch(listed, "scroll_y", self._watch_scroll, init=False)

    @property
    def words(self) -> str:
        """What the user looks for, "" for everything."""
        return self.query_one(Input).value.strip()

    def search(self, words: str | None = None) -> None:
        """Go to the search box, and look for these words."""
        box = self.query_one(Input)
        if words is not None:
            box.value = words
        box.focus()

    def forget_search(self) -> None:
        """Ask for everything again."""
        for box in self.query(Input):
            box.value = ""

    @property
    def list_has_focus(self) -> bool:
        """Whether one moves in the list."""
        return any(listed.has_focus for listed in self.query(OptionList))

    @property
    def box_has_focus(self) -> bool:
        """Whether one types what to look for."""
        return any(box.has_focus for box in self.query(Input))

    def action_choose(self, name: str) -> None:
        option = self.query_one(OptionList).highlighted_option
        self.post_message(self.Chosen(name, (option and option.id) or ""))

    def focus_list(self) -> None:
        """Go to the list, to its first line."""
        listed = self.query_one(OptionList)
        listed.focus()
        if listed.highlighted is None:
            listed.action_first()

    def show(self, items: Sequence[Item], *, today: date, empty: str = "nothing yet") -> None:
        """List these conversations under the days on which they were changed last."""
        listed = self.query_one(OptionList)
        at, rows = listed.highlighted, max(self._rows, WINDOW)
        self.shown, self._rows, self._day, self._today = items, 0, "", today
        listed.clear_options()
        self._add_rows(rows)
        if items and at is not None:
            listed.highlighted = min(at, listed.option_count - 1)
            if listed.highlighted_option and listed.highlighted_option.disabled:
                listed.action_cursor_down()
        if not items:
            listed.add_option(Option(Content.styled(f"  {empty}", MUTED), disabled=True))

    @on(OptionList.OptionHighlighted)
    def _near_the_end(self, message: OptionList.OptionHighlighted) -> None:
        message.stop()
        if message.option_index > message.option_list.option_count - WINDOW // 2:
            self._add_rows(WINDOW)

    def _watch_scroll(self) -> None:
        listed = self.query_one(OptionList)
        if listed.scroll_y > listed.max_scroll_y - WINDOW // 2:
            self._add_rows(WINDOW)

    def _add_rows(self, count: int) -> None:
        """Make more rows at the end of the list, where there are more."""
        more = self.shown[self._rows : self._rows + count]
        self._rows += len(more)
        options: list[Option] = []
        for item in more:
            day = day_of(item.updated, self._today)
            if day != self._day:
                self._day = day
                options.append(Option(Content.styled(day, MUTED), disabled=True))
            prompt = _prompt(item, item.session_id == self.current)
            options.append(Option(prompt, id=item.session_id))
        self.query_one(OptionList).add_options(options)

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        self.post_message(self.Searched())

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.focus_list()

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        if message.option_id:
            self.post_message(self.Opened(message.option_id))


def day_of(moment: str, today: date) -> str:
    """The day of that moment in the user's own time zone, as one says it; "" for none."""
    if not moment:
        return ""
    day = datetime.fromisoformat(moment).astimezone().date()
    ago = (today - day).days
    if ago in {0, 1}:
        return "yesterday" if ago else "today"
    return f"{day:%b} {day.day}" + (f", {day.year}" if day.year != today.year else "")


def _prompt(item: Item, current: bool) -> Content:
    title = one_line(item.title, TITLE_CHARACTERS) or "untitled"
    mark = "● " if current else "  "
    line = Content.assemble((mark, "$text-accent"), (title, "bold" if current else ""))
    if item.found:
        line += Content.styled(f"\n  {one_line(item.found, TITLE_CHARACTERS)}", MUTED)
    return line
