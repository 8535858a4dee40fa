"""Tasks of ours leave nothing behind in the program's log."""

from __future__ import annotations

import asyncio
import gc
import warnings
from typing import Any

from lifesign.agent.tasks import own


def test_one_whose_loop_is_closed_before_it_begins_is_no_warning() -> None:
    kept: list[Any] = []

    async def check() -> None:
        kept.clear()

    async def main() -> None:
        kept.append(own.create(asyncio.get_running_loop(), check(), "lifesign-check"))  # refers to what refers to it
        asyncio.get_running_loop().stop()

    loop = asyncio.new_event_loop()
    main_task = loop.create_task(main())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        loop.run_forever()
        assert main_task.done()
        loop.close()
        kept.clear()
        gc.collect()
    assert [str(one.message) for one in said] == []
