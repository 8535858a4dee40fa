"""What the sidecar of 1 to 1,000 processes costs, all of them healthy and with nothing to say.

The process folders are written by one program, with the real writer, and beat twice a second. The sidecar exports to
a real Collector every 5 s. However much there is to read, it rests for half of the time: on a busy machine, where a
poll of a thousand takes longer, there are fewer of them, and they use less.
"""

from __future__ import annotations

import sys
import time

from benchmarks import bench
from benchmarks.results import Table
from benchmarks.sink import Sink
from support.paths import SIDECAR, TESTS

TITLE = "Processes in a run directory"


def measure(effort: bench.Effort) -> list[Table]:
    drawn = "processes"
    used = Table("processor", "% of a core", ("sidecar",), 2, drawn=drawn)
    memory = Table("memory", "resident memory, MiB", ("sidecar",), 1, drawn=drawn)
    for number in effort.take((1, 10, 100, 300, 1000), (1, 10)):
        for _ in range(effort.take(2, 1)):
            with bench.Processes() as processes:
                sink = processes.enter_context(Sink(processes.folder()))
                run = processes.folder()
                environ = bench.environment(PYTHONPATH=f"{SIDECAR}:{TESTS}")
                victim = [sys.executable, str(bench.VICTIMS / "many.py"), str(run), str(number)]
                bench.line(processes.start(victim, environ, talking=True))
                sidecar = processes.sidecar(run, **sink.environment)
                time.sleep(effort.take(6.0 + number / 100, 3.0))
                started, before = time.monotonic(), bench.processor_seconds(sidecar.pid)
                time.sleep(effort.take(10.0, 2.0))
                share = (bench.processor_seconds(sidecar.pid) - before) / (time.monotonic() - started)
                used.add(f"{number:,}", "sidecar", 100 * share)
                memory.add(f"{number:,}", "sidecar", bench.resident_mib(sidecar.pid))
    return [used, memory]
