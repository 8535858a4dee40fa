"""What is sent without being asked for: changed rows, a beat, a verdict, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from lifesign.serve import feed as feed_module
from lifesign.serve.board import SPARK_S, Board
from lifesign.serve.feed import Feed
from support.made.boards import snapshot
from support.waiting import in_time

STEP = 0.001


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def following(events: AsyncIterator[bytes]) -> list[tuple[str, Any]]:
    """The next that is sent."""
    found = []
    for event in (await in_time(events.__anext__())).decode().strip().split("\n\n"):
        name, data = event.split("\n")
        found.append((name.removeprefix("event: "), msgspec.json.decode(data.removeprefix("data: "))))
    return found


async def test_at_first_everything_is_sent_and_then_only_what_changes() -> None:
    board = Board(Clock())
    board.update([snapshot("1-a"), snapshot("2-b")])
    events = Feed(board, lambda: 1.5, lambda: ("exporting",)).events(STEP)
    (rows, first), (beat, still) = await following(events)
    assert (rows, beat) == ("rows", "beat")
    assert (first["schema"], first["at"], first["whole"], first["gone"]) == (1, 1500, True, [])
    assert [row["key"] for row in first["rows"]] == ["1-a", "2-b"]
    assert first["verdict"]["word"] == "healthy"
    assert (still["age"], still["sidecar"]) == (0.0, ["exporting"])
    board.update([snapshot("1-a"), snapshot("2-b", "silent")])
    ((_, second),) = await following(events)
    assert (second["whole"], [row["key"] for row in second["rows"]]) == (False, ["2-b"])
    assert second["verdict"]["word"] == "silent"


async def test_a_beat_has_a_character_for_each_sparkline_and_the_numbers_that_changed() -> None:
    clock = Clock()
    board = Board(clock)
    seen = [snapshot("1-a", tasks=7), snapshot("2-b", new_delays=(0.5,))]
    board.update(seen)
    events = Feed(board, lambda: 1.0, tuple).events(STEP)
    await following(events)
    clock.now += SPARK_S
    board.update(seen)
    ((name, beat),) = await following(events)
    assert (name, beat["bars"], beat["tasks"]) == ("beat", "29", [[1, 7], [2, 4]])


async def test_a_client_hears_that_we_are_still_there_and_how_old_the_newest_poll_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_module, "BEAT_S", STEP)
    clock = Clock()
    board = Board(clock)
    board.update([])
    events = Feed(board, lambda: 1.0, tuple).events(STEP)
    await following(events)
    clock.now += 8.04
    assert await following(events) == [("beat", {"at": 1000, "age": 8.0})]


async def test_two_hundred_healthy_processes_cost_less_than_a_kilobyte_a_second() -> None:
    clock = Clock()
    board = Board(clock)
    seen = [snapshot(f"{number}-a") for number in range(200)]
    board.update(seen)
    events = Feed(board, lambda: 1.0, tuple).events(STEP)
    await events.__anext__()
    for tasks in (5, 6):  # the numbers of tasks of all of them change each time, which is the worst case
        clock.now += SPARK_S
        board.update([snapshot(f"{number}-a", tasks=tasks) for number in range(200)])
        assert len(await events.__anext__()) < 2_000 * SPARK_S / 2 + 400


async def test_what_nobody_looks_at_is_sent_the_verdict_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(Clock())
    board.update([snapshot()])
    events = Feed(board, lambda: 1.0, tuple).verdicts(STEP)
    ((name, first),) = await following(events)
    assert (name, first["verdict"]["word"], "rows" in first) == ("verdict", "healthy", False)
    board.update([snapshot(conditions=("busy",))])
    waiting = asyncio.ensure_future(following(events))
    await asyncio.sleep(5 * STEP)
    assert not waiting.done(), "a row has changed, the verdict has not"
    board.update([snapshot(state="blocked")])
    assert (await waiting)[0][1]["verdict"]["word"] == "blocked"
    monkeypatch.setattr(feed_module, "HIDDEN_BEAT_S", STEP)
    assert (await following(events))[0][1]["verdict"]["word"] == "blocked", "it says that it is there"


async def test_a_big_event_is_followed_by_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(feed_module.asyncio, "sleep", sleep)
    monkeypatch.setattr(feed_module, "BYTES_PER_SECOND", 100)
    board = Board(Clock())
    board.update([snapshot(why="x" * 200)])
    events = Feed(board, lambda: 1.0, tuple).events()
    size = len(await events.__anext__())
    board.update([snapshot()])
    await events.__anext__()
    assert pauses == [size / 100]
    assert size > 400
    assert feed_module.INTERVAL_S == 0.25, "four events a second at most"
