"""A service that knows nothing of lifesign; it is the first process of a container.

usage: service.py END [ILLNESS]

END is what SIGTERM does: nothing (deaf: no handler), ends it (ends), ends it after 8 s of synchronous work (cleans),
or is heard and not obeyed (stays). SIGUSR1 makes it ill: memory, blocks, deadlock, crash. A service that has it
`falls silent` says of each unit of its work that it is done, until then.
"""

import asyncio
import os
import signal
import sys
import time

END, ILLNESS = (*sys.argv[1:], "none")[:2]
taken = []


def fall_ill(loop):
    if ILLNESS == "memory":
        while True:
            taken.append(b"x" * (1 << 20))
    elif ILLNESS == "blocks":
        ask_the_printer()
    elif ILLNESS == "crash":
        os._exit(3)
    elif ILLNESS == "deadlock":
        first, second = asyncio.Lock(), asyncio.Lock()
        taken.extend([loop.create_task(book(first, second)), loop.create_task(book(second, first))])
    taken.append("ill")


def ask_the_printer():
    time.sleep(600)


async def book(mine, other):
    async with mine:
        await asyncio.sleep(0.1)
        async with other:
            pass


async def work():
    import lifesign

    while not taken:
        lifesign.event("tick")
        await asyncio.sleep(0.2)


async def main():
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, fall_ill, loop)
    if END != "deaf":
        loop.add_signal_handler(signal.SIGTERM, (lambda: None) if END == "stays" else end.set)
    if ILLNESS == "silence":
        taken_by = loop.create_task(work())
        assert taken_by
    print("open", flush=True)
    await end.wait()
    if END == "cleans":
        time.sleep(8)


if __name__ == "__main__":
    asyncio.run(main())
