"""The shipped files of Prometheus, Jaeger, Grafana and Docker, as far as can be checked without a container engine."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.built import built
from support.paths import CONFIGS

TIMEOUT = 60.0
DASHBOARD = CONFIGS / "grafana" / "dashboard.json"


@pytest.fixture(scope="session")
def compose_loader() -> str:
    """What reads compose files."""
    return built("compose")


def output_of(*command: object) -> str:
    ended = subprocess.run(
        [str(word) for word in command], cwd=CONFIGS, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def services(compose_loader: str) -> dict[str, Any]:
    """The services of the compose file, as `docker compose` resolves them."""
    return dict(json.loads(output_of(compose_loader, "-format=json", CONFIGS / "compose.yaml"))["services"])


def test_prometheus_takes_its_config_and_the_alerts(prometheus_binaries: Path) -> None:
    assert "SUCCESS: 1 rule files found" in output_of(
        prometheus_binaries / "promtool", "check", "config", "prometheus.yaml"
    )


def test_jaeger_takes_its_config(jaeger_binary: str) -> None:
    output_of(jaeger_binary, "validate", "--config", "jaeger.yaml")


def test_the_compose_file_is_one_and_mounts_what_is_there(services: dict[str, Any]) -> None:
    assert set(services) == {"collector", "jaeger", "prometheus", "alertmanager", "loki", "grafana", "demo"}
    mounts = [volume for service in services.values() for volume in service.get("volumes", ())]
    sources = [Path(volume["source"]) for volume in mounts if volume["type"] == "bind"]
    assert {source.name for source in sources} >= {"gateway.yaml", "jaeger.yaml", "prometheus.yaml", "alerts.yaml"}
    assert [source for source in sources if not source.exists()] == []
    assert Path(services["demo"]["build"]["context"]) == CONFIGS.parent


def test_only_loopback_is_opened(services: dict[str, Any]) -> None:
    opened = [port["host_ip"] for service in services.values() for port in service.get("ports", ())]
    assert set(opened) == {"127.0.0.1"}


@pytest.mark.parametrize("name", ["collector", "jaeger"])
def test_a_container_sets_only_variables_that_its_file_reads(name: str, services: dict[str, Any]) -> None:
    (file,) = (word.rpartition("/")[2] for word in services[name]["command"])
    known = set(re.findall(r"\$\{env:(\w+)", (CONFIGS / file).read_text()))

    assert set(services[name]["environment"]) <= known


def test_containers_call_each_other_where_they_listen(services: dict[str, Any]) -> None:
    listen = {
        "jaeger": {"14317", "16686"},
        "prometheus": {"9090"},
        "alertmanager": {"9093"},
        "loki": {"3100"},
        "collector": {"4317", "4318", "8888"},
    }
    assert services["jaeger"]["environment"]["LIFESIGN_JAEGER_GRPC"] == "0.0.0.0:14317"
    text = (CONFIGS / "compose.yaml").read_text() + (
        CONFIGS / "grafana/provisioning/datasources/lifesign.yaml"
    ).read_text()
    called = re.findall(r"\b(jaeger|prometheus|alertmanager|loki|collector):(\d{4,5})\b", text)
    assert {name for name, _ in called} == set(listen)
    assert [(name, port) for name, port in called if port not in listen[name]] == []


def test_grafana_finds_the_data_sources_that_the_dashboard_wants() -> None:
    provisioned = (CONFIGS / "grafana/provisioning/datasources/lifesign.yaml").read_text()
    uids, types = (re.findall(rf"^    {key}: (\w+)", provisioned, re.MULTILINE) for key in ("uid", "type"))
    wanted = {
        variable["query"]
        for variable in json.loads(DASHBOARD.read_text())["templating"]["list"]
        if variable["type"] == "datasource"
    }

    assert wanted == set(types)
    assert set(re.findall(r"datasourceUid: (\w+)", provisioned)) <= set(uids)
