"""The loop of the plain chat: read a line, print the turn's lines as they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from textual.message import Message as Notice

from routing.conversation import Delta, Thinking
from routing.errors import RoutingError
from routing.events import Decided
from tui.attachments import attach
from tui.budget import limit_of, month_of, warning_of
from tui.errors import AppError, UsageError, in_line
from tui.live_turn import SAVE_SECONDS, LiveTurn
from tui.messages import Arrived, Failed, Trouble
from tui.plain import sentences
from tui.plain.speech import Speech, spoken
from tui.program import Program
from tui.screens.slash import look_up
from tui.turns import Engine, Pin, Turns
from tui.visible import visible

if TYPE_CHECKING:
    from tui.sessions import Session, Sessions, State

PROMPT, MORE = "You: ", "More: "
WELCOME = (
    "llmroute. Type a message, or /help. End a line with a backslash to continue it on the next."
)


class Terminal(NamedTuple):
    """Where lines come from and go to.

    Attributes:
        read: gives the next line that is typed after a prompt; EOFError ends the chat.
        say: says a line.
    """

    read: Callable[[str], str]
    say: Callable[[str], None]


class PlainChat:
    """One conversation at a time, in lines.

    Attributes:
        deleted: sessions deleted in this run, the latest last.
        ended: the user wants to leave.
    """

    def __init__(
        self,
        program: Program,
        engine: Engine,
        sessions: Sessions,
        terminal: Terminal,
        *,
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        self.program = program
        self.sessions = sessions
        self.turns = Turns(program, engine, self._take)
        self.say = terminal.say
        self.deleted: list[str] = []
        self.ended = False
        self._read = terminal.read
        self._clock = clock
        self._warning = ""
        self._speech = Speech()  # what came of the reply
        self._failure: RoutingError | AppError | None = None
        self._stored = 0.0

    def run(self, session_id: str | None = None, *, temporary: bool = False) -> None:
        """Chat, in that session or a new one, until the user leaves; Ctrl+C stops a reply."""
        with asyncio.Runner() as runner:
            runner.run(self._begin(session_id, temporary=temporary))
            while not self.ended:
                try:
                    text = self._next()
                    runner.run(self.carry_out(text))
                except EOFError:
                    self.ended = True
                except KeyboardInterrupt:
                    self.say("Stopped. /quit leaves.")
            runner.run(self._end())

    def open(self, session: Session) -> None:
        """Go on in this session, and say its last turn."""
        if self.turns.is_open:
            self.turns.session.close()
        self.turns.open(session)
        branch = session.branch()
        if session.trouble:
            self.say(visible(session.trouble))
        if len(branch) > 1 and branch[-1].role == "assistant":
            self.turns.last = LiveTurn.stored(session, branch[-2], branch[-1])
        elif branch and branch[-1].role == "user":
            self.turns.last = LiveTurn.stored(session, branch[-1], None)
        for message in branch[-2:]:
            if message.role == "user":
                self.say(f"You: {visible(message.text)}")
            else:
                self.say("Reply:")
                self._say_lines(spoken(message.text))

    async def carry_out(self, text: str) -> None:
        """Send a message, or do what a command says; what goes wrong is said."""
        from tui.plain.commands import COMMANDS

        try:
            if text.startswith("/") and not text.startswith("//"):
                command, argument = look_up(text, COMMANDS)
                done = command.run(self, argument)
                if done is not None:
                    await done
            elif text.strip():
                await self.send(text.removeprefix("/") if text.startswith("//") else text)
        except (RoutingError, AppError) as error:
            self.say(visible(in_line(error, error.hint)))

    async def send(self, text: str, pin: Pin = "session", *, replaces: str | None = None) -> None:
        """Say a message, perhaps as another version of a stored one, and its reply.

        Raises:
            UsageError: no models are set, or a file that it mentions cannot be sent.
        """
        self._check_models()
        self._keep_to_budget()
        await self._answer(self.turns.begin(attach(text, Path.cwd()), pin, replaces=replaces))

    async def answer_again(self, pin: Pin = "session") -> None:
        """Answer the last message once more.

        Raises:
            UsageError: there is none, or no models are set.
        """
        self._check_models()
        await self._answer(self.turns.again(self.last(), pin))

    def last(self) -> LiveTurn:
        """The last turn.

        Raises:
            UsageError: there is none.
        """
        if self.turns.last is None:
            raise UsageError("Nothing was said in this conversation yet.")
        return self.turns.last

    async def _begin(self, session_id: str | None, *, temporary: bool) -> None:
        self.say(WELCOME)
        sessions = self.sessions
        self.open(sessions.open(session_id) if session_id else sessions.create(temporary=temporary))
        pool = self.turns.routing.pool
        if pool is None:
            self.say("No models are set. /demo uses the built-in pair; llmroute models use sets.")
        else:
            self.say(f"Routing between {', '.join(visible(name) for name in pool.names)}.")
        self._warming = asyncio.create_task(self._warm_up())
        await asyncio.sleep(0)  # its process starts while the user types

    async def _warm_up(self) -> None:
        try:
            ready = await self.turns.engine.start()
        except RoutingError as error:
            self.say(visible(str(error)))
        else:
            self.say(visible(ready.trouble) or f"The router knows {ready.battles:,} battles.")
            await self._say_worth()

    async def _say_worth(self) -> None:
        """Say which of the models get no turn, or win nothing."""
        from tui.model_check import worth_words

        if pool := self.turns.routing.pool:
            with suppress(RoutingError):  # a router that is not there was told of
                for remark in worth_words(pool, await self.turns.engine.outdone(pool)):
                    self.say(visible(remark))

    async def _end(self) -> None:
        self._warming.cancel()
        await self.turns.leave()
        await self.turns.engine.close()

    def _next(self) -> str:
        """The next message, of several lines where they end in backslashes."""
        lines = [self._read(PROMPT)]
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1][:-1]
            lines.append(self._read(MORE))
        return "\n".join(lines)

    def _check_models(self) -> None:
        if self.turns.routing.pool is None:
            raise UsageError("No models are set.", hint="/demo uses the built-in pair.")

    def _keep_to_budget(self) -> None:
        """Let a spent budget decide who answers where that is set, and say so once."""
        budget = self.program.settings.budget
        if budget.monthly_usd is None:
            return
        infos = self.sessions.list(trash=True)
        month = month_of((cost for info in infos for cost in info.costs), self._clock().date())
        self.turns.limit = limit_of(month, budget)
        warning, before = warning_of(month, budget), self._warning
        if warning and not before:
            self.say(warning)
        self._warning = warning

    async def _answer(self, turn: LiveTurn) -> None:
        state: State = "done"
        self._speech, self._failure, self._stored = Speech(), None, time.monotonic()
        try:
            await self.turns.answer(turn)
        except asyncio.CancelledError:
            state = "stopped"
        self._say_lines(self._speech.end())
        if state == "stopped":
            self.say("Stopped; what arrived is kept.")
        elif self._failure:
            state = "cut" if turn.pieces else "failed"
            self.say(visible(in_line(self._failure, self._failure.hint)))
            self.say("/retry answers it again, /weak and /strong pin a model.")
        elif turn.bill and turn.usage:
            self.say(sentences.cost(turn.bill, estimated=turn.usage.estimated))
        self.turns.end(turn)
        await self.turns.keep(turn, state, str(self._failure) if self._failure else None)

    def _take(self, notice: Notice) -> None:
        """What the turn tells as it goes."""
        match notice:
            case Arrived(event=Decided(decision=decision)):
                self.say(sentences.route(decision))
            case Arrived(event=Thinking()):
                self.say("It is thinking.")
            case Arrived(event=Delta(text=text)):
                self._say_lines(self._speech.add(text))
                self._store_at_times()
            case Failed(error=error) | Trouble(error=error):
                self._failure = error

    def _say_lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.say(visible(line))

    def _store_at_times(self) -> None:
        live = self.turns.unsaved()
        if live and time.monotonic() - self._stored > SAVE_SECONDS:
            self._stored = time.monotonic()
            self.turns.keep(live, "streaming")


def run_plain(program: Program, session_id: str | None = None, *, temporary: bool = False) -> None:
    """Chat in lines on this terminal, in that session or a new one; `temporary` keeps nothing."""
    import typer

    from tui.engine_client import EngineClient
    from tui.sessions import Sessions

    with suppress(ImportError):  # Windows has none, and needs none
        import readline  # noqa: F401  # gives `input` a line editor and a memory
    engine = EngineClient(program.engine_options(), program.paths.log)
    sessions = Sessions(program.paths.sessions, instructions=program.settings.system or "")
    PlainChat(program, engine, sessions, Terminal(input, typer.echo)).run(
        session_id, temporary=temporary
    )
