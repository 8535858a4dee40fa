"""How long an exit takes while the Collector is dead or hangs, and what is kept, beside the in-process SDK.

The service makes 2,000 records and ends. The sidecar is asked to end after it, with LIFESIGN_SHUTDOWN_TIMEOUT at its
default.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import bench
from benchmarks.results import Table
from support.paths import SIDECAR

LEAVER = str(bench.VICTIMS / "leaver.py")
TITLE = "Exits without a Collector"
SIDES = ("service with lifesign", "its sidecar", "service with the in-process SDK")


def started(command: list[str], environ: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def leaves(process: subprocess.Popen[bytes]) -> float:
    """Seconds from telling a leaver that it may go to its end."""
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    began = time.perf_counter()
    process.communicate(b"\n")
    return time.perf_counter() - began


def spooled(state: Path) -> int:
    return sum(file.read_bytes().count(b'"name":"dry_run ') for file in state.rglob("traces/0*.jsonl"))


def with_lifesign(endpoint: str, run: Path, state: Path) -> tuple[float, float, int]:
    """Seconds that the service and its sidecar took, and how many spans wait on disk."""
    environ = bench.environment(
        PYTHONPATH=str(SIDECAR), XDG_STATE_HOME=str(state), OTEL_EXPORTER_OTLP_ENDPOINT=endpoint
    )
    sidecar = started([sys.executable, "-m", "lifesign", "watch", "--dir", str(run)], environ)
    service = leaves(started([sys.executable, LEAVER, "lifesign"], bench.environment(run)))
    deadline = time.monotonic() + 60
    while spooled(state) < 2000 and time.monotonic() < deadline:
        time.sleep(0.05)
    began = time.perf_counter()
    sidecar.send_signal(signal.SIGTERM)
    sidecar.communicate()
    return service, time.perf_counter() - began, spooled(state)


def measure(effort: bench.Effort) -> list[Table]:
    python = next(iter(effort.pythons().values()))
    took = Table("seconds", "seconds until the end", SIDES, 1)
    kept = Table("kept", "of 2,000 records, kept for the next sidecar", SIDES[1:], 0)
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        endpoints = {"dead": bench.DEAD_ENDPOINT, "hanging": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        for _ in range(effort.take(3, 1)):
            for trouble, endpoint in endpoints.items():
                with tempfile.TemporaryDirectory(dir=bench.memory()) as run, tempfile.TemporaryDirectory() as state:
                    *seconds, left = with_lifesign(endpoint, Path(run), Path(state))
                kept.add(f"{trouble} Collector", SIDES[1], left)
                if not effort.short:  # it takes half a minute
                    environ = bench.environment(PYTHONPATH=str(bench.VICTIMS), OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
                    seconds.append(leaves(started([python, LEAVER, "sdk"], environ)))
                    kept.add(f"{trouble} Collector", SIDES[2], 0)
                for side, figure in zip(SIDES, seconds):
                    took.add(f"{trouble} Collector", side, figure)
    return [took, kept]
