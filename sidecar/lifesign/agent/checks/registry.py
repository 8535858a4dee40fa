"""Post-conditions: named checks that must hold once the service has booted, and when each of them runs.

All of them run concurrently, whatever the result of the others; `agent.checks.runner` runs one of them.
A cancellation is no failure: a run that is cancelled, as at the end of the service, reports nothing, and a
check that was cancelled in the middle does not count.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Callable, Iterable, TypeVar

from lifesign.agent.harmless import harmless
from lifesign.agent.identity import new_span_id
from lifesign.agent.tasks import own as own_tasks
from lifesign.wire import layout
from lifesign.wire.lane import LaneWriter
from lifesign.wire.writer import PulseWriter

if TYPE_CHECKING:
    from lifesign.agent.checks.results import Report
    from lifesign.agent.checks.runner import Check, Postcondition
    from lifesign.wire.records import PostconditionResult

CheckT = TypeVar("CheckT", bound="Check")

PAUSE_SECONDS = 1.0  # between two runs of a check, unless the service's own code asks for it


class _Run:
    """One run of a check, and when it ended, in monotonic seconds."""

    def __init__(self, check: Postcondition, row: PostconditionResult, at: float) -> None:
        self.check = check
        self.row = row
        self.at = at


class Registry:
    """The post-conditions of a process, when each is due, and its last result."""

    def __init__(self) -> None:
        self._checks: dict[str, Postcondition] = {}
        self._due: dict[str, float] = {}  # monotonic time of the next run of those with `every`
        self._under_way: set[str] = set()
        self._last: dict[str, _Run] = {}  # the newest run of each
        self.pause = PAUSE_SECONDS

    def register(self, check: Postcondition) -> None:
        """Registers a check; it replaces an earlier one of the same name."""
        self._checks[check.name] = check
        if check.every is not None:
            self._due[check.name] = time.monotonic() + max(self.pause, check.every)

    def registered(self) -> tuple[Postcondition, ...]:
        """All registered checks, in the order of their registration."""
        return tuple(self._checks.values())

    def saved(self) -> Callable[[], None]:
        """Remembers what is registered; what is returned brings just that back, without results."""
        checks, due = dict(self._checks), dict(self._due)

        def put_back() -> None:
            self._checks, self._due, self._last = checks, due, {}

        return put_back

    def is_due(self) -> bool:
        """Whether the period of a check is over."""
        now = time.monotonic()
        return any(due <= now for due in list(self._due.values()))

    def due(self) -> tuple[Postcondition, ...]:
        """The checks whose period is over; each is due again one period later, one under way after its run."""
        now = time.monotonic()
        found = [
            check
            for check in list(self._checks.values())
            if check.every is not None and self._due[check.name] <= now and check.name not in self._under_way
        ]
        for check in found:
            self._due[check.name] = now + max(self.pause, check.every or 0.0)
        return tuple(found)

    def failing(self) -> int:
        """How many critical checks did not hold when they ran last."""
        if not self._last:
            return 0
        last = [self._last.get(check.name) for check in list(self._checks.values()) if check.critical]
        return sum(run is not None and not run.row["passed"] for run in last)

    async def run(
        self, checks: Iterable[Postcondition], ring: LaneWriter | None, request: int = 0, *, again: bool = True
    ) -> Report:
        """Runs the checks side by side and writes the report to `ring` where there is one.

        Args:
            request: the count of the sidecar's request that the report answers; 0 for none.
            again: also those that ran less than `pause` seconds ago; else what they said then counts.
        """
        from lifesign.agent.checks import results  # most processes have none

        start = time.time_ns()
        checks = tuple(checks)
        names = {check.name for check in checks}
        loop = asyncio.get_running_loop()
        self._under_way.update(names)
        try:
            rows = await asyncio.gather(
                *(own_tasks.create(loop, self._row(check, again), "lifesign-postcondition") for check in checks)
            )
        finally:
            self._under_way.difference_update(names)
        report = results.report(checks, rows)
        answered = [row for row in rows if row is not None]
        if ring is not None and (answered or request):
            with harmless:  # the agent may have been stopped meanwhile
                ring.append(results.record(report, answered, start, request))
        return report

    async def _row(self, check: Postcondition, again: bool) -> PostconditionResult | None:
        last = self._last.get(check.name)
        if not again and last is not None and last.check is check and time.monotonic() - last.at < self.pause:
            return {**last.row, "id": new_span_id()}
        from lifesign.agent.checks.runner import run_one

        row = await run_one(check)
        if row is not None and self._checks.get(check.name) is check:
            self._last[check.name] = _Run(check, row, time.monotonic())
        return row


registry = Registry()  # of this process: checks are registered before the agent starts


class CheckRequests:
    """The sidecar's requests to run the post-conditions: a word in the pulse."""

    def __init__(self, pulse: PulseWriter) -> None:
        self._pulse = pulse
        self._answered = 0
        self._run: asyncio.Task[Report] | None = None  # the loop alone would not keep it

    def is_new(self) -> bool:
        """Whether there is one that no loop has taken on."""
        return self._pulse.requests(layout.REQUEST_CHECKS) != self._answered

    def beat(self, loop: asyncio.AbstractEventLoop) -> None:
        """Runs all registered post-conditions where they were asked for since the last beat."""
        request = self._pulse.requests(layout.REQUEST_CHECKS)
        if request != self._answered:
            self._answered = request
            run = registry.run(registry.registered(), self._pulse.ring, request, again=False)
            self._run = own_tasks.create(loop, run, "lifesign-postconditions")


def postcondition(
    name: str, *, timeout: float = 5.0, every: float | None = None, critical: bool = True
) -> Callable[[CheckT], CheckT]:
    """Registers a check that must hold once the service has booted; use it as a decorator.

    ::

        @lifesign.postcondition("database connected", timeout=2.0, every=30.0)
        async def database_connected():
            return await pool.fetchval("select 1") == 1

    The check takes no arguments. True or None holds; False, ``(False, "why")`` or an exception does not. An async
    one runs in the event loop, any other in its own thread. All of them run at the end of the boot, which fails if a
    critical one does not hold, at `check_postconditions`, and at ``lifesign check``.

    Args:
        name: what must hold, shown in reports; a check that is registered again under the same name replaces
            the first.
        timeout: seconds after which a run counts as failed.
        every: seconds between two runs once the boot is over, at least 1; None runs it only when asked.
        critical: whether its failure makes the whole report fail, or is only a warning.

    Returns:
        A decorator, which gives the check back as it is.
    """

    from lifesign.agent.checks.runner import Postcondition

    if callable(name):  # used without brackets: @lifesign.postcondition
        registry.register(Postcondition.of("", name, timeout, every, critical))
        return name

    def decorate(check: CheckT) -> CheckT:
        registry.register(Postcondition.of(name, check, timeout, every, critical))
        return check

    return decorate
