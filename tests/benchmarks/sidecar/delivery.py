"""How many records one core takes to a Collector: from the pulse through the spool on disk, beside what others have.

Records divided by the processor time of who carries them: our sidecar, which reads a pulse into which a service writes
at an even rate; the SDK's batch processors, in the service itself (with a queue in memory, which an exit loses); and
a Collector with `file_log` that reads a file of the same records as JSON lines, with its cursor and queue on disk. All
send over HTTP to a Collector that counts them.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from benchmarks import bench
from benchmarks.results import Compared, Table
from benchmarks.sink import Sink
from support.paths import TOOLS

TITLE = "Records to the Collector"
OURS, SPANS, LOGS, FILE_LOG = "lifesign", "SDK, spans", "SDK, logs", "Collector, file_log"
RECORD = {
    "kind": "dry_run",
    "trace": "0af7651916cd43dd8448eb211c80319c",
    "id": "00f067aa0ba902b7",
    "type": "order",
    "index": 7,
    "start": 1_700_000_000_000_000_000,
    "end": 1_700_000_000_000_000_000,
    "error": None,
    "adjusted_count": 1,
}
PATIENCE = 120.0
RING = "16MiB"  # takes all of them, however late the sidecar comes on a busy machine


def ours(processes: bench.Processes, sink: Sink, rate: int, seconds: float) -> float:
    run = processes.folder()
    sidecar = processes.sidecar(run, **sink.environment)
    time.sleep(3.0)  # until it has started
    before, used = sink.records(), bench.processor_seconds(sidecar.pid)
    victim = [sys.executable, str(bench.VICTIMS / "records.py"), str(rate), str(seconds)]
    service = processes.start(victim, bench.environment(run, LIFESIGN_RING_SIZE=RING), talking=True)
    expected = int(bench.line(service))
    found = sink.wait(before + expected, PATIENCE) - before
    assert found >= expected, f"{expected - found} of {expected} records did not arrive"
    return found / (bench.processor_seconds(sidecar.pid) - used)


def sdk(processes: bench.Processes, python: str, sink: Sink, kind: str, number: int) -> float:
    before = sink.records()
    environ = bench.environment(PYTHONPATH=str(bench.VICTIMS), **sink.environment)
    victim = [python, str(bench.VICTIMS / "sdk_records.py"), kind, str(number)]
    used = float(bench.line(processes.start(victim, environ, talking=True)))
    return (sink.records() - before) / used


def file_log(processes: bench.Processes, collector: str, sink: Sink, number: int) -> float:
    folder = processes.folder(on_disk=True)
    log = folder / "app.log"
    environ = {"LOG_FILE": str(log), "LOG_STORAGE": str(folder), **sink.environment}
    config = str(bench.VICTIMS / "file_log.yaml")
    process = processes.start([collector, "--config", config], bench.environment(**environ))
    time.sleep(3.0)
    before, used = sink.records(), bench.processor_seconds(process.pid)
    write(log, number)
    found = sink.wait(before + number, PATIENCE) - before
    assert found >= number, f"{number - found} of {number} records did not arrive"
    return found / (bench.processor_seconds(process.pid) - used)


def write(log: Path, number: int) -> None:
    """All at once, under another name first: it is read from its beginning."""
    made = log.with_suffix(".new")
    made.write_text("".join(json.dumps({**RECORD, "index": index}) + "\n" for index in range(number)))
    made.rename(log)


def measure(effort: bench.Effort) -> list[Table]:
    compared = [Compared(f"than {name}", name, OURS) for name in (SPANS, LOGS, FILE_LOG)]
    table = Table("rates", "records a second of one core", (OURS, SPANS, LOGS, FILE_LOG), 0, compared)
    python = next(iter(effort.pythons().values()))
    number = effort.take(50_000, 2_000)
    collector = "" if effort.short else bench.tool(TOOLS / "otelcol.sh", str(bench.HERE / "peers-builder.yaml"))
    for _ in range(effort.take(3, 1)):
        with bench.Processes() as processes:
            sink = processes.enter_context(Sink(processes.folder()))
            row = "records"
            table.add(row, OURS, ours(processes, sink, *effort.take((5000, 10.0), (1000, 2.0))))
            table.add(row, SPANS, sdk(processes, python, sink, "spans", number))
            table.add(row, LOGS, sdk(processes, python, sink, "logs", number))
            if collector:
                table.add(row, FILE_LOG, file_log(processes, collector, sink, number))
    return [table]
