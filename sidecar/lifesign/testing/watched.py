"""Tests with the mark or the fixture, from their setup to the end of their teardown."""

from __future__ import annotations

from typing import Any, Iterable, Iterator

import pytest

from lifesign.testing.deadlocks import SEARCH_SECONDS, Deadlocks
from lifesign.testing.leaks import LeftTasks
from lifesign.testing.lifesigns import LifeSigns
from lifesign.testing.limits import Limits, limits, other_library
from lifesign.testing.run import STALL_SECONDS, AgentRun, remove_ended
from lifesign.testing.stalled import blocked
from lifesign.testing.words import FIXTURE, MARKER


class WatchedTest:
    """One test.

    Args:
        wanted: what it must not do; None where it only has the fixture.
    """

    def __init__(self, wanted: Limits | None) -> None:
        self._wanted = wanted
        self.debugged = False  # somebody looks at it in a debugger, and it waits
        self._deadlocks = Deadlocks() if wanted is not None and wanted.deadlocks else None
        self._left = LeftTasks() if wanted is not None and wanted.leaks else None
        block = wanted.max_block_ms if wanted is not None else None
        try:
            self.run = AgentRun(
                stall_seconds=STALL_SECONDS if block is None else block / 1000,
                track_tasks=self._left is not None,
                search_seconds=SEARCH_SECONDS if self._deadlocks is not None else 1e9,
                at_beat=None if self._deadlocks is None else self._deadlocks.beat,
            )
        except BaseException:
            if self._left is not None:
                self._left.end()
            raise
        if block is not None:
            self.run.agent.watchdog.sampler.close()  # until the test itself begins

    def begin(self) -> None:
        """Its fixtures are there."""
        if self._left is not None:
            self._left.begin()
        if self._deadlocks is not None:
            self._deadlocks.begin(self.run.agent)
        if self._wanted is not None and self._wanted.max_block_ms is not None:
            self.run.agent.watchdog.sampler.resume()

    def end(self) -> list[str]:
        """Its function has ended; returns what it is to fail with."""
        said: list[str] = []
        if self._deadlocks is not None:
            self._deadlocks.end()
            said += self._deadlocks.found
        if self._left is not None:
            left = self._left.so_far()
            said += left if not said else []  # what is in a deadlock is left behind, too
        if self._wanted is not None and self._wanted.max_block_ms is not None:
            self.run.agent.watchdog.sampler.end()
            if not self._is_deadlocked():
                said += blocked(self.run.records.of_kind("stall_culprit"), self._wanted.max_block_ms)
        return [] if self.debugged else said

    def close(self) -> list[str]:
        """Its fixtures are gone; returns what it is to fail with."""
        said = [] if self._left is None else self._left.end()
        self.run.end()
        self.run.close()
        return [] if self.debugged or self._is_deadlocked() else said

    def _is_deadlocked(self) -> bool:
        return self._deadlocks is not None and bool(self._deadlocks.found)

    @property
    def overrules(self) -> bool:
        """Whether the test was ended by us: whatever it has raised is a consequence."""
        return self._is_deadlocked() and not self.debugged


class WatchedTests:
    """The hooks around them; registered only where there are any.

    Args:
        max_block_ms: of a mark that does not say.
        marked: the tests that have their mark from the option ``--lifesign``.
    """

    def __init__(self, max_block_ms: float, marked: Iterable[pytest.Item] = ()) -> None:
        self._max_block_ms = max_block_ms
        self._marked_by_option = frozenset(marked)
        self._now: dict[pytest.Item, WatchedTest] = {}

    def signs_of(self, request: pytest.FixtureRequest) -> LifeSigns:
        """The fixture's value."""
        item: Any = request.node
        if item not in self._now:
            self._now[item] = WatchedTest(None)
        return self._now[item].run.signs

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        failed: Exception | None = None
        if item.get_closest_marker(MARKER) is not None or FIXTURE in getattr(item, "fixturenames", ()):
            try:
                self._now[item] = WatchedTest(self.limits_of(item))
            except Exception as error:  # noqa: BLE001 - no room for a run directory, say
                failed = error
        outcome: Any = yield
        if failed is not None:
            outcome.force_exception(failed)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        test = self._now.get(item)
        if test is None:
            yield
            return
        test.begin()
        outcome: Any = yield
        said = test.end()
        other = other_library(item) if self._trusts(item) else ""
        if other:
            said.append(
                f"this test runs on {other}, which is not asyncio: lifesign sees nothing of it; take the mark away"
            )
        _report(item, outcome, "call", said, overrules=test.overrules)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        outcome: Any = yield
        test = self._now.pop(item, None)
        if test is not None:
            _report(item, outcome, "teardown", test.close(), overrules=False)

    def limits_of(self, item: pytest.Item) -> Limits | None:
        """What a test must not do; None where it has no mark.

        Raises:
            pytest.UsageError: its mark cannot be understood.
        """
        mark = item.get_closest_marker(MARKER)
        return None if mark is None else limits(mark.args, mark.kwargs, self._max_block_ms)

    def _trusts(self, item: pytest.Item) -> bool:
        """Whether somebody believes just this test to be watched, and has not marked all there are."""
        return item.get_closest_marker(MARKER) is not None and item not in self._marked_by_option

    def pytest_enter_pdb(self) -> None:
        for test in self._now.values():
            test.debugged = True

    def pytest_sessionfinish(self) -> None:
        remove_ended(wait=True)


def _report(item: pytest.Item, outcome: Any, when: str, said: list[str], *, overrules: bool) -> None:
    """Fails the test with what was seen, or adds it to what it has failed with itself."""
    if not said:
        return
    text = "\n".join(said)
    raised = getattr(item, "_excinfo", None)  # of unittest's tests, which raise nothing here
    if overrules and raised:
        raised.clear()
    if (outcome.excinfo is None and not raised) or overrules:
        outcome.force_exception(pytest.fail.Exception(text, pytrace=False))
    else:
        item.add_report_section(when, MARKER, text)
