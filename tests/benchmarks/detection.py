"""How long an illness stays unknown: from its start to the log record at an OTLP server, default settings."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from typing import NamedTuple

from benchmarks import bench
from lifesign.settings import Settings
from support.otlp_server import HttpServer
from support.paths import SIDECAR

EVENTS = {
    "time.sleep": "lifesign.eventloop.blocked",
    "a C call holds the GIL": "lifesign.process.frozen",
    "SIGSTOP": "lifesign.process.frozen",
    "SIGKILL": "lifesign.process.died",
}
HEALTHY = 2.0  # seconds before it falls ill, and some more, so that it does so at any moment of a poll
GRACE = 0.5  # the aim on top of the heartbeat timeout
PATIENCE = 20.0
# The peer: a kubelet's liveness probe as it is by default, answered by the loop.
PROBE_PERIOD, PROBE_TIMEOUT, PROBE_FAILURES = 10.0, 1.0, 3


class Found(NamedTuple):
    """Seconds from the start of the illness, to the record and to the probe's verdict; None where it never came."""

    record: float | None
    probe: float | None


def probe(port: int, began: threading.Event, verdict: list[int]) -> None:
    """Asks until it has failed often enough, and leaves the wall clock of that."""
    failures = 0
    while failures < PROBE_FAILURES:
        answered = False
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), PROBE_TIMEOUT) as connection:
            answered = connection.recv(16) == b"ok\n"
        failures = 0 if answered else failures + 1
        if failures < PROBE_FAILURES:
            time.sleep(PROBE_PERIOD)
    if began.is_set():
        verdict.append(time.time_ns())


def arrival(server: HttpServer, event: str) -> int | None:
    """The wall clock when the first such record was there."""
    until, looked = time.monotonic() + PATIENCE, 0
    while time.monotonic() < until:
        now = time.time_ns()
        for kind, request in server.requests[looked:]:
            looked += 1
            if kind == "logs" and event in str(request):
                return now
        time.sleep(0.005)
    return None


def measure(illness: str, delay: float, *, probed: bool) -> Found:
    """One service, its sidecar, and its end."""
    server = HttpServer()
    began, verdict = threading.Event(), list[int]()
    with tempfile.TemporaryDirectory() as state:
        environ = bench.environment(
            PYTHONPATH=str(SIDECAR), XDG_STATE_HOME=state, OTEL_EXPORTER_OTLP_ENDPOINT=server.url
        )
        command = [sys.executable, str(bench.VICTIMS / "ill.py"), illness]
        service = subprocess.Popen(
            [sys.executable, "-m", "lifesign", "run", "--", *command],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert service.stdin is not None
        assert service.stdout is not None
        pid, port = map(int, service.stdout.readline().split()[1:])
        asking = threading.Thread(target=probe, args=(port, began, verdict), daemon=True)
        if probed:
            asking.start()
        time.sleep(HEALTHY + delay)
        service.stdin.write("\n")
        service.stdin.flush()
        start = int(service.stdout.readline())
        began.set()
        record = arrival(server, EVENTS[illness])
        if probed:
            asking.join(PROBE_FAILURES * (PROBE_PERIOD + PROBE_TIMEOUT) + PATIENCE)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        service.communicate()
    server.stop()
    return Found(_since(start, record), _since(start, verdict[0] if verdict else None))


def _since(start: int, end: int | None) -> float | None:
    return None if end is None else (end - start) / 1e9


def main() -> None:
    parser = bench.arguments(__doc__, rounds=2)
    options = parser.parse_args()
    timeout = Settings({}).heartbeat_timeout
    bench.header(f"detection, Python {sys.version.split()[0]}")
    found: dict[str, list[Found]] = defaultdict(list)
    illnesses = ["SIGKILL"] if options.short else list(EVENTS)

    def one(illness: str, turn: int) -> None:
        found[illness].append(measure(illness, 0.07 * turn, probed=not options.short))

    for turn in range(1 if options.short else options.rounds):
        several = [threading.Thread(target=one, args=(illness, turn)) for illness in illnesses]
        for thread in several:
            thread.start()
        for thread in several:
            thread.join()
    print(
        f"Seconds from the start of the illness. The probe asks every {PROBE_PERIOD:g} s and fails the third time, as\n"
        "a kubelet's does by default (which hears of an exit by itself); it says that something is wrong, not what.\n"
    )
    rows = []
    for illness in illnesses:
        records, probes = ([value for value in column if value is not None] for column in zip(*found[illness]))
        kept = bool(records) and statistics.median(records) <= timeout + GRACE
        missing = len(found[illness]) - len(records)
        rows.append([illness, bench.spread(records), bench.spread(probes, 1), bench.ratio(records, probes)])
        rows[-1] += ["PASS" if kept and not missing else "MISS", missing]
    aim = f"aim {timeout + GRACE:g} s"
    bench.table(["", "record at the server", "liveness probe", "ratio", aim, "never came"], rows)


if __name__ == "__main__":
    main()
