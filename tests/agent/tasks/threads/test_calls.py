"""The call that a running frame is in and the blocks around it, by the names in its code; no property is called."""

from __future__ import annotations

import asyncio
import sys
import threading
from types import FrameType
from typing import Any, Callable, Iterator

import pytest

from lifesign.agent.tasks.threads import calls
from support.waiting import eventually

LOCK = threading.Lock()
INSIDE = threading.Lock()


class Slotted:
    __slots__ = ("lock",)

    def __init__(self) -> None:
        self.lock = threading.Lock()


class Desk:
    def __init__(self) -> None:
        self.stock = threading.Lock()
        self.shelf = Slotted()
        self.asked = 0

    @property
    def price(self) -> threading.Lock:
        self.asked += 1
        return self.stock

    def enters(self) -> None:
        with self.stock:
            pass

    def acquires(self) -> None:
        self.shelf.lock.acquire()
        self.shelf.lock.release()

    def has_a_clock(self) -> None:
        if self.stock.acquire(timeout=30):
            self.stock.release()

    def by_a_variable(self) -> None:
        mine = self.stock
        with mine:
            pass

    def by_a_property(self) -> None:
        self.price.acquire()
        self.stock.release()

    def is_inside(self) -> None:
        with INSIDE:
            pass
        with self.shelf.lock, INSIDE:
            try:
                LOCK.acquire()
                self.stock.acquire()
                self.stock.release()
            finally:
                LOCK.release()

    def tries_first(self) -> None:
        INSIDE.acquire(timeout=30)
        if self.stock.acquire(False) or self.asked:
            self.stock.release()
        self.stock.acquire()
        self.stock.release()
        INSIDE.release()

    def by_one_of_two(self) -> None:
        if self.asked:
            self.stock.acquire()
        else:
            self.stock.acquire()
        self.stock.release()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def seen(desk: Desk, method: Callable[[], None], locked: threading.Lock, see: Callable[[FrameType], Any]) -> Any:
    """What `see` returns of the frame in which that method waits for a lock."""
    locked.acquire()
    thread = threading.Thread(target=method)
    thread.start()
    try:

        def waiting() -> FrameType | None:
            frame = sys._current_frames().get(thread.ident or 0)
            call = None if frame is None or frame.f_code.co_name != method.__name__ else calls.call(frame)
            return frame if call is not None and call.method in ("acquire", "__enter__") and still(frame) else None

        def still(frame: FrameType) -> bool:
            return bool(
                locked.locked() and not thread.join(0.002) and sys._current_frames().get(thread.ident or 0) is frame
            )

        eventually(waiting)
        frame = waiting()
        assert frame is not None
        return see(frame)
    finally:
        locked.release()
        thread.join()


def named_call(frame: FrameType) -> tuple[str, str, bool, Any]:
    call = calls.call(frame)
    assert call is not None
    return calls.named(frame, call.names), call.method, call.bare, calls.resolve(frame, call.names)


def around(frame: FrameType) -> list[Any]:
    return [calls.resolve(frame, names) for names in calls.inside(frame)]


def test_a_block_that_is_being_entered(desk: Desk) -> None:
    assert seen(desk, desk.enters, desk.stock, named_call) == ("Desk.stock", "__enter__", True, desk.stock)


def test_a_lock_in_a_slot_of_an_attribute(desk: Desk) -> None:
    lock = desk.shelf.lock
    assert seen(desk, desk.acquires, lock, named_call) == ("Desk.shelf.lock", "acquire", True, lock)


def test_a_call_with_arguments_may_end_by_itself(desk: Desk) -> None:
    assert seen(desk, desk.has_a_clock, desk.stock, named_call) == ("Desk.stock", "acquire", False, desk.stock)


def test_a_variable_goes_by_the_name_of_the_attribute_that_is_the_same(desk: Desk) -> None:
    assert seen(desk, desk.by_a_variable, desk.stock, named_call) == ("Desk.stock", "__enter__", True, desk.stock)


def test_a_property_is_not_called(desk: Desk) -> None:
    name, method, _, thing = seen(desk, desk.by_a_property, desk.stock, named_call)
    assert (name, method) == ("Desk.price", "acquire")
    assert thing is not desk.stock
    assert desk.asked == 1  # by itself


def test_the_blocks_around_a_place_and_what_was_acquired_and_not_released(desk: Desk) -> None:
    assert seen(desk, desk.is_inside, desk.stock, around) == [desk.shelf.lock, INSIDE, LOCK]


def test_what_a_frame_waits_for_and_may_not_have_got_before_it_does_not_hold(desk: Desk) -> None:
    assert seen(desk, desk.tries_first, desk.stock, around) == [INSIDE]
    assert seen(desk, desk.by_one_of_two, desk.stock, around) == []


