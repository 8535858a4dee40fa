"""How long an exit takes while the Collector is dead or hangs, and what is kept, beside the in-process SDK."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from benchmarks import bench
from support.paths import SIDECAR

LEAVER = str(bench.VICTIMS / "leaver.py")
TROUBLES = ("dead", "hanging")
SERVICE, ITS_SIDECAR, SDK = "service with lifesign", "its sidecar", "service with the in-process SDK"


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


def main() -> None:
    options = bench.arguments(__doc__, rounds=5).parse_args()
    python = next(iter(bench.pythons().values()))
    bench.header("exits without a Collector")
    took: dict[tuple[str, str], list[float]] = defaultdict(list)
    kept: dict[str, list[float]] = defaultdict(list)
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        endpoints = {"dead": bench.DEAD_ENDPOINT, "hanging": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        for _ in range(1 if options.short else options.rounds):
            for trouble, endpoint in endpoints.items():
                with tempfile.TemporaryDirectory(dir=bench.memory()) as run, tempfile.TemporaryDirectory() as state:
                    service, sidecar, left = with_lifesign(endpoint, Path(run), Path(state))
                took[trouble, SERVICE].append(service)
                took[trouble, ITS_SIDECAR].append(sidecar)
                kept[trouble].append(left)
                environ = bench.environment(PYTHONPATH=str(bench.VICTIMS), OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
                took[trouble, SDK].append(leaves(started([python, LEAVER, "sdk"], environ)))
    rows = []
    for trouble in TROUBLES:
        for side, left in ((SERVICE, "-"), (ITS_SIDECAR, bench.spread(kept[trouble], 0)), (SDK, "0")):
            found = took[trouble, side]
            rows.append(
                [f"{trouble} Collector, {side}", bench.spread(found, 2), bench.ratio(found, took[trouble, SDK])]
            )
            rows[-1].append(left)
    bench.table(["", "exit s", "the SDK takes", "of 2,000 kept"], rows)


if __name__ == "__main__":
    main()
