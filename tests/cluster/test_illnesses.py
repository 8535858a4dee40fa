"""Every illness on a real node, all at once: reported with its cause, ended if a probe says so, delivered.

Probes, graces and timeouts are those of the chart. `make cluster PYTEST_ARGS=-s` prints what took how long.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from cluster.node.place import ADDRESS
from cluster.scene import BUSY, Scene, service, status
from support.backends.collector import Collector, LogSeen
from support.built import built

SILENT = {"settings": {"events": "tick=5s"}}
HELD = ("blocked", "frozen")  # until their liveness probe has failed for long enough
KILLED = ("greedy", "crashing")
WELL = ("well", "neighbour")


class Ward:
    """All of the services, and when each fell ill."""

    def __init__(self, scene: Scene, away: Collector) -> None:
        self.scene = scene
        self.away = away  # a Collector that is not there while its service is ill
        self.pods: dict[str, dict[str, Any]] = {}
        self.ill: dict[str, float] = {}

    def open(self) -> None:
        endpoint = self.away.environment("http/protobuf")["OTEL_EXPORTER_OTLP_ENDPOINT"]
        self.scene.deploy(
            service("blocked", illness="blocks"),
            service("unheard", illness="blocks", values={"otlp": {"endpoint": endpoint}}),
            service("frozen"),
            service("locked", illness="deadlock"),
            service("greedy", illness="memory"),
            service("crashing", illness="crash"),
            service("silent", illness="silence", values=SILENT),
            service("well", values={"probes": {"readiness": {"enabled": True}}}),
            service("neighbour", values={"probes": {"by": "exec", "readiness": {"enabled": True}}}),
        )
        for name in ("blocked", "unheard", "frozen", "locked", "greedy", "crashing", "silent", *WELL):
            (self.pods[name],) = self.scene.ready(name)

    def fall_ill(self) -> None:
        for name in ("blocked", "unheard", "locked", "greedy", "crashing", "silent"):
            self._signal(name, signal.SIGUSR1)
        self._signal("frozen", signal.SIGSTOP)

    def restarted(self, name: str) -> dict[str, Any]:
        """Waits for the kubelet to start its container again; the status of it."""

        def again() -> dict[str, Any] | None:
            (pod,) = self.scene.pods(name)
            found = status(pod, name)
            return found if found["restartCount"] and found["ready"] else None

        found = self.scene.wait(again)
        ended = datetime.fromisoformat(found["lastState"]["terminated"]["finishedAt"]).timestamp()
        print(f"\n{name}: ended {ended - self.ill[name]:.1f} s after it fell ill")
        assert isinstance(found, dict)
        return found

    def _signal(self, name: str, number: signal.Signals) -> None:
        self.ill[name] = time.time()
        self.scene.signal(self.pods[name], name, number)


@pytest.fixture(scope="module")
def ward(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    away = Collector(built("otelcol"), tmp_path_factory.mktemp("away"), host=ADDRESS)
    one = Ward(scene, away)
    one.open()
    one.fall_ill()
    yield one
    away.stop()


def test_a_blocked_loop_is_reported_with_its_stack_and_restarted(ward: Ward) -> None:
    blocked = ward.scene.reported("eventloop.blocked", "blocked")
    assert blocked.attributes["code.function.name"].endswith("ask_the_printer")
    assert blocked.attributes["lifesign.cause"]
    ward.restarted("blocked")
    died = ward.scene.reported("process.died", "blocked")
    assert died.resource == blocked.resource
    assert died.attributes["lifesign.state"] == "dead"
    (span,) = ward.scene.wait(lambda: ward.scene.spans("eventloop blocked", "blocked"))
    assert span.end > span.start
    assert len(ward.scene.wait(lambda: two(ward.scene, "blocked"))) == 2


def test_a_frozen_process_is_reported_and_restarted(ward: Ward) -> None:
    """On a starved machine it is blocked, and only after a while: a SIGSTOP is not seen across PID namespaces."""

    def seen() -> list[LogSeen]:
        return [log for event in ("process.frozen", "eventloop.blocked") for log in ward.scene.logs(event, "frozen")]

    frozen = ward.scene.wait(seen)[0]
    assert frozen.event == "lifesign.process.frozen" or "too little CPU time" in frozen.body
    ended = ward.restarted("frozen")["lastState"]["terminated"]
    died = ward.scene.reported("process.died", "frozen")
    assert died.resource == frozen.resource
    assert ended["exitCode"] == 137


def test_a_deadlock_is_reported_and_leaves_the_container_alone(ward: Ward) -> None:
    locked = ward.scene.reported("process.degraded", "locked")
    assert "deadlock" in locked.attributes["lifesign.cause"]
    assert "Lock" in locked.body
    assert ward.scene.restarts("locked") == 0


def test_a_kill_for_want_of_memory_is_reported_and_the_next_one_watched(ward: Ward) -> None:
    ended = ward.restarted("greedy")["lastState"]["terminated"]
    died = ward.scene.reported("process.died", "greedy")
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
    assert died.attributes["lifesign.state"] == "dead"
    assert len(ward.scene.wait(lambda: two(ward.scene, "greedy"))) == 2


def test_a_crash_is_reported_and_the_next_one_watched(ward: Ward) -> None:
    assert ward.restarted("crashing")["lastState"]["terminated"]["exitCode"] == 3
    assert ward.scene.reported("process.died", "crashing").attributes["lifesign.state"] == "dead"
    assert len(ward.scene.wait(lambda: two(ward.scene, "crashing"))) == 2


def test_a_silence_is_reported_and_leaves_the_container_alone(ward: Ward) -> None:
    silent = ward.scene.reported("silence", "silent")
    assert silent.attributes["lifesign.event.name"] == "tick"
    assert "tick" in silent.body
    assert ward.scene.restarts("silent") == 0


def test_what_happens_while_the_collector_is_away_is_delivered_later(ward: Ward) -> None:
    ward.restarted("unheard")
    ward.away.start()
    events = {"lifesign.eventloop.blocked", "lifesign.process.died"}
    ward.scene.wait(lambda: events <= {log.event for log in ward.away.logs()})
    assert {log.resource["k8s.pod.name"] for log in ward.away.logs()} == {ward.pods["unheard"]["metadata"]["name"]}


@pytest.mark.parametrize("name", WELL)
def test_those_that_are_well_are_left_alone(name: str, ward: Ward) -> None:
    """With probes by http, and by exec."""
    (pod,) = ward.scene.ready(name)
    assert status(pod, name)["restartCount"] == 0
    assert status(pod, "lifesign")["restartCount"] == 0
    (boot,) = ward.scene.wait(lambda: ward.scene.spans("boot", name))
    assert boot.error is None
    assert boot.resource["k8s.deployment.name"] == name
    assert boot.resource["k8s.pod.uid"] == pod["metadata"]["uid"]
    assert ward.scene.logs("process.died", name) == []


def test_each_illness_fires_its_alert_and_nobody_elses(ward: Ward) -> None:
    expected = {
        **{name: {"HeartbeatMissed", "ProcessDied"} for name in HELD},
        **{name: {"ProcessDied"} for name in KILLED},
        "locked": {"ProcessDegraded"},
        "silent": {"EventSilence"},
        **{name: set() for name in WELL},
    }
    wanted = {(alert, name) for name, alerts in expected.items() for alert in alerts}
    ward.scene.wait(lambda: wanted <= ward.scene.fired(*expected))
    fired = {(alert, name) for alert, name in ward.scene.fired(*expected) if alert != BUSY}
    assert fired == wanted


def two(scene: Scene, name: str) -> dict[str, float]:
    """The heartbeats of a process and of the one after it, once there are both."""
    beats = scene.values("lifesign_heartbeats_total", name)
    return beats if len(beats) > 1 else {}
