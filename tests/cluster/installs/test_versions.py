"""Agent and sidecar of two versions beside each other, and back; an upgrade of the chart under running pods."""

from __future__ import annotations

import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from cluster.client import Client
from cluster.scene import GATEWAY, Scene, is_ready, service, status

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def images(image: dict[str, str]) -> dict[int, str]:
    """By the version of what they write and read."""
    return {1: f"{image['repository']}:{image['tag']}", 2: os.environ["LIFESIGN_TEST_NODE_OTHER"]}


@pytest.fixture(scope="module")
def deployed(scene: Scene, images: dict[int, str]) -> Scene:
    repository, _, tag = images[2].rpartition(":")
    newer = {"image": {"repository": repository, "tag": tag}}
    scene.deploy(
        service("older", illness="deadlock"),
        service("newer", values=newer),
        service("aged", watched=False, annotations={"lifesign/inject": "true"}),
    )
    return scene


def replace(scene: Scene, name: str, image: str) -> dict[str, Any]:
    """Gives the sidecar of a running pod another image; the pod, when that runs."""
    (pod,) = scene.ready(name)
    before = status(pod, "lifesign")["restartCount"]
    scene.kubectl("set", "image", f"pod/{pod['metadata']['name']}", f"lifesign={image}")
    scene.wait(lambda: status(scene.pods(name)[0], "lifesign")["restartCount"] > before)
    scene.wait(lambda: "running" in status(scene.pods(name)[0], "lifesign")["state"])
    return scene.pods(name)[0]


def answer(pod: dict[str, Any], path: str) -> tuple[int, str]:
    """Of the sidecar's health endpoint; 0 while there is none."""
    try:
        with urllib.request.urlopen(f"http://{pod['status']['podIP']}:7318{path}?verbose", timeout=10) as answered:
            return answered.status, answered.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


@pytest.mark.parametrize(("name", "agent", "sidecar"), [("older", 1, 2), ("newer", 2, 1)])
def test_a_sidecar_of_another_version_says_so_and_harms_nobody(
    name: str, agent: int, sidecar: int, deployed: Scene, images: dict[int, str]
) -> None:
    ((instance, beats),) = deployed.wait(lambda: deployed.values("lifesign_heartbeats_total", name)).items()
    pod = replace(deployed, name, images[sidecar])
    said = f"its layout is version {agent}; this lifesign reads version {sidecar}"
    deployed.wait(lambda: said in deployed.kubectl("logs", pod["metadata"]["name"], "-c", "lifesign"))
    deployed.wait(lambda: answer(pod, "/readyz")[0] == 503 and said in answer(pod, "/readyz")[1])
    assert answer(pod, "/app/livez")[0] == answer(pod, "/app/startupz")[0] == 200
    if name == "older":
        deployed.signal(pod, name, signal.SIGUSR1)
    else:  # the kubelet starts it again, and asks this sidecar whether it has booted
        deployed.signal(pod, name, signal.SIGKILL)
        deployed.wait(lambda: deployed.restarts(name) == 1)
        deployed.ready(name)
    replace(deployed, name, images[agent])
    if name == "older":
        deployed.wait(lambda: deployed.values("lifesign_heartbeats_total", name)[instance] > beats)
        assert "deadlock" in deployed.reported("process.degraded", name).attributes["lifesign.cause"]
        assert deployed.restarts(name) == 0
        assert len({span.trace for span in deployed.spans("boot", name)}) == 1
    else:
        assert deployed.reported("process.died", name).resource["service.instance.id"] == instance
        deployed.wait(lambda: len(deployed.values("lifesign_heartbeats_total", name)) == 2)
        assert deployed.restarts(name) == 1


def test_an_upgrade_of_the_chart_leaves_running_pods_alone_and_a_roll_back_too(
    deployed: Scene, images: dict[int, str], helm: Callable[..., str], cluster: Client
) -> None:
    """New pods get what the chart has at that time, both halves of it."""
    (first,) = deployed.ready("aged")
    tag = images[2].rpartition(":")[2]
    helm("upgrade", "--reuse-values", "--set", f"image.tag={tag}", namespace=GATEWAY)
    try:
        second = _one_more(deployed, 2, images[2])
    finally:
        helm("rollback", namespace=GATEWAY)
    third = _one_more(deployed, 3, images[1])
    assert second != third
    names = {first["metadata"]["name"], second, third}
    deployed.wait(lambda: {span.resource["k8s.pod.name"] for span in deployed.spans("boot", "aged")} == names)
    deployed.wait(
        lambda: len([beats for beats in deployed.values("lifesign_heartbeats_total", "aged").values() if beats]) == 3
    )
    assert deployed.restarts("aged") == deployed.restarts("aged", "lifesign") == 0


def _one_more(scene: Scene, replicas: int, image: str) -> str:
    """Adds pods until the policy that is in force gives one this image, which takes it a moment; its name."""
    known = {pod["metadata"]["name"] for pod in scene.pods("aged")}

    def found() -> str | None:
        scene.kubectl("scale", "deployment/aged", f"--replicas={replicas}")
        for pod in scene.pods("aged"):
            if pod["metadata"]["name"] in known or "deletionTimestamp" in pod["metadata"]:
                continue
            given = {one["image"] for one in pod["spec"]["initContainers"]}
            if given != {image}:
                scene.kubectl("delete", "pod", pod["metadata"]["name"], "--force", "--grace-period=0")
            elif is_ready(pod):
                return str(pod["metadata"]["name"])
        return None

    name = scene.wait(found)
    assert isinstance(name, str)
    return name
