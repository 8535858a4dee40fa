"""Ends of processes with a parent, or with more than one life: what is reported of each, once.

Real programs under `lifesign run`, and the log records about their processes as a Collector gets them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest

from support.reported import KNOWN, Run, reported
from support.supervised import PATIENCE
from support.waiting import eventually

UNKNOWN = "not known"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    with contextlib.ExitStack() as stack:
        yield lambda *command, **more: stack.enter_context(reported(tmp_path, *command, **more))


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
    reported = sorted((event, body.split("; ")[0]) for event, body, _ in running.records())  # behind it is the cause
    if does == "pool":  # which sends SIGTERM to whoever has not seen yet that there is nothing more to do
        reported = [(event, body.replace("ended by SIGTERM", "ended by itself")) for event, body in reported]
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


def test_the_second_ctrl_c_that_ends_a_blocked_loop_is_its_exit_status(run: Callable[..., Run]) -> None:
    running = run(sys.executable, "family.py", "blocks")
    eventually(lambda: "blocked" in running.states().values(), PATIENCE, 0.05)
    for _ in range(2):
        os.kill(running.cmd, signal.SIGINT)
        time.sleep(0.5)
    assert running.has_ended() == 128 + signal.SIGINT


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
