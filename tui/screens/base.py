"""The base of the chat's screen: the program, its sessions, the conversation.

The screen is one class of several parts. Each stands in a module of its own, and on those alone
that it calls:

    RoutingScreen    who answers: models, share, pins, keys
    LearningScreen   judgements that become battles
    AuditsScreen     audits beside the chat
    PanelsScreen     history and reasons, open or folded
    SessionsScreen   conversations on disk, on RoutingScreen
    BlocksScreen     what is done with one message, on LearningScreen and PanelsScreen
    CardsScreen      what is done about a turn that failed, on BlocksScreen and SessionsScreen
    SayingScreen     a message on its way out, on BlocksScreen and RoutingScreen
    ChatScreen       all of them, and what hangs them together
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from textual.message import Message
from textual.screen import Screen

from routing.errors import RoutingError
from tui.errors import AppError, from_disk, in_line
from tui.messages import Told, Trouble, Warned
from tui.program import Program
from tui.turns import Engine, Turns
from tui.visible import visible
from tui.widgets.composer import Composer
from tui.widgets.history import History
from tui.widgets.talk import Talk
from tui.workers import start_worker

if TYPE_CHECKING:
    from tui.sessions import Sessions

T = TypeVar("T")

TOLD_SECONDS = 6
TROUBLE_SECONDS = 12


class BaseScreen(Screen[None]):
    """The conversation in sight and the ways to work beside it."""

    def __init__(
        self,
        program: Program,
        engine: Engine,
        *,
        open_sessions: Callable[[], Sessions],
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__()
        self.program = program
        self.sessions: Sessions
        self.clock = clock
        self.talk = Talk(Turns(program, engine, self._post_to_talk), clock)
        self._open_sessions = open_sessions

    @property
    def composer(self) -> Composer:
        """Where the user types."""
        return self.query_one(Composer)

    @property
    def history(self) -> History:
        """The sidebar."""
        return self.query_one(History)

    def tell(self, text: str, hint: str = "") -> None:
        """Show a line that goes away by itself."""
        line = visible(in_line(text, hint))
        self.notify(line, markup=False, timeout=TOLD_SECONDS)

    def on_screen_suspend(self) -> None:
        """Leave a dialogue free of what was told before it."""
        for toast in list(self.app._notifications):  # Textual's
            if toast.severity == "information":
                self.app._unnotify(toast, refresh=False)

    def warn(self, text: str, hint: str = "") -> None:
        """Show a line that stays for longer, even as other messages come."""
        line = visible(" ".join(filter(None, (text, hint))))
        self.notify(line, markup=False, severity="warning", timeout=TROUBLE_SECONDS)

    def in_thread(
        self,
        work: Callable[[], T],
        done: Callable[[T], Message] | None = None,
        group: str = "beside",
        *,
        alone: bool = False,
    ) -> None:
        """Do work that waits for the disk in a thread; post what `done` makes of its result."""

        async def run() -> None:
            result = await asyncio.to_thread(work)
            if done:
                self.post_message(done(result))

        self.in_worker(run, group, alone=alone)

    def in_worker(
        self,
        work: Callable[[], Coroutine[Any, Any, None]],
        group: str = "beside",
        *,
        alone: bool = False,
    ) -> None:
        """Do work beside the screen, `alone` in its group; what goes wrong is told in a line."""

        async def run() -> None:
            try:
                await work()
            except (RoutingError, AppError) as error:
                self.post_message(Trouble(error))
            except OSError as error:
                self.post_message(Trouble(from_disk(error)))

        start_worker(self, run, group, alone=alone)

    def on_trouble(self, message: Trouble) -> None:
        """Show a toast that something went wrong."""
        line = visible(in_line(message.error, message.error.hint))
        self.notify(line, markup=False, severity="error", timeout=TROUBLE_SECONDS)

    def on_told(self, message: Told) -> None:
        """Show a toast that something was done."""
        self.tell(message.text)

    def on_warned(self, message: Warned) -> None:
        """Show a warning for longer."""
        self.warn(message.text)

    def _post_to_talk(self, message: Message) -> None:
        self.talk.post_message(message)
