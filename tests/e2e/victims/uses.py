"""Uses so much of everything, and says how much that is as the kernel sees it."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import threading
import time

FILES, THREADS, MEMORY, CPU_SECONDS, RINGS, COLLECTIONS = 50, 7, 64 << 20, 0.3, 1000, 3


def status(name: str) -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{name}:"))


async def main() -> None:
    ending = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, ending.set)
    for _ in range(FILES):
        os.open(os.devnull, os.O_RDONLY)
    over = threading.Event()
    threads = [threading.Thread(target=over.wait, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    kept = bytearray(os.urandom(1 << 20) * (MEMORY >> 20))
    until = time.thread_time() + CPU_SECONDS
    while time.thread_time() < until:
        pass
    for _ in range(COLLECTIONS):
        for _ in range(RINGS):
            ring: list[object] = []
            ring.append(ring)
        gc.collect()
    await asyncio.sleep(0.5)
    used = {
        "descriptors": len(os.listdir("/proc/self/fd")) - 1,  # but for the one that lists them
        "threads": status("Threads"),
        "memory": status("VmRSS") * 1024,
        "collections": [generation["collections"] for generation in gc.get_stats()],
        "pid": os.getpid(),
    }
    print(json.dumps(used), flush=True)
    await ending.wait()
    over.set()
    del kept


asyncio.run(main())
