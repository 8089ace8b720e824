"""One question from the command line: routed, shown as it is answered, stored as it goes."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict, replace
from typing import Any

import typer

from routing.conversation import Delta, Turn
from routing.decide import Decision
from routing.engine import Engine
from routing.errors import RoutingError
from routing.events import Decided, Event, Finished, Metered, TurnRequest
from routing.models import Tier
from tui.money import usd
from tui.program import Program
from tui.sessions import Message, Session, Sessions, State
from tui.visible import visible
from tui.widgets.badge import badge_line

PARTIAL_SECONDS = 2.0


class Asking:
    """One question. The answer goes to stdout, its route and cost to stderr; or all as JSON."""

    def __init__(self, program: Program, question: str, pin: Tier | None, *, as_json: bool) -> None:
        self.program = program
        self.question = question
        self.pin = pin
        self.as_json = as_json
        self._reply: Message | None = None
        self._text: list[str] = []
        self._stored = 0.0

    def decide(self) -> None:
        """Show where the question would go; no model is called and nothing is stored.

        Raises:
            RoutingError: no decision could be taken.
        """
        engine = Engine(self.program.engine_options())
        decision = asyncio.run(engine.decide(self._request([Turn("user", self.question)])))
        if self.as_json:
            _print_json(_fields(decision))
        else:
            typer.echo(badge_line(decision))
            typer.echo(decision.reason)

    def answer(self, *, system: str | None, go_on: bool, temporary: bool) -> None:
        """Store the question, then show and store its reply; what came of it always stays.

        Raises:
            RoutingError: no decision could be taken, or the model did not answer.
            StoreError: the disk refuses.
        """
        sessions = Sessions(self.program.paths.sessions)
        newest = sessions.list()[:1] if go_on else []
        session = sessions.open(newest[0].id) if newest else sessions.create(temporary=temporary)
        try:
            if system and not session.branch():
                session.add("system", system)
            session.add("user", self.question)
            asyncio.run(self._run(session))
        finally:
            session.close()

    async def _run(self, session: Session) -> None:
        request = self._request([Turn(said.role, said.text) for said in session.branch()])
        state: State = "stopped"
        error: str | None = None
        try:
            engine = Engine(self.program.engine_options())
            async with aclosing(engine.turn(request)) as events:
                async for event in events:
                    self._take(event, session)
            state = "done"
        except RoutingError as failure:
            state = "cut" if self._text else "failed"
            error = str(failure)
            raise
        finally:
            if self._text and not self.as_json:
                typer.echo()
            self._store(session, state, error)

    def _take(self, event: Event, session: Session) -> None:
        match event:
            case Decided(decision):
                if not self.as_json:
                    typer.echo(badge_line(decision), err=True)
                self._reply = session.add("assistant", "", state="streaming", decision=decision)
                self._stored = time.monotonic()
            case Delta(text):
                self._text.append(text)
                if not self.as_json:
                    typer.echo(visible(text) if sys.stdout.isatty() else text, nl=False)
                if time.monotonic() - self._stored > PARTIAL_SECONDS:
                    self._store(session, "streaming")
            case Metered(usage, bill) if self._reply:
                self._reply = replace(self._reply, usage=usage, bill=bill)
            case Finished(reply, bill) if self._reply:
                self._reply = replace(self._reply, usage=reply.usage, bill=bill)
                self._finish(event, session)

    def _finish(self, finished: Finished, session: Session) -> None:
        assert self._reply is not None
        assert self._reply.decision is not None
        bill, reply = finished.bill, finished.reply
        if not self.as_json:
            tokens = f"{reply.usage.prompt_tokens:,} + {reply.usage.completion_tokens:,} tokens"
            saved = "" if bill.saved_usd is None else f", saved ~{usd(bill.saved_usd)}"
            typer.echo(f"\n{usd(bill.cost_usd)} ({tokens}){saved}", err=True)
            return
        _print_json(
            {"answer": reply.text}
            | _fields(self._reply.decision)
            | {
                "usage": asdict(reply.usage),
                "cost_usd": bill.cost_usd,
                "all_strong_usd": bill.all_strong_usd,
                "saved_usd": bill.saved_usd,
                "finish_reason": reply.finish_reason,
                "session": session.id,
            }
        )

    def _store(self, session: Session, state: State, error: str | None = None) -> None:
        if self._reply is None:
            return
        text = "".join(self._text)
        self._reply = session.update(replace(self._reply, text=text, state=state, error=error))
        self._stored = time.monotonic()

    def _request(self, turns: Sequence[Turn]) -> TurnRequest:
        pair = self.program.require_pair()
        settings = self.program.settings
        return TurnRequest(
            turns=tuple(turns),
            pair=pair,
            share=settings.share,
            threshold=settings.threshold,
            pin=self.pin,
            keys=self.program.keyring.for_models(pair.strong, pair.weak),
        )


def _fields(decision: Decision) -> dict[str, Any]:
    return asdict(decision) | {"decision_ms": round(decision.decision_ms, 2)}


def _print_json(fields: dict[str, Any]) -> None:
    typer.echo(json.dumps(fields, ensure_ascii=False))
