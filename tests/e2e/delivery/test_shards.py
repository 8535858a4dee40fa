"""Two gateways behind `shards.yaml`: all that one process says arrives at one of them, and at the right one."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from support.backends.collector import Collector
from support.backends.gateways import Shipped
from support.paths import VICTIMS
from support.supervised import environment, supervised
from support.waiting import eventually

DESK = [sys.executable, str(VICTIMS / "desk.py")]
INSTANCES = {"pod-1": 0, "pod-3": 1}  # and the shard by the first digit of the hash


def test_the_instances_are_of_two_shards() -> None:
    digits = {name: hashlib.sha256(name.encode()).hexdigest()[0] for name in INSTANCES}
    assert {name: int(digit > "7") for name, digit in digits.items()} == INSTANCES


@pytest.fixture
def gateways(otelcol: str, tmp_path: Path) -> list[Collector]:
    folders = [tmp_path / str(shard) for shard in range(2)]
    for folder in folders:
        folder.mkdir()
    return [Collector(otelcol, folder) for folder in folders]


def test_a_process_has_one_gateway(otelcol: str, gateways: list[Collector], tmp_path: Path) -> None:
    addresses = {f"LIFESIGN_GATEWAY_{shard}": gateway.grpc for shard, gateway in enumerate(gateways)}
    with Shipped(otelcol, tmp_path / "front", "shards.yaml", **addresses) as front:
        try:
            for gateway in gateways:
                gateway.start()
            for name in INSTANCES:
                environ = environment(
                    **front.environment,
                    OTEL_RESOURCE_ATTRIBUTES=f"service.instance.id={name}",
                    LIFESIGN_SPOOL_DIR=str(tmp_path / f"spool of {name}"),
                    LIFESIGN_METRIC_INTERVAL="0.2",
                )
                with supervised(DESK, env=environ):
                    gateway = gateways[INSTANCES[name]]
                    eventually(lambda at=gateway, name=name: seen(at, name) == {"spans", "logs", "points"}, 60.0, 0.1)
            for name, shard in INSTANCES.items():
                assert seen(gateways[1 - shard], name) == set()
        finally:
            for gateway in gateways:
                gateway.stop()


def seen(gateway: Collector, instance: str) -> set[str]:
    """Which kinds of telemetry of a process arrived there."""
    kinds = {"spans": gateway.spans(), "logs": gateway.logs(), "points": gateway.points()}
    return {
        kind for kind, items in kinds.items() if any(one.resource["service.instance.id"] == instance for one in items)
    }
