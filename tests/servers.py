"""A scriptable server on loopback that speaks OpenAI's chat protocol, well or badly.

In tests: `with ScriptedServer(["500", "ok"]) as server:` answers the first request with a 500 and
all later ones with a reply. By hand: `python -m tests.servers --port 0 --script 500,ok` prints its
address and serves until it is stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import Handler, Loopback

REPLY = "The answer is **42**: seven times six, in one line."
HUGE_CHARACTERS = 60_000
PROMPT_TOKENS, CACHED_TOKENS = 120, 40
OVERFLOW = (
    "This model's maximum context length is 8192 tokens. However, your messages resulted in "
    "9000 tokens. Please reduce the length of the messages."
)


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came. Header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def key(self) -> str | None:
        """The key that the request carried."""
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None


@dataclass
class ScriptedServer(Loopback):
    """Answers one request after the other as its script says; the last entry stays.

    Attributes:
        script: names in `MODES`.
        by_model: scripts of their own for requests that name those models.
        replies: what it answers for those models, in place of `reply`.
        tokens_per_second: how fast a reply streams; 0 for as fast as it goes.
        models: what it lists as served, and `listing` how: "ok", "404", "garbage" or "hang".
        requests: everything that was asked, in order.
        asked_models: the key of each request for that list.
        disconnected: set when a client went away before the end of its reply.
        waiting: set when a client has been left hanging.
    """

    script: Sequence[str] = ("ok",)
    by_model: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reply: str = REPLY
    replies: Mapping[str, str] = field(default_factory=dict)
    tokens_per_second: float = 0.0
    retry_after: str = "7"
    port: int = 0
    models: Sequence[str] = ("strong", "weak")
    listing: str = "ok"
    asked_models: list[str | None] = field(default_factory=list)
    requests: list[Received] = field(default_factory=list)
    disconnected: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        handler = type("Handler", (_Handler,), {"script": self})
        self.port = self.listen(handler, self.port)
        self._turns: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        super().__exit__()

    def serve_forever(self) -> None:
        self._http.serve_forever()

    def next_mode(self, model: str) -> str:
        own = model if model in self.by_model else ""
        script = self.by_model.get(own, self.script)
        turn = self._turns.get(own, 0)
        self._turns[own] = turn + 1
        return script[min(turn, len(script) - 1)]


class _Handler(Handler):
    script: ScriptedServer

    @property
    def reply(self) -> str:
        """What the model that was asked says."""
        return self.script.replies.get(str(self.received.body.get("model")), self.script.reply)

    def do_GET(self) -> None:
        if self.path.rstrip("/") in {"/v1/models", "/models"}:
            self.list_models()
        else:
            self.send_json(404, {"error": {"message": f"no such path: {self.path}"}})

    def list_models(self) -> None:
        key = self.headers.get("authorization", "").removeprefix("Bearer ") or None
        self.script.asked_models.append(key)
        if self.script.listing == "hang":
            self.leave_hanging()
        elif self.script.listing == "garbage":
            self.send_json(200, {"data": "none"})
        elif self.script.listing == "404":
            self.send_json(404, {"error": {"message": "no such path"}})
        else:
            listed = [{"id": name, "object": "model"} for name in self.script.models]
            self.send_json(200, {"object": "list", "data": listed})

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = json.loads(self.rfile.read(length) or b"{}")
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.received = Received(self.path, headers, body)
        self.script.requests.append(self.received)
        if not self.path.endswith("/chat/completions"):
            self.send_json(404, {"error": {"message": f"no such path: {self.path}"}})
            return
        mode = self.script.next_mode(str(body.get("model", "")))
        try:
            MODES[mode](self)
        except (BrokenPipeError, ConnectionResetError):
            self.script.disconnected.set()
            self.close_connection = True

    def send_error_body(self, status: int, message: str, code: str, **headers: str) -> None:
        kind = "invalid_request_error" if status in {400, 401, 404} else "server_error"
        error = {"message": message, "type": kind, "param": None, "code": code}
        self.send_json(status, {"error": error}, **headers)

    def begin(self, content_type: str = "text/event-stream") -> None:
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("transfer-encoding", "chunked")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True

    def send_event(self, data: str) -> None:
        self.send_part(f"data: {data}\n\n".encode())

    def send_part(self, part: bytes) -> None:
        """One part of a body that was begun; an empty one ends it in good order."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.flush()

    def send_chunk(self, delta: Mapping[str, Any], finish_reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        self.send_event(json.dumps(self.chunk(choices=[choice])))

    def chunk(self, **fields: object) -> dict[str, object]:
        model = self.received.body.get("model")
        base = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": model}
        return base | fields

    def send_text(self, text: str) -> None:
        """Stream a text in pieces of about a token."""
        rate = self.script.tokens_per_second
        for piece in pieces(text):
            self.send_chunk({"content": piece})
            if rate and self.script.closing.wait(1 / rate):
                return

    def send_usage(self, usage: Mapping[str, Any]) -> None:
        if (self.received.body.get("stream_options") or {}).get("include_usage"):
            self.send_event(json.dumps(self.chunk(choices=[], usage=usage)))

    def leave_hanging(self) -> None:
        """Send nothing more until the client goes away or the server closes."""
        self.script.waiting.set()
        while not self.script.closing.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.02)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                self.script.disconnected.set()
                break
        self.close_connection = True


