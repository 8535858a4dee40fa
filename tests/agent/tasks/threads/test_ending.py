"""A program that has come to its end and waits; and one that only looks so: its loop has ended, or another one runs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from lifesign.agent.slots import Beating, LoopSlots
from lifesign.agent.tasks.threads.ending import ProgramEnd
from lifesign.wire import layout
from support.waiting import eventually


class Program:
    """A loop in a thread, whose main coroutine ends when it is asked to, and whose task does not."""

    def __init__(self) -> None:
        self.slots = LoopSlots()
        self.closing = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)
        self._thread.start()
        eventually(lambda: self.slots.beating[0] is not None)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop, self._let_go = self._loop.create_future(), self._loop.create_future()
        self._task = asyncio.create_task(self._stays())
        await asyncio.sleep(0)
        self.runs()
        await self._stop

    async def _stays(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await self._loop.create_future()
        self.closing.set()
        await self._let_go

    def runs(self) -> None:
        """The loop begins to run, as `LoopBeat` notes it."""
        thread = self._thread.ident
        assert thread is not None
        self.slots.beating[0] = Beating(self._loop, thread, 0, 0, 0, SimpleNamespace().__eq__)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set_result, None)
        assert self.closing.wait(10.0)
        self.runs()

    def let_go(self) -> None:
        self._loop.call_soon_threadsafe(self._let_go.set_result, None)
        self._thread.join()
        self.slots.beating[0] = None


@pytest.fixture
def program() -> Iterator[Program]:
    made = Program()
    yield made
    if not made.closing.is_set():
        made.end()
    if made.slots.beating[0] is not None:
        made.let_go()


def nothing() -> int:
    return 0


def main_thread(monkeypatch: pytest.MonkeyPatch, *, alive: bool) -> None:
    known: Any = SimpleNamespace(is_alive=lambda: alive)
    monkeypatch.setattr("lifesign.agent.tasks.threads.ending.threading.main_thread", lambda: known)


def test_a_loop_that_runs_is_at_no_end(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    main_thread(monkeypatch, alive=False)  # it runs in another thread, and may for years
    ending = ProgramEnd(program.slots, 0.0, nothing)
    assert (ending.look(), ending.phase, ending.for_ns) == ("", layout.NOT_ENDING, 0)


def test_a_loop_whose_tasks_are_cancelled(program: Program) -> None:
    ending, patient = ProgramEnd(program.slots, 0.0, nothing), ProgramEnd(program.slots, 60.0, nothing)
    ending.look()
    program.end()
    assert (ending.look(), ending.phase) == ("closing", layout.ENDING_LOOP)
    assert ending.for_ns > 0
    assert ending.look() == "", "it is said once"
    assert (patient.look(), patient.phase) == ("", layout.ENDING_LOOP)
    program.let_go()
    assert (ending.look(), ending.phase, ending.for_ns) == ("", layout.NOT_ENDING, 0), "the program goes on"


def test_a_program_whose_main_thread_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    ending = ProgramEnd(LoopSlots(), 0.0, nothing)
    assert (ending.look(), ending.phase) == ("", layout.NOT_ENDING)
    main_thread(monkeypatch, alive=False)
    assert (ending.look(), ending.phase) == ("exit", layout.ENDING_PROGRAM)
    assert ending.look() == ""


def test_threads_that_count_events_are_a_program_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    worked = iter([7, 7, 8, 8])
    ending = ProgramEnd(LoopSlots(), 60.0, worked.__next__)
    main_thread(monkeypatch, alive=False)
    assert (ending.look(), ending.phase) == ("", layout.ENDING_PROGRAM), "it may be at its end"
    assert (ending.look(), ending.phase) == ("", layout.ENDING_PROGRAM)
    for _ in range(2):
        assert (ending.look(), ending.phase, ending.for_ns) == ("", layout.NOT_ENDING, 0)


def test_a_loop_that_ends_while_another_one_runs_is_no_end_of_the_program(program: Program) -> None:
    ending = ProgramEnd(program.slots, 0.0, nothing)
    program.slots.beating[1] = Beating(program.slots, threading.get_ident(), 0, 0, 0, SimpleNamespace().__eq__)
    program.end()
    assert (ending.look(), ending.phase) == ("", layout.NOT_ENDING)
    program.slots.beating[1] = None
    assert (ending.look(), ending.phase) == ("closing", layout.ENDING_LOOP)
