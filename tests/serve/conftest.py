from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from support.made.client import Stage, serving


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    """A real server; tests that use it run on the module's loop."""
    stage = Stage()
    async with serving(stage) as stage.port:
        yield stage
