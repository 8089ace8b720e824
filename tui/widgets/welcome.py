"""The first screen a user sees: what was found, and one key that starts the demo."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from routing.models import Pool
from tui.visible import one_line, visible
from tui.widgets.actions import Action, Actionable
from tui.widgets.badge import LETTERS
from tui.widgets.tones import MUTED

if TYPE_CHECKING:
    from tui.local_servers import LocalServer

DEMO = Action("demo", "d", "start with the demo pair")
KEY = Action("key", "k", "add a key")
MODELS = Action("models", "m", "choose models")
OPENING_ACTIONS = (DEMO, KEY, MODELS)

PITCH = (
    "Every turn goes to a strong or a weak model; you see which one, why, and what it costs.",
    "The demo pair is built in: no key, no network. Its replies say that they are stand-ins;",
    "routing, prices, meter and storage are real.",
)


HOW_TO_GO_ON = "Type a message. /weak, /strong and /auto say who answers; / lists all commands."
CHOOSING = "Type a letter and enter, or a message:"
WAITING = "Who is to answer? Your message is sent as soon as you have chosen."


class Welcome(Actionable):
    """No models are set: a normal state, not an error."""

    DEFAULT_CSS = """
    /* No margin at the sides: a stream layout measures heights as if there were none. */
    Welcome { height: auto; margin: 1 0; padding: 1 2; border: round $primary; }
    Welcome:focus { border: round $accent; }
    Welcome > #waiting { display: none; margin: 1 0 0 0; }
    Welcome > #choosing { margin: 1 0 0 0; }
    """

    servers: reactive[Sequence[LocalServer] | None] = reactive(None)
    key_names: reactive[Collection[str]] = reactive(())
    holds_message = reactive(default=False)

    def __init__(self, key_names: Collection[str]) -> None:
        super().__init__(OPENING_ACTIONS)
        self.set_reactive(Welcome.key_names, key_names)

    def compose(self) -> ComposeResult:
        yield Static(Content.styled("Welcome to llmroute", "bold $text-primary"))
        yield Static(Content("\n" + " ".join(PITCH) + "\n"))
        yield Static(Content(self._keys()), id="keys")
        yield Static(Content(self._servers()), id="servers")
        yield Static(Content.styled(WAITING, "bold $text-warning"), id="waiting")
        yield Static(Content.styled(CHOOSING, MUTED), id="choosing")
        yield from self.compose_actions()

    def watch_key_names(self) -> None:
        if self.is_mounted:
            self.query_one("#keys", Static).update(Content(self._keys()))

    def watch_servers(self) -> None:
        if self.is_mounted:
            self.query_one("#servers", Static).update(Content(self._servers()))

    def watch_holds_message(self) -> None:
        if self.is_mounted:
            self.query_one("#waiting").display = self.holds_message
            self.query_one("#choosing").display = not self.holds_message

    def _keys(self) -> str:
        return f"Keys: {', '.join(sorted(self.key_names)) or 'none found'}"

    def _servers(self) -> str:
        if self.servers is None:
            return "Local servers: looking …"
        if not self.servers:
            return "Local servers: none answers (Ollama, LM Studio, llama.cpp, vLLM)"
        return "Local servers: " + "; ".join(map(_server_text, self.servers))


class Empty(Static):
    """A conversation without a turn."""

    DEFAULT_CSS = """
    Empty { height: auto; padding: 1 2; color: $text-muted; }
    """


def opening_text(pool: Pool, engine: str, remarks: Sequence[str]) -> Content:
    """The models, remarks on their prices, the engine's state, and what to do next."""
    models = (f"{LETTERS[pool.tier_of(model)]} {one_line(model.name, 60)}" for model in pool.models)
    return Content("\n").join(
        [
            *map(Content, models),
            *(Content.styled(visible(remark), "$text-warning") for remark in remarks),
            Content(""),
            Content(visible(engine)),
            Content(HOW_TO_GO_ON),
        ]
    )


def _server_text(server: LocalServer) -> str:
    shown = ", ".join(one_line(model, 30) for model in server.models[:3])
    more = f" and {len(server.models) - 3} more" if len(server.models) > 3 else ""
    return f"{server.name} on {server.port}" + (f" ({shown}{more})" if shown else "")
