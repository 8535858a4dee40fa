"""The histogram of event loop delays of one process: an instrument of the SDK, collected on demand.

No reader thread, no exit hook.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from dataclasses import replace
from typing import Any, Iterable, Iterator

from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, Exemplar, MeterProvider
from opentelemetry.sdk.metrics.export import Metric, MetricReader, MetricsData

from lifesign import semconv
from lifesign.export.exemplars import AT_ONCE_MAX

INSTRUMENT = (semconv.EVENTLOOP_DELAY, "s", "How late the event loop ran a timer")
# Seconds, from a loop that is hardly late to one that a watcher calls blocked.
BOUNDARIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_NO_DEADLINE = 1e12  # milliseconds, some thirty years


class DelayHistogram:
    """Takes delays, and gives the metric.

    Args:
        preferences: temporality and aggregation by kind of instrument, as the exporter wants them.
    """

    def __init__(self, preferences: tuple[Any, Any]) -> None:
        temporality, aggregation = preferences
        self.exemplars: deque[Exemplar] = deque(maxlen=AT_ONCE_MAX)  # that were not collected yet
        self._reader = _Reader(preferred_temporality=temporality, preferred_aggregation=aggregation)
        with _no_hook_for_forks():
            self._provider = MeterProvider(  # the reader's hold on it is weak
                metric_readers=[self._reader],
                exemplar_filter=AlwaysOffExemplarFilter(),
                shutdown_on_exit=False,
            )
        self._histogram = self._provider.get_meter(semconv.SCOPE).create_histogram(
            *INSTRUMENT,
            explicit_bucket_boundaries_advisory=BOUNDARIES,
        )

    def add(self, delays: Iterable[float]) -> None:
        """Seconds, one a beat."""
        for delay in delays:
            self._histogram.record(delay)

    def metrics(self) -> list[Metric]:
        """None before there was a delay."""
        data = self._reader.take()
        found = data.resource_metrics if data is not None else ()
        return [self._completed(metric) for of in found for scope in of.scope_metrics for metric in scope.metrics]

    def _completed(self, metric: Metric) -> Metric:
        data: Any = metric.data
        exemplars = [self.exemplars.popleft() for _ in range(len(self.exemplars))]
        points = [
            # A wall clock that was set back must not put a point before its start.
            replace(
                point,
                start_time_unix_nano=min(point.start_time_unix_nano, point.time_unix_nano),
                exemplars=exemplars,
            )
            for point in data.data_points
        ]
        return replace(metric, data=replace(data, data_points=points))


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
