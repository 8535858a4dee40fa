"""How much is written of who stalls loops, and when."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lifesign.agent.stalls.culprits import CulpritCounts
from lifesign.agent.stalls.shares import Share
from lifesign.agent.stalls.stacks import SeenStack
from lifesign.agent.tasks.allowance import Allowance
from lifesign.wire.lane import LaneWriter, parse
from lifesign.wire.layout import CULPRITS_MAX, STACKS_MAX
from lifesign.wire.writer import PulseWriter

MS = 1_000_000


class Written:
    """The records in a ring."""

    def __init__(self, path: Path) -> None:
        self.pulse = PulseWriter(str(path), {}, 1 << 20)
        self.ring: LaneWriter = self.pulse.ring
        self._read = 0

    def new(self) -> list[dict[str, Any]]:
        raw = bytes(self.ring._bytes[64 + self._read : 64 + self.ring.written])
        found = parse(raw, self._read, 0, 1 << 20, 0)
        self._read = self.ring.written
        return [json.loads(one.payload) for one in found.records]


@pytest.fixture
def written(tmp_path: Path) -> Any:
    made = Written(tmp_path / "pulse")
    yield made
    made.pulse.close()


def share(function: str, milliseconds: int, *, depth: int = 1, line: int = 1, thread: str = "") -> Share:
    stack: Any = [
        {"function": f"{function}{n}" if n else function, "file": "/app/app.py", "line": line} for n in range(depth)
    ]
    made = Share("call", thread)
    made.add(
        milliseconds * MS, milliseconds * MS // 2, SeenStack(stack, stack[0], False, function, "Task-1", "main", None)
    )
    return made


def short(records: list[dict[str, Any]]) -> list[Any]:
    return [
        (one["place"]["function"], one["count"], one["total"] // MS)
        if one["kind"] == "stall_culprit"
        else [(each["id"], each["count"], each["total"] // MS) for each in one["culprits"]]
        for one in records
    ]


def test_a_culprit_is_written_at_once_and_then_ever_more_rarely(written: Written) -> None:
    counts = CulpritCounts(Allowance())
    counts.add([share("render", 300)], 0, 0)
    counts.write(written.ring, 100.0)
    assert short(written.new()) == [("render", 1, 300), [(1, 1, 300)]]
    counts.add([share("render", 100)], 0, 0)
    counts.write(written.ring, 101.0)
    assert short(written.new()) == []  # the totals come every five seconds
    counts.write(written.ring, 105.0)
    assert short(written.new()) == [[(1, 2, 400)]]
    counts.add([share("render", 100), share("parse", 200)], 0, 0)
    counts.write(written.ring, 109.0)
    assert short(written.new()) == [("parse", 1, 200)]  # it has not been ten seconds, for the other
    counts.write(written.ring, 110.5)
    assert short(written.new()) == [("render", 3, 500), [(1, 3, 500), (2, 1, 200)]]
    counts.write(written.ring, 999.0)
    assert short(written.new()) == []
    counts.add([share("parse", 10)], 0, 0)
    counts.write_all(written.ring)
    assert short(written.new()) == [("parse", 2, 210), [(1, 3, 500), (2, 2, 210)]]


def test_many_culprits_with_deep_stacks_stay_within_bounds(written: Written) -> None:
    counts = CulpritCounts(Allowance())
    for second in range(0, 60, 10):
        for number in range(CULPRITS_MAX + 10):
            counts.add([share(f"culprit_{number}_", 200, depth=40, line=second)], 7 * MS, 0)
        counts.write(written.ring, float(second))
    assert written.ring.written < 64 * 1024
    before = written.ring.written
    counts.write_all(written.ring)
    assert written.ring.written - before < 48 * 1024  # the smallest ring has 64 KiB
    *culprits, totals = written.new()
    assert len(totals["culprits"]) == CULPRITS_MAX
    assert (totals["others"], totals["others_total"]) == (60, (60 * 200 + 360 * 7) * MS)
    assert max(len(one["stacks"]) for one in culprits) == STACKS_MAX


def test_threads_of_one_kind_are_one_culprit_and_the_worst_stall_has_the_task(written: Written) -> None:
    counts = CulpritCounts(Allowance())
    counts.add([share("render", 300, thread="Thread-1")], 0, 0)
    counts.add([share("render", 500, thread="Thread-27")], 0, 3)
    counts.add([], 250 * MS, 3)
    counts.write(written.ring, 0.0)
    culprit, totals = written.new()
    assert (culprit["thread"], culprit["count"], culprit["worst"], culprit["loop"]) == ("Thread-1", 2, 500 * MS, 3)
    assert (culprit["task"], culprit["coroutine"], culprit["samples"]) == ("Task-1", "main", 2)
    assert (totals["others"], totals["others_total"]) == (1, 250 * MS)
