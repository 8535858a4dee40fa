"""Who the main process says it is."""

from __future__ import annotations

import json
import multiprocessing.process
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from lifesign.agent import identity


def test_identity(started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/opt/app/desk.py", "--password", "hunter2"])
    pulse = started(
        TRACEPARENT="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        OTEL_SERVICE_NAME="desk",
        OTEL_RESOURCE_ATTRIBUTES="team=a",
    )
    identity = json.loads(pulse.reader.identity())
    assert identity["pid"] == os.getpid()
    assert identity["command"] == "desk.py"
    assert "hunter2" not in str(identity)
    assert (identity["trace"], identity["parent_span"]) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    assert (identity["otel_service_name"], identity["otel_resource_attributes"]) == ("desk", "team=a")
    assert identity["started"] < time.time_ns()


WORKERS = """
import multiprocessing, os, sys
from lifesign.agent.identity import _is_worker

def say(name):
    os.write(1, f"{name} {_is_worker()}\\n".encode())

if __name__ == "__main__":
    say("program")
    for way in "fork", "spawn":
        child = multiprocessing.get_context(way).Process(target=say, args=(way,))
        child.start()
        child.join()
    pid = os.fork()
    if not pid:
        os.execv(sys.executable, [sys.executable, "-c", "from workers import say; say('another program')"])
    os.waitpid(pid, 0)
"""


def test_a_worker_knows_that_it_is_one(tmp_path: Path) -> None:
    (tmp_path / "workers.py").write_text(WORKERS)
    command = [sys.executable, "workers.py"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True).stdout
    assert said.splitlines() == ["program False", "fork True", "spawn True", "another program False"]


@pytest.mark.parametrize("traceparent", ["", "nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
def test_a_traceparent_that_is_none_starts_a_trace_of_its_own(started: Callable[..., Any], traceparent: str) -> None:
    pulse = started(TRACEPARENT=traceparent)
    identity = json.loads(pulse.reader.identity())
    assert identity["parent_span"] is None
    assert len(identity["trace"]) == 32
    assert int(identity["trace"], 16) > 0


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["-c"], os.path.basename(sys.executable)),
        (["/x/shop/__main__.py"], "shop"),
        ([], os.path.basename(sys.executable)),
    ],
)
def test_the_command_is_what_its_user_calls_it(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, argv: list[str], command: str
) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    assert json.loads(started().reader.identity())["command"] == command


def test_who_was_made_by_multiprocessing_is_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing.process, "parent_process", lambda: None)
    before = identity._is_worker()
    monkeypatch.setattr(multiprocessing.process, "parent_process", lambda: "the parent")
    assert (before, identity._is_worker()) == (False, True)
