"""The chart's own life on a real node: install, `helm test`, upgrade under running pods, roll-back, uninstall."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.client import Client
from cluster.scene import PATIENCE, SETTINGS, is_ready
from support.backends.collector import Collector
from support.waiting import eventually

WHERE = "sample"


@pytest.fixture(scope="module")
def installed(
    cluster: Client, gateway: str, helm: Callable[..., str], image: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:  # fmt: skip
    """The sample service; the file of values."""
    values = {"image": image, "otlp": {"endpoint": gateway}, "demo": {"enabled": True}, "settings": SETTINGS}
    file = tmp_path_factory.mktemp("installed") / "values.json"
    file.write_text(json.dumps(values))
    helm("install", "--create-namespace", "--values", str(file), namespace=WHERE)
    one_ready(cluster)
    return file


def one_ready(cluster: Client) -> dict[str, Any]:
    """Waits until the sample service has one pod, which is ready."""

    def ready() -> dict[str, Any] | None:
        pods = cluster.get(f"/api/v1/namespaces/{WHERE}/pods")["items"]
        pods = [pod for pod in pods if pod["metadata"]["labels"]["app.kubernetes.io/component"] == "demo"]
        return pods[0] if len(pods) == 1 and is_ready(pods[0]) else None

    found = eventually(ready, seconds=PATIENCE, every=0.5)
    assert found is not None
    return found


def test_helm_test_passes(installed: Path, helm: Callable[..., str]) -> None:
    assert "Succeeded" in helm("test", "--logs", namespace=WHERE)


def test_an_upgrade_replaces_the_pod_and_a_roll_back_does_too(
    installed: Path, cluster: Client, helm: Callable[..., str], collected: Collector
) -> None:
    before = one_ready(cluster)
    changed = ["--values", str(installed), "--set", "settings.heartbeat_timeout=4"]
    helm("upgrade", *changed, namespace=WHERE)
    eventually(lambda: one_ready(cluster)["metadata"]["uid"] != before["metadata"]["uid"], PATIENCE, 0.5)
    upgraded = one_ready(cluster)
    helm("rollback", namespace=WHERE)
    eventually(lambda: one_ready(cluster)["metadata"]["uid"] != upgraded["metadata"]["uid"], PATIENCE, 0.5)

    def ended() -> set[str]:
        return {log.resource["k8s.pod.name"] for log in collected.logs() if log.event == "lifesign.process.stopped"}

    eventually(lambda: {pod["metadata"]["name"] for pod in (before, upgraded)} <= ended(), PATIENCE, 0.5)


def test_an_uninstall_leaves_nothing(installed: Path, cluster: Client, helm: Callable[..., str]) -> None:
    helm("uninstall", namespace=WHERE)
    kinds = ("api/v1/{}/pods", "api/v1/{}/services", "api/v1/{}/configmaps", "apis/apps/v1/{}/deployments")
    for kind in kinds:
        path = "/" + kind.format(f"namespaces/{WHERE}")
        eventually(lambda path=path: not cluster.get(path)["items"], PATIENCE, 0.5)
