"""What has happened to processes, in order, from what they have written and what is seen of them."""

from __future__ import annotations

from typing import Iterable, Iterator, NamedTuple

from lifesign import semconv
from lifesign.cli.output.terminal import duration
from lifesign.watch.once import Sighting
from lifesign.watch.telemetry import SEVERITY_ERROR, SEVERITY_INFO, Log, Snapshot, Span, Telemetry

_PARTS = (semconv.LOG_TASK_GROUP, semconv.LOG_THREAD_GROUP)  # of a task dump, whose summary is enough
_PERIODS = (semconv.SPAN_BLOCKED, semconv.SPAN_FROZEN)
_KNOWN_MAX = 100_000


class Happening(NamedTuple):
    """One thing that happened; `at` is wall clock nanoseconds, `severity` as OpenTelemetry counts it."""

    at: int
    id: str
    pid: int
    service: str
    event: str
    severity: int
    text: str


class Happenings:
    """Those that are new since the last time it was asked."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def new(self, sightings: Iterable[Sighting]) -> list[Happening]:
        """The oldest first."""
        if len(self._known) > _KNOWN_MAX:
            self._known.clear()
        found = [
            one
            for sighting in sightings
            for one in (*_boot(sighting.poll.snapshot), *_records(sighting.poll.snapshot, sighting.poll.telemetry))
            if one.id not in self._known
        ]
        self._known.update(one.id for one in found)
        return sorted(found)


def _boot(snapshot: Snapshot) -> Iterator[Happening]:
    for one in snapshot.checkpoints:
        if one.end is not None:
            text = f"checkpoint {one.name}" + (f": {one.error}" if one.error else "")
            severity = SEVERITY_ERROR if one.error else SEVERITY_INFO
            name = f"{snapshot.key}-{one.name}-{one.start}"
            yield Happening(one.end, name, snapshot.pid, snapshot.service, "checkpoint", severity, text)


def _records(snapshot: Snapshot, telemetry: Iterable[Telemetry]) -> Iterator[Happening]:
    for one in telemetry:
        if isinstance(one, Log) and one.event not in _PARTS:
            event, body = one.event.removeprefix("lifesign."), one.body
            yield Happening(one.time, one.uid, snapshot.pid, snapshot.service, event, one.severity, body)
        elif isinstance(one, Span) and one.name in _PERIODS:
            text = f"{one.name} for {duration((one.end - one.start) / 1e9)}, and over"
            yield Happening(one.end, one.id, snapshot.pid, snapshot.service, one.name, SEVERITY_INFO, text)
