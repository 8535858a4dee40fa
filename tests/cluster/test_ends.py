"""The ends of pods on a real node: they wake nobody, whatever a service makes of SIGTERM, and each is on record."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.scene import BUSY, Scene, service

REPLICAS = 3
ROLLS = 10  # of `--all`
SHORT = {"terminationGracePeriodSeconds": 10}  # so that a test can wait for it
HOOK = {"preStop": {"exec": {"command": ["sleep", "1"]}}}
AT_ONCE = {"replicas": REPLICAS, "strategy": {"rollingUpdate": {"maxSurge": REPLICAS, "maxUnavailable": 0}}}
ROLLED = {
    "handles": service("handles", "ends", spec=AT_ONCE),
    "deaf": service("deaf", "deaf", spec=AT_ONCE, pod=SHORT),
    "outlives": service("outlives", "stays", spec=AT_ONCE, pod=SHORT),
    "hooked": service("hooked", "ends", spec=AT_ONCE, container={"lifecycle": HOOK}),
}
KILLED = ("deaf", "outlives")  # when their grace period is over
WARN = 13
ALONE = {"cleaning": service("cleaning", "cleans")}
# They get three seconds, and so do their sidecars: on a busy node that is too short for a record.
FORCED = {
    "forced": service("forced", "ends", kind="Pod"),
    "deafened": service("deafened", "deaf", kind="Pod"),
}
# Longer than it takes to call a process lost, with durations made short: 11 s without a sample, and 6 s of that.
LOST = "count_over_time(lifesign_heartbeat_expected_ratio[20s])"


@pytest.fixture(scope="module")
def rolls(request: pytest.FixtureRequest) -> int:
    return 1 if request.config.option.markexpr == "not long" else ROLLS


@pytest.fixture(scope="module")
def ended(scene: Scene, rolls: int) -> Scene:
    """All have been updated and the others deleted, long enough ago for every alert."""
    scene.deploy(*ROLLED.values(), *ALONE.values(), *FORCED.values())
    for name in ROLLED:
        scene.ready(name, REPLICAS)
    for name in (*ALONE, *FORCED):
        scene.ready(name)
    for _ in range(rolls):
        for name in ROLLED:  # one after the other: a dozen pods that start at once leave two cores no time for ends
            scene.kubectl("rollout", "restart", f"deployment/{name}")
            scene.kubectl("rollout", "status", f"deployment/{name}", "--timeout=180s")
            scene.ready(name, REPLICAS)
    scene.kubectl("scale", "deployment/cleaning", "--replicas=0")
    scene.kubectl("delete", "pod", *FORCED, "--force", "--grace-period=0")
    scene.wait(lambda: not [pod for name in (*ALONE, *FORCED) for pod in scene.pods(name)])
    scene.wait(lambda: len(scene.prometheus.query(LOST)) <= REPLICAS * len(ROLLED))
    return scene


@pytest.mark.parametrize("name", [*ROLLED, *ALONE])
def test_no_alert_fires(name: str, ended: Scene) -> None:
    assert {alert for alert, _ in ended.fired(name)} - {BUSY} == set()


@pytest.mark.parametrize("name", [*ROLLED, *ALONE])
def test_each_end_is_on_record_as_one_that_was_asked_for(name: str, ended: Scene, rolls: int) -> None:
    def ends() -> list[tuple[Any, str]]:
        return [(log.resource["k8s.pod.name"], log.event) for event in ("process.stopped", "process.died")
                for log in ended.logs(event, name)]  # fmt: skip

    wanted = REPLICAS * rolls if name in ROLLED else 1
    ended.wait(lambda: len(ends()) >= wanted)
    assert len(ends()) == len(dict(ends())) == wanted
    assert {event for _, event in ends()} == {f"lifesign.process.{'died' if name in KILLED else 'stopped'}"}
    for log in ended.logs("process.died", name):
        assert "SIGKILL" in log.body
        assert log.severity == WARN, "nobody has to get up for it"
    expected = ended.values("lifesign_heartbeat_expected_ratio", name)
    assert sorted(expected.values()) == [0.0] * wanted + [1.0] * (REPLICAS if name in ROLLED else 0)


@pytest.mark.parametrize(("name", "event"), [("forced", "died"), ("deafened", "stopped")])
def test_nothing_wrong_is_said_of_who_was_deleted_by_force(name: str, event: str, ended: Scene) -> None:
    assert ended.logs(f"process.{event}", name) == []
    assert {alert for alert, _ in ended.fired(name)} - {BUSY, "HeartbeatLost"} == set()


@pytest.mark.parametrize("name", [*ROLLED, *ALONE, *FORCED])
def test_nothing_was_ill_at_its_end(name: str, ended: Scene) -> None:
    ill = {"eventloop.blocked", "process.frozen", "process.degraded", "boot.failed", "silence"}
    assert [log.body for event in ill for log in ended.logs(event, name)] == []
