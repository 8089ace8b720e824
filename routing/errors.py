"""What can go wrong outside this program, as one family of exceptions.

    RoutingError
    ├── DataError            a file that we read is not what it should be
    ├── EmbeddingError       the embedder cannot be loaded or refused
    ├── RouterError          no router is ready: not fitted, or of another embedder
    ├── JudgingStoppedError  a judged set is incomplete; the same command resumes
    ├── EngineError          the engine itself failed; its log has the detail
    │   └── EngineGoneError  its process ended before it answered
    └── ReplyError           a model did not answer
        ├── NoKeyError       the provider needs a key and none is set
        ├── AuthError        the provider refused the key
        ├── RateLimitError   too many requests
        │   └── NoCreditError  the account has no credit left
        ├── NetworkError     the provider cannot be reached, or did not answer in time
        ├── ContextError     the conversation is longer than the model can read
        ├── NoModelError     the provider does not know the model, or the provider is unknown
        ├── ServiceError     the provider failed (5xx), or sent what cannot be read
        └── CutError         the reply stopped in its middle; the part that came is kept

Every error carries a sentence for the user, a hint at what to do next, and the detail that a
maintainer would ask for. None of the three ever contains a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from routing.conversation import Usage


class RoutingError(Exception):
    """Root of the family.

    Attributes:
        hint: what the user can do next, one sentence, or "".
        detail: what the other side said, for the folded part of a card, or "".
    """

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.detail = detail


class DataError(RoutingError):
    """A file is malformed; the message names it, the line, the value and what was expected."""


class EmbeddingError(RoutingError):
    """The embedder cannot be loaded or refused its input."""


class RouterError(RoutingError):
    """No router can decide: it is not fitted, or belongs to another embedder."""


class JudgingStoppedError(RoutingError):
    """A judged set is incomplete; what there is of it is kept, and the same command resumes."""


class EngineError(RoutingError):
    """The engine itself failed; its log has the detail."""


class EngineGoneError(EngineError):
    """The engine's process ended before it answered; it is started again."""


class ReplyError(RoutingError):
    """A model did not answer."""


class NoKeyError(ReplyError):
    """The provider needs a key and none is set."""


class AuthError(ReplyError):
    """The provider refused the key."""


class RateLimitError(ReplyError):
    """The provider wants fewer requests.

    Attributes:
        retry_after: seconds until it may be tried again, as the provider says; None if it does not.
    """

    def __init__(
        self, message: str, *, hint: str = "", detail: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.retry_after = retry_after


class NoCreditError(RateLimitError):
    """The account has used up its credit or its quota: waiting does not help."""


class NetworkError(ReplyError):
    """The provider cannot be reached, or did not answer in time."""


class ContextError(ReplyError):
    """The conversation is longer than the model can read."""


class NoModelError(ReplyError):
    """The provider does not know the model, or the provider is unknown."""


class ServiceError(ReplyError):
    """The provider failed, or sent what cannot be read."""


class CutError(ReplyError):
    """The reply stopped in its middle.

    Attributes:
        usage: the tokens up to there, which the provider bills all the same.
    """

    def __init__(
        self, message: str, *, hint: str = "", detail: str = "", usage: Usage | None = None
    ) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.usage = usage
