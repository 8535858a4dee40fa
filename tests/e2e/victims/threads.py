"""A service whose threads have one thing wrong with them, or what looks so and is not. usage: threads.py NAME

It counts the event "order" ten times, and then whenever it gets anywhere.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import lifesign


class Desk:
    """What the threads share."""

    def __init__(self) -> None:
        self.ledger = threading.RLock()
        self.prices = threading.RLock()
        self.stock = threading.Lock()
        self.orders: queue.Queue[int] = queue.Queue()
        self.rows = ThreadPoolExecutor(2, thread_name_prefix="rows")

    def keep(self, lock: Any, seconds: float) -> None:
        with lock:
            time.sleep(seconds)  # keeps it

    def keep_on(self, lock: Any) -> None:
        while True:
            self.keep(lock, 0.0005)

    def transfer(self, first: Any, second: Any) -> None:
        while True:
            with first:
                time.sleep(0.02)
                with second:  # one after the other
                    lifesign.event("order")

    def load(self) -> None:
        time.sleep(600)  # loads

    def load_soon(self) -> None:
        time.sleep(0.05)

    def asks_the_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()  # asks the loop


DESK = Desk()


def thread(name: str, function: Callable[..., Any], *arguments: Any) -> None:
    threading.Thread(target=function, args=arguments, name=name, daemon=True).start()


async def lock_of_another() -> None:
    thread("clerk", DESK.keep, DESK.stock, 600)
    await asyncio.sleep(0.5)
    with DESK.stock:  # the loop waits
        lifesign.event("order")


async def rlock_of_another() -> None:
    thread("clerk", DESK.keep, DESK.ledger, 600)
    await asyncio.sleep(0.5)
    DESK.ledger.acquire()  # the loop waits for an RLock


async def lock_for_a_moment() -> None:
    while True:
        thread("clerk", DESK.keep, DESK.stock, 0.05)
        await asyncio.sleep(0.01)
        with DESK.stock:
            lifesign.event("order")


async def contended() -> None:
    async def work() -> None:
        while True:
            with DESK.stock:
                lifesign.event("order")
            await asyncio.get_running_loop().run_in_executor(DESK.rows, DESK.keep, DESK.stock, 0.0005)

    def ask() -> None:
        loop = asyncio.get_running_loop()
        thread("asking", lambda: [DESK.asks_the_loop(loop) for _ in range(1_000_000)])

    ask()
    for number in range(3):
        thread(f"transfer-{number}", DESK.keep_on, DESK.stock)
    await asyncio.gather(*(work() for _ in range(6)))


async def held_by_a_task() -> None:
    async def hold() -> None:
        with DESK.stock:
            await asyncio.sleep(600)  # over an await

    holding = asyncio.create_task(hold(), name="holding")
    await asyncio.sleep(0.5)
    with DESK.stock:  # that its own task holds
        holding.cancel()


async def own_result() -> None:
    await asyncio.sleep(0.5)
    loop = asyncio.get_running_loop()
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()  # of its own loop


async def job_that_asks_the_loop() -> None:
    await asyncio.sleep(0.5)
    DESK.rows.submit(DESK.asks_the_loop, asyncio.get_running_loop()).result()  # the job


async def slow_job() -> None:
    await asyncio.sleep(0.5)
    DESK.rows.submit(DESK.load).result()  # a slow job


async def empty_queue() -> None:
    await asyncio.sleep(0.5)
    DESK.orders.get()  # an order


async def two_orders() -> None:
    thread("first", DESK.transfer, DESK.ledger, DESK.prices)
    thread("second", DESK.transfer, DESK.prices, DESK.ledger)
    await asyncio.sleep(600)


async def one_order() -> None:
    thread("first", DESK.transfer, DESK.ledger, DESK.prices)
    thread("second", DESK.transfer, DESK.ledger, DESK.prices)
    await asyncio.sleep(600)


async def full() -> None:
    async def handle() -> None:
        await asyncio.get_running_loop().run_in_executor(None, DESK.load)  # waits for a thread

    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(3))
    await asyncio.gather(*(handle() for _ in range(8)))


async def full_of_c() -> None:
    async def handle() -> None:
        await asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)

    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(3))
    await asyncio.gather(*(handle() for _ in range(8)))


async def imported_elsewhere() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "slow_to_import.py").write_text("import time; time.sleep(600)")
        sys.path.insert(0, folder)
        thread("loader", __import__, "slow_to_import")
        await asyncio.sleep(0.5)
        __import__("slow_to_import")  # what a thread imports


async def tries_first() -> None:
    thread("clerk", DESK.keep, DESK.stock, 600)
    await asyncio.sleep(0.5)
    if not DESK.stock.acquire(blocking=False):
        DESK.stock.acquire()  # the second time


async def stopped_loop() -> None:
    worker = asyncio.new_event_loop()
    thread("serial", worker.run_forever)
    worker.call_soon_threadsafe(worker.stop)
    await asyncio.sleep(0.5)
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asyncio.sleep(0), worker))  # nobody runs it


async def other_loop() -> None:
    worker = asyncio.new_event_loop()
    thread("serial", worker.run_forever)
    waiting = asyncio.run_coroutine_threadsafe(asyncio.sleep(600), worker)
    thread("asking", waiting.result)
    asking = asyncio.create_task(asyncio.wait([asyncio.wrap_future(waiting)]))
    while not asking.done():
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01), worker))
        lifesign.event("order")


async def nested_jobs() -> None:
    def outer() -> None:
        DESK.rows.submit(DESK.load_soon).result()  # behind itself

    await asyncio.gather(*(asyncio.get_running_loop().run_in_executor(DESK.rows, outer) for _ in range(4)))


async def busy() -> None:
    async def handle() -> None:
        while True:
            await asyncio.get_running_loop().run_in_executor(None, DESK.load_soon)
            lifesign.event("order")

    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(3))
    await asyncio.gather(*(handle() for _ in range(8)))


async def main(name: str) -> None:
    for _ in range(10):
        lifesign.event("order")
    print("ready", flush=True)
    # A task of its own: what it enters is in the frame of the task's coroutine, also while it runs.
    await asyncio.create_task(globals()[name.replace("-", "_")]())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
    os._exit(0)
