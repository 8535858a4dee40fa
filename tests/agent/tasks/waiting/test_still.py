"""Whether nothing that waits has moved: what a clock has moved does not count, and all else does."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from lifesign.agent.tasks import survey
from lifesign.agent.tasks.pace import Pace
from lifesign.agent.tasks.population import Population
from lifesign.agent.tasks.waiting.ages import Ages


class CancelScope:
    """As anyio's."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    def __enter__(self) -> None: ...

    def __exit__(self, *_: Any) -> None: ...


@pytest.mark.parametrize(("deadline", "is_still"), [(time.monotonic() + 3600, True), (float("inf"), False)])
async def test_a_scope_without_a_deadline_moves_nothing(
    deadline: float, is_still: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "STILL_SECONDS", 1e-9)  # a wait that was seen before is older
    loop, ages = asyncio.get_running_loop(), Ages()
    event = asyncio.Event()

    async def in_scope() -> None:
        with CancelScope(deadline):
            await event.wait()

    def look() -> None:
        seen.append(survey.Survey(Population(lambda: [loop]), Pace(lambda: None, 2), ages).still())

    seen: list[float | None] = []
    tasks = [asyncio.create_task(event.wait())]
    await asyncio.sleep(0)
    for task in (None, in_scope):
        if task is not None:
            tasks.append(asyncio.create_task(task()))
            await asyncio.sleep(0)
        loop.call_soon(look)
        await asyncio.sleep(0.001)  # this task has a clock too
    assert (seen[-1] is not None) is is_still
    event.set()
    await asyncio.gather(*tasks)
