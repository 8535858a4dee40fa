"""What is written to disk: by a watched service, and by its sidecar while the Collector takes everything, or is dead.

What the kernel counts of each process as sent to a disk, in a minute; the run directory lies in memory, so that nothing
in it counts. A busy service makes 100 records a second of some 0.2 KB, an idle one makes none. The cursor that says how
far the Collector has confirmed is written at each batch: that is a page of 4 KiB, however little has changed.

How much there can be at most is set. On disk the spool has `LIFESIGN_SPOOL_SIZE` (256 MiB), what could not be read or
was refused is kept up to 2 MiB a kind, and post-mortems are the newest 20. In memory a pulse has 0.2 MB and its ring,
`LIFESIGN_RING_SIZE` (1 MiB), for each process that is watched or has ended within the last minute.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

from benchmarks import bench
from benchmarks.results import Table
from benchmarks.sink import Sink

TITLE = "Written to disk"
IDLE, BUSY = "an idle service", "100 records a second"
RATE = 100
SECONDS = 60.0
COLUMNS = ("service, MB an hour", "sidecar, MB an hour", "spool at the end, MB", "run directory, MB")


def written(pid: int) -> int:
    """Bytes that a process has sent to disks so far."""
    found = re.search(r"^write_bytes: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def size(folder: Path) -> float:
    """MB that the files in a folder take of their disk."""
    return sum(one.lstat().st_blocks * 512 for one in folder.rglob("*") if one.is_file()) / 1e6


def measure(effort: bench.Effort) -> list[Table]:
    table = Table("disk", "with", COLUMNS, 2)
    with bench.Processes() as processes:
        sink = processes.enter_context(Sink(processes.folder()))
        dead = {"OTEL_EXPORTER_OTLP_ENDPOINT": bench.DEAD_ENDPOINT}
        running: dict[str, tuple[int, int, Path, Path]] = {}
        for endpoint, where in ((sink.environment, "a Collector"), (dead, "a dead Collector")):
            for work, victim in ((IDLE, ["idle.py"]), (BUSY, ["records.py", str(RATE), "3600"])):
                run, state = processes.folder(), processes.folder(on_disk=True)
                command = [sys.executable, str(bench.VICTIMS / victim[0]), *victim[1:]]
                service = processes.start(command, bench.environment(run, XDG_STATE_HOME=str(state)))
                sidecar = processes.sidecar(run, **endpoint, LIFESIGN_SPOOL_DIR=str(state))
                running[f"{where}, {work}"] = (service.pid, sidecar.pid, state, run)
        time.sleep(effort.take(15.0, 3.0))
        os.sync()  # what is dirty now was dirty before
        before = {row: (written(one[0]), written(one[1])) for row, one in running.items()}
        started = time.monotonic()
        time.sleep(effort.take(SECONDS, 2.0))
        hours = (time.monotonic() - started) / 3600
        for row, (service_pid, sidecar_pid, state, run) in running.items():
            now = written(service_pid), written(sidecar_pid)
            for column, after, earlier in zip(COLUMNS, now, before[row]):
                table.add(row, column, (after - earlier) / 1e6 / hours)
            table.add(row, COLUMNS[2], size(state))
            table.add(row, COLUMNS[3], size(run))
    return [table]
