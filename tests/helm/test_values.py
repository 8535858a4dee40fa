"""The values: what is wrong with them is said, and what is overridden takes effect."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lifesign.settings import TABLE
from support.paths import CHART, ROOT

from .conftest import RefusedError, containers, one, variables

Render = Callable[..., list[dict[str, Any]]]
DEMO = ("demo.enabled=true", "otlp.endpoint=http://collector:4318")
SET_BY_THE_CHART = {"dir", "spool_dir", "health_addr", "sigterm_delay", "linger"}  # the last is of `lifesign run`


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("sidecar.natve=true", "at '/sidecar': additional properties 'natve' not allowed"),
        ("sidecars.native=true", "additional properties 'sidecars' not allowed"),
        ("settings.heartbeat_timout=5", "invalid propertyName 'heartbeat_timout'"),
        ("sidecar.runAsUser=0", "at '/sidecar/runAsUser': minimum: got 0, want 1"),
        ("sidecar.native=perhaps", "at '/sidecar/native': got string, want boolean"),
        ("sidecar.healthPort=80", "at '/sidecar/healthPort': minimum: got 80, want 1,024"),
        ("sidecar.resources.limit.memory=1Gi", "at '/sidecar/resources': additional properties 'limit' not allowed"),
        ("otlp.endpoint=collector:4318", "at '/otlp/endpoint': 'collector:4318' does not match pattern"),
        ("otlp.protocol=http", "at '/otlp/protocol': value must be one of 'http/protobuf', 'grpc'"),
        ("image.digest=latest", "at '/image/digest': 'latest' does not match pattern"),
        ("probes.readiness.terminationGracePeriodSeconds=5", "additional properties 'terminationGracePeriodSeconds'"),
        ("probes.liveness.successThreshold=2", "at '/probes/liveness/successThreshold': value must be 1"),
        ("probes.by=tcp", "at '/probes/by': value must be one of 'mixed', 'http', 'exec', 'none'"),
        ("demo.enabled=true", "otlp.endpoint is not set: say where your Collector is, such as http://collector"),
        ("injection.enabled=true", "otlp.endpoint is not set"),
    ],
)
def test_a_wrong_value_is_refused_by_name(render: Render, value: str, says: str) -> None:
    with pytest.raises(RefusedError) as refused:
        render(value)
    assert says in str(refused.value)


def test_an_alert_that_does_not_exist_cannot_be_overridden(render: Render) -> None:
    with pytest.raises(RefusedError, match=r"alerts\.TaskLeek: there is no such alert; there are .*TaskLeak"):
        render("monitoring.prometheusRule.enabled=true", "monitoring.prometheusRule.alerts.TaskLeek.enabled=false")


def test_the_schema_knows_the_settings_of_the_sidecar_and_no_others() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    known = schema["properties"]["settings"]["propertyNames"]["enum"]
    assert set(known) == {setting.name for setting in TABLE} - SET_BY_THE_CHART, "helm/lifesign/values.schema.json"


def test_by_default_nothing_is_installed(render: Render) -> None:
    assert render() == []


@pytest.mark.parametrize(
    ("given", "text"),
    [("5", "5"), ("0.25", "0.25"), ("true", "1"), ("false", "0"), ("268435456", "268435456"), ("64MiB", "64MiB")],
)
def test_a_setting_reaches_both_processes_as_text(render: Render, given: str, text: str) -> None:
    rendered = render(*DEMO, f"settings.spool_size={given}")
    pod = one(rendered, "Deployment")["spec"]["template"]["spec"]
    for name in ("demo", "lifesign"):
        assert variables(containers(pod)[name])["LIFESIGN_SPOOL_SIZE"] == text


def test_probes_by_a_python_of_the_main_container(render: Render) -> None:
    pod = one(
        render(*DEMO, "probes.by=exec", "probes.python=/venv/bin/python", "probes.readiness.enabled=true"), "Deployment"
    )
    demo = containers(pod["spec"]["template"]["spec"])["demo"]
    asked = {kind: demo[f"{kind}Probe"]["exec"]["command"] for kind in ("startup", "liveness", "readiness")}
    command = ["/venv/bin/python", "-S", "/lifesign/agent/lifesign/ask.py"]
    assert asked == {
        "startup": [*command, "--startup", "7318"],
        "liveness": [*command, "--live", "7318"],
        "readiness": [*command, "--ready", "7318"],
    }
    assert demo["lifecycle"]["preStop"]["exec"]["command"][-1] == "--stopping"


def test_probes_by_the_sidecar(render: Render) -> None:
    pod = one(render(*DEMO, "probes.by=http", "sidecar.healthPort=8081"), "Deployment")["spec"]["template"]["spec"]
    demo = containers(pod)["demo"]
    assert demo["startupProbe"]["httpGet"] == {"path": "/app/startupz", "port": 8081}
    assert demo["livenessProbe"]["httpGet"] == {"path": "/app/livez", "port": 8081}


PROBE = {
    "initialDelaySeconds": 0,
    "periodSeconds": 11,
    "timeoutSeconds": 12,
    "successThreshold": 1,
    "failureThreshold": 13,
    "terminationGracePeriodSeconds": 14,
}


@pytest.mark.parametrize("kind", ["startup", "liveness", "readiness"])
def test_every_field_of_a_probe_may_be_set(render: Render, kind: str) -> None:
    fields = {name: value for name, value in PROBE.items() if kind != "readiness" or "Grace" not in name}
    sets = [f"probes.{kind}.{name}={value}" for name, value in fields.items()]
    pod = one(render(*DEMO, f"probes.{kind}.enabled=true", *sets), "Deployment")["spec"]["template"]["spec"]
    rendered = containers(pod)["demo"][f"{kind}Probe"]
    assert {name: rendered[name] for name in fields} == fields
    assert rendered.keys() == {"httpGet" if kind == "startup" else "exec", *fields}


def test_who_is_blocked_is_restarted_within_forty_seconds(render: Render) -> None:
    """3 s until it is noticed, up to a period until it is asked, and the kubelet's second to start it again."""
    pod = one(render(*DEMO), "Deployment")["spec"]["template"]["spec"]
    probe = containers(pod)["demo"]["livenessProbe"]
    failing = probe["periodSeconds"] * probe["failureThreshold"]
    assert 3 + failing + probe["terminationGracePeriodSeconds"] + 1 < 40


