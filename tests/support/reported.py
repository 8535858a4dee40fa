"""A `lifesign run` for a test, and what a Collector gets of the processes in it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from support.otlp_server import HttpServer
from support.paths import VICTIMS
from support.supervised import PATIENCE, children, environment, run_line
from support.waiting import eventually

# Since 6.15 the kernel says how a process ended to others than its parent.
KNOWN = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2]) >= (6, 15)
FAST = {"LIFESIGN_POLL_INTERVAL": "0.1", "LIFESIGN_BOOT_TIMEOUT": "30", "OTEL_METRIC_EXPORT_INTERVAL": "300"}


class Record(NamedTuple):
    """A log record about a process: the last part of its event's name, and its body."""

    event: str
    body: str
    pid: int


class Run:
    """A `lifesign run`, and what it exports."""

    def __init__(self, server: HttpServer, process: subprocess.Popen[bytes]) -> None:
        self.server = server
        self.process = process

    @property
    def cmd(self) -> int:
        """The process id of CMD."""
        return eventually(
            lambda: next((pid for pid in children(self.process.pid) if not _is_sidecar(pid)), 0), PATIENCE, 0.05
        )

    def records(self) -> list[Record]:
        found = []
        for request in self.server.of("logs"):
            for resource in request.resource_logs:
                pid = next(one.value.int_value for one in resource.resource.attributes if one.key == "process.pid")
                for scope in resource.scope_logs:
                    found += [
                        Record(one.event_name.rpartition(".")[2], one.body.string_value, pid)
                        for one in scope.log_records
                        if "task_" not in one.event_name and one.event_name != "lifesign.eventloop.stall"
                    ]
        return found

    def has_ended(self) -> int:
        """Waits for its end; its exit status."""
        return self.process.wait(2 * PATIENCE)

    def states(self) -> dict[int, str]:
        """The newest state of each process, by pid."""
        found: dict[int, str] = {}
        for request in self.server.of("metrics"):
            for resource in request.resource_metrics:
                pids = [one.value.int_value for one in resource.resource.attributes if one.key == "process.pid"]
                for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                    if metric.name == "lifesign.process.state":
                        now = [point for point in metric.sum.data_points if point.as_int == 1]
                        found[pids[0]] = now[0].attributes[0].value.string_value
        return found


def _is_sidecar(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"lifesign\0watch" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return True


@contextlib.contextmanager
def reported(directory: Path, *command: str, folder: Path = VICTIMS) -> Iterator[Run]:
    """Runs a command under `lifesign run`; what it prints is in ``output`` in `directory`."""
    server = HttpServer()
    state = str(directory / "state")
    environ = environment(OTEL_EXPORTER_OTLP_ENDPOINT=server.url, XDG_STATE_HOME=state, **FAST)
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        output = stack.enter_context(open(directory / "output", "ab"))
        process = subprocess.Popen(run_line(command), env=environ, cwd=folder, stdout=output, stderr=output)
        stack.callback(_put_down, process)
        yield Run(server, process)


def _put_down(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        process.kill()
        process.wait()
