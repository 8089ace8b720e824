"""The models that the user has set or priced: what each costs and what it needs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from routing.models import DEMO_PAIR, context_of, key_name_of, price_of
from tui.money import MILLION, usd

if TYPE_CHECKING:
    from routing.models import Model
    from tui.program import Program

COLUMNS = ("seat", "model", "prompt", "completion", "context", "key", "endpoint")


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model as it is for this user; None for what is not known, not set or not needed.

    Attributes:
        seat: "strong", "weak" or "middle"; None where no turn is routed to it.
        prompt_price, completion_price, cached_price: US dollars per million tokens.
        key_name: the key that it needs, and `key_origin` where that was found.
        api_base: its endpoint where it is not the provider's own.
    """

    model: str
    seat: str | None
    prompt_price: float | None
    completion_price: float | None
    cached_price: float | None
    context_tokens: int | None
    key_name: str | None
    key_origin: str | None
    api_base: str | None

    def row(self) -> tuple[str, ...]:
        """The cells of its line."""
        key = f"{self.key_name}: {self.key_origin or 'not set'}" if self.key_name else "none needed"
        return (
            self.seat or "",
            self.model,
            dollars(self.prompt_price),
            dollars(self.completion_price),
            "?" if self.context_tokens is None else f"{self.context_tokens:,}",
            key,
            self.api_base or "the provider's",
        )

    def as_dict(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)


def model_states(program: Program) -> list[ModelState]:
    """The models to route between, then every other one with settings; none: the demo pair.

    Raises:
        KeysError: a place that may hold a key cannot be read.
    """
    pool = program.pool
    seats = {model.name: pool.tier_of(model) for model in pool.models} if pool else {}
    names = dict.fromkeys([*seats, *program.settings.models]) or DEMO_PAIR.names
    return [_state(program, program.settings.model(name), seats.get(name)) for name in names]


def dollars(per_million: float | None) -> str:
    """US dollars per million tokens, with all digits that matter; "$?" for None."""
    if per_million is None:
        return usd(None)
    whole, _, rest = f"{per_million:,.4f}".partition(".")
    return f"${whole}.{rest.rstrip('0'):0<2}"


def _state(program: Program, model: Model, seat: str | None) -> ModelState:
    price, key_name = price_of(model), key_name_of(model)
    key = program.keyring.find(key_name) if key_name else None
    return ModelState(
        model=model.name,
        seat=seat,
        prompt_price=_per_million(price.prompt if price else None),
        completion_price=_per_million(price.completion if price else None),
        cached_price=_per_million(price.cached if price else None),
        context_tokens=context_of(model),
        key_name=key_name,
        key_origin=key.origin if key else None,
        api_base=model.api_base,
    )


def _per_million(price: float | None) -> float | None:
    return None if price is None else round(price * MILLION, 6)