def pieces(text: str) -> list[str]:
    """A text in pieces that a tokenizer might make of it; joined they are the text."""
    return re.findall(r"\s*\S{1,6}|\s+", text)


def usage_of(text: str) -> dict[str, Any]:
    """The usage that the server reports for a reply."""
    completion = len(pieces(text))
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": completion,
        "total_tokens": PROMPT_TOKENS + completion,
        "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS},
    }


def _reply(
    text: str | None = None,
    usage: Mapping[str, Any] | None = None,
    finish_reason: str = "stop",
    *,
    report: bool = True,
) -> Callable[[_Handler], None]:
    def answer(handler: _Handler) -> None:
        said = handler.reply if text is None else text
        reported = usage or usage_of(said)
        if not handler.received.body.get("stream"):
            message = {"role": "assistant", "content": said}
            choice = {"index": 0, "message": message, "finish_reason": finish_reason}
            body = handler.chunk(object="chat.completion", choices=[choice], usage=reported)
            handler.send_json(200, body)
            return
        handler.begin()
        handler.send_chunk({"role": "assistant", "content": ""})
        handler.send_text(said)
        handler.send_chunk({}, finish_reason)
        if report:
            handler.send_usage(reported)
        handler.send_event("[DONE]")
        handler.send_part(b"")

    return answer


def _error(status: int, message: str, code: str) -> Callable[[_Handler], None]:
    return lambda handler: handler.send_error_body(status, message, code)


def _refused(handler: _Handler) -> None:
    """A 401 that echoes the key, whole and masked, as careless servers do."""
    key = handler.received.key or ""
    masked = f"{key[:8]}{'*' * 12}{key[-4:]}"
    message = f"Incorrect API key provided: {masked}. You sent {key}."
    handler.send_error_body(401, message, "invalid_api_key")


def _limited(handler: _Handler) -> None:
    message = "Rate limit reached for requests per minute."
    headers = {"retry_after": handler.script.retry_after}
    handler.send_error_body(429, message, "rate_limit_exceeded", **headers)


