"""The keys of the chat's screen, and every key of the chat as the user has moved them."""

from __future__ import annotations

from collections.abc import Mapping

from textual.binding import Binding

from tui.widgets.block import Block
from tui.widgets.composer import Draft
from tui.widgets.history import History


def _key(key: str, action: str, label: str, tooltip: str) -> Binding:
    return Binding(key, action, label, id=action, tooltip=tooltip, priority=True)


def _walk(key: str, action: str, name: str, tooltip: str) -> Binding:
    return Binding(key, action, tooltip, id=name, tooltip=tooltip, priority=True)


CHAT_KEYS = (
    _key("ctrl+b", "history", "History", "Show or hide earlier conversations"),
    _key("ctrl+w", "why", "Why", "Show or hide the reasons of the last turn"),
    _key("ctrl+t", "threshold", "Threshold", "Change the share of strong calls"),
    _key("ctrl+n", "new", "New", "Begin a new conversation"),
    _key("ctrl+s", "search", "Search", "Search all conversations"),
    _key("ctrl+f", "find", "Find", "Find in this conversation"),
    _key("ctrl+o", "editor", "Editor", "Write in your own editor"),
    _key("ctrl+r", "retry", "Retry", "Answer the last message again"),
    _key("ctrl+g", "again", "Again with strong", "Answer again with the strong model"),
    _walk("alt+up", "walk(-1)", "walk_up", "Go to the message before"),
    _walk("alt+down", "walk(1)", "walk_down", "Go to the message after"),
    _walk("pageup", "page(-1)", "page_up", "Scroll up"),
    _walk("pagedown", "page(1)", "page_down", "Scroll down"),
    _key("f1", "keys", "Keys", "Show every key"),
    _key("f2", "auto", "Auto", "Route this conversation"),
    _key("f3", "weak", "Weak", "Pin this conversation to weak"),
    _key("f4", "strong", "Strong", "Pin this conversation to strong"),
    _key("alt+a", "send_auto", "Send routed", "Send this message routed"),
    _key("alt+w", "send_weak", "Send to weak", "Send this message to the weak model"),
    _key("alt+s", "send_strong", "Send to strong", "Send this message to the strong model"),
    _key("f5", "settings", "Settings", "Models, share and keys"),
    _key("f6", "good", "Good", "The last reply was good: learn it"),
    _key("f7", "bad", "Bad", "The last reply was bad: learn it"),
    _key("f8", "forget", "Forget", "Undo what was learnt last"),
    _key("ctrl+k,ctrl+p", "palette", "All actions", "Find an action and its key"),
    _key("ctrl+c", "clear_or_quit", "Clear", "Copy a selection, else clear; twice quits"),
    _key("alt+z", "suspend", "Suspend", "Back to the shell; fg there comes back"),
    Binding("escape", "stop", "Stop", id="stop", tooltip="Stop the reply, keep what arrived"),
)
# Actions that need no conversation: it is there only a moment after the first paint.
EARLY = frozenset(
    {
        "why",
        "keys",
        "auto",
        "weak",
        "strong",
        "palette",
        "settings",
        "clear_or_quit",
        "stop",
        "suspend",
    }
)


def keys_in_force(moved: Mapping[str, str]) -> list[Binding]:
    """Every key of the chat, those that were moved where they are now."""
    own = [*Draft.BINDINGS, *CHAT_KEYS, *Block.BINDINGS, *History.BINDINGS]
    return [
        binding.with_key(moved.get(binding.id or "", binding.key))
        for binding in own
        if isinstance(binding, Binding)
    ]


def first_key(binding: Binding) -> str:
    """The key to name where there are several."""
    return binding.key.split(",")[0]
