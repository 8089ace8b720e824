"""`llmroute ask`: one question, routed in the open; the answer on stdout, the route on stderr."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from routing.chat import Delta, Turn
from routing.decide import Decision
from routing.errors import RoutingError
from routing.events import Decided, Event, Finished, Metered, TurnRequest
from routing.models import Tier
from tui.commands.options import ApiBase, AsJson, Demo, KeyName, Share, Strong, Threshold, Weak
from tui.errors import UsageError
from tui.money import usd
from tui.program import Program
from tui.visible import visible

if TYPE_CHECKING:
    from tui.sessions import Message, Session, State

PARTIAL_SECONDS = 2.0
MAX_FILE_BYTES = 16 * 2**20


def ask(
    words: Annotated[list[str] | None, typer.Argument(metavar="QUESTION")] = None,
    *,
    file: Annotated[
        list[Path] | None,
        typer.Option("--file", "-f", help="Put a text file under the question; may be repeated."),
    ] = None,
    go_on: Annotated[
        bool, typer.Option("--continue", "-c", help="Go on with the newest session.")
    ] = False,
    strong: Strong = None,
    weak: Weak = None,
    share: Share = None,
    threshold: Threshold = None,
    pin: Annotated[
        Literal["strong", "weak"] | None, typer.Option(help="Take this model; do not route.")
    ] = None,
    demo: Demo = False,
    api_base: ApiBase = None,
    key_name: KeyName = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds to wait for the next token.")
    ] = None,
    system: Annotated[str | None, typer.Option(help="Instructions for the model.")] = None,
    as_json: AsJson = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say where it would go; call no model.")
    ] = False,
    temporary: Annotated[bool, typer.Option("--temporary", help="Keep nothing.")] = False,
) -> None:
    """Ask one question. Standard input, where piped in, is put under it.

    Exit codes: 0 ok, 2 usage, 3 no key, 4 key refused, 5 rate limit, 6 network, 7 too long,
    8 model, 130 interrupted.
    """
    program = Program.open(
        demo=demo,
        api_base=api_base,
        key_name=key_name,
        strong=strong,
        weak=weak,
        share=share,
        threshold=threshold,
        timeout=timeout,
    )
    question = _question(words or [], file or [])
    if dry_run:
        decision = asyncio.run(_decide(program, _request(program, [Turn("user", question)], pin)))
        if as_json:
            _print_json(_decision_fields(decision))
        else:
            typer.echo(_badge(decision))
            typer.echo(decision.reason)
        return
    session = _session(program, go_on=go_on, temporary=temporary)
    try:
        asyncio.run(Asking(program, session, pin, as_json=as_json).run(question, system))
    finally:
        session.close()


class Asking:
    """One question on its way: its reply is shown as it comes and stored as it goes."""

    def __init__(
        self, program: Program, session: Session, pin: Tier | None, *, as_json: bool
    ) -> None:
        self.program = program
        self.session = session
        self.pin = pin
        self.as_json = as_json
        self._reply: Message | None = None
        self._text: list[str] = []
        self._saved = 0.0

    async def run(self, question: str, system: str | None) -> None:
        """Store the question, then show and store its reply; what came of it always stays.

        Raises:
            RoutingError: no decision could be taken, or the model did not answer.
            StoreError: the disk refuses.
        """
        from routing.engine import Engine

        if system and not self.session.branch():
            self.session.add("system", system)
        self.session.add("user", question)
        turns = [Turn(message.role, message.text) for message in self.session.branch()]
        request = _request(self.program, turns, self.pin)
        state: State = "stopped"
        error: str | None = None
        try:
            engine = Engine(self.program.engine_options())
            async with aclosing(engine.turn(request)) as events:
                async for event in events:
                    self._take(event)
            state = "done"
        except RoutingError as failure:
            state = "cut" if self._text else "failed"
            error = str(failure)
            raise
        finally:
            if self._text and not self.as_json:
                typer.echo()
            self._store(state, error)

    def _take(self, event: Event) -> None:
        match event:
            case Decided(decision):
                self._decided(decision)
            case Delta(text):
                self._text.append(text)
                if not self.as_json:
                    typer.echo(visible(text) if sys.stdout.isatty() else text, nl=False)
                if time.monotonic() - self._saved > PARTIAL_SECONDS:
                    self._store("streaming")
            case Metered(usage, bill) if self._reply:
                self._reply = replace(self._reply, usage=usage, bill=bill)
            case Finished(reply, bill) if self._reply:
                self._reply = replace(self._reply, usage=reply.usage, bill=bill)
                self._finished(event)

    def _decided(self, decision: Decision) -> None:
        if not self.as_json:
            typer.echo(_badge(decision), err=True)
        self._reply = self.session.add(
            "assistant", "", state="streaming", model=decision.model, decision=decision
        )
        self._saved = time.monotonic()

    def _finished(self, finished: Finished) -> None:
        assert self._reply is not None
        assert self._reply.decision is not None
        bill, reply = finished.bill, finished.reply
        if self.as_json:
            _print_json(
                {"answer": reply.text}
                | _decision_fields(self._reply.decision)
                | {
                    "usage": asdict(reply.usage),
                    "cost_usd": bill.cost_usd,
                    "all_strong_usd": bill.all_strong_usd,
                    "saved_usd": bill.saved_usd,
                    "finish_reason": reply.finish_reason,
                    "session": self.session.id,
                }
            )
        else:
            saved = "" if bill.saved_usd is None else f", saved ~{usd(bill.saved_usd)}"
            tokens = f"{reply.usage.prompt_tokens} + {reply.usage.completion_tokens} tokens"
            typer.echo(f"\n{usd(bill.cost_usd)} ({tokens}){saved}", err=True)

    def _store(self, state: State, error: str | None = None) -> None:
        if self._reply is None:
            return
        text = "".join(self._text)
        self._reply = replace(self._reply, text=text, state=state, error=error)
        self.session.update(self._reply)
        self._saved = time.monotonic()


def _question(words: Sequence[str], files: Sequence[Path]) -> str:
    """The words, then what was piped in, then the files, each under its name."""
    parts = [" ".join(words)]
    if not sys.stdin.isatty():
        parts.append(_text(sys.stdin.buffer.read(), "standard input"))
    for file in files:
        try:
            parts.append(f"{file.name}:\n```\n{_text(file.read_bytes(), str(file))}\n```")
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    question = "\n\n".join(part.strip() for part in parts if part.strip())
    if not question:
        raise UsageError("There is no question.", hint='llmroute ask "why is the sky blue?"')
    return question


def _text(content: bytes, name: str) -> str:
    if len(content) > MAX_FILE_BYTES:
        raise UsageError(
            f"{name} holds {len(content):,} bytes; at most {MAX_FILE_BYTES:,} are sent"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is not text in UTF-8: byte {error.start:,}: {error.reason}"
        ) from error
    if "\0" in text:
        raise UsageError(f"{name} is binary, not text: character {text.index(chr(0)):,} is NUL")
    return text


def _request(program: Program, turns: Sequence[Turn], pin: Tier | None) -> TurnRequest:
    pair = program.require_pair()
    return TurnRequest(
        turns=tuple(turns),
        pair=pair,
        share=program.settings.share,
        threshold=program.settings.threshold,
        pin=pin,
        keys=program.keyring.for_models(pair.strong, pair.weak),
    )


async def _decide(program: Program, request: TurnRequest) -> Decision:
    from routing.engine import Engine

    return await Engine(program.engine_options()).decide(request)


def _session(program: Program, *, go_on: bool, temporary: bool) -> Session:
    from tui.sessions import Sessions

    sessions = Sessions(program.paths.sessions)
    if go_on and (rows := sessions.list()):
        return sessions.open(rows[0].id)
    return sessions.create(temporary=temporary)


def _decision_fields(decision: Decision) -> dict[str, Any]:
    fields = asdict(decision)
    return fields | {"decision_ms": round(decision.decision_ms, 2)}


def _print_json(fields: dict[str, Any]) -> None:
    typer.echo(json.dumps(fields, ensure_ascii=False))


def _badge(decision: Decision) -> str:
    from tui.widgets.badge import badge_line

    return badge_line(decision)
