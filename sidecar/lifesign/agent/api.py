"""The public calls of a service: ``lifesign.event`` and so on. Each is a no-op if no agent runs."""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING

from lifesign.agent import lifecycle
from lifesign.agent.checks.registry import registry
from lifesign.agent.exceptions import failure
from lifesign.agent.harmless import complain, harmless
from lifesign.agent.synthetic.context import tagged
from lifesign.errors import PostconditionError
from lifesign.loading import from_signal_handler

if TYPE_CHECKING:
    from lifesign.agent.checkpoints import Checkpoints
    from lifesign.agent.checks.results import Report
    from lifesign.agent.checks.runner import Check


def start(directory: str | None = None) -> bool:
    """Starts the agent in this process; the one line for programs that are not started by ``lifesign run``.

    Call it before the event loop starts, or inside the loop that is to be watched. `event`, `checkpoint` and
    `promise` start the agent too, if ``LIFESIGN_DIR`` is set.

    Args:
        directory: the run directory, shared with the sidecar; ``LIFESIGN_DIR`` by default.

    Returns:
        Whether the agent runs. Without a usable run directory it does not, and every call is a no-op.
    """
    with harmless:
        return lifecycle.start(directory or os.environ.get("LIFESIGN_DIR"), by_hand=True) is not None
    return False


def stop() -> None:
    """Ends the agent, as at the end of the process: the sidecar reports `stopped`. Later calls are no-ops.

    A program that simply ends needs no call.
    """
    with harmless:
        if not lifecycle.stop():
            complain("stop() was called, but no agent runs")


def event(name: str = "event") -> None:
    """Counts one unit of real work, such as ``"order"``; the first one ends the boot.

    Made for hot loops: a counter and a timestamp in shared memory, less than a microsecond, from any thread or
    signal handler, without a system call. It is exported as the metric ``lifesign.events``. Inside `synthetic` it
    counts as synthetic traffic.

    Args:
        name: what was done. Up to 63 names are distinguished, by their first 64 bytes; all further ones count as
            ``other``.
    """
    # `with harmless` would cost as much again as the rest.
    try:
        agent = lifecycle.running()
        if agent is not None:
            agent.pulse.events.count(name, tagged())
    except Exception as error:
        if from_signal_handler(error):
            raise
        complain("an event could not be counted", error)


def promise(name: str, *, within: float) -> None:
    """Promises an event; the service is `silent` when it is overdue.

    ``LIFESIGN_EVENTS`` in code. A boot that has not ended waits for the first event: call it before the event loop
    starts, or as the first thing in it.

    Args:
        name: the event, as `event` counts it.
        within: the longest time between two events, in seconds above 0.
    """
    with harmless:
        agent = lifecycle.running()
        if agent is None:
            return
        if not within > 0:
            complain(f"promise({name!r}): within is seconds above 0, not {within!r}")
            return
        agent.boot.promise(str(name), int(within * 1e9))


class CheckpointBlock:
    """What `checkpoint` returns: entering it, with ``with`` or ``async with``, turns the mark into a timed block."""

    def __init__(self, checkpoints: Checkpoints | None, name: str, id: str) -> None:  # noqa: A002
        self._checkpoints = checkpoints
        self._name = name
        self._id = id

    def __enter__(self) -> None:
        if self._checkpoints is not None:
            with harmless:
                # Takes the place of the mark, which the sidecar keeps back long enough for this.
                self._checkpoints.open_block(self._id, self._name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        if self._checkpoints is not None:
            with harmless:
                failed = None if error is None else failure(error)
                self._checkpoints.close_block(self._id, failed)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, stack)


def checkpoint(name: str) -> CheckpointBlock:
    """Marks a named point of the boot: a span ``checkpoint NAME``, from the mark before it to now.

    Args:
        name: what has been reached, such as ``"config loaded"``; 200 characters are kept.

    Returns:
        A context manager, to time a block instead of a mark: ``with lifesign.checkpoint(name): ...``, or ``async
        with``. An exception that leaves the block makes the checkpoint an error and is passed on.
    """
    try:
        agent, name = lifecycle.running(), str(name)
        if agent is not None:
            checkpoints = agent.boot.checkpoints
            return CheckpointBlock(checkpoints, name, checkpoints.mark(name))
    except Exception as error:
        if from_signal_handler(error):
            raise
        complain("a checkpoint could not be written", error)
    return CheckpointBlock(None, "", "")


def boot_trace_id() -> str:
    """The id of the boot's trace, to search for or to link to.

    Returns:
        32 hex digits, those of ``TRACEPARENT`` (W3C Trace Context) if the environment has it; empty if no agent runs.
    """
    with harmless:
        agent = lifecycle.running()
        return "" if agent is None else agent.boot.trace
    return ""


async def check_postconditions(*more: Check) -> Report:
    """Runs all post-conditions concurrently, whatever the result of each.

    They run with or without a sidecar; with one, the report is also exported, as spans.

    Args:
        more: checks to run besides those that are registered, each under its function's name, for 5 s at most.

    Returns:
        A `Report`: whether all critical ones hold, a diagnostic in one line, and a `Result` for each.
    """
    from lifesign.agent.checks.runner import TIMEOUT_SECONDS, Postcondition

    extra = [Postcondition.of("", check, TIMEOUT_SECONDS, None, critical=True) for check in more]
    agent = lifecycle.running()
    return await registry.run([*registry.registered(), *extra], agent.pulse.ring if agent is not None else None)


async def assert_postconditions(*more: Check) -> None:
    """Runs all post-conditions as `check_postconditions` does, and raises if a critical one does not hold.

    Args:
        more: checks to run besides those that are registered.

    Raises:
        PostconditionError: a critical one does not hold; with the diagnostic.
    """
    report = await check_postconditions(*more)
    if not report.passed:
        raise PostconditionError(report.diagnostic)


def dump_tasks() -> None:
    """Requests a task dump: all tasks, grouped by identical await stack, exported as log records.

    It is taken a moment later, from a thread of the agent, while the event loop runs on. It contains no local
    variables and no arguments.
    """
    with harmless:
        agent = lifecycle.running()
        if agent is not None:
            agent.watchdog.dump("call")
