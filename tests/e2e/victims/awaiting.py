"""Tasks that wait for each other: through gather, a TaskGroup where there is one, and in a ring."""

import asyncio
import os
import sys

ring = {}


async def leaf():
    await asyncio.sleep(60)


async def gathers():
    await asyncio.gather(*(asyncio.ensure_future(leaf()) for _ in range(4)))


async def groups():
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(leaf())


async def wait_for(other):
    await ring[other]


async def main():
    tasks = [asyncio.ensure_future(gathers())]
    if sys.version_info >= (3, 11):
        tasks.append(asyncio.ensure_future(groups()))
    for name, other in (("left", "right"), ("right", "left")):
        ring[name] = asyncio.get_running_loop().create_task(wait_for(other), name=name)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)  # asyncio would go round the ring when it cancels what is left


asyncio.run(main())
