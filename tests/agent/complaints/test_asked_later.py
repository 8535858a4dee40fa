"""A task whose end somebody waits for together with others did not die: it will be asked when they have ended."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Callable

import pytest

from lifesign.agent import lifecycle
from lifesign.agent.complaints import deaths


async def fails() -> None:
    for _ in range(2):
        await asyncio.sleep(0)
    raise ValueError("no price")


def look() -> None:
    agent = lifecycle.peek()
    assert agent is not None
    for _ in range(3):
        agent.complaints.beat(agent.pulse.ring)


@pytest.mark.parametrize("together", ["gather", "wait", "in turn", "as completed", "nothing"])
async def test_who_waits_for_others_too_will_ask_then(
    together: str, started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound, value in (("GRACE_SECONDS", 0.0), ("_ROUND_SECONDS", 0.0), ("_PRICE", 0)):
        monkeypatch.setattr(deaths, bound, value)
    pulse = started()
    last = asyncio.get_running_loop().create_future()
    first = asyncio.get_running_loop().create_future()
    first.set_result(None)
    task = asyncio.create_task(fails())

    async def all_of_them() -> None:
        if together == "gather":
            await asyncio.gather(task, last, return_exceptions=True)
        elif together == "wait":
            await asyncio.wait([task, last])
            assert task.exception() is not None
        elif together == "in turn":
            for one in [last, task]:
                with contextlib.suppress(ValueError):
                    await one
        elif together == "as completed":
            for one in asyncio.as_completed([asyncio.ensure_future(first), task]):
                with contextlib.suppress(ValueError):
                    await one
                    await last
        else:
            await last

    waits = asyncio.create_task(all_of_them())
    look()  # from 3.14 on only tasks that run can be listed
    for _ in range(10):
        await asyncio.sleep(0)
    look()
    last.set_result(None)
    await waits
    look()
    assert len(pulse.ring("task_died")) == (together == "nothing")
