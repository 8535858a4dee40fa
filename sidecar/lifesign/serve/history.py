"""The timeline and the newest task dump of one process, encoded once and bounded in number and bytes."""

from __future__ import annotations

import os
from collections import deque

import msgspec

from lifesign import semconv
from lifesign.watch.telemetry import SEVERITY_ERROR, Attributes, Log, Span, Telemetry

TIMELINE = 60  # of one process
GROUPS = 100  # of one task dump
THREADS = 20  # groups of them in one
TIMELINE_BYTES = 128 << 10
DUMP_BYTES = 128 << 10
TEXT_CHARACTERS = 2_000
STACK_CHARACTERS = 8_000
NAMES = 10

_GROUPS = (semconv.LOG_TASK_GROUP, semconv.LOG_THREAD_GROUP)
_THREADS_FROM = 1_000  # groups of threads come behind those of tasks
_encoder = msgspec.json.Encoder()
# A failed span has a log record that says the same, and boots and checks are in the snapshot.
_SHOWN_SPANS = (semconv.SPAN_BLOCKED, semconv.SPAN_FROZEN)


class TimelineEntry(msgspec.Struct, frozen=True):
    """A log record, or a period in which the event loop stood still.

    `at` is wall clock nanoseconds, `seconds` the length of such a period, `times` how often the entry was repeated.
    """

    at: int
    severity: int
    name: str
    text: str
    stack: str
    seconds: float | None
    times: int = 1


class Group(msgspec.Struct, frozen=True, omit_defaults=True):
    """One group of a task dump; the stack has the outermost frame first.

    `function` and `place` are of the user's own code, such as ``OrderDesk._settle`` and ``service.py:160``.
    """

    index: int
    count: int
    function: str
    place: str
    names: tuple[str, ...]
    waits_for: str
    stack: str
    threads: bool = False  # of threads, not of tasks
    waited: float = 0.0  # seconds that the longest wait has taken
    looked: int = 0  # of how many the lines were read; 0 for all


class DumpView(msgspec.Struct, frozen=True):
    """A task dump; `tasks` and `groups_total` are None until its summary has arrived. `groups`: biggest first."""

    id: str
    at: int
    reason: str
    tasks: int | None
    groups_total: int | None
    groups: list[msgspec.Raw]


_group_decoder = msgspec.json.Decoder(Group)


