"""The conversations on disk: listed, searched, opened, renamed, exported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from textual import on

from tui.errors import StoreError
from tui.hints import OLDER_TRASH
from tui.messages import HeaderChanged, Listed, SessionReady, Told, Trouble
from tui.screens.routing import RoutingScreen
from tui.screens.slash import as_typed
from tui.widgets.find import Find
from tui.widgets.history import History, Item
from tui.widgets.talk import Talk

if TYPE_CHECKING:
    from tui.budget import Month
    from tui.sessions import Session, SessionInfo
    from tui.sessions.search import Hit

HITS = 50
FOUND_BEFORE = 6  # characters of a snippet before what was found
READING_SECONDS = 0.05  # until it is asked again whether all that was said is in sight
PURGE_SECONDS = 10  # after the first paint, when nobody waits for the disk


class SessionsScreen(RoutingScreen):
    """What the history sidebar and its commands do."""

    deleted: Sequence[str] = ()  # in this run, the latest last
    month: Month | None = None
    _warned = False  # of the budget
    first_session: str | None = None  # to begin with, in place of a new one
    temporary = False  # nothing of this run is kept
    _words = ""  # what the list in sight, or the one under way, was searched for

    async def begin_session(self) -> None:
        """Load what keeps the sessions, and begin one; done after the first paint."""
        self.sessions = await asyncio.to_thread(self._open_sessions)
        await self.history.fill()
        first = await asyncio.to_thread(self._first)
        if self.app.return_code is not None:  # the chat is left already, and its widgets go
            return
        await self._ready(SessionReady(first))
        self.set_timer(PURGE_SECONDS, lambda: self.in_thread(self.sessions.purge))

    def _first(self) -> Session:
        """The session that the chat begins with."""
        if self.first_session:
            try:
                return self.sessions.open(self.first_session)
            except StoreError as error:
                self.post_message(Trouble(error))
        return self.sessions.create(temporary=self.temporary)

    def list_sessions(self) -> None:
        """Show what the sidebar's search box asks for."""
        words = self._words = self.history.words
        look = partial(self._found, words) if words else self._listed
        self.in_thread(look, lambda found: found, "list", alone=True)

    def rename(self, title: str, session_id: str = "") -> None:
        """Give a conversation that title, this one by default; without a title ask for it."""
        session = self.talk.turns.session
        if not title:
            self._ask_title(session_id or session.id)
        elif session_id in {"", session.id}:
            self._rename(lambda: session.rename(title))
        else:
            self._rename(lambda: self.sessions.rename(session_id, title))

    def delete(self, session_id: str = "") -> None:
        """Move a conversation to the trash, this one by default."""
        turns = self.talk.turns
        here = session_id in {"", turns.session.id}
        if here and turns.live:
            self.tell("A reply is streaming; Esc stops it.")
        elif here and not turns.session.conversation.head:
            self.tell("There is nothing to delete yet.")
        else:
            self.in_worker(partial(self._delete, session_id or turns.session.id))

    def undo_delete(self) -> None:
        """Bring back the conversation that was deleted last, and open it."""
        if not self.deleted:
            self.tell("Nothing was deleted since the chat was opened.", OLDER_TRASH)
        elif self.talk.turns.live:
            self.tell("A reply is streaming; Esc stops it.")
        else:
            self.in_worker(partial(self._restore, self.deleted[-1]))

    def instruct(self, text: str) -> None:
        """Tell the model this before the first message; "none" tells it nothing.

        Without a text the instructions in force are put into the composer.
        """
        session = self.talk.turns.session
        if not text:
            self.composer.restore(f"/system {session.conversation.instructions}")
            self.tell(
                "Instructions for the model, sent before the first message:",
                "write it, enter keeps it.",
            )
            return
        told = "" if text == "none" else text
        self.in_thread(lambda: session.instruct(told), lambda _: HeaderChanged())

    def export(self, place: Path, kind: Literal["md", "json"]) -> None:
        """Write this conversation into that folder, or into that new file."""
        from tui.sessions import write_export

        conversation = self.talk.turns.session.conversation
        self.in_thread(
            lambda: write_export(conversation, place, kind),
            lambda path: Told(f"Written to {path}"),
        )

    def action_new(self) -> None:
        """Begin another conversation; this one is on disk."""
        self._begin(temporary=self.temporary)

    def begin_temporary(self) -> None:
        """Begin a conversation of which nothing is kept."""
        self._begin(temporary=True)

    def _begin(self, *, temporary: bool) -> None:
        if self.talk.turns.live:
            self.tell("A reply is streaming; Esc stops it.")
        else:
            self.post_message(SessionReady(self.sessions.create(temporary=temporary)))

    @on(History.Chosen)
    def _chosen(self, message: History.Chosen) -> None:
        match message.name:
            case "undo":
                self.undo_delete()
            case "delete" if message.session_id:
                self.delete(message.session_id)
            case "rename" if message.session_id:
                self.rename("", message.session_id)

    def _ask_title(self, session_id: str) -> None:
        from tui.screens.title import TitleScreen

        session = self.talk.turns.session
        listed = {item.session_id: item.title for item in self.history.shown}
        here = session_id == session.id
        title = session.conversation.title if here else listed.get(session_id, "")

        def chosen(title: str | None) -> None:
            if title is not None:
                self.rename(title or " ", session_id)

        self.app.push_screen(TitleScreen(title), chosen)

    def _rename(self, rename: Callable[[], None]) -> None:
        self.in_thread(rename, lambda _: HeaderChanged())

    @on(HeaderChanged)
    def _header_changed(self) -> None:
        self.list_sessions()
        self.talk.post_message(Talk.Changed())

    async def _delete(self, session_id: str) -> None:
        turns = self.talk.turns
        here = turns.session if turns.session.id == session_id else None
        in_list = self.history.list_has_focus
        if here:
            await turns.close(here)
        if here is None or not here.temporary:
            await asyncio.to_thread(self.sessions.delete, session_id)
            self.deleted = [*self.deleted, session_id]
            self.tell("In the trash, where it is kept for 30 days. /undo brings it back.")
        if here:
            new = self.sessions.create(temporary=self.temporary)
            self.post_message(SessionReady(new, in_list=in_list))
        else:
            self.list_sessions()

    async def _restore(self, session_id: str) -> None:
        await asyncio.to_thread(self.sessions.restore, session_id)
        self.deleted = [known for known in self.deleted if known != session_id]
        session = await asyncio.to_thread(self.sessions.open, session_id)
        self.post_message(SessionReady(session))
        self.tell(f"“{session.conversation.title}” is back.")

    @on(History.Searched)
    def _searched(self) -> None:
        self.list_sessions()

    @on(History.Opened)
    def _opened(self, message: History.Opened) -> None:
        turns = self.talk.turns
        if turns.live:
            self.tell("A reply is streaming; Esc stops it.")
            return
        hit = next((i.hit for i in self.history.shown if i.session_id == message.session_id), None)
        if message.session_id != turns.session.id:
            read = partial(self._read, message.session_id, hit)
            self.in_thread(read, lambda session: SessionReady(session, hit=hit))
        elif hit:
            self.look_for(hit)

    def _read(self, session_id: str, hit: Hit | None) -> Session:
        """The session, with the branch in sight in which something was found."""
        session = self.sessions.open(session_id)
        known = {said.id for said in session.branch()}
        if hit and hit.message and hit.message not in known and not session.read_only:
            session.set_head(hit.message)
        return session

    def look_for(self, hit: Hit) -> None:
        """Go to what a search found in this conversation, once that is in sight."""
        if self.talk.is_reading:
            self.set_timer(READING_SECONDS, partial(self.look_for, hit))
        else:
            word = hit.snippet[slice(*hit.matches[0])] if hit.matches else ""
            self.query_one(Find).open(word, hit.message)

    @on(SessionReady)
    async def _ready(self, message: SessionReady) -> None:
        turns = self.talk.turns
        if turns.is_open:
            self.in_worker(partial(turns.close, turns.session))
        await self.talk.open(message.session)
        await self.show_opening()
        self.composer.forget()
        self.composer.remember(
            *(as_typed(said.text) for said in message.session.branch() if said.role == "user")
        )
        if message.session.trouble:
            self.warn(message.session.trouble)
        self.history.current = message.session.id
        self.list_sessions()
        if message.in_list:
            self.history.focus_list()
        self.talk.post_message(Talk.Changed())
        self.query_one(Find).close()
        if message.hit:
            self.look_for(message.hit)

    @on(Listed)
    def _show_list(self, message: Listed) -> None:
        if message.words != self.history.words:
            return
        if message.month is not None:
            self.month = message.month
            self._keep_to_budget(message.month)
            self.talk.post_message(Talk.Changed())
        self.history.current = self.talk.turns.session.id
        empty = "nothing found" if message.words else "nothing yet"
        self.history.show(message.items, today=self.clock().date(), empty=empty)

    def _listed(self) -> Listed:
        infos = self.sessions.list(trash=True)  # what was thrown away was spent all the same
        items = [
            Item(info.id, info.title, info.trouble, info.updated)
            for info in infos
            if not info.deleted
        ]
        turns = sum(sum(info.ledger.turns.values()) for info in infos)
        return Listed("", items, self._month(infos), turns)

    def _month(self, infos: Sequence[SessionInfo]) -> Month:
        from tui.budget import month_of

        return month_of((cost for info in infos for cost in info.costs), self.clock().date())

    def _keep_to_budget(self, month: Month) -> None:
        """Say once that the budget is spent, and let it decide who answers where that is set."""
        from tui.budget import limit_of, warning_of

        budget = self.program.settings.budget
        self.talk.turns.limit = limit_of(month, budget)
        warning = warning_of(month, budget)
        if warning and not self._warned:
            self.warn(warning)
        self._warned = bool(warning)

    def _found(self, words: str) -> Listed:
        """One row a session: its first place that holds the words."""
        items: dict[str, Item] = {}
        search = self.sessions.search(words, stop=lambda: self._words != words)
        for hit in search:
            items.setdefault(hit.session, Item(hit.session, hit.title, _around(hit), hit=hit))
            if len(items) == HITS:
                break
        return Listed(words, list(items.values()))


def _around(hit: Hit) -> str:
    """The snippet from just before what was found, as narrow as the sidebar is."""
    start = hit.matches[0][0] - FOUND_BEFORE if hit.matches else 0
    return f"…{hit.snippet[start:]}" if start > 0 else hit.snippet
