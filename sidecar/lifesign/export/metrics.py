"""Metrics of all watched processes, made when they are sent."""

from __future__ import annotations

import time
from typing import Any, Callable, Iterable, Mapping, Sequence

from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics

from lifesign import semconv
from lifesign.export.delays import DelayHistogram
from lifesign.export.exemplars import exemplar
from lifesign.export.instruments import ROWS
from lifesign.export.otlp import encode
from lifesign.export.points import Series
from lifesign.export.readings import ExportStats, MetricSource
from lifesign.watch.telemetry import Resource, Snapshot, Telemetry

GONE_AGE_MAX = 300.0  # seconds for which the last values of a process that is gone are still offered


class Metrics:
    """Keeps what is known of each process that was observed.

    Args:
        preferences: temporality and aggregation by kind of instrument, as the exporter wants them.
        stats: the health of the export.
    """

    def __init__(self, preferences: tuple[Any, Any], stats: Callable[[], ExportStats]) -> None:
        self._preferences = preferences
        self._stats = stats
        self._processes: dict[str, _Process] = {}

    def observe(self, snapshots: Sequence[Snapshot], resources: Mapping[str, Resource]) -> None:
        """Takes the newest snapshots; a process whose resource is not known yet is left out."""
        now = time.monotonic()
        for snapshot in snapshots:
            process = self._processes.get(snapshot.key)
            if process is None:
                resource = resources.get(snapshot.key)
                if resource is None:
                    continue
                process = _Process(resource, snapshot, self._preferences)
                self._processes[snapshot.key] = process
            process.gone_since = None
            process.show(snapshot)
        seen = {snapshot.key for snapshot in snapshots}
        for key, process in list(self._processes.items()):
            if key not in seen:
                process.gone_since = process.gone_since or now
                if now - process.gone_since > GONE_AGE_MAX:
                    del self._processes[key]

    def exemplify(self, records: Iterable[Telemetry]) -> None:
        """Takes of these records those that are examples of how late a loop was."""
        for record in records:
            process = self._processes.get(record.resource)
            found = exemplar(record) if process is not None else None
            if process is not None and found is not None:
                process.delays.exemplars.append(found)

    def collect(self) -> Collection:
        """The newest values of all processes. May run in another thread than the rest."""
        processes = list(self._processes.items())
        stats, now = self._stats(), time.time_ns()
        collected = [process.collect(stats, now) for _, process in processes]
        gone = frozenset(key for key, process in processes if process.gone_since is not None)
        return Collection(MetricsData(collected), gone)

    def forget(self, keys: frozenset[str]) -> None:
        """Drops processes that are gone, once their last values were delivered."""
        for key in keys:
            process = self._processes.get(key)
            if process is not None and process.gone_since is not None:
                del self._processes[key]


class Collection:
    """Values of one moment, and the keys of the processes that are gone and had their last say in them."""

    def __init__(self, data: MetricsData, gone: frozenset[str]) -> None:
        self.data = data
        self.gone = gone


class _Process:
    def __init__(self, resource: Resource, snapshot: Snapshot, preferences: tuple[Any, Any]) -> None:
        now = time.time_ns()
        self._resource = encode.resource(resource)
        self._series = Series(preferences[0], now - int(snapshot.uptime * 1e9), now)
        self.delays = DelayHistogram(preferences)
        self._places: set[str] = set()
        self._snapshot = snapshot
        self.gone_since: float | None = None  # monotonic seconds

    def show(self, snapshot: Snapshot) -> None:
        """Takes the newest snapshot."""
        self._snapshot = snapshot
        self.delays.add(snapshot.new_delays)

    def collect(self, stats: ExportStats, now: int) -> ResourceMetrics:
        metrics = self._series.metrics(ROWS, MetricSource(self._snapshot, stats, self._places), now)
        metrics += self.delays.metrics()
        scope = ScopeMetrics(encode.SCOPE, metrics, semconv.SCHEMA_URL)
        return ResourceMetrics(self._resource, [scope], semconv.SCHEMA_URL)
