"""Every kind of workload on a real node, with every kind of container."""

from __future__ import annotations

import os
from typing import Any

import pytest

from cluster.scene import BUSY, Scene, service, status

pytestmark = pytest.mark.long  # more than a dozen pods start at once
_PYTHON = ["python3", "-c"]
_SLEEP = "import asyncio; asyncio.run(asyncio.sleep({seconds}))"
_RAISE = """
import asyncio
async def main():
    await asyncio.sleep(1)
    raise ValueError("no such order")
asyncio.run(main())
"""
_FORK = """
import asyncio, multiprocessing
def work():
    asyncio.run(asyncio.sleep(600))
async def main():
    for _ in range(2):
        multiprocessing.get_context("fork").Process(target=work, daemon=True).start()
    await asyncio.sleep(600)
asyncio.run(main())
"""
ONCE = {"restartPolicy": "Never"}


def running(program: str) -> dict[str, Any]:
    return {"command": [*_PYTHON, program]}


def job(name: str, program: str, kind: str = "Job") -> dict[str, Any]:
    spec: dict[str, Any] = {"backoffLimit": 0} if kind == "Job" else {"schedule": "0 0 1 1 *"}
    return service(name, kind=kind, spec=spec, pod=ONCE, container=running(program))


SECURED = {
    "securityContext": {
        "runAsUser": 4321,
        "runAsGroup": 4321,
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
}
SERVICES = {
    "stateful": service("stateful", kind="StatefulSet", spec={"serviceName": "stateful"}),
    "everywhere": service("everywhere", kind="DaemonSet"),
    "single": service("single", kind="Pod"),
    "secured": service("secured", container=SECURED, pod={"securityContext": {"fsGroup": 777}}),
    "shared": service("shared", pod={"shareProcessNamespace": True}),
    "rooted": service("rooted", container={"securityContext": {"runAsUser": 0}}),
    "forking": service("forking", container={**running(_FORK), "resources": {"limits": {"memory": "128Mi"}}}),
    "injected": service("injected", watched=False, annotations={"lifesign/inject": "true"}),
}
JOBS = {
    "instant": job("instant", "import asyncio\nasync def main():\n    pass\nasyncio.run(main())"),
    "short": job("short", _SLEEP.format(seconds=0.05)),
    "long": job("long", _SLEEP.format(seconds=8)),
    "failing": job("failing", _RAISE),
    "nightly": job("nightly", _SLEEP.format(seconds=1), kind="CronJob"),
}
FAILED = ("failing",)


@pytest.fixture(scope="module")
def deployed(scene: Scene) -> Scene:
    second = {"name": "second", "image": os.environ["LIFESIGN_TEST_NODE_PYTHON"], "command": ["sleep", "600"]}
    scene.deploy(*SERVICES.values(), *JOBS.values(), _paired(second))
    scene.kubectl("create", "job", "--from=cronjob/nightly", "nightly-now")
    return scene


def _paired(second: dict[str, Any]) -> dict[str, Any]:
    """A workload of two main containers, of which the first is watched."""
    both = service("paired")
    both["manifest"]["spec"]["template"]["spec"]["containers"].append(second)
    return both


@pytest.mark.parametrize("name", [*SERVICES, "paired"])
def test_a_service_is_watched_under_its_workload(name: str, deployed: Scene) -> None:
    (pod,) = deployed.ready(name)
    (boot, *others) = deployed.wait(lambda: deployed.spans("boot", name))
    assert (boot.error, len({boot.trace, *(other.trace for other in others)})) == (None, 3 if name == "forking" else 1)
    assert boot.resource["k8s.pod.name"] == pod["metadata"]["name"]
    assert boot.resource["k8s.container.name"] == name
    kind = {"stateful": "statefulset", "everywhere": "daemonset"}.get(name, "deployment")
    if name != "single":
        assert boot.resource[f"k8s.{kind}.name"] == name
    assert status(pod, name)["restartCount"] == 0
    assert deployed.wait(
        lambda: [beats for beats in deployed.values("lifesign_heartbeats_total", name).values() if beats]
    )


@pytest.mark.parametrize("name", JOBS)
def test_a_job_completes_and_its_end_is_on_record(name: str, deployed: Scene) -> None:
    phase = "Failed" if name in FAILED else "Succeeded"
    deployed.wait(lambda: [pod for pod in deployed.pods(name) if pod["status"]["phase"] == phase])
    end = deployed.reported("process.died" if name in FAILED else "process.stopped", name)
    if name in FAILED:
        assert "no such order" in end.body
    assert [log.body for log in deployed.logs("boot.failed", name)] == []
    (boot,) = deployed.wait(lambda: deployed.spans("boot", name))
    assert boot.error is None


def test_only_what_failed_fires(deployed: Scene) -> None:
    wanted = {("ProcessDied", name) for name in FAILED}
    deployed.wait(lambda: wanted <= deployed.fired(*SERVICES, *JOBS, "paired"))
    fired = {(alert, name) for alert, name in deployed.fired(*SERVICES, *JOBS, "paired") if alert != BUSY}
    assert fired == wanted
