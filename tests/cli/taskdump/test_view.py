"""The groups of a task dump as `lifesign dump` prints them for a person."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lifesign.cli.query.request import Answer
from lifesign.cli.taskdump import words
from lifesign.wire.records import RingStep
from support.made.dumps import QUEUES, answer, frame, group, on_terminal, piped, styled
from support.rows import rows


def test_a_group_is_told_in_full(tmp_path: Path) -> None:
    source = tmp_path / "shop.py"
    source.write_text("async def handle():\n    await read()\n")
    handlers = group(
        0, 8, "handle",
        stack=[frame("App.handle", 2, str(source)), frame("Queue.get", 158, QUEUES)],
        states={"waiting": 6, "ready": 2}, oldest=200.0, newest=2.0,
        looked=3, waited_most=51.0, waited_least=50.2, time_left=9.0,
        origin=[frame("main", 30), frame("main.<locals>.<listcomp>", 30), frame("spawn", 3)],
        trace="4bf92f3577b34da6a3ce929d0e0e4736", span="00f067aa0ba902b7",
    )  # fmt: skip
    parents = group(1, 2, "parent", (0, 6), (57, 1), names=["p", "q"])
    finished = [
        {"function": "work", "outcome": "raised KeyError", "message": "'x'", "count": 2},
        {"function": "fetch", "outcome": "returned int", "message": "", "count": 1},
    ]

    assert piped(answer(handlers, parents, finished=finished)) == [
        "shop.py 7: 10 tasks in 2 groups, taken in 12 ms (request)",
        "of large groups only a sample of the tasks was looked at",
        "",
        "#0  8 x App.handle, shop.py:2, wait for Future (6 waiting, 2 ready)",
        "    handle-0, handle-1, handle-2, handle-3, handle-4, ...",
        "    for 50s to 51s, 9.0s left, the lines are those of 3 that were looked at, 2.0s to 3m 20s old",
        "    awaited by #1 2 x parent (6 times)",
        "    trace 4bf92f3577b34da6a3ce929d0e0e4736, span 00f067aa0ba902b7",
        f'    File "{source}", line 2, in App.handle',
        "      await read()",
        "    ... 1 frame of libraries: Queue.get (queues.py:158)",
        "    created at",
        '      File "/nowhere/shop.py", line 30, in main',
        '      File "/nowhere/shop.py", line 3, in spawn',
        "",
        "#1  2 x parent, shop.py:11, wait for gather",
        "    p, q",
        "    awaits #0 8 x App.handle (6 times), #57 (not shown)",
        '    File "/nowhere/shop.py", line 11, in parent',
        "",
        "recently finished",
        "    2 x work raised KeyError: 'x'",
        "    1 x fetch returned int",
    ]


@rows(
    ("count", "states", "waits_for", "says"),
    [
        (3, {"waiting": 3}, "gather", "3 x work, shop.py:10, wait for gather"),
        (1, {"waiting": 1}, "task stock", "1 x work, shop.py:10, waits for task stock"),
        (2, {"waiting": 2}, "task stock", "2 x work, shop.py:10, wait for tasks [stock, ...]"),
        (1, {"running": 1}, "nothing: it runs", "1 x work, shop.py:10, runs"),
        (4, {"ready": 4}, "its turn", "4 x work, shop.py:10, are ready to run"),
    ],
)
def test_what_tasks_are_doing(count: int, states: dict[str, int], waits_for: str, says: str) -> None:
    assert piped(answer(group(0, count, "work", states=states, waits_for=waits_for)))[2] == f"#0  {says}"


def test_deadlocks_come_first() -> None:
    ring: list[RingStep] = [
        {"task": "left", "primitive": None, "at": frame("wait_for", 7)},
        {"task": "right", "primitive": None, "at": frame("wait_for", 9)},
    ]

    assert piped(answer(rings=[ring]))[1:] == [
        "deadlock: left waits for right at shop.py:7",
        "    right waits for left at shop.py:9",
    ]


@pytest.mark.parametrize(
    ("groups", "tasks", "says"),
    [
        (52, 400, "and 51 more groups with 399 tasks"),
        (2, 2, "and 1 more group with 1 task"),
        (3, 1, "and 2 more groups"),
    ],
)
@pytest.mark.parametrize("tree", [False, True])
def test_what_is_not_shown_is_counted(groups: int, tasks: int, says: str, tree: bool) -> None:
    assert piped(answer(group(0, 1, "work"), groups=groups, tasks=tasks), tree=tree)[-2:] == ["", says]


def test_many_relations_are_limited() -> None:
    children = [group(index, 1, "work") for index in range(1, 13)]
    lines = piped(answer(group(0, 1, "main", *((index, 1) for index in range(1, 13))), *children))

    (awaits,) = (line for line in lines if "awaits" in line)
    assert awaits.endswith("#10 1 x work, and 2 more")


def test_frames_of_libraries_are_one_line_between_those_of_the_user() -> None:
    stack = [frame("Runner.run", 1, "/nowhere/lib/python3.11/asyncio/runners.py"), frame("handle", 2),
             *(frame(f"Redis.{name}", 3, "/venv/lib/python3.11/site-packages/redis/client.py") for name in "abcd"),
             frame("Queue.get", 158, QUEUES)]  # fmt: skip
    assert piped(answer(group(0, 1, "x", stack=stack)))[2:] == [
        "#0  1 x Runner.run in handle, shop.py:2, waits for Future",
        "    x-0",
        "    ... 1 frame of libraries: Runner.run (runners.py:1)",
        '    File "/nowhere/shop.py", line 2, in handle',
        "    ... 5 frames of libraries: ..., Redis.c, Redis.d, Queue.get (queues.py:158)",
    ]


def test_colours_dim_the_frames_of_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = [frame("handle", 2), frame("Queue.get", 158, QUEUES)]
    step: RingStep = {"task": "a", "primitive": None, "at": None}
    ill = answer(group(0, 1, "x", stack=stack), rings=[[step]])
    monkeypatch.delenv("NO_COLOR", raising=False)

    lines = styled(ill)
    assert lines[1] == "\x1b[1;31mdeadlock: a waits for a\x1b[0m"
    assert [line for line in lines if line.startswith("\x1b[2m    ")] == [
        "\x1b[2m    ... 1 frame of libraries: Queue.get (queues.py:158)\x1b[0m"
    ]

    monkeypatch.setenv("NO_COLOR", "1")
    assert styled(ill)[1] == "\x1b[1mdeadlock: a waits for a\x1b[0m"


def test_a_group_that_is_all_of_asyncio_is_not_dimmed() -> None:
    lines = piped(answer(group(0, 1, "x", stack=[frame("Queue.get", 158, QUEUES)])), tree=True)

    assert lines[-1] == "#0 1 x Queue.get [x-0]  waiting for Future  queues.py:158"


def test_long_lines_are_folded_but_paths_are_whole() -> None:
    names = [f"connection number {number} of many" for number in range(5)]
    lines = on_terminal(answer(group(0, 5, "handle", names=names)), width=40)

    assert lines[5:8] == [
        "    connection number 0 of many,",
        "    connection number 1 of many,",
        "    connection number 2 of many,",
    ]
    assert lines[-1] == '    File "/nowhere/shop.py", line 10, in handle'


def test_only_one_form_at_a_time(cli: Callable) -> None:
    code, _, err = cli("dump", "--tree", "--json")

    assert code == 3
    assert "--json: not allowed with argument --tree" in err


# --- whatever the records say ----------------------------------------------------------------------

EVIL = ["", "\x1b[2J\u202eevil", "a\r\nb", "東京" * 200, "x" * 5000, "\x9b31m", "task ", "<locals>.", "/x.py\0",
        "[bold]", QUEUES]  # fmt: skip
NUMBERS = [*range(12), -1, 2**63, 10**400, -(10**400)]


def hostile(made: random.Random) -> Answer:
    def some(make: Callable[[], Any], most: int) -> list[Any]:
        return [make() for _ in range(made.randrange(most))]

    def text() -> str:
        return made.choice(EVIL)

    def number() -> int:
        return made.choice(NUMBERS)

    def place() -> dict[str, Any]:
        return frame(text(), number(), text())

    groups = some(
        lambda: group(
            number(), number() if made.random() < 0.5 else 3, text(),
            *some(lambda: (number(), number()), 8),
            stack=some(place, 70), names=some(text, 8), states={text(): number() for _ in range(made.randrange(3))},
            waits_for=text(), oldest=made.choice([None, -1e308, 1e308]), newest=made.choice([None, 0.0]),
            origin=some(place, 4), trace=text(), span=made.choice([None, text()]),
        ),
        12,
    )  # fmt: skip
    ended = some(lambda: {"function": text(), "outcome": text(), "message": text(), "count": number()}, 4)
    summary = {name: number() for name in ("start", "end", "tasks", "groups", "omitted")}
    return answer(*groups, reason=text(), cycles=some(lambda: some(text, 30), 4), finished=ended, **summary)


@pytest.mark.parametrize("tree", [False, True])
@rows("seed", range(6))
def test_hostile_records_are_shown_harmlessly(seed: int, tree: bool) -> None:
    lines = on_terminal(hostile(random.Random(seed)), tree=tree, width=random.Random(seed).choice([1, 20, 80]))

    assert "".join(lines).startswith("shop.py")
    assert all(line.isprintable() and len(line) < 600 for line in lines)


def test_a_task_that_runs_waits_for_nothing_and_frames_of_libraries_alone_are_one() -> None:
    inside = [frame("get", 1, QUEUES), frame("_wait", 2, QUEUES)]
    shown = "\n".join(piped(answer(group(0, 1, "render", states={"running": 1}), group(1, 1, "x", stack=inside))))
    assert "1 x render, shop.py:10, runs" in shown
    assert "1 frame of libraries: get (queues.py:1)" in shown


@rows(
    ("states", "said"),
    [
        ({}, "waiting for Future"),
        ({"waiting": 2}, "waiting for Future"),
        ({"ready": 2}, "ready"),
        ({"running": 1}, "running"),
        ({"waiting": 9, "ready": 1}, "waiting for Future (9 waiting, 1 ready)"),
    ],
)
def test_what_the_tasks_of_a_group_are_doing(states: dict[str, int], said: str) -> None:
    assert words.state(group(0, 2, "work", states=states)) == said  # type: ignore[arg-type]
