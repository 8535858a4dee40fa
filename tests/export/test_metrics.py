"""Every process has its own instruments, zeros from the start, and leaves nothing behind."""

from __future__ import annotations

import time
from typing import Any, Callable

import pytest
from opentelemetry.sdk.metrics import Counter, Histogram, ObservableCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality

from lifesign.export.readings import ExportStats
from lifesign.watch.telemetry import CauseReading, DryRunReading, EventReading, PostconditionReading, Resource, Snapshot
from support.made.points import made, named, points, values


def test_zeros_before_anything_happened(resource: Resource, snapshot: Callable[..., Snapshot]) -> None:
    store = made()
    store.observe([snapshot(state="starting", boot_duration=None)], {"7-abc": resource})
    data = store.collect().data
    assert dict(data.resource_metrics[0].resource.attributes) == resource.attributes
    assert values(data, "lifesign.heartbeats") == {(): 0}
    assert values(data, "lifesign.export.rejected") == {(): 0}
    assert values(data, "lifesign.spool.size") == {(): 0}
    assert values(data, "lifesign.records.dropped") == {
        named(lifesign__reason="ring"): 0,
        named(lifesign__reason="spool"): 0,
        named(lifesign__reason="invalid"): 0,
    }
    states = values(data, "lifesign.process.state")
    assert states.pop(named(lifesign__state="starting")) == 1
    assert states == {
        named(lifesign__state=state): 0
        for state in ("healthy", "silent", "degraded", "idle", "blocked", "frozen", "dead", "stopped")
    }
    assert values(data, "lifesign.boot.duration") == {}


@pytest.mark.parametrize(
    ("said", "alive", "outcome"),
    [
        ("starting", True, "starting"),
        ("complete", True, "complete"),
        ("complete", False, "complete"),
        ("failed", True, "failed"),
        ("timed_out", True, "timed_out"),
        ("starting", False, "died"),
    ],
)
def test_how_the_boot_went(
    said: str, alive: bool, outcome: str, resource: Resource, snapshot: Callable[..., Snapshot]
) -> None:
    store = made()
    store.observe([snapshot(boot=said, alive=alive)], {"7-abc": resource})
    found = values(store.collect().data, "lifesign.boot.status")
    assert len(found) == 5
    assert [attributes for attributes, value in found.items() if value] == [named(lifesign__boot__outcome=outcome)]


def test_why_a_process_is_ill_is_a_metric_as_long_as_it_is(
    resource: Resource, snapshot: Callable[..., Snapshot]
) -> None:
    store = made()

    def seen(function: str, state: str = "blocked") -> dict[Any, Any]:
        causes = (CauseReading("blocking-call", "it waits", function, "shop.py", 7),)
        store.observe([snapshot(state=state, causes=causes)], {"7-abc": resource})
        return values(store.collect().data, "lifesign.process.cause")

    cause = {"lifesign__cause": "blocking-call"}
    assert seen("render", "healthy") == {}
    assert seen("render") == {named(**cause, code__function__name="render"): 1}
    assert seen("") == {named(**cause): 1}
    for number in range(30):
        seen(f"f{number}")
    assert seen("one-more") == {named(**cause): 1}, "names are bounded"
    assert seen("render") == {named(**cause, code__function__name="render"): 1}
    assert seen("render", "stopped") == {}
    stalls = CauseReading("short-stalls", "this stalled the event loop", "load", "shop.py", 7)
    store.observe([snapshot(state="degraded", causes=(stalls,))], {"7-abc": resource})
    assert values(store.collect().data, "lifesign.process.cause") == {}, "short stalls make nobody ill"


