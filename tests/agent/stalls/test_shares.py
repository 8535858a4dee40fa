"""Who has had a part in a stall: by hand, in milliseconds."""

from __future__ import annotations

from typing import Any

from lifesign.agent.stalls.shares import EndedStall, Interval, shares
from lifesign.agent.stalls.stacks import NOTHING, SeenStack
from lifesign.agent.stalls.underway import Sample
from support.rows import rows

MS = 1_000_000
THREAD, OTHER = 7, 8


def at(function: str, *, turning: bool = False, callback: str = "handle") -> SeenStack:
    frame: Any = {"function": function, "file": "/app/app.py", "line": 1}
    return SeenStack([frame], frame, turning, callback, "Task-1", "main", None)


def sample(
    began: int, ended: int, sampled: SeenStack, computing: int = 0, queued: int | None = 0, *, paging: bool = False
) -> Sample:
    return Sample(began * MS, ended * MS, sampled, computing * MS, None if queued is None else queued * MS, paging)


def interval(began: int, ended: int, what: Any, thread: int = 0, sampled: SeenStack | None = None) -> Interval:
    return Interval(began * MS, ended * MS, what, thread, "worker" if thread else "", sampled)


def parts(
    samples: list[Sample], intervals: list[Interval], computing: int = 0
) -> tuple[dict[str, tuple[int, int]], int]:
    """A stall from 0 to 1000 ms: by culprit its time and how much of it was computed, and what is nobody's."""
    stall = EndedStall(0, 1000 * MS, 200 * MS, THREAD, computing * MS, samples)
    found, nobodys = shares(stall, intervals)
    named = {
        f"{one.what}{':' + one.name if one.name else ''}"
        f"{'' if one.seen is None or one.seen.place is None else ' ' + one.seen.place['function']}": (
            one.time // MS,
            one.computing // MS,
        )
        for one in found
    }
    return named, nobodys // MS


A, B, C = at("a"), at("b"), at("c")
ROWS: list[tuple[str, list[Sample], list[Interval], dict[str, tuple[int, int]], int]] = [
    (
        "two calls, by the time that their samples stand for",
        [sample(0, 600, A, 600), sample(600, 1000, B, 10)],
        [],
        {"call a": (600, 600), "call b": (400, 10)},
        0,
    ),
    (
        "a tenth is too little to be of interest",
        [sample(0, 950, A, 900), sample(950, 1000, B)],
        [],
        {"call a": (1000, 900)},
        0,
    ),
    (
        "the collector ran while the thread was seen elsewhere",
        [sample(0, 1000, A, 1000)],
        [interval(200, 900, "gc")],
        {"gc": (700, 700), "call a": (300, 300)},
        0,
    ),
    (
        "another thread had the GIL",
        [sample(0, 100, A, 100), sample(100, 1000, A)],
        [interval(100, 1000, "call", OTHER, B)],
        {"call:worker b": (900, 900), "call a": (100, 100)},
        0,
    ),
    (
        "this loop's thread had the GIL, which kept other loops from turning",
        [sample(0, 1000, A, 990)],
        [interval(0, 1000, "call", THREAD, A)],
        {"call a": (1000, 990)},
        0,
    ),
    (
        "stopped, with a little work left: nobody is to blame",
        [sample(0, 990, A, 5), sample(990, 1000, A, 10)],
        [interval(20, 980, "stopped")],
        {"stopped": (1000, 0)},
        0,
    ),
    (
        "what it computed under a quota is a stall without the quota, too",
        [sample(0, 1000, A, 250)],
        [interval(0, 1000, "quota")],
        {"quota": (750, 0), "call a": (250, 250)},
        0,
    ),
    (
        "ready to run, and no processor for it",
        [sample(0, 1000, A, 100, 850)],
        [],
        {"starved": (1000, 0)},
        0,
    ),
    (
        "only this thread had no processor: the loop's was in a call that waits",
        [sample(0, 1000, A)],
        [interval(0, 1000, "starved")],
        {"call a": (1000, 0)},
        0,
    ),
    (
        "nothing is known of the loop's thread: the watchdog's has to do",
        [sample(0, 1000, A, 0, None)],
        [interval(0, 1000, "starved")],
        {"starved": (1000, 0)},
        0,
    ),
    ("it waited for its memory", [sample(0, 1000, A, paging=True)], [], {"paging": (1000, 0)}, 0),
    (
        "many callbacks, none of which has half",
        [sample(0, 400, A, 400), sample(400, 700, B, 300), sample(700, 1000, at("c", turning=True), 300)],
        [],
        {"callbacks a": (1000, 1000)},
        0,
    ),
    (
        "many places in one callback are culprits of their own",
        [sample(0, 400, A, 400), sample(400, 700, B, 300), sample(700, 1000, C, 300)],
        [],
        {"call a": (400, 400), "call b": (300, 300), "call c": (300, 300)},
        0,
    ),
    (
        "many callbacks, one of which has half",
        [sample(0, 600, A, 600), sample(600, 800, B, 200), sample(800, 1000, at("c", turning=True), 200)],
        [],
        {"call a": (600, 600), "call b": (200, 200), "call c": (200, 200)},
        0,
    ),
    ("a loop that had nothing to do", [sample(0, 1000, NOTHING)], [], {}, 1000),
    ("no sample", [], [], {}, 1000),
    ("no sample, but the process was stopped", [], [interval(100, 950, "stopped")], {"stopped": (1000, 0)}, 0),
    ("no sample, but the collector ran", [], [interval(100, 950, "gc")], {"gc": (850, 850)}, 150),
]


@rows("row", ROWS, ids=lambda row: row[0])
def test_a_stall_is_shared_out(row: Any) -> None:
    _, samples, intervals, wanted, nobodys = row
    assert parts(samples, intervals) == (wanted, nobodys)


def test_without_samples_what_was_computed_is_not_the_machines() -> None:
    assert parts([], [interval(0, 1000, "quota")], computing=300) == ({"quota": (700, 0)}, 300)
