"""What a failed call means: litellm's exceptions become `ReplyError`s that a user can act on."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import time
from typing import Self

from routing.errors import (
    AuthError,
    ContextError,
    NetworkError,
    NoCreditError,
    NoKeyError,
    NoModelError,
    RateLimitError,
    ReplyError,
    RoutingError,
    ServiceError,
)
from routing.models import SELF_HOSTED, Model, endpoint_of, key_name_of, nearest_names, provider_of
from routing.prices import is_listed

TITLES = {
    "anthropic": "Anthropic",
    "azure": "Azure",
    "deepseek": "DeepSeek",
    "gemini": "Gemini",
    "groq": "Groq",
    "mistral": "Mistral",
    "openai": "OpenAI",
    "openrouter": "OpenRouter",
    "together_ai": "Together AI",
    "vertex_ai": "Vertex AI",
    "xai": "xAI",
}
DETAIL_CHARACTERS = 600
TOLD_CHARACTERS = 160
TRANSIENT = frozenset({500, 502, 503, 529})
SHORTEST_SECRET = 8  # characters; a shorter value in the environment is a flag, not a secret
SHORTEST_FRAGMENT = 6  # characters of a key that must not appear in a row

_CONTEXT = re.compile(r"context[ _-]?(length|window|size)|prompt is too long", re.IGNORECASE)
_MODEL = re.compile(
    r"model\b.{0,80}\b(not found|not exist|does not exist|unknown|unsupported)"
    r"|(unknown|invalid|no such) model|not a valid model|try pulling it",
    re.IGNORECASE,
)
_NO_PROVIDER = "LLM Provider NOT provided"
_NO_CREDIT = re.compile(
    r"insufficient[ _](quota|credit|balance|funds)|credit balance is too low|billing", re.IGNORECASE
)
_WAIT = re.compile(r"(retry|try again) in \d", re.IGNORECASE)  # Gemini's limits name billing too
_NO_KEY = re.compile(r"api_key client option must be set|missing .{0,40}api[ _]key", re.IGNORECASE)
_OFFLINE = re.compile(r"\bConnection error\b|Cannot connect to host", re.IGNORECASE)
_MASKED = re.compile(r"\S*\*{2,}\S*")
_UNPRINTABLE = re.compile(r"[^\S \n]|[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Asked:
    """The model that was asked and the key that was sent, for messages and redaction.

    Attributes:
        key: the key that was sent; None where none was.
        secrets: what may not be seen in any message, the key among them.
    """

    model: Model
    key: str | None
    secrets: tuple[str, ...]

    @classmethod
    def of(cls, model: Model, key: str | None) -> Self:
        """Asked of that model with that key; every key in the environment is a secret too."""
        named = (value for name, value in os.environ.items() if name.endswith(("_KEY", "_TOKEN")))
        secrets = {value.strip() for value in named if len(value) >= SHORTEST_SECRET}
        return cls(model, key, tuple(secrets | ({key} if key else set())))

    @property
    def provider(self) -> str:
        """The provider, or its address where it is one's own, as a sentence begins with it."""
        base = endpoint_of(self.model).api_base
        if base is not None:
            return f"The server at {base}"
        name = provider_of(self.model)
        if name in SELF_HOSTED:
            return f"The server at {SELF_HOSTED[name]}"
        return TITLES.get(name, name.replace("_", " ").title() or "The provider")


def as_reply_error(error: BaseException, asked: Asked) -> ReplyError:
    """The failure as the user is told of it, without any part of a key."""
    chain = list(_chain(error))
    own = next((link for link in chain if isinstance(link, RoutingError)), None)
    if isinstance(own, ReplyError):
        return own
    said = _said(chain[0], asked)
    status = _status(chain)
    build = _BUILDERS[_kind(chain, status, said)]
    return build(chain, status, said, asked)


def late(asked: Asked, seconds: float) -> NetworkError:
    """The error for a provider that stayed silent for longer than the timeout."""
    return NetworkError(
        f"{asked.provider} has sent nothing for {asked.model.name} in {seconds:g} s",
        hint="Try again, choose the other model, or raise the timeout in the settings.",
    )


def is_transient(error: BaseException) -> bool:
    """Whether the same call may well succeed a moment later: no connection, or a 5xx."""
    chain = list(_chain(error))
    if any(isinstance(link, RoutingError) for link in chain) or _is_timeout(chain):
        return False
    return _is_offline(chain) or _status(chain) in TRANSIENT


