"""A service with nothing to do. usage: idle.py [sdk]: with the in-process SDK, which exports every 5 s."""

from __future__ import annotations

import asyncio
import sys

if "sdk" in sys.argv:
    import in_process_sdk

    tracing, logging, metering = in_process_sdk.over_http(5.0)
    metering.get_meter("app").create_counter("events").add(1)

asyncio.run(asyncio.sleep(86400))
