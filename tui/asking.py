"""One question from the command line: routed, shown as it is answered, stored as it goes."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import asdict
from datetime import date
from types import FrameType
from typing import Any

import typer

from routing.conversation import Delta, Reply, Thinking, Turn
from routing.cost import Bill
from routing.decide import Decision
from routing.engine import Engine
from routing.errors import NoModelError, RoutingError
from routing.events import Decided, Event, Finished, TurnRequest
from routing.models import Pool
from tui.budget import limit_of, month_of, warning_of
from tui.errors import UsageError
from tui.live_turn import SAVE_SECONDS, LiveTurn, Routing
from tui.money import marked_usd, usd
from tui.program import Program
from tui.sessions import Sessions, State
from tui.visible import visible
from tui.widgets.badge import badge_line


class Asking:
    """One question. The answer goes to stdout, its route and cost to stderr; or all as JSON."""

    def __init__(self, program: Program, question: str, pin: str | None, *, as_json: bool) -> None:
        self.program = program
        self.question = question
        self.pin = pin
        self.as_json = as_json
        self._stored = 0.0
        self._line_open = False  # the answer's last line, which a message must not run into

    def decide(self, session_id: str | None) -> None:
        """Show where the question would go in that session; no model is called, nothing is stored.

        Raises:
            RoutingError: no decision could be taken.
            AppError: no models are set, or the session cannot be read.
        """
        engine = Engine(self.program.engine_options())
        settings, pool = self.program.settings, self._pool()
        sessions = Sessions(self.program.paths.sessions)
        earlier = [sessions.read(session_id)] if session_id else []
        turns = (
            *(turn for session in earlier for turn in session.turns_to(session.head)),
            Turn("user", self.question),
        )
        request = TurnRequest(turns, pool, settings.share, settings.threshold, self.pin)
        with _waiting() as wait:
            wait("routing …")
            decision = asyncio.run(engine.decide(request))
        if self.as_json:
            _print_json(_fields(decision))
        else:
            typer.echo(badge_line(decision))
            typer.echo(decision.reason)

    def answer(self, session_id: str | None, *, system: str | None, temporary: bool) -> None:
        """Store the question, then show and store its reply; what arrived is always kept.

        Raises:
            RoutingError: no decision could be taken, or the model did not answer.
            AppError: no models are set, a key cannot be read, or the disk refuses.
        """
        routing = self._routing()
        told = self.program.settings.system or ""
        sessions = Sessions(self.program.paths.sessions, instructions=told)
        session = sessions.open(session_id) if session_id else sessions.create(temporary=temporary)
        if session.trouble and not session.read_only:  # else the refusal says it
            typer.echo(visible(session.trouble), err=True)
        try:
            if system and session.branch():
                raise UsageError("--system gives instructions to a new session only.")
            if system:
                session.instruct(system)
            because = self._limit(sessions)
            pin = self.pin or ("weak" if because else None)
            turn = LiveTurn(session, self.question, pin=pin, because=because)
            turn.store_prompt()
            with _ended_in_order():
                asyncio.run(self._run(turn, routing))
        finally:
            session.close()

    def _limit(self, sessions: Sessions) -> str:
        """Why only the weak model may answer, or ""; that the budget is spent is said."""
        budget = self.program.settings.budget
        if budget.monthly_usd is None or self.pin:
            return ""
        costs = (cost for info in sessions.list(trash=True) for cost in info.costs)
        month = month_of(costs, date.today())
        if warning := warning_of(month, budget):
            typer.echo(warning, err=True)
        return limit_of(month, budget)

    async def _run(self, turn: LiveTurn, routing: Routing) -> None:
        request = turn.request(routing, self.program.keyring)
        state: State = "stopped"
        error: str | None = None
        try:
            await self._follow(turn, request)
            state, error = ("done", None) if turn.whole else ("cut", turn.ended_early)
        except RoutingError as failure:
            state = "cut" if turn.pieces else "failed"
            error = str(failure)
            raise
        finally:
            turn.store(state, error)  # first: whoever reads the answer may have closed the pipe
            self._end_line()

    async def _follow(self, turn: LiveTurn, request: TurnRequest) -> None:
        """Show and store the turn's events until it ends."""
        engine = Engine(self.program.engine_options())
        with _waiting() as wait:
            wait("routing …")
            async with aclosing(engine.turn(request)) as events:
                async for event in events:
                    wait("")
                    self._show(turn.take(event), turn)
                    self._store_at_times(event, turn)
                    if isinstance(event, Decided):
                        wait(f"waiting for {event.decision.model} …")
                    elif isinstance(event, Thinking):
                        wait("it is thinking …")

    def _show(self, event: Event, turn: LiveTurn) -> None:
        match event:
            case Decided(decision) if not self.as_json:
                typer.echo(badge_line(decision), err=True)
            case Delta(text) if not self.as_json:
                typer.echo(visible(text) if sys.stdout.isatty() else text, nl=False)
                self._line_open = not text.endswith("\n")
            case Finished():
                self._finish(event, turn)

    def _end_line(self) -> None:
        if self._line_open:
            typer.echo()
        self._line_open = False

    def _store_at_times(self, event: Event, turn: LiveTurn) -> None:
        if isinstance(event, Decided) or time.monotonic() - self._stored > SAVE_SECONDS:
            turn.store("streaming")
            self._stored = time.monotonic()

    def _pool(self) -> Pool:
        """The models to route between, the pinned one among them.

        Raises:
            UsageError: none are set, or the pinned one is not among them.
        """
        pool = self.program.require_pool()
        try:
            pool.find(self.pin or "strong")
        except NoModelError as error:
            hint = f"{error.hint} To ask another one: --weak {self.pin} --pin weak"
            raise UsageError(f"--pin: {error}", hint=hint) from None
        return pool

    def _routing(self) -> Routing:
        settings = self.program.settings
        return Routing(
            self._pool(), settings.share, settings.threshold, cache_aware=settings.cache_aware
        )

    def _finish(self, finished: Finished, turn: LiveTurn) -> None:
        assert turn.decision is not None
        bill, reply = finished.bill, finished.reply
        if not self.as_json:
            self._end_line()
            typer.echo(_bill_text(bill, reply, turn.decision.model), err=True)
            return
        _print_json(
            {"answer": reply.text}
            | _fields(turn.decision)
            | {
                "usage": asdict(reply.usage),
                "cost_usd": bill.cost_usd,
                "all_strong_usd": bill.all_strong_usd,
                "others_usd": bill.others_usd,
                "saved_usd": bill.saved_usd,
                "finish_reason": reply.finish_reason,
                "session": turn.session.id,
            }
        )


