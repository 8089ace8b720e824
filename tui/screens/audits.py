"""Audits beside the chat: one runs in a process of its own, the others are kept reports."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from textual import on

from audit.planted import PLANTED
from routing.models import DEMO_PAIR
from tui.messages import AuditMoved, AuditsKnown
from tui.screens.base import BaseScreen
from tui.workers import start_worker

if TYPE_CHECKING:
    from textual.worker import Worker

    from tui.audits.job import AuditJob, Runner


class AuditsScreen(BaseScreen):
    """What the audit screen asks for; it may be closed while an audit runs.

    Attributes:
        audit_job: the audit under way, or the last one; None before the first.
    """

    audit_job: AuditJob | None = None
    audit_runner: Runner | None = None  # None: a child process
    _audit_worker: Worker[None] | None = None

    @property
    def audit_under_way(self) -> bool:
        """Whether an audit runs."""
        return self.audit_job is not None and self.audit_job.ended is None

    def audit(self, name: str) -> None:
        """Open the audit screen; with a name, audit that model at once where none is under way."""
        from tui.screens.audit import AuditScreen

        if name and self.audit_under_way:
            self.tell("An audit is under way; x cancels it.")
        elif name:
            self.start_audit(name, None)
        self.app.push_screen(AuditScreen(self))

    def start_audit(self, name: str, max_cost: float | None) -> None:
        """Audit the model in the background; `max_cost` in US dollars, None for the usual limit."""
        from tui.audits.job import AuditJob, run_child
        from tui.audits.wire import Order

        program, settings = self.program, self.program.settings
        at_base = name in settings.pool_names
        order = Order(
            model=name,
            max_cost=max_cost,
            pool=settings.pool_names,
            api_base=program.api_base if at_base else None,
            key_name=program.key_name if at_base else None,
        )
        job = AuditJob(order, (self.audit_runner or run_child)(order, program.paths.log))
        self.audit_job = job
        run = partial(job.run, lambda: self._moved(job))
        self._audit_worker = start_worker(self, run, "audit")

    def cancel_audit(self) -> None:
        """Stop the audit under way; its scores are kept."""
        if self._audit_worker:
            self._audit_worker.cancel()

    def auditable(self) -> list[str]:
        """The connected models, then those with a planted bias."""
        settings = self.program.settings
        own = [*settings.pool_names, *settings.models]
        stand_ins = DEMO_PAIR.names
        return list(dict.fromkeys([*(n for n in own if n not in stand_ins), *PLANTED]))

    def look_for_audits(self) -> None:
        """Tell the why panel of the reports that are kept."""
        from tui.audits.kept import newest_notes

        folder = self.program.paths.audits

        async def look() -> None:
            self.post_message(AuditsKnown(await asyncio.to_thread(newest_notes, folder)))

        self.in_worker(look)

    @on(AuditsKnown)
    def _show_notes(self, message: AuditsKnown) -> None:
        notes = message.notes.items()
        self.talk.why.audits = {model: f"{note.line} ({note.day})" for model, note in notes}

    def _moved(self, job: AuditJob) -> None:
        if self.is_running:
            self.post_message(AuditMoved(job))

    @on(AuditMoved)
    def _audit_moved(self, message: AuditMoved) -> None:
        from tui.audits.wire import Failed, Kept
        from tui.screens.audit import AuditScreen

        shown = [screen for screen in self.app.screen_stack if isinstance(screen, AuditScreen)]
        for screen in shown:
            screen.follow()
        match message.job.ended:
            case Kept(verdict=verdict):
                self.look_for_audits()
                if not shown:
                    self.tell(f"{message.job.order.model}: {verdict}.", "/audit shows the report.")
            case Failed(message=trouble, hint=hint) if not shown:
                self.tell(trouble, hint)
