"""What workers tell the chat's screen: they never touch a widget themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from routing.errors import RoutingError
from routing.events import Event, Readiness
from tui.errors import AppError

if TYPE_CHECKING:
    from tui.local_servers import LocalServer
    from tui.sessions import Session
    from tui.widgets.branch import View
    from tui.widgets.history import Item


@dataclass
class EngineReady(Message):
    """The engine is warm and decides."""

    readiness: Readiness


@dataclass
class EngineFailed(Message):
    """The engine could not start."""

    error: RoutingError


@dataclass
class EngineDied(Message):
    """The engine's process ended without being asked to."""


@dataclass
class ThresholdKnown(Message):
    """The threshold that gives a share of strong calls."""

    share: float
    threshold: float


@dataclass
class Arrived(Message):
    """An event of a turn."""

    key: str
    event: Event


@dataclass
class Failed(Message):
    """A turn went wrong. `fall_back`: the other model is to answer without being asked for."""

    key: str
    error: RoutingError | AppError
    fall_back: bool = False


@dataclass
class Ended(Message):
    """Nothing more comes of a turn: its reply is whole, or the person stopped it."""

    key: str
    stopped: bool


@dataclass
class Listed(Message):
    """The conversations on disk, or those that hold the words; US dollars spent this month."""

    words: str
    items: Sequence[Item]
    month_usd: float | None = None


@dataclass
class ServersFound(Message):
    """The model servers that answer on this machine."""

    servers: Sequence[LocalServer]


@dataclass
class Trouble(Message):
    """Something beside the turns went wrong; the person is told in a line."""

    error: RoutingError | AppError


@dataclass
class Opened(Message):
    """Messages of a session, ready to be shown; `earlier` ones stand before what is in sight."""

    session: Session
    views: Sequence[View]
    earlier: bool = False


@dataclass
class SessionReady(Message):
    """A session was opened and can be shown."""

    session: Session


@dataclass
class SettingsReady(Message):
    """What the settings screen shows beside the settings."""

    key_lines: Sequence[str]
    models: Sequence[str]


@dataclass
class ThresholdsKnown(Message):
    """The threshold of every share that the slider stops at."""

    thresholds: Mapping[float, float]


@dataclass
class Told(Message):
    """Something beside the turns was done; the person is told in a line."""

    text: str
