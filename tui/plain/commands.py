"""The commands of the plain chat: those of the screen, as lines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tui import clipboard
from tui.editor import edit
from tui.errors import UsageError
from tui.hints import OLDER_TRASH
from tui.money import counted, parse_share, percent
from tui.plain import sentences
from tui.screens.slash import export_place
from tui.visible import one_line, visible

if TYPE_CHECKING:
    from tui.plain.chat import PlainChat

Run = Callable[["PlainChat", str], Awaitable[None] | None]

LISTED = 20
TITLE_CHARACTERS = 60


class PlainCommand(NamedTuple):
    """A command: its help, what it does, and how what follows its name is written."""

    help: str
    run: Run
    argument: str = ""


def _pinned(model: str | None) -> Run:
    def run(chat: PlainChat, message: str) -> Awaitable[None] | None:
        if message:
            return chat.send(message, model)
        _pin(chat, model)
        return None

    return run


def _pin(chat: PlainChat, model: str | None) -> None:
    chat.turns.routing.pin = model
    chat.turns.session.set_pin(model)
    chat.say(f"Pinned to {visible(model)}." if model else "Every turn is routed.")


def _model(chat: PlainChat, name: str) -> None:
    pool = chat.turns.routing.pool
    if pool is None or name not in pool.names:
        known = ", ".join(pool.names) if pool else "none; /demo uses the built-in pair"
        raise UsageError(f"The models are: {known}.", hint="llmroute models use sets others.")
    _pin(chat, name)


def _demo(chat: PlainChat, _: str) -> None:
    from routing.models import DEMO_PAIR
    from tui.settings import pool_settings

    changes = pool_settings(DEMO_PAIR.names)
    settings = msgspec.structs.replace(chat.program.settings, **changes)
    chat.program = replace(chat.program, loaded=replace(chat.program.loaded, settings=settings))
    chat.turns.program = chat.program
    chat.turns.routing.pool = chat.program.pool
    chat.say("The demo pair answers; its replies say that they are stand-ins.")


def _threshold(chat: PlainChat, argument: str) -> None:
    routing = chat.turns.routing
    if argument:
        try:
            routing.share, routing.threshold = parse_share(argument), None
        except ValueError:
            raise UsageError(f"{argument!r} is not a share.", hint="Write /threshold 30%") from None
        chat.program.change({"share": routing.share, "threshold": None})
    chat.say(f"{percent(routing.share)} of the turns are to go to the strong model.")


def _why(chat: PlainChat, _: str) -> None:
    decision = chat.last().decision
    for line in sentences.reasons(decision) if decision else ["It was not routed."]:
        chat.say(line)


def _cost(chat: PlainChat, _: str) -> None:
    chat.say(sentences.spent(chat.turns.ledger))


def _edit(chat: PlainChat, text: str) -> Awaitable[None]:
    prompt = chat.last().prompt
    if prompt is None:
        raise UsageError("The last message is not stored yet.")
    new = text or edit(prompt.text, chat.program.environment)
    return chat.send(new, replaces=prompt.id)


def _editor(chat: PlainChat, _: str) -> Awaitable[None] | None:
    text = edit("", chat.program.environment)
    return chat.send(text) if text.strip() else None


def _begin(*, temporary: bool) -> Run:
    def run(chat: PlainChat, _: str) -> None:
        chat.open(chat.sessions.create(temporary=temporary))
        chat.say("A new conversation" + (", of which nothing is kept." if temporary else "."))

    return run


def _fork(chat: PlainChat, _: str) -> None:
    chat.open(chat.sessions.fork(chat.turns.session))
    chat.say("This is the copy.")


def _sessions(chat: PlainChat, _: str) -> None:
    rows = chat.sessions.list()
    for number, row in enumerate(rows[:LISTED], 1):
        trouble = f" {row.trouble}" if row.trouble else ""
        chat.say(visible(f"{number}. {row.title}, {counted(row.messages, 'message')}.{trouble}"))
    more = f" {len(rows) - LISTED:,} more: /search finds them." if len(rows) > LISTED else ""
    chat.say(f"{counted(len(rows), 'conversation')}.{more} /open and a number opens one.")


def _open(chat: PlainChat, number: str) -> None:
    rows = chat.sessions.list()
    if not number.isdecimal() or not 1 <= int(number) <= len(rows):
        raise UsageError("Which conversation?", hint="/sessions numbers them: /open 1")
    chat.open(chat.sessions.open(rows[int(number) - 1].id))


def _search(chat: PlainChat, words: str) -> None:
    numbers = {row.id: number for number, row in enumerate(chat.sessions.list(), 1)}
    found: dict[str, str] = {}
    for hit in chat.sessions.search(words):
        found.setdefault(hit.session, hit.snippet)
        if len(found) == LISTED:
            break
    for session_id, snippet in found.items():
        chat.say(visible(f"{numbers.get(session_id, '')}. {snippet}"))
    chat.say(_held(len(found), "conversation") if found else "Nothing found.")


def _find(chat: PlainChat, words: str) -> None:
    said = chat.turns.session.branch()
    lines = [line for message in said for line in message.text.split("\n")]
    found = [line for line in lines if words and words.lower() in line.lower()]
    for line in found:
        chat.say(visible(line))
    chat.say(_held(len(found), "line"))


def _held(number: int, noun: str) -> str:
    """How many of something hold what was looked for."""
    return f"{counted(number, noun)} {'holds' if number == 1 else 'hold'} it."


def _rename(chat: PlainChat, title: str) -> None:
    chat.turns.session.rename(title)
    chat.say(f"Its title is {visible(chat.turns.session.conversation.title)}.")


def _delete(chat: PlainChat, _: str) -> None:
    session = chat.turns.session
    if not session.conversation.head:
        raise UsageError("There is nothing to delete yet.")
    session.close()
    if not session.temporary:
        chat.sessions.delete(session.id)
        chat.deleted.append(session.id)
    chat.open(chat.sessions.create())
    chat.say("In the trash, where it is kept for 30 days. /undo brings it back.")


def _undo(chat: PlainChat, _: str) -> None:
    if not chat.deleted:
        raise UsageError("Nothing was deleted since the chat was opened.", hint=OLDER_TRASH)
    chat.sessions.restore(chat.deleted[-1])
    chat.open(chat.sessions.open(chat.deleted.pop()))


def _system(chat: PlainChat, text: str) -> None:
    if text:
        chat.turns.session.instruct("" if text == "none" else text)
    told = chat.turns.session.conversation.instructions
    chat.say(
        f"Instructions for the model: {visible(told)}"
        if told
        else "There are no instructions for the model."
    )


def _copy(chat: PlainChat, what: str) -> None:
    from tui.markdown.blocks import code_of
    from tui.sessions import to_markdown

    answer = chat.last().answer
    texts = {
        "": answer,
        "code": "\n\n".join(code_of(answer)),
        "all": to_markdown(chat.turns.session.conversation),
    }
    if not texts.get(what):
        raise UsageError("There is nothing like that to copy.", hint="Write /copy, code or all")
    tool = clipboard.put(texts[what], chat.program.environment)
    if tool is None:
        raise UsageError("No clipboard program was found here; /export writes a file.")
    chat.say(clipboard.told(f"{len(texts[what]):,} characters", tool, texts[what]))


def _export(chat: PlainChat, argument: str) -> None:
    from tui.sessions import write_export

    path = write_export(chat.turns.session.conversation, *export_place(argument))
    chat.say(f"Written to {path}")


def _judge(*, good: bool) -> Run:
    async def run(chat: PlainChat, _: str) -> None:
        from tui.learning import battle_of

        pool = chat.turns.routing.pool
        battle = battle_of(chat.last(), pool, good=good) if pool else None
        if not chat.program.settings.learn or chat.turns.session.temporary or battle is None:
            raise UsageError("There is nothing to learn from that here.")
        await chat.turns.engine.learn(battle)
        chat.say("Learnt. llmroute battles mine lists it and can undo it.")

    return run


def _doctor(chat: PlainChat, _: str) -> None:
    from tui.diagnosis import diagnose

    for section, facts in diagnose(chat.program).items():
        for name, fact in facts.items():
            chat.say(visible(f"{section}: {name}: {fact}"))
        if not facts:
            chat.say(f"{section}: none")


def _told(text: str) -> Run:
    return lambda chat, _: chat.say(text)


def _help(chat: PlainChat, _: str) -> None:
    for name, command in COMMANDS.items():
        shown = one_line(f"/{name} {command.argument}".strip(), TITLE_CHARACTERS)
        chat.say(f"{shown}: {command.help}.")


def _quit(chat: PlainChat, _: str) -> None:
    chat.ended = True


COMMANDS: Mapping[str, PlainCommand] = {
    "help": PlainCommand("every command", _help),
    "auto": PlainCommand("route this conversation, or one message", _pinned(None), "[MESSAGE]"),
    "weak": PlainCommand("pin the weak model, or one message", _pinned("weak"), "[MESSAGE]"),
    "strong": PlainCommand("pin the strong model, or one message", _pinned("strong"), "[MESSAGE]"),
    "model": PlainCommand("pin a model by its name", _model, "NAME"),
    "demo": PlainCommand("use the built-in demo pair", _demo),
    "threshold": PlainCommand("share of strong calls", _threshold, "[30%]"),
    "why": PlainCommand("why the last turn went where it went", _why),
    "cost": PlainCommand("what this conversation cost and saved", _cost),
    "retry": PlainCommand("answer the last message again", lambda chat, _: chat.answer_again()),
    "again": PlainCommand(
        "answer it again with the strong model", lambda chat, _: chat.answer_again("strong")
    ),
    "edit": PlainCommand("another version of the last message", _edit, "[TEXT]"),
    "editor": PlainCommand("write in your own editor", _editor),
    "new": PlainCommand("a new conversation", _begin(temporary=False)),
    "temporary": PlainCommand("a new one that is not kept", _begin(temporary=True)),
    "sessions": PlainCommand("earlier conversations", _sessions),
    "open": PlainCommand("open one of them", _open, "NUMBER"),
    "search": PlainCommand("search all conversations", _search, "WORDS"),
    "find": PlainCommand("find lines of this conversation", _find, "WORDS"),
    "fork": PlainCommand("continue in a copy", _fork),
    "rename": PlainCommand("rename this conversation", _rename, "[TITLE]"),
    "delete": PlainCommand("move this conversation to the trash", _delete),
    "undo": PlainCommand("restore what was deleted last", _undo),
    "system": PlainCommand("instructions for the model", _system, "[TEXT|none]"),
    "copy": PlainCommand("copy the last reply", _copy, "[code|all]"),
    "export": PlainCommand("write this conversation to a file", _export, "[md|json|FILE]"),
    "good": PlainCommand("the last reply was good: learn it", _judge(good=True)),
    "bad": PlainCommand("the last reply was bad: learn it", _judge(good=False)),
    "doctor": PlainCommand("what was found on this machine", _doctor),
    "audit": PlainCommand("audits", _told("Audits run in the shell: llmroute audit --help")),
    "theme": PlainCommand("colours", _told("There are no colours here.")),
    "keys": PlainCommand("keys", _told("Enter sends, Control C stops a reply, Control D leaves.")),
    "quit": PlainCommand("leave", _quit),
}
