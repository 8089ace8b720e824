"""The audit screen: a model to audit, the audit under way, and the reports kept so far."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import ContentSwitcher, Input, OptionList, Static
from textual.widgets.option_list import Option

from audit.errors import AuditError
from tui.audits.kept import Note, read_notes
from tui.audits.view import ReportView, read_report
from tui.audits.wire import Kept
from tui.errors import in_line
from tui.screens.dialogue import Dialogue
from tui.visible import one_line, visible
from tui.widgets.audited import draw_job, draw_report
from tui.widgets.tones import MUTED
from tui.workers import start_worker

if TYPE_CHECKING:
    from tui.screens.audits import AuditsScreen

RUN, OPEN, FOLLOW = "run ", "open ", "follow"  # what an option's id begins with
NAME_CHARACTERS, LINE_CHARACTERS = 36, 44
HINTS = {
    "choice": "enter runs or opens · tab next · esc back to the chat",
    "run": "x cancel · l reports · esc back to the chat, the audit continues",
    "ended": "l reports and models · esc back to the chat",
    "report": "↑ ↓ scroll · l reports and models · esc back to the chat",
}


class AuditScreen(Dialogue[None]):
    """Shows the audit under way where there is one, else what can be run or opened."""

    DEFAULT_CSS = """
    AuditScreen > Vertical { width: 100; height: 90%; }
    AuditScreen ContentSwitcher { height: 1fr; margin: 1 0; }
    AuditScreen OptionList { border: none; height: 1fr; padding: 0; margin: 1 0 0 0;
        background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    AuditScreen OptionList:focus { border: none; background: $surface; }
    AuditScreen VerticalScroll > Static { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back to the chat", id="audit.leave"),
        Binding("x", "cancel", "Cancel the audit", id="audit.cancel"),
        Binding("l", "list", "Models and reports", id="audit.list"),
    ]

    class Noted(Message):
        """The reports kept so far are known."""

        def __init__(self, notes: Sequence[Note]) -> None:
            self.notes = notes
            super().__init__()

    class Opened(Message):
        """A report was read; `stopped` says why its run has no end."""

        def __init__(self, view: ReportView, stopped: str) -> None:
            self.view = view
            self.stopped = stopped
            super().__init__()

    class Unreadable(Message):
        """A report cannot be read."""

        def __init__(self, error: AuditError) -> None:
            self.error = error
            super().__init__()

    def __init__(self, host: AuditsScreen) -> None:
        super().__init__()
        self.host = host
        self._following = False  # the audit's steps are in sight
        self._begins_with_audit = host.audit_under_way  # which may end before all is mounted

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content.styled("Audit", "bold"))
            with ContentSwitcher(initial="choice"):
                with Vertical(id="choice"):
                    yield Static("Model: one of the list, or another", classes="label")
                    yield Input(placeholder="provider/model, a folder, a URL", id="model")
                    yield Static("Spend at most, in US dollars", classes="label")
                    yield Input(placeholder="1 where the price is known", id="limit")
                    yield Static("", classes="error", markup=False)
                    yield OptionList()
                with VerticalScroll(id="run"):
                    yield Static(id="progress")
                with VerticalScroll(id="report"):
                    yield Static(id="audited")
            yield Static(id="hint")

    def on_mount(self) -> None:
        if self._begins_with_audit:
            self._following = True
            self.follow()
        else:
            self.action_list()

    def follow(self) -> None:
        """Show how far the audit is, or its report, unless the user looks at something else."""
        job = self.host.audit_job
        if job is None or not self._following:
            return
        if isinstance(job.ended, Kept):
            self._open(Path(job.ended.file), job.ended.stopped)
            return
        self.query_one("#progress", Static).update(draw_job(job))
        self._show("run", "ended" if job.ended else "run")
        self.query_one("#run").focus()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        name = self.query_one("#model", Input).value.strip()
        if name:
            self._start(name)
        else:
            self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        chosen = message.option_id or ""
        if chosen.startswith(RUN):
            self._start(chosen.removeprefix(RUN))
        elif chosen.startswith(OPEN):
            self._open(Path(chosen.removeprefix(OPEN)))
        elif chosen == FOLLOW:
            self._following = True
            self.follow()

    def on_audit_screen_noted(self, message: Noted) -> None:
        self._list(message.notes)

    def on_audit_screen_opened(self, message: Opened) -> None:
        self.query_one("#audited", Static).update(draw_report(message.view, message.stopped))
        self._show("report", "report")
        self.query_one("#report").scroll_home(animate=False)
        self.query_one("#report").focus()

    def on_audit_screen_unreadable(self, message: Unreadable) -> None:
        self.action_list()
        self._refuse(visible(in_line(message.error, message.error.hint)))

    def action_list(self) -> None:
        self._following = False
        self._refuse("")
        self._list(())
        self._show("choice", "choice")
        self.query_one(OptionList).focus()
        start_worker(self, self._look, "look", alone=True)

    def action_cancel(self) -> None:
        self.host.cancel_audit()

    def _show(self, part: str, hint: str) -> None:
        self.query_one(ContentSwitcher).current = part
        self.query_one("#hint", Static).update(Content.styled(HINTS[hint], MUTED))

    def _refuse(self, why: str) -> None:
        self.query_one(".error", Static).update(why)

    def _start(self, name: str) -> None:
        limit = self.query_one("#limit", Input).value.strip().removeprefix("$")
        if self.host.audit_under_way:
            self._refuse("An audit is under way; x in its view cancels it.")
        elif limit and not (limit.replace(".", "", 1).isdecimal()):
            self._refuse(f"{limit!r} is no amount: write 0.50")
        else:
            self.host.start_audit(name, float(limit) if limit else None)
            self._following = True
            self.follow()

    def _open(self, file: Path, stopped: str = "") -> None:
        self._following = False
        read = partial(self._read, file, stopped)
        start_worker(self, read, "look", alone=True)

    async def _look(self) -> None:
        folder = self.host.program.paths.audits
        self.post_message(self.Noted(await asyncio.to_thread(read_notes, folder)))

    async def _read(self, file: Path, stopped: str) -> None:
        try:
            view = await asyncio.to_thread(read_report, file)
        except AuditError as error:
            self.post_message(self.Unreadable(error))
        else:
            self.post_message(self.Opened(view, stopped))

    def _list(self, notes: Sequence[Note]) -> None:
        """The models to audit, then the reports; what was highlighted stays so."""
        listed = self.query_one(OptionList)
        at = listed.highlighted
        listed.clear_options()
        job = self.host.audit_job
        if job and self.host.audit_under_way:
            listed.add_option(Option(f"under way: {one_line(job.order.model, 60)}", id=FOLLOW))
        listed.add_option(_heading("Run on"))
        listed.add_options(
            [Option(Content(f"  {one_line(n, 90)}"), id=f"{RUN}{n}") for n in self.host.auditable()]
        )
        listed.add_option(_heading("Reports kept" if notes else "No report is kept yet"))
        listed.add_options([Option(_row(note), id=f"{OPEN}{note.file}") for note in notes])
        if at is None:
            listed.action_first()
        else:
            listed.highlighted = at


def _heading(text: str) -> Option:
    return Option(Content.styled(text, MUTED), disabled=True)


def _row(note: Note) -> Content:
    name = one_line(note.model, NAME_CHARACTERS)
    return Content.assemble(
        (f"  {note.day}  ", MUTED),
        f"{name:<{NAME_CHARACTERS}}  ",
        one_line(note.line, LINE_CHARACTERS),
    )
