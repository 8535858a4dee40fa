"""The metrics of what a process uses, by the semantic conventions. What is not known is not exported."""

from __future__ import annotations

from typing import Callable

from lifesign import semconv
from lifesign.export.points import COUNTER, PLAIN, UP_DOWN_COUNTER, MetricRow, Points, one
from lifesign.watch.telemetry import UsageReading


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
            yield used.container.limit if limit else used.container.used, PLAIN

    return points


_OF_GENERATION = {semconv.GC_GENERATION: ""}
ROWS: tuple[MetricRow[UsageReading], ...] = (
    MetricRow(
        semconv.PROCESS_CPU_TIME,
        COUNTER,
        "s",
        "Processor time",
        _cpu_time,
        of_process=True,
        attributes={semconv.CPU_MODE: "`user`, `system`"},
    ),
    MetricRow(
        semconv.PROCESS_MEMORY_USAGE, UP_DOWN_COUNTER, "By", "Physical memory in use", one(lambda used: used.memory)
    ),
    MetricRow(semconv.PROCESS_THREADS, UP_DOWN_COUNTER, "{thread}", "Threads", one(lambda used: used.threads)),
    MetricRow(
        semconv.PROCESS_DESCRIPTORS,
        UP_DOWN_COUNTER,
        "{file_descriptor}",
        "Open file descriptors",
        one(lambda used: used.descriptors),
        more="before Linux 6.2 at most 10,000",
    ),
    MetricRow(
        semconv.PROCESS_CONTEXT_SWITCHES,
        COUNTER,
        "{context_switch}",
        "Context switches",
        _context_switches,
        of_process=True,
        attributes={semconv.CONTEXT_SWITCH_TYPE: "`voluntary`, `involuntary`"},
    ),
    MetricRow(
        semconv.PROCESS_PAGE_FAULTS,
        COUNTER,
        "{fault}",
        "Page faults",
        _page_faults,
        of_process=True,
        attributes={semconv.PAGE_FAULT_TYPE: "`minor`, `major` (had to wait for a disk)"},
    ),
    MetricRow(
        semconv.GC_COLLECTIONS,
        COUNTER,
        "{collection}",
        "Collections of a generation",
        _garbage(0),
        of_process=True,
        attributes=_OF_GENERATION,
    ),
    MetricRow(
        semconv.GC_COLLECTED,
        COUNTER,
        "{object}",
        "Objects collected in a generation",
        _garbage(1),
        of_process=True,
        attributes=_OF_GENERATION,
    ),
    MetricRow(
        semconv.GC_UNCOLLECTABLE,
        COUNTER,
        "{object}",
        "Objects that could not be collected",
        _garbage(2),
        of_process=True,
        attributes=_OF_GENERATION,
    ),
    MetricRow(
        semconv.CONTAINER_MEMORY_USAGE,
        UP_DOWN_COUNTER,
        "By",
        "Memory of the container",
        _container(limit=False),
        more="of the control group that limits the process most; not exported where none does",
    ),
    MetricRow(
        semconv.CONTAINER_MEMORY_LIMIT,
        UP_DOWN_COUNTER,
        "By",
        "What its memory is limited to",
        _container(limit=True),
        more="of the same group",
    ),
)
