"""What tasks wait for, who holds it, and what the user's code calls it: real tasks on real primitives."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import AsyncIterator

import pytest

from lifesign.agent.tasks import creation, survey
from support.made.surveys import Desk, dumped, running


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


@pytest.mark.parametrize("most", [2000, 5])
async def test_who_is_not_looked_at_is_counted_as_those_who_are(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(survey, "LOOKS_MAX", most)
    monkeypatch.setattr(creation, "tracked", False)  # with their ages they are looked at one by one
    queue: asyncio.Queue[int] = asyncio.Queue()

    async def handle(first: bool) -> None:
        if first:
            await queue.get()
        await queue.get()

    async with running(*(handle(number % 2 == 0) for number in range(1000))):
        dump = await dumped()
    groups = [group for group in dump.groups if group["stack"][0]["function"].endswith("handle")]
    assert sum(group["count"] for group in groups) == 1000
    assert all(group["states"] == {"waiting": group["count"]} for group in groups)
    assert all(len(group["names"]) == 5 for group in groups)
    read = sum(group["looked"] for group in groups)
    if most == 5:
        assert read <= 5
    for group in groups if most > 5 else ():
        assert abs(group["count"] - 1000 * group["looked"] / read) < 2


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
