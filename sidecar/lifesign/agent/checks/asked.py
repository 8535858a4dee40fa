"""The sidecar's request to run the post-conditions, answered in the event loop by a report in the ring."""

from __future__ import annotations

import asyncio

from lifesign.agent.checks import registry
from lifesign.wire import layout
from lifesign.wire.writer import PulseWriter


class Asked:
    """Looks for requests, a word in the pulse, at each beat of the loop."""

    def __init__(self, pulse: PulseWriter) -> None:
        self._pulse = pulse
        self._answered = 0
        self._run: asyncio.Task[registry.Report] | None = None  # the loop alone would not keep it

    def beat(self, loop: asyncio.AbstractEventLoop) -> None:
        """Runs all registered post-conditions where they were asked for since the last beat."""
        request = self._pulse.requests(layout.REQUEST_CHECKS)
        if request != self._answered:
            self._answered = request
            run = registry.run(registry.registered(), self._pulse.ring, request)
            self._run = loop.create_task(run, name="lifesign-postconditions")
