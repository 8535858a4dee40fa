"""What asyncio complains of, tasks that died, and those that only look so."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import warnings
from typing import Any, AsyncIterator, Awaitable, Callable

import pytest

from lifesign.agent import lifecycle
from lifesign.agent.complaints import counted, deaths
from lifesign.agent.tasks import own, population

Started = Callable[..., Any]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deaths, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(deaths, "_ROUND_SECONDS", 0.0)
    monkeypatch.setattr(deaths, "_PRICE", 0)


def look() -> None:
    """As the watchdog does at its beats."""
    agent = lifecycle.peek()
    assert agent is not None
    for _ in range(3):
        agent.complaints.beat(agent.pulse.ring)


async def fails(text: str = "no price") -> None:
    await asyncio.sleep(0)
    raise ValueError(text)  # the place


LINE = fails.__code__.co_firstlineno + 2


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_task_that_nobody_refers_to_any_more(started: Started) -> None:
    pulse = started()
    task = asyncio.create_task(fails(), name="consumer")
    await turn()
    del task
    gc.collect()
    look()
    (died,) = pulse.ring("task_died")
    assert (died["task"], died["function"], died["count"], died["referenced"]) == ("consumer", "fails", 1, False)
    assert (died["place"]["file"], died["place"]["line"]) == (__file__, LINE)
    assert (died["error"]["type"], died["error"]["message"]) == ("ValueError", "no price")
    assert pulse.ring("asyncio_complaint") == []


@pytest.mark.parametrize("by_loop", [population._KNOWN_BY_LOOP, True], ids=["here", "from 3.14 on"])
async def test_a_task_that_is_still_referred_to_is_reported_once(
    by_loop: bool, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(population, "_KNOWN_BY_LOOP", by_loop)
    pulse = started()
    look()
    task = asyncio.create_task(fails(), name="consumer")
    look()  # from 3.14 on only tasks that run can be listed
    await turn()
    look()
    look()
    (died,) = pulse.ring("task_died")
    assert (died["task"], died["function"], died["referenced"]) == ("consumer", "fails", True)
    assert (died["place"]["file"], died["place"]["line"]) == (__file__, LINE)
    del task
    gc.collect()
    look()
    lifecycle.stop()  # what asyncio complains of then is not another one
    assert [one["count"] for one in pulse.ring("task_died")] == [1]


@pytest.mark.parametrize("bound", [0, 1])
async def test_as_from_3_14_on_so_many_running_tasks_are_remembered(
    bound: int, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(population, "_KNOWN_BY_LOOP", True)
    monkeypatch.setattr(deaths, "_KNOWN_MAX", bound)
    monkeypatch.setattr(deaths, "_REPORTED_MAX", 0)
    pulse = started()
    task = asyncio.create_task(fails())
    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "all_tasks", lambda _loop: [] if task.done() else [task])
        look()
        await turn()
        look()
    assert len(pulse.ring("task_died")) == bound


async def test_who_asks_for_the_exception_in_time_says_that_nobody_died(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deaths, "GRACE_SECONDS", 60.0)
    pulse = started()
    task = asyncio.create_task(fails())
    await turn()
    look()
    assert isinstance(task.exception(), ValueError)
    monkeypatch.setattr(deaths, "GRACE_SECONDS", 0.0)
    look()
    assert pulse.ring("task_died") == []


async def test_a_death_is_of_when_it_was_found_and_not_of_when_it_is_certain(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse = started()
    look()
    task = asyncio.create_task(fails())
    look()
    await turn()
    monkeypatch.setattr(deaths, "GRACE_SECONDS", 0.05)
    look()
    found = time.time_ns()
    await asyncio.sleep(0.06)
    look()
    (died,) = pulse.ring("task_died")
    assert died["at"] <= found
    del task


async def awaited() -> None:
    with pytest.raises(ValueError, match="no price"):
        await asyncio.create_task(fails())


async def gathered() -> None:
    await asyncio.gather(fails(), fails(), return_exceptions=True)


async def asked_for_in_a_callback() -> None:
    asyncio.create_task(fails()).add_done_callback(lambda task: task.exception())
    await turn()


async def cancelled() -> None:
    task = asyncio.create_task(asyncio.sleep(60))
    await turn()
    task.cancel()
    await turn()


async def exhausted() -> None:
    async def three() -> AsyncIterator[int]:
        yield 3

    iterator = three().__aiter__()
    for _ in range(2):
        task = asyncio.ensure_future(iterator.__anext__())
        await asyncio.wait([task])
    del task


async def one_of_ours() -> None:
    own.create(asyncio.get_running_loop(), fails(), "lifesign-check")
    await turn()


@pytest.mark.parametrize("look_alike", [awaited, gathered, asked_for_in_a_callback, cancelled, exhausted, one_of_ours])
async def test_what_is_no_death(look_alike: Callable[[], Awaitable[None]], started: Started) -> None:
    pulse = started()
    await look_alike()
    look()
    gc.collect()
    lifecycle.stop()
    assert pulse.ring("task_died") == []


async def test_many_of_one_kind_are_one_record_and_a_count(started: Started) -> None:
    pulse = started()
    for number in range(50):
        task = asyncio.create_task(fails(f"order {number}"))
        await turn()
        del task
        gc.collect(0)
        look()
    assert [one["count"] for one in pulse.ring("task_died")] == [1]
    lifecycle.stop()
    assert [one["count"] for one in pulse.ring("task_died")] == [1, 50]
    assert pulse.ring("task_died")[1]["error"]["message"] == "order 1"


async def test_no_flood_of_kinds_gets_through(started: Started) -> None:
    pulse = started()
    for number in range(2 * counted.GROUPS_MAX):
        logging.getLogger("asyncio").error("kind " + chr(200 + number))
    look()
    assert len(pulse.ring("asyncio_complaint")) == counted.RECORDS_MAX


async def test_a_callback_that_raises_without_its_arguments(started: Started) -> None:
    pulse = started()

    def callback(secret: str) -> None:
        raise KeyError("a")

    asyncio.get_running_loop().call_soon(callback, "hunter2")
    await turn()
    look()
    (complaint,) = pulse.ring("asyncio_complaint")
    assert complaint["text"].startswith("Exception in callback test_a_callback_that_raises")
    assert "hunter2" not in str(complaint)
    assert (complaint["place"]["function"].rpartition(".")[2], complaint["error"]["type"]) == ("callback", "KeyError")


async def test_slow_callbacks_are_one_kind_whatever_they_took(started: Started) -> None:
    pulse = started()
    for seconds in (0.15, 0.25):
        logging.getLogger("asyncio").warning(
            "Executing %s took %.3f seconds",
            "<Task pending name='Task-2' coro=<handle() running at /srv/app.py:9> wait_for=<Future pending>>",
            seconds,
        )
    lifecycle.stop()
    (complaint,) = pulse.ring("asyncio_complaint")
    assert (complaint["text"], complaint["count"]) == ("Executing handle took 0.150 seconds", 2)
    assert complaint["place"] == {"function": "handle", "file": "/srv/app.py", "line": 9}


async def test_what_is_no_complaint_and_what_is_ours(started: Started) -> None:
    pulse = started()
    logger = logging.getLogger("asyncio")
    logger.setLevel(logging.DEBUG)
    logger.debug("Using selector: %s", "EpollSelector")
    logger.warning(
        "Executing %s took %.3f seconds", f"<TimerHandle when=7.1 LoopBeat._beat() at {lifecycle.__file__}:70>", 0.2
    )
    lifecycle.stop()
    logger.setLevel(logging.NOTSET)
    assert pulse.ring("asyncio_complaint") == []


async def test_odd_records_harm_nobody(started: Started) -> None:
    pulse = started()
    logger = logging.getLogger("asyncio")
    logger.addFilter(lambda record: False)
    try:
        for message, arguments in ((object(), ()), ("%d", ("x",)), ("%s %s", ("one",)), (b"bytes", ()), ("", ())):
            record = logger.makeRecord("asyncio", logging.ERROR, "", 0, message, arguments, (None, None, None))
            logger.handle(record)
        logger.handle(logger.makeRecord("asyncio", logging.ERROR, "", 0, "%(a)s", ({"a": 1},), None))
    finally:
        del logger.filters[-1]
    lifecycle.stop()
    assert len(pulse.ring("asyncio_complaint")) == 6
    assert pulse.ring("agent_warning") == []


async def never() -> None: ...


def dropped() -> None:
    never()  # type: ignore[unused-coroutine]


async def test_a_coroutine_that_was_never_awaited_and_the_line_that_dropped_it(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warnings, "_warn_unawaited_coroutine", warnings._warn_unawaited_coroutine)
    pulse = started()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        dropped()
    (warning,) = seen
    assert (warning.filename, warning.lineno) == (__file__, dropped.__code__.co_firstlineno + 1)
    assert str(warning.message) == "coroutine 'never' was never awaited"
    lifecycle.stop()
    (complaint,) = pulse.ring("asyncio_complaint")
    assert complaint["text"] == "coroutine 'never' was never awaited"
    assert (complaint["place"]["function"], complaint["place"]["line"]) == ("dropped", warning.lineno)


async def test_none_is_noted_once_the_agent_has_ended(started: Started) -> None:
    pulse = started()
    filters = list(logging.getLogger("asyncio").filters)
    lifecycle.stop()
    logging.getLogger("asyncio").error("too late")
    assert pulse.ring("asyncio_complaint") == []
    assert len(logging.getLogger("asyncio").filters) == len(filters) - 1