def _broken(then: Callable[[_Handler], None]) -> Callable[[_Handler], None]:
    """Half a reply, and then something else."""

    def answer(handler: _Handler) -> None:
        handler.begin()
        handler.send_chunk({"role": "assistant", "content": ""})
        words = pieces(handler.reply)
        handler.send_text("".join(words[: len(words) // 2]))
        then(handler)

    return answer


def _reset(handler: _Handler) -> None:
    """End the connection the hard way, without a goodbye."""
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    os.close(handler.connection.detach())


def _html(handler: _Handler) -> None:
    handler.begin("text/html")
    handler.send_part(b"<html><body>Welcome to the router's login page</body></html>")
    handler.send_part(b"")


def _reasoning(handler: _Handler) -> None:
    handler.begin()
    handler.send_chunk({"role": "assistant", "reasoning_content": "Let me think about that."})
    handler.send_text(handler.reply)
    handler.send_chunk({}, "stop")
    handler.send_event("[DONE]")
    handler.send_part(b"")


def _split_emoji(handler: _Handler) -> None:
    """An emoji whose halves come in two chunks, as some servers cut them, and a half alone."""
    handler.begin()
    for piece in ("smile \ud83d", "\ude00 and \ude00", " half \ud83d", ""):
        handler.send_chunk({"content": piece})
    handler.send_chunk({}, "stop")
    handler.send_event("[DONE]")
    handler.send_part(b"")


def _hang_open(handler: _Handler) -> None:
    handler.begin()
    handler.leave_hanging()


def _nothing(_: _Handler) -> None:
    """Close the connection without the end that chunked bodies have."""


WRONG_USAGE = {"prompt_tokens": -5, "completion_tokens": 0, "total_tokens": -5}
NONSENSE_USAGE: dict[str, object] = {
    "prompt_tokens": "many",
    "completion_tokens": None,
    "total_tokens": [],
}

MODES: Mapping[str, Callable[[_Handler], None]] = {
    "ok": _reply(),
    "401": _refused,
    "403": _error(403, "Project has no access to this model.", "model_not_allowed"),
    "404": _error(404, "The model does not exist or you have no access to it.", "model_not_found"),
    "429": _limited,
    "quota": _error(429, "You exceeded your current quota, check billing.", "insufficient_quota"),
    "400": _error(400, "Unsupported value for 'messages'.", "unsupported_value"),
    "500": _error(500, "The server had an internal problem.", "internal_error"),
    "503": _error(503, "Overloaded, come back later.", "overloaded"),
    "overflow": _error(400, OVERFLOW, "context_length_exceeded"),
    "hang": lambda handler: handler.leave_hanging(),
    "hang_open": _hang_open,
    "hang_mid": _broken(lambda handler: handler.leave_hanging()),
    "cut": _broken(_nothing),
    "reset": _broken(_reset),
    "end_mid": _broken(lambda handler: handler.send_part(b"")),
    "garbage": _broken(lambda handler: handler.send_event('{"choices": [{"delta": {"cont')),
    "wrong_shape": _broken(lambda handler: handler.send_event('{"choices": [{"delta": "text"}]}')),
    "error_mid": _broken(
        lambda handler: handler.send_event('{"error": {"message": "out of capacity", "code": 500}}')
    ),
    "no_usage": _reply(report=False),
    "wrong_usage": _reply(usage=WRONG_USAGE),
    "nonsense_usage": _reply(usage=NONSENSE_USAGE),
    "empty": _reply(""),
    "html": _html,
    "huge": _reply("A long line of text.\n" * (HUGE_CHARACTERS // 21)),
    "length": _reply(finish_reason="length"),
    "filtered": _reply(finish_reason="content_filter"),
    "withheld": _reply("", finish_reason="content_filter"),
    "reasoning": _reasoning,
    "split_emoji": _split_emoji,
    "400_half": _error(400, "No such thing as \ud83d.", "unsupported_value"),
}


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A scriptable OpenAI-compatible server.")
    parser.add_argument("--port", type=int, default=0, help="0 for any free one")
    parser.add_argument("--script", default="ok", help=f"names from: {', '.join(MODES)}")
    parser.add_argument("--rate", type=float, default=0.0, help="tokens a second; 0 for no pause")
    parser.add_argument("--reply", default=REPLY, help="what it answers")
    parser.add_argument("--retry-after", default="7", help="the header of a 429")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Serve until the process is stopped, after printing the address."""
    options = _parsed(arguments)
    server = ScriptedServer(
        script=options.script.split(","),
        reply=options.reply,
        tokens_per_second=options.rate,
        retry_after=options.retry_after,
        port=options.port,
    )
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
