"""What happened to one process, one entry for each happening, in plain words: bounded in number and bytes."""

from __future__ import annotations

import os
from collections import deque

import msgspec

from lifesign import semconv
from lifesign.serve.shown.words import duration
from lifesign.watch.telemetry import SEVERITY_ERROR, Attributes, Log, Span, Telemetry

ENTRIES = 200  # of one process
ENTRIES_BYTES = 192 << 10
TEXT_CHARACTERS = 2_000
STACK_CHARACTERS = 8_000
_ENTRY_BYTES = 200  # what an entry takes beside its texts

# Groups are shown with their dump.
_UNSHOWN = (semconv.LOG_TASK_GROUP, semconv.LOG_THREAD_GROUP)
# A failed span has a log record that says the same, and boots and checks are in the snapshot.
_ENDS = {semconv.SPAN_BLOCKED: semconv.LOG_BLOCKED, semconv.SPAN_FROZEN: semconv.LOG_FROZEN}
_TITLES = {
    semconv.LOG_BLOCKED: "Loop blocked",
    semconv.LOG_FROZEN: "Process frozen",
    semconv.LOG_STALL: "Loop stalled",
    semconv.LOG_BUSY: "Loop never pauses",
    semconv.LOG_LAST_WORDS: "Last words",
    semconv.LOG_DIED: "Process died",
    semconv.LOG_STOPPED: "Process stopped",
    semconv.LOG_SILENCE: "Silent",
    semconv.LOG_DEGRADED: "Degraded",
    semconv.LOG_POSTCONDITION_FAILED: "Check failed",
    semconv.LOG_POSTCONDITION_RECOVERED: "Check holds again",
    semconv.LOG_CHECKPOINT_FAILED: "Checkpoint failed",
    semconv.LOG_BOOT_FAILED: "Boot failed",
    semconv.LOG_DRY_RUN_FAILED: "Dry run failed",
    semconv.LOG_RECORDS_DROPPED: "Records dropped",
    semconv.LOG_ASYNCIO_COMPLAINT: "asyncio complains",
    semconv.LOG_TASK_DIED: "Task died",
    semconv.LOG_AGENT_WARNING: "Agent warns",
    semconv.LOG_TASK_DUMP: "Task dump",
}


class HistoryEntry(msgspec.Struct, frozen=True):
    """One happening. `at` is wall clock milliseconds, `seconds` how long it lasted, None where it has no length or
    still lasts; `times` is how often it was repeated in a row."""

    id: int
    at: int
    severity: int
    event: str
    title: str
    text: str
    stack: str
    seconds: float | None = None
    times: int = 1


