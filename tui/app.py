"""The chat's application: themes, keys and the palette around one screen."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events, on
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.driver import Driver
from textual.filter import LineFilter, Monochrome, NoColor
from textual.notifications import Notify
from textual.screen import Screen
from textual.theme import Theme

from tui.colourless import COLOURLESS, WithoutColour
from tui.program import Program
from tui.screens.chat import ChatScreen
from tui.screens.slash import COMMANDS, Command
from tui.themes import THEMES, check_theme, full_name
from tui.turns import Engine
from tui.visible import one_line

if TYPE_CHECKING:
    from types import FrameType

    from tui.sessions import Sessions

TITLE_CELLS = 40  # of the conversation that was left


class ChatApp(App[None]):
    """One program, its sessions and its engine, in a terminal."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "llmroute"
    ENABLE_COMMAND_PALETTE = True
    no_color = False  # until the program's environment is known
    COMMAND_PALETTE_BINDING = ""  # ctrl+k and ctrl+p are the screen's own

    def __init__(
        self,
        program: Program,
        engine: Engine,
        open_sessions: Callable[[], Sessions],
        *,
        temporary: bool = False,
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        super().__init__()
        self.no_color = bool(program.environment.get("NO_COLOR"))  # an empty one asks for nothing
        self.engine = engine
        for theme in THEMES:
            self.register_theme(theme)
        chosen = full_name(program.settings.theme)
        self.theme = chosen if chosen in self.available_themes else THEMES[0].name
        self.set_keymap(program.settings.keys)
        self.chat = ChatScreen(program, engine, open_sessions=open_sessions, clock=clock)
        self.chat.temporary = temporary
        # Typed before the chat could take it; None after.
        self._early: list[events.Event] | None = []
        self._without_colour = WithoutColour()

    @property
    def current_theme(self) -> Theme:  # Textual's
        """The theme in use: the user's, unless they want no colour."""
        return COLOURLESS if self.no_color else super().current_theme

    def get_line_filters(self) -> Sequence[LineFilter]:  # Textual's
        """What each line goes through on its way to the terminal."""
        own = [f for f in super().get_line_filters() if not isinstance(f, (Monochrome, NoColor))]
        return [*own, self._without_colour] if self.no_color else own

    def get_driver_class(self) -> type[Driver]:  # Textual's
        """Textual's own driver, or on a terminal one that survives the terminal's closing."""
        driver = super().get_driver_class()
        if driver.__name__ != "LinuxDriver":  # a browser, or Windows
            return driver
        from tui.terminal import TerminalDriver

        return TerminalDriver

    def get_default_screen(self) -> Screen[None]:
        """The chat; there is nothing behind it."""
        return self.chat

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Colours of the tiers under a theme that is not ours."""
        return {"route-strong": "#E0AF68", "route-middle": "#9ECE6A", "route-weak": "#7DCFFF"}

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every action with its key: the palette's rows."""
        bindings = {binding.id or "": binding for binding in self.chat.key_list()}
        for name, command in COMMANDS.items():
            binding = bindings.pop(command.binding or name, None)
            key = _keys(binding) if binding else ""
            yield SystemCommand(f"/{name}  {command.help}", key, self._runner(name, command))
        for name, binding in bindings.items():
            yield SystemCommand(binding.tooltip, _keys(binding), partial(self.chat.act, name))

    def watch_theme(self, name: str) -> None:
        """Keep a theme that the user chose for later runs."""
        if self.is_running and name != full_name(self.chat.program.settings.theme):
            self.chat.keep_theme(name)

    def on_mount(self) -> None:
        self.call_after_refresh(_collect_again)
        self._leave_in_order()
        _resume_only_what_was_suspended()
        self.app_resume_signal.subscribe(self, self._repaint)

    async def on_event(self, event: events.Event) -> None:  # Textual's
        """Hold back what is typed before the chat can take it: Textual would drop it."""
        if self._early is not None and isinstance(event, (events.Key, events.Paste)):
            self._early.append(event)
        else:
            await super().on_event(event)

    def on_app_focus(self) -> None:
        """Show what another window said and spent while one was there."""
        if self.chat.month is not None:  # else the first list is still on its way
            self.chat.list_sessions()

    def on_notify(self, event: Notify) -> None:
        """Replace a toast that says the same, or that only confirmed something."""
        new = event.notification
        for old in list(self._notifications):
            if old.message == new.message or old.severity == new.severity == "information":
                self._unnotify(old, refresh=False)

    @on(ChatScreen.Attentive)
    async def _type_early(self) -> None:
        early, self._early = self._early, None
        for event in early or ():
            await super().on_event(event)

    async def on_unmount(self) -> None:
        """Keep what arrived, release the session's lock, and end the engine."""
        await self.chat.talk.turns.leave()
        await self.engine.close()

    def _repaint(self, _: App[object]) -> None:
        """Draw all of the screen on a terminal that was another program's meanwhile."""
        self.refresh(layout=True)

    def _leave_in_order(self) -> None:
        """Make a closed terminal, or SIGTERM, end the chat as leaving it does."""
        loop = asyncio.get_running_loop()
        # A platform has no such signal or handler; nor has a thread.
        with suppress(AttributeError, NotImplementedError, RuntimeError):
            for number in (signal.SIGHUP, signal.SIGTERM):
                loop.add_signal_handler(number, self.exit)

    def _fatal_error(self) -> None:  # Textual's
        """End with one sentence: Textual's traceback shows local variables, keys among them."""
        from tui.engine_client import open_log

        log = self.chat.program.paths.log
        with open_log(log) as file:
            file.write(traceback.format_exc().encode("utf-8", "replace"))
        self.panic(
            Text(f"llmroute: the chat failed and had to end. The conversation is kept. See {log}")
        )

    def _runner(self, name: str, command: Command) -> Callable[[], object]:
        """Carries the command out; one that needs an argument is written into the composer."""
        if command.argument and not command.argument.startswith("["):
            return partial(self.chat.composer.restore, f"/{name} ")
        return partial(self.chat.carry_out, f"/{name}")


def _keys(binding: Binding) -> str:
    return binding.key.replace(",", " or ")


def run_chat(program: Program, session_id: str | None = None, *, temporary: bool = False) -> int:
    """The exit code, once the user has left the chat.

    It begins with that session, or with a new one; with `temporary` nothing is kept.

    Raises:
        SettingsError: a key was moved to where it cannot be, or no theme has that name.
    """
    from tui.engine_client import EngineClient
    from tui.keymap import check_keymap

    check_keymap(program.settings.keys, program.paths.settings)

    def open_sessions() -> Sessions:
        from tui.sessions import Sessions

        return Sessions(program.paths.sessions, instructions=program.settings.system or "")

    engine = EngineClient(program.engine_options(), program.paths.log)
    app = ChatApp(program, engine, open_sessions, temporary=temporary)
    app.chat.first_session = session_id
    check_theme(program, app.available_themes)
    app.run()
    if (line := farewell(app)) and sys.stdout.isatty():  # a page, or a closed terminal, is none
        print(line)  # noqa: T201  # the screen is given back
    return app.return_code or 0


def farewell(app: ChatApp) -> str:
    """How to reopen the conversation that was left; "" if it is not kept."""
    turns = app.chat.talk.turns
    if not turns.is_open or turns.session.temporary or not turns.session.branch():
        return ""
    from tui.sessions import short

    title = one_line(turns.session.info.title, TITLE_CELLS)
    return f"“{title}” is kept: llmroute chat --session {short(turns.session.id)}"


def _resume_only_what_was_suspended() -> None:
    """Let the driver resume only after it was suspended.

    A terminal that is closed sends "continue" after its hangup, and Textual's driver would begin to
    read it with a second thread that nothing ends.
    """
    if not hasattr(signal, "SIGCONT"):  # as on Windows
        return
    suspend, resume = signal.getsignal(signal.SIGTSTP), signal.getsignal(signal.SIGCONT)
    if not callable(suspend) or not callable(resume):  # no terminal
        return

    def on_suspend(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGCONT, on_resume)
        suspend(number, frame)

    def on_resume(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGCONT, signal.SIG_DFL)
        resume(number, frame)

    signal.signal(signal.SIGTSTP, on_suspend)
    signal.signal(signal.SIGCONT, signal.SIG_DFL)


def _collect_again() -> None:
    """Resume garbage collection, with everything loaded so far frozen."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