def redact(text: str, secrets: tuple[str, ...]) -> str:
    """The text without any run of characters that a secret has too, and without masked keys."""
    hidden = [False] * len(text)
    for secret in secrets:
        width = min(SHORTEST_FRAGMENT, len(secret))
        for at in range(len(secret) - width + 1) if width else ():
            for match in re.finditer(re.escape(secret[at : at + width]), text):
                hidden[match.start() : match.end()] = [True] * width
    kept = "".join(
        "\0" if gone else character for character, gone in zip(text, hidden, strict=True)
    )
    return _MASKED.sub("[key]", re.sub("\0+", "[key]", kept))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error that says most, then everything that it came from."""
    seen: set[int] = set()
    waiting = [getattr(error, "original_exception", None) or error, error]
    while waiting:
        link = waiting.pop(0)
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [link.__cause__, link.__context__]


def _names(chain: list[BaseException]) -> set[str]:
    return {kind.__name__ for kind in type(chain[0]).__mro__}


def _status(chain: list[BaseException]) -> int | None:
    """The HTTP status that came; None where litellm made one up."""
    if "APIConnectionError" in _names(chain):
        return None
    status = getattr(chain[0], "status_code", None)
    return status if isinstance(status, int) else None


def _said(error: BaseException, asked: Asked) -> str:
    """What the provider said, safe to show."""
    text = str(getattr(error, "message", "") or error)
    text = text.partition("\nTraceback (most recent call last)")[0][: 10 * DETAIL_CHARACTERS]
    text = re.sub(r"\blitellm\.\w+: |\b\w+Exception - | ssl:<[^>]*>", "", text)
    shown = printable(text, asked)
    return shown if len(shown) <= DETAIL_CHARACTERS else f"{shown[:DETAIL_CHARACTERS]} …"


def printable(text: str, asked: Asked) -> str:
    """The provider's text without any part of a key and without terminal control characters."""
    return _UNPRINTABLE.sub(" ", redact(text, asked.secrets)).strip()


def _is_timeout(chain: list[BaseException]) -> bool:
    return bool(_names(chain) & {"Timeout", "APITimeoutError"})


def _is_offline(chain: list[BaseException]) -> bool:
    """Whether no connection came about, or it broke before an answer."""
    if any(isinstance(link, OSError) for link in chain):
        return True
    if any(type(link).__module__.split(".")[0] in {"aiohttp", "httpcore"} for link in chain):
        return True
    return bool(_OFFLINE.search(str(chain[0])))


def _is_broke(status: int | None, said: str) -> bool:
    """Whether the account is out of credit or quota."""
    refused = status in {400, 403, 429} and bool(_NO_CREDIT.search(said))
    return status == 402 or (refused and not _WAIT.search(said))


def _kind(chain: list[BaseException], status: int | None, said: str) -> type[ReplyError]:
    """The kind of our error. The order matters: more specific ones come first."""
    rules: list[tuple[type[ReplyError], bool]] = [
        (NetworkError, _is_timeout(chain)),
        (NoKeyError, bool(_NO_KEY.search(said))),
        (NoCreditError, _is_broke(status, said)),
        (AuthError, status in {401, 403}),
        (RateLimitError, status == 429),
        (ContextError, bool(_CONTEXT.search(said)) or status == 413),
        (NoModelError, status == 404 or _NO_PROVIDER in said),
        (NoModelError, bool(_MODEL.search(said)) and status not in TRANSIENT),
        (NetworkError, _is_offline(chain)),
    ]
    return next((kind for kind, applies in rules if applies), ServiceError)


def _no_key(_: list[BaseException], __: int | None, said: str, asked: Asked) -> ReplyError:
    return no_key(asked, [key_name_of(asked.model) or "its key"], said)


def no_key(asked: Asked, names: Sequence[str], detail: str = "") -> NoKeyError:
    """The provider needs a key that is not set; `names` are the variables for it."""
    both, verb = " and ".join(names), "is" if len(names) == 1 else "are"
    name = asked.model.name
    hint = f"Set {both}, or keep it: llmroute keys set {names[0]}."
    hint = f"{hint} Or choose another model, or the demo."
    if not is_listed(name):
        hint = f"{hint} If a server of your own has it: llmroute models add {name} --api-base URL"
    return NoKeyError(
        f"{asked.provider} needs a key for {name}, and {both} {verb} not set",
        hint=hint,
        detail=detail,
    )


def _refused(_: list[BaseException], status: int | None, said: str, asked: Asked) -> ReplyError:
    name = asked.model.name
    if asked.key is None:
        return NoKeyError(
            f"{asked.provider} wants a key for {name}, and none was sent ({status})",
            hint=f"Name the key to send: llmroute models add {name} --key-name NAME",
            detail=said,
        )
    which = key_name_of(asked.model) or "the key"
    if status == 403:
        message = f"{asked.provider} does not let this key use {name} (403)"
    else:
        message = f"{asked.provider} refused the key for {name} ({status})"
    hint = f"Check {which}: it may be mistyped, revoked, or of another account or project."
    return AuthError(message, hint=hint, detail=said)


def _limited(chain: list[BaseException], _: int | None, said: str, asked: Asked) -> ReplyError:
    wait = _retry_after(chain)
    again = "in a while" if wait is None else f"in {wait:.0f} s"
    return RateLimitError(
        f"{asked.provider} asks for fewer requests for {asked.model.name}",
        hint=f"Try again {again}, or send this turn to the other model.",
        detail=said,
        retry_after=wait,
    )


