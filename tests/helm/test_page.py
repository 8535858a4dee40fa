"""What docs/kubernetes.md writes into charts and values, rendered and read by Kubernetes' own schemas."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from support.documented.blocks import block, blocks
from support.paths import CHART

from .conftest import manifests, pods

PAGE = "docs/kubernetes.md"
DEPLOYMENT = """
{{- define "shop.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: "shop:1"}]}
{{- end }}
"""
COMMANDS = [
    command
    for one in blocks()
    if one.page == PAGE
    for command in one.commands()
    if command.startswith(("helm install", "helm upgrade"))
]


def valid(found: Iterable[dict[str, Any]]) -> list[str]:
    """The kinds of all; those of the operator's are not Kubernetes' own."""
    kinds = []
    for manifest in found:
        kinds.append(manifest["kind"])
        if "monitoring.coreos.com" not in manifest["apiVersion"]:
            kubernetes_validate.validate(manifest, "1.37", strict=True)
    return kinds


def sets(command: str) -> list[str]:
    words = shlex.split(command)
    return [word for at, word in enumerate(words) if "--set" in (word, words[at - 1])]


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_command_sets_can_be_rendered(command: str, helm: Callable[..., str]) -> None:
    given = [*sets(COMMANDS[0]), *sets(command)]  # an upgrade keeps what the installation has set
    assert "Deployment" in valid(manifests(helm("template", "lifesign", str(CHART), "--namespace", "lifesign", *given)))


def test_a_chart_as_the_page_writes_it_watches_its_service(
    shop: Path, tmp_path: Path, helm: Callable[..., str]
) -> None:
    chart, _, values = block(PAGE, "# Chart.yaml").content.partition("# values.yaml\n")
    dependencies = yaml.safe_load(chart)
    (tmp_path / "templates").mkdir()
    (tmp_path / "charts").symlink_to(shop / "charts")
    (tmp_path / "Chart.yaml").write_text(
        yaml.safe_dump({"apiVersion": "v2", "name": "shop", "version": "1.0.0", **dependencies})
    )
    (tmp_path / "values.yaml").write_text(values)
    line = block(PAGE, "{{ include").content
    (tmp_path / "templates" / "deployment.yaml").write_text(line + DEPLOYMENT)
    found = manifests(helm("template", "shop", str(tmp_path)))
    valid(found)
    containers = {one["name"]: one for _, pod in pods(found) for one in (*pod["initContainers"], *pod["containers"])}
    assert containers["lifesign"]["image"].startswith("registry.example/lifesign:")
    environ = {one["name"]: one.get("value") for one in containers["lifesign"]["env"]}
    assert environ["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector.observability:4318"
    assert {one["name"]: one.get("value") for one in containers["shop"]["env"]}["LIFESIGN_EVENTS"] == "order=30s"


def test_the_values_of_alerts(helm: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(block(PAGE, "monitoring:").content)
    enabled = ("--set", "monitoring.prometheusRule.enabled=true")
    (rule,) = [
        one
        for one in manifests(helm("template", "lifesign", str(CHART), "--values", str(file), *enabled))
        if one["kind"] == "PrometheusRule"
    ]
    alerts = {one["alert"]: one for group in rule["spec"]["groups"] for one in group["rules"] if "alert" in one}
    assert "TaskLeak" not in alerts
    assert (alerts["EventLoopDelayHigh"]["for"], alerts["EventLoopDelayHigh"]["labels"]["team"]) == ("10m", "desk")
    assert alerts["HeartbeatMissed"]["annotations"]["runbook_url"].startswith("https://git.example/lifesign/blob/main")
