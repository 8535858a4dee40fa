"""The gate: a supervisor that follows the boot of CMD, judges it, and ends CMD."""

from __future__ import annotations

import os
import signal
import time
from typing import Callable, Mapping, NamedTuple, Sequence

from lifesign.cli.gate.verdict import STALLED, Outcome, Seen, judge
from lifesign.cli.output.terminal import say
from lifesign.cli.supervise.signals import ENDING, Signals, Taken
from lifesign.cli.supervise.supervisor import Beside, Supervisor
from lifesign.watch.telemetry import Snapshot

_LOOK = 0.05  # seconds between two looks
_PATIENCE = 10.0  # seconds that CMD has to end after SIGTERM
_PATIENCE_STALLED = 2.0  # ... when its loop may be what hangs, so that nobody answers the signal


class Terms(NamedTuple):
    """What CMD has to do: prove its life within `timeout` seconds, by an event or by a check; `keep` lets it go on."""

    by_event: bool
    timeout: float
    keep: bool = False


class Gate(Supervisor):
    """Boots one CMD and says whether it is alive.

    Args:
        command, environ, beside: see `Supervisor`.
        terms: what it has to do.
        look: the newest snapshots of the processes below CMD.
        show: is given them as they come, and the outcome in the end, while CMD still runs.
    """

    def __init__(
        self,
        command: list[str],
        environ: Mapping[str, str],
        beside: Beside | None,
        terms: Terms,
        look: Callable[[], Sequence[Snapshot]],
        show: Callable[[Sequence[Snapshot], Outcome | None], None],
    ) -> None:
        super().__init__(command, environ, beside)
        self._terms = terms
        self._look = look
        self._show = show
        self._asked: signal.Signals | None = None
        self._started = time.monotonic()
        self.outcome: Outcome | None = None
        self.pid = 0  # of CMD
        self.kept = False  # whether CMD goes on

    def _accompany(self, signals: Signals) -> None:
        self.pid = self._pid
        self._started = time.monotonic()
        try:
            self._start_sidecar(signals)
            self._follow(signals)
        finally:
            if self._terms.keep and self._code is None and self.outcome is not None:
                self.kept = True
                self._code = self.outcome.exit_code  # what CMD ends with some day is not ours to say
            self._end_command(signals)

    def _follow(self, signals: Signals) -> None:
        while self.outcome is None:
            if self._code is None:
                self._turn(signals)
            if self._code is not None and self._run_file is not None:
                self._run_file.ended(self._code)  # before the look that is to know it
            processes = self._look()
            outcome = judge(self._seen(processes))
            self._show(processes, outcome)
            self.outcome = outcome

    def _turn(self, signals: Signals) -> None:
        due = self._sidecar.tend() if self._sidecar is not None else None
        self._attend(signals, _LOOK if due is None else min(due, _LOOK))

    def _pass_on(self, taken: Taken, signals: Signals) -> None:
        if taken.number in ENDING and taken.number not in signals.ignored:
            self._asked = taken.number
        super()._pass_on(taken, signals)

    def _seen(self, processes: Sequence[Snapshot]) -> Seen:
        waited = time.monotonic() - self._started
        return Seen(processes, self._code, self._asked, waited, self._terms.timeout, self._terms.by_event)

    def _end_command(self, signals: Signals) -> None:
        if self._code is not None:
            return
        if self._run_file is not None:
            self._run_file.asked(signal.SIGTERM)
        os.kill(self._pid, signal.SIGTERM)
        stalled = self.outcome is not None and self.outcome.verdict == STALLED
        patience = _PATIENCE_STALLED if stalled else _PATIENCE
        deadline = time.monotonic() + patience
        while self._code is None:
            self._turn(signals)
            if self._code is None and time.monotonic() >= deadline:
                say(f"CMD did not end within {patience:g} s of SIGTERM and was killed")
                os.kill(self._pid, signal.SIGKILL)
                deadline = float("inf")

    def _finish(self, signals: Signals, code: int) -> None:
        if not self.kept:
            super()._finish(signals, code)
