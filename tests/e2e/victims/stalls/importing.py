"""Imports a package in the middle of its work: by itself, and as a plugin that an installed package loads.

The folder of packages is its only argument.
"""

from __future__ import annotations

import asyncio
import importlib
import sys

sys.path.insert(0, sys.argv[1])
plugins = importlib.import_module("plugins")


def load_report() -> None:
    import reports  # noqa: F401


async def main() -> None:
    await asyncio.sleep(0.2)
    load_report()
    await asyncio.sleep(0.3)
    asyncio.get_running_loop().call_soon(plugins.load, "charts")
    await asyncio.sleep(1.0)


asyncio.run(main())
