"""Metrics of all watched processes, collected on demand: no reader thread, no exit hook."""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from dataclasses import replace
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, Exemplar, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Metric,
    MetricReader,
    MetricsData,
    ResourceMetrics,
)

from lifesign import semconv
from lifesign.export import process_instruments
from lifesign.export.exemplars import AT_ONCE_MAX, exemplar
from lifesign.export.instruments import ExportStats, Instruments
from lifesign.export.otlp import encode
from lifesign.watch.telemetry import Resource, Snapshot, Telemetry

GONE_AGE_MAX = 300.0  # seconds for which the last values of a process that is gone are still offered

_NO_DEADLINE = 1e12  # milliseconds, some thirty years

# Counted by the main process since it began; the others since this sidecar did.
_OF_PROCESS = (
    semconv.HEARTBEATS,
    semconv.EVENTS,
    semconv.DRY_RUN_EVENTS,
    semconv.DRY_RUN_SKIPPED,
    semconv.EVENTLOOP_STALL_TIME,
    *process_instruments.COUNTED,
)


class Metrics:
    """Keeps the instruments of each process that was observed.

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
                process = _Process(resource, snapshot, self._preferences, self._stats)
                self._processes[snapshot.key] = process
            process.gone_since = None
            process.instruments.show(snapshot)
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
                process.exemplars.append(found)

    def collect(self) -> Collection:
        """The newest values of all processes. May run in another thread than the rest."""
        processes = list(self._processes.items())
        collected = [data for _, process in processes for data in process.collect()]
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


class _Reader(MetricReader):
    """Hands out what is collected, as often as it is asked."""

    _data: MetricsData | None = None

    def take(self) -> MetricsData | None:
        # The SDK sets a deadline by the wall clock, which may jump. A collection that was broken off must not be
        # repeated either: what it took of the counters would count twice.
        self.collect(timeout_millis=_NO_DEADLINE)
        data, self._data = self._data, None
        return data

    def _receive_metrics(self, metrics_data: MetricsData, timeout_millis: float = 0, **kwargs: Any) -> None:
        self._data = metrics_data

    def shutdown(self, timeout_millis: float = 0, **kwargs: Any) -> None:
        """Nothing to end."""


class _Process:
    def __init__(
        self, resource: Resource, snapshot: Snapshot, preferences: tuple[Any, Any], stats: Callable[[], ExportStats]
    ) -> None:
        temporality, aggregation = preferences
        self._reader = _Reader(preferred_temporality=temporality, preferred_aggregation=aggregation)
        with _no_hook_for_forks():
            provider = MeterProvider(
                metric_readers=[self._reader],
                resource=encode.resource(resource),
                exemplar_filter=AlwaysOffExemplarFilter(),
                shutdown_on_exit=False,
            )
        meter = provider.get_meter(semconv.SCOPE, semconv.VERSION, semconv.SCHEMA_URL)
        self._provider = provider  # the reader's hold on it is weak
        self._started = time.time_ns() - int(snapshot.uptime * 1e9)
        self.instruments = Instruments(meter, snapshot, stats)
        self.gone_since: float | None = None  # monotonic seconds
        self.exemplars: deque[Exemplar] = deque(maxlen=AT_ONCE_MAX)  # that were not collected yet

    def collect(self) -> Sequence[ResourceMetrics]:
        data = self._reader.take()
        if data is None:
            return ()
        return [
            replace(
                of_resource,
                scope_metrics=[
                    replace(of_scope, metrics=[self._completed(metric) for metric in of_scope.metrics])
                    for of_scope in of_resource.scope_metrics
                ],
            )
            for of_resource in data.resource_metrics
        ]

    def _completed(self, metric: Metric) -> Metric:
        metric = self._since_start(metric)
        if metric.name != semconv.EVENTLOOP_DELAY or not self.exemplars:
            return metric
        data: Any = metric.data
        taken = [self.exemplars.popleft() for _ in range(len(self.exemplars))]
        points = [replace(point, exemplars=taken) for point in data.data_points]
        return replace(metric, data=replace(data, data_points=points))

    def _since_start(self, metric: Metric) -> Metric:
        """The SDK counts from its first collection; the main process counted from its own start."""
        data: Any = metric.data
        if isinstance(data, Gauge):
            return metric
        cumulative = data.aggregation_temporality is AggregationTemporality.CUMULATIVE
        ours = metric.name in _OF_PROCESS and cumulative
        points = [
            # A wall clock that was set back must not put a point before its start.
            replace(
                point,
                start_time_unix_nano=min(self._started if ours else point.start_time_unix_nano, point.time_unix_nano),
            )
            for point in data.data_points
        ]
        return replace(metric, data=replace(data, data_points=points))


def _no_hook(**hooks: Any) -> None:
    """Registers nothing."""


@contextlib.contextmanager
def _no_hook_for_forks() -> Iterator[None]:
    """Keeps the SDK from registering one: the interpreter holds it for good, a kilobyte for each process ever watched.

    The hook would make a provider fit for use in a forked child. The sidecar does not fork.
    """
    register = os.register_at_fork
    os.register_at_fork = _no_hook
    try:
        yield
    finally:
        os.register_at_fork = register
