"""What is noted is counted without a lock that anybody could wait for long, and fills no ring."""

from __future__ import annotations

import json
import logging
import signal
import threading
from typing import Any, Callable

import pytest

from lifesign.agent import lifecycle
from lifesign.agent.complaints import counted
from lifesign.wire import layout
from support.waiting import PATIENCE


async def test_long_ones_fill_no_minute(started: Callable[..., Any]) -> None:
    pulse = started()
    for number in range(counted.RECORDS_MAX):
        error = ValueError("x" * 1000)
        chained: BaseException = error
        for _ in range(9):
            chained.__cause__ = KeyError("y" * 300)
            chained = chained.__cause__
        logging.getLogger("asyncio").error("kind " + chr(200 + number), exc_info=error)
    agent = lifecycle.peek()
    assert agent is not None
    agent.complaints.beat(agent.pulse.ring)
    assert 5 < len(pulse.ring("asyncio_complaint")) < counted.RECORDS_MAX
    assert len(json.dumps(pulse.ring("asyncio_complaint"))) < counted.BYTES_MAX + layout.RECORD_BYTES_MAX


def test_an_exception_that_waits_as_it_is_read_hangs_no_other_thread() -> None:
    noted = counted.Counted()
    waited: list[bool] = []

    def made() -> Any:
        if not waited:
            other = threading.Thread(target=noted.note, args=("another", made))
            waited.append(True)
            other.start()
            other.join(PATIENCE)
            waited.append(other.is_alive())
        return {"count": 1}

    noted.note("one", made)
    assert waited == [True, False]


def test_what_a_signal_handler_raises_while_a_complaint_is_read_is_the_programs(started: Callable[..., Any]) -> None:
    started()

    def handler(*_: object) -> None:
        raise TimeoutError("by the program's own alarm")

    asked: list[int] = []

    class Interrupted:
        def __str__(self) -> str:
            asked.append(1)
            if len(asked) == 1:  # not where a log handler asks
                signal.raise_signal(signal.SIGUSR1)
            return "not interrupted"

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(TimeoutError):
            logging.getLogger("asyncio").error(Interrupted())
    finally:
        signal.signal(signal.SIGUSR1, before)
