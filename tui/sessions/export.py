"""A conversation as a text to pass on: Markdown of the branch in sight, JSON of every branch.

Left out is what is not part of the conversation: the battles near a prompt and the reason that
quotes them (they may be prompts of other conversations), and error texts. A model in a folder of
this machine goes by the folder's name alone.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any, Literal

import msgspec

from routing.decide import Decision
from tui.errors import StoreError
from tui.money import usd
from tui.sessions.conversation import Conversation
from tui.sessions.message import Message, short

TITLE_CHARACTERS = 40  # of an exported file's name


def to_markdown(conversation: Conversation) -> str:
    """The branch in sight as Markdown, each reply under its route and cost."""
    parts = [f"# {conversation.title or 'Untitled'}"]
    if conversation.instructions:
        parts.append(f"## System\n\n{conversation.instructions}")
    parts += [f"{_heading(message)}\n\n{message.text}" for message in conversation.branch()]
    return "\n\n".join(parts) + "\n"


def write_export(conversation: Conversation, place: Path, kind: Literal["md", "json"]) -> Path:
    """The file that now holds the conversation: `place`, or one named after its title in there.

    Raises:
        StoreError: it cannot be written, or a file is in that place.
    """
    path = place
    if place.is_dir():
        path = place / f"{_slug(conversation.title)}-{short(conversation.id)}.{kind}"
    elif place.exists():
        raise StoreError(f"{place} already exists.")
    write = to_json if kind == "json" else to_markdown
    try:
        path.write_text(write(conversation), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    return path


def _slug(title: str) -> str:
    """The title as a file's name has it: words of letters and digits."""
    words = "".join(c if c.isalnum() else " " for c in title.lower()).split()
    return "-".join(words)[:TITLE_CHARACTERS].rstrip("-") or "conversation"


def to_json(conversation: Conversation) -> str:
    """The whole conversation as JSON, two spaces deep."""
    content = {
        "id": conversation.id,
        "title": conversation.title,
        "created": conversation.created,
        "updated": conversation.updated,
        "head": conversation.head,
        "instructions": conversation.instructions,
        "messages": [_row(message) for message in conversation.messages.values()],
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"


def _heading(message: Message) -> str:
    moment = message.created[:16].replace("T", " ") + " UTC"
    if message.role != "assistant":
        return f"## {'You' if message.role == 'user' else 'System'} · {moment}"
    words = [_tier(message.decision), _shared_name(message.model or "Assistant"), moment]
    if message.bill is not None:
        words.append(usd(message.bill.cost_usd))
    if message.state == "streaming":  # or was, when its program was killed
        words.append("not finished")
    elif message.state != "done":
        words.append(message.state)
    return "## " + " · ".join(word for word in words if word)


def _tier(decision: Decision | None) -> str:
    return "" if decision is None else f"[{decision.tier[0].upper()}] {decision.tier}"


def _row(message: Message) -> dict[str, Any]:
    row = {
        "id": message.id,
        "parent": message.parent,
        "role": message.role,
        "created": message.created,
        "state": message.state,
        "text": message.text,
        "model": message.model and _shared_name(message.model),
        "decision": message.decision and _shared_decision(message.decision),
        "usage": message.usage and asdict(message.usage),
        "bill": message.bill and asdict(message.bill),
    }
    return {name: value for name, value in row.items() if value is not None or name == "parent"}


def _shared_decision(decision: Decision) -> dict[str, Any]:
    return {
        "tier": decision.tier,
        "win_probability": decision.win_probability,
        "threshold": decision.threshold,
        "flip_share": decision.flip_share,
        "pinned": decision.pinned,
        "limited": decision.limited,
        "decision_ms": decision.decision_ms,
    }


def _shared_name(model: str) -> str:
    """The model's name, without the folder that it lies in."""
    provider, _, rest = model.partition("/")
    path = PurePath(rest)
    return f"{provider}/{path.name}" if provider == "local" and path.is_absolute() else model
