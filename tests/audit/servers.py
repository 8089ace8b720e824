"""A server on loopback that holds a tiny known model and gives away as much of it as it is told.

Its model is a rule: the next token is likelier the smaller a hash of the text up to there, so every
log-likelihood that a scorer reports can be computed again by the test.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import Handler, Loopback

COMPLETION_TOKENS = 1


def tokens_of(text: str) -> list[str]:
    """The model's tokens: words and signs with the space before them, or single white space."""
    return re.findall(r" ?[\w']+| ?[^\w\s]|\s", text)


def nats_of(before: str, token: str) -> float:
    """The model's log probability of the token after that text."""
    digest = hashlib.sha256(f"{before}\0{token}".encode()).digest()
    return -0.01 - digest[0] / 64


def continuation_nats(context: str, continuation: str) -> float:
    """The model's log probability of a continuation that begins at a token's edge."""
    total, before = 0.0, context
    for token in tokens_of(continuation):
        total += nats_of(before, token)
        before += token
    return total


def asked_symbols(message: str) -> list[str]:
    """The symbols that a chat message lets the model choose among."""
    listed = message.rpartition("Reply with one symbol only: ")[2].removesuffix(".")
    return re.split(r", | or ", listed)


@dataclass
class EndpointServer(Loopback):
    """Attributes:
    completions: "echo", "bos" (with a token before the text), "broken characters" (tokens that
        do not join to the text), "silent" (echo without logprobs), "constant", "none" (404).
    chat: "logprobs", "plain" (none come back), "refused" (a 400 where they are asked for),
        "few" (a 400 for more than five of them).
    reply: the words that answer a chat message.
    shown: how many likeliest tokens come back, of those asked for.
    failures: statuses that answer the first requests, one each.
    last: the number of requests that are answered; later ones end without an answer.
    together: no request is answered before as many have been there at once.
    """

    completions: str = "none"
    chat: str = "plain"
    reply: Callable[[str], str] = lambda message: asked_symbols(message)[0]
    finish_reason: str = "stop"
    shown: int = 20
    failures: list[int] = field(default_factory=list)
    retry_after: str = "3"
    last: int | None = None
    together: int = 1
    requests: list[tuple[str, Mapping[str, Any], Mapping[str, str]]] = field(default_factory=list)
    most_at_once: int = 0

    def __post_init__(self) -> None:
        handler = type("Handler", (_Handler,), {"server_of": self})
        self.url = f"http://127.0.0.1:{self.listen(handler)}/v1"
        self._changed = threading.Condition()
        self._at_once = 0

    def bodies(self, path: str) -> list[Mapping[str, Any]]:
        return [body for asked, body, _ in self.requests if asked == path]

    def begin(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> int:
        """The status to answer with; 0 for none."""
        with self._changed:
            self.requests.append((path, body, headers))
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most_at_once >= self.together, timeout=30)
            if self.last is not None and len(self.requests) > self.last:
                return 0
            return self.failures.pop(0) if self.failures else 200

    def end(self) -> None:
        with self._changed:
            self._at_once -= 1


class _Handler(Handler):
    server_of: EndpointServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = self.server_of.begin(self.path, body, headers)
        try:
            if status == 0:
                self.close_connection = True
            elif status != 200:
                key = headers.get("authorization", "")
                self.refuse(status, f"No. You sent {key}.", retry_after=self.server_of.retry_after)
            elif self.path.endswith("/chat/completions"):
                self.answer_chat(body)
            else:
                self.answer_completion(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self.server_of.end()

    def answer_chat(self, body: Mapping[str, Any]) -> None:
        mode, wants = self.server_of.chat, body.get("top_logprobs", 0)
        if wants and (mode == "refused" or (mode == "few" and wants > 5)):
            self.refuse(400, f"top_logprobs={wants} is not supported.")
            return
        message = body["messages"][-1]["content"]
        text = self.server_of.reply(message)
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": self.server_of.finish_reason,
        }
        if wants and mode in {"logprobs", "few"}:
            tops = likeliest(message)[: min(wants, self.server_of.shown)]
            first = {**tops[0], "top_logprobs": tops}
            choice["logprobs"] = {"content": [first]}
        self.send(body, [choice], len(tokens_of(message)), max(1, len(tokens_of(text))))

    def answer_completion(self, body: Mapping[str, Any]) -> None:
        mode, prompt = self.server_of.completions, body["prompt"]
        if mode == "none":
            self.refuse(404, f"no such path: {self.path}")
            return
        assert body["echo"]
        assert body["logprobs"]
        tokens = tokens_of(prompt)
        values: list[float | None] = []
        before = ""
        for token in tokens:
            values.append(None if not before else nats_of(before, token))
            before += token
        count = len(tokens)
        if mode == "bos":
            tokens, values = ["<s>", *tokens], [None, -7.5, *values[1:]]
        if mode == "broken characters":
            tokens = [
                re.sub(r"[^\x00-\x7f]|colour", "\N{REPLACEMENT CHARACTER}", t) for t in tokens
            ]
        if mode == "constant":
            values = [0.0] * len(values)
        logprobs = {"tokens": [*tokens, " next"], "token_logprobs": [*values, -0.5]}
        choice = {
            "index": 0,
            "text": prompt + " next",
            "finish_reason": "length",
            "logprobs": None if mode == "silent" else logprobs,
        }
        self.send(body, [choice], count + (mode == "bos"), COMPLETION_TOKENS)

    def send(
        self, body: Mapping[str, Any], choices: list[dict[str, Any]], prompt: int, completion: int
    ) -> None:
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }
        chat = "chat/" in self.path
        kind = "chat.completion" if chat else "text_completion"
        self.send_json(
            200,
            {
                "id": "x",
                "object": kind,
                "created": 1,
                "model": body["model"],
                "choices": choices,
                "usage": usage,
            },
        )

    def refuse(self, status: int, message: str, **headers: str) -> None:
        self.send_json(status, {"error": {"message": message, "code": str(status)}}, **headers)


def likeliest(message: str) -> list[dict[str, Any]]:
    """The candidates for a reply's first token: each symbol bare and after a space, and others."""
    symbols = asked_symbols(message)
    words = [*symbols, *(f" {symbol}" for symbol in symbols), "The", "I", "*"]
    weights = [math.exp(nats_of(message, word)) for word in words]
    total = math.fsum(weights) * 1.25
    ranked = sorted(zip(weights, words, strict=True), reverse=True)
    return [
        {"token": word, "logprob": math.log(weight / total), "bytes": list(word.encode())}
        for weight, word in ranked
    ]
