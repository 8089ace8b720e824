"""Stored messages made ready to be shown: texts are read and laid out in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from routing.errors import CutError, RoutingError
from tui.live_turn import KEPT
from tui.visible import visible
from tui.widgets.block import Block
from tui.widgets.prose import read
from tui.widgets.reply import Reply
from tui.widgets.said import Said

if TYPE_CHECKING:
    from tui.markdown.document import Document
    from tui.sessions import Message

NO_INSTRUCTIONS = "none from here on"
NOTES = {"stopped": "■ stopped; what arrived is kept", "cut": "✗ cut", "failed": "✗ not answered"}


class View(NamedTuple):
    """One stored message and, of a reply, its laid-out text."""

    message: Message
    document: Document | None

    def block(self, key: str) -> Block:
        """What shows it; `key` names a reply."""
        block = self._block(key)
        block.message_id = self.message.id
        return block

    def _block(self, key: str) -> Block:
        message = self.message
        if self.document is None:
            at = datetime.fromisoformat(message.created).astimezone()
            if message.role == "system":
                return Said(message.text or NO_INSTRUCTIONS, at, who="Instructions")
            return Said(message.text, at)
        note = NOTES.get(message.state, "")
        reply = Reply(
            key,
            document=self.document,
            decision=message.decision,
            note=visible(f"{note}: {message.error}" if message.error else note),
        )
        if message.decision is None:
            reply.wait("not routed")
        if message.bill:
            reply.meter(message.bill, estimated=bool(message.usage and message.usage.estimated))
        return reply


def interruption(reply: Message) -> RoutingError | None:
    """What a card says of a stored reply that is not whole; None where the user stopped it."""
    if reply.state == "cut" and reply.text:
        return CutError(reply.error or "The program ended while the reply came.", hint=KEPT)
    if reply.state in {"cut", "failed"}:
        return RoutingError(reply.error or "The program ended before the reply came.")
    return None


def read_branch(messages: Sequence[Message], width: int) -> list[View]:
    """The messages in order, each ready to mount at that width."""
    return [
        View(message, read(message.text, width) if message.role == "assistant" else None)
        for message in messages
    ]
