"""The node that these tests run in, the chart's Collector on it, and the backends behind that."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.client import Client
from cluster.node.place import ADDRESS, VARIABLE
from cluster.scene import GATEWAY, SETTINGS, Scene, is_ready
from support.backends.collector import Collector
from support.backends.prometheus import Prometheus
from support.built import built
from support.paths import CHART
from support.waiting import eventually

# Where tests install the chart with injection themselves.
OTHERS = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["guarded", "shop"]}
_number = itertools.count(os.getpid() * 100)


@pytest.fixture(scope="session")
def cluster() -> Client:
    """The API of the node that the tests run in."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip("there is no node here: run `make cluster`")
    return Client(Path(folder) / "kubeconfig")


@pytest.fixture(scope="session")
def image() -> dict[str, str]:
    """The image of this checkout, as the chart's values say it."""
    repository, _, tag = built("images").partition(" ")[2].rpartition(":")
    return {"repository": repository, "tag": tag}


@pytest.fixture(scope="session")
def helm(cluster: Client) -> Callable[..., str]:
    """Runs Helm against the cluster, with the release's name after the verb, and the chart where it needs one."""

    def run(verb: str, *arguments: str, namespace: str) -> str:
        chart = [str(CHART)] if verb in ("install", "upgrade") else []
        command = [built("helm"), verb, "lifesign", *chart, "--namespace", namespace, *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run


@pytest.fixture(scope="session")
def collected(cluster: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """What takes the traces and logs that the cluster's Collector sends on, and writes them to a file."""
    running = Collector(built("otelcol"), tmp_path_factory.mktemp("collected"), host=ADDRESS)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def prometheus(cluster: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A real Prometheus with the shipped rules, in a hurry, which takes the metrics of the cluster's Collector."""
    binaries = Path(built("prometheus"))
    with Prometheus(binaries, tmp_path_factory.mktemp("metrics") / "prometheus", host=ADDRESS) as running:
        yield running


@pytest.fixture(scope="session")
def gateway(
    cluster: Client, helm: Callable[..., str], image: dict[str, str], collected: Collector, prometheus: Prometheus,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:  # fmt: skip
    """The chart, installed with a Collector in the cluster; its OTLP endpoint."""
    repository, _, tag = os.environ["LIFESIGN_TEST_NODE_COLLECTOR"].rpartition(":")
    values = {
        "image": image,
        "injection": {"enabled": True, "namespaceSelector": {"matchExpressions": [OTHERS]}},
        "collector": {
            "enabled": True,
            "image": {"repository": repository, "tag": tag},
            "backends": {
                "traces": collected.grpc,
                "logs": f"http://{collected.http}",
                "metrics": f"http://{prometheus.address}/api/v1/otlp",
            },
        },
        "settings": SETTINGS,
    }
    file = tmp_path_factory.mktemp("gateway") / "values.json"
    file.write_text(json.dumps(values))
    helm("upgrade", "--install", "--create-namespace", "--values", str(file), namespace=GATEWAY)
    labels = "labelSelector=app.kubernetes.io%2Fcomponent%3Dcollector"

    def running() -> Any:
        pods = cluster.get(f"/api/v1/namespaces/{GATEWAY}/pods?{labels}")["items"]
        return [pod for pod in pods if is_ready(pod)]

    (pod,) = eventually(running, seconds=180, every=0.5)
    prometheus.scrapes(f"{pod['status']['podIP']}:8888")
    yield f"http://lifesign-collector.{GATEWAY}:4318"
    with contextlib.suppress(AssertionError):
        cluster.delete(f"/api/v1/namespaces/{GATEWAY}")


@pytest.fixture(scope="module")
def scene(
    cluster: Client, gateway: str, image: dict[str, str], collected: Collector, prometheus: Prometheus,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:  # fmt: skip
    """An empty namespace."""
    values = {"image": image, "otlp": {"endpoint": gateway}, "settings": SETTINGS}
    name = f"desk-{next(_number)}"
    made = Scene(cluster, name, tmp_path_factory.mktemp(name), collected, prometheus, values)
    yield made
    made.remove()