class History:
    """Evicts the oldest entries of the timeline, and the smallest groups of the dump."""

    def __init__(self) -> None:
        self._timeline: deque[bytes] = deque()
        self._newest: TimelineEntry | None = None
        self._groups: dict[int, bytes] = {}
        self._dump: DumpView | None = None
        self._threads: list[Group] = []  # of a dump whose summary has not come
        self._threads_of = ""
        self._timeline_bytes = 0
        self._dump_bytes = 0

    @property
    def size(self) -> int:
        """Bytes kept."""
        return self._timeline_bytes + self._dump_bytes

    def add(self, record: Telemetry) -> None:
        """Add one log record or span; those that the page does not show are dropped."""
        if isinstance(record, Span) and record.name in _SHOWN_SPANS:
            self._append(_from_span(record))
        if not isinstance(record, Log):
            return
        if record.event == semconv.LOG_THREAD_GROUP:
            self._keep_threads(record)
        elif record.event in (semconv.LOG_TASK_DUMP, semconv.LOG_TASK_GROUP):
            self._add_to_dump(record)
        if record.event not in _GROUPS:
            self._append(_from_log(record))

    def shrink(self) -> None:
        """Free about half of the memory: entries of the timeline first, then the dump."""
        if self._timeline:
            for _ in range((len(self._timeline) + 1) // 2):
                self._evict_oldest()
        else:
            self._drop_dump()

    def timeline(self) -> list[msgspec.Raw]:
        """`TimelineEntry`s as JSON, newest first."""
        return [msgspec.Raw(encoded) for encoded in reversed(self._timeline)]

    def dump(self) -> DumpView | None:
        """The newest task dump."""
        if self._dump is None:
            return None
        groups = [msgspec.Raw(self._groups[index]) for index in sorted(self._groups)]
        return msgspec.structs.replace(self._dump, groups=groups)

    def _append(self, entry: TimelineEntry) -> None:
        if self._timeline and self._newest is not None and _is_same(entry, self._newest):
            # A check that fails every few seconds takes one line, not the whole list.
            entry = msgspec.structs.replace(entry, times=self._newest.times + 1)
            self._timeline_bytes -= len(self._timeline.pop())
        self._newest = entry
        encoded = _encoder.encode(entry)
        self._timeline.append(encoded)
        self._timeline_bytes += len(encoded)
        while len(self._timeline) > TIMELINE or self._timeline_bytes > TIMELINE_BYTES:
            self._evict_oldest()

    def _evict_oldest(self) -> None:
        self._timeline_bytes -= len(self._timeline.popleft())

    def _add_to_dump(self, log: Log) -> None:
        attributes = log.attributes
        id_ = _text(attributes, semconv.DUMP_ID)
        if self._dump is not None and _text(attributes, semconv.DUMP_SAME_AS) == self._dump.id:
            id_ = self._dump.id  # its groups are those that are there, with other counts
            self._count_again(attributes.get(semconv.DUMP_COUNTS))
        if self._dump is None or self._dump.id != id_:
            if self._dump is not None and log.time < self._dump.at:
                return  # a late part of an older dump
            self._drop_dump()
            self._dump = DumpView(id=id_, at=log.time, reason="", tasks=None, groups_total=None, groups=[])
        if log.event == semconv.LOG_TASK_DUMP:
            self._dump = msgspec.structs.replace(
                self._dump,
                at=log.time,
                reason=_text(attributes, semconv.DUMP_REASON),
                tasks=_number(attributes, semconv.DUMP_TASKS),
                groups_total=_number(attributes, semconv.DUMP_GROUPS),
            )
            self._show_threads(_text(attributes, semconv.DUMP_ID))
        else:
            self._add_group(_from_group_log(log))

    def _keep_threads(self, log: Log) -> None:
        """Threads are shown with the summary that follows: only that says whether the tasks are the same as before."""
        of = _text(log.attributes, semconv.DUMP_ID)
        if of != self._threads_of:
            self._threads_of, self._threads = of, []
        if len(self._threads) < THREADS:
            self._threads.append(_from_thread_log(log))

    def _show_threads(self, dump: str) -> None:
        for index in [index for index in self._groups if index >= _THREADS_FROM]:
            self._dump_bytes -= len(self._groups.pop(index))
        if dump == self._threads_of:
            for group in self._threads:
                self._add_group(group)
        self._threads = []

    def _add_group(self, group: Group) -> None:
        encoded = _encoder.encode(group)
        self._dump_bytes += len(encoded) - len(self._groups.get(group.index, b""))
        self._groups[group.index] = encoded
        while len(self._groups) > GROUPS or self._dump_bytes > DUMP_BYTES:
            self._dump_bytes -= len(self._groups.pop(max(self._groups)))

    def _count_again(self, counts: object) -> None:
        for index, count in enumerate(counts if isinstance(counts, list) else []):
            if index in self._groups and str(count).isdecimal():
                group = _group_decoder.decode(self._groups[index])
                self._add_group(msgspec.structs.replace(group, count=int(count)))

    def _drop_dump(self) -> None:
        self._dump_bytes = 0
        self._groups.clear()
        self._dump = None


def _is_same(one: TimelineEntry, other: TimelineEntry) -> bool:
    return one.seconds is None and (one.name, one.text, one.stack) == (other.name, other.text, other.stack)


def _from_span(span: Span) -> TimelineEntry:
    return TimelineEntry(
        at=span.start,
        severity=SEVERITY_ERROR,
        name=span.name,
        text=_cut(span.error or "", TEXT_CHARACTERS),
        stack="",
        seconds=max(0.0, (span.end - span.start) / 1e9),
    )


def _from_log(log: Log) -> TimelineEntry:
    stack = _text(log.attributes, semconv.CODE_STACKTRACE) or _text(log.attributes, semconv.EXCEPTION_STACKTRACE)
    return TimelineEntry(
        at=log.time,
        severity=log.severity,
        name=_cut(log.event, TEXT_CHARACTERS),
        text=_cut(log.body, TEXT_CHARACTERS),
        stack=_cut(stack, STACK_CHARACTERS),
        seconds=None,
    )


def _from_group_log(log: Log) -> Group:
    names = log.attributes.get(semconv.GROUP_NAMES, [])
    waited = log.attributes.get(semconv.GROUP_WAITED)
    return Group(
        index=_number(log.attributes, semconv.GROUP_INDEX) or 0,
        count=_number(log.attributes, semconv.GROUP_COUNT) or 0,
        function=_cut(_text(log.attributes, semconv.CODE_FUNCTION), 200),
        place=_place(log.attributes),
        names=tuple(_cut(name, 200) for name in names[:NAMES]) if isinstance(names, list) else (),
        waits_for=_cut(_text(log.attributes, semconv.GROUP_WAITS_FOR), TEXT_CHARACTERS),
        stack=_cut(_text(log.attributes, semconv.CODE_STACKTRACE), STACK_CHARACTERS),
        waited=waited if type(waited) is float else 0.0,
        looked=_number(log.attributes, semconv.GROUP_LOOKED) or 0,
    )


def _from_thread_log(log: Log) -> Group:
    names = log.attributes.get(semconv.THREADS_NAMES, [])
    return Group(
        index=_THREADS_FROM + (_number(log.attributes, semconv.THREADS_INDEX) or 0),
        count=_number(log.attributes, semconv.THREADS_COUNT) or 0,
        function=_cut(_text(log.attributes, semconv.CODE_FUNCTION), 200),
        place=_place(log.attributes),
        names=tuple(_cut(name, 200) for name in names[:NAMES]) if isinstance(names, list) else (),
        waits_for=_cut(_text(log.attributes, semconv.THREADS_WAIT_FOR), TEXT_CHARACTERS),
        stack=_cut(_text(log.attributes, semconv.CODE_STACKTRACE), STACK_CHARACTERS),
        threads=True,
    )


def _place(attributes: Attributes) -> str:
    file, line = _text(attributes, semconv.CODE_FILE), _number(attributes, semconv.CODE_LINE)
    return "" if not file or line is None else f"{_cut(os.path.basename(file), 200)}:{line}"


def _text(attributes: Attributes, name: str) -> str:
    value = attributes.get(name)
    return value if isinstance(value, str) else ""


def _number(attributes: Attributes, name: str) -> int | None:
    value = attributes.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"
