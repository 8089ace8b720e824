"""What workers tell the chat's screen: they never touch a widget themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from textual.message import Message

from routing.errors import RoutingError
from routing.events import Event, Readiness
from tui.errors import AppError

if TYPE_CHECKING:
    from routing.models import Pool
    from tui.audits.job import AuditJob
    from tui.audits.kept import Note
    from tui.budget import Month
    from tui.local_servers import LocalServer
    from tui.sessions import Session
    from tui.sessions.search import Hit
    from tui.widgets.branch import View
    from tui.widgets.history import Item

Where = Literal["alone", "before", "after"]


class AuditMoved(Message):
    """An audit took a step, or ended."""

    def __init__(self, job: AuditJob) -> None:
        self.job = job
        super().__init__()


class AuditsKnown(Message):
    """By model the newest audit that is kept."""

    def __init__(self, notes: Mapping[str, Note]) -> None:
        self.notes = notes
        super().__init__()


class BranchChosen(Message):
    """Another version of a message is now shown."""

    def __init__(self, message_id: str) -> None:
        self.message_id = message_id
        super().__init__()


class EngineReady(Message):
    """The engine is warm and decides."""

    def __init__(self, readiness: Readiness) -> None:
        self.readiness = readiness
        super().__init__()


class EngineFailed(Message):
    """The engine could not start."""

    def __init__(self, error: RoutingError) -> None:
        self.error = error
        super().__init__()


class EngineSaid(Message):
    """A notice from the engine about its own work."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__()


class EngineDied(Message):
    """The engine's process ended without being asked to."""


class ThresholdKnown(Message):
    """The threshold that gives a share of strong calls."""

    def __init__(self, share: float, threshold: float) -> None:
        self.share = share
        self.threshold = threshold
        super().__init__()


class ContextsKnown(Message):
    """The context window of each model of the pool, in tokens, by name; None if unknown."""

    def __init__(self, tokens: Mapping[str, int | None]) -> None:
        self.tokens = tokens
        super().__init__()


class Arrived(Message):
    """An event of a turn."""

    def __init__(self, key: str, event: Event) -> None:
        self.key = key
        self.event = event
        super().__init__()


class Sent(Message):
    """What the user said is on disk, and on its way."""


class Examined(Message):
    """The results of `doctor`, in sections."""

    def __init__(self, facts: Mapping[str, Mapping[str, str]]) -> None:
        self.facts = facts
        super().__init__()


class Failed(Message):
    """A turn went wrong. `fall_back`: the other model is to answer without being asked for."""

    def __init__(
        self, key: str, error: RoutingError | AppError, *, fall_back: bool = False
    ) -> None:
        self.key = key
        self.error = error
        self.fall_back = fall_back
        super().__init__()


class Ended(Message):
    """Nothing more comes of a turn: its reply is whole, or the user stopped it."""

    def __init__(self, key: str, *, stopped: bool) -> None:
        self.key = key
        self.stopped = stopped
        super().__init__()


class Listed(Message):
    """The conversations on disk, or those that hold the words; what the month has cost.

    `turns` is how many were ever answered.
    """

    def __init__(
        self, words: str, items: Sequence[Item], month: Month | None = None, turns: int = 0
    ) -> None:
        self.words = words
        self.items = items
        self.month = month
        self.turns = turns
        super().__init__()


class RouterChanged(Message):
    """Another router decides from now on."""

    def __init__(self, readiness: Readiness) -> None:
        self.readiness = readiness
        super().__init__()


class ServersFound(Message):
    """The model servers that answer on this machine."""

    def __init__(self, servers: Sequence[LocalServer]) -> None:
        self.servers = servers
        super().__init__()


class Trouble(Message):
    """Something other than a turn went wrong; shown as a toast."""

    def __init__(self, error: RoutingError | AppError) -> None:
        self.error = error
        super().__init__()


class PoolChosen(Message):
    """There are models to answer, where there were none."""


class Opened(Message):
    """Messages of a session, ready to be shown: alone, or before or after what stays in sight."""

    def __init__(self, session: Session, views: Sequence[View], where: Where) -> None:
        self.session = session
        self.views = views
        self.where = where
        super().__init__()


class HeaderChanged(Message):
    """A conversation has another title, or other instructions."""


class SessionReady(Message):
    """A session was opened and can be shown.

    `in_list`: the user goes on in the history. `hit`: what they go to in it.
    """

    def __init__(self, session: Session, *, in_list: bool = False, hit: Hit | None = None) -> None:
        self.session = session
        self.in_list = in_list
        self.hit = hit
        super().__init__()


class SettingsReady(Message):
    """What the settings screen shows beside the settings."""

    def __init__(self, key_lines: Sequence[str], models: Sequence[str]) -> None:
        self.key_lines = key_lines
        self.models = models
        super().__init__()


class ThresholdsKnown(Message):
    """The threshold of every share that a slider stops at, and who shows them."""

    def __init__(
        self, thresholds: Mapping[float, float], show: Callable[[Mapping[float, float]], None]
    ) -> None:
        self.thresholds = thresholds
        self.show = show
        super().__init__()


class Warned(Message):
    """A warning about something other than a turn; shown for longer."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__()


class PoolKnown(Message):
    """Remarks on the prices of a pool."""

    def __init__(self, pool: Pool, remarks: Sequence[str]) -> None:
        self.pool = pool
        self.remarks = remarks
        super().__init__()


class KeysFound(Message):
    """The names of the keys that are kept on this machine."""

    def __init__(self, names: Collection[str]) -> None:
        self.names = names
        super().__init__()


class Told(Message):
    """Something other than a turn was done; shown as a toast."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__()
