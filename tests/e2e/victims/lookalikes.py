"""A service that looks as if its tasks held each other up for good, and goes on, or could.

usage: lookalikes.py NAME [uvloop]

Its name is the way in which it looks so. It prints "ready", and works until it is killed.
"""

from __future__ import annotations

import asyncio
import importlib
import sys

from lookalike import SERVICES, begin, clocks, holders, threads  # noqa: F401 - each adds its services

if sys.argv[1:] == ["--list"]:
    print("\n".join(SERVICES))
else:
    print("ready", flush=True)
    if sys.argv[2:]:
        importlib.import_module(sys.argv[2]).install()
    asyncio.run(begin(SERVICES[sys.argv[1]]))
