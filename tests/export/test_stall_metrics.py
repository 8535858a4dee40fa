"""Stalls as a counter by function, bounded in names; how loops spend their time."""

from __future__ import annotations

from typing import Any, Callable

from lifesign.export.metrics import Metrics
from lifesign.export.readings import stall_times
from lifesign.watch.telemetry import Resource, Snapshot, StallReading
from support.made.points import points

FIRST = {
    ("call", "other"): 0.0, ("gc", ""): 0.0, ("quota", ""): 0.0, ("starved", ""): 0.0, ("paging", ""): 0.0,
    ("steal", ""): 0.0, ("stopped", ""): 0.0,
}  # fmt: skip


def stall(number: int, function: str, total: float, what: str = "call") -> StallReading:
    return StallReading(number, what, function=function, total=total)


def test_what_has_not_happened_is_0() -> None:
    assert stall_times(()) == FIRST


def test_two_culprits_of_one_function_are_one_series() -> None:
    stalls = (stall(2, "render", 2.0), stall(1, "render", 0.5), stall(3, "tick", 1.0, "callbacks"))
    assert stall_times(stalls) == {**FIRST, ("call", "render"): 2.5, ("callbacks", "tick"): 1.0}


def test_nobodys_doing_has_no_function() -> None:
    stalls = (stall(1, "", 2.0, "quota"), stall(2, "build", 1.0, "gc"), stall(3, "", 4.0))
    assert stall_times(stalls) == {**FIRST, ("quota", ""): 2.0, ("gc", ""): 1.0, ("call", "other"): 4.0}


def test_names_are_bounded_and_a_function_keeps_its_own() -> None:
    few = tuple(stall(number, f"f{number}", float(number)) for number in range(1, 21))
    more = (*few, stall(21, "f21", 100.0), StallReading(0, "other", total=9.0))
    times = stall_times(more)
    assert times == {**FIRST, **{("call", f"f{n}"): float(n) for n in range(1, 21)}, ("call", "other"): 109.0}


def collected(resource: Resource, snapshot: Snapshot, name: str) -> dict[Any, Any]:
    from lifesign.export.readings import ExportStats

    store = Metrics((None, None), ExportStats)
    store.observe([snapshot], {"7-abc": resource})
    return {key: point.value for key, point in points(store.collect().data, name).items()}


def test_the_counter_has_the_kind_and_the_function(resource: Resource, snapshot: Callable[..., Snapshot]) -> None:
    seen = collected(resource, snapshot(stalls=(stall(1, "render", 2.0),)), "lifesign.eventloop.stall.time")
    assert seen[(("code.function.name", "render"), ("lifesign.stall.kind", "call"))] == 2.0
    assert seen[(("lifesign.stall.kind", "gc"),)] == 0.0


def test_time_by_state_and_the_share_of_it(resource: Resource, snapshot: Callable[..., Snapshot]) -> None:
    known = snapshot(utilization=0.2, active=1.0, idle=4.0)
    assert collected(resource, known, "lifesign.eventloop.utilization") == {(): 0.2}
    assert collected(resource, known, "lifesign.eventloop.time") == {
        (("lifesign.eventloop.state", "active"),): 1.0,
        (("lifesign.eventloop.state", "idle"),): 4.0,
    }


def test_an_agent_that_writes_none_has_no_share_rather_than_0(
    resource: Resource, snapshot: Callable[..., Snapshot]
) -> None:
    assert collected(resource, snapshot(), "lifesign.eventloop.utilization") == {}
    assert collected(resource, snapshot(), "lifesign.eventloop.time") == {}
