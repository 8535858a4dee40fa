"""What the kubelet does with probes, and what becomes of a service whose sidecar has troubles of its own."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from cluster.scene import Scene, service, status

QUICK = {"periodSeconds": 1, "failureThreshold": 5}
NEVER = {"settings": {"events": "tick=600s"}, "probes": {"startup": QUICK}}  # it says nothing of its work
OWN = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 2, "initialDelaySeconds": 5}


@pytest.fixture(scope="module")
def deployed(scene: Scene) -> Scene:
    scene.deploy(
        service("unbooted", values=NEVER),
        service("condemned", container={"livenessProbe": OWN}),
        service("orphaned"),
        service("haunted"),
        service("asked", values={"probes": {"by": "exec"}}),
    )
    for name in ("orphaned", "haunted", "asked"):
        scene.ready(name)
    return scene


@pytest.mark.parametrize("name", ["unbooted", "condemned"])
def test_whom_the_kubelet_kills_for_a_probe_has_died_and_nobody_asked(name: str, deployed: Scene) -> None:
    """By the startup probe, and by a liveness probe of the user's."""
    deployed.wait(lambda: deployed.restarts(name) > 0)
    died = deployed.reported("process.died", name)
    assert died.attributes["lifesign.state"] == "dead"
    assert died.body.startswith("its container was ended and started again: probably ")
    assert ("its startup probe failed" if name == "unbooted" else "a liveness probe failed") in died.body


def test_a_sidecar_that_is_killed_restarts_nothing_but_itself(deployed: Scene) -> None:
    (pod,) = deployed.ready("orphaned")
    deployed.signal(pod, "lifesign", signal.SIGKILL)
    deployed.wait(lambda: deployed.restarts("orphaned", "lifesign") == 1)
    (pod,) = deployed.ready("orphaned")
    ((instance, beats),) = deployed.values("lifesign_heartbeats_total", "orphaned").items()
    deployed.wait(lambda: deployed.values("lifesign_heartbeats_total", "orphaned")[instance] > beats)
    assert status(pod, "orphaned")["restartCount"] == 0
    assert len({span.trace for span in deployed.spans("boot", "orphaned")}) == 1


@pytest.mark.long
@pytest.mark.parametrize("name", ["haunted", "asked"])
def test_a_sidecar_that_crashes_over_and_over_does_not_take_the_service_with_it(name: str, deployed: Scene) -> None:
    """With its back-off of 10, 20 and 40 s; with the liveness probe by exec, and all of them."""
    for count in range(1, 5):
        found: list[dict[str, Any]] = deployed.wait(lambda: _running(deployed, name))
        deployed.signal(found[0], "lifesign", signal.SIGKILL)
        deployed.wait(lambda count=count: deployed.restarts(name, "lifesign") >= count)
    deployed.wait(lambda: _running(deployed, name))
    (pod,) = deployed.ready(name)
    assert status(pod, name)["restartCount"] == 0


def _running(scene: Scene, name: str) -> list[dict[str, Any]]:
    return [pod for pod in scene.pods(name) if "running" in status(pod, "lifesign")["state"]]
