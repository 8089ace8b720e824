"""The panels beside the conversation: open by the screen's width, or as the user wants them."""

from __future__ import annotations

from typing import Any

from textual import on

from tui.messages import Examined, SessionReady
from tui.screens.base import BaseScreen
from tui.widgets.reply import Reply

WIDE_WHY, WIDE_HISTORY = 100, 90  # columns under which the panels fold


class PanelsScreen(BaseScreen):
    """History to the left, reasons below."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # as BaseScreen
        super().__init__(*args, **kwargs)
        self._folds: dict[str, bool] = {}  # what the user opened or closed by hand
        self._opened_to_search = False

    def fold(self, width: int) -> None:
        """Open and close the panels for a screen of that many columns."""
        why = width >= WIDE_WHY and self.talk.why.decision is not None
        self.history.set_class(self._folds.get("history", width >= WIDE_HISTORY), "-open")
        self.talk.why.set_class(self._folds.get("why", why), "-open")

    def show_why(self, reply: Reply) -> None:
        """Give the reasons of that reply."""
        self.talk.why.show(reply.decision, reply.bill)
        self._folds["why"] = True
        self.fold(self.size.width)

    def show_doctor(self) -> None:
        """Show what was found on this machine."""
        from tui.diagnosis import diagnose

        engine = self.talk.engine_state
        self.in_thread(lambda: Examined(diagnose(self.program, engine)), lambda m: m)

    @on(Examined)
    def _show_facts(self, message: Examined) -> None:
        from tui.screens.doctor import DoctorScreen

        self.app.push_screen(DoctorScreen(message.facts))

    def search(self, words: str | None = None) -> None:
        """Go to the search box of all conversations, and look for these words."""
        if not self.history.has_class("-open"):
            self._opened_to_search = True
            self._open_history(is_open=True)
        self.history.search(words)

    def end_search(self) -> None:
        """List everything again."""
        self.history.forget_search()
        self._close_search()

    @on(SessionReady)
    def _close_search(self) -> None:
        """A history that was opened for a search closes."""
        if self._opened_to_search:
            self._opened_to_search = False
            self._open_history(is_open=False)

    def _open_history(self, *, is_open: bool) -> None:
        self._folds["history"] = is_open
        self.fold(self.size.width)

    def action_history(self) -> None:
        self._opened_to_search = False
        self._open_history(is_open=not self.history.has_class("-open"))
        if self._folds["history"]:
            self.history.focus_list()
        else:
            self.composer.draft.focus()

    def action_search(self) -> None:
        self.search()

    def action_why(self) -> None:
        self._folds["why"] = not self.talk.why.has_class("-open")
        self.fold(self.size.width)
