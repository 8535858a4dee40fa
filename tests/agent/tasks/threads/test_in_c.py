"""The C function that a frame is in: said by name where its code leaves no doubt which one it is."""

from __future__ import annotations

import sys
import threading
from types import FrameType
from typing import Any, Callable, Iterator

import pytest

from lifesign.agent.tasks.threads.in_c import function_in_c
from support.waiting import eventually

GATE = threading.Lock()
OTHER = threading.Lock()


class Desk:
    def __init__(self) -> None:
        self.gate = GATE
        self.patience = 30
        self.asked = 0

    @property
    def door(self) -> Any:
        self.asked += 1
        return GATE

    def by_an_attribute(self) -> None:
        self.gate.acquire(True, self.patience)

    def by_a_keyword(self) -> None:
        self.gate.acquire(timeout=self.patience)

    def by_a_variable(self) -> None:
        acquire, wait = self.gate.acquire, True
        acquire(wait, self.patience)

    def as_an_argument(self) -> None:
        str(GATE.acquire())

    def in_a_loop(self) -> None:
        while not self.asked:
            self.asked += GATE.acquire()

    def by_its_name_alone(self) -> None:
        acquiring = iter(GATE.acquire, None)
        next(acquiring)

    def by_one_of_two(self) -> None:
        while not self.asked:
            self.asked += (GATE if self.patience else OTHER).acquire()

    def with_one_of_two(self) -> None:
        GATE.acquire(True, self.patience if self.gate else 1)

    def by_a_property(self) -> None:
        self.door.acquire()

    def of_a_result(self) -> None:
        [GATE.acquire][0]()


def said_of(function: Callable[[], None]) -> str:
    """What is said of the frame of a function that has come to the gate, which is closed."""
    thread = threading.Thread(target=function)
    name = function.__name__

    def frame() -> FrameType | None:
        found = sys._current_frames().get(thread.ident or 0)
        return found if found is not None and found.f_code.co_name == name and _is_at_the_gate(thread) else None

    thread.start()
    found = eventually(frame)
    assert found is not None
    return function_in_c(found)


def _is_at_the_gate(thread: threading.Thread) -> bool:
    with open(f"/proc/self/task/{thread.native_id}/stat", "rb") as file:
        return file.read().rpartition(b") ")[2].startswith(b"S")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    before = set(threading.enumerate())
    GATE.acquire()
    yield
    for thread in set(threading.enumerate()) - before:
        GATE.release()
        thread.join()
        GATE.acquire(blocking=False)
    GATE.release()


@pytest.mark.parametrize(
    ("way", "said"),
    [
        (Desk.by_an_attribute, "lock.acquire"),
        (Desk.by_a_keyword, "lock.acquire"),
        (Desk.by_a_variable, "lock.acquire"),
        (Desk.as_an_argument, "lock.acquire"),
        (Desk.in_a_loop, "lock.acquire"),
        (Desk.by_its_name_alone, "next"),
        (Desk.by_one_of_two, ""),
        (Desk.with_one_of_two, ""),
        (Desk.by_a_property, ""),
        (Desk.of_a_result, ""),
    ],
)
def test_a_call_in_c_is_named_where_there_is_no_doubt(way: Callable[[Desk], None], said: str) -> None:
    desk = Desk()
    assert said_of(way.__get__(desk)) == said
    assert desk.asked == (way is Desk.by_a_property)  # the function itself asks it


def test_a_frame_that_calls_nothing_has_none() -> None:
    def counts() -> Iterator[int]:
        yield 1

    suspended: Any = counts()
    next(suspended)
    assert function_in_c(suspended.gi_frame) == ""
