"""Pods that do not come up, and pods that the cluster takes away: what is said of each, and that nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.scene import BUSY, Scene, service, status

pytestmark = pytest.mark.long
SHORT = {"terminationGracePeriodSeconds": 6}  # so that a test can wait for it
WARN = 13
RAISES = """
import asyncio
async def main():
    await asyncio.sleep(2)
    raise ValueError("no such order")
asyncio.run(main())
"""
# A file that it has no room for, once it is asked to; a kubelet looks every ten seconds.
FILLS = """
import asyncio, signal, sys
def fill():
    open("/tmp/much", "wb").write(bytes(64 << 20))
async def main():
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, fill)
    if sys.argv[1:] == ["ends"]:
        loop.add_signal_handler(signal.SIGTERM, end.set)
    await end.wait()
asyncio.run(main())
"""
ROOM = {"resources": {"limits": {"memory": "64Mi", "ephemeral-storage": "8Mi"}}}
EVICTED = {name: service(name, container={"command": ["python3", "-c", FILLS, end], **ROOM})
           for name, end in (("evicted", "ends"), ("evicted-deaf", "deaf"))}  # fmt: skip
DRAINED = {"drained": service("drained", "ends"), "drained-deaf": service("drained-deaf", "deaf", pod=SHORT)}
ENDS = {"evicted": "stopped", "evicted-deaf": "died", "drained": "stopped", "drained-deaf": "died"}
ILL = ("eventloop.blocked", "process.frozen", "process.degraded", "boot.failed", "silence")


@pytest.fixture(scope="module")
def deployed(scene: Scene) -> Scene:
    scene.deploy(
        service("looping", container={"command": ["python3", "-c", RAISES]}),
        service("imageless", container={"image": "localhost/lifesign-test/nothing:1"}),
        *EVICTED.values(),
        *DRAINED.values(),
    )
    for name in ENDS:
        scene.ready(name)
    return scene


@pytest.fixture(scope="module")
def taken(deployed: Scene) -> dict[str, str]:
    """The names of the pods that the cluster has taken away."""
    pods = {name: deployed.pods(name)[0] for name in ENDS}
    for name in EVICTED:
        deployed.signal(pods[name], name, 10)
    try:
        which = ("--pod-selector", "app in (drained, drained-deaf)", "--delete-emptydir-data", "--ignore-daemonsets")
        deployed.kubectl("drain", "node", *which)
    finally:
        deployed.kubectl("uncordon", "node")
    names = {name: str(pod["metadata"]["name"]) for name, pod in pods.items()}
    evictions = ("get", "events", "--field-selector", "reason=Evicted", "--output", "jsonpath={..involvedObject.name}")
    deployed.wait(lambda: {names[name] for name in EVICTED} <= set(deployed.kubectl(*evictions).split()))
    return names


@pytest.mark.parametrize("name", ENDS)
def test_the_end_of_a_pod_that_the_cluster_takes_away_is_on_record(
    name: str, deployed: Scene, taken: dict[str, str]
) -> None:
    end = deployed.reported(f"process.{ENDS[name]}", name)
    assert end.resource["k8s.pod.name"] == taken[name]
    if ENDS[name] == "died":
        assert "SIGKILL" in end.body
        assert end.severity == WARN
    else:
        assert end.body == "ended by SIGTERM, as asked"
    wrong = "stopped" if ENDS[name] == "died" else "died"
    assert deployed.logs(f"process.{wrong}", name) == []
    assert [log.body for event in ILL for log in deployed.logs(event, name)] == []


def test_each_crash_of_a_crash_loop_is_on_record_with_its_exception(deployed: Scene) -> None:
    died = deployed.wait(lambda: found if len(found := deployed.logs("process.died", "looping")) > 2 else [])
    assert {log.body for log in died} == {"uncaught ValueError: no such order; raised in main (<string>:5)"}
    assert len({log.resource["service.instance.id"] for log in died}) == len(died)
    assert len(died) <= deployed.restarts("looping") + 1
    assert deployed.restarts("looping", "lifesign") == 0
    assert [log.body for event in ILL for log in deployed.logs(event, "looping")] == []


def test_of_a_container_without_an_image_nothing_is_said_but_that_nobody_came(deployed: Scene) -> None:
    def waiting() -> Any:
        (pod,) = deployed.pods("imageless")
        reason = status(pod, "imageless")["state"].get("waiting", {}).get("reason")
        return pod if reason in ("ErrImagePull", "ImagePullBackOff") else None

    pod = deployed.wait(waiting)
    name = pod["metadata"]["name"]
    deployed.wait(lambda: "no process to watch has appeared" in deployed.kubectl("logs", name, "-c", "lifesign"))
    assert status(pod, "lifesign")["restartCount"] == 0
    assert [log for log in deployed.collector.logs() if log.resource.get("k8s.pod.name") == name] == []


def test_only_the_crash_loop_fires(deployed: Scene, taken: dict[str, str]) -> None:
    deployed.wait(lambda: ("ProcessDied", "looping") in deployed.fired("looping"))
    fired = {(alert, name) for alert, name in deployed.fired("looping", "imageless", *ENDS) if alert != BUSY}
    assert fired == {("ProcessDied", "looping")}
