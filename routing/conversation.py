"""Turns of a conversation, the pieces of a reply, the whole reply, and its tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one reply.

    Attributes:
        cached_tokens, written_tokens: those of the prompt that the provider read from its cache,
            and that it wrote into it; both are part of `prompt_tokens`.
        estimated: the provider did not report them.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    estimated: bool = False
    written_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of a reply's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """The model has begun to reason: that is billed, and comes before its reply's text."""


@dataclass(frozen=True, slots=True)
class Reply:
    """All of a reply, with why it ended ("stop", "length", "content_filter")."""

    text: str
    usage: Usage
    finish_reason: str = "stop"

    @property
    def ended_early(self) -> str:
        """Why the reply is incomplete, in words; "" if it is complete."""
        words = {
            "stop": "",
            "length": "the model reached its limit of output tokens",
            "content_filter": "the provider's content filter ended it",
        }
        return words.get(self.finish_reason, f"the model ended it early ({self.finish_reason})")