def _bill_text(bill: Bill, reply: Reply, model: str) -> str:
    """What a reply cost and saved, and remarks on it, a line each."""
    usage = reply.usage
    tilde = "~" if usage.estimated else ""
    tokens = f"{tilde}{usage.prompt_tokens:,} + {tilde}{usage.completion_tokens:,} tokens"
    saved = f", saved {marked_usd('~', bill.saved_usd)}" if bill.saved_usd else ""
    lines = [f"{usd(bill.cost_usd)} ({tokens}){saved}"]
    if reply.ended_early:
        lines.insert(0, f"The reply is incomplete: {reply.ended_early}.")
    if bill.cost_usd is None:
        lines.append(f"Its price is unknown: llmroute models price {model} sets it.")
    return "\n".join(lines)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Handle a terminating signal as Ctrl+C, so that what arrived of a reply is stored."""

    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    ends = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {number: signal.signal(number, leave) for number in ends}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _waiting() -> Iterator[Callable[[str], None]]:
    """Says on a terminal what is waited for: the text that it is called with; "" for nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.text import Text

    status = Console(stderr=True).status("")

    def wait(text: str) -> None:
        status.stop()
        if text:
            status.update(Text(visible(text)))
            status.start()

    try:
        yield wait
    finally:
        status.stop()


def _fields(decision: Decision) -> dict[str, Any]:
    candidates = [asdict(c) | {"good_enough": c.good_enough} for c in decision.candidates]
    milliseconds = round(decision.decision_ms, 2)
    return asdict(decision) | {
        "win_probability": decision.odds,  # which the badge and the reason give too
        "candidates": candidates,
        "decision_ms": milliseconds,
    }


def _print_json(fields: dict[str, Any]) -> None:
    typer.echo(json.dumps(fields, ensure_ascii=False))