def standing(desk: Desk, shelf: Slotted) -> Iterator[None]:
    yield


def test_names_are_resolved_without_a_call_to_the_users_code(desk: Desk) -> None:
    generator: Any = standing(desk, Slotted.__new__(Slotted))
    thread = threading.Thread(target=next, args=(generator,))  # which is not traced, as this one may be
    thread.start()
    thread.join()
    frame = generator.gi_frame
    found = {
        name: calls.resolve(frame, tuple(name.split(".")))
        for name in (
            "LOCK",
            "threading.main_thread",
            "Desk.price",
            "desk.price",
            "desk.nothing",
            "nobody.stock",
            "shelf.lock",
        )
    }
    assert found["LOCK"] is LOCK
    assert found["threading.main_thread"] is threading.main_thread
    assert found["Desk.price"] is found["desk.price"] is Desk.__dict__["price"]
    assert found["desk.nothing"] is found["nobody.stock"] is found["shelf.lock"] is None
    assert desk.asked == 0


def test_a_thread_whose_profile_function_runs_keeps_its_variables() -> None:
    """Up to 3.12 the interpreter takes them, when that function returns, from the copy that others see."""
    lock = threading.Lock()
    entered, go_on = threading.Event(), threading.Event()
    left: list[Any] = []

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if frame.f_code is holds.__code__ and event == "c_call":
            entered.set()
            go_on.wait()

    def holds(mine: Any) -> None:
        with mine:
            len(())
            left.append(mine)

    threading.setprofile(profile)
    try:
        thread = threading.Thread(target=holds, args=(lock,))
        thread.start()
    finally:
        threading.setprofile(None)
    try:
        assert entered.wait(10)
        frame = sys._current_frames()[thread.ident or 0]
        while frame.f_code is not holds.__code__:
            assert frame.f_back is not None
            frame = frame.f_back
        threading.setprofile(profile)  # as it still is where a program has a profiler
        calls.variable(frame, "mine")
    finally:
        threading.setprofile(None)
        go_on.set()
        thread.join()
        sys.setprofile(None)  # else Python 3.12 and newer take the thread's for one that goes on
    assert left == [lock]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="`sys.monitoring` says whether there is one")
async def test_a_loop_in_a_thread_with_a_profile_function_is_noticed(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "profiled", False)
    started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    await asyncio.sleep(0.01)
    assert not calls.profiled
    sys.setprofile(lambda *_: None)
    try:
        await asyncio.sleep(0.02)
    finally:
        sys.setprofile(None)
    assert calls.profiled


def first_alone(first: threading.Lock, second: threading.Lock) -> Iterator[None]:
    second.acquire()
    first.acquire()
    second.release()
    yield


def suspended(generator: Any) -> FrameType:
    """The frame of a generator that a thread has begun which is not traced, as this one may be."""
    thread = threading.Thread(target=next, args=(generator,))
    thread.start()
    thread.join()
    frame: FrameType = generator.gi_frame
    return frame


def test_what_was_released_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, other = first_alone(threading.Lock(), threading.Lock()), standing(Desk(), Slotted())
    frame = suspended(generator)
    assert calls.inside(frame) == [("first",)]
    monkeypatch.setattr(calls, "_REMEMBERED_MAX", 1)  # what was read before is forgotten, and read again
    assert calls.inside(suspended(other)) == []
    assert calls.inside(frame) == [("first",)]
    monkeypatch.setattr(calls, "_CODE_BYTES_MAX", 1)
    monkeypatch.setattr(calls, "_insides", {})
    assert calls.inside(frame) == []  # the function is too long to be read
    generator.close()
    other.close()


def test_a_function_is_read_to_its_end_where_it_stands_there() -> None:
    def returns(lock: threading.Lock) -> FrameType:
        lock.acquire()
        return sys._getframe()

    assert calls.inside(returns(threading.Lock())) == [("lock",)]


def test_the_copy_of_the_variables_stays_where_somebody_else_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    first = threading.Lock()
    generator = first_alone(first, threading.Lock())
    frame = suspended(generator)
    kept = frame.f_locals
    assert calls.variable(frame, "first") is first
    assert kept["first"] is first
    monkeypatch.setattr(calls, "_SNAPSHOTS", False)  # as from 3.13 on
    assert calls.variable(frame, "first") is first
    generator.close()


def test_what_a_name_is_called() -> None:
    generator = first_alone(threading.Lock(), INSIDE)
    frame = suspended(generator)
    assert calls.named(frame, ("LOCK",)) == "LOCK"
    assert calls.named(frame, ("first",)) == "first"
    assert calls.named(frame, ("second",)) == "INSIDE"
    assert calls.named(frame, ("first", "inner")) == "first.inner"
    generator.close()
