"""What the chart brings of collector-config/ is that, to the byte; what may be overridden is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.built import built
from support.paths import CHART, ROOT

from .conftest import one, variables

Render = Callable[..., list[dict[str, Any]]]
RULE = "monitoring.prometheusRule."


def alerts(rendered: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    groups = one(rendered, "PrometheusRule")["spec"]["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("alerts.yaml", "collector-config/alerts.yaml"),
        ("gateway.yaml", "collector-config/gateway.yaml"),
        ("dashboard.json", "collector-config/grafana/dashboard.json"),
    ],
)
def test_the_chart_has_no_copy_of_its_own(name: str, source: str) -> None:
    assert (CHART / "files" / name).is_symlink()
    assert (CHART / "files" / name).resolve() == ROOT / source


def test_the_alerts_are_those_of_the_file(render: Render) -> None:
    written = yaml.safe_load((ROOT / "collector-config" / "alerts.yaml").read_text())["groups"]
    for group in written:
        for rule in group["rules"]:
            rule.get("annotations", {}).pop("trace_url", None)  # where nobody says what it is relative to
    rule = one(render(f"{RULE}enabled=true"), "PrometheusRule")
    assert rule["spec"]["groups"] == written


def test_the_alerts_are_a_file_for_a_prometheus_without_the_operator(render: Render) -> None:
    groups = one(render(f"{RULE}enabled=true"), "PrometheusRule")["spec"]["groups"]
    rendered = render(f"{RULE}enabled=true", f"{RULE}configMap=true")
    assert "PrometheusRule" not in {manifest["kind"] for manifest in rendered}
    assert yaml.safe_load(one(rendered, "ConfigMap", "lifesign-alerts")["data"]["alerts.yaml"]) == {"groups": groups}


def test_an_alert_links_to_the_traces_of_its_process(render: Render) -> None:
    rendered = alerts(render(f"{RULE}enabled=true", f"{RULE}jaegerUrl=https://jaeger.example/ui/"))
    link = rendered["ProcessDied"]["annotations"]["trace_url"]
    assert link.startswith("https://jaeger.example/ui/search?service={{")
    assert "trace_url" not in rendered["SidecarPipelineDown"]["annotations"]


def test_the_dashboard_and_the_gateway_are_those_of_the_files(render: Render) -> None:
    rendered = render("monitoring.dashboard.enabled=true", "collector.enabled=true")
    dashboard = one(rendered, "ConfigMap", "lifesign-dashboard")
    source = ROOT / "collector-config" / "grafana" / "dashboard.json"
    assert json.loads(dashboard["data"]["lifesign.json"]) == json.loads(source.read_text())
    gateway = one(rendered, "ConfigMap", "lifesign-collector")["data"]["gateway.yaml"]
    assert yaml.safe_load(gateway) == yaml.safe_load((ROOT / "collector-config" / "gateway.yaml").read_text())


@pytest.mark.parametrize("example", ["demo", "everything"])
def test_a_real_collector_loads_the_gateway_merged_with_the_chart_config(
    render: Render, tmp_path: Path, example: str
) -> None:
    rendered = render(example=example)
    for name, text in one(rendered, "ConfigMap", "lifesign-collector")["data"].items():
        (tmp_path / name).write_text(text)
    (container,) = one(rendered, "Deployment", "lifesign-collector")["spec"]["template"]["spec"]["containers"]
    configs = [argument.replace("/etc/otelcol", str(tmp_path)) for argument in container["args"]]
    command = [built("otelcol"), "validate", *configs]
    environ = {**variables(container), "LIFESIGN_COLLECTOR_STORAGE": str(tmp_path / "storage")}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_what_has_a_backend_is_not_printed(render: Render) -> None:
    laid_over = yaml.safe_load(
        one(render(example="everything"), "ConfigMap", "lifesign-collector")["data"]["here.yaml"]
    )
    assert laid_over["service"]["pipelines"] == {
        "logs/real": {"exporters": ["debug"]},
        "logs/synthetic": {"exporters": ["debug"]},
    }


def test_the_collector_is_of_the_version_that_is_tested(render: Render) -> None:
    tested = yaml.safe_load((ROOT / "collector-config" / "builder.yaml").read_text())["dist"]["version"]
    (container,) = one(render(example="demo"), "Deployment", "lifesign-collector")["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["image"].rpartition(":")[2] == tested


def test_an_alert_can_be_changed_and_left_out(render: Render) -> None:
    untouched = alerts(render(f"{RULE}enabled=true"))
    first, second, *rest = untouched
    changed = alerts(
        render(
            f"{RULE}enabled=true",
            f"{RULE}alerts.{first}.enabled=false",
            f"{RULE}alerts.{second}.for=17m",
            f"{RULE}alerts.{second}.severity=info",
            f"{RULE}alerts.{second}.labels.team=desk",
        )
    )
    assert list(changed) == [second, *rest]
    assert changed[second]["for"] == "17m"
    assert changed[second]["labels"] == {**untouched[second]["labels"], "severity": "info", "team": "desk"}
    assert changed[second]["expr"] == untouched[second]["expr"]
    assert {name: changed[name] for name in rest} == {name: untouched[name] for name in rest}


def test_runbooks_have_the_address_that_they_were_given(render: Render) -> None:
    for rule in alerts(render(f"{RULE}enabled=true", f"{RULE}runbookBaseUrl=https://git.example/lifesign/")).values():
        assert rule["annotations"]["runbook_url"].startswith("https://git.example/lifesign/collector-config/runbooks/")


def test_labels_for_the_operator_and_for_grafana(render: Render) -> None:
    rendered = render(
        f"{RULE}enabled=true", f"{RULE}additionalLabels.release=prometheus",
        "monitoring.podMonitor.enabled=true", "monitoring.podMonitor.additionalLabels.release=prometheus",
        "monitoring.dashboard.enabled=true",
    )  # fmt: skip
    assert one(rendered, "PrometheusRule")["metadata"]["labels"]["release"] == "prometheus"
    assert one(rendered, "PodMonitor")["metadata"]["labels"]["release"] == "prometheus"
    assert one(rendered, "ConfigMap")["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_the_monitor_finds_the_collector(render: Render) -> None:
    rendered = render("collector.enabled=true", "monitoring.podMonitor.enabled=true")
    wanted = one(rendered, "PodMonitor")["spec"]
    template = one(rendered, "Deployment")["spec"]["template"]
    assert wanted["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    ports = [port["name"] for port in template["spec"]["containers"][0]["ports"]]
    assert wanted["podMetricsEndpoints"][0]["port"] in ports