def _broke(_: list[BaseException], __: int | None, said: str, asked: Asked) -> ReplyError:
    return NoCreditError(
        f"{asked.provider} says that the account has no credit left for {asked.model.name}",
        hint="Top it up or raise its limit, or choose a model of another provider.",
        detail=said,
    )


def _too_long(_: list[BaseException], __: int | None, said: str, asked: Asked) -> ReplyError:
    return ContextError(
        f"{asked.provider} says that the conversation is longer than {asked.model.name} can read",
        hint="Drop the oldest turns, start a new conversation, or choose a model that reads more.",
        detail=said,
    )


def _unknown(_: list[BaseException], __: int | None, said: str, asked: Asked) -> ReplyError:
    model = asked.model
    if _NO_PROVIDER in said:
        message = f"No known provider serves a model named {model.name}"
        hint = "Write provider/model, such as openai/gpt-4o, or give the api_base of its server."
    else:
        message = f"{asked.provider} knows no model named {model.name}"
        hint = "Check the model's name, and the address if it is one of your own."
    if provider_of(model) in {"ollama", "ollama_chat"}:
        hint = f"Run: ollama pull {model.name.partition('/')[2]}"
    elif model.api_base is None and (near := nearest_names(model.name)):
        hint = f"Did you mean {' or '.join(near)}? {hint}"
    return NoModelError(message, hint=hint, detail=said)


def _unreached(chain: list[BaseException], _: int | None, said: str, asked: Asked) -> ReplyError:
    if _is_timeout(chain):
        return NetworkError(
            f"{asked.provider} did not answer {asked.model.name} in time",
            hint="Try again, choose the other model, or raise the timeout in the settings.",
            detail=said,
        )
    reason = _reason(chain)
    message = f"{asked.provider} cannot be reached for {asked.model.name}"
    own = endpoint_of(asked.model).api_base or provider_of(asked.model) in SELF_HOSTED
    hint = "Is the server running, and is its address right?" if own else "Is the network up?"
    return NetworkError(f"{message}: {reason}" if reason else message, hint=hint, detail=said)


def _failed(chain: list[BaseException], status: int | None, said: str, asked: Asked) -> ReplyError:
    name, code = asked.model.name, "" if status is None else f" ({status})"
    if "ContentPolicyViolationError" in _names(chain):
        message = f"{asked.provider} refused the message for its content policy{code}"
        hint = "Rephrase it, or choose another model."
    elif status is not None and status < 500:
        message = f"{asked.provider} rejected the request for {name}{code}"
        hint = "The details say why."
    elif status is None and (told := _told(chain, asked)):
        message = f"{asked.provider} failed: {told}"
        hint = "Try again in a moment, or choose another model."
    elif status is None:
        message = f"{asked.provider} sent what cannot be read as a reply of {name}"
        hint = "Is this the address of a chat API? Try again, or choose another model."
    else:
        message = f"{asked.provider} failed to answer with {name}{code}"
        hint = "Try again in a moment, or choose another model."
    return ServiceError(message, hint=hint, detail=said)


def _told(chain: list[BaseException], asked: Asked) -> str:
    """What the provider itself reported in a stream that had begun, where it did."""
    reported = next((link for link in chain if isinstance(getattr(link, "body", None), dict)), "")
    return " ".join(printable(str(reported), asked).split())[:TOLD_CHARACTERS].rstrip(".")


def _reason(chain: list[BaseException]) -> str:
    """Why there is no connection, in a few words."""
    text = " ".join(f"{type(link).__name__} {link}" for link in chain)
    if any(isinstance(link, ssl.SSLError) for link in chain) or "SSLError" in text:
        return "no secure connection (TLS) could be made"
    if re.search(r"gaierror|DNSError|Name or service not known|getaddrinfo", text):
        return "its name could not be resolved"
    if re.search(r"ConnectionRefused|Connect call failed|refused", text):
        return "the connection was refused"
    return ""


def _retry_after(chain: list[BaseException]) -> float | None:
    """Seconds until the provider wants to be asked again, from its headers."""
    for link in chain:
        response = getattr(link, "response", None)
        for headers in (
            getattr(response, "headers", None),
            getattr(link, "litellm_response_headers", None),
        ):
            if headers and (value := headers.get("retry-after")):
                return _seconds(value)
    return None


def _seconds(value: str) -> float | None:
    """A Retry-After header, which is a number of seconds or a date."""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        from email.utils import parsedate_to_datetime

        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except ValueError:
        return None


_BUILDERS = {
    NoKeyError: _no_key,
    AuthError: _refused,
    NoCreditError: _broke,
    RateLimitError: _limited,
    ContextError: _too_long,
    NoModelError: _unknown,
    NetworkError: _unreached,
    ServiceError: _failed,
}