def test_every_reading_is_a_metric(resource: Resource, snapshot: Callable[..., Snapshot]) -> None:
    store = made(ExportStats(spool_size=321, retries=9, age=2.5, rejected=4, dropped={"spool": 5, "invalid": 6}))
    store.observe(
        [
            snapshot(
                beats=600,
                events=(EventReading("order", 3, 2, 1.25, 30.0), EventReading("tick", 0, 0, 60.0, None)),
                postconditions=(
                    PostconditionReading("db", True, True, ""),
                    PostconditionReading("bus", False, False, "no route"),
                ),
                dropped={"ring": 7, "invalid": 1},
            )
        ],
        {"7-abc": resource},
    )
    data = store.collect().data
    assert values(data, "lifesign.heartbeats") == {(): 600}
    assert values(data, "lifesign.heartbeat.age") == {(): 0.05}
    assert values(data, "lifesign.heartbeat.timeout") == {(): 3.0}
    assert values(data, "lifesign.heartbeat.expected") == {(): 1}
    assert values(data, "lifesign.tasks") == {(): 4}
    assert values(data, "lifesign.boot.duration") == {(): 1.5}
    assert values(data, "process.uptime") == {(): 60.0}
    assert values(data, "lifesign.spool.size") == {(): 321}
    assert values(data, "lifesign.export.retries") == {(): 9}
    assert values(data, "lifesign.export.age") == {(): 2.5}
    assert values(data, "lifesign.export.rejected") == {(): 4}
    assert values(data, "lifesign.events") == {
        named(lifesign__event__name="order"): 3,
        (("lifesign.event.name", "order"), ("user_agent.synthetic.type", "test")): 2,
        named(lifesign__event__name="tick"): 0,
    }
    assert values(data, "lifesign.event.age") == {
        named(lifesign__event__name="order"): 1.25,
        named(lifesign__event__name="tick"): 60.0,
    }
    assert values(data, "lifesign.event.deadline") == {named(lifesign__event__name="order"): 30.0}
    assert values(data, "lifesign.postcondition.passed") == {
        named(lifesign__postcondition__name="db"): 1,
        named(lifesign__postcondition__name="bus"): 0,
    }
    assert values(data, "lifesign.records.dropped") == {
        named(lifesign__reason="ring"): 7,
        named(lifesign__reason="spool"): 5,
        named(lifesign__reason="invalid"): 7,
    }


def synthetic(**attributes: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((*named(**attributes), ("user_agent.synthetic.type", "test"))))


def test_what_is_synthetic_is_tagged_point_by_point(resource: Resource, snapshot: Callable[..., Snapshot]) -> None:
    store = made()
    store.observe(
        [
            snapshot(
                events=(EventReading("order", 0, 2, 1.25, 30.0, stand_in=True), EventReading("tick", 1, 2, 9.0, 5.0)),
                postconditions=(PostconditionReading("db", True, True, ""),),
                synthetic_postconditions=(PostconditionReading("db", False, True, "no"),),
                dry_run=DryRunReading({"order": (7, 1)}, skipped=4, lag=0.5),
            )
        ],
        {"7-abc": resource},
    )
    data = store.collect().data
    order, tick = named(lifesign__event__name="order"), named(lifesign__event__name="tick")
    made_up = synthetic(lifesign__event__name="order")
    assert values(data, "lifesign.events") == {
        order: 0, made_up: 2, tick: 1, synthetic(lifesign__event__name="tick"): 2,
    }  # fmt: skip
    assert values(data, "lifesign.event.age") == {made_up: 1.25, tick: 9.0}
    assert values(data, "lifesign.event.deadline") == {made_up: 30.0, tick: 5.0}
    assert values(data, "lifesign.postcondition.passed") == {
        named(lifesign__postcondition__name="db"): 1,
        synthetic(lifesign__postcondition__name="db"): 0,
    }
    assert values(data, "lifesign.dry_run.events") == {
        synthetic(lifesign__dry_run__type="order", lifesign__dry_run__outcome="handled"): 7,
        synthetic(lifesign__dry_run__type="order", lifesign__dry_run__outcome="failed"): 1,
    }
    assert values(data, "lifesign.dry_run.skipped") == {synthetic(): 4}
    assert values(data, "lifesign.dry_run.lag") == {synthetic(): 0.5}


