"""The pod that the chart renders, run for real by podman: what a kubelet would ask is asked by the test."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.backends.collector import Collector, LogSeen
from support.backends.ports import free_port
from support.built import built
from support.kubelet import Kubelet
from support.paths import CHART
from support.waiting import eventually

HERE = Path(__file__).parent
PATIENCE = 120.0
SERVICE = "localhost/lifesign-test/python:"  # of which nothing knows of lifesign


class Deployed:
    """A running pod, the container of the service as rendered, and the Collector."""

    def __init__(self, pod: Kubelet, rendered: dict[str, Any], collector: Collector) -> None:
        self.pod = pod
        self.collector = collector
        (self.main,) = (container for container in rendered["containers"] if container["name"] != "lifesign")

    def ready(self) -> None:
        self.pod.answers(self.main["name"], self.main["startupProbe"], 0)

    def reported(self, *events: str) -> LogSeen:
        """Waits for a log record of one of these events at the Collector."""
        return eventually(
            lambda: next((log for log in self.collector.logs() if log.event in events), None),
            seconds=PATIENCE,
            every=0.1,
        )

    def values(self, metric: str) -> dict[str, float]:
        """The newest value of a metric at the Collector, by instance."""
        points = [point for point in self.collector.points() if point.metric == metric]
        return {point.resource["service.instance.id"]: point.value for point in points}


@pytest.fixture(scope="session")
def images() -> tuple[str, str]:
    """Podman, and the image of this checkout."""
    podman, _, image = built("images").partition(" ")
    return podman, image


@pytest.fixture
def render(images: tuple[str, str], collector: Collector, tmp_path: Path) -> Any:
    """The pods of a chart, with the values that bind it to this machine."""
    repository, _, tag = images[1].rpartition(":")

    def rendered(chart: Path, prefix: str, *arguments: str) -> list[dict[str, Any]]:
        values = {
            "image": {"repository": repository, "tag": tag},
            "otlp": {"endpoint": collector.environment("http/protobuf")["OTEL_EXPORTER_OTLP_ENDPOINT"]},
            "sidecar": {"healthPort": free_port()},
            "settings": {"heartbeat_timeout": 2, "metric_interval": 1},
        }
        given = tmp_path / "values.yaml"
        given.write_text(yaml.safe_dump({prefix: values} if prefix else values))
        helm = [built("helm"), "template", "desk", str(chart), "--values", str(given), *arguments]
        printed = subprocess.run(helm, capture_output=True, text=True, check=True).stdout
        return [manifest for manifest in yaml.safe_load_all(printed) if manifest]

    return rendered


@pytest.fixture
def desk(
    images: tuple[str, str], render: Any, collector: Collector, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Deployed]:
    """The service, deployed with its sidecar, ready; a parameter is one more value of the chart."""
    chart = tmp_path / "chart"
    shutil.copytree(HERE / "chart", chart)
    shutil.copytree(CHART, chart / "charts" / "lifesign")
    tags = subprocess.run([images[0], "images", "--format", "{{.Repository}}:{{.Tag}}"], capture_output=True, text=True)
    image = next(line for line in tags.stdout.splitlines() if line.startswith(SERVICE))
    manifests = render(
        chart,
        "lifesign",
        "--set",
        f"image={image}",
        "--set-file",
        f"program={HERE / 'desk.py'}",
        "--set",
        getattr(request, "param", ""),
    )
    (spec,) = (found["spec"]["template"]["spec"] for found in manifests if found["kind"] == "Deployment")
    pod = Kubelet(images[0], tmp_path, "desk", spec)
    try:
        pod.start()
        deployed = Deployed(pod, spec, collector)
        deployed.ready()
        yield deployed
    finally:
        pod.remove()


def test_an_unmodified_service_of_another_user_is_watched(desk: Deployed) -> None:
    assert (desk.pod.user("desk"), desk.pod.user("lifesign")) == (1234, 65532)
    assert desk.pod.probe("desk", desk.main["livenessProbe"]) == 0
    (boot,) = eventually(
        lambda: [span for span in desk.collector.spans() if span.name == "boot"], seconds=PATIENCE, every=0.1
    )
    assert boot.error is None
    assert boot.resource["service.name"] == "desk"
    assert {name: value for name, value in boot.resource.items() if name.startswith("k8s.")} == {
        "k8s.namespace.name": "the metadata.namespace",
        "k8s.pod.name": "the metadata.name",
        "k8s.pod.uid": "the metadata.uid",
        "k8s.node.name": "the spec.nodeName",
        "k8s.container.name": "desk",
        "k8s.deployment.name": "desk",
    }
    eventually(lambda: list(desk.values("lifesign.heartbeats").values())[:1] > [0.0], seconds=PATIENCE, every=0.1)


def test_a_blocked_loop_is_told_before_the_container_is_killed_and_the_next_one_is_well(desk: Deployed) -> None:
    before = desk.pod.state("desk")["Pid"]
    desk.pod.signal("desk", signal.SIGUSR2)

    desk.pod.answers("desk", desk.main["livenessProbe"], 1)
    blocked = desk.reported("lifesign.eventloop.blocked")
    assert "ask_the_printer" in blocked.attributes["code.stacktrace"]

    # What a kubelet does when the probe has failed for long enough: the hook, too, before the signals.
    desk.pod.hook("desk", desk.main["lifecycle"]["preStop"])
    desk.pod.signal("desk", signal.SIGKILL)
    desk.pod.restarted("desk", before)
    died = desk.reported("lifesign.process.died")
    assert died.resource == blocked.resource
    assert died.body.startswith("killed with its container, which was ended while it was blocked; ")
    assert "in ask_the_printer" in died.body
    desk.ready()
    desk.pod.answers("desk", desk.main["livenessProbe"], 0)


def test_a_kill_for_want_of_memory_is_told_and_the_next_one_is_watched(desk: Deployed) -> None:
    before = desk.pod.state("desk")["Pid"]
    desk.pod.signal("desk", signal.SIGUSR1)
    desk.pod.restarted("desk", before)

    died = desk.reported("lifesign.process.died")
    assert died.attributes["lifesign.state"] == "dead"
    desk.ready()
    eventually(lambda: len(desk.values("lifesign.heartbeats")) == 2, seconds=PATIENCE, every=0.1)


def test_a_sidecar_that_is_killed_restarts_nothing_but_itself(desk: Deployed) -> None:
    before, service = desk.pod.state("lifesign")["Pid"], desk.pod.state("desk")["Pid"]
    desk.pod.signal("lifesign", signal.SIGSTOP)
    assert desk.pod.probe("desk", desk.main["livenessProbe"]) == 0, "a sidecar that does not answer is not waited for"
    desk.pod.signal("lifesign", signal.SIGKILL)
    desk.pod.restarted("lifesign", before)

    desk.pod.answers("desk", desk.main["livenessProbe"], 0)
    desk.ready()
    assert desk.pod.state("desk")["Pid"] == service
    assert {span.trace for span in desk.collector.spans() if span.name == "boot"} == {
        span.trace for span in desk.collector.spans()
    }, "the same boot, and no other story"


def test_a_rolling_update_is_quiet(desk: Deployed) -> None:
    (instance,) = eventually(lambda: desk.values("lifesign.heartbeat.expected"), seconds=PATIENCE, every=0.1)
    # A kubelet's order with a native sidecar: hook and signals of the main container, then the sidecar.
    desk.pod.hook("desk", desk.main["lifecycle"]["preStop"])
    # It does not hear SIGTERM, and when its grace period is over the kubelet signals the one and kills the other.
    desk.pod.signal("lifesign", signal.SIGTERM)
    desk.pod.signal("desk", signal.SIGKILL)
    assert desk.pod.wait("lifesign") == 0

    end = desk.reported("lifesign.process.stopped", "lifesign.process.died")
    if end.event == "lifesign.process.died":  # a sidecar that saw it outlive its grace period says so, as a warning
        assert end.severity == 13
        assert re.fullmatch(r"killed by SIGKILL \d\.\d s after SIGTERM", end.body)
    else:
        assert end.body == "ended by SIGTERM, as asked"
    eventually(lambda: desk.values("lifesign.heartbeat.expected") == {instance: 0.0}, seconds=PATIENCE, every=0.1)


def test_a_container_that_a_probe_of_its_own_ended_is_told_by_what_follows(desk: Deployed) -> None:
    before = desk.pod.state("desk")["Pid"]
    desk.pod.hook("desk", desk.main["lifecycle"]["preStop"])
    desk.pod.signal("desk", signal.SIGKILL)
    desk.pod.restarted("desk", before)

    died = desk.reported("lifesign.process.died")
    assert died.body.startswith("its container was ended and started again: probably a liveness probe")
    assert [log for log in desk.collector.logs() if log.event == "lifesign.process.stopped"] == []


@pytest.mark.parametrize("desk", ["lifesign.sidecar.native=false"], indirect=True)
def test_a_plain_sidecar_that_is_told_at_the_same_time_ends_after_the_service(desk: Deployed) -> None:
    # One that gets the signal later is taken for a native sidecar, whose service has had its time.
    desk.pod.signal("lifesign", signal.SIGTERM)
    desk.pod.hook("desk", desk.main["lifecycle"]["preStop"])
    desk.pod.answers("desk", desk.main["livenessProbe"], 0)
    desk.pod.stop("desk", grace=1)

    assert desk.pod.wait("lifesign") == 0
    assert desk.reported("lifesign.process.stopped").body == "ended by SIGTERM, as asked"


def test_the_demo_is_watched(images: tuple[str, str], render: Any, collector: Collector, tmp_path: Path) -> None:
    manifests = render(CHART, "", "--set", "demo.enabled=true")
    (spec,) = (found["spec"]["template"]["spec"] for found in manifests if found["kind"] == "Deployment")
    pod = Kubelet(images[0], tmp_path, "demo", spec)
    try:
        pod.start()
        demo = Deployed(pod, spec, collector)
        demo.ready()
        eventually(lambda: demo.values("lifesign.events"), seconds=PATIENCE, every=0.1)
        assert {point.resource["service.name"] for point in collector.points()} == {"lifesign-demo"}
    finally:
        pod.remove()


def test_the_pod_of_helm_test_passes(
    images: tuple[str, str], render: Any, collector: Collector, tmp_path: Path
) -> None:
    (spec,) = (found["spec"] for found in render(CHART, "") if found["kind"] == "Pod")
    assert spec["restartPolicy"] == "Never"
    pod = Kubelet(images[0], tmp_path, "test", spec)
    try:
        pod.start()
        assert pod.wait("test") == 0, pod.logs("test")
        assert pod.logs("test").count("ok: ") == 3
    finally:
        pod.remove()
