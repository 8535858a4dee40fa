"""Every rendered pod keeps to the restricted Pod Security Standard, and to what we ask beyond it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import EXAMPLES, containers, pods

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
VOLUMES |= {"image"}  # of those clusters that know it
OURS = {"lifesign", "lifesign-inject"}


def violations(pod: dict[str, Any]) -> list[str]:
    """What the standard, as its page has it, would refuse in this pod."""
    found = [name for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name)]
    found += [
        f"volume {volume['name']}" for volume in pod.get("volumes", ()) if not volume.keys() - {"name"} <= VOLUMES
    ]
    for name, container in containers(pod).items():
        context = {**pod.get("securityContext", {}), **container.get("securityContext", {})}
        capabilities = context.get("capabilities", {})
        wrong = {
            "privileged": context.get("privileged", False),
            "allowPrivilegeEscalation": context.get("allowPrivilegeEscalation") is not False,
            "capabilities": capabilities.get("drop") != ["ALL"]
            or capabilities.get("add", []) not in ([], ["NET_BIND_SERVICE"]),
            "runAsNonRoot": context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0,
            "seccompProfile": context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"),
            "hostPort": any("hostPort" in port for port in container.get("ports", ())),
        }
        found += [f"{name}: {what}" for what, is_wrong in wrong.items() if is_wrong]
    return found


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_pod_is_restricted(render: Callable[..., Any], example: str) -> None:
    assert {name: violations(pod) for name, pod in pods(render(example=example))} == {
        name: [] for name, _ in pods(render(example=example))
    }


def test_a_pod_that_is_not_would_be_found() -> None:
    pod = {
        "hostPID": True,
        "volumes": [{"name": "node", "hostPath": {"path": "/"}}],
        "containers": [{"name": "main", "securityContext": {"runAsNonRoot": True, "runAsUser": 0}}],
    }
    assert violations(pod) == [
        "hostPID", "volume node", "main: allowPrivilegeEscalation", "main: capabilities", "main: runAsNonRoot",
        "main: seccompProfile",
    ]  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES)
def test_ours_write_nothing_but_volumes_that_are_bounded(render: Callable[..., Any], example: str) -> None:
    for _, pod in pods(render(example=example)):
        assert not pod.get("shareProcessNamespace")
        assert all("sizeLimit" in volume["emptyDir"] for volume in pod.get("volumes", ()) if "emptyDir" in volume)
        for container in containers(pod).values():
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert {"cpu", "memory"} == container["resources"]["requests"].keys()
            assert "memory" in container["resources"]["limits"]


def test_beside_a_users_pod_ours_are_restricted_all_the_same(render: Callable[..., Any], shop: Path) -> None:
    names = {name for name, _ in pods(render(chart=shop))}
    assert names == {"web", "daemonset", "books", "cronjob", "job", "lifesign-test"}
    for _, pod in pods(render(chart=shop)):
        assert [found for found in violations(pod) if found.partition(":")[0] in OURS] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_nothing_of_a_service_hangs_on_the_start_of_its_sidecar(render: Callable[..., Any], example: str) -> None:
    for _, pod in pods(render(example=example)):
        for name in OURS & containers(pod).keys():
            assert not {"startupProbe", "readinessProbe"} & containers(pod)[name].keys()
