"""A user's own chart includes the templates: every kind of workload is watched, and what was its own stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from support.paths import CHART

from .conftest import RefusedError, containers, one, pods, variables

Render = Callable[..., list[dict[str, Any]]]
AGENT = "/lifesign/agent/lifesign/agent/inject"
EVICTABLE = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"


@pytest.fixture
def watched(render: Render, shop: Path) -> dict[str, dict[str, Any]]:
    return dict(pods(render(chart=shop)))


def test_kubernetes_takes_them(render: Render, shop: Path) -> None:
    for manifest in render(chart=shop):
        kubernetes_validate.validate(manifest, "1.37", strict=True)


@pytest.mark.parametrize("name", ["web", "books", "daemonset", "job", "cronjob"])
def test_each_kind_has_all_of_it(watched: dict[str, dict[str, Any]], name: str) -> None:
    pod = watched[name]
    inject, sidecar = pod["initContainers"][:2]
    assert (inject["name"], inject["args"]) == ("lifesign-inject", ["inject", "/lifesign/agent"])
    assert (sidecar["name"], sidecar["args"], sidecar["restartPolicy"]) == ("lifesign", ["watch"], "Always")
    assert sidecar["image"] == "lifesign:0.1.0", "the version of our chart, not of the user's"
    main = pod["containers"][-1]
    assert variables(main)["LIFESIGN_DIR"] == variables(sidecar)["LIFESIGN_DIR"] == "/lifesign/run"
    assert variables(main)["PYTHONPATH"].split(":")[0] == AGENT
    mounts = {mount["name"]: mount for mount in main["volumeMounts"]}
    assert mounts["lifesign-agent"]["readOnly"] is True
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["lifesign-run"]["emptyDir"]["medium"] == "Memory"
    for container in (inject, sidecar, main):
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes.keys()
    assert main["startupProbe"]["httpGet"] == {"path": "/app/startupz", "port": 7318}
    if name != "web":  # which has its own
        assert main["livenessProbe"]["exec"]["command"][2:] == ["/lifesign/agent/lifesign/ask.py", "--live", "7318"]
    assert variables(sidecar)["LIFESIGN_TERMINATION_GRACE"] == ("90" if name == "books" else "30")
    assert main["lifecycle"]["preStop"]["exec"] == {"command": ["python3", "-m", "lifesign.probe", "--stopping"]}


def test_a_pod_shares_its_processes_where_that_is_wanted(render: Render, shop: Path) -> None:
    assert not any("shareProcessNamespace" in pod for _, pod in pods(render(chart=shop)))
    shared = dict(pods(render("lifesign.sidecar.shareProcessNamespace=true", chart=shop)))
    placed_by_hand = "books"
    assert {name for name, pod in shared.items() if not pod.get("shareProcessNamespace")} == {placed_by_hand}
    injection = ("otlp.endpoint=http://c:4318", "injection.enabled=true", "sidecar.shareProcessNamespace=true")
    policy = one(render(*injection), "MutatingAdmissionPolicy")
    expression = policy["spec"]["mutations"][0]["jsonPatch"]["expression"]
    kept = "(has(object.spec.shareProcessNamespace) ? [] : "
    assert f'{kept}[JSONPatch{{op: "add", path: "/spec/shareProcessNamespace", value: true}}])' in expression


def test_no_volume_of_ours_keeps_a_node_that_the_autoscaler_would_remove(render: Render, shop: Path) -> None:
    ours = "lifesign-agent,lifesign-run,lifesign-spool"
    found = {}
    for manifest in render(chart=shop):
        spec = manifest["spec"]
        template = spec.get("jobTemplate", manifest)["spec"].get("template", manifest)
        annotations = template["metadata"].get("annotations", {})
        found[manifest["metadata"]["name"]] = annotations.get(EVICTABLE)
    placed_by_hand = "books"
    assert found.pop("web") == f"{ours},data"
    assert {name for name, volumes in found.items() if volumes != ours} == {placed_by_hand}


def test_what_a_container_has_of_its_own_is_kept(watched: dict[str, dict[str, Any]]) -> None:
    pod = watched["web"]
    main, proxy = containers(pod)["web"], containers(pod)["proxy"]
    assert list(containers(pod)) == ["lifesign-inject", "lifesign", "migrate", "proxy", "web"]
    assert proxy == {"name": "proxy", "image": "proxy:1"}
    assert variables(main)["PYTHONPATH"] == f"{AGENT}:/srv/shop"
    assert variables(main)["LIFESIGN_HEARTBEAT_TIMEOUT"] == "9"
    assert [entry["name"] for entry in main["env"]].count("LIFESIGN_HEARTBEAT_TIMEOUT") == 1
    assert main["readinessProbe"] == {"httpGet": {"path": "/ready", "port": 8000}}
    assert main["livenessProbe"] == {"tcpSocket": {"port": 8000}}
    assert main["lifecycle"]["postStart"] == {"exec": {"command": ["/bin/true"]}}
    assert main["volumeMounts"][0] == {"name": "data", "mountPath": "/data"}


def test_the_sidecar_says_where_it_is(watched: dict[str, dict[str, Any]]) -> None:
    pod = "k8s.namespace.name=$(K8S_NAMESPACE_NAME),k8s.pod.name=$(K8S_POD_NAME),k8s.pod.uid=$(K8S_POD_UID),"
    pod += "k8s.node.name=$(K8S_NODE_NAME),k8s.container.name=$(K8S_CONTAINER_NAME)"
    web, books = (containers(watched[name])["lifesign"] for name in ("web", "books"))
    assert variables(web)["OTEL_RESOURCE_ATTRIBUTES"] == f"{pod},k8s.deployment.name=web"
    assert variables(web)["OTEL_SERVICE_NAME"] == variables(web)["K8S_CONTAINER_NAME"] == "web"
    assert variables(books)["OTEL_RESOURCE_ATTRIBUTES"] == f"{pod},team=desk%2C north"
    assert variables(books)["OTEL_SERVICE_NAME"] == "ledger"
    downward = {
        entry["name"]: entry["valueFrom"]["fieldRef"]["fieldPath"] for entry in web["env"] if "valueFrom" in entry
    }
    assert downward == {
        "K8S_NAMESPACE_NAME": "metadata.namespace",
        "K8S_POD_NAME": "metadata.name",
        "K8S_POD_UID": "metadata.uid",
        "K8S_NODE_NAME": "spec.nodeName",
    }


def test_one_workload_may_have_values_of_its_own(render: Render, shop: Path) -> None:
    found = dict(pods(render("others.settings.events=order=5s", "others.probes.by=none", chart=shop)))
    job, web = containers(found["job"])["work"], containers(found["web"])["web"]
    assert variables(job)["LIFESIGN_EVENTS"] == "order=5s"
    assert not {"startupProbe", "livenessProbe"} & job.keys()
    assert "LIFESIGN_EVENTS" not in variables(web)
    assert "startupProbe" in web


def test_without_native_sidecars_it_stands_beside_and_ends_after(render: Render) -> None:
    pod = one(render(example="plain"), "Deployment")["spec"]["template"]["spec"]
    assert [container["name"] for container in pod["initContainers"]] == ["lifesign-inject"]
    assert [container["name"] for container in pod["containers"]] == ["demo", "lifesign"]
    sidecar = containers(pod)["lifesign"]
    assert "restartPolicy" not in sidecar
    assert variables(sidecar)["LIFESIGN_SIGTERM_DELAY"] == "20"
    assert variables(containers(pod)["demo"])["PYTHONPATH"] == f"{AGENT}:/app/src"


@pytest.mark.parametrize(("version", "is_refused"), [("1.28.15", True), ("1.29.0", False), ("1.37.2-gke.1", False)])
def test_a_cluster_without_native_sidecars_is_told_apart(
    helm: Callable[..., str], version: str, is_refused: bool
) -> None:
    arguments = [
        "template",
        "x",
        str(CHART),
        "--set",
        "demo.enabled=true,collector.enabled=true",
        "--kube-version",
        version,
    ]
    if is_refused:
        with pytest.raises(RefusedError, match=rf"Kubernetes v{version} has no native sidecars, 1.29 has: set sidecar"):
            helm(*arguments)
        assert "restartPolicy: Always" not in helm(*arguments, "--set", "sidecar.native=false")
    else:
        assert "restartPolicy: Always" in helm(*arguments)


def test_a_job_that_would_never_complete_is_refused(render: Render, shop: Path) -> None:
    with pytest.raises(RefusedError, match="a Job does not complete beside a plain sidecar"):
        render("lifesign.sidecar.native=false", chart=shop)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ('"container" "web" "workload" "kind: Service"', "unsupported kind Service"),
        ('"container" "wep" "workload" (include "shop.deployment" $)', "Deployment web has no container wep"),
        ('"container" "web" "workload" "a: [b"', "the workload is not one YAML document"),
    ],
)
def test_what_cannot_be_watched_is_said(
    helm: Callable[..., str], shop: Path, tmp_path: Path, arguments: str, says: str
) -> None:
    extra = shop / "templates" / "extra.yaml"
    extra.write_text(f'{{{{- include "lifesign.watched" (dict "root" $ {arguments}) }}}}\n')
    try:
        with pytest.raises(RefusedError, match=says):
            helm("template", "shop", str(shop))
    finally:
        extra.unlink()
