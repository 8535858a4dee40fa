"""Why nobody of the process ran, and who had the GIL: from what the kernel says, in milliseconds."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import pytest

from lifesign.agent.slots import LoopSlots
from lifesign.agent.stalls import kernel
from lifesign.agent.stalls.kernel import ThreadTime
from lifesign.agent.stalls.machine import Machine
from lifesign.agent.tasks import odd

MS = 1_000_000
LOOP, WORKER, OTHER = 11, 12, 13


class Quota:
    """A quota that was used up for so long."""

    def __init__(self, throttled: int) -> None:
        self._throttled = throttled

    def throttled_ns(self) -> int:
        return self._throttled * MS


@pytest.mark.parametrize(
    ("throttled", "queued", "stolen", "used", "wanted"),
    [
        (600, 900, 0, 0, "quota"),
        (0, 600, 900, 0, "starved"),
        (0, 0, 600, 0, "steal"),
        (100, 100, 100, 20, "stopped"),
        (0, 0, 0, 500, None),  # it ran, then, and did not wait for the GIL: who knows
    ],
)
def test_a_second_in_which_the_watchdog_did_not_run(
    throttled: int, queued: int, stolen: int, used: int, wanted: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "Quota", lambda: Quota(throttled))
    monkeypatch.setattr(kernel, "stolen_ns", lambda: stolen * MS)
    assert Machine(LoopSlots()).cause(1000 * MS, queued * MS, used * MS) == wanted


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ({LOOP: 5000, WORKER: 10}, {LOOP: 5010, WORKER: 910}, WORKER),
        ({LOOP: 5000, WORKER: 10}, {LOOP: 5900, WORKER: 20}, LOOP),
        ({LOOP: 5000}, {LOOP: 5000, WORKER: 900}, WORKER),  # begun since
        ({LOOP: 5000, WORKER: 0, OTHER: 0}, {LOOP: 5000, WORKER: 400, OTHER: 400}, None),
        ({LOOP: 5000, WORKER: 10}, {LOOP: 5010, WORKER: 40}, None),
        ({LOOP: 5000}, {}, None),
    ],
)
def test_who_had_the_gil(
    before: dict[int, int], after: dict[int, int], wanted: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = before

    def thread_time(thread: int) -> Any:
        return ThreadTime(times[thread] * MS, 0) if thread in times else None

    monkeypatch.setattr(kernel, "threads", lambda: list(times))
    monkeypatch.setattr(kernel, "thread_time", thread_time)
    machine = Machine(LoopSlots())
    machine.read(0, at_rest=False)
    times = after
    # What the loop's thread had used at its last beat is newer than what was read.
    assert machine.holder(900 * MS, 1000 * MS, {LOOP: before[LOOP] * MS}) == wanted


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's numbers of threads are read from /proc")
def test_the_main_thread_of_a_forked_process_has_a_number_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    main = threading.main_thread()
    assert odd.native_id(main) == threading.get_native_id()
    monkeypatch.setattr(main, "_native_id", os.getppid())  # as Python leaves it there up to 3.13
    if sys.version_info < (3, 14):
        assert odd.native_id(main) == threading.get_native_id()
    assert odd.native_id(object()) is None
