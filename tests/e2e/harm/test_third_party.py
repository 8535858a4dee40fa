"""uvicorn under load and with workers, from an environment without lifesign; `apps` has many more programs."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Iterator

from support.backends.collector import Collector
from support.backends.ports import free_port
from support.illnesses.charts import STALLS
from support.paths import VICTIMS
from support.waiting import eventually

FAST = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.05", "LIFESIGN_POLL_INTERVAL": "0.1", "LIFESIGN_METRIC_INTERVAL": "0.5"}


@contextlib.contextmanager
def running(command: list[str], collector: Collector | None) -> Iterator[subprocess.Popen[str]]:
    """CMD under `lifesign run` where there is a Collector, else CMD alone."""
    environ = dict(os.environ)
    if collector is not None:
        command = [sys.executable, "-m", "lifesign", "run", "--", *command]
        environ.update({**FAST, **collector.environment("http/protobuf")})
    process = subprocess.Popen(
        command, env=environ, cwd=VICTIMS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def ended(process: subprocess.Popen[str], number: signal.Signals) -> int:
    """The exit status as a shell says it, after a signal."""
    process.send_signal(number)
    process.communicate(timeout=30)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def answers(port: int, path: str = "/") -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def beating(collector: Collector) -> dict[int, float]:
    """The newest count of heartbeats by process."""
    return {
        point.resource["process.pid"]: point.value
        for point in collector.points()
        if point.metric == "lifesign.heartbeats"
    }


def alarms(collector: Collector) -> list[str]:
    return [log.event for log in collector.logs() if log.event not in ("lifesign.process.stopped", STALLS)]


def load(port: int, seconds: float) -> tuple[int, int]:
    """Asks over four connections at once; returns how many answers were right and how many were not."""
    right, wrong, until = [0] * 4, [0] * 4, time.monotonic() + seconds

    def ask(index: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        while time.monotonic() < until:
            connection.request("GET", "/")
            body = connection.getresponse().read()
            (right if body == b"hello" else wrong)[index] += 1
        connection.close()

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(right), sum(wrong)


def test_uvicorn_under_load(apps: Path, collector: Collector) -> None:
    command = [str(apps / "uvicorn"), "hello:app", "--loop", "uvloop", "--log-level", "warning", "--port"]
    statuses = []
    for beside in (None, collector):
        port = free_port()
        with running([*command, str(port)], beside) as process:
            eventually(partial(answers, port), seconds=60)
            right, wrong = load(port, 2.0)
            assert right > 100
            assert wrong == 0
            if beside is not None:
                eventually(lambda: any(beats > 20 for beats in beating(collector).values()), seconds=60)
            statuses.append(ended(process, signal.SIGTERM))
    assert statuses[0] == statuses[1]
    assert len(beating(collector)) == 1
    assert alarms(collector) == []
    names = {(point.resource["service.name"], point.resource["process.command"]) for point in collector.points()}
    assert names == {("uvicorn", "uvicorn")}


def test_each_uvicorn_worker_is_a_process_of_its_own(apps: Path, collector: Collector) -> None:
    port = free_port()
    command = [str(apps / "uvicorn"), "hello:app", "--workers", "2", "--log-level", "warning", "--port", str(port)]
    with running(command, collector) as process:
        eventually(partial(answers, port), seconds=60)
        eventually(lambda: len([beats for beats in beating(collector).values() if beats > 10]) == 2, seconds=30)
        ended(process, signal.SIGTERM)
    eventually(lambda: [log.event for log in collector.logs()].count("lifesign.process.stopped") == 2, seconds=60)
    assert len(beating(collector)) == 2  # the parent runs no loop
    assert alarms(collector) == []
