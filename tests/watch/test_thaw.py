"""A freeze that is over is over: what comes after it is judged by what comes after it."""

from __future__ import annotations

import time
from typing import Any, Callable

import pytest

from lifesign.judge import kernel
from lifesign.wire import layout
from support.made.reported import events, names

S = 1_000_000_000


class Clockwork:
    """The clock that goes on when a test says so, and a process whose threads are as the test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._real, self.ahead = time.monotonic_ns, 0
        self.loop = ("S", 0, 0)  # of the loop's thread: its state, for how long it has run, and waited for a processor
        monkeypatch.setattr(time, "monotonic_ns", lambda: self._real() + self.ahead)
        monkeypatch.setattr(kernel, "holder", lambda _: 4242)
        monkeypatch.setattr(kernel, "stat_fields", lambda _: [self.loop[0], *"0" * 10, "0", "0"])
        monkeypatch.setattr(kernel, "_throttled", lambda _: None)
        monkeypatch.setattr(kernel, "_threads", lambda *_: {4242: kernel._Thread(*self.loop)})

    def goes_on(self, seconds: float) -> None:
        self.ahead += int(seconds * S)


async def course(watching: Any, clock: Clockwork, seconds: float) -> list[str]:
    """The states of the next seconds, without repetitions."""
    states: list[str] = []
    for _ in range(int(seconds * 10)):
        clock.goes_on(0.1)
        await watching.poll()
        states += [one.state for one in watching.snapshots if one.state not in states[-1:]]
    return states


async def test_a_loop_that_turned_after_a_freeze_and_gets_no_processor_is_not_frozen_again(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine its loop beats once, and neither that nor the watchdog gets its turn for a while."""
    service, watching, clock = main(), sidecar(), Clockwork(monkeypatch)
    watching.has_watched_for_long()
    service.beat()
    clock.loop = ("R", 0, 0)
    assert await course(watching, clock, 1.5) == ["healthy"]
    clock.loop = ("R", 3 * S, 0)  # it computes in C code that holds the GIL
    assert await course(watching, clock, 4.0) == ["healthy", "frozen"]
    service.beat(watchdog_age=5.5)
    clock.loop = ("R", 3 * S + 1000, 0)
    assert await course(watching, clock, 8.0) == ["healthy"]
    assert watching.snapshots[0].why.startswith("starved: no beat for ")
    service.beat()
    assert await course(watching, clock, 1.0) == ["healthy"]


def watchdog_beats(service: Any, age: float = 0.0) -> None:
    ago = int(age * S)
    service.pulse.watchdog.write(9, time.time_ns() - ago, time.monotonic_ns() - ago, 3, layout.BOOT_COMPLETE, 0, 0)


async def test_a_thaw_is_no_illness_of_its_own(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service, watching = main(), sidecar()
    watching.has_watched_for_long()
    service.beat(age=5.0)
    assert events(await watching.poll()) == ["lifesign.process.frozen"]
    # Python runs again: the watchdog happens to beat first, the loop a moment later.
    watchdog_beats(service, age=1.4)
    assert await watching.poll() == []
    watchdog_beats(service)
    assert await watching.poll() == []
    service.beat()
    assert names(await watching.poll()) == ["process frozen"]


async def test_a_loop_that_stays_blocked_after_a_thaw_is_told(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    watching.has_watched_for_long()
    service.beat(age=5.0)
    await watching.poll()
    watchdog_beats(service, age=1.6)
    assert await watching.poll() == []
    watchdog_beats(service)  # for half of the timeout now
    reported = await watching.poll()
    assert (names(reported), events(reported)) == (["process frozen"], ["lifesign.eventloop.blocked"])
