"""What a watched service, its sidecar and a Collector cost while nothing happens, beside the in-process SDK.

All of them run side by side, so the same neighbours disturb them. The SDK exports every 5 s, as the sidecar does;
the Collector has `collector-config/local.yaml` and nobody who sends. A bare timer is what a beat costs at least: one
of asyncio that does nothing. Wake-ups are switches between threads that the
kernel has counted, those that a thread makes because it waits.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

from benchmarks import bench
from benchmarks.results import Table
from support.backends.collector import Collector

TITLE = "Processes with nothing to do"
WARM_UP = 130.0  # seconds; from two minutes on a watchdog wakes up more seldom, and on a busy machine it takes longer
CALM, CALM_SECONDS, PATIENCE = 0.04, 3, 60  # of a core: what starts takes more
INTERVALS = ("1", "0.1", "0.01")
SERVICE = str(bench.VICTIMS / "idle.py")
DEAD = "sidecar, one service, dead Collector"
SIDECARS: dict[str, list[str]] = {
    "sidecar, nobody to watch": [],
    "sidecar, one service": [],
    "sidecar, one service, local page": ["--page-addr", "127.0.0.1:0"],
    DEAD: [],
}
COLLECTOR = "Collector, nobody sends"
DELIVERING = {
    "sidecar, one service, Collector": "http/protobuf",
    "sidecar, one service, Collector by gRPC": "grpc",
}
COLUMNS = ("% of a core", "wake-ups a second", "MiB", "MB to disk a day")


def start_services(processes: bench.Processes, version: str, python: str) -> dict[str, int]:
    pids = {
        f"{version} service, bare": processes.start([python, SERVICE], bench.environment()).pid,
        f"{version} service, a bare timer every 0.1 s": processes.start(
            [python, SERVICE, "timer"], bench.environment()
        ).pid,
    }
    for interval in INTERVALS:
        environ = bench.environment(processes.folder(), LIFESIGN_HEARTBEAT_INTERVAL=interval)
        name = f"{version} service, lifesign, a beat every {interval} s"
        pids[name] = processes.start([python, SERVICE], environ).pid
    environ = bench.environment(OTEL_EXPORTER_OTLP_ENDPOINT=bench.DEAD_ENDPOINT)
    pids[f"{version} service, in-process SDK"] = processes.start([python, SERVICE, "sdk"], environ).pid
    return pids


def start_sidecars(processes: bench.Processes) -> dict[str, int]:
    collector = Collector(bench.given("LIFESIGN_TEST_OTELCOL"), processes.folder(on_disk=True))
    collector.start()
    processes.callback(collector.stop)
    alone = Collector(bench.given("LIFESIGN_TEST_OTELCOL"), processes.folder(on_disk=True))
    alone.start()
    processes.callback(alone.stop)
    pids = {COLLECTOR: alone.pid}
    endpoints = {name: collector.environment(protocol) for name, protocol in DELIVERING.items()}
    endpoints[DEAD] = {"OTEL_EXPORTER_OTLP_ENDPOINT": bench.DEAD_ENDPOINT}
    for name, flags in {**SIDECARS, **{name: [] for name in DELIVERING}}.items():
        run = processes.folder()
        if "one service" in name:
            processes.start([sys.executable, SERVICE], bench.environment(run))
        pids[name] = processes.sidecar(run, *flags, **endpoints.get(name, {})).pid
    return pids


def wait_until_calm(pids: list[int]) -> None:
    """Until none has used much of the processor for a few seconds."""
    calm = 0
    for _ in range(PATIENCE):
        before = [bench.processor_seconds(pid) for pid in pids]
        time.sleep(1.0)
        most = max(bench.processor_seconds(pid) - then for pid, then in zip(pids, before))
        calm = calm + 1 if most < CALM else 0
        if calm == CALM_SECONDS:
            return


def used(pid: int) -> tuple[float, int, int]:
    """Processor seconds, wake-ups and written bytes so far."""
    switches = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        switches += sum(
            map(int, re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text(), re.MULTILINE))
        )
    written = re.search(r"^write_bytes: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)
    return bench.processor_seconds(pid), switches, int(written[1]) if written else 0


def measure(effort: bench.Effort) -> list[Table]:
    table = Table("idle", "at rest", COLUMNS, 2)
    pythons = effort.pythons()
    for _ in range(effort.take(2, 1)):
        with bench.Processes() as processes:
            pids: dict[str, int] = {}
            for version, python in pythons.items():
                pids.update(start_services(processes, version, python))
            pids.update(start_sidecars(processes))
            time.sleep(effort.take(WARM_UP, 2.0))
            if not effort.short:
                wait_until_calm(list(pids.values()))
            started, before = time.monotonic(), {name: used(pid) for name, pid in pids.items()}
            time.sleep(effort.take(20.0, 2.0))
            length = time.monotonic() - started
            for name, pid in pids.items():
                seconds, switches, written = (now - then for now, then in zip(used(pid), before[name]))
                figures = (
                    100 * seconds / length,
                    switches / length,
                    bench.resident_mib(pid),
                    written * 86400 / 1e6 / length,
                )
                assert figures[2], f"{name} has ended"
                for column, figure in zip(COLUMNS, figures):
                    table.add(name, column, figure)
    return [table]
