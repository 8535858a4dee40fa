"""What tasks wait for, who holds it, and what the user's code calls it: real tasks on real primitives."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any, AsyncIterator, Callable, Coroutine

import pytest

from lifesign.agent.tasks import dump as dump_module
from lifesign.agent.tasks.dump import Tasks

LOCKS: dict[str, asyncio.Lock] = {}


class Records:
    """A dump of the running loop, in memory."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def append(self, record: Any) -> None:
        self.all.append(record)

    @property
    def summary(self) -> Any:
        return next(record for record in self.all if record["kind"] == "task_dump")

    def group(self, function: str) -> Any:
        return next(
            one for one in self.groups if function in [frame["function"].split(".")[-1] for frame in one["stack"]]
        )

    @property
    def groups(self) -> list[Any]:
        return [record for record in self.all if record["kind"] == "task_group"]

    @property
    def primitives(self) -> list[Any]:
        return [record for record in self.all if record["kind"] == "task_primitive"]

    def primitive(self, name: str) -> Any:
        return next(one for one in self.primitives if one["name"] == name)


async def dumped() -> Records:
    loop, records = asyncio.get_running_loop(), Records()
    for _ in range(3):
        await asyncio.sleep(0)  # whoever is to wait does so now
    tasks = Tasks(lambda: [loop])
    await asyncio.to_thread(tasks.dump, records, "call", 0, lambda: None, whole=True)  # type: ignore[arg-type]
    return records


@contextlib.asynccontextmanager
async def running(*coroutines: Coroutine[Any, Any, Any]) -> AsyncIterator[list[asyncio.Task[Any]]]:
    tasks = [asyncio.create_task(one, name=one.__name__) for one in coroutines]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def lines_of(function: Callable[..., Any]) -> range:
    """The lines of a function that is defined in this file."""
    code = function.__code__
    return range(code.co_firstlineno, code.co_firstlineno + 20)


class Desk:
    """The user's object that keeps primitives."""

    def __init__(self) -> None:
        self.ledger = asyncio.Lock()
        self.full: asyncio.Queue[int] = asyncio.Queue(1)
        self.empty: asyncio.Queue[int] = asyncio.Queue()
        self.seats = asyncio.BoundedSemaphore(2)
        self.news = asyncio.Event()
        self.changed = asyncio.Condition()

    async def take(self) -> None:
        await self.empty.get()

    async def put(self) -> None:
        await self.full.put(2)

    async def sit(self) -> None:
        async with self.seats:
            await asyncio.sleep(60)

    async def hear(self) -> None:
        await self.news.wait()

    async def notice(self) -> None:
        async with self.changed:
            await self.changed.wait()

    async def write(self) -> None:
        async with self.ledger:
            await asyncio.sleep(60)


async def test_the_primitive_its_state_and_what_the_code_calls_it() -> None:
    desk = Desk()
    desk.full.put_nowait(1)
    async with running(desk.take(), desk.put(), desk.hear(), desk.notice(), desk.sit(), desk.sit(), desk.sit()):
        dump = await dumped()
    waits = {name: dump.group(name)["waits_for"] for name in ("take", "put", "hear", "notice")}
    assert waits == {
        "take": "an item from Queue Desk.empty (empty)",
        "put": "room in Queue Desk.full (full, 1 of 1)",
        "hear": "Event Desk.news (not set)",
        "notice": "Condition Desk.changed (1 waiting for a notification)",
    }
    seats = dump.primitive("Desk.seats")
    assert (seats["type"], seats["state"], seats["how"], seats["held"]) == ("Semaphore", "0 of 2 free", "acquire", 2)
    assert [holder["task"] for holder in seats["holders"]] == ["sit", "sit"]
    assert sum(waiting["count"] for waiting in seats["waiting"]) == 1


