"""Loops that stall again and again, or never pause: the sentence on each, and when there is none."""

from __future__ import annotations

from typing import Any

from lifesign.judge.causes.cause import causes
from lifesign.judge.causes.findings import Cause, Findings, StallsSeen
from lifesign.judge.causes.stalls import conditions, figures_text, length_text
from lifesign.judge.states import STATES
from support.made.stalls import DUMPS, HANDLE, NOON, RENDER, S, busy, culprit, stack
from support.rows import rows


def found(state: str = "healthy", *, culprits: Any = (), recent: int = 3, spins: Any = ()) -> list[Cause]:
    seen = tuple(StallsSeen(one, recent, one["total"]) for one in culprits)
    return causes(Findings(state, wall=NOON, culprits=seen, busy=tuple(spins)))


FIND: Any = {"function": "_find_and_load", "file": "<frozen importlib._bootstrap>", "line": 1360}
PANDAS: Any = {"function": "<module>", "file": "/srv/venv/lib/python3.13/site-packages/pandas/__init__.py", "line": 46}
FIGURES = "this stalled the event loop 14 times since the start, 5.2 s in all, 1.2 s at worst, last 3 s ago"


@rows(
    ("changes", "word", "clause"),
    [
        ({}, "short-stalls", "render (app.py:8) computes"),
        ({"computing": 0.1}, "short-stalls", "render (app.py:8) waits"),
        ({"computing": 2.0}, "short-stalls", "render (app.py:8) computes and waits"),
        ({"stacks": [stack(RENDER, DUMPS)]}, "short-stalls", "render (app.py:8) computes, in dumps (__init__.py:231)"),
        ({"stacks": [stack(HANDLE, RENDER, FIND, PANDAS)]}, "short-stalls", "render (app.py:8) imports pandas"),
        (
            {"stacks": [stack(HANDLE, RENDER, FIND)], "computing": 0},
            "short-stalls",
            "render (app.py:8) imports a module",
        ),
        (
            {"stacks": [stack(RENDER, DUMPS, FIND, PANDAS)]},
            "short-stalls",
            "render (app.py:8) imports pandas, in dumps (__init__.py:231)",
        ),
        ({"thread": "rows_0"}, "short-stalls", "thread rows_0 is in render (app.py:8) and holds the GIL"),
        (
            {"place": {"function": "Desk.load", "file": "", "line": 0}},
            "short-stalls",
            "Desk.load computes, in render (app.py:8)",
        ),
        ({"place": None, "stacks": []}, "short-stalls", "code without a Python frame computes"),
        ({"what": "callbacks"}, "short-stalls", "many callbacks ran in one turn, most of them of render (app.py:8)"),
        ({"what": "callbacks", "place": None}, "short-stalls", "many callbacks ran in one turn"),
        ({"what": "gc", "place": None}, "short-stalls", "the garbage collector ran"),
        ({"what": "gc"}, "short-stalls", "the garbage collector ran, begun in render (app.py:8)"),
        ({"what": "quota", "place": None}, "cpu-quota", "the CPU quota was used up"),
        ({"what": "starved", "place": None}, "starved", "the process got too little CPU time"),
        ({"what": "paging", "place": None}, "paging", "memory had to be read from the disk"),
        ({"what": "steal", "place": None}, "cpu-steal", "the hypervisor gave the processor to others"),
        ({"what": "stopped", "place": None}, "sigstop", "the process was stopped by a signal (SIGSTOP)"),
    ],
)
def test_what_stalls_a_loop_is_said_with_its_figures(changes: dict[str, Any], word: str, clause: str) -> None:
    (cause,) = found(culprits=[culprit(**changes)])
    assert (cause.word, cause.sentence) == (word, f"{clause}; {FIGURES}")


def test_its_place_who_called_it_and_in_which_task_are_said() -> None:
    (cause,) = found(culprits=[culprit(task="order-7", coroutine="Desk.serve")])
    assert cause.place == RENDER
    assert cause.evidence == ("called from handle (app.py:20)", "in task order-7 (Desk.serve)")
    (alone,) = found(culprits=[culprit(stacks=[])])
    assert alone.evidence == ()


def test_a_few_stalls_are_none() -> None:
    assert found(culprits=[culprit()], recent=2) == []


def test_a_hundredth_of_the_time_is_the_least_that_the_machine_is_blamed_for() -> None:
    assert found(culprits=[culprit(what="starved", place=None, total=2.9)]) == []
    assert found(culprits=[culprit(what="starved", place=None, total=3.0)]) != []
    assert found(culprits=[culprit(total=0.6)]) != []


def test_those_with_the_most_time_come_first_and_there_are_few() -> None:
    many = [culprit(number, total=number, place={**RENDER, "function": f"f{number}"}) for number in range(1, 6)]
    assert [cause.place["function"] for cause in found(culprits=many) if cause.place] == ["f5", "f4", "f3"]


def test_they_are_said_while_loops_turn_and_the_boot_is_over() -> None:
    said = [state for state in STATES if found(state, culprits=[culprit()])]
    assert said == ["healthy", "silent", "degraded"]
    assert [state for state in STATES if found(state, spins=[busy()])] == ["starting", "healthy", "silent", "degraded"]


def test_a_busy_loop() -> None:
    (cause,) = found(spins=[busy()])
    assert (cause.word, cause.place) == ("busy", RENDER)
    assert cause.sentence == "busy: 98 % of a core, 39 of 40 samples in render (app.py:8)"
    assert cause.evidence == ("called from handle (app.py:20)", "it began 12 s ago")
    (nowhere,) = found(spins=[busy(place=None, stacks=[], in_place=0, utilization=7.0)])
    assert nowhere.sentence == "busy: 100 % of a core, 0 of 40 samples in no place of its own"


def test_a_busy_loop_in_no_code_of_the_users_and_the_task_that_runs_again_and_again() -> None:
    shield = {"function": "shield.done", "file": "/usr/lib/python3.11/asyncio/tasks.py", "line": 908}
    task = {"task": "poller", "count": 40, "place": HANDLE}
    (cause,) = found(spins=[busy(place=shield, next=task)])
    said = "busy: 98 % of a core, 39 of 40 samples in shield.done (tasks.py:908); task poller"
    assert cause.sentence == f"{said}, which is in handle (app.py:20), ran or was to run next in 40 of them"
    assert cause.place == HANDLE
    (cause,) = found(spins=[busy(place=shield, next={**task, "place": None})])
    assert (cause.sentence, cause.place) == (f"{said} ran or was to run next in 40 of them", shield)


def test_a_caller_in_a_library_is_left_out_and_the_nearest_comes_first() -> None:
    main = {**HANDLE, "function": "main", "line": 90}
    (cause,) = found(culprits=[culprit(stacks=[stack(main, HANDLE, DUMPS, RENDER)])])
    assert cause.evidence == ("called from handle (app.py:20), main (app.py:90)",)


def test_conditions_follow_from_causes() -> None:
    words = ["busy", "deadlock", "cpu-quota", "starved", "short-stalls", "short-stalls", "task-leak"]
    assert conditions(words) == ("busy", "starved", "stalling", "leaking")
    assert conditions(["blocking-call"]) == ()


@rows(("seconds", "said"), [(0.05, "50 ms"), (0.24, "0.2 s"), (9.9, "9.9 s"), (72, "72 s"), (600, "10 min")])
def test_lengths(seconds: float, said: str) -> None:
    assert length_text(int(seconds * S)) == said


def test_one_stall_is_once() -> None:
    assert figures_text(culprit(count=1, total=0.3)) == "once, for 0.3 s"
