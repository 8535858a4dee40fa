"""Every shipped config of the Collector: valid for the real binary, loaded by it, and taking real telemetry."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from support.backends.collector import Collector
from support.backends.gateways import Shipped
from support.paths import CONFIGS, VICTIMS
from support.supervised import environment, supervised
from support.waiting import eventually

PATIENCE = 60.0
SYNTHETIC = "user_agent.synthetic.type"
GATED = "profiles.yaml"
OVERLAYS = ("gateway-scrape.yaml", "gateway-files.yaml")
APART = (  # for other programs
    "alertmanager.yaml",
    "alertmanagers.yaml",
    "alerts.yaml",
    "builder.yaml",
    "compose.yaml",
    "jaeger.yaml",
    "kubernetes.yaml",
    "kustomization.yaml",
    "prometheus.yaml",
    "targets.yaml",
)
DESK = [sys.executable, str(VICTIMS / "desk.py")]


@pytest.fixture
def run_desk(tmp_path: Path) -> Callable[[Shipped], None]:
    """Runs a service that emits every signal, real and synthetic, into a Collector, to its end."""

    def run(gateway: Shipped) -> None:
        environ = environment(
            **gateway.environment,
            OTEL_SERVICE_NAME="desk",
            OTEL_RESOURCE_ATTRIBUTES="host.name=pod-1",
            LIFESIGN_METRIC_INTERVAL="0.5",
            LIFESIGN_SPOOL_DIR=str(tmp_path / "spool"),
            DRY_RUN="1",
        )
        with supervised(DESK, env=environ) as desk:
            desk.line_with("ready")
            desk.process.terminate()
            assert desk.end() == 0

    return run


def names() -> list[str]:
    shipped = sorted(path.name for path in CONFIGS.glob("*.yaml"))
    return [name for name in shipped if name not in (*APART, GATED)]


@pytest.mark.parametrize("name", names())
def test_the_collector_finds_a_shipped_file_valid(name: str, otelcol: str) -> None:
    files = ["gateway.yaml", name] if name in OVERLAYS else [name]
    command = [otelcol, "validate", *(f"--config={CONFIGS / file}" for file in files)]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert ended.returncode == 0, ended.stderr
    assert "deprecated" not in ended.stderr


@pytest.mark.parametrize("below", ["local.yaml", "sidecar.yaml", "gateway.yaml"])
def test_profiles_are_an_overlay_that_wants_a_gate(below: str, otelcol: str) -> None:
    command = [otelcol, "validate", f"--config={CONFIGS / below}", f"--config={CONFIGS / GATED}"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert "service.profilesSupport" in refused.stderr
    gate = "--feature-gates=service.profilesSupport"
    ended = subprocess.run([*command, gate], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 0, ended.stderr


def test_telemetry_goes_through_a_sidecar_and_a_gateway_to_each_backend(
    otelcol: str, collector: Collector, tmp_path: Path, run_desk: Callable
) -> None:
    backends = {
        "LIFESIGN_JAEGER": collector.grpc,
        "LIFESIGN_JAEGER_SYNTHETIC": collector.grpc,
        **{
            f"LIFESIGN_{name}": f"http://{collector.http}"
            for name in ("PROMETHEUS", "PROMETHEUS_SYNTHETIC", "LOGS", "LOGS_SYNTHETIC")
        },
    }
    cluster = "OTEL_RESOURCE_ATTRIBUTES"
    gateway = Shipped(otelcol, tmp_path / "gateway", "gateway.yaml", **backends, **{cluster: "k8s.cluster.name=blue"})
    beside = Shipped(otelcol, tmp_path / "beside", "sidecar.yaml", LIFESIGN_GATEWAY=gateway.grpc)
    with gateway, beside:
        run_desk(beside)
        eventually(lambda: "lifesign.process.stopped" in {log.event for log in collector.logs()}, PATIENCE)
        eventually(lambda: {"boot", "dry_run trade"} <= {span.name for span in collector.spans()}, PATIENCE)
        eventually(
            lambda: {"lifesign.heartbeats", "lifesign.events"} <= {p.metric for p in collector.points()}, PATIENCE
        )

    resource = collector.spans()[0].resource
    assert (resource["host.name"], resource["k8s.cluster.name"]) == ("pod-1", "blue")
    assert resource["os.type"] == "linux"  # of the machine where the sidecar's Collector runs


def test_what_is_synthetic_leaves_by_exporters_of_its_own(
    otelcol: str, collector: Collector, tmp_path: Path, run_desk: Callable
) -> None:
    apart = tmp_path / "apart"
    apart.mkdir()
    synthetic = Collector(otelcol, apart)
    gateway = Shipped(
        otelcol,
        tmp_path / "gateway",
        "gateway.yaml",
        LIFESIGN_JAEGER=collector.grpc,
        LIFESIGN_PROMETHEUS=f"http://{collector.http}",
        LIFESIGN_LOGS=f"http://{collector.http}",
        LIFESIGN_JAEGER_SYNTHETIC=synthetic.grpc,
        LIFESIGN_PROMETHEUS_SYNTHETIC=f"http://{synthetic.http}",
        LIFESIGN_LOGS_SYNTHETIC=f"http://{synthetic.http}",
    )
    synthetic.start()
    try:
        with gateway:
            run_desk(gateway)
            eventually(lambda: len(synthetic.spans()) == 3, PATIENCE)
            eventually(lambda: synthetic.points() and collector.points(), PATIENCE)
            eventually(lambda: "boot" in {span.name for span in collector.spans()}, PATIENCE)
    finally:
        synthetic.stop()

    for seen, tag in ((synthetic, "test"), (collector, None)):
        for item in (*seen.spans(), *seen.points(), *seen.logs()):
            assert item.attributes.get(SYNTHETIC) == tag
    assert "lifesign.events" in {point.metric for point in synthetic.points()}


def test_what_the_gateway_took_survives_its_death_and_an_outage_of_the_backend(
    otelcol: str, collector: Collector, tmp_path: Path, run_desk: Callable
) -> None:
    collector.stop()
    gateway = Shipped(
        otelcol,
        tmp_path / "gateway",
        "gateway.yaml",
        LIFESIGN_JAEGER=collector.grpc,
        LIFESIGN_PROMETHEUS=f"http://{collector.http}",
        LIFESIGN_LOGS=f"http://{collector.http}",
    )
    gateway.start()
    run_desk(gateway)
    gateway.kill()

    collector.start()
    with gateway:
        eventually(lambda: "boot" in {span.name for span in collector.spans()}, PATIENCE)
        eventually(lambda: "lifesign.process.stopped" in {log.event for log in collector.logs()}, PATIENCE)
        eventually(collector.points, PATIENCE)


def test_the_overlays_serve_metrics_to_a_scrape_and_write_logs_to_files(
    otelcol: str, collector: Collector, tmp_path: Path, run_desk: Callable
) -> None:
    logs = tmp_path / "logs.jsonl"
    files = ("gateway.yaml", *OVERLAYS)
    gateway = Shipped(
        otelcol,
        tmp_path / "gateway",
        *files,
        LIFESIGN_JAEGER=collector.grpc,
        LIFESIGN_JAEGER_SYNTHETIC=collector.grpc,
        LIFESIGN_LOGS_FILE=str(logs),
        LIFESIGN_LOGS_SYNTHETIC_FILE=str(tmp_path / "synthetic.jsonl"),
    )
    with gateway:
        run_desk(gateway)
        eventually(lambda: logs.exists() and "lifesign.process.stopped" in logs.read_text(), PATIENCE)
        scraped = eventually(lambda: lines_with(gateway.scrape, "lifesign_heartbeat_expected_ratio{"), PATIENCE)
        own = eventually(lambda: lines_with(gateway.metrics, "otelcol_process_uptime"), PATIENCE)

    (line,) = scraped
    assert 'job="desk"' in line
    assert 'instance="' in line
    assert "otel_scope" not in line
    assert line.split()[-2] == "0"  # a clean stop; then comes the time of the sample
    assert own


def lines_with(address: str, text: str) -> list[str]:
    """The lines of a metrics page that have `text` in them."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=PATIENCE) as answer:
        return [line for line in answer.read().decode().splitlines() if text in line and not line.startswith("#")]
