"""One audit in a process of its own: `python -m tui.audits.child ORDER` prints its steps."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from time import monotonic

import msgspec

from audit.errors import AuditError, BudgetError
from routing.errors import RoutingError
from tui.audits.wire import Begun, Failed, Kept, Order, Scored, Step, encode_step
from tui.errors import AppError, in_line
from tui.program import Program

STEP_SECONDS = 0.25
USUAL_LIMIT_USD = 1.0
NICENESS = 10  # the chat's screen comes first


def main() -> None:
    """Carry out the order on the command line."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever else prints goes to the log
    os.nice(NICENESS)
    try:
        for step in steps(msgspec.json.decode(sys.argv[1], type=Order)):
            output.write(encode_step(step))
    except BrokenPipeError:  # the chat is gone; what was scored is kept
        sys.exit(1)


def steps(order: Order) -> Iterator[Step]:
    """The audit's steps; the last one is Kept or Failed."""
    try:
        yield from _perform(order)
    except (AuditError, AppError, RoutingError) as error:
        yield Failed(str(error), error.hint)


def _perform(order: Order) -> Iterator[Step]:
    from audit.findings import verdict
    from tui.audits.kept import keep, now
    from tui.audits.opening import WantedAudit, opened
    from tui.audits.progress import introduction, rows, summary

    program = Program.open(
        pool=order.pool or None, api_base=order.api_base, key_name=order.key_name
    )
    limit = order.max_cost if order.max_cost is not None else _usual_limit(program, order.model)
    wanted = WantedAudit(order.model, max_cost=limit, max_samples=order.max_samples)
    with opened(program, wanted) as run:
        yield Begun(tuple(introduction(run)))
        said, stopped = 0.0, ""
        try:
            for now_at in run.events():
                if monotonic() - said > STEP_SECONDS or now_at.done == now_at.total:
                    yield Scored(now_at.done, now_at.total, summary(now_at), rows(now_at))
                    said = monotonic()
        except BudgetError as error:
            if not run.scores:
                raise
            stopped = in_line(error, error.hint)
        report = run.report(now())
    yield Kept(str(keep(program.paths.audits, report)), verdict(report.results), stopped)


def _usual_limit(program: Program, name: str) -> float | None:
    """US dollars; None where no price is known, for then none can be kept."""
    from routing.models import price_of

    return None if price_of(program.model(name)) is None else USUAL_LIMIT_USD


if __name__ == "__main__":
    main()
