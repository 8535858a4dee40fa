"""The chart in a real API server: it is taken, and its policy makes of a pod what the templates make of it."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.waiting import eventually

HERE = "guarded"
AGENT = "/lifesign/agent/lifesign/agent/inject"
ALL = ("injection.enabled=true", "injection.failurePolicy=Fail", "demo.enabled=true", "collector.enabled=true")
_names = itertools.count()


@pytest.fixture(scope="module", autouse=True)
def _installed(cluster: Any, helm: Callable[..., str]) -> Iterator[None]:
    """The chart, in a namespace that takes restricted pods alone."""
    enforced = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HERE, "labels": enforced}}
    assert cluster.create("/api/v1/namespaces", namespace)["kind"] == "Namespace"
    sets = [part for text in ALL for part in ("--set", text)]
    helm("install", "--dry-run=server", *sets, namespace=HERE)
    assert "STATUS: deployed" in helm("install", *sets, namespace=HERE)
    # A policy takes effect a moment after it was written down.
    eventually(lambda: "initContainers" in create(cluster, POD)["spec"], seconds=120, every=0.5)
    yield
    helm("uninstall", namespace=HERE)
    cluster.delete(f"/api/v1/namespaces/{HERE}")
    cluster.delete("/api/v1/namespaces/default/pods")


POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"annotations": {"lifesign/inject": "true"}},
    "spec": {
        "containers": [
            {
                "name": "web",
                "image": "shop:1",
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 1234,
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
            }
        ]
    },
}


def create(cluster: Any, pod: dict[str, Any], namespace: str = HERE) -> dict[str, Any]:
    """A new pod, as it was admitted."""
    pod = copy.deepcopy(pod)
    pod["metadata"]["name"] = f"pod-{next(_names)}"
    return cluster.create(f"/api/v1/namespaces/{namespace}/pods", pod)


def changed(**changes: Any) -> dict[str, Any]:
    """POD with other fields of its spec, its metadata or its container."""
    pod = copy.deepcopy(POD)
    pod["metadata"].update(changes.pop("metadata", {}))
    pod["spec"]["containers"][0].update(changes.pop("container", {}))
    pod["spec"].update(changes)
    return pod


def main(pod: dict[str, Any]) -> dict[str, Any]:
    return next(container for container in pod["spec"]["containers"] if container["name"] == "web")


def variables(container: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in container.get("env", ())}


def test_an_annotated_pod_is_watched_and_still_restricted(cluster: Any) -> None:
    pod = create(cluster, POD)
    inject, sidecar = pod["spec"]["initContainers"]
    assert (inject["name"], sidecar["name"], sidecar["restartPolicy"]) == ("lifesign-inject", "lifesign", "Always")
    assert variables(main(pod)) == {"LIFESIGN_DIR": "/lifesign/run", "PYTHONPATH": AGENT}
    assert main(pod)["startupProbe"]["httpGet"]["path"] == "/app/startupz"
    assert main(pod)["livenessProbe"]["exec"]["command"][-2:] == ["--live", "7318"]
    assert main(pod)["livenessProbe"]["terminationGracePeriodSeconds"] == 5
    assert main(pod)["lifecycle"]["preStop"]["exec"]["command"][-1] == "--stopping"
    assert variables(sidecar)["K8S_CONTAINER_NAME"] == variables(sidecar)["OTEL_SERVICE_NAME"] == "web"
    volumes = {volume["name"]: volume["emptyDir"] for volume in pod["spec"]["volumes"]}
    assert volumes["lifesign-run"] == {"medium": "Memory", "sizeLimit": "64Mi"}
    assert {mount["name"] for mount in main(pod)["volumeMounts"]} == {"lifesign-agent", "lifesign-run"}
    evictable = pod["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"]
    assert evictable.split(",") == ["lifesign-agent", "lifesign-run", "lifesign-spool"]


@pytest.mark.parametrize("namespace", [HERE, "default"])
def test_pods_of_all_namespaces_find_the_collector_in_that_of_the_chart(cluster: Any, namespace: str) -> None:
    sidecar = create(cluster, POD, namespace)["spec"]["initContainers"][1]
    assert variables(sidecar)["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"http://lifesign-collector.{HERE}:4318"


def test_what_a_pod_has_of_its_own_is_kept(cluster: Any) -> None:
    own = [{"name": "PYTHONPATH", "value": "/srv/shop"}, {"name": "LIFESIGN_DIR", "value": "/run/lifesign"}]
    probe = {"httpGet": {"path": "/alive", "port": 8000}}
    pod = create(
        cluster,
        changed(
            container={"env": own, "livenessProbe": probe},
            initContainers=[{**POD["spec"]["containers"][0], "name": "migrate"}],
        ),
    )
    assert variables(main(pod)) == {"PYTHONPATH": f"{AGENT}:/srv/shop", "LIFESIGN_DIR": "/run/lifesign"}
    assert main(pod)["livenessProbe"]["httpGet"]["path"] == "/alive"
    assert [container["name"] for container in pod["spec"]["initContainers"]] == [
        "lifesign-inject",
        "lifesign",
        "migrate",
    ]


def test_annotations_and_labels_say_the_rest(cluster: Any) -> None:
    web = POD["spec"]["containers"][0]
    pod = changed(
        metadata={
            "annotations": {
                "lifesign/inject": "true",
                "lifesign/container": "web",
                "lifesign/python-path": "/srv/image",
            },
            "labels": {"app.kubernetes.io/name": "desk"},
        },
        containers=[{**web, "name": "proxy"}, web],
    )
    admitted = create(cluster, pod)
    assert "env" not in admitted["spec"]["containers"][0]
    assert variables(main(admitted))["PYTHONPATH"] == f"{AGENT}:/srv/image"
    sidecar = admitted["spec"]["initContainers"][1]
    assert (variables(sidecar)["K8S_CONTAINER_NAME"], variables(sidecar)["OTEL_SERVICE_NAME"]) == ("web", "desk")


@pytest.mark.parametrize(
    ("kind", "name", "labels", "said"),
    [
        ("ReplicaSet", "web-7d4b9c6f5d", {"pod-template-hash": "7d4b9c6f5d"},
         "k8s.replicaset.name=web-7d4b9c6f5d,k8s.deployment.name=web"),
        ("ReplicaSet", "web", {"app.kubernetes.io/version": "2.1"}, "k8s.replicaset.name=web,service.version=2.1"),
        ("StatefulSet", "books", {}, "k8s.statefulset.name=books"),
        ("Job", "migrate", {}, "k8s.job.name=migrate"),
        ("Rollout", "web", {}, ""),
    ],
)  # fmt: skip
def test_who_owns_a_pod_is_said(cluster: Any, kind: str, name: str, labels: dict[str, str], said: str) -> None:
    owner = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "1", "controller": True}
    metadata = {**POD["metadata"], "labels": labels, "ownerReferences": [owner]}
    sidecar = create(cluster, changed(metadata=metadata, terminationGracePeriodSeconds=90))["spec"]["initContainers"][1]
    attributes = variables(sidecar)["OTEL_RESOURCE_ATTRIBUTES"].split(",", 5)
    assert attributes[4] == "k8s.container.name=$(K8S_CONTAINER_NAME)"
    assert "".join(attributes[5:]) == said
    assert variables(sidecar)["LIFESIGN_TERMINATION_GRACE"] == "90"


def test_a_lifecycle_of_its_own_gets_the_hook_that_it_lacks(cluster: Any) -> None:
    own = {"exec": {"command": ["/bin/true"]}}
    lifecycle = main(create(cluster, changed(container={"lifecycle": {"postStart": own}})))["lifecycle"]
    assert (lifecycle["postStart"], lifecycle["preStop"]["exec"]["command"][-1]) == (own, "--stopping")
    lifecycle = main(create(cluster, changed(container={"lifecycle": {"preStop": own}})))["lifecycle"]
    assert lifecycle == {"preStop": own}


@pytest.mark.parametrize(
    "changes",
    [
        {"metadata": {"annotations": {}}},
        {"metadata": {"annotations": {"lifesign/inject": "false"}}},
        {"metadata": {"annotations": {"lifesign/inject": "true", "lifesign/container": "nobody"}}},
        {"container": {"env": [{"name": "PYTHONPATH", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]}},
        {"volumes": [{"name": "lifesign-run", "emptyDir": {}}]},
    ],
    ids=["not-annotated", "said-no", "no-such-container", "path-from-elsewhere", "there-already"],
)
def test_others_are_left_alone(cluster: Any, changes: dict[str, Any]) -> None:
    pod = create(cluster, changed(**changes))
    assert "lifesign" not in [container["name"] for container in pod["spec"].get("initContainers", ())]
    assert "lifesign-spool" not in [volume["name"] for volume in pod["spec"].get("volumes", ())]


def test_the_namespace_takes_no_other_pods(cluster: Any) -> None:
    """So that the pods above say something about ours."""
    refused = create(cluster, changed(container={"securityContext": {}}))
    assert (refused["kind"], refused["reason"]) == ("Status", "Forbidden")
    assert 'violates PodSecurity "restricted' in refused["message"]
