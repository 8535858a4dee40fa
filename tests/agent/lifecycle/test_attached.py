"""An agent that is brought into a process that runs already, and leaves it without a trace."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path
from typing import Iterator

import pytest

from lifesign.agent import lifecycle
from lifesign.agent.attaching.attached import Order, attach
from lifesign.wire.folder import ATTACHED
from support.waiting import eventually

FAST = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.01"}


def order(directory: Path, *private: Path, seconds: float = 0.0, settings: dict[str, str] = FAST) -> Order:
    return Order(str(directory), tuple(map(str, private)), settings, seconds, ours=False)


def gone(folder: str) -> bool:
    return not os.path.exists(folder)


@pytest.fixture
def elsewhere() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that ran in a thread of its own before the agent came."""
    running, loops, stops = threading.Event(), [], []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        stops.append(asyncio.Event())
        running.set()
        await stops[0].wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert running.wait(10)
    yield loops[0]
    loops[0].call_soon_threadsafe(stops[0].set)
    thread.join()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="attach needs 3.14")
def test_it_watches_the_loops_that_run_and_leaves_when_its_marker_goes(
    elsewhere: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    made = tmp_path / "private" / "run"
    made.mkdir(parents=True)
    folder = attach(order(made, made, made.parent))["attached"]
    assert os.path.dirname(folder) == str(made)
    assert attach(order(tmp_path)) == {"watched": folder}
    eventually(lifecycle.beating, every=0.003)

    os.unlink(os.path.join(folder, ATTACHED))
    eventually(lambda: gone(folder), every=0.003)
    eventually(lambda: list(tmp_path.iterdir()) == [], every=0.003)
    assert lifecycle.peek() is None
    assert not lifecycle.beating()


def test_a_program_that_used_the_package_before_may_fork_as_before(tmp_path: Path) -> None:
    threads = len(os.listdir("/proc/self/task"))
    folder = attach(order(tmp_path, seconds=0.01))["attached"]
    eventually(lambda: gone(folder), every=0.003)
    eventually(lambda: len(os.listdir("/proc/self/task")) <= threads)
    assert lifecycle.start(str(tmp_path)) is not None
    pid = os.fork()
    if not pid:
        os._exit(lifecycle.peek() is not None)  # the agent is the parent's
    assert os.waitpid(pid, 0)[1] == 0


def test_it_leaves_when_its_time_is_over(tmp_path: Path) -> None:
    folder = attach(order(tmp_path, tmp_path / "other", seconds=0.03))["attached"]
    eventually(lambda: gone(folder), every=0.003)
    assert lifecycle.peek() is None


def test_what_keeps_it_from_starting_is_said(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?i)no such file or directory|not a directory"):
        attach(order(tmp_path / "gone" / "deeper"))
    assert lifecycle.peek() is None
