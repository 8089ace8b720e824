"""The slash commands: a name, what it does in a line, and the call that does it."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from routing.models import Tier
from tui.errors import UsageError
from tui.money import parse_share
from tui.themes import choose_theme

if TYPE_CHECKING:
    from tui.screens.chat import ChatScreen

C = TypeVar("C")
Run = Callable[["ChatScreen", str], Awaitable[None] | None]


class Command(NamedTuple):
    """A slash command.

    Attributes:
        argument: how what follows the name is written in the help, "" where nothing does.
        binding: the id of the key that does the same, where it is not the command's name.
    """

    help: str
    run: Run
    argument: str = ""
    binding: str = ""


class ExportPlace(NamedTuple):
    """A folder or a new file, and what is written there."""

    place: Path
    kind: Literal["md", "json"]


def _pinned(tier: Tier | None) -> Run:
    """Pins a conversation; with a message, that one alone."""

    def run(screen: ChatScreen, message: str) -> Awaitable[None] | None:
        if message:
            return screen.say(message, tier)
        screen.pin(tier)
        return None

    return run


def _model(screen: ChatScreen, argument: str) -> None:
    screen.choose_model(argument)


def _threshold(screen: ChatScreen, argument: str) -> None:
    if not argument:
        screen.action_threshold()
        return
    try:
        screen.set_share(parse_share(argument))
    except ValueError:
        raise UsageError(
            f"{argument!r} is not a share of strong calls.", hint="Write /threshold 30%"
        ) from None


def _forget(screen: ChatScreen, argument: str) -> None:
    if argument and not argument.isdecimal():
        raise UsageError("Which battle?", hint="Write /forget 1, numbered as in the why panel")
    screen.forget_battle(int(argument) if argument else None)


def _export(screen: ChatScreen, argument: str) -> None:
    screen.export(*export_place(argument))


def export_place(argument: str) -> ExportPlace:
    """What `/export` writes, and where: into the folder the program was started in, or that file.

    Raises:
        UsageError: it is neither Markdown nor JSON.
    """
    kind = Path(argument).suffix or f".{argument or 'md'}"
    place = Path(argument).expanduser() if Path(argument).suffix else Path.cwd()
    match kind:
        case ".md":
            return ExportPlace(place, "md")
        case ".json":
            return ExportPlace(place, "json")
    raise UsageError(
        f"{argument!r} is no export.", hint="Write /export md, /export json or /export FILE.md"
    )


COMMANDS: Mapping[str, Command] = {
    "auto": Command("route this conversation, or one message", _pinned(None), "[MESSAGE]"),
    "weak": Command("pin to the weak model, or one message", _pinned("weak"), "[MESSAGE]"),
    "strong": Command("pin to the strong model, or one message", _pinned("strong"), "[MESSAGE]"),
    "threshold": Command("share of strong calls", _threshold, "[30%]"),
    "router": Command("which router decides", lambda s, a: s.choose_router(a), "[NAME]"),
    "curve": Command("quality and cost over my history", lambda s, _: s.action_curve()),
    "model": Command("pin a model, or change one", _model, "[[strong|weak] NAME]", "settings"),
    "why": Command("why the last turn went where it went", lambda s, _: s.action_why()),
    "cost": Command("what this session cost and saved", lambda s, _: s.show_cost()),
    "good": Command("the last reply was good: learn it", lambda s, _: s.action_good()),
    "bad": Command("the last reply was bad: learn it", lambda s, _: s.action_bad()),
    "forget": Command("undo what was learnt", _forget, "[NUMBER]"),
    "retry": Command("answer the last message again", lambda s, _: s.action_retry()),
    "again": Command(
        "answer the last message with the strong model", lambda s, _: s.action_again()
    ),
    "edit": Command("edit the last message and send it again", lambda s, _: s.edit(s.block)),
    "fork": Command("continue in a copy of this conversation", lambda s, _: s.fork(s.block)),
    "copy": Command("copy the last reply", lambda s, a: s.copy(a), "[code|all]"),
    "new": Command("new conversation", lambda s, _: s.action_new()),
    "temporary": Command("new conversation that is not kept", lambda s, _: s.begin_temporary()),
    "delete": Command("move this conversation to the trash", lambda s, _: s.delete()),
    "undo": Command("restore what was deleted last", lambda s, _: s.undo_delete()),
    "system": Command("instructions for the model", lambda s, a: s.instruct(a), "[TEXT|none]"),
    "find": Command("find in this conversation", lambda s, _: s.action_find()),
    "editor": Command("write in your own editor", lambda s, _: s.action_editor()),
    "sessions": Command("earlier conversations", lambda s, _: s.action_history(), "", "history"),
    "search": Command("search all conversations", lambda s, a: s.search(a), "WORDS"),
    "rename": Command("rename this conversation", lambda s, a: s.rename(a), "[TITLE]"),
    "export": Command("write this conversation to a file", _export, "[md|json|FILE]"),
    "theme": Command("change the colours", lambda s, a: choose_theme(s.app, a), "[NAME]"),
    "settings": Command("models, share and keys", lambda s, _: s.action_settings()),
    "audit": Command(
        "how far a model's choices can be trusted", lambda s, a: s.audit(a), "[MODEL]"
    ),
    "doctor": Command("what was found on this machine", lambda s, _: s.show_doctor()),
    "keys": Command("every key", lambda s, _: s.action_keys()),
    "help": Command(
        "every key; / alone lists these commands", lambda s, _: s.action_keys(), "", "keys"
    ),
    "quit": Command("leave", lambda s, _: s.app.exit()),
}


# What other programs call a command of ours.
ELSEWHERE: Mapping[str, str] = {
    "clear": "new",
    "config": "settings",
    "exit": "quit",
    "history": "sessions",
    "load": "sessions",
    "regenerate": "retry",
    "reset": "new",
    "save": "export",
    "share": "threshold",
    "title": "rename",
}


async def run_command(screen: ChatScreen, text: str) -> None:
    """Carry out a line that begins with a slash.

    Raises:
        UsageError: no command has that name, or its argument is not understood.
    """
    command, argument = look_up(text, COMMANDS)
    done = command.run(screen, argument)
    if done is not None:
        await done


def look_up(text: str, commands: Mapping[str, C]) -> tuple[C, str]:
    """The command that a line begins with, and what follows it.

    Raises:
        UsageError: none has that name; the nearest one is named.
    """
    name, _, argument = text[1:].strip().partition(" ")
    if name in commands:
        return commands[name], argument.strip()
    near = (
        [ELSEWHERE[name]] if name in ELSEWHERE else difflib.get_close_matches(name, commands, n=1)
    )
    hint = f"Did you mean /{near[0]}? " if near and near[0] in commands else ""
    raise UsageError(f"No command is named /{name}.", hint=f"{hint}Begin with // to send a slash.")


def as_typed(message: str) -> str:
    """A message as it is typed: a slash at its beginning twice."""
    return f"/{message}" if message.startswith("/") else message
