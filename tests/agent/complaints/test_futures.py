"""Jobs that failed, and whose future nobody has: noted; those whose future somebody has, or waits for, are not."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor, as_completed, wait
from typing import Any, Iterator

import pytest

from lifesign.agent.complaints import futures
from support.noted import Noted
from support.waiting import eventually


class TooLateError(Exception):
    """What a handler raises, to end whatever it interrupts."""


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Noted]:
    monkeypatch.setattr(Future, "set_exception", Future.set_exception)
    monkeypatch.setattr(futures, "AT_ONCE_SECONDS", {futures.EXECUTOR: 60.0, futures.LOOP: 60.0})
    futures.forget()
    found = Noted()
    futures.observe(found)
    yield found
    futures.rest()


def fails(error: BaseException | None = None, after: threading.Event | None = None) -> None:
    if after is not None:
        after.wait()
    raise error or KeyError("price")


def test_a_job_whose_future_nobody_has_is_noted_with_its_thread(noted: Noted) -> None:
    go_on = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="mail") as pool:
        pool.submit(fails, None, go_on)
        go_on.set()
    (record,) = noted.records
    assert (record["handed"], record["task"], record["function"]) == ("executor", "mail_0", "fails")
    assert (record["error"]["type"], record["place"]["file"], record["referenced"]) == ("KeyError", __file__, False)


def test_one_that_somebody_has_or_waits_for_is_not(noted: Noted) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def fails_later() -> None:
        entered.set()
        go_on.wait()
        fails()

    with ThreadPoolExecutor(2) as pool:
        kept = [pool.submit(fails), pool.submit(fails), pool.submit(fails)]
        wait(kept)
        assert isinstance(kept.pop().exception(), KeyError)
        with pytest.raises(KeyError):
            kept.pop().result()
        del kept[:]
        pool.submit(fails_later).add_done_callback(lambda _: None)
        entered.wait()
        asks = threading.Thread(target=lambda: [one.exception() for one in as_completed([pool.submit(fails_later)])])
        asks.start()
        go_on.set()
        asks.join()
        with pytest.raises(KeyError):
            pool.submit(fails).result()
        pool.submit(fails, SystemExit())
        pool.submit(fails, CancelledError())
        over = ThreadPoolExecutor(1)
        over.shutdown()
        pool.submit(over.submit, fails)  # the program ends
    assert noted.records == []


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_coroutine_that_a_thread_has_handed_to_the_loop(keeps: bool, noted: Noted) -> None:
    loop, kept, go_on = asyncio.get_running_loop(), [], asyncio.Event()

    async def store() -> None:
        await go_on.wait()
        fails()

    def hands_over() -> None:
        future = asyncio.run_coroutine_threadsafe(store(), loop)
        if keeps:
            kept.append(future)

    await loop.run_in_executor(None, hands_over)
    go_on.set()
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    kept.clear()
    assert [(one["handed"], one["task"], one["function"].rpartition(".")[2]) for one in noted.records] == (
        [] if keeps else [("loop", "", "store")]
    )


async def test_one_that_a_task_awaits_is_not_noted(noted: Noted) -> None:
    loop, go_on = asyncio.get_running_loop(), asyncio.Event()
    with pytest.raises(KeyError):
        await loop.run_in_executor(None, fails)

    async def store() -> None:
        await go_on.wait()
        fails()

    def hands_over() -> Future[None]:
        return asyncio.run_coroutine_threadsafe(store(), loop)

    handed_over = asyncio.wrap_future(await loop.run_in_executor(None, hands_over))
    go_on.set()
    with pytest.raises(KeyError):
        await handed_over
    assert noted.records == []


async def test_one_that_an_executor_without_threads_has_run_is_awaited(noted: Noted) -> None:
    class InPlace(Executor):
        def submit(self, function: Any, /, *args: Any, **options: Any) -> Future[Any]:
            made: list[Future[Any]] = [Future()]  # no frame of the traceback refers to it itself
            try:
                function(*args)
            except KeyError as error:
                made[0].set_exception(error)
            return made.pop()

    with pytest.raises(KeyError):
        await asyncio.get_running_loop().run_in_executor(InPlace(), fails)
    assert noted.records == []


def test_one_that_a_thread_has_kept_for_itself_is_let_go_of_where_there_is_no_frame(
    noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    own = threading.local()

    def keeps() -> None:
        own.kept = Future[None]()
        own.kept.set_exception(KeyError("price"))

    thread = threading.Thread(target=keeps)
    thread.start()
    thread.join()
    eventually(lambda: not futures._failed)
    assert (noted.records, unraisable) == ([], [])


@pytest.mark.parametrize("error", [KeyboardInterrupt, TooLateError])
def test_what_a_signal_handler_raises_is_the_programs_and_who_waits_is_told(
    error: type[BaseException], noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise error

    monkeypatch.setattr(futures, "is_death", interrupted)
    before = signal.signal(signal.SIGUSR2, interrupted)
    future: Future[None] = Future()
    try:
        with pytest.raises(error):
            future.set_exception(KeyError("price"))
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert isinstance(future.exception(timeout=0), KeyError)


def test_what_somebody_keeps_is_held_for_a_moment_only(noted: Noted, monkeypatch: pytest.MonkeyPatch) -> None:
    def held() -> int:
        return len(futures._failed)

    kept = []
    for _ in range(futures.KEPT_MAX + 10):
        kept.append(Future[None]())
        kept[-1].set_exception(KeyError("price"))
    assert held() == futures.KEPT_MAX
    futures.let_go()
    assert held() == futures.KEPT_MAX
    monkeypatch.setattr(futures, "AT_ONCE_SECONDS", {futures.EXECUTOR: -1.0})
    futures.let_go()
    assert held() == 0
    del kept[:]
    futures.let_go()
    assert noted.records == []


def test_one_that_was_let_go_of_late_is_not_noted(noted: Noted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(futures, "AT_ONCE_SECONDS", {futures.EXECUTOR: -1.0})
    go_on = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(fails, None, go_on)
        go_on.set()
    assert noted.records == []


def test_one_that_cannot_be_looked_at_or_noted_costs_the_program_nothing(
    noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    future: Future[None] = Future()
    del future._waiters  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        future.set_exception(KeyError())  # as without us
    monkeypatch.setattr(futures, "died", None)
    go_on = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(fails, None, go_on)
        go_on.set()
        pool.submit(time.sleep, 0).result()
    assert noted.records == []


def test_what_was_put_in_its_place_is_put_back_unless_somebody_else_has_done_so(
    noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours: Any = Future.set_exception
    futures.observe(noted)
    assert Future.set_exception is ours
    futures.forget()
    assert Future.set_exception is ours.lifesign_original
    monkeypatch.setattr(Future, "set_exception", fails)
    futures.forget()
    assert Future.set_exception is fails
