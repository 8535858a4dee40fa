"""The proof of life that ends a boot: the service's first event, or a ready-made check that holds."""

from __future__ import annotations

import threading

from lifesign.agent.harmless import harmless
from lifesign.settings import UNTIL_EVENT
from lifesign.wire.writer import EventTable

_PAUSE = 0.1  # seconds between two tries of a check


class Proof:
    """What a boot waits for.

    Args:
        until: a ready-made check; ``"event"`` or nothing for any event of the service.
        events: where they are counted; a check that holds counts as an event under its own name.
    """

    def __init__(self, until: str, events: EventTable) -> None:
        self._check = "" if until == UNTIL_EVENT else until
        self._events = events
        self._held = False
        self._reason = ""
        self._looking: threading.Thread | None = None

    def found(self) -> bool:
        """Whether it is there."""
        return self._held if self._check else self._events.total > 0

    def wanted(self) -> str:
        """What is waited for, and why it is not there as far as that is known."""
        if not self._check:
            return "the first event"
        return f"{self._check}: {self._reason}" if self._reason else self._check

    def look_for(self) -> None:
        """Begins to look, where that takes more than waiting; in a thread, for a check may block."""
        if self._check:
            self._looking = threading.Thread(target=self._look, name="lifesign-until", daemon=True)
            self._looking.start()

    def _look(self) -> None:
        with harmless:
            from lifesign.agent.checks import ready_made

            check = ready_made(self._check)
            pause = threading.Event()
            while True:
                passed, self._reason = check()
                if passed:
                    break
                pause.wait(_PAUSE)
            self._events.count(self._check)
            self._held = True
