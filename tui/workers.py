"""Background workers of a widget or screen, which end with it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from textual.dom import DOMNode
from textual.worker import Worker


def start_worker(
    node: DOMNode, work: Callable[[], Coroutine[Any, Any, None]], group: str, *, alone: bool = False
) -> Worker[None]:
    """The worker that has begun; `alone` ends the others of its group.

    What it raises stays with it: what the user should know of, the work itself has to post. It
    is given as a function because a worker may be ended before it has begun.
    """
    worker: Worker[None] = node.run_worker(work, group=group, exit_on_error=False, exclusive=alone)
    return worker
