"""The whole room: what is put arrives, and every exit is bounded."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest

from lifesign.errors import SettingError
from lifesign.export import metric_push
from lifesign.export.pipeline import RESOURCES_MAX, Pipeline
from lifesign.settings import Settings
from lifesign.watch.telemetry import Log, Profile, Resource, Snapshot, Span
from support.made.spools import piping
from support.otlp_server import Answer, HttpServer
from support.waiting import until


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many attempts of the last push as ever, at once."""
    monkeypatch.setattr(metric_push, "_LAST_PAUSES", tuple(pause / 1000 for pause in metric_push._LAST_PAUSES))


@pytest.fixture
def silence() -> Iterator[str]:
    """The URL of something that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


async def test_profiles_are_a_kind_of_their_own(
    tmp_path: Path,
    collector: HttpServer,
    resource: Resource,
    span: Callable[..., Span],
    profile: Callable[..., Profile],
) -> None:
    collector.script("profiles", *[Answer(404)] * 50)
    async with piping(collector.url, tmp_path, 0.3, LIFESIGN_PROFILES="1") as pipeline:
        pipeline.emit([resource], [profile(1), span(1)])
        await until(lambda: collector.spans() and pipeline.status().errors)
        assert "such a pipeline" in pipeline.status().errors[0]
    collector.relent()
    asked = len(collector.of("profiles"))
    async with piping(collector.url, tmp_path) as pipeline:  # they are off: those that wait go on waiting
        pipeline.emit([resource], [profile(2)])
    assert len(collector.of("profiles")) == asked
    async with piping(collector.url, tmp_path, LIFESIGN_PROFILES="1"):
        await until(lambda: len(collector.of("profiles")) > asked)
    [message] = collector.of("profiles")[asked:]
    profiles = message.resource_profiles[0].scope_profiles[0].profiles
    assert {one.time_unix_nano for one in profiles} == {5_000}
    assert len(profiles) == 3, "of the first one alone"
    assert len(collector.spans()) == 1


async def test_everything_arrives_on_close(
    tmp_path: Path,
    collector: HttpServer,
    resource: Resource,
    span: Callable[..., Span],
    log: Callable[..., Log],
    snapshot: Callable[..., Snapshot],
) -> None:
    async with piping(collector.url, tmp_path) as pipeline:
        pipeline.emit([resource], [span(1), log(2)])
        pipeline.publish([snapshot(beats=5)])
        assert collector.of("metrics") == []
    assert [s.name for s in collector.spans()] == ["span 1"]
    assert [r.body.string_value for r in collector.logs()] == ["log 2"]
    [request] = collector.of("metrics")
    names = [metric.name for metric in request.resource_metrics[0].scope_metrics[0].metrics]
    assert "lifesign.heartbeats" in names


async def test_metrics_go_out_on_their_own_clock(
    tmp_path: Path, collector: HttpServer, resource: Resource, snapshot: Callable[..., Snapshot]
) -> None:
    async with piping(collector.url, tmp_path, LIFESIGN_METRIC_INTERVAL="0.01") as pipeline:
        pipeline.emit([resource], [])
        pipeline.publish([snapshot()])
        await until(lambda: len(collector.of("metrics")) >= 3)
        assert pipeline.status().last_success_age is not None


async def test_a_tombstone_is_sent_at_once(
    tmp_path: Path, collector: HttpServer, resource: Resource, snapshot: Callable[..., Snapshot]
) -> None:
    async with piping(collector.url, tmp_path, LIFESIGN_METRIC_INTERVAL="60") as pipeline:
        pipeline.emit([resource], [])
        pipeline.publish([snapshot()])
        pipeline.publish([snapshot(state="stopped", alive=False, expected=False)])
        await until(lambda: collector.of("metrics"))
        pipeline.publish([snapshot(state="stopped", alive=False, expected=False)])
        await asyncio.sleep(0.02)
        [request] = collector.of("metrics")
    [expected] = [
        metric
        for metric in request.resource_metrics[0].scope_metrics[0].metrics
        if metric.name == "lifesign.heartbeat.expected"
    ]
    assert expected.gauge.data_points[0].as_int == 0


@pytest.mark.parametrize("state", ["healthy", "idle"])
async def test_who_is_about_to_end_is_sent_at_once(
    tmp_path: Path, collector: HttpServer, resource: Resource, snapshot: Callable[..., Snapshot], state: str
) -> None:
    due = state == "healthy"
    async with piping(collector.url, tmp_path, LIFESIGN_METRIC_INTERVAL="60") as pipeline:
        pipeline.emit([resource], [])
        pipeline.publish([snapshot(state=state, expected=False)])
        await asyncio.sleep(0.02)
        while due and not collector.of("metrics"):
            await asyncio.sleep(0.01)
        assert len(collector.of("metrics")) == due


async def test_metrics_have_one_attempt_each(
    tmp_path: Path,
    collector: HttpServer,
    resource: Resource,
    snapshot: Callable[..., Snapshot],
    caplog: pytest.LogCaptureFixture,
) -> None:
    collector.script("metrics", Answer(503), Answer(400))
    async with piping(collector.url, tmp_path, LIFESIGN_METRIC_INTERVAL="0.01") as pipeline:
        pipeline.emit([resource], [])
        pipeline.publish([snapshot()])
        await until(lambda: collector.of("metrics"))
        await until(lambda: pipeline.status().errors)
        [error] = pipeline.status().errors
        assert error == f"metrics to {collector.url}/v1/metrics: HTTP 503 Service Unavailable"
        await until(lambda: len(collector.of("metrics")) == 3)
        await until(lambda: not pipeline.status().errors)
        assert pipeline.status().stats.rejected == 0
    assert caplog.text.count("metrics do not reach") == 1


@pytest.mark.usefixtures("short_pauses")
async def test_metrics_wait_for_as_long_as_the_collector_asks(
    tmp_path: Path, collector: HttpServer, resource: Resource, snapshot: Callable[..., Snapshot]
) -> None:
    collector.script("metrics", Answer(503, headers={"Retry-After": "0.1"}), Answer(429, headers={"Retry-After": "60"}))
    async with piping(collector.url, tmp_path, LIFESIGN_METRIC_INTERVAL="0.005") as pipeline:
        pipeline.emit([resource], [])
        began = time.monotonic()
        pipeline.publish([snapshot()])
        await until(lambda: pipeline.status().errors)
        pipeline.publish([snapshot(state="stopped", alive=False, expected=False)])  # not even a tombstone is sent
        await until(lambda: len(collector.of("metrics")) == 2)
        assert time.monotonic() - began >= 0.1
        await until(lambda: collector.pending("metrics") == 0)
        await asyncio.sleep(0.03)
        assert len(collector.of("metrics")) == 2
    assert len(collector.of("metrics")) == 3, "one at the end, since there is no later one"


async def test_one_whose_metrics_cannot_be_encoded_does_not_take_those_of_others_with_it(
    tmp_path: Path, collector: HttpServer, snapshot: Callable[..., Snapshot]
) -> None:
    resources = [Resource(f"{number}-abc", {"service.name": f"shop {number}"}) for number in range(5)]
    collector.script("metrics", Answer(413))  # a request that is too large is halved, too
    async with piping(collector.url, tmp_path, LIFESIGN_METRIC_INTERVAL="60") as pipeline:
        pipeline.emit(resources, [])
        pipeline.publish([snapshot(key=one.key, tasks=1 << 70 if one.key == "3-abc" else 4) for one in resources])
    arrived = [
        of_resource.resource.attributes[0].value.string_value
        for request in collector.of("metrics")
        for of_resource in request.resource_metrics
    ]
    assert sorted(set(arrived)) == ["shop 0", "shop 1", "shop 2", "shop 4"]


@pytest.mark.usefixtures("short_pauses")
async def test_a_half_that_is_to_wait_makes_the_other_wait(
    tmp_path: Path, collector: HttpServer, snapshot: Callable[..., Snapshot]
) -> None:
    resources = [Resource(f"{number}-abc", {"service.name": f"shop {number}"}) for number in range(2)]
    collector.script("metrics", Answer(413), Answer(503))
    async with piping(collector.url, tmp_path, LIFESIGN_METRIC_INTERVAL="60") as pipeline:
        pipeline.emit(resources, [])
        pipeline.publish([snapshot(key=one.key) for one in resources])
    assert [len(request.resource_metrics) for request in collector.of("metrics")] == [2, 1, 2]


@pytest.mark.usefixtures("short_pauses")
async def test_the_last_push_is_tried_again(
    tmp_path: Path, collector: HttpServer, resource: Resource, snapshot: Callable[..., Snapshot]
) -> None:
    collector.script("metrics", Answer(503), Answer(503))
    async with piping(collector.url, tmp_path, LIFESIGN_METRIC_INTERVAL="60") as pipeline:
        pipeline.emit([resource], [])
        pipeline.publish([snapshot()])
    assert len(collector.of("metrics")) == 3
    assert not pipeline.status().errors


async def test_a_process_that_is_gone_has_a_last_say(
    tmp_path: Path, collector: HttpServer, resource: Resource, snapshot: Callable[..., Snapshot]
) -> None:
    async with piping(collector.url, tmp_path, LIFESIGN_METRIC_INTERVAL="0.01") as pipeline:
        pipeline.emit([resource], [])
        pipeline.publish([snapshot()])
        pipeline.publish([])
        await until(lambda: collector.of("metrics"))
        await asyncio.sleep(0.03)
    assert len(collector.of("metrics")) == 1


@pytest.mark.usefixtures("short_pauses")
async def test_a_dead_collector_does_not_hold_the_exit(
    tmp_path: Path, resource: Resource, span: Callable[..., Span], snapshot: Callable[..., Snapshot]
) -> None:
    async with piping("http://127.0.0.1:1", tmp_path, timeout=60) as pipeline:
        pipeline.emit([resource], [span(1)])
        pipeline.publish([snapshot()])
        await until(lambda: pipeline.status().errors)
        began = time.monotonic()
    assert time.monotonic() - began < 30  # half of what it was given
    left = pipeline.status()
    assert left.stats.spool_size > 0
    assert left.last_success_age is None
    assert left.errors[0] == "traces to http://127.0.0.1:1/v1/traces: Connection refused"


async def test_a_hanging_collector_does_not_hold_the_exit(
    tmp_path: Path,
    silence: str,
    collector: HttpServer,
    resource: Resource,
    span: Callable[..., Span],
    snapshot: Callable[..., Snapshot],
) -> None:
    async with piping(silence, tmp_path, timeout=0.04, OTEL_EXPORTER_OTLP_TIMEOUT="60") as pipeline:
        pipeline.emit([resource], [span(1)])
        pipeline.publish([snapshot()])
        await asyncio.sleep(0.01)
        began = time.monotonic()
    assert 0.03 < time.monotonic() - began < 30  # half of what an attempt has
    async with piping(collector.url, tmp_path) as pipeline:
        await until(lambda: pipeline.status().stats.spool_size == 0)
    assert [s.name for s in collector.spans()] == ["span 1"], "the rest stayed in the spool"


async def test_what_is_not_exported_is_not_spooled(
    tmp_path: Path, collector: HttpServer, resource: Resource, span: Callable[..., Span], log: Callable[..., Log]
) -> None:
    off = {"OTEL_METRICS_EXPORTER": "none", "OTEL_TRACES_EXPORTER": "none"}
    async with piping(collector.url, tmp_path, **off) as pipeline:
        pipeline.emit([resource], [span(1)])
        pipeline.publish([])
        assert pipeline.status().stats.spool_size == 0
        pipeline.emit([resource], [log(1)])
    assert [kind for kind, _ in collector.requests] == ["logs"]
    assert pipeline.status().endpoints == {"logs": f"{collector.url}/v1/logs"}


async def test_a_kind_that_is_not_taken_holds_up_no_other(
    tmp_path: Path, collector: HttpServer, resource: Resource, span: Callable[..., Span], log: Callable[..., Log]
) -> None:
    collector.script("logs", *[Answer(404)] * 100)
    async with piping(collector.url, tmp_path, timeout=0.5) as pipeline:
        pipeline.emit([resource], [log(1)])
        await until(lambda: pipeline.status().errors)
        for number in range(3):
            pipeline.emit([resource], [span(number), log(number)])
            await until(lambda number=number: len(collector.spans()) == number + 1)
        assert await pipeline.flush()
        status = pipeline.status()
        assert status.stats.spool_size > 0
        assert status.stats.age > 0
        assert status.stats.retries > 0
        await until(lambda: pipeline.status().stats.retries == len(collector.of("logs")))  # one may be on its way
        assert status.summary().startswith("last success 0.")


def test_a_malformed_endpoint_is_told_at_once() -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}
    with pytest.raises(SettingError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        Pipeline(Settings(environ=environ), environ)


async def test_resources_are_not_kept_for_ever(tmp_path: Path, collector: HttpServer) -> None:
    async with piping(collector.url, tmp_path) as pipeline:
        pipeline.emit([Resource(str(n), {}) for n in range(RESOURCES_MAX + 10)], [])
        assert len(pipeline._resources) == RESOURCES_MAX
        assert "9" not in pipeline._resources
