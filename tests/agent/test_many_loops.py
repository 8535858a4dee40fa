"""More event loops than a pulse has room for: files beside it, and beyond the bound a number that shows."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, Callable

import pytest

from lifesign.agent import lifecycle
from lifesign.wire import layout
from support.waiting import eventually

FAST = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.003"}


def test_there_is_room_for_more_loops_once_it_is_needed(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)
    agent = lifecycle.peek()
    assert agent is not None
    assert [agent.slots.take() for _ in range(8)] == list(range(8))
    assert [file.name for file in Path(agent.folder).glob("loops*")] == []
    for slot in range(8):  # as if eight loops had begun
        agent.pulse.loops[slot].begin(layout.LOOP_ENDED, slot, 1, 1)
        agent.pulse.loops[slot].write(1, 1, 1, 0)

    async def three_beats() -> None:
        while (pulse.reader.vitals().loops[8:] or (None,))[0] is None or pulse.reader.vitals().loops[8].beats < 3:
            await asyncio.sleep(0.003)

    asyncio.run(three_beats())
    assert [file.name for file in Path(agent.folder).glob("loops*")] == ["loops-1"]
    vitals = pulse.reader.vitals()
    ninth = vitals.loops[8]
    assert ninth is not None
    assert (ninth.slot, ninth.state, ninth.beats >= 3) == (8, layout.LOOP_ENDED, True)
    assert (len(vitals.loops), [signs for signs in vitals.loops[9:] if signs is not None]) == (39, [])
    assert len(vitals.delays[8]) == 512


def test_loops_beyond_the_bound_are_counted_and_watched_when_there_is_room(
    started: Callable[..., Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "LOOPS_FILES", ())
    pulse = started(**FAST)
    agent = lifecycle.peek()
    assert agent is not None
    taken = [agent.slots.take() for _ in range(7)]
    go_on = threading.Event()

    async def until_asked() -> None:
        while not go_on.is_set():
            await asyncio.sleep(0.01)

    async def main() -> None:
        thread = threading.Thread(target=asyncio.run, args=(until_asked(),))
        thread.start()
        await asyncio.to_thread(eventually, lambda: agent.slots.unwatched == 1)
        await asyncio.to_thread(eventually, lambda: pulse.reader.vitals().watchdog.unwatched == 1)
        others.append(thread)

    others: list[threading.Thread] = []
    asyncio.run(main())
    assert "more than 8 event loops at once: 1 go unwatched" in caplog.text
    eventually(lambda: pulse.reader.vitals().watchdog.unwatched == 0)
    eventually(
        lambda: len([one for one in pulse.reader.vitals().loops if one and one.state == layout.LOOP_RUNNING]) == 1
    )
    go_on.set()
    others[0].join()
    assert agent.slots.unwatched == 0
    assert taken == list(range(7))


def test_a_volume_that_is_full_leaves_them_unwatched(
    started: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    started()
    agent = lifecycle.peek()
    assert agent is not None
    Path(agent.folder, "loops-1").touch()  # it cannot be made
    for _ in range(8):
        agent.slots.take()
    asyncio.run(asyncio.sleep(0))
    assert "there is no room for more event loops" in caplog.text
