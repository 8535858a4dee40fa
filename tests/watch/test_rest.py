"""Processes in which nothing happens are left alone, and what does happen in one of them is seen all the same."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Callable

from lifesign.watch.telemetry import Snapshot
from lifesign.wire.stopping import announce
from support.made.reported import DRY_RUN, names
from support.waiting import until

HOURS = {"timeout": "36000", "rest": 10_000.0}  # for which nobody would be polled again
CALM, OTHER = "4242-00000001", "4343-00000002"


@contextlib.asynccontextmanager
async def resting(sidecar: Callable[..., Any], **arguments: Any) -> AsyncIterator[Any]:
    """A sidecar that runs, and leaves the calm process alone."""
    watching = sidecar(**{**HOURS, **arguments})
    os.utime(watching.directory.path, ns=(1, 1))  # nobody has come of late
    stopping = asyncio.Event()
    running = asyncio.create_task(watching.watcher.run(stopping))
    await until(lambda: shown(watching, CALM) is not None and shown(watching, CALM).new_delays == ())
    try:
        yield watching
    finally:
        stopping.set()
        await running


def shown(watching: Any, key: str) -> Any:
    return next((one for one in watching.snapshots if one.key == key), None)


async def test_who_writes_is_read_on_and_the_others_are_left_alone(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    calm, other = main(), main(OTHER)
    calm.pulse.ring.append(DRY_RUN)  # so that it is polled twice: until nothing more comes
    async with resting(sidecar) as watching:
        before: Snapshot = shown(watching, CALM)
        for _ in range(3):
            before_that = len(watching.reported)
            calm.beat()
            other.pulse.ring.append(DRY_RUN)
            await until(lambda before_that=before_that: len(watching.reported) > before_that)
        assert shown(watching, CALM) == before
        assert shown(watching, OTHER).uptime > before.uptime
    assert shown(watching, CALM).new_delays == (0.002,) * 3  # all were kept for the last poll
    assert names(watching.reported) == ["dry_run order"] * 4


async def test_the_end_of_a_process_is_seen(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service, other = main(), main(OTHER)
    service.pulse.ring.append(DRY_RUN)
    async with resting(sidecar) as watching:
        other.die()
        await until(lambda: shown(watching, OTHER).state == "dead")


async def test_an_end_is_a_reason_to_look_at_the_others_too(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, other = main(), main(OTHER)
    service.pulse.ring.append(DRY_RUN)
    async with resting(sidecar) as watching:
        service.beat(tasks=17)
        other.die()
        await until(lambda: shown(watching, CALM).tasks == 17)


async def test_who_comes_is_seen_even_if_its_pulse_comes_later(
    main: Callable[..., Any], sidecar: Callable[..., Any], run: Path
) -> None:
    main().pulse.ring.append(DRY_RUN)
    async with resting(sidecar) as watching:
        other = main(OTHER)
        (other.folder / "pulse").rename(other.folder / "pulse.new")
        third = main("4444-00000003")
        await until(lambda: shown(watching, third.key) is not None)
        (other.folder / "pulse.new").rename(other.folder / "pulse")
        await until(lambda: shown(watching, OTHER) is not None)


async def test_an_announced_end_is_noted(main: Callable[..., Any], sidecar: Callable[..., Any], run: Path) -> None:
    service = main()
    service.pulse.ring.append(DRY_RUN)
    async with resting(sidecar) as watching:
        announce(str(run))
        await until(lambda: all(process.leaves for process in watching.folders.processes()))
        service.die()
        await until(lambda: shown(watching, CALM).state == "stopped")


async def test_everybody_is_polled_now_and_then(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    service.pulse.ring.append(DRY_RUN)
    async with resting(sidecar, rest=0.02) as watching:
        service.beat(tasks=17)
        await until(lambda: shown(watching, CALM).tasks == 17)


async def test_no_delay_is_shown_twice(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    calm, other = main(), main(OTHER)
    calm.pulse.ring.append(DRY_RUN)
    async with resting(sidecar) as watching:
        calm.beat()
        third = main("4444-00000003")  # everybody is polled
        await until(lambda: shown(watching, third.key) is not None)
        beats = shown(watching, CALM).beats
        other.pulse.ring.append(DRY_RUN)
        await until(lambda: len(watching.reported) == 2)
        assert (shown(watching, CALM).beats, shown(watching, CALM).new_delays) == (beats, ()) == (2, ())


async def test_who_beats_on_is_left_alone_and_who_does_not_is_polled(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    watching = sidecar()
    await watching.poll()
    (process,) = watching.folders.processes()
    now, later = time.monotonic_ns(), time.monotonic_ns() + 2_000_000_000
    assert not process.is_due(now)
    assert process.is_due(later), "no beat for more than half of the timeout"
    service.beat(age=-1.5)  # a second and a half from now
    assert not process.is_due(later)
    service.beat(age=-1.5, failing=1)
    assert process.is_due(later + 1_600_000_000), "something else has changed"


async def test_how_long_ago_it_looked_is_known(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    assert sidecar().watcher.looked_ago() is None
    service.pulse.ring.append(DRY_RUN)
    async with resting(sidecar) as watching:
        now = time.monotonic()
        await until(lambda: time.monotonic() - watching.watcher.looked_ago() > now)  # since then, without a poll


async def test_who_comes_in_the_same_moment_as_another_is_seen(
    main: Callable[..., Any], sidecar: Callable[..., Any], run: Path
) -> None:
    main().pulse.ring.append(DRY_RUN)
    async with resting(sidecar) as watching:
        third = main("4444-00000003")
        at = run.stat().st_mtime_ns
        await until(lambda: shown(watching, third.key) is not None)
        other = main(OTHER)
        os.utime(run, ns=(at, at))  # as if it had been in the same step of the clock
        await until(lambda: shown(watching, other.key) is not None)