async def test_two_waits_in_one_function_are_two_groups() -> None:
    first: asyncio.Queue[int] = asyncio.Queue()
    second: asyncio.Queue[int] = asyncio.Queue()

    async def handle(skip: bool) -> None:
        if not skip:
            await first.get()
        await second.get()

    async with running(*(handle(skip) for skip in (True, True, True, False, False))):
        dump = await dumped()
    groups = [group for group in dump.groups if group["stack"][0]["function"].endswith("handle")]
    assert [(group["count"], group["looked"]) for group in groups] == [(3, 3), (2, 2)]
    assert groups[0]["stack"][0]["line"] - groups[1]["stack"][0]["line"] == 1


async def test_of_many_tasks_some_are_looked_at_and_stand_for_the_others() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()

    async def handle() -> None:
        await queue.get()

    async with running(*(handle() for _ in range(1000))):
        dump = await dumped()
    group = dump.group("handle")
    assert group["count"] == 1000
    assert 100 <= group["looked"] < 500


async def test_the_holder_of_a_lock_and_not_who_is_only_coming_in() -> None:
    desk = Desk()
    async with running(desk.write(), desk.write()):
        dump = await dumped()
    ledger = dump.primitive("Desk.ledger")
    assert (ledger["type"], ledger["state"], ledger["held"]) == ("Lock", "locked", 1)
    (holder,) = ledger["holders"]
    assert holder["place"]["function"].endswith("write")
    assert holder["place"]["line"] == Desk.write.__code__.co_firstlineno + 2
    assert [waiting["count"] for waiting in ledger["waiting"]] == [1]
    assert dump.summary["rings"] == []


async def test_a_lock_that_was_acquired_by_hand_has_no_holder_that_is_known() -> None:
    desk = Desk()

    async def by_hand() -> None:
        await desk.ledger.acquire()
        await asyncio.sleep(60)

    async with running(by_hand(), desk.write()):
        dump = await dumped()
    assert [(one["holders"], one["held"]) for one in dump.primitives if one["type"] == "Lock"] == [([], 1)]


async def test_a_lock_behind_a_context_manager_of_ones_own() -> None:
    desk = Desk()

    @contextlib.asynccontextmanager
    async def locked() -> AsyncIterator[None]:
        async with desk.ledger:
            yield

    async def user() -> None:
        async with locked():
            await asyncio.sleep(60)

    async with running(user(), desk.write()):
        dump = await dumped()
    (holder,) = dump.primitive("Desk.ledger")["holders"]
    assert holder["task"] == "user"


async def test_a_suspended_generator_holds_what_it_is_inside_of() -> None:
    desk, kept = Desk(), []

    async def stream() -> AsyncIterator[int]:
        async with desk.ledger:
            yield 1

    async def half() -> None:
        kept.append(stream())
        async for _ in kept[0]:
            break

    await half()
    async with running(desk.write()):
        dump = await dumped()
    await kept[0].aclose()
    (holder,) = dump.primitive("Desk.ledger")["holders"]
    assert (holder["task"], holder["place"]["function"].split(".")[-1]) == (None, "stream")


async def test_a_threads_lock_that_is_held_over_an_await_is_seen_where_a_task_holds_it() -> None:
    lock, news = threading.Lock(), asyncio.Event()

    async def careless() -> None:
        with lock:
            await news.wait()

    async with running(careless()):
        dump = await dumped()
    assert dump.group("careless")["waits_for"] == "Event (not set)"


async def transfer(first: str, second: str) -> None:
    async with LOCKS[first]:
        await asyncio.sleep(0)
        async with LOCKS[second]:
            await asyncio.sleep(60)


async def test_two_locks_in_two_orders_are_a_deadlock_and_who_queues_behind_is_not_in_it() -> None:
    LOCKS.update(a=asyncio.Lock(), b=asyncio.Lock())
    async with running(transfer("a", "b"), transfer("b", "a"), transfer("a", "b"), transfer("a", "b")):
        dump = await dumped()
    (ring,) = dump.summary["rings"]
    assert len(ring) == 2
    assert {step["at"]["line"] for step in ring} == {transfer.__code__.co_firstlineno + 3}
    assert {step["primitive"] for step in ring} == {0, 1}
    assert [len(cycle) for cycle in dump.summary["cycles"]] == [2]
    assert {one["name"] for one in dump.primitives if one["index"] in (0, 1)} == {"LOCKS[...]"}


