"""A service that does what each line on its standard input says: book, break, mend, block; its end ends it."""

from __future__ import annotations

import asyncio
import sys
import time

import lifesign

connected = True


@lifesign.postcondition("database", every=0.05)
def database() -> bool | tuple[bool, str]:
    return connected or (False, "refused by 10.0.0.7")


async def main() -> None:
    global connected
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := (await lines.readline()).decode().strip():
        if line == "book":
            lifesign.event("order")
        elif line == "block":
            time.sleep(3600)
        else:
            connected = line == "mend"


asyncio.run(main())
