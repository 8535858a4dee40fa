"""Where a loop spins in no code of the user's: the task that runs again and again, as far as one can be seen."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from lifesign.agent.stalls.callback import next_task
from lifesign.agent.stalls.spins import _Spin


async def turns(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


class Hostile:
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


def test_the_task_that_runs_or_that_is_to_run_next() -> None:
    asyncio.run(runs_or_is_to())


async def runs_or_is_to() -> None:
    loop = asyncio.get_running_loop()
    assert next_task(loop) is asyncio.current_task()
    ready: list[Any] = []
    other = SimpleNamespace(_ready=ready)
    assert next_task(other) is None
    ready.append(SimpleNamespace(_callback=print))
    assert next_task(other) is None
    task = asyncio.create_task(turns(2))
    handles: Any = loop._ready  # type: ignore[attr-defined]
    ready.extend(handles)
    assert next_task(other) is task
    ready[:] = [Hostile()]
    assert next_task(other) is None
    assert next_task(SimpleNamespace()) is None
    await task


def test_it_is_said_of_one_that_was_there_in_most_samples() -> None:
    asyncio.run(was_there())


async def was_there() -> None:
    kept, other = asyncio.create_task(turns(9), name="poller"), asyncio.create_task(turns(9))
    await asyncio.sleep(0)
    spin = _Spin(0)
    seen: Any = SimpleNamespace(place_key=None, place=None)
    for task in (kept, other, kept, None, object(), kept):
        spin.note(task)
        spin.seen.append(seen)
    assert spin.record(0)["next"] is None  # half of them
    spin.note(kept)
    found = spin.record(0)["next"]
    assert (found["task"], found["count"]) == ("poller", 4)
    assert (found["place"]["function"], found["place"]["file"]) == ("turns", __file__)
    spin.nexts.clear()
    spin.note(other)
    spin.nexts[id(other)] = 4
    await asyncio.wait([kept, other])
    del other, task
    assert spin.record(0)["next"] is None  # it is gone
