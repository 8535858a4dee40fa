"""Programs that do something and end: ``once.py NAME``."""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import sys
import time
from typing import Any


def double(number: int) -> int:
    """Work of a child, in a loop of its own."""

    async def run() -> int:
        await asyncio.sleep(0.05)
        return 2 * number

    return asyncio.run(run())


def wait_for_ever() -> None:
    asyncio.run(asyncio.sleep(3600))


def pool_spawn() -> None:
    """Leaving a pool ends its workers by SIGTERM."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(double, range(8)))
        time.sleep(1.0)


def pool_fork() -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(double, range(8)))
        time.sleep(1.0)


def pool_forkserver() -> None:
    with multiprocessing.get_context("forkserver").Pool(2) as pool:
        print(pool.map(double, range(8)))
        time.sleep(1.0)


def executor() -> None:
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        print(list(pool.map(double, range(8))))
        time.sleep(1.0)


def terminated() -> None:
    child = multiprocessing.get_context("spawn").Process(target=wait_for_ever)
    child.start()
    time.sleep(2.0)
    child.terminate()
    child.join()
    print(child.exitcode)


def joblib() -> None:
    from joblib import Parallel, delayed

    print(Parallel(n_jobs=2)(delayed(double)(number) for number in range(8)))


def many_loops() -> None:
    for number in range(50):
        double(number)
    print("done")


def no_time() -> None:
    asyncio.run(asyncio.sleep(0.01))
    sys.exit(0)


def interrupted_child() -> None:
    """A program that is begun and ended by another asyncio program."""

    async def run() -> None:
        child = await asyncio.create_subprocess_exec(sys.executable, __file__, "no_time")
        print(await child.wait())
        shell = await asyncio.create_subprocess_shell("exit 3")
        print(await shell.wait())

    asyncio.run(run())


def textual() -> None:
    from textual.app import App

    class Shop(App[int]):
        def on_mount(self) -> None:
            self.set_timer(1.0, lambda: self.exit(0))

    print(Shop().run(headless=True))


def prompt_toolkit() -> None:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.input import create_pipe_input
    from prompt_toolkit.output import DummyOutput

    async def ask() -> None:
        with create_pipe_input() as keys:
            session: Any = PromptSession(input=keys, output=DummyOutput())
            for line in ("one", "two"):
                asyncio.get_running_loop().call_later(0.3, keys.send_text, line + "\n")
                print(await session.prompt_async("> "))

    asyncio.run(ask())


def kernel() -> None:
    """A Jupyter kernel that computes, raises, and is shut down."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    client.execute_interactive("import asyncio; await asyncio.sleep(0.2); print(6 * 7)")
    client.execute_interactive("1 / 0", output_hook=lambda message: print(message["msg_type"]))
    time.sleep(0.5)
    client.stop_channels()
    manager.shutdown_kernel()


def dask() -> None:
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        print(client.gather(client.map(lambda number: 2 * number, range(8))))


def trio() -> None:
    import trio

    trio.run(trio.sleep, 0.2)
    print("done")


if __name__ == "__main__":
    globals()[sys.argv[1]]()
