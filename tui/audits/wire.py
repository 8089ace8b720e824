"""What the chat and an audit's process say to each other, each a line of JSON."""

from __future__ import annotations

import msgspec

COLUMNS = ("perturbation", "n", "accuracy", "RStd", "unanswered")


class Order(msgspec.Struct, frozen=True):
    """The audit to run, and the settings of the chat that it needs.

    Attributes:
        max_cost: US dollars; None for the usual limit where the model's price is known.
        pool: names of the chat's models.
        api_base, key_name: the endpoint given on the command line of the chat.
    """

    model: str
    max_cost: float | None = None
    max_samples: int | None = None
    pool: tuple[str, ...] = ()
    api_base: str | None = None
    key_name: str | None = None


class Begun(msgspec.Struct, frozen=True, tag=True):
    """The model is ready. `lines` say what is asked, how, and what it may cost."""

    lines: tuple[str, ...]


class Scored(msgspec.Struct, frozen=True, tag=True):
    """How far it is.

    Attributes:
        done, total: prompts.
        summary: prompts, time left, speed, cost and the perturbation in a line.
        rows: cells of text for each perturbation so far, as `COLUMNS` names them.
    """

    done: int
    total: int
    summary: str
    rows: tuple[tuple[str, ...], ...]


class Kept(msgspec.Struct, frozen=True, tag=True):
    """It is over and its report is in `file`; `stopped` says why where that is not the end."""

    file: str
    verdict: str
    stopped: str = ""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """It is over without a report."""

    message: str
    hint: str = ""


Step = Begun | Scored | Kept | Failed


def encode_step(step: Step) -> bytes:
    """The step as a line."""
    return msgspec.json.encode(step) + b"\n"


def decode_step(line: bytes) -> Step:
    """The step that the line holds."""
    step: Step = msgspec.json.decode(line, type=Step)
    return step
