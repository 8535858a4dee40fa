"""The exception that a thread handles, as it is shown with where it stands."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import pytest

from lifesign.agent.tasks.threads.look import ThreadLook
from support.waiting import eventually


def shown(name: str) -> Any:
    look = ThreadLook({}, ())
    found = (look.record("dump", index, group) for index, group in enumerate(look.groups()))
    return next((record for record in found if record["names"] == [name]), None)


@pytest.mark.parametrize("daemon", [True, False])
def test_a_thread_that_waits_while_it_handles_an_exception(daemon: bool) -> None:
    leave = threading.Event()

    def clerk() -> None:
        try:
            raise ValueError("no price")
        except ValueError:
            leave.wait()

    def idler() -> None:
        leave.wait()

    running = [threading.Thread(target=one, name=one.__name__, daemon=daemon) for one in (clerk, idler)]
    for one in running:
        one.start()
    try:
        eventually(lambda: all((record := shown(one.name)) and record["wait"] for one in running))
        handled, nothing = (shown(one.name) for one in running)
    finally:
        leave.set()
        for one in running:
            one.join()
    assert (handled["daemon"], nothing["error"]) == (daemon, None)
    if sys.version_info >= (3, 10):  # before, it cannot be known
        assert (handled["error"]["type"], handled["error"]["message"]) == ("ValueError", "no price")
        assert handled["error"]["place"]["function"].endswith("clerk")
    else:
        assert handled["error"] is None


def test_a_thread_in_a_call_of_the_kernels() -> None:
    reads, writes = os.pipe()
    reader = threading.Thread(target=os.read, args=(reads, 1), name="reader")
    reader.start()
    try:
        said = "reads from a pipe" if os.path.exists("/proc/self/syscall") else ""
        eventually(lambda: (shown("reader") or {}).get("call") == said)
    finally:
        os.write(writes, b"x")
        reader.join()
        os.close(reads)
        os.close(writes)
