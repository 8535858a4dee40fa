"""What the delay histogram leads to: the span of who kept the loop."""

from __future__ import annotations

from typing import Any, Callable

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

from lifesign.export.exemplars import AT_ONCE_MAX
from lifesign.watch.telemetry import Log, Profile, Resource, Snapshot, Span
from support.made.points import made, points

DELAY = "lifesign.eventloop.delay"
TRACE = "0123456789abcdef0123456789abcdef"


def shown(data: Any) -> list[tuple[float, int, str, str]]:
    """As they are sent."""
    return [
        (one.as_double, one.time_unix_nano, one.trace_id.hex(), one.span_id.hex())
        for of_resource in encode_metrics(data).resource_metrics
        for metric in of_resource.scope_metrics[0].metrics
        if metric.name == DELAY
        for point in metric.histogram.data_points
        for one in point.exemplars
    ]


def test_a_block_a_freeze_and_a_stall_of_the_programs_span_are_in_the_next_collection_alone(
    resource: Resource,
    snapshot: Callable[..., Snapshot],
    span: Callable[..., Span],
    log: Callable[..., Log],
    profile: Callable[..., Profile],
) -> None:
    store = made()
    store.observe([snapshot(new_delays=(0.001, 4.0))], {"7-abc": resource})
    ended = {"start": 10_000_000_000, "end": 14_000_000_000}
    worst = {"lifesign.stall.worst": 0.25}
    stall = {"event": "lifesign.eventloop.stall", "time": 9_000_000_000, "attributes": worst}
    store.exemplify(
        [
            span(1, name="eventloop blocked", **ended),
            span(2, name="process frozen", **ended),
            span(3, name="boot", **ended),
            span(4, name="eventloop blocked", resource="9-other", **ended),
            log(5, **stall, trace=TRACE, span="00000000000000aa"),
            log(6, **stall),
            log(6, **stall, trace=TRACE, span="not a span"),
            log(6, **stall, trace=TRACE + "0", span="00000000000000aa"),
            log(7, **{**stall, "attributes": {}}, trace=TRACE, span="00000000000000aa"),
            log(8, trace=TRACE, span="00000000000000aa", attributes=worst),
            profile(9, trace=TRACE, span="00000000000000aa"),
        ]
    )
    first, second = store.collect().data, store.collect().data
    assert shown(first) == [
        (4.0, 14_000_000_000, TRACE, "0000000000000001"),
        (4.0, 14_000_000_000, TRACE, "0000000000000002"),
        (0.25, 9_000_000_000, TRACE, "00000000000000aa"),
    ]
    assert shown(second) == []
    assert points(second, DELAY)[()].count == 2


def test_the_newest_are_kept(resource: Resource, snapshot: Callable[..., Snapshot], span: Callable[..., Span]) -> None:
    store = made()
    store.observe([snapshot(new_delays=(4.0,))], {"7-abc": resource})
    store.exemplify([span(number, name="eventloop blocked") for number in range(1, AT_ONCE_MAX + 6)])
    assert [one[3] for one in shown(store.collect().data)] == [f"{one:016x}" for one in range(6, AT_ONCE_MAX + 6)]