def test_kinds_and_units(resource: Resource, snapshot: Callable[..., Snapshot]) -> None:
    store = made()
    order = EventReading("order", 1, 0, 1.0, 5.0)
    check = PostconditionReading("db", True, True, "")
    ran = DryRunReading({"order": (1, 0)}, 0, 0.0)
    everything = snapshot(
        events=(order,), postconditions=(check,), new_delays=(0.1,), dry_run=ran, utilization=0.2, active=1.0, idle=4.0
    )
    store.observe([everything], {"7-abc": resource})
    [scope] = store.collect().data.resource_metrics[0].scope_metrics
    assert (scope.scope.name, scope.scope.version) == ("lifesign", "0.1.0")
    assert {metric.name: (type(metric.data).__name__, metric.unit) for metric in scope.metrics} == {
        "lifesign.heartbeats": ("Sum", "{heartbeat}"),
        "lifesign.heartbeat.age": ("Gauge", "s"),
        "lifesign.heartbeat.timeout": ("Gauge", "s"),
        "lifesign.heartbeat.expected": ("Gauge", "1"),
        "lifesign.eventloop.delay": ("Histogram", "s"),
        "lifesign.eventloop.utilization": ("Gauge", "1"),
        "lifesign.eventloop.time": ("Sum", "s"),
        "lifesign.eventloop.stall.time": ("Sum", "s"),
        "lifesign.eventloops.unwatched": ("Gauge", "{loop}"),
        "lifesign.process.state": ("Sum", "1"),
        "lifesign.tasks": ("Gauge", "{task}"),
        "lifesign.events": ("Sum", "{event}"),
        "lifesign.event.age": ("Gauge", "s"),
        "lifesign.event.deadline": ("Gauge", "s"),
        "lifesign.boot.duration": ("Gauge", "s"),
        "lifesign.boot.status": ("Sum", "1"),
        "lifesign.postcondition.passed": ("Gauge", "1"),
        "lifesign.records.dropped": ("Sum", "{record}"),
        "lifesign.spool.size": ("Gauge", "By"),
        "lifesign.export.retries": ("Sum", "{attempt}"),
        "lifesign.export.age": ("Gauge", "s"),
        "lifesign.export.rejected": ("Sum", "{record}"),
        "lifesign.dry_run.events": ("Sum", "{event}"),
        "lifesign.dry_run.skipped": ("Sum", "{event}"),
        "lifesign.dry_run.lag": ("Gauge", "s"),
        "process.uptime": ("Gauge", "s"),
    }
    monotonic = {
        metric.name: metric.data.is_monotonic for metric in scope.metrics if hasattr(metric.data, "is_monotonic")
    }
    assert monotonic.pop("lifesign.process.state") is False
    assert monotonic.pop("lifesign.boot.status") is False
    assert set(monotonic.values()) == {True}
    assert all(metric.description for metric in scope.metrics)


def test_every_delay_is_in_the_histogram(resource: Resource, snapshot: Callable[..., Snapshot]) -> None:
    store = made()
    store.observe([snapshot(new_delays=(0.0005, 0.02, 0.02))], {"7-abc": resource})
    store.observe([snapshot(new_delays=(40.0,))], {"7-abc": resource})
    [point] = points(store.collect().data, "lifesign.eventloop.delay").values()
    assert (point.count, point.min, point.max) == (4, 0.0005, 40.0)
    assert point.explicit_bounds[0] == 0.001
    assert point.explicit_bounds[-1] == 30.0
    assert point.bucket_counts == (1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)


def test_counters_begin_when_the_process_did(resource: Resource, snapshot: Callable[..., Snapshot]) -> None:
    store = made()
    began = time.time_ns() - 60_000_000_000
    store.observe([snapshot(beats=600)], {"7-abc": resource})
    first = points(store.collect().data, "lifesign.heartbeats")[()]
    store.observe([snapshot(beats=610, uptime=61.0)], {"7-abc": resource})
    second = points(store.collect().data, "lifesign.heartbeats")[()]
    assert abs(first.start_time_unix_nano - began) < 1_000_000_000
    assert second.start_time_unix_nano == first.start_time_unix_nano
    assert second.value == 610


def test_the_preferred_temporality_is_kept(resource: Resource, snapshot: Callable[..., Snapshot]) -> None:
    delta = AggregationTemporality.DELTA
    store = made(preferences=({Counter: delta, ObservableCounter: delta, Histogram: delta}, None))
    store.observe([snapshot(beats=600)], {"7-abc": resource})
    first = points(store.collect().data, "lifesign.heartbeats")[()]
    assert first.value == 600
    store.observe([snapshot(beats=610)], {"7-abc": resource})
    data = store.collect().data
    second = points(data, "lifesign.heartbeats")[()]
    assert (second.value, second.start_time_unix_nano) == (10, first.time_unix_nano)
    kinds = {metric.name: metric.data for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    assert kinds["lifesign.heartbeats"].aggregation_temporality is delta
    assert kinds["lifesign.process.state"].aggregation_temporality is AggregationTemporality.CUMULATIVE
    assert values(data, "lifesign.process.state")[named(lifesign__state="healthy")] == 1, "no difference"
    assert values(store.collect().data, "lifesign.heartbeats") == {(): 0}
