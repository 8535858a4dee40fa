"""A service that falls ill on request, and answers a liveness probe from its loop. usage: ill.py ILLNESS.

Says ``ready PID PORT``; a line on standard input starts the illness, whose wall clock it says first.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import time

LONG = 600
ILLNESSES = {
    "time.sleep": lambda: time.sleep(LONG),
    "a C call holds the GIL": lambda: ctypes.PyDLL(None).sleep(LONG),
    "SIGSTOP": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"ok\n")
    writer.close()


async def main() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    reported = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, reported.set)
    print("ready", os.getpid(), server.sockets[0].getsockname()[1], flush=True)
    await reported.wait()
    print(time.time_ns(), flush=True)
    ILLNESSES[sys.argv[1]]()


asyncio.run(main())
