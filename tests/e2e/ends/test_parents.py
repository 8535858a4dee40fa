"""What makes workers, and ends them: which of these ends is a death, and whose doing it was.

Programs of other people under `lifesign run`, and the log records about their workers as a Collector gets them.
"""

from __future__ import annotations

import contextlib
import http.client
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from support.apps.programs import HOME
from support.backends.ports import free_port
from support.reported import KNOWN, Record, Run, reported
from support.supervised import PATIENCE
from support.waiting import eventually

pytestmark = pytest.mark.skipif(not KNOWN, reason="before Linux 6.15 nobody but its parent knows how a worker ended")

BLOCKS = """
import re, time
import asgi

async def app(scope, receive, send):
    if scope["type"] == "http" and scope["path"] == "/block":
        time.sleep(60)
    if scope["type"] == "http" and scope["path"] == "/freeze":
        re.match(r"(a+)+$", "a" * 60 + "b")
    await asgi.plain(scope, receive, send)
"""
SEND = "import jobs; [jobs.celery.tasks['jobs.work'].delay() for _ in range(4)]"
SUPERVISORD = """
[supervisord]
nodaemon=true
pidfile={folder}/pid
[unix_http_server]
file={folder}/control
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{folder}/control
"""
LOOP = "import asyncio; asyncio.run(asyncio.sleep(600))"
DEAF = "import asyncio, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); asyncio.run(asyncio.sleep(600))"
# How supervisord stops a program, and what is said of that.
STOPPED = {
    "TERM": ("stopped", "ended by SIGTERM"),
    "QUIT": ("stopped", "ended by SIGQUIT"),
    "INT": ("stopped", "ended by Ctrl-C"),
    "KILL": ("died", "killed by SIGKILL"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the programs are, and what they leave."""
    for source in HOME.glob("*.*"):
        shutil.copy(source, tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    return tmp_path


def ends(running: Run) -> list[Record]:
    return [record for record in running.records() if record.event in ("stopped", "died")]


def test_a_worker_that_gunicorn_gives_up_was_killed_while_it_was_blocked(apps: Path, folder: Path) -> None:
    port = free_port()
    (folder / "blocks.py").write_text(BLOCKS)
    worker = ["--timeout", "6", "-k", "uvicorn_worker.UvicornWorker", "-b", f"127.0.0.1:{port}"]
    with reported(folder, str(apps / "gunicorn"), *worker, "blocks:app", folder=folder) as running:
        eventually(lambda: _asks(port, "/"), PATIENCE, 0.1)
        _asks(port, "/block")
        (end,) = eventually(lambda: ends(running), PATIENCE, 0.1)
        assert end.event == "died"
        assert end.body.startswith(
            "killed by SIGABRT while it was blocked, probably by the process that made it, as it did not answer; "
        )
        assert "in app (" in end.body
        assert "WORKER TIMEOUT" in (folder / "output").read_text()


def test_a_frozen_worker_that_uvicorn_kills_was_frozen(apps: Path, folder: Path) -> None:
    port = free_port()
    (folder / "blocks.py").write_text(BLOCKS)
    command = [str(apps / "uvicorn"), "blocks:app", "--workers", "2", "--port", str(port)]
    with reported(folder, *command, folder=folder) as running:
        eventually(lambda: list(running.states().values()).count("healthy") == 2, 3 * PATIENCE, 0.1)
        _asks(port, "/freeze")
        (end,) = eventually(lambda: ends(running), PATIENCE, 0.1)
        assert end.event == "died"
        assert end.body.startswith("killed by SIGKILL while it was frozen, probably by the process that made it")


def _asks(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        return connection.getresponse().status == 200
    return False


def test_a_child_of_celery_that_has_done_its_tasks_has_not_died(apps: Path, folder: Path) -> None:
    command = ["-A", "jobs:celery", "worker", "-c", "1", "--max-tasks-per-child", "1", "-l", "info"]
    with reported(folder, str(apps / "celery"), *command, folder=folder) as running:
        eventually(lambda: "ready." in (folder / "output").read_text(), 3 * PATIENCE, 0.1)
        subprocess.run([apps / "python", "-c", SEND], cwd=folder, check=True, timeout=60)
        found = eventually(lambda: found if len(found := ends(running)) >= 3 else [], 3 * PATIENCE, 0.1)
    replaced = "exit code 155: its pool replaces it, as Celery does after some tasks"
    unseen = "its event loop had ended; how the process ended is not known"  # gone before a busy sidecar saw it
    assert {record.event for record in found[:3]} == {"stopped"}
    assert {record.body for record in found[:3]} <= {replaced, unseen}


def test_who_is_stopped_by_supervisord_has_stopped_but_for_a_kill(apps: Path, folder: Path) -> None:
    """A program that does not hear it is killed after a while: that is a death, which supervisord reports as well."""
    programs = [("quick", LOOP, name, 9) for name in STOPPED] + [("deaf", DEAF, "TERM", 1)]
    (folder / "shop.conf").write_text(
        SUPERVISORD.format(folder=folder)
        + "".join(
            f'[program:{kind}{name}]\ncommand={apps}/python -c "{code}"\nstopsignal={name}\nstopwaitsecs={seconds}\n'
            for kind, code, name, seconds in programs
        )
    )
    config = ["-c", str(folder / "shop.conf")]
    with reported(folder, str(apps / "supervisord"), *config, folder=folder) as running:
        eventually(lambda: list(running.states().values()).count("healthy") == len(programs), 3 * PATIENCE, 0.1)
        time.sleep(1)  # supervisord believes in a program after a second
        subprocess.run([apps / "supervisorctl", *config, "stop", "all"], check=True, timeout=60, capture_output=True)
        found = eventually(lambda: found if len(found := ends(running)) >= len(programs) else [], PATIENCE, 0.1)
    assert Counter(record[:2] for record in found) == Counter([*STOPPED.values(), ("died", "killed by SIGKILL")])
