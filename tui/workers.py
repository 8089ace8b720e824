"""Work beside the messages of a widget or a screen, which it ends with."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from textual.dom import DOMNode
from textual.worker import Worker


def start_worker(
    node: DOMNode, work: Callable[[], Coroutine[Any, Any, None]], group: str, *, alone: bool = False
) -> Worker[None]:
    """The worker that has begun; `alone` ends the others of its group.

    What it raises stays with it: what the person should know of, the work itself has to post. It
    is given as a function because a worker may be ended before it has begun.
    """
    worker: Worker[None] = node.run_worker(work, group=group, exit_on_error=False, exclusive=alone)
    return worker
