"""For how long a loop's thread was ready and got no processor, as its samples are read: in milliseconds, by hand."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lifesign.agent.slots import Beating
from lifesign.agent.stalls.kernel import ThreadTime
from lifesign.agent.stalls.stacks import NOTHING
from lifesign.agent.stalls.underway import Underway

MS = 1_000_000
SLEEPS = ("S", 0)
READY = ("R", 0)

# The reading before the stall, as its time and what was queued by then; the samples, each with its time, what was used
# of the processor and what was queued; the same at the end. And what each sample says: used and queued. The thread
# sleeps at each sample where the name does not say that it is ready.
ROWS: list[tuple[str, Any, list[tuple[int, int, int]], tuple[int, int, int], list[tuple[int, int | None]]]] = [
    ("it computes", (0, 70), [(100, 90, 70), (200, 190, 70)], (220, 210, 70), [(90, 0), (120, 0)]),
    ("it waits for a processor", (0, 0), [(100, 10, 90), (200, 20, 180)], (200, 20, 180), [(10, 90), (10, 90)]),
    ("the end is counted, too", (0, 0), [(100, 100, 0)], (300, 150, 140), [(150, 140)]),
    (
        "ready, and counted when it runs again",
        (0, 0),
        [(100, 0, 0), (200, 0, 0)],
        (300, 10, 290),
        [(0, 100), (10, 190)],
    ),
    ("it slept, and the kernel counts that, too", (0, 0), [(100, 0, 0), (200, 0, 0)], (210, 0, 210), [(0, 0), (0, 10)]),
    ("it slept, and was late", (0, 0), [(100, 0, 0), (200, 0, 0)], (300, 10, 290), [(0, 0), (10, 100)]),
    (
        "what was queued long before the stall is none of it",
        (-900, 0),
        [(100, 0, 80), (200, 0, 80)],
        (300, 0, 80),
        [(0, 0), (0, 0)],
    ),
    ("what was read in the stall stands for all of it", (50, 10), [(100, 0, 50)], (110, 0, 50), [(0, 80)]),
    ("a single sample, mostly in the queue", (-900, 0), [(100, 0, 80)], (110, 0, 80), [(0, 80)]),
    ("a single sample, little in the queue", (-900, 0), [(100, 0, 40)], (110, 0, 40), [(0, 0)]),
    ("read late, after more of the same", (0, 0), [(100, 900, 0)], (1000, 950, 0), [(950, 0)]),
    ("nothing was read before", None, [(100, 0, 500), (200, 0, 500)], (200, 0, 500), [(0, 0), (0, 0)]),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_a_thread_used_and_waited_for(row: Any) -> None:
    name, before, samples, (ended, cpu, queued), wanted = row
    loop: Any = asyncio
    underway = Underway(Beating(loop, 1, 1, 0, 0, lambda: None), 0)
    earlier = None if before is None else (before[0] * MS, before[1] * MS)
    state = READY if name.startswith("ready") else SLEEPS
    for at, used, waited in samples:
        underway.add(at * MS, NOTHING, ThreadTime(used * MS, waited * MS), earlier, state)
    found = underway.finish(ended * MS, cpu * MS, ThreadTime(cpu * MS, queued * MS))
    assert [(one.computing_ns // MS, (one.queued_ns or 0) // MS) for one in found] == wanted
    assert (found[0].began_ns, found[-1].at_ns) == (0, ended * MS)


# Samples every ten milliseconds: what was used of the processor and queued by then, and what the thread did; and what
# they are evidence of: samples that count, and those in which it computed.
EVIDENCE: list[tuple[str, list[tuple[int, int, str]], tuple[int, int]]] = [
    ("it computes", [(9, 0, "R"), (19, 0, "R"), (29, 0, "R")], (3, 3)),
    ("it waits", [(0, 0, "S"), (0, 0, "S"), (0, 0, "S")], (3, 0)),
    ("it computes, with a fifth of a processor", [(3, 7, "R"), (4, 16, "R"), (7, 23, "R")], (0, 0)),
    ("it computes, with half of one", [(5, 5, "R"), (10, 10, "R"), (12, 18, "R")], (2, 2)),
    ("it computed, and has got no processor since", [(9, 0, "R"), (9, 0, "R"), (9, 0, "R")], (1, 1)),
    ("that is counted later, once it runs", [(9, 0, "R"), (9, 0, "R"), (10, 19, "R")], (1, 1)),
    ("it waits, and comes late to where it waits on", [(0, 9, "S"), (0, 9, "S"), (0, 9, "S")], (2, 0)),
]


@pytest.mark.parametrize("row", EVIDENCE, ids=lambda row: row[0])
def test_what_is_no_evidence_for_want_of_a_processor(row: Any) -> None:
    _, samples, wanted = row
    loop: Any = asyncio
    underway = Underway(Beating(loop, 1, 1, 0, 0, lambda: None), 0)
    for number, (used, queued, state) in enumerate(samples, 1):
        underway.add(number * 10 * MS, NOTHING, ThreadTime(used * MS, queued * MS), (0, 0), (state, 0))
    counted, _, computed = underway.evidence(None)
    assert (counted, computed) == wanted


def test_memory_on_a_disk_and_the_pauses_between_samples() -> None:
    loop: Any = asyncio
    underway = Underway(Beating(loop, 1, 1, 0, 0, lambda: None), 0)
    for number, disk in enumerate([("D", 7), ("D", 7), ("D", 9), ("S", 12)], 1):
        underway.add(number * 10 * MS, NOTHING, None, None, disk)
    assert [one.paging for one in underway.finish(50 * MS, 0, None)] == [False, False, True, False]
    assert [one.queued_ns for one in underway.samples] == [None] * 4
    assert underway.pause(100 * MS) == 10 * MS
    assert underway.pause(100_000 * MS) == 5_000 * MS  # ever fewer in a stall that never ends
