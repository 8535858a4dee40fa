"""Servers of other people that reload and upgrade: a worker that is replaced has not died.

Log records about their processes as a Collector gets them; a death is none the less reported as one.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest

from support.built import built
from support.reported import KNOWN, Record, Run, reported
from support.supervised import PATIENCE
from support.waiting import eventually


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    with contextlib.ExitStack() as stack:
        yield lambda *command, **more: stack.enter_context(reported(tmp_path, *command, **more))


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
    """What is not an end in order; the alert ProcessDied is about the state."""
    states = [Record("state", state, pid) for pid, state in running.states().items() if state == "dead"]
    return [*(record for record in running.records() if record.event != "stopped"), *states]


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
    assert deaths(running) == [("died", "killed by SIGKILL", killed), ("state", "dead", killed)]
    assert [record.event for record in running.records() if record.pid == killed] == ["died"]