async def test_two_locks_in_one_order_are_none() -> None:
    LOCKS.update(a=asyncio.Lock(), b=asyncio.Lock())
    async with running(transfer("a", "b"), transfer("a", "b"), transfer("a", "b")):
        dump = await dumped()
    assert dump.summary["rings"] == []


@pytest.mark.parametrize("around", ["wait_for", "timeout"])
async def test_a_deadlock_that_a_timeout_will_end_is_none(around: str) -> None:
    LOCKS.update(a=asyncio.Lock(), b=asyncio.Lock())

    async def in_time() -> None:
        if around == "wait_for":
            await asyncio.wait_for(transfer("b", "a"), 60)
        else:
            async with asyncio.timeout(60):
                await transfer("b", "a")

    async with running(transfer("a", "b"), in_time()):
        dump = await dumped()
    assert dump.summary["rings"] == []


async def test_a_nested_acquire_uses_a_semaphore_up() -> None:
    seats = asyncio.BoundedSemaphore(2)

    async def nested() -> None:
        async with seats:
            await asyncio.sleep(0)
            async with seats:
                pass

    async with running(nested(), nested(), nested()):
        dump = await dumped()
    (ring,) = dump.summary["rings"]
    assert len(ring) in (1, 2)
    assert all(step["primitive"] is not None for step in ring)


async def test_for_how_long_a_task_has_been_in_its_wait() -> None:
    desk, loop = Desk(), asyncio.get_running_loop()
    tasks = Tasks(lambda: [loop])

    async def dump() -> Records:
        records = Records()
        await asyncio.to_thread(tasks.dump, records, "call", 0, lambda: None, whole=True)  # type: ignore[arg-type]
        return records

    async def moves() -> None:
        while True:
            await asyncio.sleep(0.001)

    async with running(desk.hear(), moves()):
        await asyncio.sleep(0)
        first = await dump()
        await asyncio.sleep(0.05)
        second = await dump()
    assert first.group("hear")["waited_most"] == 0
    assert second.group("hear")["waited_most"] >= 0.05
    assert second.group("hear")["waited_most"] == second.group("hear")["waited_least"]
    assert second.group("moves")["waited_most"] == 0  # another wait each time


async def test_a_deadlock_is_searched_for_without_being_asked_and_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump_module, "SEARCH_SECONDS", 0.0)
    monkeypatch.setattr(dump_module, "SEARCH_SHARE", 1e9)
    LOCKS.update(a=asyncio.Lock(), b=asyncio.Lock())
    loop = asyncio.get_running_loop()
    tasks = Tasks(lambda: [loop])

    async def searched() -> bool:
        return await asyncio.to_thread(tasks.found_deadlock, lambda: None)

    assert not await searched()
    async with running(transfer("a", "b"), transfer("b", "a")):
        for _ in range(3):
            await asyncio.sleep(0)
        assert await searched()
        assert not await searched()
    assert await searched()  # it is over, and that is news too
    assert not await searched()


async def test_there_is_no_search_in_a_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump_module, "SEARCH_SECONDS", 0.0)
    monkeypatch.setattr(dump_module, "SEARCH_TASKS_MAX", 3)
    LOCKS.update(a=asyncio.Lock(), b=asyncio.Lock())
    loop = asyncio.get_running_loop()
    async with running(transfer("a", "b"), transfer("b", "a"), Desk().hear(), Desk().hear()):
        for _ in range(3):
            await asyncio.sleep(0)
        assert not await asyncio.to_thread(Tasks(lambda: [loop]).found_deadlock, lambda: None)
