"""A service that falls ill on request, with what watches it from inside. usage: shop.py ILLNESS [aiomonitor|sentry].

Says ``ready PID PORT``, the port of the loop's own answer to a liveness probe, or of aiomonitor's pages where that is
in it. A line on standard input starts the illness, whose wall clock it says first.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import ctypes
import os
import socket
import sys
import time
from typing import Any

try:
    import lifesign  # it is there where it watches
except ImportError:
    lifesign = None

LONG = 600
workers = concurrent.futures.ThreadPoolExecutor(2)
ledger, prices = asyncio.Lock(), asyncio.Lock()
orders = asyncio.Queue[dict[str, Any]](maxsize=10)
selling = True


def write_report() -> None:
    time.sleep(LONG)


def parse_order() -> None:
    ctypes.PyDLL(None).sleep(LONG)  # as a C extension that forgets to let go of the GIL


def fetch() -> None:
    time.sleep(LONG)


async def blocked() -> None:
    write_report()


async def frozen() -> None:
    parse_order()


async def refund() -> None:
    async with ledger:
        await asyncio.sleep(0.1)
        async with prices:
            pass


async def audit() -> None:
    async with prices:
        await asyncio.sleep(0.1)
        async with ledger:
            pass


async def deadlock() -> None:
    await asyncio.gather(refund(), audit())


async def consume() -> None:
    while True:
        order = await orders.get()
        order["price"]
        if lifesign is not None:
            lifesign.event("order")


async def consumer() -> None:
    while True:
        await orders.put({})


async def executor() -> None:
    loop = asyncio.get_running_loop()
    await asyncio.gather(*[loop.run_in_executor(workers, fetch) for _ in range(5)])


async def subscribe() -> None:
    await asyncio.Event().wait()


async def leak() -> None:
    kept = set()
    for _ in range(1000):
        kept |= {asyncio.create_task(subscribe()) for _ in range(50)}
        await asyncio.sleep(0.1)


async def sell() -> None:
    while selling:
        await orders.put({"price": 1})
        await asyncio.sleep(0.2)


async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"ok\n")
    writer.close()


def with_sentry() -> None:
    import sentry_sdk
    from sentry_sdk.integrations.asyncio import AsyncioIntegration

    def shown(event: Any, _: Any) -> None:
        error = event["exception"]["values"][-1]
        frame = error["stacktrace"]["frames"][-1]
        where = f"{frame['function']} ({frame['filename']}:{frame['lineno']})"
        print(f"{error['type']}: {error['value']} in {where}", file=sys.stderr, flush=True)

    sentry_sdk.init("http://key@127.0.0.1:9/1", integrations=[AsyncioIntegration()], before_send=shown)


def with_aiomonitor() -> tuple[Any, int]:
    import aiomonitor

    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        console, pages = one.getsockname()[1], other.getsockname()[1]
    loop = asyncio.get_running_loop()
    monitor = aiomonitor.start_monitor(
        loop, port=console, webui_port=pages, console_enabled=False, hook_task_factory=True
    )
    return monitor, pages


async def main() -> None:
    global selling
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if "sentry" in sys.argv:
        with_sentry()
    monitor, port = with_aiomonitor() if "aiomonitor" in sys.argv else (None, port)
    working = asyncio.create_task(consume()), asyncio.create_task(sell())
    reported = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, reported.set)
    print("ready", os.getpid(), port, flush=True)
    await reported.wait()
    asyncio.get_running_loop().remove_reader(0)
    illness = sys.argv[1]
    selling = illness == "leak"  # a leak is no reason to stop
    print(time.time_ns(), flush=True)
    await globals()[illness]()
    del server, monitor, working


asyncio.run(main())
