"""A service with nothing to do. usage: idle.py [sdk | timer].

With the in-process SDK, which exports every 5 s, or with a timer of asyncio that does nothing, ten times a second.
"""

from __future__ import annotations

import asyncio
import sys

if "sdk" in sys.argv:
    import in_process_sdk

    tracing, logging, metering = in_process_sdk.over_http(5.0)
    metering.get_meter("app").create_counter("events").add(1)


def turn(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_later(0.1, turn, loop)


async def main() -> None:
    if "timer" in sys.argv:
        turn(asyncio.get_running_loop())
    await asyncio.sleep(86400)


asyncio.run(main())
