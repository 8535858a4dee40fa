"""What tasks wait for in the end: clocks, answers, peers, futures; and which tasks others wait for."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Any

import pytest

from lifesign.agent.tasks import dump as dump_module
from lifesign.agent.tasks import survey as survey_module
from lifesign.agent.tasks.dump import Tasks
from support.made.surveys import Desk, Records, dumped, running

PENDING: dict[int, asyncio.Future[None]] = {}


def new_future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


async def sleeps() -> None:
    await asyncio.sleep(3600)


async def in_time() -> None:
    await asyncio.wait_for(asyncio.Event().wait(), 77)


async def lost() -> None:
    future = new_future()
    await future


async def kept() -> None:
    future = PENDING[1] = new_future()
    await future


async def timed() -> None:
    future = new_future()
    asyncio.get_running_loop().call_later(60, future.cancel)
    await future


async def for_ever() -> None:
    await new_future()


async def job() -> None:
    await asyncio.get_running_loop().run_in_executor(None, PENDING.clear)


async def test_a_sleep_and_a_timeout_say_how_long_is_left() -> None:
    async with running(sleeps(), in_time(), for_ever()):
        dump = await dumped()
    left = {name: dump.group(name)["time_left"] for name in ("sleeps", "in_time", "for_ever")}
    assert left["for_ever"] is None
    assert 3500 < left["sleeps"] <= 3600
    assert 70 < left["in_time"] <= 77
    assert dump.group("sleeps")["waits_for"] == "sleep"


async def test_a_future_that_nothing_else_refers_to_is_lost() -> None:
    async with running(lost(), kept(), timed(), for_ever()):
        dump = await dumped()
    assert {name: dump.group(name)["waits_for"] for name in ("lost", "kept", "timed", "for_ever")} == {
        "lost": "Future (nothing else refers to it)",
        "kept": "Future PENDING[...]",
        "timed": "Future",
        "for_ever": "Future",  # it was never meant to end: nobody could have resolved it
    }


async def test_a_connection_that_waits_for_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def no_answer(*_: Any, **__: Any) -> Any:
        answered.wait(10)
        raise OSError("no such name")

    async def connect() -> None:
        await asyncio.open_connection("shop.example", 80)

    monkeypatch.setattr(socket, "getaddrinfo", no_answer)
    try:
        async with running(connect()):
            dump = await dumped()
    finally:
        answered.set()
    assert dump.group("connect")["waits_for"] == "DNS lookup"


async def test_a_peer_is_named_by_its_port_and_not_by_its_address() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await reader.read()

    async def ask(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(writer):
            await reader.readline()

    async def ask_plainly(ours: socket.socket) -> None:
        with ours:  # which keeps nobody waiting
            await asyncio.get_running_loop().sock_recv(ours, 100)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as mute, socket.create_connection(mute.getsockname()) as ours:
        ours.setblocking(False)
        async with running(ask(port), ask_plainly(ours)):
            for _ in range(20):
                await asyncio.sleep(0.001)
            dump = await dumped()
        server.close()
        for _ in range(5):
            await asyncio.sleep(0.001)  # until the other end has seen it
        waits = {name: dump.group(name)["waits_for"] for name in ("ask", "ask_plainly", "serve")}
        assert waits == {
            "ask": f"StreamReader (server at port {port})",
            "ask_plainly": f"socket (server at port {mute.getsockname()[1]})",
            "serve": "StreamReader (a client)",
        }


async def test_a_barrier_and_the_end_of_a_queue_are_not_what_they_are_made_of() -> None:
    desk = Desk()
    desk.full.put_nowait(1)

    async def join() -> None:
        await desk.full.join()

    async with running(join()):
        dump = await dumped()
    assert dump.group("join")["waits_for"] == (
        "the end of all in Queue Desk.full (0 taken and not marked by task_done(), 1 in it, 0 wait for an item)"
    )
    if not hasattr(asyncio, "Barrier"):
        return
    barrier = asyncio.Barrier(3)

    async def meet() -> None:
        await barrier.wait()

    async with running(meet(), meet()):
        dump = await dumped()
    assert dump.group("meet")["waits_for"].endswith("(2 of 3 there)")


async def test_who_waits_for_whom_in_wait_and_in_a_group() -> None:
    async def slowest() -> None:
        await asyncio.sleep(60)

    async def waits() -> None:
        await asyncio.wait({asyncio.ensure_future(slowest())})

    async def gathers() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(slowest())

    parents = [waits, gathers] if hasattr(asyncio, "TaskGroup") else [waits]
    async with running(*(parent() for parent in parents)):
        dump = await dumped()
    child = dump.group("slowest")["index"]
    for parent in parents:
        assert dump.group(parent.__name__)["awaits"] == [{"group": child, "count": 1}]


async def test_who_waits_behind_a_shield() -> None:
    async def slowest() -> None:
        await asyncio.sleep(60)

    async def shields() -> None:
        await asyncio.shield(asyncio.create_task(slowest(), name="slowest"))

    async def twice() -> None:
        await asyncio.shield(asyncio.shield(asyncio.gather(slowest(), slowest())))

    async def in_time() -> None:
        await asyncio.wait_for(asyncio.shield(slowest()), 60)

    parents = (shields, twice, in_time)
    async with running(*(parent() for parent in parents)):
        dump = await dumped()
    child = dump.group("slowest")["index"]
    awaits = [dump.group(parent.__name__)["awaits"] for parent in parents]
    assert awaits == [[{"group": child, "count": number}] for number in (1, 2, 1)]
    assert dump.group("shields")["waits_for"] == "a shield around task slowest"
    assert dump.group("twice")["waits_for"] == "a shield around gather"


async def test_a_shield_hides_no_deadlock() -> None:
    tasks: list[asyncio.Task[None]] = []

    async def awaits(other: int) -> None:
        await asyncio.sleep(0)
        await asyncio.shield(tasks[other])

    async def holds() -> None:
        tasks.extend(asyncio.create_task(awaits(1 - number), name=f"t{number}") for number in range(2))
        await asyncio.sleep(60)

    async with running(holds()):
        dump = await dumped()
    assert [sorted(cycle) for cycle in dump.summary["cycles"]] == [["t0", "t1"]]
    for task in tasks:
        task.cancel()


async def test_the_task_that_the_loop_runs_for() -> None:
    async def main() -> Records:
        async with running(for_ever()):
            return await dumped()

    dump = await asyncio.to_thread(asyncio.run, main())
    assert dump.group("main")["keeps_the_loop"]
    assert not dump.group("for_ever")["keeps_the_loop"]


async def searched(tasks: Tasks) -> str:
    return await asyncio.to_thread(tasks.search, lambda: None)


async def test_a_service_in_which_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump_module, "SEARCH_SECONDS", 0.0)
    monkeypatch.setattr(dump_module, "SEARCH_PRICE", 0)
    monkeypatch.setattr(survey_module, "STILL_SECONDS", 0.0)
    loop, desk = asyncio.get_running_loop(), Desk()
    tasks = Tasks(lambda: [loop])
    me: Any = asyncio.current_task()
    monkeypatch.setattr("lifesign.agent.tasks.own.ids", lambda: {id(me)})  # it runs, while the others stand still

    async def hold() -> None:
        async with desk.ledger:
            await desk.news.wait()

    async with running(desk.take(), desk.hear(), sleeps()):
        await asyncio.sleep(0)
        assert await searched(tasks) == ""  # it is idle
    async with running(hold(), desk.write()):
        await asyncio.sleep(0)
        assert await searched(tasks) == "no progress"
        assert await searched(tasks) == ""
        monkeypatch.setattr(survey_module, "STILL_SECONDS", 60.0)
        assert await searched(tasks) == "no progress"  # not any more


PACKAGE = """
import asyncio
async def serve():
    async with asyncio.TaskGroup() as tasks:
        await asyncio.Event().wait()
"""


async def test_a_package_that_works_inside_of_its_task_group_does_not_wait_for_it() -> None:
    if not hasattr(asyncio, "TaskGroup"):
        return
    package: dict[str, Any] = {}
    exec(compile(PACKAGE, "/x/site-packages/package.py", "exec"), package)  # it lies where packages lie
    async with running(package["serve"]()):
        dump = await dumped()
    assert dump.group("serve")["waits_for"] == "Event (not set)"
