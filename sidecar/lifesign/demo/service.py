"""An order desk: orders come in, workers price and book them. It boots, works and fails as real services do."""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Coroutine

import lifesign

WORKERS = 3
CONNECTIONS = 4  # to the broker, that all workers share
PRINTERS = 2
QUEUE_SIZE = 100
LEAK = 1000  # tasks
STANDSTILL_S = 5.0  # how long the loop stops
SHORT_STALL_S = 0.4  # of computing, for which it stops again and again
SHORT_STALLS_APART_S = 0.8


class OrderDesk:
    """The service.

    Args:
        pace: seconds between two orders.
        seed: of the stream of orders.
    """

    def __init__(self, pace: float = 0.2, seed: int = 7) -> None:
        self.booked = 0
        self.broker_answers = True
        self.takes_orders = True
        self._pace = pace
        self._random = random.Random(seed)  # noqa: S311 - orders, not secrets
        self._prices: dict[str, float] = {}
        self._queue: asyncio.Queue[tuple[int, str]] = asyncio.Queue(QUEUE_SIZE)
        self._ledger = asyncio.Lock()
        self._price_list = asyncio.Lock()
        self._connections = asyncio.BoundedSemaphore(CONNECTIONS)
        self._printers = ThreadPoolExecutor(PRINTERS, thread_name_prefix="printer")
        self._report_sent = asyncio.Event()
        self._paper = threading.Event()
        self._paper.set()
        self._service: list[asyncio.Task[None]] = []
        self._workers: list[asyncio.Task[None]] = []
        self._ill: list[asyncio.Task[None]] = []

    async def boot(self) -> None:
        """Come up in visible steps, about seven times `pace` long."""
        await asyncio.sleep(self._pace)
        lifesign.checkpoint("config loaded")
        async with lifesign.checkpoint("prices loaded"):
            await self._load_prices()
        async with lifesign.checkpoint("broker connected"):
            await asyncio.sleep(3 * self._pace)
        self._promise()
        self._start("producer", self._take_orders())
        self._start_workers()
        lifesign.dry_run_handler(self._handle_synthetic)
        lifesign.checkpoint("workers started")

    async def close(self) -> None:
        """End all tasks and threads."""
        self._paper.set()
        self._printers.shutdown(wait=False)
        tasks = self._service + self._workers + self._ill
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- the failures --------------------------------------------------------------------------

    def block(self) -> None:
        """A synchronous call in a coroutine: the event loop is blocked, threads continue."""
        self._infect("blocking-report", self._write_report())

    def hold_gil(self) -> None:
        """A C call that keeps the GIL: no Python runs at all."""
        self._infect("native-checksum", self._checksum())

    def stall(self) -> None:
        """A synchronous call that is short, and made again and again: orders only take longer."""
        self._infect("catalogue", self._publish_catalogue())

    def spin(self) -> None:
        """A task that asks again and again without a pause: the event loop turns all the time."""
        self._infect("impatient", self._wait_for_news())

    def leak(self) -> None:
        """Tasks that wait forever."""
        for number in range(LEAK):
            self._infect(f"confirmation-{number}", self._await_confirmation())

    def deadlock(self) -> None:
        """Two tasks that take two locks in opposite order; the workers queue up behind them."""
        self._infect("settlement", self._settle())
        self._infect("audit", self._audit())

    def use_up_pool(self) -> None:
        """Reports that take a connection each and do not give it back."""
        for number in range(CONNECTIONS):
            self._infect(f"report-{number}", self._report())

    def kill_consumers(self) -> None:
        """An order that makes its worker fail, for each of them: nobody takes orders from the queue any more."""
        for number in range(WORKERS):
            self._infect(f"odd-order-{number}", self._queue.put((-number, "a product without a price")))

    def fill_executor(self) -> None:
        """The printers are out of paper: each of their threads waits, and so does every order behind them."""
        self._paper.clear()

    def fail_postcondition(self) -> None:
        """The broker stops answering; orders go on."""
        self.broker_answers = False

    def silence(self) -> None:
        """No more orders, and nothing else is wrong."""
        self.takes_orders = False

    async def recover(self) -> None:
        """Undo every failure that can be undone."""
        self.broker_answers = self.takes_orders = True
        self._paper.set()
        ill, self._ill = self._ill, []
        for task in ill:
            task.cancel()
        failed = [worker for worker in self._workers if worker.done()]
        await asyncio.gather(*ill, *failed, return_exceptions=True)
        self._start_workers()

    # --- the work --------------------------------------------------------------------------------

    async def _load_prices(self) -> None:
        for product in ("tea", "coffee", "cocoa"):
            await asyncio.sleep(self._pace)
            self._prices[product] = round(self._random.uniform(2, 9), 2)

    def _promise(self) -> None:
        @lifesign.postcondition("broker connected", timeout=2.0, every=5.0)
        async def broker_connected() -> tuple[bool, str]:
            await asyncio.sleep(0)
            return self.broker_answers, "" if self.broker_answers else "the broker closed the session"

        @lifesign.postcondition("queue drains", timeout=2.0, every=5.0, critical=False)
        def queue_drains() -> tuple[bool, str]:
            waiting = self._queue.qsize()
            return waiting < QUEUE_SIZE // 2, f"{waiting} orders wait" if waiting >= QUEUE_SIZE // 2 else ""

    async def _take_orders(self) -> None:
        for number in itertools.count(1):
            await asyncio.sleep(self._pace * self._random.uniform(0.5, 1.5))
            if self.takes_orders:
                await self._queue.put((number, self._random.choice(list(self._prices))))

    async def _work(self) -> None:
        while True:
            number, product = await self._queue.get()
            price = await self._price(product)
            await self._book(number, price)
            lifesign.event("order")

    async def _price(self, product: str) -> float:
        await asyncio.sleep(self._pace / 10)
        return self._prices[product]

    async def _book(self, number: int, price: float) -> None:
        async with self._ledger:
            async with self._connections:
                await asyncio.sleep(self._pace / 20)
            self.booked += 1
        await asyncio.get_running_loop().run_in_executor(self._printers, self._print_receipt)

    def _print_receipt(self) -> None:
        self._paper.wait()

    async def _handle_synthetic(self, event: dict[str, Any]) -> None:
        # Straight to the ledger: what goes through the queue is worked on by others, and the tag stays behind.
        async with self._ledger:
            await asyncio.sleep(self._pace / 20)
        lifesign.event(event["type"])

    # --- the illnesses -----------------------------------------------------------------------------

    async def _write_report(self) -> None:
        time.sleep(STANDSTILL_S)  # noqa: ASYNC251 - this is the mistake

    async def _checksum(self) -> None:
        # poll(2) of nothing is a pause; PyDLL, unlike CDLL, keeps the GIL meanwhile.
        ctypes.PyDLL(None).poll(None, 0, int(STANDSTILL_S * 1000))

    async def _publish_catalogue(self) -> None:
        while True:
            await asyncio.sleep(SHORT_STALLS_APART_S)
            self._render_catalogue()

    def _render_catalogue(self) -> None:
        until = time.thread_time() + SHORT_STALL_S
        while time.thread_time() < until:
            json.dumps([self._prices] * 1000)

    async def _wait_for_news(self) -> None:
        while not self._report_sent.is_set():  # which nobody sets
            await asyncio.sleep(0)

    async def _await_confirmation(self) -> None:
        await asyncio.Event().wait()

    async def _report(self) -> None:
        async with self._connections:
            await self._report_sent.wait()

    async def _settle(self) -> None:
        async with self._ledger:
            await asyncio.sleep(self._pace)
            async with self._price_list:
                pass

    async def _audit(self) -> None:
        async with self._price_list:
            await asyncio.sleep(self._pace)
            async with self._ledger:
                pass

    def _start_workers(self) -> None:
        """As many as there should be; those that failed are replaced."""
        at_work = {worker.get_name(): worker for worker in self._workers if not worker.done()}
        names = [f"worker-{number}" for number in range(1, WORKERS + 1)]
        self._workers = [at_work.get(name) or asyncio.create_task(self._work(), name=name) for name in names]

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._service.append(asyncio.create_task(work, name=name))

    def _infect(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._ill.append(asyncio.create_task(work, name=name))
