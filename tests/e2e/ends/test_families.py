"""Ends of processes with a parent, with a successor or with more than one life: what is reported of each.

Real programs under `lifesign run`, and the log records about their processes as a Collector gets them. A reload is
no death, whoever reloads; a death is none the less one.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import pytest

from support.built import built
from support.otlp_server import HttpServer
from support.paths import VICTIMS
from support.supervised import PATIENCE, children, environment, run_line
from support.waiting import eventually

# Since 6.15 the kernel says how a process ended to others than its parent.
KNOWN = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2]) >= (6, 15)
UNKNOWN = "not known"
FAST = {"LIFESIGN_POLL_INTERVAL": "0.1", "LIFESIGN_BOOT_TIMEOUT": "30"}


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
                        if "task_" not in one.event_name
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


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    with contextlib.ExitStack() as stack:

        def start(*command: str, folder: Path = VICTIMS) -> Run:
            server = HttpServer()
            stack.callback(server.stop)
            more = {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url, "XDG_STATE_HOME": str(tmp_path / "state"), **FAST}
            environ = environment(**more, OTEL_METRIC_EXPORT_INTERVAL="300")
            output = stack.enter_context(open(tmp_path / "output", "ab"))
            process = subprocess.Popen(run_line(command), env=environ, cwd=folder, stdout=output, stderr=output)
            stack.callback(_put_down, process)
            return Run(server, process)

        yield start


def _put_down(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        process.kill()
        process.wait()


EXEC = "it replaced itself by another program (exec)"
STOP = "its agent has ended: exit handlers run, or lifesign.stop() was called"
START = "lifesign.stop() ended its watch, and lifesign.start() began a new one"
# What the program does; what is reported, where the kernel tells, and, where it does not, whether of nothing more.
FAMILIES: dict[str, list[tuple[str, str]]] = {
    "terminates": [("stopped", "ended by SIGTERM")],
    "terminates spawned": [("stopped", "ended by SIGTERM")],
    "kills": [("died", "killed by SIGKILL")],
    "raises": [("died", "uncaught ValueError: the order book is empty")],
    "exits": [("died", "exit code 3, which nobody asked for")],
    "exits spawned": [("died", "exit code 3, which nobody asked for")],
    "pool": [("stopped", "ended by itself")] * 2,
    "os._exit(0)": [("stopped", "ended by itself")],
    "os._exit(3)": [("died", "exit code 3, which nobody asked for")],
    "replaces": [("stopped", EXEC), ("stopped", "ended by itself")],
    "begins anew": [("stopped", "ended by itself")],
    "lives on": [("stopped", STOP)],
    "shows": [("stopped", "ended by itself")],
}
TOLD_BY_KERNEL = {"terminates", "terminates spawned", "kills", "os._exit(0)", "os._exit(3)"}


@pytest.mark.parametrize("does", FAMILIES)
def test_each_end_is_reported_once_and_for_what_it_is(does: str, run: Callable[..., Run]) -> None:
    running = run(sys.executable, "family.py", does)
    assert running.has_ended() == 0
    reported = sorted((event, body) for event, body, _ in running.records())
    if KNOWN or does not in TOLD_BY_KERNEL:
        assert reported == sorted(FAMILIES[does])
    else:
        assert [event for event, body in reported if UNKNOWN in body] == ["stopped"]


def test_exit_handlers_that_take_long_are_no_illness(run: Callable[..., Run]) -> None:
    running = run(sys.executable, "family.py", "cleans up")
    assert running.has_ended() == 0
    assert [record.event for record in running.records()] == ["stopped"]


def test_ctrl_c_is_no_death(run: Callable[..., Run]) -> None:
    running = run(sys.executable, "family.py", "for long")
    eventually(lambda: "healthy" in running.states().values(), PATIENCE, 0.05)
    os.kill(running.cmd, signal.SIGINT)
    assert running.has_ended() == 128 + signal.SIGINT
    assert [record[:2] for record in running.records()] == [("stopped", "ended by Ctrl-C")]


def test_a_kill_after_the_grace_period_is_a_death_that_says_so(run: Callable[..., Run]) -> None:
    running = run(sys.executable, "family.py", "ignores")
    eventually(lambda: "healthy" in running.states().values(), PATIENCE, 0.05)
    cmd = running.cmd
    running.process.terminate()
    time.sleep(1.5)
    os.kill(cmd, signal.SIGKILL)
    assert running.has_ended() == 128 + signal.SIGKILL
    ((event, body, _),) = running.records()
    assert event == "died"
    assert body.startswith("killed by SIGKILL ")
    assert body.endswith(" s after SIGTERM")


# Servers of other people


@pytest.fixture(scope="session")
def apps() -> Path:
    """The `bin` of an environment with third-party programs and without lifesign."""
    return Path(built("apps")) / "bin"


HELLO = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
"""


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def answers(port: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    return False


def workers(running: Run, count: int) -> set[int]:
    """The watched workers, once so many are healthy and no more."""

    def healthy() -> set[int]:
        cmd = running.cmd
        pids = {pid for pid, state in running.states().items() if state == "healthy" and pid != cmd}
        return pids if len(pids) == count else set()

    return eventually(healthy, PATIENCE, 0.05)


def uvicorn(apps: Path, port: str, *options: str) -> list[str]:
    return [str(apps / "uvicorn"), "hello:app", "--port", port, *options]


def gunicorn(apps: Path, port: str, *options: str) -> list[str]:
    worker = ("-k", "uvicorn_worker.UvicornWorker", "-w", "2", "-b", f"127.0.0.1:{port}")
    return [str(apps / "gunicorn"), "hello:app", *worker, *options]


def deaths(running: Run) -> list[Record]:
    return [record for record in running.records() if record.event != "stopped"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(HELLO)
    return tmp_path


@pytest.mark.parametrize("serve", [lambda a, p: uvicorn(a, p, "--workers", "2"), gunicorn], ids=["uvicorn", "gunicorn"])
def test_a_reload_by_sighup_is_no_death_and_each_end_is_reported_once(
    serve: Callable[[Path, str], list[str]], apps: Path, folder: Path, run: Callable[..., Run]
) -> None:
    port = free_port()
    running = run(*serve(apps, port), folder=folder)
    before = workers(running, 2)
    os.kill(running.cmd, signal.SIGHUP)
    eventually(lambda: len(running.records()) >= 2, PATIENCE, 0.05)
    after = workers(running, 2)
    assert not before & after
    assert answers(port)
    assert deaths(running) == []
    assert {record.pid for record in running.records()} == before
    running.process.terminate()
    assert running.has_ended() == 0
    assert deaths(running) == []
    pids = [record.pid for record in running.records()]
    assert len(pids) == len(set(pids))
    assert before | after <= set(pids)


def test_uvicorns_reloader_ends_no_server_that_died(apps: Path, folder: Path, run: Callable[..., Run]) -> None:
    port = free_port()
    running = run(*uvicorn(apps, port, "--reload"), folder=folder)
    before = workers(running, 1)
    time.sleep(1)  # the reloader compares times of files
    (folder / "hello.py").write_text(HELLO + "# changed\n")
    eventually(lambda: running.records(), PATIENCE, 0.05)
    assert workers(running, 1) != before
    assert deaths(running) == []


def test_gunicorns_upgrade_leaves_the_new_one_watched(apps: Path, folder: Path, run: Callable[..., Run]) -> None:
    port, pid_file = free_port(), folder / "pid"
    running = run(*gunicorn(apps, port, "-p", str(pid_file)), folder=folder)
    workers(running, 2)
    first = running.cmd
    os.kill(first, signal.SIGUSR2)
    eventually(lambda: (folder / "pid.2").exists(), PATIENCE, 0.05)
    second = int((folder / "pid.2").read_text())
    eventually(lambda: list(running.states().values()).count("healthy") >= 4, PATIENCE, 0.05)
    os.kill(first, signal.SIGTERM)
    assert running.has_ended() == 0
    try:
        assert deaths(running) == []
        assert answers(port)
    finally:
        os.kill(second, signal.SIGTERM)
    eventually(lambda: set(running.states().values()) == {"stopped"}, PATIENCE, 0.05)
    assert deaths(running) == []


@pytest.mark.skipif(not KNOWN, reason="before Linux 6.15 nobody but its parent knows how a worker ended")
def test_a_worker_that_is_killed_has_died_and_stays_dead_at_the_end(
    apps: Path, folder: Path, run: Callable[..., Run]
) -> None:
    running = run(*uvicorn(apps, free_port(), "--workers", "2"), folder=folder)
    killed = workers(running, 2).pop()
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: deaths(running), PATIENCE, 0.05)
    workers(running, 2)
    running.process.terminate()
    assert running.has_ended() == 0
    assert deaths(running) == [("died", "killed by SIGKILL", killed)]
    assert [record.event for record in running.records() if record.pid == killed] == ["died"]
