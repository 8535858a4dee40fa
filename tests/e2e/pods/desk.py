"""A service that knows nothing of lifesign: SIGUSR1 makes it take memory, SIGUSR2 blocks its event loop.

It has no handler for SIGTERM. As the first process of its container it does not die of that either.
"""

import asyncio
import signal
import time

taken = []


def take_memory() -> None:
    while True:
        taken.append(b"x" * (1 << 20))


def ask_the_printer() -> None:
    time.sleep(600)


async def main() -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, take_memory)
    loop.add_signal_handler(signal.SIGUSR2, ask_the_printer)
    print("open", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
