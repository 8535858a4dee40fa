"""Several illnesses at once: each has its own record, its own evidence and its own end."""

from __future__ import annotations

import time
from typing import Any, Callable

import pytest

from lifesign.watch.emit import episodes
from lifesign.watch.telemetry import Log, Span
from lifesign.wire import layout
from support.made.reported import events, names

S = 1_000_000_000
EVER = 10**15


def beat(service: Any, slot: int, age: float = 0.0) -> int:
    """A beat of the loop in this slot, so many seconds ago; returns its wall clock time."""
    wall, now = time.time_ns() - int(age * S), time.monotonic_ns() - int(age * S)
    service.pulse.loops[slot].begin(layout.LOOP_RUNNING, 7 + slot, 1, now)
    service.pulse.loops[slot].write(3, wall, now, 0)
    service.pulse.watchdog.write(9, time.time_ns(), time.monotonic_ns(), 3, layout.BOOT_COMPLETE, 0, 0)
    return wall


def stall(slot: int, since: int, function: str) -> dict[str, Any]:
    stack = [{"function": function, "file": "/app/tools.py", "line": 10 + slot}]
    return {"kind": "stall", "loop": slot, "since": since, "at": 2, "busy": False, "stack": stack}


def slots(telemetry: Any, kind: type) -> list[Any]:
    return [one.attributes["lifesign.eventloop"] for one in telemetry if isinstance(one, kind)]


async def test_each_blocked_loop_has_its_own_record_and_its_own_span(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    watching.has_watched_for_long()
    beat(service, 0)
    first = beat(service, 1, 5.0)
    service.pulse.ring.append(stall(1, first, "call_a"))
    (entered,) = await watching.poll()
    assert (entered.event, entered.attributes["lifesign.eventloop"]) == ("lifesign.eventloop.blocked", 1)
    assert entered.attributes["code.function.name"] == "call_a"
    second = beat(service, 2, 4.0)
    service.pulse.ring.append(stall(2, second, "call_b"))
    (entered,) = await watching.poll()
    assert entered.body.startswith("2 of 3 event loops have not turned for 5.")
    assert entered.attributes["lifesign.eventloop"] == 2
    assert (entered.attributes["code.function.name"], entered.attributes["code.line.number"]) == ("call_b", 12)
    assert [cause.function for cause in watching.snapshots[0].causes] == ["call_a", "call_b"]
    assert await watching.poll() == []

    beat(service, 1)
    (left,) = await watching.poll()
    assert (left.name, left.start, left.attributes["lifesign.eventloop"]) == ("eventloop blocked", first, 1)
    assert watching.snapshots[0].state == "blocked"
    assert [cause.function for cause in watching.snapshots[0].causes] == ["call_b"]
    beat(service, 2)
    (left,) = await watching.poll()
    assert (left.start, left.attributes["lifesign.eventloop"]) == (second, 2)
    assert watching.snapshots[0].state == "healthy"


async def test_loops_that_flap_are_damped_one_by_one(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service, watching = main(), sidecar()
    watching.has_watched_for_long()
    reported: list[Any] = []
    for _ in range(5):
        for age in (5.0, 0.0):
            beat(service, 1, age)
            reported += await watching.poll()
    beat(service, 0, 5.0)
    reported += await watching.poll()
    assert slots(reported, Log) == [1, 1, 1, 0]
    assert slots(reported, Span) == [1, 1, 1, 1, 1]


async def test_the_end_of_the_process_ends_what_its_loops_had(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    watching.has_watched_for_long()
    for slot in (0, 1):
        beat(service, slot, 5.0)
    await watching.poll()
    service.die()
    assert sorted(names(await watching.poll())) == ["boot", "eventloop blocked", "eventloop blocked"]


async def test_each_overdue_event_has_its_own_record(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(episodes, "EVIDENCE_NS", 0)
    service, watching = main(), sidecar()
    promise = service.pulse.events.promise
    promise("audit", 1)
    promise("order", EVER)
    (audit,) = await watching.poll()
    assert audit.attributes["lifesign.event.name"] == "audit"
    promise("order", 1)
    (order,) = await watching.poll()
    assert (order.event, order.attributes["lifesign.event.name"]) == ("lifesign.silence", "order")
    assert order.body.startswith("promised event 'order' is ")
    assert "'audit'" in watching.snapshots[0].why
    assert "'order'" in watching.snapshots[0].why
    promise("order", EVER)
    assert await watching.poll() == []
    promise("order", 1)
    (again,) = await watching.poll()
    assert again.attributes["lifesign.event.name"] == "order"
    assert service.pulse.requests(1) == 3  # a task dump for each


async def test_an_event_is_overdue_beside_a_loop_that_is_blocked_but_not_beneath_one(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(episodes, "EVIDENCE_NS", 0)
    service, watching = main(), sidecar()
    watching.has_watched_for_long()
    beat(service, 0, 5.0)
    service.pulse.events.promise("order", 1)
    assert events(await watching.poll()) == ["lifesign.eventloop.blocked"]
    beat(service, 1)
    assert events(await watching.poll()) == ["lifesign.silence"]
    assert watching.snapshots[0].state == "blocked"


async def test_a_sidecar_that_is_started_again_repeats_nothing(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(episodes, "EVIDENCE_NS", 0)
    service, watching = main(), sidecar()
    watching.has_watched_for_long()
    beat(service, 0)
    since = beat(service, 1, 5.0)
    service.pulse.events.promise("order", 1)
    assert events(await watching.poll()) == ["lifesign.silence", "lifesign.eventloop.blocked"]
    watching = sidecar()
    assert await watching.poll() == []
    beat(service, 1)
    (left,) = await watching.poll()
    assert (left.name, left.start) == ("eventloop blocked", since)
    assert watching.snapshots[0].state == "silent"


def test_more_than_there_is_room_for_are_damped_without_a_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    dampers = episodes._Dampers()
    first = dampers.of("order")
    monkeypatch.setattr(episodes, "_DAMPED_MAX", 1)
    assert dampers.of("order") is first
    assert dampers.of("tick") is not dampers.of("tick")
