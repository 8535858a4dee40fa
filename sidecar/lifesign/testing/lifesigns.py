"""What a test has made lifesign record, with assertions that say what came instead."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from lifesign.judge.causes.newest_dump import NewestDump
from lifesign.judge.causes.phrases import group_waits, place_text
from lifesign.judge.causes.stalls import stall_cause
from lifesign.testing.words import listed, times_text

if TYPE_CHECKING:
    from lifesign.agent.process import Agent
    from lifesign.judge.causes.findings import Dump
    from lifesign.testing.records import WrittenRecords
    from lifesign.wire.reader import Vitals

_PAUSE = 0.01
_DUMP_SECONDS = 5.0


class SeenCheckpoint(NamedTuple):
    """A checkpoint of the service: `seconds` since the one before, or that its block took; None while that goes on."""

    name: str
    seconds: float | None
    error: str


class SeenPostcondition(NamedTuple):
    """The outcome of a check when it ran last."""

    name: str
    passed: bool
    reason: str
    critical: bool


class SeenDump:
    """A task dump: all tasks, in groups that wait at the same lines."""

    def __init__(self, dump: Dump) -> None:
        self.tasks = dump.summary["tasks"]
        self.groups = dump.groups
        self.reason = dump.summary["reason"]

    def __str__(self) -> str:
        lines = [f"  {group_waits(group, group['count'])} for {group['waits_for'] or '?'}" for group in self.groups]
        return "\n".join([f"{self.tasks} task{'s' * (self.tasks != 1)}", *lines])

    def assert_task(self, function: str, *, waits_for: str | None = None, count: int | None = None) -> None:
        """Fails unless tasks are in this function.

        Args:
            function: the qualified name, or its end, of a function in their await stacks.
            waits_for: a part of what they wait for, as the dump says it.
            count: how many there are to be.
        """
        __tracebackhide__ = True
        inside = [one for one in self.groups if any(_is_named(frame["function"], function) for frame in one["stack"])]
        if waits_for is not None:
            inside = [one for one in inside if waits_for in one["waits_for"]]
        found = sum(one["count"] for one in inside)
        if not found or (count is not None and found != count):
            wanted = "a task" if count is None else "1 task" if count == 1 else f"{count} tasks"
            what = "" if waits_for is None else f" that {'waits' if count in (None, 1) else 'wait'} for {waits_for}"
            raise AssertionError(f"{wanted} in {function}{what} was expected, and {found} found\n{self}")


def _is_named(name: str, wanted: str) -> bool:
    return name == wanted or name.endswith(f".{wanted}")


class LifeSigns:
    """All that has been recorded since the test began. It is read anew each time.

    Args:
        agent: that of the test.
        records: what it has written.
    """

    def __init__(self, agent: Agent, records: WrittenRecords) -> None:
        self._agent = agent
        self._records = records
        self._vitals: Vitals | None = None
        self._boot: list[dict[str, Any]] | None = None

    @property
    def beats(self) -> int:
        """How often event loops have beaten; there are fifty beats a second."""
        return sum(loop.beats for loop in self._vital_signs().loops if loop is not None)

    @property
    def events(self) -> dict[str, int]:
        """How often each event was counted, by its name."""
        return {one.name: one.real for one in self._vital_signs().events if one.real}

    @property
    def synthetic_events(self) -> dict[str, int]:
        """The same of those that were counted inside of `lifesign.synthetic` or by a dry run."""
        return {one.name: one.synthetic for one in self._vital_signs().events if one.synthetic}

    @property
    def checkpoints(self) -> list[SeenCheckpoint]:
        """The service's own, without those that lifesign marks itself, in the order in which they began."""
        boot = self._records.boot() if self._boot is None else self._boot
        newest = {record["id"]: record for record in boot if record["kind"] == "checkpoint" and not record["number"]}
        return [_checkpoint(record) for record in newest.values()]

    @property
    def postconditions(self) -> dict[str, SeenPostcondition]:
        """The newest outcome of each, by its name."""
        reports = self._of_kind("postconditions")
        rows = [row for report in reports for row in report["results"]]
        return {
            row["name"]: SeenPostcondition(row["name"], row["passed"], row["reason"], row["critical"]) for row in rows
        }

    @property
    def stalls(self) -> list[str]:
        """What has blocked event loops, a sentence each, that with the most time first.

        While the test runs, a stall of the last moment may not be among them.
        """
        culprits = {one["id"]: one for one in self._of_kind("stall_culprit")}
        found = sorted(culprits.values(), key=lambda one: -one["total"])
        return [stall_cause(one, time.time_ns()).sentence for one in found]  # type: ignore[arg-type]

    @property
    def complaints(self) -> list[str]:
        """What asyncio has logged as wrong, and coroutines that were never awaited."""
        found = self._of_kind("asyncio_complaint")
        return [one["text"] + (f" ({place_text(one['place'])})" if one["place"] else "") for one in found]

    @property
    def dumps(self) -> list[SeenDump]:
        """The task dumps so far."""
        newest = NewestDump()
        found = []
        for record in self._of_kind("task_group", "task_primitive", "thread_group", "executor", "task_dump"):
            newest.add(record)
            if record["kind"] == "task_dump":
                found.append(SeenDump(newest.end(record)))  # type: ignore[arg-type]
        return found

    async def dump(self) -> SeenDump:
        """Takes a task dump.

        Raises:
            TimeoutError: none could be had.
        """
        before = len(self.dumps)
        self._agent.watchdog.dump("call")
        deadline = time.monotonic() + _DUMP_SECONDS
        while len(found := self.dumps) == before:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no task dump within {_DUMP_SECONDS:g} s")
            await asyncio.sleep(_PAUSE)
        return found[-1]

    async def event(self, name: str, *, timeout: float = 5.0) -> None:
        """Waits for the next event of this name.

        Raises:
            AssertionError: none came within `timeout` seconds.
        """
        before, deadline = self.events.get(name, 0), time.monotonic() + timeout
        while self.events.get(name, 0) == before:
            if time.monotonic() > deadline:
                raise AssertionError(f"no event {name!r} came within {timeout:g} s{self._events_text()}")
            await asyncio.sleep(_PAUSE)

    def assert_event(self, name: str, *, times: int | None = None) -> None:
        """Fails unless the event was counted, or counted so many times."""
        __tracebackhide__ = True
        found = self.events.get(name, 0)
        if times is None and not found:
            raise AssertionError(f"the event {name!r} was to come, and did not{self._events_text()}")
        if times is not None and found != times:
            came = "did not" if not found else f"came {times_text(found)}"
            raise AssertionError(f"the event {name!r} was to come {times_text(times)}, and {came}{self._events_text()}")

    def assert_no_event(self, name: str) -> None:
        """Fails if the event was counted."""
        __tracebackhide__ = True
        found = self.events.get(name, 0)
        if found:
            raise AssertionError(f"no event {name!r} was to come, and it came {times_text(found)}{self._events_text()}")

    def assert_checkpoints(self, *names: str) -> None:
        """Fails unless these checkpoints were reached, in this order, without an error; others may lie between them."""
        __tracebackhide__ = True
        seen = self.checkpoints
        came = f"\n  checkpoints: {listed([one.name + (f' ({one.error})' if one.error else '') for one in seen])}"
        left = iter(seen)
        for name in names:
            found = next((one for one in left if one.name == name), None)
            if found is None:
                order = ", at this place of the order" if any(one.name == name for one in seen) else ""
                raise AssertionError(f"the checkpoint {name!r} was to be reached{order}, and was not{came}")
            if found.error:
                raise AssertionError(f"the checkpoint {name!r} failed: {found.error}{came}")

    def assert_postcondition(self, name: str, *, holds: bool = True, because: str | None = None) -> None:
        """Fails unless a post-condition has run and holds.

        Args:
            holds: what is expected of it.
            because: a part of the reason why it does not.
        """
        __tracebackhide__ = True
        found = self.postconditions.get(name)
        seen = [f"{one.name} {_outcome(one)}" for one in self.postconditions.values()]
        came = f"\n  post-conditions: {listed(seen)}"
        if found is None:
            raise AssertionError(f"the post-condition {name!r} has not run{came}")
        if found.passed != holds:
            raise AssertionError(f"the post-condition {name!r} {_outcome(found)}{came}")
        if because is not None and because not in found.reason:
            raise AssertionError(f"the post-condition {name!r} {_outcome(found)}, and not because of {because!r}{came}")

    def assert_no_stall(self) -> None:
        """Fails if something has blocked an event loop so far."""
        __tracebackhide__ = True
        self._agent.watchdog.sampler.flush()
        found = self.stalls
        if found:
            raise AssertionError("\n  ".join(["event loops were blocked", *found]))

    def keep_what_was_read(self) -> None:
        """The files go; what they said stays."""
        self._records.new()
        self._vitals, self._boot = self._records.vitals(), self._records.boot()

    def _of_kind(self, *kinds: str) -> list[dict[str, Any]]:
        if self._vitals is not None:
            return [record for record in self._records.seen if record["kind"] in kinds]
        return self._records.of_kind(*kinds)

    def _vital_signs(self) -> Vitals:
        return self._records.vitals() if self._vitals is None else self._vitals

    def _events_text(self) -> str:
        real, synthetic = self.events, self.synthetic_events
        seen = [
            f"{name} {real.get(name, 0)}{f' (and {synthetic[name]} synthetic)' if name in synthetic else ''}"
            for name in {**real, **synthetic}
        ]
        return f"\n  events: {listed(seen)}"


def _checkpoint(record: dict[str, Any]) -> SeenCheckpoint:
    end, error = record["end"], record["error"]
    seconds = None if end is None else (end - record["start"]) / 1e9
    return SeenCheckpoint(record["name"], seconds, f"{error['type']}: {error['message']}" if error else "")


def _outcome(one: SeenPostcondition) -> str:
    return "holds" if one.passed else f"does not hold: {one.reason}"
