"""Stalls and busy loops from the pulse to the snapshot, over restarts of the sidecar."""

from __future__ import annotations

import time
from typing import Any, Callable

import pytest

from support.made.reported import events
from support.made.stalls import busy, culprit, totals
from support.mainprocess import report


def now(record: Any) -> Any:
    """The record with its times moved from noon to now."""
    moved = {name: time.time_ns() for name in ("at", "last", "since") if name in record}
    return {**record, **moved}


async def test_short_stalls_are_a_condition_a_cause_and_one_record_of_a_healthy_process(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    await watching.poll()
    service.pulse.ring.append(now(culprit(count=1, total=0.3, worst=0.3)))
    assert events(await watching.poll()) == ["lifesign.eventloop.stall"]
    (seen,) = watching.snapshots
    assert (seen.state, seen.conditions, seen.causes) == ("healthy", (), ()), "one stall is none"
    service.pulse.ring.append(totals(now(culprit(count=3, total=0.9, worst=0.4))))
    assert await watching.poll() == []
    (seen,) = watching.snapshots
    assert (seen.state, seen.conditions) == ("healthy", ("stalling",))
    assert [(cause.word, cause.function, cause.line) for cause in seen.causes] == [("short-stalls", "render", 8)]
    assert [(stall.count, stall.total, stall.worst) for stall in seen.stalls] == [(3, 0.9, 0.4)]


async def test_stalls_are_no_cause_in_the_record_of_an_illness(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    service.pulse.ring.append(now(culprit(count=1)))
    service.pulse.ring.append(totals(now(culprit(count=9))))
    await watching.poll()
    service.pulse.ring.append(report())
    service.beat(failing=1)
    (entered,) = [one for one in await watching.poll() if getattr(one, "event", "") == "lifesign.process.degraded"]
    assert [name for name in entered.attributes if name.startswith(("lifesign.cause", "code."))] == []
    assert "render" not in entered.body
    (seen,) = watching.snapshots
    assert (seen.state, [cause.word for cause in seen.causes]) == ("degraded", ["short-stalls"])


async def test_a_restarted_sidecar_knows_them_and_says_nothing_twice(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    service.pulse.ring.append(now(culprit(count=1, total=0.3)))
    service.pulse.ring.append(now(busy()))
    service.pulse.ring.append(totals(now(culprit(count=9, total=0.9))))
    reported = events(await watching.poll())
    assert sorted(reported)[-2:] == ["lifesign.eventloop.busy", "lifesign.eventloop.stall"]
    again = sidecar()
    assert await again.poll() == []
    (seen,) = again.snapshots
    assert (set(seen.conditions), seen.stalls[0].count) == ({"busy", "stalling"}, 9)


@pytest.mark.parametrize(("cpu", "conditions"), [(1.42, ("busy",)), (1.06, ("busy",)), (1.02, ())])
async def test_a_loop_that_does_nothing_is_not_busy_though_the_record_of_its_end_was_lost(
    main: Callable[..., Any], sidecar: Callable[..., Any], cpu: float, conditions: tuple[str, ...]
) -> None:
    """On a starved machine one that never pauses has little processor time."""
    service, watching, noon = main(), sidecar(), time.monotonic()

    def beat(second: float, cpu: float) -> None:
        service.beat(age=time.monotonic() - noon - second, watchdog_age=0.0, cpu=cpu)

    beat(-1.0, 1.0)
    service.pulse.ring.append(now(busy()))
    await watching.poll()
    (seen,) = watching.snapshots
    assert (seen.conditions, seen.busy[0].function, seen.utilization) == (("busy",), "render", None)
    beat(0.0, cpu)
    await watching.poll()
    (seen,) = watching.snapshots
    assert (seen.conditions, len(seen.busy), len(seen.causes)) == (conditions, len(conditions), len(conditions))
    assert seen.utilization == pytest.approx(cpu - 1, abs=0.001)
    assert seen.active + seen.idle == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize(("watchdog_age", "state", "utilization"), [(0.0, "blocked", 1.0), (7.0, "frozen", None)])
async def test_a_blocked_loop_has_nothing_else_to_do_and_of_a_frozen_one_nothing_is_known(
    main: Callable[..., Any],
    sidecar: Callable[..., Any],
    watchdog_age: float,
    state: str,
    utilization: float | None,
) -> None:
    service, watching = main(), sidecar()
    service.beat(age=7.0, watchdog_age=watchdog_age, cpu=1.0)
    watching.has_watched_for_long()
    await watching.poll()
    service.beat(age=6.0, watchdog_age=watchdog_age - 1.0, cpu=1.01)
    await watching.poll()
    (seen,) = watching.snapshots
    assert (seen.state, seen.utilization) == (state, utilization)


async def test_an_agent_without_processor_times_has_no_utilization(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    await watching.poll()
    service.beat(age=-2.0)
    await watching.poll()
    (seen,) = watching.snapshots
    assert (seen.utilization, seen.active, seen.idle) == (None, None, None)
