"""A stop that a preStop hook announced in the run directory, before the signal, and also where nobody asked."""

from __future__ import annotations

import time
from typing import Any, Callable

import pytest

from lifesign.watch import process
from lifesign.watch.telemetry import Log
from lifesign.wire.stopping import announce

Make = Callable[..., Any]


async def state(watching: Any) -> str:
    await watching.poll()
    return str(watching.snapshots[-1].state)


async def test_who_dies_after_it_was_asked_to_has_stopped(main: Make, sidecar: Make) -> None:
    service, watching = main(), sidecar()
    assert await state(watching) == "healthy"

    announce(watching.directory.path)
    service.die()

    reported = [signal for signal in await watching.poll() if isinstance(signal, Log)]
    assert ("lifesign.process.stopped", "ended by SIGTERM, as asked") in [(log.event, log.body) for log in reported]


async def test_who_dies_without_that_is_dead(main: Make, sidecar: Make) -> None:
    service, watching = main(), sidecar()
    await watching.poll()
    service.die()
    assert await state(watching) == "dead"


async def test_it_says_nothing_of_who_comes_afterwards(main: Make, sidecar: Make) -> None:
    main().die()
    watching = sidecar()
    await watching.poll()
    announce(watching.directory.path)
    restarted = main("4343-00000002", started_mono_ns=time.monotonic_ns())
    await watching.poll()
    restarted.die()
    assert await state(watching) == "dead"


@pytest.mark.parametrize("watchdog", [True, False], ids=["blocked", "frozen"])
async def test_a_container_that_is_ended_for_its_illness_was_not_asked(
    main: Make, sidecar: Make, watchdog: bool
) -> None:
    service, watching = main(), sidecar()
    watching.has_watched_for_long()
    service.beat(age=60)
    if watchdog:
        service.pulse.watchdog.write(2, time.time_ns(), time.monotonic_ns(), 3, 1, 0, 0)
    assert await state(watching) == ("blocked" if watchdog else "frozen")

    announce(watching.directory.path)
    service.die()

    assert await state(watching) == "dead"


async def test_who_lives_on_was_not_meant(main: Make, sidecar: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_ASKED_NS", 0)
    service, watching = main(), sidecar()
    await watching.poll()
    announce(watching.directory.path)
    service.die()
    assert await state(watching) == "dead"
