"""Data points out of the newest readings. No instrument of the SDK is kept for what is only read when it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Generic, Iterable, Iterator, Mapping, Sequence, TypeVar, Union

from opentelemetry.sdk.metrics import ObservableCounter, ObservableGauge, ObservableUpDownCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, Gauge, Metric, NumberDataPoint, Sum

Attributes = Mapping[str, Union[str, int]]
Point = tuple[Union[int, float, None], Attributes]
Points = Iterable[Point]
T = TypeVar("T")

# As the exporters' preferences name them.
COUNTER, GAUGE, UP_DOWN_COUNTER = ObservableCounter, ObservableGauge, ObservableUpDownCounter
PLAIN: Attributes = {}


@dataclass(frozen=True)
class MetricRow(Generic[T]):
    """One metric. `of_process`: what it counts it has counted since the process began, not since we watch.

    `attributes` (with what they may be) and `more` are not sent: the reference is made of them.
    """

    name: str
    kind: type
    unit: str
    description: str
    points: Callable[[T], Points]  # without those that are None: they are not known
    of_process: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    more: str = ""


def one(read: Callable[[T], int | float | None]) -> Callable[[T], Points]:
    """A metric of a single point."""
    return lambda of: ((read(of), PLAIN),)


class Series:
    """The metrics of one process.

    Args:
        temporality: by kind of instrument, as the exporter wants it; cumulative where it says nothing.
        began: when the process began, and `watched` since when it is watched, both in wall clock nanoseconds.
    """

    def __init__(self, temporality: Mapping[type, AggregationTemporality] | None, began: int, watched: int) -> None:
        wanted = temporality or {}
        self._delta = {kind for kind in (COUNTER, UP_DOWN_COUNTER) if wanted.get(kind) is AggregationTemporality.DELTA}
        self._began = began
        self._watched = watched
        self._sent_at = watched
        self._sent: dict[tuple[str, frozenset[tuple[str, Any]]], int | float] = {}  # of what is sent as differences

    def metrics(self, rows: Sequence[MetricRow[T]], of: T, now: int) -> list[Metric]:
        """All rows that have points; `now` in wall clock nanoseconds."""
        made = []
        for row in rows:
            points = list(self._points(row, row.points(of), now))
            if points:
                made.append(Metric(row.name, row.description, row.unit, self._data(row.kind, points)))
        self._sent_at = now
        return made

    def _points(self, row: MetricRow[T], points: Points, now: int) -> Iterator[NumberDataPoint]:
        delta = row.kind in self._delta
        start = self._sent_at if delta else self._began if row.of_process else self._watched
        start = min(start, now)  # a wall clock that was set back must not put a point before its start
        for value, attributes in points:
            if value is None:
                continue
            if delta:
                series = row.name, frozenset(attributes.items())
                value, self._sent[series] = value - self._sent.get(series, 0), value
            yield NumberDataPoint(attributes, start, now, value)

    def _data(self, kind: type, points: list[NumberDataPoint]) -> Sum | Gauge:
        if kind is GAUGE:
            return Gauge(points)
        temporality = AggregationTemporality.DELTA if kind in self._delta else AggregationTemporality.CUMULATIVE
        return Sum(points, temporality, is_monotonic=kind is COUNTER)
