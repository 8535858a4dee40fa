"""The proof of life that ends a boot: the service's first event, or a ready-made check that holds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from lifesign.agent.checks.registry import registry
from lifesign.agent.checks.runner import Postcondition
from lifesign.agent.harmless import harmless
from lifesign.wire.writer import EventTable

if TYPE_CHECKING:
    from lifesign.checkspec import Spec


class Proof:
    """What a boot waits for.

    Args:
        until: a ready-made check, or any event of the service.
        events: where they are counted; a check that holds counts as an event under its own name.
    """

    def __init__(self, until: Literal["event"] | Spec | None, events: EventTable) -> None:
        self._spec = until if until is not None and not isinstance(until, str) else None
        self._events = events
        self._held = False
        self._why = ""
        self._trying: asyncio.Task[None] | None = None

    def found(self) -> bool:
        """Whether it is there."""
        return self._held if self._spec is not None else self._events.total > 0

    def wanted(self) -> str:
        """What is waited for, and why it is not there as far as that is known."""
        if self._spec is None:
            return "the first event"
        return f"{self._spec.label}: {self._why}" if self._why else self._spec.label

    def look_for(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tries once more, where that takes more than waiting and no try is under way."""
        if self._spec is not None and (self._trying is None or self._trying.done()):
            self._trying = loop.create_task(self._try(self._spec), name="lifesign-until")

    async def _try(self, spec: Spec) -> None:
        with harmless:
            from lifesign.agent.checks.ready_made import made

            report = await registry.run([Postcondition(spec.label, made(spec))], None)
            self._why = report.results[0].reason
            if report.passed and not self._held:
                self._held = True
                self._events.count(spec.label)
