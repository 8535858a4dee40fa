"""The main job: one service, one sidecar, one real Collector; all signals arrive, by each protocol."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.backends.collector import Collector
from support.paths import VICTIMS
from support.victims import environment
from support.waiting import eventually

DESK = VICTIMS / "desk.py"
RATES = next(at for at, line in enumerate(DESK.read_text().splitlines(), 1) if "time.sleep" in line)
FAST = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.05", "LIFESIGN_POLL_INTERVAL": "0.1", "LIFESIGN_METRIC_INTERVAL": "0.5"}
IDENTITY = {"OTEL_SERVICE_NAME": "desk", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test"}
EVENTS = {"LIFESIGN_EVENTS": "order=30s"}
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Running:
    """A service that is watched, however it is."""

    def __init__(self, run_directory: Path, service: subprocess.Popen[str], *others: subprocess.Popen[str]) -> None:
        self.run_directory = run_directory
        self.service = service
        self._others = others

    def end(self) -> int:
        """Asks for the end; returns the exit status."""
        self.service.send_signal(signal.SIGTERM)
        status = self.service.wait(20)
        for other in self._others:
            other.send_signal(signal.SIGTERM)
            assert other.wait(20) == 0
        return status


def run(tmp_path: Path, environ: dict[str, str]) -> Running:
    """`lifesign run -- python desk.py`."""
    command = [sys.executable, "-m", "lifesign", "run", "--dir", str(tmp_path / "run"), "--", sys.executable, str(DESK)]
    started = subprocess.Popen(
        command,
        env={**os.environ, **FAST, **IDENTITY, **EVENTS, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return Running(tmp_path / "run", started)


def watch(tmp_path: Path, environ: dict[str, str]) -> Running:
    """The container's shape: the service by itself, `lifesign watch` beside it, one directory between them."""
    directory = tmp_path / "run"
    directory.mkdir()
    main = {**environment(directory, FAST), **IDENTITY, **EVENTS}
    main["TRACEPARENT"] = environ["TRACEPARENT"]
    service = subprocess.Popen([sys.executable, str(DESK)], env=main, stdout=subprocess.PIPE, text=True)
    sidecar = subprocess.Popen(
        [sys.executable, "-m", "lifesign", "watch", "--dir", str(directory)],
        env={**os.environ, **FAST, **environ, "OTEL_SERVICE_NAME": "not-the-sidecar"},
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return Running(directory, service, sidecar)


@pytest.mark.parametrize("start", [run, watch], ids=["run", "watch"])
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_all_signals_arrive(start: Any, protocol: str, collector: Collector, tmp_path: Path) -> None:
    running = start(tmp_path, {**collector.environment(protocol), "TRACEPARENT": f"00-{TRACE}-{PARENT}-01"})
    assert running.service.stdout.readline() == "ready\n"
    dump = subprocess.run(
        [sys.executable, "-m", "lifesign", "dump", "--dir", str(running.run_directory), "--json"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert dump.returncode == 0, dump.stderr
    eventually(lambda: any(log.event == "lifesign.task_dump" for log in collector.logs()), seconds=60)
    eventually(
        lambda: any(point.metric == "lifesign.heartbeats" and point.value > 5 for point in collector.points()),
        seconds=60,
    )
    eventually(lambda: any(log.event == "lifesign.eventloop.stall" for log in collector.logs()), seconds=60)
    share, stalled = "lifesign.eventloop.utilization", "lifesign.eventloop.stall.time"
    eventually(lambda: any(point.metric == share for point in collector.points()), seconds=60)
    eventually(lambda: any(point.metric == stalled and point.value > 0 for point in collector.points()), seconds=60)
    assert running.end() == 0
    running.service.stdout.close()
    eventually(lambda: any(log.event == "lifesign.process.stopped" for log in collector.logs()), seconds=60)

    spans, logs, points = collector.spans(), collector.logs(), collector.points()
    whose = {(one.resource["service.name"], one.resource["process.pid"]) for one in (*spans, *logs, *points)}
    assert len(whose) == 1
    ((service, pid),) = whose
    assert service == "desk"
    assert {one.resource["deployment.environment.name"] for one in (*spans, *logs, *points)} == {"test"}
    assert {one.resource["telemetry.distro.name"] for one in (*spans, *logs, *points)} == {"lifesign"}
    if start is watch:
        assert pid == running.service.pid

    assert_boot(spans, logs)
    assert_postconditions(spans, logs)
    assert_dry_run(spans)
    assert_task_dump(logs)
    assert_stalls(logs, points)
    assert_metrics(points)
    # Each thing is exported once: the ids of a boot's spans, the uids of the log records.
    assert len({span.id for span in spans}) == len(spans)
    assert len({log.attributes["log.record.uid"] for log in logs}) == len(logs)
    assert not any(log.event.endswith((".blocked", ".frozen", ".died", ".silence")) for log in logs)


def assert_boot(spans: list[Any], logs: list[Any]) -> None:
    (root,) = (span for span in spans if span.name == "boot")
    assert (root.trace, root.parent) == (TRACE, PARENT)
    assert root.error == "Post-conditions failed: database connected: refused by 10.0.0.7"
    children = {span.name: span for span in spans if span.parent == root.id}
    assert set(children) == {
        "checkpoint started", "checkpoint timeout configured", "checkpoint config loaded", "checkpoint booting",
        "checkpoint broker connected", "checkpoint waiting for first event", "checkpoint first event received",
        "checkpoint post-conditions",
    }  # fmt: skip
    numbers = {name: span.attributes.get("lifesign.checkpoint.number") for name, span in children.items()}
    assert numbers["checkpoint started"] == 1
    assert numbers["checkpoint post-conditions"] == 7
    assert numbers["checkpoint broker connected"] is None
    assert children["checkpoint broker connected"].end - children["checkpoint broker connected"].start >= 50_000_000
    assert children["checkpoint booting"].error is None
    assert children["checkpoint post-conditions"].error is not None
    assert {log.trace for log in logs if log.event == "lifesign.boot.failed"} == {TRACE}


def assert_postconditions(spans: list[Any], logs: list[Any]) -> None:
    (root,) = (span for span in spans if span.name == "postconditions")
    assert root.error == "Post-conditions failed: database connected: refused by 10.0.0.7"
    children = {span.name: span for span in spans if span.parent == root.id}
    assert set(children) == {"postcondition database connected", "postcondition rules loaded"}
    failed = children["postcondition database connected"]
    assert failed.error == "refused by 10.0.0.7"
    assert failed.attributes["error.type"] == "postcondition_failed"
    assert children["postcondition rules loaded"].error is None
    (log,) = (log for log in logs if log.event == "lifesign.postcondition.failed")
    assert (log.trace, log.span) == (failed.trace, failed.id)


def assert_dry_run(spans: list[Any]) -> None:
    synthetic = [span for span in spans if span.name.startswith("dry_run ")]
    assert sorted(span.name for span in synthetic) == ["dry_run order", "dry_run position", "dry_run trade"]
    tagged = [span for span in spans if span.attributes.get("user_agent.synthetic.type") == "test"]
    assert tagged == synthetic


def assert_task_dump(logs: list[Any]) -> None:
    summary = next(log for log in logs if log.event == "lifesign.task_dump")
    groups = [
        log
        for log in logs
        if log.attributes.get("lifesign.task_dump.id") == summary.attributes["lifesign.task_dump.id"]
    ]
    workers = next(log for log in groups if log.attributes.get("lifesign.task_group.count") == 5)
    assert workers.attributes["lifesign.task_group.index"] == 0
    assert sorted(workers.attributes["lifesign.task_group.names"]) == [f"worker-{number}" for number in range(5)]
    assert "in wait_for_work" in workers.attributes["code.stacktrace"]
    assert workers.attributes["code.function.name"] == "wait_for_work"


def assert_stalls(logs: list[Any], points: list[Any]) -> None:
    records = [log for log in logs if log.event == "lifesign.eventloop.stall"]
    named = [log for log in records if log.attributes.get("code.function.name") == "load_rates"]
    assert named, [log.body for log in records]
    for log in named:
        assert log.severity == 13
        assert (log.attributes["lifesign.stall.kind"], log.attributes["lifesign.cause"]) == ("call", "short-stalls")
        assert (log.attributes["lifesign.task.name"], log.attributes["code.line.number"]) == ("rates", RATES)
        assert log.attributes["lifesign.stall.time"] >= log.attributes["lifesign.stall.worst"] > 0
        assert "in load_again_and_again" in log.attributes["code.stacktrace"]
        assert "load_rates (desk.py:" in log.body
    seconds = [
        (point.attributes.get("code.function.name"), point.attributes["lifesign.stall.kind"], point.value)
        for point in points
        if point.metric == "lifesign.eventloop.stall.time"
    ]
    first = [(kind, value) for name, kind, value in seconds[:7] if name in (None, "other")]
    assert ("gc", 0.0) in first, "there is a zero before anything has happened"
    of_rates = [value for name, kind, value in seconds if (name, kind) == ("load_rates", "call")]
    assert of_rates == sorted(of_rates)
    assert of_rates[-1] > 0.2
    by_state: dict[str, list[float]] = {"active": [], "idle": []}
    for point in points:
        if point.metric == "lifesign.eventloop.time":
            by_state[point.attributes["lifesign.eventloop.state"]].append(point.value)
    assert all(values == sorted(values) and values[-1] > 0 for values in by_state.values())
    assert all(0 <= point.value <= 1 for point in points if point.metric == "lifesign.eventloop.utilization")


def assert_metrics(points: list[Any]) -> None:
    by_name: dict[str, list[Any]] = {}
    for point in points:
        by_name.setdefault(point.metric, []).append(point)
    limit = (
        "container.memory.usage",
        "lifesign.container.memory.limit",
    )  # where the tests run in a control group with one
    kinds = {name: (found[0].kind, found[0].unit) for name, found in by_name.items() if name not in limit}
    assert kinds == {
        "lifesign.heartbeats": ("sum", "{heartbeat}"),
        "lifesign.heartbeat.age": ("gauge", "s"),
        "lifesign.heartbeat.timeout": ("gauge", "s"),
        "lifesign.heartbeat.expected": ("gauge", "1"),
        "lifesign.eventloop.delay": ("histogram", "s"),
        "lifesign.eventloop.utilization": ("gauge", "1"),
        "lifesign.eventloop.time": ("sum", "s"),
        "lifesign.eventloop.stall.time": ("sum", "s"),
        "lifesign.eventloops.unwatched": ("gauge", "{loop}"),
        "lifesign.process.state": ("sum", "1"),
        "lifesign.tasks": ("gauge", "{task}"),
        "lifesign.events": ("sum", "{event}"),
        "lifesign.event.age": ("gauge", "s"),
        "lifesign.event.deadline": ("gauge", "s"),
        "lifesign.boot.duration": ("gauge", "s"),
        "lifesign.boot.status": ("sum", "1"),
        "lifesign.postcondition.passed": ("gauge", "1"),
        "lifesign.records.dropped": ("sum", "{record}"),
        "lifesign.spool.size": ("gauge", "By"),
        "lifesign.export.retries": ("sum", "{attempt}"),
        "lifesign.export.age": ("gauge", "s"),
        "lifesign.export.rejected": ("sum", "{record}"),
        "lifesign.dry_run.events": ("sum", "{event}"),
        "lifesign.dry_run.skipped": ("sum", "{event}"),
        "lifesign.dry_run.lag": ("gauge", "s"),
        "process.uptime": ("gauge", "s"),
        "process.cpu.time": ("sum", "s"),
        "process.memory.usage": ("sum", "By"),
        "process.thread.count": ("sum", "{thread}"),
        "process.unix.file_descriptor.count": ("sum", "{file_descriptor}"),
        "process.context_switches": ("sum", "{context_switch}"),
        "process.paging.faults": ("sum", "{fault}"),
        "cpython.gc.collections": ("sum", "{collection}"),
        "cpython.gc.collected_objects": ("sum", "{object}"),
        "cpython.gc.uncollectable_objects": ("sum", "{object}"),
    }
    assert by_name["process.memory.usage"][-1].value > 4e6, "a Python is larger"
    assert by_name["process.thread.count"][-1].value >= 2, "the watchdog is one"
    cpu = [one.value for one in by_name["process.cpu.time"] if one.attributes["cpu.mode"] == "user"]
    assert cpu == sorted(cpu)
    assert cpu[-1] > 0
    beats = [point.value for point in by_name["lifesign.heartbeats"]]
    assert beats == sorted(beats)
    assert by_name["lifesign.heartbeat.timeout"][0].value == 3
    assert by_name["lifesign.heartbeat.expected"][0].value == 1
    assert by_name["lifesign.heartbeat.expected"][-1].value == 0  # the tombstone
    events = {point.attributes.get("user_agent.synthetic.type"): point.value for point in by_name["lifesign.events"]}
    assert events == {None: 1, "test": 3}
    passed = {
        point.attributes["lifesign.postcondition.name"]: point.value
        for point in by_name["lifesign.postcondition.passed"]
    }
    assert passed == {"database connected": 0, "rules loaded": 1}
    assert {point.value for point in by_name["lifesign.records.dropped"]} == {0}
    reasons = {point.attributes["lifesign.reason"] for point in by_name["lifesign.records.dropped"]}
    assert reasons == {"ring", "spool", "invalid"}
    last = {point.attributes["lifesign.state"]: point.value for point in by_name["lifesign.process.state"][-9:]}
    assert last == {
        "starting": 0, "healthy": 0, "silent": 0, "degraded": 0, "idle": 0,
        "blocked": 0, "frozen": 0, "dead": 0, "stopped": 1,
    }  # fmt: skip
