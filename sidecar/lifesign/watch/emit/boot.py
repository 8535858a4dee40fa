"""The boot as the sidecar sees it: checkpoints from the boot lane become one trace.

The lane never wraps, so it is read from its start whenever the sidecar starts, and its trace has the same ids
each time. The trace is exported when the boot has ended: the agent said so, or the process is gone; then open
spans are closed as errors, unless its end was asked for or it had done what it was there for.
"""

from __future__ import annotations

from typing import Callable, Iterator, Sequence

from lifesign import semconv
from lifesign.judge.degraded import Unmet, unmet
from lifesign.watch.emit.operation import Failed, exception_attributes, operation, synthetic_attributes
from lifesign.watch.emit.transitions import NO_DETAILS, Details
from lifesign.watch.records import BootRecord
from lifesign.watch.telemetry import Attributes, CheckpointReading, Span, Telemetry
from lifesign.wire.records import BootEnded, Checkpoint, Identity

_CHECKPOINTS_MAX = 2000  # the lane holds fewer; somebody else may have written it


class BootView:
    """The boot of one process.

    Args:
        exported: whether an earlier sidecar has made the trace already.
    """

    def __init__(self, identity: Identity, resource: str, exported: bool = False) -> None:
        self._identity = identity
        self._resource = resource
        self._checkpoints: dict[str, Checkpoint] = {}
        self._ended: BootEnded | None = None
        self._expected: list[str] = []
        self._readings: tuple[CheckpointReading, ...] | None = None  # as they were last asked for
        self._emitted: set[str] = set()  # ids of checkpoints whose spans have been made
        self.exported = exported

    @property
    def outcome(self) -> str:
        """ "starting", "complete", "failed" or "timed_out"."""
        return self._ended["outcome"] if self._ended else "starting"

    @property
    def ended_at(self) -> int | None:
        """When the boot ended, wall clock nanoseconds; None while it lasts."""
        return self._ended["end"] if self._ended else None

    @property
    def duration(self) -> float | None:
        """Seconds that the boot took; None while it lasts, and where it was over before anybody watched."""
        if self._ended is None or self._identity.get("attached"):
            return None
        return max(0.0, (self._ended["end"] - self._identity["started"]) / 1e9)

    @property
    def diagnostic(self) -> str:
        """Why the boot failed, in the words of the main process; empty before that."""
        return self._ended["diagnostic"] if self._ended else ""

    @property
    def trace(self) -> str:
        """The id of the boot's trace."""
        return self._identity["trace"]

    def unmet(self, failing: int, reasons: Sequence[tuple[str, str]]) -> Unmet:
        """The requirements of the service that are not met; see `judge.degraded`."""
        return unmet(self._expected, self._checkpoints.values(), failing, reasons)

    def missing(self) -> tuple[str, ...]:
        """The names of the expected checkpoints that have not been reached."""
        reached = {one["name"] for one in self._checkpoints.values() if one["end"] is not None and one["error"] is None}
        return tuple(name for name in self._expected if name not in reached)

    def checkpoints(self) -> tuple[CheckpointReading, ...]:
        """All checkpoints so far, by their start; the same tuple as long as nothing comes: polls come often."""
        if self._readings is None:
            self._readings = tuple(self._read())
        return self._readings

    def _read(self) -> Iterator[CheckpointReading]:
        ordered = sorted(self._checkpoints.values(), key=lambda one: (one["start"], one["end"] or one["start"]))
        passed = self._identity["started"]  # what was passed before each
        for one in ordered:
            start, end = one["start"], one["end"]
            took = None if end is None else max(0, end - (start if end > start else passed)) / 1e9
            passed = max(passed, end or start)
            error = one["error"]["message"] if one["error"] else None
            yield CheckpointReading(one["name"], one["number"], start, end, error, one["total"], took)

    def add(self, record: BootRecord, *, emitted: bool = False) -> None:
        """Takes one record of the boot lane, in order; `emitted`: its span was made before a restart of the sidecar."""
        self._readings = None
        if emitted and record["kind"] == "checkpoint" and record["end"] is not None:
            self._emitted.add(record["id"])
        if record["kind"] == "boot_ended":
            self._ended = self._ended or record
        elif record["kind"] == "boot_expects":
            self._expected = record["names"]
        elif record["id"] in self._checkpoints or len(self._checkpoints) < _CHECKPOINTS_MAX:
            self._checkpoints[record["id"]] = record

    def is_waited_for(self) -> bool:
        """Whether the boot has not ended, and something that it waits for is missing."""
        unfinished = any(one["end"] is None or one["error"] is not None for one in self._checkpoints.values())
        return self._ended is None and (unfinished or bool(self.missing()))

    def telemetry(
        self,
        died: str | None,
        now: int,
        known: Callable[[str], Details] = lambda said: NO_DETAILS,
        *,
        excused: bool = False,
    ) -> list[Telemetry]:
        """The spans and log records that are due and have not been made before.

        Args:
            died: why the process is gone; None while it lives.
            now: wall clock nanoseconds.
            known: gives what is known of the cause of a boot that failed, besides what is said of it already.
            excused: the process stopped, and that its boot had not ended is nobody's fault.
        """
        if self._identity.get("attached") or (self._ended is None and died is None):
            return []
        made: list[Telemetry] = []
        last = self._identity["started"]
        for one in self._checkpoints.values():
            last = max(last, one["end"] or one["start"])
            if one["id"] in self._emitted or (one["end"] is None and self.exported and died is None):
                continue
            self._emitted.add(one["id"])
            made += self._checkpoint(one, died, now, excused)
        if not self.exported:
            self.exported = True
            made += self._root(died, last, now, known, excused)
        return made

    def _checkpoint(self, one: Checkpoint, died: str | None, now: int, excused: bool) -> list[Telemetry]:
        error = one["error"]
        end = one["end"]
        if end is None:
            reason = died or self.diagnostic or "the boot ended"
            if not excused:
                error = {"type": "unfinished", "message": f"not finished: {reason}", "stack": ""}
            end = max(one["start"], self._ended["end"] if self._ended else now)
        attributes: Attributes = {**synthetic_attributes(one["synthetic"]), semconv.CHECKPOINT_NAME: one["name"]}
        if one["number"] is not None:
            attributes[semconv.CHECKPOINT_NUMBER] = one["number"]
        if one["total"] is not None:
            attributes[semconv.CHECKPOINT_TOTAL] = one["total"]
        span = Span(
            resource=self._resource,
            trace=self._identity["trace"],
            id=one["id"],
            parent=self._identity["boot_span"],
            name=semconv.SPAN_CHECKPOINT.format(name=one["name"]),
            start=one["start"],
            end=end,
            attributes=attributes,
        )
        if error is None:
            return operation(span, now, None)
        failed = Failed(
            type=error["type"],
            description=error["message"],
            event=semconv.LOG_CHECKPOINT_FAILED,
            uid=f"{self._identity['instance']}-checkpoint-{one['id']}",
            body=f"{one['name']}: {error['message']}",
            details=exception_attributes(error),
        )
        return operation(span, now, failed)

    def _root(
        self, died: str | None, last: int, now: int, known: Callable[[str], Details], excused: bool
    ) -> list[Telemetry]:
        outcome: str = "died"
        end = last
        missing = self.missing()
        if self._ended is not None:
            outcome, end = self._ended["outcome"], self._ended["end"]
            error = self.diagnostic
        elif excused:
            outcome, error = self.outcome, ""
        else:
            names = [one["name"] for one in self._checkpoints.values()]
            error = f"the boot stopped after checkpoint {names[-1] if names else 'none'!r}: {died}"
            if missing:
                error = f"{error}; missing checkpoints: {', '.join(missing)}"
        attributes: Attributes = {semconv.BOOT_OUTCOME: outcome}
        if missing:
            attributes[semconv.BOOT_MISSING] = list(missing)
        root = Span(
            resource=self._resource,
            trace=self._identity["trace"],
            id=self._identity["boot_span"],
            parent=self._identity["parent_span"],
            remote_parent=self._identity["parent_span"] is not None,
            name=semconv.SPAN_BOOT,
            start=self._identity["started"],
            end=max(end, self._identity["started"]),
            attributes=attributes,
        )
        if not error:
            return operation(root, now, None)
        details = known(died if died is not None and self._ended is None else error)
        failed = Failed(
            type=outcome,
            description=error,
            event=semconv.LOG_BOOT_FAILED,
            uid=f"{self._identity['instance']}-boot",
            body="; ".join(filter(None, (error, details.words))),
            details=details.attributes,
        )
        return operation(root, now, failed)
