"""What fifty watched pods cost a node; `make cluster ARGS=--all PYTEST_ARGS='-s -k costs'` prints it."""

from __future__ import annotations

import contextlib
import os
import time
from collections import defaultdict
from pathlib import Path

import pytest

from cluster.scene import BUSY, Scene, service

PODS = 50
SECONDS = 60.0
SETTINGS = {"metric_interval": 5}  # as it is by default
KINDS = {
    "kube-apiserver": "API server",  # which names the kubelet, too
    "kubelet": "kubelet",
    "containerd": "containerd and its shims",
    "otelcol": "Collector",
    "lifesign\0watch": "sidecars",
    "service.py": "services",
}


@pytest.mark.long
def test_fifty_watched_pods_are_well_and_cost_little(scene: Scene) -> None:
    scene.deploy(service("many", spec={"replicas": PODS}), settings=SETTINGS)
    scene.wait(lambda: scene.ready("many", PODS), seconds=900)
    scene.wait(lambda: len(scene.values("lifesign_heartbeats_total", "many")) == PODS)
    before = used()
    time.sleep(SECONDS)
    after = used()
    print(f"\n{PODS} pods for {SECONDS:.0f} s:")
    for kind in KINDS.values():
        share = (after[kind][0] - before[kind][0]) / SECONDS
        print(f"  {kind:26} {share * 100:6.2f} % of a core, {after[kind][1] / 2**20:7.0f} MiB")
    assert sum(scene.restarts("many", container) for container in ("many", "lifesign")) == 0
    assert {alert for alert, _ in scene.fired("many")} - {BUSY} == set()


def used() -> dict[str, tuple[float, int]]:
    """Seconds of a core and bytes of memory that each kind of process has used."""
    found: dict[str, tuple[float, int]] = defaultdict(lambda: (0.0, 0))
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode(errors="replace")
            kind = next((name for word, name in KINDS.items() if word in words), "")
            fields = (entry / "stat").read_text().rpartition(") ")[2].split()
            seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            memory = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
            found[kind] = found[kind][0] + seconds, found[kind][1] + memory
    return found
