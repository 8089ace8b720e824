"""What went wrong in a turn, where it happened: what it means, what to do, the detail folded."""

from __future__ import annotations

from typing import NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from routing import errors
from routing.errors import RateLimitError
from tui.errors import AppError, StoreError, sentence
from tui.visible import visible
from tui.widgets.actions import Action, Actionable

RETRY = Action("retry", "r", "retry")
OTHER = Action("other", "o", "answer with the other model")
KEY = Action("key", "k", "add a key")
REPLACE_KEY = Action("key", "k", "replace the key")
MODELS = Action("models", "m", "choose models")
DEMO = Action("demo", "d", "use the demo pair")
CONTINUE = Action("continue", "c", "continue the reply")
WEAK = Action("weak", "w", "continue with the weak model")
STRONG = Action("strong", "s", "continue with the strong model")
NEW = Action("new", "n", "new conversation")
UNKEPT = Action("unkept", "u", "begin a conversation that is not kept")
DETAIL = Action("detail", "x", "detail")


class Kind(NamedTuple):
    """How one kind of error is shown."""

    title: str
    actions: tuple[Action, ...]


KINDS: dict[type[Exception], Kind] = {
    errors.NoKeyError: Kind("A key is missing", (KEY, OTHER, MODELS, DEMO)),
    errors.AuthError: Kind("The provider refused the key", (REPLACE_KEY, OTHER, RETRY)),
    errors.NoCreditError: Kind("The account has no credit left", (OTHER, MODELS, RETRY)),
    errors.RateLimitError: Kind("Too many requests", (RETRY, OTHER)),
    errors.NetworkError: Kind("The provider cannot be reached", (RETRY, OTHER, MODELS)),
    errors.ContextError: Kind("The conversation is too long", (OTHER, NEW, MODELS)),
    errors.NoModelError: Kind("The model is not known", (MODELS, OTHER, DEMO)),
    errors.ServiceError: Kind("The provider failed", (RETRY, OTHER)),
    errors.CutError: Kind("The reply was cut", (CONTINUE, RETRY, OTHER)),
    errors.EngineGoneError: Kind("The engine stopped and is starting again", (RETRY, WEAK, STRONG)),
    errors.RouterError: Kind("No router can decide", (RETRY, WEAK, STRONG)),
    errors.EmbeddingError: Kind("The prompt could not be embedded", (RETRY, WEAK, STRONG)),
    errors.RoutingError: Kind("This turn did not work", (RETRY, OTHER)),
    StoreError: Kind("This turn could not be saved", (RETRY, UNKEPT)),
    AppError: Kind("This turn did not work", (RETRY, MODELS)),
}


def kind_of(error: Exception) -> Kind:
    """How the error is shown, by its nearest known class."""
    return next(KINDS[kind] for kind in type(error).__mro__ if kind in KINDS)


class Card(Actionable):
    """An error inline in its turn.

    A reply that has begun can be continued. `other` is what the action says that lets
    another model answer, "" where none may.
    """

    DEFAULT_CSS = """
    Card {
        height: auto; margin: 0 1 0 0; padding: 0 1;
        border-left: thick $error; background: $error 8%;
    }
    Card:focus { background: $error 16%; }
    Card > .card--title { text-style: bold; color: $text-error; }
    Card > .card--hint { color: $text-muted; }
    Card > .card--detail { display: none; color: $text-muted; padding: 0 0 0 2; }
    Card.-detail > .card--detail { display: block; }
    """

    def __init__(
        self,
        error: errors.RoutingError | AppError,
        *,
        begun: bool = False,
        other: str = OTHER.label,
    ) -> None:
        kind = kind_of(error)
        self.error = error
        self.detail = visible(getattr(error, "detail", ""))
        go_on = (CONTINUE,) if begun and CONTINUE not in kind.actions else ()
        named = {OTHER: OTHER._replace(label=other)}
        known = tuple(named.get(a, a) for a in kind.actions if other or a != OTHER)
        super().__init__(go_on + known + ((DETAIL,) if self.detail else ()))
        self.title = kind.title
        wait = error.retry_after if isinstance(error, RateLimitError) else None
        self.seconds_left = 0 if wait is None else max(round(wait), 0)

    def compose(self) -> ComposeResult:
        yield Static(Content(f"✗ {self.title}"), classes="card--title")
        yield Static(Content(visible(sentence(self.error))))
        if self.error.hint:
            yield Static(Content(visible(self.error.hint)), classes="card--hint")
        yield Static(Content(self._countdown()), classes="card--countdown")
        yield from self.compose_actions()
        yield Static(Content(self.detail), classes="card--detail")

    def on_mount(self) -> None:
        self.query_one(".card--countdown").display = self.seconds_left > 0
        if self.seconds_left:
            self.set_interval(1.0, self.tick)

    def tick(self) -> None:
        """One second of the wait that the provider asked for has gone by."""
        self.seconds_left = max(self.seconds_left - 1, 0)
        self.query_one(".card--countdown", Static).update(Content(self._countdown()))

    def on_key(self, event: events.Key) -> None:
        """The detail unfolds in place; the rest is for the screen."""
        if event.key == DETAIL.key and self.detail:
            event.stop()
            event.prevent_default()
            self.toggle_class("-detail")

    def on_actionable_chosen(self, message: Actionable.Chosen) -> None:
        """A click on the detail's label unfolds it too."""
        if message.name == DETAIL.name:
            message.stop()
            self.toggle_class("-detail")

    def _countdown(self) -> str:
        if self.seconds_left:
            return f"{self.seconds_left} s left to wait."
        return "The wait is over."