class History:
    """The newest entries of one process; the oldest are evicted."""

    def __init__(self) -> None:
        self._entries: deque[HistoryEntry] = deque()
        self._places: dict[int, str] = {}  # in the user's code, by the id of an entry that is to get a length
        self._number = 0
        self._said: tuple[object, ...] = ()  # what makes the next record the same happening as the newest entry
        self.size = 0  # bytes, about
        self.version = 0

    def add(self, record: Telemetry) -> None:
        """Add one log record, or the length of what a record has reported; what is shown elsewhere is left out."""
        if isinstance(record, Span):
            if record.name in _ENDS:
                self._end(record)
        elif isinstance(record, Log) and record.event not in _UNSHOWN:
            self._append(record)

    def shrink(self) -> None:
        """Free about half of the memory: the oldest entries."""
        for _ in range((len(self._entries) + 1) // 2):
            self._evict_oldest()

    def entries(self) -> list[HistoryEntry]:
        """Newest first."""
        return list(reversed(self._entries))

    def newest_stack(self, *, over: bool = True) -> str:
        """That of the newest error; empty where none has one.

        Args:
            over: of what has passed, too, such as a loop that was blocked and turns again.
        """
        errors = (one for one in reversed(self._entries) if one.severity >= SEVERITY_ERROR and one.stack)
        return next((one.stack for one in errors if over or one.seconds is None), "")

    def _append(self, log: Log) -> None:
        stack = _text(log.attributes, semconv.CODE_STACKTRACE) or _text(log.attributes, semconv.EXCEPTION_STACKTRACE)
        place = _place(log.attributes)
        entry = HistoryEntry(
            id=self._next(),
            at=log.time // 1_000_000,
            severity=log.severity,
            event=log.event,
            title=_title(log.event, place),
            text=_cut(log.body, TEXT_CHARACTERS),
            stack=_cut(stack, STACK_CHARACTERS),
        )
        before = self._entries[-1] if self._entries else None
        said_before, self._said = self._said, _said(log, entry)
        if before is not None and before.seconds is None and self._said == said_before:
            # A check that fails every few seconds takes one line, not the whole list; and so do dumps.
            again = msgspec.structs.replace(before, at=entry.at, text=entry.text, times=before.times + 1)
            self._replace(len(self._entries) - 1, again)
            return
        self._places[entry.id] = place
        self._keep(entry)

    def _end(self, span: Span) -> None:
        """What was reported when it began has a length now; without that report it is an entry of its own."""
        event, at = _ENDS[span.name], span.start // 1_000_000
        seconds = max(0.0, (span.end - span.start) / 1e9)
        for index in reversed(range(len(self._entries))):
            entry = self._entries[index]
            if entry.event == event and entry.at == at and entry.seconds is None:
                title = _title(event, self._places.get(entry.id, ""), seconds)
                self._replace(index, msgspec.structs.replace(entry, seconds=seconds, title=title))
                return
        text = _cut(span.error or "", TEXT_CHARACTERS)
        title = _title(event, "", seconds)
        self._said = ()
        self._keep(HistoryEntry(self._next(), at, SEVERITY_ERROR, event, title, text, "", seconds))

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _keep(self, entry: HistoryEntry) -> None:
        self._entries.append(entry)
        self.size += _size(entry)
        self.version += 1
        while len(self._entries) > ENTRIES or self.size > ENTRIES_BYTES:
            self._evict_oldest()

    def _replace(self, index: int, entry: HistoryEntry) -> None:
        self.size += _size(entry) - _size(self._entries[index])
        self._entries[index] = entry
        self.version += 1

    def _evict_oldest(self) -> None:
        oldest = self._entries.popleft()
        self._places.pop(oldest.id, None)
        self.size -= _size(oldest)


def _title(event: str, place: str, seconds: float | None = None) -> str:
    """``Loop blocked 5.1 s in _write_report (service.py:148)``."""
    title = _TITLES.get(event, event.removeprefix("lifesign.").replace(".", " ").replace("_", " "))
    length = "" if seconds is None else f" {duration(seconds)}"
    return _cut(f"{title}{length}{' in ' + place if place else ''}", TEXT_CHARACTERS)


def _said(log: Log, entry: HistoryEntry) -> tuple[object, ...]:
    """The same for two records that say the same. Dumps do, however many tasks there are, unless a cause shows."""
    if log.event == semconv.LOG_TASK_DUMP:
        return log.event, log.severity, _text(log.attributes, semconv.CAUSE)
    return entry.event, entry.text, entry.stack


def _size(entry: HistoryEntry) -> int:
    return _ENTRY_BYTES + len(entry.text) + len(entry.stack) + len(entry.title)


def _place(attributes: Attributes) -> str:
    file, line = _text(attributes, semconv.CODE_FILE), attributes.get(semconv.CODE_LINE)
    function = _text(attributes, semconv.CODE_FUNCTION)
    if not function:
        return ""
    return f"{_cut(function, 200)} ({_cut(os.path.basename(file), 200)}:{line})" if file else _cut(function, 200)


def _text(attributes: Attributes, name: str) -> str:
    value = attributes.get(name)
    return value if isinstance(value, str) else ""


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"
