"""The instruments of what a process uses, by the semantic conventions. What is not known is not exported."""

from __future__ import annotations

from typing import Callable, Iterable, Iterator, Mapping, NamedTuple, Union

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from lifesign import semconv
from lifesign.watch.telemetry import UsageReading

Point = tuple[Union[int, float, None], Mapping[str, Union[str, int]]]
Points = Iterator[Point]

_PLAIN: Mapping[str, Union[str, int]] = {}


class _Row(NamedTuple):
    name: str
    counter: bool  # else an up-down counter
    unit: str
    description: str
    points: Callable[[UsageReading], Points]


def create(meter: Meter, usage: Callable[[], UsageReading | None]) -> None:
    """Makes them on `meter`; `usage` is asked at each collection."""
    for row in _ROWS:
        make = meter.create_observable_counter if row.counter else meter.create_observable_up_down_counter
        make(row.name, [_callback(row.points, usage)], row.unit, row.description)


def _callback(
    points: Callable[[UsageReading], Points], usage: Callable[[], UsageReading | None]
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        now = usage()
        found = () if now is None else points(now)
        return [Observation(value, attributes) for value, attributes in found if value is not None]

    return observe


def _one(attribute: str) -> Callable[[UsageReading], Points]:
    return lambda used: iter([(getattr(used, attribute), _PLAIN)])


def _cpu_time(used: UsageReading) -> Points:
    yield used.user, {semconv.CPU_MODE: "user"}
    yield used.system, {semconv.CPU_MODE: "system"}


def _context_switches(used: UsageReading) -> Points:
    yield used.voluntary, {semconv.CONTEXT_SWITCH_TYPE: "voluntary"}
    yield used.involuntary, {semconv.CONTEXT_SWITCH_TYPE: "involuntary"}


def _page_faults(used: UsageReading) -> Points:
    yield used.minor_faults, {semconv.PAGE_FAULT_TYPE: "minor"}
    yield used.major_faults, {semconv.PAGE_FAULT_TYPE: "major"}


def _garbage(which: int) -> Callable[[UsageReading], Points]:
    return lambda used: (
        (counts[which], {semconv.GC_GENERATION: generation}) for generation, counts in enumerate(used.garbage)
    )


def _container(limit: bool) -> Callable[[UsageReading], Points]:
    def points(used: UsageReading) -> Points:
        if used.container is not None:
            yield used.container.limit if limit else used.container.used, _PLAIN

    return points


_ROWS = (
    _Row(semconv.PROCESS_CPU_TIME, True, "s", "Processor time", _cpu_time),
    _Row(semconv.PROCESS_MEMORY_USAGE, False, "By", "Physical memory in use", _one("memory")),
    _Row(semconv.PROCESS_THREADS, False, "{thread}", "Threads", _one("threads")),
    _Row(
        semconv.PROCESS_DESCRIPTORS, False, "{file_descriptor}", "Open file descriptors",
        _one("descriptors"),
    ),
    _Row(semconv.PROCESS_CONTEXT_SWITCHES, True, "{context_switch}", "Context switches", _context_switches),
    _Row(semconv.PROCESS_PAGE_FAULTS, True, "{fault}", "Page faults", _page_faults),
    _Row(semconv.GC_COLLECTIONS, True, "{collection}", "Collections of a generation", _garbage(0)),
    _Row(semconv.GC_COLLECTED, True, "{object}", "Objects collected in a generation", _garbage(1)),
    _Row(semconv.GC_UNCOLLECTABLE, True, "{object}", "Objects that could not be collected", _garbage(2)),
    _Row(semconv.CONTAINER_MEMORY_USAGE, False, "By", "Memory of the container", _container(limit=False)),
    _Row(semconv.CONTAINER_MEMORY_LIMIT, False, "By", "What its memory is limited to", _container(limit=True)),
)  # fmt: skip

COUNTED = tuple(row.name for row in _ROWS if row.counter)  # by the process since it began
