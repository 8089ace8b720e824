"""One open conversation: what is in sight at once, and on disk when a change returns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

import msgspec
from tinydb import TinyDB
from tinydb.table import Document

from routing.conversation import Role
from routing.decide import Decision
from tui.errors import StoreError
from tui.sessions import schema
from tui.sessions.conversation import Conversation, SessionInfo
from tui.sessions.message import Message, State, clean, new_id, storable, timestamp, utc_now
from tui.sessions.storage import Damage, SessionStorage, way_out

Clock = Callable[[], datetime]


class Session:
    """A conversation and the file that keeps it.

    Readers in any thread see the conversation of one moment, never a half of a change, and never
    wait for the disk. Changes wait for it, one after another. A change that the disk refuses raises
    StoreError and stays in the conversation; it is stored with the next change, or by `save`.

    Without a storage it is a temporary chat: the same in all else, and never on disk.

    Args:
        trouble: why it may only be read, or "".

    Attributes:
        read_only: every change raises StoreError; `trouble` says why.
        trouble: why it is read only, or what was damaged when it was opened, or "".
        damage: the same damage in its parts; None where there was none.
    """

    def __init__(
        self,
        conversation: Conversation,
        storage: SessionStorage | None,
        *,
        trouble: str = "",
        clock: Clock = utc_now,
    ) -> None:
        self._conversation = conversation if trouble else conversation.after_crash()
        self._storage = storage
        self._database = None if storage is None else TinyDB(storage=lambda: storage)
        self._clock = clock
        self._unsaved = dict.fromkeys(_unstored(conversation, storage))
        self._refused = False
        self._changing = threading.Lock()
        self.damage: Damage | None = None if storage is None else storage.damage
        self.read_only = bool(trouble)
        self.trouble = trouble or (str(self.damage) if self.damage else "")

    @property
    def conversation(self) -> Conversation:
        """The conversation as it is at this moment."""
        return self._conversation

    @property
    def id(self) -> str:
        """The session's name in its folder."""
        return self._conversation.id

    @property
    def info(self) -> SessionInfo:
        """Its row in the list, with what it has cost."""
        return replace(self._conversation.info(), trouble=self.trouble)

    @property
    def temporary(self) -> bool:
        """It is never on disk."""
        return self._storage is None

    @property
    def unsaved(self) -> bool:
        """The disk refused the last change; `save` tries again."""
        return self._refused

    def now(self) -> datetime:
        """The present moment, by the clock that dates the messages."""
        return self._clock()

    def branch(self) -> list[Message]:
        """The branch in sight, from its first message to its last."""
        return self._conversation.branch()

    def siblings(self, message_id: str) -> list[Message]:
        """The message and its alternatives, in the order in which they were made."""
        return self._conversation.siblings(message_id)

    def add(
        self,
        role: Role,
        text: str,
        *,
        state: State = "sent",
        decision: Decision | None = None,
        beside: str | None = None,
    ) -> Message:
        """The new message, stored, at the end of the branch in sight.

        With `beside` it is an alternative to that message instead: an edited prompt, another reply.

        Raises:
            StoreError: it is not on disk; it is in the conversation all the same, as its head.
            ValueError: no such message to stand beside, or a field that no file can give back.
        """
        with self._changing:
            now = self._clock()
            message = Message(
                id=new_id(now),
                parent=self._conversation.head if beside is None else self._known(beside).parent,
                role=role,
                text=text,
                created=timestamp(now),
                state=state,
                model=None if decision is None else decision.model,
                decision=decision,
            )
            return self._keep(message)

    def update(self, message: Message) -> Message:
        """The message as stored in place of the one with its id.

        Raises:
            StoreError: the change is not on disk; it is in the conversation all the same.
            ValueError: there is no such message, it would move to another branch, or a field
                holds what no file can give back.
        """
        with self._changing:
            if self._known(message.id).parent != message.parent:
                raise ValueError(f"message {message.id} cannot move to another parent")
            return self._keep(message)

    def set_head(self, message_id: str) -> None:
        """Bring the newest branch through that message in sight.

        Raises:
            StoreError: the change is not on disk; it is in sight all the same.
            ValueError: there is no such message.
        """
        with self._changing:
            end = self._conversation.end_of(self._known(message_id).id)
            self._change(replace(self._conversation, head=end))

    def rename(self, title: str) -> None:
        """Give it that title; a blank one gives back the title from its first prompt.

        Raises:
            StoreError: the change is not on disk; it is in sight all the same.
        """
        with self._changing:
            self._change(self._conversation.renamed(title))

    def set_pin(self, model: str | None) -> None:
        """Let that model, or end of the pool, answer in this session; None lets the router.

        Raises:
            StoreError: the change is not on disk; it is in force all the same.
        """
        with self._changing:
            self._change(replace(self._conversation, pin=model))

    def instruct(self, instructions: str) -> None:
        """Tell the model this before the first message; "" tells it nothing.

        Raises:
            StoreError: the change is not on disk; it is in force all the same.
        """
        with self._changing:
            self._change(replace(self._conversation, instructions=clean(instructions)))

    def save(self) -> None:
        """Store what the disk refused before.

        Raises:
            StoreError: it refuses again.
        """
        with self._changing:
            self._change(self._conversation, self._unsaved)

    def close(self) -> None:
        """Let another window write; from here on it can only be read."""
        with self._changing:
            self.read_only = self.read_only or not self.temporary
            self.trouble = self.trouble or ("It was closed." if self.read_only else "")
            if self._storage is not None:
                self._storage.close()

    def _known(self, message_id: str) -> Message:
        try:
            return self._conversation.messages[message_id]
        except KeyError:
            raise ValueError(f"session {self.id} has no message {message_id!r}") from None

    def _keep(self, message: Message) -> Message:
        stored = storable(message)
        self._change(self._conversation.with_message(stored), [stored.id])
        return stored

    def _change(self, conversation: Conversation, changed: Iterable[str] = ()) -> None:
        """Put the conversation in sight, then on disk; the caller holds the lock on changes."""
        if self.read_only:
            hint = way_out(self.trouble, self._storage.path.parent) if self._storage else ""
            raise StoreError(f"Session {self.id} can only be read: {self.trouble}", hint=hint)
        self._conversation = replace(conversation, updated=timestamp(self._clock()))
        if self._storage is None or self._database is None or not conversation.messages:
            return
        self._unsaved |= dict.fromkeys(changed)
        try:
            with self._storage.batch():
                self._store(self._database, self._conversation)
        except StoreError:
            self._refused = True
            raise
        self._refused = False
        self._unsaved = {}

    def _store(self, database: TinyDB, conversation: Conversation) -> None:
        header = Document(schema.header(conversation), doc_id=1)
        database.table(schema.HEADER).upsert(header)
        messages = database.table(schema.MESSAGES)
        for number, (message_id, message) in enumerate(conversation.messages.items(), start=1):
            if message_id in self._unsaved:
                messages.upsert(Document(msgspec.to_builtins(message), doc_id=number))


def _unstored(conversation: Conversation, storage: SessionStorage | None) -> list[str]:
    """The messages that are not in the file as they are in sight: cut ones, or all of a copy."""
    if storage is None:
        return []
    new = storage.read() is None
    return [m.id for m in conversation.messages.values() if new or m.state == "streaming"]
