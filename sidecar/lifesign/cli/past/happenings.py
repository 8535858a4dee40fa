"""What has happened to processes, in order: what a sidecar has seen of it, and what they have written themselves."""

from __future__ import annotations

from typing import Iterable, Iterator, NamedTuple

from lifesign import semconv
from lifesign.cli.sidecar.histories import ProcessHistory
from lifesign.serve.shown.history import History, HistoryEntry
from lifesign.watch.once import Sighting
from lifesign.watch.telemetry import SEVERITY_ERROR, SEVERITY_INFO, Snapshot

_MS = 1_000_000  # nanoseconds
_DUMP = semconv.LOG_TASK_DUMP.removeprefix("lifesign.")


class Happening(NamedTuple):
    """One thing that happened; `at` is wall clock nanoseconds, `severity` as OpenTelemetry counts it.

    `seconds` is how long it lasted, None where it has no length or still lasts; `times` how often it came in a row.
    """

    at: int
    key: str
    pid: int
    service: str
    event: str
    severity: int
    title: str
    text: str
    seconds: float | None = None
    times: int = 1


class Happenings:
    """Those that are new since the last time it was asked."""

    def __init__(self) -> None:
        self._histories: dict[str, History] = {}
        self._known: set[tuple[object, ...]] = set()

    def new(self, sightings: Iterable[Sighting], remembered: Iterable[ProcessHistory] = ()) -> list[Happening]:
        """The oldest first.

        Args:
            sightings: with what the processes have written since then.
            remembered: what a sidecar knows of processes, which goes before what they have kept themselves.
        """
        by_key = {one.key: one for one in remembered}
        found: list[Happening] = []
        for sighting in sightings:
            snapshot = sighting.poll.snapshot
            history = self._histories.setdefault(snapshot.key, History())
            for record in sighting.poll.telemetry:
                history.add(record)
            entries = history.entries()
            own = [_of_entry(one, snapshot.key, snapshot.pid, snapshot.service) for one in entries]
            found += [*_boot(snapshot), *_before(own, by_key.get(snapshot.key))]
        for one in by_key.values():
            found += [_of_entry(entry, one.key, one.pid, one.service) for entry in one.entries]
        known, self._known = self._known, {_identity(one) for one in found}
        return sorted(one for one in found if _identity(one) not in known)


def _before(own: list[Happening], remembered: ProcessHistory | None) -> list[Happening]:
    """What a process has kept from before the sidecar's oldest entry of it, which is the same thing again."""
    if remembered is None or not remembered.entries:
        return own
    oldest = min(remembered.entries, key=lambda one: one.at)
    same = _of_entry(oldest, "", 0, "")
    return [one for one in own if one.at < same.at and (one.event, one.text) != (same.event, same.text)]


def _identity(one: Happening) -> tuple[object, ...]:
    """A dump that is counted with the one before is no news, but a block that is over is."""
    at = 0 if one.event == _DUMP and one.times > 1 else one.at
    return one.key, one.event, at, one.title


def _boot(snapshot: Snapshot) -> Iterator[Happening]:
    for one in snapshot.checkpoints:
        if one.end is not None:
            severity = SEVERITY_ERROR if one.error else SEVERITY_INFO
            title, who = f"Checkpoint {one.name}", (snapshot.key, snapshot.pid, snapshot.service)
            yield Happening(one.end, *who, "checkpoint", severity, title, one.error or "")


def _of_entry(entry: HistoryEntry, key: str, pid: int, service: str) -> Happening:
    event = entry.event.removeprefix("lifesign.")
    text = "" if entry.text == entry.title else entry.text
    return Happening(
        entry.at * _MS, key, pid, service, event, entry.severity, entry.title, text, entry.seconds, entry.times
    )
