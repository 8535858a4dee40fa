"""A signal handler may call what another thread is in the middle of, whatever it interrupts: nobody waits for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import lifesign
from lifesign.agent import lifecycle
from support.waiting import eventually

CALLS: dict[str, Callable[[], object]] = {
    "event": lambda: lifesign.event("order"),
    "checkpoint": lambda: lifesign.checkpoint("step"),
    "block": lambda: lifesign.checkpoint("block").__enter__(),
    "promise": lambda: lifesign.promise("order", within=60),
    "dump": lifesign.dump_tasks,
    "stop": lifesign.stop,
}


@pytest.mark.parametrize("other", ["event", "checkpoint", "block"])
@pytest.mark.parametrize("call", CALLS)
def test_a_call_beside_another_thread(call: str, other: str, started: Callable[..., Any]) -> None:
    started()
    agent = lifecycle.peek()
    assert agent is not None
    entered, done = threading.Event(), threading.Event()

    def interrupted() -> None:
        with agent.pulse.lock:  # in the middle of a call that writes
            entered.set()
            eventually(lambda: beside.is_alive())
            time.sleep(0.005)  # the other thread waits by now
            CALLS[call]()  # as its signal handler does
        done.set()

    def at_the_same_time() -> None:
        entered.wait()
        CALLS[other]()

    beside = threading.Thread(target=at_the_same_time, daemon=True)
    beside.start()
    threading.Thread(target=interrupted, daemon=True).start()
    assert done.wait(10)
    beside.join(10)
    assert not beside.is_alive()
