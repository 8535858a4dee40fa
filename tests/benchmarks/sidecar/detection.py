"""How long an illness stays unknown: from its start to the log record at an OTLP server, default settings.

Beside it a liveness probe that the loop answers, asked every 10 s and failed the third time, as a kubelet's is by
default (which hears of an exit by itself). It says that something is wrong, not what.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import NamedTuple

from benchmarks import bench
from benchmarks.results import Compared, Table
from support.otlp_server import HttpServer
from support.paths import SIDECAR

TITLE = "Time to detection"
EVENTS = {
    "time.sleep": "lifesign.eventloop.blocked",
    "a C call holds the GIL": "lifesign.process.frozen",
    "SIGSTOP": "lifesign.process.frozen",
    "SIGKILL": "lifesign.process.died",
}
HEALTHY = 2.0  # seconds before it falls ill, and some more, so that it does so at any moment of a poll
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


def fall_ill(illness: str, delay: float, *, probed: bool) -> Found:
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


def measure(effort: bench.Effort) -> list[Table]:
    compared = [Compared("", "record at the server", "liveness probe")]
    table = Table("seconds", "seconds from the start", ("record at the server", "liveness probe"), 2, compared)

    def one(illness: str, turn: int) -> None:
        found = fall_ill(illness, 0.07 * turn, probed=not effort.short)
        if found.record is not None:
            table.add(illness, "record at the server", found.record)
        if found.probe is not None:
            table.add(illness, "liveness probe", found.probe)

    illnesses = effort.take(list(EVENTS), ["SIGKILL"])
    for turn in range(effort.take(3, 1)):
        several = [threading.Thread(target=one, args=(illness, turn)) for illness in illnesses]
        for thread in several:
            thread.start()
        for thread in several:
            thread.join()
    assert table.rows.keys() == set(illnesses), "an illness was never reported"
    table.rows = {illness: table.rows[illness] for illness in illnesses}
    return [table]
