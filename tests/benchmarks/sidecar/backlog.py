"""What a backlog costs: a spool of 1 GB that is delivered when the Collector is back.

A service writes records while no Collector listens; the segment that the sidecar makes of them is copied until there
is as much as wanted. Then a sidecar starts on it, and a Collector that counts.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from benchmarks import bench
from benchmarks.results import Table
from benchmarks.sink import Sink

TITLE = "A backlog"
MB = 10**6
PATIENCE = 400.0


def spool(processes: bench.Processes, sink: Sink, place: Path, rate: int, seconds: float) -> Path:
    """Fills the spool with a few segments; returns the largest, which is whole."""
    run = processes.folder()
    sidecar = processes.sidecar(run, **sink.environment, LIFESIGN_SPOOL_DIR=str(place))
    victim = [sys.executable, str(bench.VICTIMS / "records.py"), str(rate), str(seconds)]
    bench.line(processes.start(victim, bench.environment(run), talking=True))
    sidecar.terminate()
    sidecar.wait()
    return max(place.rglob("traces/0*.jsonl"), key=lambda segment: segment.stat().st_size)


def measure(effort: bench.Effort) -> list[Table]:
    wanted = effort.take(1000 * MB, 4 * MB)
    memory = Table("memory", "resident memory of the sidecar, MiB", ("sidecar",), 1, drawn="MB delivered")
    cost = Table("cost", "per record", ("bytes in the spool", "records a second of one core"), 0)
    with bench.Processes() as processes:
        sink, place = Sink(processes.folder()), processes.folder(on_disk=True)
        segment = spool(processes, sink, place, *effort.take((5000, 3.0), (2000, 1.0)))
        lines = segment.read_bytes().count(b"\n") - 1  # without that of the resource
        size = segment.stat().st_size
        number = max(2, wanted // size)
        last = max(int(one.stem) for one in segment.parent.glob("0*.jsonl"))
        for copy in range(last + 1, last + 1 + number):
            shutil.copyfile(segment, segment.with_name(f"{copy:016}.jsonl"))
        limit = {"LIFESIGN_SPOOL_DIR": str(place), "LIFESIGN_SPOOL_SIZE": "4GiB"}
        sidecar = processes.sidecar(processes.folder(), **sink.environment, **limit)
        processes.enter_context(sink)
        time.sleep(effort.take(3.0, 1.0))
        for tenth in range(1, 11):
            sink.wait(number * lines * tenth // 10, PATIENCE / 10)
            delivered = sink.records() * size / lines / MB
            memory.add(f"{delivered:,.0f}", "sidecar", bench.resident_mib(sidecar.pid))
        used = bench.processor_seconds(sidecar.pid)
        cost.add("a span of a dry run", cost.columns[0], size / lines)
        cost.add("a span of a dry run", cost.columns[1], sink.records() / used)
    return [memory, cost]
