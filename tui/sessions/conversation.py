"""A conversation at one moment: its messages, their branches, and its row in the list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from routing.conversation import Turn
from routing.cost import Ledger
from tui.sessions.costs import DayCost, day_costs, total
from tui.sessions.message import Message, clean, timestamp
from tui.visible import one_line

TITLE_WIDTH = 60
FORK = "Fork of "  # before a title, where no narrow list cuts it off
PREVIEW_WIDTH = 80


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One row of the list of sessions.

    Attributes:
        created, updated: moments as ISO 8601 in UTC.
        messages: how many the current branch has.
        models: the models that answered, in the order of their first reply.
        preview: the beginning of the last message, on one line.
        costs: what was spent, by day and model.
        deleted: it lies in the trash.
        trouble: why it cannot be opened as it is, or "".
    """

    id: str
    title: str
    created: str
    updated: str
    messages: int = 0
    models: tuple[str, ...] = ()
    preview: str = ""
    costs: tuple[DayCost, ...] = ()
    deleted: bool = False
    trouble: str = ""

    @property
    def ledger(self) -> Ledger:
        """Spent, all-strong and saved over all replies."""
        return total(cost.ledger for cost in self.costs)


@dataclass(frozen=True, slots=True)
class Conversation:
    """All messages of a session and the branch in sight; never changed, only replaced.

    Attributes:
        head: the last message of the branch in sight; None before the first message.
        forked_from: the session that this one was copied from.
        pin: the model, or end of the pool, that answers here whatever the router says.
        instructions: what the model is told before the first message.
        messages: by id, in the order in which they were added.
    """

    id: str
    title: str
    created: str
    updated: str
    head: str | None = None
    forked_from: str | None = None
    pin: str | None = None
    instructions: str = ""
    messages: Mapping[str, Message] = field(default_factory=dict)

    def branch(self) -> list[Message]:
        """The branch in sight, from its first message to its last."""
        return self.path_to(self.head)

    def path_to(self, message_id: str | None) -> list[Message]:
        """The messages from the first to that one; none for None."""
        path = []
        while message_id is not None:
            message = self.messages[message_id]
            path.append(message)
            message_id = message.parent
        return path[::-1]

    def turns_to(self, message_id: str | None) -> tuple[Turn, ...]:
        """The instructions, then what was said up to and with that message, where it has a word."""
        told = [Turn("system", self.instructions)] if self.instructions else []
        path = self.path_to(message_id)
        return (*told, *(Turn(said.role, said.text) for said in path if said.text))

    def siblings(self, message_id: str) -> list[Message]:
        """The message and its alternatives, in the order in which they were made."""
        parent = self.messages[message_id].parent
        return [message for message in self.messages.values() if message.parent == parent]

    def versions(self) -> dict[str, tuple[str, ...]]:
        """For each message of the branch in sight that has alternatives, all of them in order.

        What failed before a word came is none, nor what was said in vain, unless it is in sight.
        """
        branch = {message.id for message in self.branch()}
        vain = self._said_in_vain()
        children: dict[str | None, list[str]] = {}
        for message in self.messages.values():
            if message.id in branch or message.id not in vain:
                children.setdefault(message.parent, []).append(message.id)
        several = (tuple(ids) for ids in children.values() if len(ids) > 1)
        return {shown: ids for ids in several for shown in branch.intersection(ids)}

    def _said_in_vain(self) -> set[str]:
        """The replies that failed before a word, and the messages that have no other reply."""
        failed = {m.id for m in self.messages.values() if m.state == "failed" and not m.text}
        unanswered = {self.messages[reply].parent or "" for reply in failed}
        answered = {m.parent for m in self.messages.values() if m.id not in failed}
        return failed | (unanswered - answered)

    def end_of(self, message_id: str) -> str:
        """The last message of the newest branch that runs through that message."""
        below, end = {message_id}, message_id
        for later in self.messages.values():  # a parent always comes before its children
            if later.parent in below:
                below.add(later.id)
                end = later.id
        return end

    def with_message(self, message: Message) -> Conversation:
        """The conversation with the message added and in sight, or updated in place."""
        new = message.id not in self.messages
        title = self.title
        if new and not title and message.role == "user":
            title = _title(message.text)
        return replace(
            self,
            title=title,
            head=message.id if new else self.head,
            messages={**self.messages, message.id: message},
        )

    def renamed(self, title: str) -> Conversation:
        """The conversation under that title; a blank one gives back the first prompt's."""
        prompts = (m.text for m in self.messages.values() if m.role == "user")
        line = one_line(clean(title).lstrip(), TITLE_WIDTH)
        return replace(self, title=line or _title(next(prompts, "")))

    def forked(
        self, new_id: str, at: str | None, moment: datetime, payer: str | None
    ) -> Conversation:
        """A copy under a new id of the branch up to `at`, or of the branch in sight.

        `payer` is the session whose bills the copies carry; None where no other session has them.
        """
        copies = {
            message.id: replace(ended(message), origin=message.origin or payer)
            for message in self.path_to(at or self.head)
        }
        return Conversation(
            id=new_id,
            title=one_line(f"{FORK}{self.title.removeprefix(FORK)}", TITLE_WIDTH),
            created=timestamp(moment),
            updated=timestamp(moment),
            head=at or self.head,
            forked_from=self.id,
            pin=self.pin,
            instructions=self.instructions,
            messages=copies,
        )

    def after_crash(self) -> Conversation:
        """The conversation with every reply that was still streaming marked as cut."""
        return replace(self, messages={m.id: ended(m) for m in self.messages.values()})

    def info(self) -> SessionInfo:
        """Its row in the list."""
        branch = self.branch()
        models = dict.fromkeys(m.model for m in self.messages.values() if m.model)
        return SessionInfo(
            id=self.id,
            title=self.title,
            created=self.created,
            updated=self.updated,
            messages=len(branch),
            models=tuple(models),
            preview=one_line(branch[-1].text.lstrip(), PREVIEW_WIDTH) if branch else "",
            costs=day_costs(self.messages.values()),
        )


def _title(prompt: str) -> str:
    """The prompt's first paragraph on one line: files and pastes follow the words about them."""
    return one_line(prompt.lstrip().partition("\n\n")[0], TITLE_WIDTH)


def ended(message: Message) -> Message:
    """The message, no longer streaming."""
    return replace(message, state="cut") if message.state == "streaming" else message