def test_the_agent_may_be_mounted_from_the_image(render: Render, helm: Callable[..., str]) -> None:
    sets = (*DEMO, "injector.imageVolume=true", "image.tag=edge", "image.pullPolicy=Always")
    pod = one(render(*sets), "Deployment")["spec"]["template"]["spec"]
    assert list(containers(pod)) == ["lifesign", "demo"], "no container that copies it"
    volume = next(volume for volume in pod["volumes"] if volume["name"] == "lifesign-agent")
    assert volume == {"name": "lifesign-agent", "image": {"reference": "lifesign:edge", "pullPolicy": "Always"}}
    mount = next(mount for mount in containers(pod)["demo"]["volumeMounts"] if mount["name"] == "lifesign-agent")
    assert mount["subPath"] == "opt/lifesign/agent"
    assert f"lifesign inject /{mount['subPath']}\n" in (ROOT / "Dockerfile").read_text()
    given = [part for text in sets for part in ("--set", text)]
    with pytest.raises(RefusedError, match=r"Kubernetes v1\.32\.0 cannot mount a folder of an image, 1\.36 can"):
        helm("template", "x", str(CHART), *given, "--kube-version", "1.32.0")


def test_nothing_is_asked_of_the_main_container_where_nothing_is_wanted(render: Render) -> None:
    pod = one(render(*DEMO, "probes.by=none", "preStop=false"), "Deployment")
    demo = containers(pod["spec"]["template"]["spec"])["demo"]
    assert not {"startupProbe", "livenessProbe", "readinessProbe", "lifecycle"} & demo.keys()


def test_a_digest_goes_before_the_tag(render: Render) -> None:
    digest = "sha256:" + "a" * 64
    pod = one(render(*DEMO, f"image.digest={digest}", "image.tag=edge"), "Deployment")["spec"]["template"]["spec"]
    assert containers(pod)["lifesign"]["image"] == f"lifesign@{digest}"


def test_the_endpoint_is_that_of_the_collector_of_the_chart(render: Render) -> None:
    for protocol, port in (("http/protobuf", 4318), ("grpc", 4317)):
        rendered = render("demo.enabled=true", "collector.enabled=true", f"otlp.protocol={protocol}")
        pod = one(rendered, "Deployment", "lifesign-demo")["spec"]["template"]["spec"]
        assert (
            variables(containers(pod)["lifesign"])["OTEL_EXPORTER_OTLP_ENDPOINT"]
            == f"http://lifesign-collector.shop:{port}"
        )
        service = one(rendered, "Service")
        assert service["metadata"]["name"] == "lifesign-collector"
        assert port in [entry["port"] for entry in service["spec"]["ports"]]
