"""All that is known of one process: below its row, for a person, and for a program."""

from __future__ import annotations

import time
from typing import Any, Iterator

import msgspec

from lifesign.cli.output.terminal import bytes_long, duration
from lifesign.cli.processes.table import STYLES, processor_time
from lifesign.judge.causes.stalls import conditions
from lifesign.judge.states import HEALTHY
from lifesign.watch.telemetry import CauseReading, CheckpointReading, EventReading, Snapshot, UsageReading
from lifesign.wire import layout

_WARNING = "yellow"
_NEWS_S = 3600.0  # how long a slow boot is worth a line
_CURRENT_S = 5.0  # how long what was seen of tasks may be said as if it were seen now
_LATE_MAX = 5
_ELSEWHERE = ("new_delays", "dump")  # between two polls of somebody else's; what `lifesign dump` prints


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as plain lists and dicts; docs/json.md has its fields."""
    without = msgspec.structs.replace(snapshot, dump=None, new_delays=())
    plain: dict[str, Any] = msgspec.to_builtins(without)
    return {name: value for name, value in plain.items() if name not in _ELSEWHERE}


def details(snapshot: Snapshot, *, uses: bool = True) -> Iterator[tuple[str, str]]:
    """Lines of text with their styles.

    Args:
        uses: whether to say what the process uses.
    """
    for cause in snapshot.causes:
        yield f"cause: {cause.sentence}", _style(cause, snapshot.state)
    yield from ((line, "dim") for line in looked(snapshot))
    if snapshot.boot != "complete":
        yield f"boot {snapshot.boot.replace('_', ' ')}{_reached(snapshot)}", _WARNING
    for line in late_checkpoints(snapshot):
        yield line, _WARNING
    if snapshot.unwatched_loops:
        yield f"{snapshot.unwatched_loops} event loops are not watched: more run than {layout.LOOPS_MAX}", _WARNING
    for event in snapshot.events:
        late = event.deadline is not None and event.age > event.deadline
        yield _event(event), _WARNING if late else ""
    for check in snapshot.postconditions:
        if not check.passed:
            yield f"post-condition {check.name} failed: {check.reason}", "red" if check.critical else _WARNING
    for reason, count in snapshot.dropped.items():
        if count:
            yield f"{count} records dropped ({reason})", _WARNING
    if uses and snapshot.usage is not None:
        yield f"uses {_used(snapshot.usage)}", "dim"


def looked(snapshot: Snapshot) -> list[str]:
    """Where causes may be those of a while ago, when that was."""
    age = (time.time_ns() - snapshot.looked_at()) / 1e9
    current = not snapshot.causes or not snapshot.alive or not snapshot.looked_at() or age < _CURRENT_S
    return [] if current else [f"its tasks were looked at {duration(age)} ago"]


def late_checkpoints(snapshot: Snapshot) -> list[str]:
    """What took far longer in a boot of late than in those before."""
    late = [one for one in snapshot.checkpoints if one.late and snapshot.uptime < _NEWS_S]
    return [f"checkpoint {one.name} {_length(one)}, usually {duration(one.usual or 0.0)}" for one in late[:_LATE_MAX]]


def _length(one: CheckpointReading) -> str:
    if one.took is None or one.end is None:
        return f"is open for {duration((time.time_ns() - one.start) / 1e9)}"
    return f"took {duration(one.took)}" if one.end > one.start else f"came {duration(one.took)} after the one before"


def _event(event: EventReading) -> str:
    due = f", due every {duration(event.deadline)}" if event.deadline else ""
    newest = f"last {duration(event.age)} ago" if event.count or event.stand_in else f"none in {duration(event.age)}"
    synthetic = f" and {event.synthetic} synthetic" if event.synthetic else ""
    return f"event {event.name}: {event.count}{synthetic}, {newest}{due}"


def _used(usage: UsageReading) -> str:
    said = [f"{duration(processor_time(usage))} of CPU time"]
    if usage.memory is not None:
        said.append(f"{bytes_long(usage.memory)} of memory")
    if usage.container is not None:
        said.append(f"its container {bytes_long(usage.container.used)} of {bytes_long(usage.container.limit)}")
    if usage.threads is not None:
        said.append(f"{usage.threads} thread{'s' * (usage.threads != 1)}")
    if usage.descriptors is not None:
        said.append(f"{usage.descriptors} file descriptors")
    if usage.garbage:
        collections = "/".join(str(generation[0]) for generation in usage.garbage if generation)
        said.append(f"{collections} garbage collections (by generation)")
    return ", ".join(said)


def _style(cause: CauseReading, state: str) -> str:
    """What makes nobody ill, and fails no probe, is no alarm."""
    return _WARNING if state == HEALTHY or conditions((cause.word,)) else STYLES["blocked"]


def _reached(snapshot: Snapshot) -> str:
    at = snapshot.stopped_at()
    return f", at checkpoint {at.name}" if at is not None else ""
