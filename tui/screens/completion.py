"""What is offered while a command, what follows its name, or the mention of a file is typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from routing.routers import SUMMARIES
from tui.screens.slash import COMMANDS
from tui.themes import short_names

if TYPE_CHECKING:
    from tui.screens.chat import ChatScreen

Choice = tuple[str, str]  # what is written, and what it does

MOST = 20  # of a long list of models
ENDS = ("strong", "weak")


def complete(screen: ChatScreen, text: str) -> Sequence[Choice]:
    """What begins as the text does: commands, their arguments, files after an @."""
    if text.startswith("@"):
        from tui.attachments import complete as complete_mention

        return complete_mention(text, Path.cwd())
    if text.startswith("//"):
        return ()
    name, space, typed = text[1:].partition(" ")
    return arguments(screen, name, typed) if space else commands(name)


def commands(begun: str) -> list[Choice]:
    """The commands whose names begin so, each with its help."""
    return [
        (
            f"/{name} " if command.argument else f"/{name}",
            f"{command.argument} {command.help}".strip(),
        )
        for name, command in COMMANDS.items()
        if name.startswith(begun)
    ]


def arguments(screen: ChatScreen, command: str, typed: str) -> list[Choice]:
    """The lines that give the command an argument which begins as typed."""
    offered = CHOICES[command](screen, typed) if command in CHOICES else ()
    begun = typed.lower()
    fitting = (
        (f"/{command} {choice}", does)
        for choice, does in offered
        if choice.lower().startswith(begun) and choice.strip() != typed.strip()
    )
    return list(islice(fitting, MOST))


def _models(screen: ChatScreen, typed: str) -> Iterable[Choice]:
    """The models in force; for an end that is to be changed, every known one."""
    end, space, _ = typed.partition(" ")
    if space and end in ENDS:
        from routing.models import suggested_models

        known = (*screen.program.settings.models, *suggested_models())
        return ((f"{end} {name}", "") for name in dict.fromkeys(known))
    pool = screen.talk.turns.routing.pool
    own = [(model.name, f"pin {pool.tier_of(model)}") for model in pool.models] if pool else []
    return (*own, *((f"{end} ", f"change the {end} model") for end in ENDS))


def _themes(screen: ChatScreen, _: str) -> Iterable[Choice]:
    return ((name, "") for name in short_names(screen.app.available_themes))


def _always(*choices: Choice) -> Callable[[ChatScreen, str], Iterable[Choice]]:
    return lambda _screen, _typed: choices


CHOICES: Mapping[str, Callable[[ChatScreen, str], Iterable[Choice]]] = {
    "copy": _always(("code", "its code"), ("all", "the whole conversation")),
    "export": _always(("md", "as Markdown"), ("json", "as JSON")),
    "model": _models,
    "router": _always(*SUMMARIES.items()),
    "system": _always(("none", "tell the model nothing")),
    "theme": _themes,
}
