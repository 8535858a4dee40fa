"""What a process uses arrives at the real Collector with the names of the conventions, and is what the kernel says."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from support import victims
from support.backends.collector import Collector
from support.faults.cgroups import limited
from support.paths import VICTIMS
from support.waiting import eventually

FAST = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.05", "LIFESIGN_POLL_INTERVAL": "0.1", "LIFESIGN_METRIC_INTERVAL": "0.3"}
LIMIT = 512 << 20
MB = 1 << 20
# Semantic conventions 1.44: the unit of each metric, and the values of its attribute.
SPECIFIED: dict[str, tuple[str, str | None, set[Any]]] = {
    "process.cpu.time": ("s", "cpu.mode", {"user", "system"}),
    "process.memory.usage": ("By", None, set()),
    "process.thread.count": ("{thread}", None, set()),
    "process.unix.file_descriptor.count": ("{file_descriptor}", None, set()),
    "process.context_switches": ("{context_switch}", "process.context_switch.type", {"voluntary", "involuntary"}),
    "process.paging.faults": ("{fault}", "system.paging.fault.type", {"minor", "major"}),
    "cpython.gc.collections": ("{collection}", "cpython.gc.generation", {"0", "1", "2"}),
    "cpython.gc.collected_objects": ("{object}", "cpython.gc.generation", {"0", "1", "2"}),
    "cpython.gc.uncollectable_objects": ("{object}", "cpython.gc.generation", {"0", "1", "2"}),
}
COUNTERS = ("process.cpu.time", "process.context_switches", "process.paging.faults", "cpython.gc.collections")


class Used:
    """What the victim says of itself, and what the Collector has of it."""

    def __init__(self, collector: Collector, said: dict[str, Any]) -> None:
        self.collector, self.said = collector, said

    def series(self, metric: str) -> dict[Any, list[float]]:
        """The values in the order in which they came, by the value of the metric's attribute."""
        found: dict[Any, list[float]] = {}
        for point in self.collector.points():
            if point.metric == metric:
                (key,) = point.attributes.values() or (None,)
                found.setdefault(str(key) if key is not None else None, []).append(point.value)
        return found

    def newest(self, metric: str) -> Any:
        """The newest value of a metric that has one series."""
        return self.series(metric).get(None, [0.0])[-1]


@pytest.fixture(scope="module")
def used(otelcol: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Used]:
    folder = tmp_path_factory.mktemp("uses")
    directory = folder / "run"
    directory.mkdir()
    collector = Collector(otelcol, folder)
    collector.start()
    with contextlib.ExitStack() as stack:
        stack.callback(collector.stop)
        line = [sys.executable, str(VICTIMS / "uses.py")]
        service = subprocess.Popen(
            line, env=victims.environment(directory, FAST), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        stack.enter_context(service)
        with contextlib.suppress(pytest.skip.Exception):  # then the test of the limit says so
            stack.enter_context(
                limited("memory", service.pid, {"memory.limit_in_bytes": str(LIMIT)}, {"memory.max": str(LIMIT)})
            )
        sidecar = subprocess.Popen(
            [sys.executable, "-m", "lifesign", "watch", "--dir", str(directory)],
            env={**os.environ, **FAST, **collector.environment("http/protobuf"), "XDG_STATE_HOME": str(folder)},
            stderr=subprocess.DEVNULL,
        )
        stack.enter_context(sidecar)
        stack.callback(sidecar.terminate)
        stack.callback(service.kill)
        assert service.stdout is not None
        yield Used(collector, json.loads(service.stdout.readline()))


def test_each_has_its_unit_and_its_attribute(used: Used) -> None:
    eventually(lambda: used.newest("process.thread.count") >= used.said["threads"], 60)
    units = {point.metric: (point.kind, point.unit) for point in used.collector.points() if point.metric in SPECIFIED}
    assert units == {name: ("sum", unit) for name, (unit, _, _) in SPECIFIED.items()}
    keys = {(point.metric, *point.attributes) for point in used.collector.points() if point.metric in SPECIFIED}
    assert keys == {(name, attribute) if attribute else (name,) for name, (_, attribute, _) in SPECIFIED.items()}
    for name, (_, attribute, values) in SPECIFIED.items():
        assert attribute is None or set(used.series(name)) == values
    assert b'"schemaUrl":"https://opentelemetry.io/schemas/1.44.0"' in used.collector.file.read_bytes()


def test_what_is_in_use_is_what_the_kernel_says(used: Used) -> None:
    eventually(lambda: used.newest("process.thread.count") == used.said["threads"], 60)
    eventually(lambda: used.newest("process.unix.file_descriptor.count") == used.said["descriptors"], 60)
    eventually(lambda: abs(used.newest("process.memory.usage") - used.said["memory"]) < 8 * MB, 60)


def test_what_was_used_grows_and_is_all_of_it(used: Used) -> None:
    eventually(lambda: used.series("cpython.gc.collections")["2"][-1] >= 3, 60)
    for name in COUNTERS:
        assert all(values == sorted(values) for values in used.series(name).values()), name
    eventually(lambda: sum(values[-1] for values in used.series("process.cpu.time").values()) > 0.3, 60)
    assert used.series("process.context_switches")["voluntary"][-1] >= 7, "each thread waits"
    assert used.series("process.paging.faults")["minor"][-1] > 100
    collections = [used.series("cpython.gc.collections")[generation][-1] for generation in "012"]
    assert all(counted >= said for counted, said in zip(collections, used.said["collections"]))
    collected = sum(values[-1] for values in used.series("cpython.gc.collected_objects").values())
    assert collected >= 3000, "the rings, by whichever collection came first"
    assert {value for values in used.series("cpython.gc.uncollectable_objects").values() for value in values} == {0.0}


def test_its_creation_is_part_of_what_tells_it_from_others(used: Used) -> None:
    created = {point.resource["process.creation.time"] for point in used.collector.points()}
    (one,) = created
    with open(f"/proc/{used.said['pid']}/stat") as file:
        since_boot = int(file.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    with open("/proc/stat") as file:
        booted = next(int(line.split()[1]) for line in file if line.startswith("btime "))
    assert abs(datetime.fromisoformat(one.replace("Z", "+00:00")).timestamp() - booted - since_boot) < 2


def test_the_memory_of_its_container_comes_with_the_limit(used: Used) -> None:
    with open(f"/proc/{used.said['pid']}/cgroup") as file:
        if "lifesign-test-" not in file.read():
            pytest.skip("no control group can be made here")
    eventually(lambda: used.newest("lifesign.container.memory.limit") == LIMIT, 60)
    assert 0 < used.newest("container.memory.usage") < LIMIT
    units = {point.metric: (point.kind, point.unit) for point in used.collector.points() if "container" in point.metric}
    assert units == {"container.memory.usage": ("sum", "By"), "lifesign.container.memory.limit": ("sum", "By")}
