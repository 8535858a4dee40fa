"""What a watched service and its sidecar cost while nothing happens, beside the in-process SDK."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from benchmarks import bench
from support.paths import SIDECAR

SECONDS = 20.0
WARM_UP = 5.0  # seconds until start-up is over, the end of the boot included
INTERVALS = ("1", "0.1", "0.01")
SERVICE = str(bench.VICTIMS / "idle.py")
SIDECARS: dict[str, list[str]] = {
    "sidecar, nobody to watch": [],
    "sidecar, one service": [],
    "sidecar, one service, local page": ["--page-addr", "127.0.0.1:0"],
    "sidecar, one service, dead Collector": [],
}


class Idlers:
    """Processes that run side by side, by what they are."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self.pids: dict[str, int] = {}

    def folder(self) -> Path:
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(dir=bench.memory())))

    def start(self, name: str, command: list[str], environ: dict[str, str]) -> None:
        process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        self.pids[name] = process.pid


def start_services(idlers: Idlers, version: str, python: str) -> None:
    idlers.start(f"{version} service, bare", [python, SERVICE], bench.environment())
    for interval in INTERVALS:
        environ = bench.environment(idlers.folder(), LIFESIGN_HEARTBEAT_INTERVAL=interval)
        idlers.start(f"{version} service, lifesign, a beat every {interval} s", [python, SERVICE], environ)
    environ = bench.environment(OTEL_EXPORTER_OTLP_ENDPOINT=bench.DEAD_ENDPOINT)
    idlers.start(f"{version} service, in-process SDK, dead Collector", [python, SERVICE, "sdk"], environ)


def start_sidecars(idlers: Idlers) -> None:
    for name, flags in SIDECARS.items():
        run, state = idlers.folder(), idlers.folder()
        if "one service" in name:
            idlers.start(f"{name} (the service)", [sys.executable, SERVICE], bench.environment(run))
        environ = bench.environment(PYTHONPATH=str(SIDECAR), XDG_STATE_HOME=str(state))
        if "dead" in name:
            environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = bench.DEAD_ENDPOINT
        idlers.start(name, [sys.executable, "-m", "lifesign", "watch", "--dir", str(run), *flags], environ)


def measure(pythons: dict[str, str], seconds: float) -> dict[str, tuple[float, float]]:
    """Per cent of a core and MiB of all of them, in one stretch of time."""
    with contextlib.ExitStack() as stack:
        idlers = Idlers(stack)
        for version, python in pythons.items():
            start_services(idlers, version, python)
        start_sidecars(idlers)
        time.sleep(min(WARM_UP, seconds))
        started = time.monotonic()
        before = {name: bench.processor_seconds(pid) for name, pid in idlers.pids.items()}
        time.sleep(seconds)
        length = time.monotonic() - started
        return {
            name: (100 * (bench.processor_seconds(pid) - before[name]) / length, bench.resident_mib(pid))
            for name, pid in idlers.pids.items()
        }


def main() -> None:
    parser = bench.arguments(__doc__, rounds=2)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="that one measurement takes (%(default)g)")
    options = parser.parse_args()
    pythons = bench.pythons()
    bench.header("processes with nothing to do")
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for _ in range(1 if options.short else options.rounds):
        for name, figures in measure(pythons, 2.0 if options.short else options.seconds).items():
            found[name].append(figures)
    rows = []
    for name, several in found.items():
        if not name.endswith("(the service)"):
            used, memory = (list(figures) for figures in zip(*several))
            rows.append([name, bench.spread(used, 3), bench.spread(memory, 1)])
    bench.table(["", "% of a core", "RSS MiB"], rows)


if __name__ == "__main__":
    main()
