"""What is said and what it took: turns, the pieces of a reply, the whole of it, its tokens."""

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
class Reply:
    """A whole reply, with why it ended ("stop", "length", "content_filter")."""

    text: str
    usage: Usage
    finish_reason: str = "stop"
