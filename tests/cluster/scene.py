"""Workloads on the node, and what the backends have of them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cluster.client import Client
from support.backends.collector import Collector, LogSeen, SpanSeen
from support.backends.prometheus import Prometheus
from support.built import built
from support.paths import CHART, TESTS
from support.waiting import eventually

GATEWAY = "telemetry"  # the namespace of the chart's Collector
PATIENCE = 180.0
HERE = TESTS / "cluster"
BUSY = "EventLoopDelayHigh"  # an alert for what so many pods that start at once do to two cores
# The settings that a test can wait for; probes, graces and timeouts are those of the chart.
SETTINGS = {"metric_interval": 0.5}


class Scene:
    """One namespace of the cluster.

    Args:
        client: the API's.
        namespace: its name; the workloads of one Helm release are in it.
        folder: a scratch folder.
        collector: what all traces and logs of the cluster arrive at.
        prometheus: where the metrics are.
        values: lifesign's, for all workloads.
    """

    def __init__(
        self, client: Client, namespace: str, folder: Path, collector: Collector, prometheus: Prometheus,
        values: Mapping[str, Any],
    ) -> None:  # fmt: skip
        self.client = client
        self.namespace = namespace
        self.collector = collector
        self.prometheus = prometheus
        self._values = values
        self._folder = folder
        self._chart = folder / "chart"
        if not self._chart.exists():
            shutil.copytree(HERE / "chart", self._chart)
            shutil.copytree(CHART, self._chart / "charts" / "lifesign")

    def deploy(self, *workloads: dict[str, Any], **values: Any) -> None:
        """Installs them, or makes of the release what they say."""
        given = {
            "lifesign": {**self._values, **values},
            "workloads": {workload["name"]: workload for workload in workloads},
        }
        file = self._folder / f"{self.namespace}.json"
        file.write_text(json.dumps(given))
        self.helm("upgrade", "--install", "desk", str(self._chart), "--values", str(file), "--create-namespace")

    def helm(self, *arguments: str) -> str:
        command = [built("helm"), *arguments, "--namespace", self.namespace]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, f"{' '.join(command)}: {ended.stderr}{ended.stdout}"
        return ended.stdout

    def kubectl(self, *arguments: str) -> str:
        command = ["kubectl", "--namespace", self.namespace, *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, f"{' '.join(command)}: {ended.stderr}"
        return ended.stdout

    def pods(self, workload: str) -> list[dict[str, Any]]:
        """Its pods, the oldest first; those too that are being deleted."""
        found = self.client.get(f"/api/v1/namespaces/{self.namespace}/pods?labelSelector=app%3D{workload}")["items"]
        return sorted(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def ready(self, workload: str, replicas: int = 1) -> list[dict[str, Any]]:
        """Waits until so many of its pods are ready, and no others there."""

        def all_ready() -> list[dict[str, Any]]:
            pods = self.pods(workload)
            return pods if len(pods) == replicas and all(is_ready(pod) for pod in pods) else []

        return self.wait(all_ready)

    def logs(self, event: str, workload: str = "", **attributes: str) -> list[LogSeen]:
        """The log records at the Collector about a workload."""
        return [log for log in self.collector.logs()
                if log.event == f"lifesign.{event}" and self._is_of(log.resource, workload)
                and attributes.items() <= log.attributes.items()]  # fmt: skip

    def reported(self, event: str, workload: str) -> LogSeen:
        """Waits for the first log record of this event."""
        return self.wait(lambda: self.logs(event, workload))[0]

    def spans(self, name: str, workload: str) -> list[SpanSeen]:
        return [span for span in self.collector.spans() if span.name == name and self._is_of(span.resource, workload)]

    def values(self, metric: str, workload: str) -> dict[str, float]:
        """The newest value of a metric, by instance."""
        found = self.prometheus.query(f'last_over_time({metric}{{job="{self._job(workload)}"}}[1h])')
        return {series["metric"]["instance"]: float(series["value"][1]) for series in found}

    def fired(self, *workloads: str) -> set[tuple[str, str]]:
        """The alerts that fired for them."""
        jobs = {self._job(workload): workload for workload in workloads}
        return {(alert, jobs[job]) for alert, job in self.prometheus.fired() if job in jobs}

    def signal(self, pod: Mapping[str, Any], container: str, number: signal.Signals) -> None:
        """To the first process of a container, from outside."""
        os.kill(self.processes(pod, container)[0], number)

    def processes(self, pod: Mapping[str, Any], container: str) -> list[int]:
        """Those of a container, the first one first, as the node counts them."""
        name = status(pod, container)["containerID"].rpartition("/")[2]
        found = []
        for entry in Path("/proc").glob("[0-9]*/cgroup"):
            with contextlib.suppress(OSError):
                if name in entry.read_text():
                    found.append(int(entry.parent.name))
        return sorted(found)

    def restarts(self, workload: str, container: str = "") -> int:
        return sum(status(pod, container or workload)["restartCount"] for pod in self.pods(workload))

    def wait(self, holds: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        return eventually(holds, seconds=seconds, every=0.2)

    def remove(self) -> None:
        """All of it, without waiting for the graces."""
        owners = "deployments,replicasets,statefulsets,daemonsets,jobs,cronjobs"
        self.kubectl("delete", owners, "--all", "--cascade=orphan", "--wait=false")
        self.kubectl("delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false")
        self.client.delete(f"/api/v1/namespaces/{self.namespace}")

    def _is_of(self, resource: Mapping[str, Any], workload: str) -> bool:
        where = resource.get("k8s.namespace.name") == self.namespace
        return where and (not workload or resource.get("service.name") == self._job(workload))

    def _job(self, workload: str) -> str:
        return workload


def service(
    name: str, end: str = "ends", illness: str = "none", kind: str = "Deployment", **changes: Any
) -> dict[str, Any]:
    """A workload that runs service.py.

    Args:
        container: fields of its container.
        pod: fields of its pod.
        spec: fields of the workload.
        values: overrides of lifesign's.
        watched: whether the chart's templates add the sidecar.
    """
    container = {
        "name": name,
        "image": os.environ.get("LIFESIGN_TEST_NODE_PYTHON", ""),
        "command": ["python3", "-c", (HERE / "service.py").read_text(), end, illness],
        "securityContext": {"runAsUser": 1234, "runAsNonRoot": True},
        "resources": {"limits": {"memory": "64Mi"}},
        **changes.get("container", {}),
    }
    labels = {"app": name}
    pod = {"containers": [container], **changes.get("pod", {})}
    template = {"metadata": {"labels": labels, "annotations": changes.get("annotations", {})}, "spec": pod}
    manifest: dict[str, Any] = {"kind": kind, "metadata": {"name": name, "labels": labels}}
    if kind == "Pod":
        manifest |= {"apiVersion": "v1", "spec": pod}
    elif kind == "CronJob":
        manifest |= {"apiVersion": "batch/v1", "spec": {"jobTemplate": {"spec": {"template": template}}}}
    elif kind == "Job":
        manifest |= {"apiVersion": "batch/v1", "spec": {"template": template}}
    else:
        manifest |= {"apiVersion": "apps/v1", "spec": {"template": template, "selector": {"matchLabels": labels}}}
    manifest["spec"] |= changes.get("spec", {})
    return {"name": name, "manifest": manifest, "values": changes.get("values", {}),
            "watched": changes.get("watched", True)}  # fmt: skip


def statuses(pod: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for kind in ("initContainerStatuses", "containerStatuses"):
        yield from pod["status"].get(kind, ())


def status(pod: Mapping[str, Any], container: str) -> dict[str, Any]:
    """What the kubelet says of a container."""
    return next(found for found in statuses(pod) if found["name"] == container)


def is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", ())
    return "deletionTimestamp" not in pod["metadata"] and any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions
    )
