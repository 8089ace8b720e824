"""The conversations on disk: listed, searched, opened, renamed, exported."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on

from tui.errors import StoreError, UsageError
from tui.messages import Listed, SessionReady, Told
from tui.screens.routing import RoutingScreen
from tui.widgets.history import History, Item
from tui.widgets.talk import Talk

if TYPE_CHECKING:
    from tui.sessions import Session, SessionInfo

HITS = 50
PURGE_SECONDS = 10  # after the first paint, when nobody waits for the disk


class LibraryScreen(RoutingScreen):
    """What the history sidebar and its commands do."""

    month_usd: float | None = None
    temporary = False  # nothing of this run is kept
    _words = ""  # what the list in sight, or the one under way, was searched for

    async def open_library(self) -> None:
        """Load what keeps the sessions, and begin one; done after the first paint."""
        self.sessions = await asyncio.to_thread(self._open_sessions)
        await self.history.fill()
        await self._ready(SessionReady(self.sessions.create(temporary=self.temporary)))
        self.set_timer(PURGE_SECONDS, lambda: self.in_thread(self.sessions.purge))

    @property
    def history(self) -> History:
        """The sidebar."""
        return self.query_one(History)

    def list_sessions(self) -> None:
        """Show what the sidebar's search box asks for."""
        words = self._words = self.history.words
        self.in_thread(lambda: self._found(words) if words else self._listed(), lambda found: found)

    def search(self, words: str) -> None:
        """Look for words in all conversations."""
        self.history.search(words)

    def rename(self, title: str) -> None:
        """Give this conversation that title.

        Raises:
            UsageError: the title is blank.
        """
        if not title:
            raise UsageError("Which title?", hint="Write /rename TITLE")
        session = self.talk.turns.session
        self.in_thread(lambda: session.rename(title), lambda _: Told(f"Renamed to “{title}”."))

    def export(self, kind: str) -> None:
        """Write this conversation into the folder that the program was started in."""
        conversation = self.talk.turns.session.conversation
        path = Path.cwd() / f"{conversation.id}.{kind}"
        self.in_thread(
            lambda: _write(path, self.talk.turns.session, kind),
            lambda _: Told(f"Written to {path}"),
        )

    def action_new(self) -> None:
        """Begin another conversation; this one is on disk."""
        if self.talk.turns.live:
            self.tell("A reply is streaming; Esc stops it.")
        else:
            self.post_message(SessionReady(self.sessions.create(temporary=self.temporary)))

    @on(History.Searched)
    def _searched(self) -> None:
        self.list_sessions()

    @on(History.Opened)
    def _opened(self, message: History.Opened) -> None:
        turns = self.talk.turns
        if turns.live:
            self.tell("A reply is streaming; Esc stops it.")
        elif message.session_id != turns.session.id:
            self.in_thread(lambda: self.sessions.open(message.session_id), SessionReady)

    @on(SessionReady)
    async def _ready(self, message: SessionReady) -> None:
        turns = self.talk.turns
        if turns.is_open:
            self.in_worker(turns.close(turns.session))
        await self.talk.open(message.session)
        await self.show_opening()
        self.composer.forget()
        self.composer.remember(
            *(said.text for said in message.session.branch() if said.role == "user")
        )
        if message.session.trouble:
            self.tell(message.session.trouble)
        self.history.current = message.session.id
        self.list_sessions()
        self.focus_opening()
        self.talk.post_message(Talk.Changed())

    @on(Listed)
    def _show_list(self, message: Listed) -> None:
        if message.words != self.history.words:
            return
        if message.month_usd is not None:
            self.month_usd = message.month_usd
            self.talk.post_message(Talk.Changed())
        self.history.current = self.talk.turns.session.id
        self.history.show(message.items, empty="nothing found" if message.words else "nothing yet")

    def _listed(self) -> Listed:
        infos = self.sessions.list(trash=True)  # what was thrown away was spent all the same
        items = [Item(info.id, info.title, info.trouble) for info in infos if not info.deleted]
        return Listed("", items, _spent_in(infos, f"{self.clock():%Y-%m}"))

    def _found(self, words: str) -> Listed:
        """One row a session: its first place that holds the words."""
        items: dict[str, Item] = {}
        search = self.sessions.search(words, stop=lambda: self._words != words)
        for hit in search:
            items.setdefault(hit.session, Item(hit.session, hit.title, hit.snippet))
            if len(items) == HITS:
                break
        return Listed(words, list(items.values()))


def _spent_in(infos: list[SessionInfo], month: str) -> float:
    """US dollars of a month, "2026-01", over all sessions."""
    return sum(
        cost.ledger.spent_usd for info in infos for cost in info.costs if cost.day[:7] == month
    )


def _write(path: Path, session: Session, kind: str) -> None:
    from tui.sessions import to_json, to_markdown

    write = to_json if kind == "json" else to_markdown
    try:
        path.write_text(write(session.conversation), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
