"""A service that knows nothing of lifesign, with a loop in each of two threads, and takes commands on its stdin."""

import asyncio
import atexit
import contextlib
import gc
import json
import logging
import os
import signal
import sys
import threading
import time
import warnings

second = None


def state():
    """What an agent could leave behind in this process."""
    with open("/proc/self/maps") as file:
        mapped = [line.split(None, 5)[5] for line in file if "/pulse" in line or "/loops-" in line]
    with open("/proc/self/status") as file:
        signals = [line.split() for line in file if line.startswith(("SigCgt", "SigIgn", "SigBlk"))]
    import faulthandler

    return {
        "threads": len(os.listdir("/proc/self/task")),
        "descriptors": sorted(set(os.listdir("/proc/self/fd"))),
        "mapped": mapped,
        "signals": signals,
        "crash handler": faulthandler.is_enabled(),
        "path": sys.path,
        "meta path": [str(finder) for finder in sys.meta_path],
        "modules": sorted(name for name in sys.modules if name.partition(".")[0] not in sys.stdlib_module_names),
        "running loop": [repr(asyncio.events._set_running_loop), repr(asyncio._set_running_loop)],
        "timers": [len(loop._scheduled) for loop in (asyncio.get_running_loop(), second)],
        "task factories": [str(loop.get_task_factory()) for loop in (asyncio.get_running_loop(), second)],
        "at exit": atexit._ncallbacks(),
        "collector": [str(callback) for callback in gc.callbacks],
        "log filters": [str(one) for one in logging.getLogger("asyncio").filters],
        "loggers": sorted(name for name in logging.root.manager.loggerDict if name.startswith("lifesign")),
        "warnings": [id(warnings._warn_unawaited_coroutine), len(warnings.filters)],
        "hooks": [str(one) for one in (sys.excepthook, threading.excepthook, sys.gettrace(), sys.getprofile())],
        "handlers": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "environment": sorted(name for name in os.environ if name.startswith("LIFESIGN")),
    }


def obey(line):
    if line == "state":
        print(json.dumps(state()), flush=True)
    elif line == "spin":
        until = time.monotonic() + 60
        while time.monotonic() < until:
            pass
    elif line == "nap":
        time.sleep(3)
    elif line == "fork":
        child = os.fork()
        if child == 0:
            os._exit(0)
        print(os.waitpid(child, 0)[1], flush=True)


async def wait():
    await asyncio.Event().wait()


async def main():
    global second
    second = asyncio.new_event_loop()
    threading.Thread(target=lambda: second.run_until_complete(wait()), daemon=True).start()
    asyncio.get_running_loop().add_reader(0, lambda: obey(os.read(0, 100).decode().strip()))
    waiting = asyncio.create_task(wait(), name="waiting")
    print("up", flush=True)
    await waiting


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main())
