"""What is synthetic is tagged on its whole way, and the real Collector keeps it apart."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lifesign.export.pipeline import Pipeline
from lifesign.settings import Settings
from lifesign.watch.telemetry import EventReading, Log, Resource, Snapshot, Span, Telemetry
from lifesign.wire.reader import PulseReader
from support import victims
from support.backends.collector import Collector
from support.paths import VICTIMS

KEY = "user_agent.synthetic.type"
TAG = {KEY: "test"}
AGE = "lifesign.event.age"
SPANS = LOGS = 40_000
PROCESSES, NAMES = 100, 100  # 20,000 data points of events, half of them synthetic


@pytest.fixture
def routing_collector(otelcol: str, tmp_path: Path) -> Iterator[Collector]:
    """A real Collector that keeps what is synthetic apart."""
    running = Collector(otelcol, tmp_path, "synthetic.yaml")
    running.start()
    yield running
    running.stop()


def test_a_mixed_run_has_every_synthetic_record_tagged_and_no_real_one(
    routing_collector: Collector, tmp_path: Path
) -> None:
    fast = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.02", "LIFESIGN_POLL_INTERVAL": "0.1", "LIFESIGN_METRIC_INTERVAL": "0.5"}
    run = [sys.executable, "-m", "lifesign", "run", "--dir", str(tmp_path / "run"), "--dry-run", "random:100", "--"]
    service = subprocess.Popen(
        [*run, sys.executable, str(VICTIMS / "mixed.py")],
        env={**os.environ, **fast, **routing_collector.environment("http/protobuf")},
        stdout=subprocess.PIPE,
        text=True,
    )
    with service:
        assert service.stdout is not None
        assert service.stdout.readline() == "ready\n"
        service.send_signal(signal.SIGTERM)
        assert service.wait(30) == 0
    routing_collector.stop()  # what it took is written
    real, synthetic = routing_collector, routing_collector.synthetic
    assert any(log.event == "lifesign.process.stopped" for log in real.logs())

    assert all(one.attributes[KEY] == "test" for one in (*synthetic.spans(), *synthetic.logs(), *synthetic.points()))
    assert not any(KEY in one.attributes for one in (*real.spans(), *real.logs(), *real.points()))
    # And by their names, whatever their tags say.
    assert {"checkpoint real checkpoint", "postcondition real_check", "boot"} <= {span.name for span in real.spans()}
    assert not any("synthetic" in span.name or span.name.startswith("dry_run") for span in real.spans())
    assert {"checkpoint synthetic checkpoint", "postcondition synthetic_check", "postconditions"} | {
        f"dry_run {kind}" for kind in ("trade", "order", "position")
    } == {span.name for span in synthetic.spans()}
    assert not any("synthetic" in log.body for log in real.logs())
    assert {log.event for log in synthetic.logs()} == {"lifesign.dry_run.failed", "lifesign.postcondition.failed"}
    assert all("real" not in log.body for log in synthetic.logs())
    assert {"lifesign.events", "lifesign.postcondition.passed", "lifesign.dry_run.events"} <= {
        point.metric for point in synthetic.points()
    }
    checked = {point.attributes.get("lifesign.postcondition.name") for point in real.points()}
    assert "real_check" in checked
    assert "synthetic_check" not in checked
    assert not [point for point in real.points() if point.metric.startswith("lifesign.dry_run")]
    # The counts are exact: each event of the run was counted once by the run, and once in its handler.
    made = newest(synthetic.points(), "lifesign.dry_run.events", "lifesign.dry_run.type", "lifesign.dry_run.outcome")
    counted = newest(synthetic.points(), "lifesign.events", "lifesign.event.name")
    assert counted["order",] == counted["synthetic order",] == sum(made.values()) >= 40
    assert made["order", "handled"] == made["trade", "failed"] == 0
    assert newest(real.points(), "lifesign.events", "lifesign.event.name")["synthetic order",] == 0
    # In a dry run synthetic events have an age too; with the name of a real one it is exported for the real one alone.
    ages = {point.attributes["lifesign.event.name"] for point in synthetic.points() if point.metric == AGE}
    assert ages == {"synthetic order"}
    assert set(newest(real.points(), AGE, "lifesign.event.name")) >= {("order",), ("real order",)}


def newest(points: list[Any], metric: str, *keys: str) -> dict[tuple[Any, ...], float]:
    """The last value of each series of a metric, by these attributes."""
    return {tuple(point.attributes[key] for key in keys): point.value for point in points if point.metric == metric}


def mixed(rng: random.Random, number: int) -> list[Telemetry]:
    """A span and a log record, each real or synthetic; their names say which."""
    kinds = [rng.choice(("real", "synthetic")) for _ in range(2)]
    tags: list[Any] = [TAG if kind == "synthetic" else {} for kind in kinds]
    trace, span = f"{number + 1:032x}", f"{number + 1:016x}"
    return [
        Span("7-abc", trace, span, kinds[0], 1_000, 2_000, attributes=tags[0]),
        Log("7-abc", f"uid-{number}", "lifesign.silence", 3_000, 4_000, 13, kinds[1], attributes=tags[1]),
    ]


def snapshot(number: int) -> Snapshot:
    return Snapshot(
        key=f"{number}-abc", pid=number, command="desk.py", service="desk", instance=f"i-{number}", state="healthy",
        why="", alive=True, expected=True, uptime=60.0, beats=600, beat_age=0.1, heartbeat_timeout=3.0, tasks=4,
        loops=1, events=tuple(EventReading(f"event-{name}", 1, 2, 0.5, None) for name in range(NAMES)),
        postconditions=(), checkpoints=(), boot="complete", boot_duration=1.0, dropped={},
    )  # fmt: skip


async def test_of_a_hundred_thousand_mixed_records_none_crosses_over(
    routing_collector: Collector, tmp_path: Path
) -> None:
    environ = {
        **routing_collector.environment("http/protobuf"),
        "LIFESIGN_SPOOL_DIR": str(tmp_path / "spool"),
        "LIFESIGN_METRIC_INTERVAL": "3600",  # once, at the end
    }
    rng = random.Random(7)
    sent = {"real": 0, "synthetic": 0}
    pipeline = Pipeline(Settings(environ=environ), environ)
    await pipeline.start()
    processes = [snapshot(number) for number in range(1, PROCESSES + 1)]
    pipeline.emit([Resource(one.key, {"service.instance.id": one.instance}) for one in processes], [])
    for start in range(0, SPANS, 1000):
        signals = [signal for number in range(start, start + 1000) for signal in mixed(rng, number)]
        for one in signals:
            sent[one.name if isinstance(one, Span) else one.body] += 1
        pipeline.emit([Resource("7-abc", {"service.name": "desk"})], signals)
    pipeline.publish(processes)
    await pipeline.close(120.0)
    routing_collector.stop()  # what it took is written
    assert sum(sent.values()) == SPANS + LOGS

    found = {}
    for kind, written in (("real", routing_collector), ("synthetic", routing_collector.synthetic)):
        records = [span.name for span in written.spans()] + [log.body for log in written.logs()]
        points = [point for point in written.points() if point.metric == "lifesign.events"]
        found[kind] = (len(records), set(records), len(points), {point.value for point in points})
        assert all((KEY in point.attributes) is (kind == "synthetic") for point in written.points())
    assert found == {
        "real": (sent["real"], {"real"}, PROCESSES * NAMES, {1.0}),
        "synthetic": (sent["synthetic"], {"synthetic"}, PROCESSES * NAMES, {2.0}),
    }


def test_the_apps_own_spans_and_calls_belong_to_the_event(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    hop = [sys.executable, str(VICTIMS / "hop.py")]
    with victims.start([*hop, "serve"], tmp_path) as callee:
        assert callee.stdout is not None
        try:
            url = f"http://127.0.0.1:{int(callee.stdout.readline())}/"
            caller = victims.start([*hop, "call", url], run, {"DRY_RUN": "1"})
            out, err = caller.communicate(timeout=60)
            assert (caller.returncode, err) == (0, b"")
            requests = [json.loads(callee.stdout.readline()) for _ in range(4)]
        finally:
            callee.kill()
    (folder,) = victims.folders(run)
    records = [json.loads(one.payload) for one in PulseReader(os.open(folder, os.O_RDONLY)).ring().records]
    (event,) = (record for record in records if record["kind"] == "dry_run")
    (book,) = json.loads(out)  # the event that is not exported is not sampled: the app's SDK leaves it out too
    assert (book["trace"], book["parent"]) == (event["trace"], event["id"])
    before, reported, unsampled, after = requests
    assert (reported["trace"], reported["parent"]) == (event["trace"], book["span"])
    assert reported["baggage"] == unsampled["baggage"] == TAG
    assert (reported["recorded"], unsampled["recorded"]) == (True, False)
    assert before["baggage"] == after["baggage"] == {}
    assert event["trace"] not in (before["trace"], after["trace"], unsampled["trace"])
