"""Metrics over the life of a process and of the clock: last values, jumps, nothing left behind."""

from __future__ import annotations

import atexit
import gc
import os
import threading
import time
import weakref
from typing import Any, Callable

import pytest
from opentelemetry.sdk.metrics._internal import measurement_consumer, metric_reader_storage
from opentelemetry.sdk.metrics.export import MetricsData

from lifesign.export import metrics as metrics_module
from lifesign.watch.telemetry import Resource, Snapshot
from support.made.points import made, points, values


def test_a_process_that_is_gone_has_a_last_say(resource: Resource, snapshot: Callable[..., Snapshot]) -> None:
    store = made()
    other = Resource("8-def", {"service.name": "other"})
    known = {"7-abc": resource, "8-def": other}
    store.observe([snapshot(), snapshot(key="8-def")], known)
    store.observe([snapshot(expected=False, state="stopped"), snapshot(key="8-def")], known)
    store.observe([snapshot(key="8-def")], known)

    last = store.collect()
    assert last.gone == {"7-abc"}
    assert len(last.data.resource_metrics) == 2
    assert values(MetricsData(last.data.resource_metrics[:1]), "lifesign.heartbeat.expected") == {(): 0}
    again = store.collect()
    assert len(again.data.resource_metrics) == 2, "until it is delivered"
    store.forget(again.gone)
    store.forget(again.gone | {"8-def"})
    [left] = store.collect().data.resource_metrics
    assert left.resource.attributes["service.name"] == "other"


def test_a_last_say_is_not_offered_for_ever(
    resource: Resource, snapshot: Callable[..., Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_module, "GONE_AGE_MAX", 0.0)
    store = made()
    store.observe([snapshot()], {"7-abc": resource})
    store.observe([], {})
    time.sleep(0.001)
    store.observe([], {})
    assert store.collect().data.resource_metrics == []


def test_a_wall_clock_that_jumps_while_it_collects_costs_nothing(
    resource: Resource, snapshot: Callable[..., Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = made()
    store.observe([snapshot(tasks=9, beats=7)], {"7-abc": resource})
    readings = iter([time.time_ns()])  # the SDK sets its deadline, and then it is an hour later
    monkeypatch.setattr(measurement_consumer, "time_ns", lambda: next(readings, time.time_ns() + 3600 * 10**9))
    data = store.collect().data
    assert values(data, "lifesign.tasks") == {(): 9}
    assert values(data, "lifesign.heartbeats") == {(): 7}
    assert next(readings, None) is None  # it was asked


def test_a_wall_clock_that_is_set_back_puts_no_point_before_its_start(
    resource: Resource, snapshot: Callable[..., Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = made()
    store.observe([snapshot(new_delays=(0.1,))], {"7-abc": resource})
    store.collect()
    real = time.time_ns
    earlier = lambda: real() - 3600 * 10**9  # noqa: E731 - for both who ask
    monkeypatch.setattr(metric_reader_storage, "time_ns", earlier)
    monkeypatch.setattr(time, "time_ns", earlier)
    for name in ("lifesign.heartbeats", "lifesign.eventloop.delay", "lifesign.records.dropped"):
        for point in points(store.collect().data, name).values():
            assert point.start_time_unix_nano <= point.time_unix_nano < real() - 3000 * 10**9


def test_without_a_resource_there_is_nothing_to_say(snapshot: Callable[..., Snapshot]) -> None:
    store = made()
    store.observe([snapshot()], {})
    assert store.collect().data.resource_metrics == []


def test_nothing_stays_of_a_process(
    resource: Resource, snapshot: Callable[..., Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks: list[Any] = []
    monkeypatch.setattr(atexit, "register", hooks.append)
    monkeypatch.setattr(os, "register_at_fork", lambda **of: hooks.append(of))
    threads = set(threading.enumerate())
    store = made()
    store.observe([snapshot(new_delays=(0.1,))], {"7-abc": resource})
    process = weakref.ref(store._processes["7-abc"])
    provider = weakref.ref(store._processes["7-abc"].delays._provider)
    store.collect()
    assert set(threading.enumerate()) <= threads
    store.observe([], {})
    store.forget(store.collect().gone)
    gc.collect()
    assert process() is None
    assert provider() is None
    assert hooks == []
