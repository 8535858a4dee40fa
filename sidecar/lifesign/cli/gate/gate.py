"""The gate: follows the boot of CMD under a supervisor, gives a verdict, and ends CMD."""

from __future__ import annotations

import signal
import time
from typing import Callable, NamedTuple, Sequence

from lifesign.cli.gate.verdict import STALLED, Outcome, Seen, judge
from lifesign.cli.output.terminal import say
from lifesign.cli.supervise.supervisor import Supervisor
from lifesign.watch.telemetry import Snapshot

_POLL = 0.05  # seconds between two polls
_PATIENCE = 10.0  # seconds that CMD may take to end after SIGTERM
_PATIENCE_STALLED = 2.0  # ... when its loop may hang, so that nothing handles the signal


class Terms(NamedTuple):
    """What CMD must do: prove its life within `timeout` seconds, by an event or a check; `keep`: leave it running."""

    by_event: bool
    timeout: float
    keep: bool = False


class Gate:
    """Boots one CMD and says whether it is alive.

    Args:
        supervisor: of CMD, not started yet.
        terms: what CMD has to do.
        look: the newest snapshots of the processes below CMD.
        show: called with them as they come, and with the outcome at the end, while CMD still runs.

    Attributes:
        outcome: None if an error of ours came before it.
        kept: whether CMD is left running.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        terms: Terms,
        look: Callable[[], Sequence[Snapshot]],
        show: Callable[[Sequence[Snapshot], Outcome | None], None],
    ) -> None:
        self.outcome: Outcome | None = None
        self.kept = False
        self._supervisor = supervisor
        self._terms = terms
        self._look = look
        self._show = show
        self._started = time.monotonic()

    def run(self) -> None:
        """Boots CMD, judges it, and ends it, unless it is to be kept. Raises as `Supervisor.run`."""
        with self._supervisor.started():
            self._started = time.monotonic()
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001 - whatever it is, CMD is not left behind
                say(f"{type(error).__name__}: {error}; CMD is ended")
            finally:
                self.kept = self._terms.keep and self._supervisor.code is None and self.outcome is not None
                if not self.kept:
                    self._end_command()
                    self._supervisor.finish()

    def _follow(self) -> None:
        while self.outcome is None:
            if self._supervisor.code is None:
                self._supervisor.attend(_POLL)
            self._supervisor.note_end()  # before the poll that must know it
            processes = self._look()
            outcome = judge(self._seen(processes))
            self._show(processes, outcome)
            self.outcome = outcome

    def _seen(self, processes: Sequence[Snapshot]) -> Seen:
        code, asked = self._supervisor.code, self._supervisor.asked
        waited = time.monotonic() - self._started
        return Seen(processes, code, asked, waited, self._terms.timeout, self._terms.by_event)

    def _end_command(self) -> None:
        stalled = self.outcome is not None and self.outcome.verdict == STALLED
        patience = _PATIENCE_STALLED if stalled else _PATIENCE
        deadline = time.monotonic() + patience
        self._supervisor.end(signal.SIGTERM)
        while self._supervisor.code is None:
            self._supervisor.attend(_POLL)
            if self._supervisor.code is None and time.monotonic() >= deadline:
                say(f"CMD did not end within {patience:g} s of SIGTERM and was killed")
                self._supervisor.end(signal.SIGKILL)
                deadline = float("inf")
