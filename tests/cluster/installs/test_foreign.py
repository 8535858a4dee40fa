"""Workloads of charts that know nothing of lifesign, watched by an annotation: what is their own goes on to work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.scene import HERE, Scene, status

pytestmark = pytest.mark.long
_FOLDER = Path(__file__).with_name("foreign")
MANIFESTS = {
    path.stem: yaml.safe_load(path.read_text().replace("IMAGE", os.environ.get("LIFESIGN_TEST_NODE_PYTHON", "")))
    for path in sorted(_FOLDER.glob("*.yaml"))
}
MAIN = {"hardened": "hardened", "plain": "plain", "wrapped": "triggerer"}


@pytest.fixture(scope="module")
def applied(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("foreign")
    scene.client.create("/api/v1/namespaces", {"metadata": {"name": scene.namespace}})
    scene.kubectl("create", "configmap", "program", f"--from-file={HERE / 'service.py'}")
    for name, manifest in MANIFESTS.items():
        file = folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump(manifest))
        scene.kubectl("apply", "--filename", str(file))
    return scene


def containers(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for kind in ("initContainers", "containers") for one in spec.get(kind, ())}


@pytest.mark.parametrize("name", MANIFESTS)
def test_it_is_watched_and_what_it_has_of_its_own_is_kept(name: str, applied: Scene) -> None:
    (pod,) = applied.ready(name)
    main = MAIN[name]
    service_name = main if name == "plain" else name  # it has no label that would say it
    (boot,) = applied.wait(lambda: applied.spans("boot", service_name))
    assert (boot.error, boot.resource["k8s.container.name"]) == (None, main)
    kind = MANIFESTS[name]["kind"].lower()
    assert boot.resource[f"k8s.{kind}.name"] == name
    assert boot.resource.get("service.version") == ("2.11" if name == "wrapped" else None)
    applied.wait(lambda: any(applied.values("lifesign_heartbeats_total", service_name).values()))
    written, found = containers(MANIFESTS[name]["spec"]["template"]["spec"]), containers(pod["spec"])
    assert list(found) == ["lifesign-inject", "lifesign", *written]
    for container, own in written.items():
        assert status(pod, container)["restartCount"] == 0
        for field in ("command", "args", "securityContext", "resources"):
            assert found[container].get(field) or own.get(field, {}) == {}, (container, field)
        for probe in ("livenessProbe", "readinessProbe"):
            if probe in own:
                assert found[container][probe]["exec"] == own[probe]["exec"]
        extra = {entry["name"] for entry in found[container].get("env", ())} - {e["name"] for e in own.get("env", ())}
        assert (extra != set()) == (container == main), "nobody else is touched"
    if "lifecycle" in written[main]:
        assert found[main]["lifecycle"] == written[main]["lifecycle"]


@pytest.mark.parametrize("name", MANIFESTS)
def test_its_end_is_on_record_and_wakes_nobody(name: str, applied: Scene) -> None:
    applied.ready(name)
    applied.kubectl("scale", f"{MANIFESTS[name]['kind'].lower()}/{name}", "--replicas=0")
    stopped = applied.reported("process.stopped", name)
    assert stopped.attributes["lifesign.state"] == "stopped"
    assert {alert for alert, _ in applied.fired(name)} - {"EventLoopDelayHigh"} == set()
