"""What `lifesign dump` prints for a person, from records made by hand."""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lifesign.cli import dump as command
from lifesign.cli.asking import Answer

QUEUES = "/usr/lib/python3.11/asyncio/queues.py"


def frame(function: str, line: int, file: str = "/nowhere/shop.py") -> dict[str, Any]:
    return {"function": function, "file": file, "line": line}


def group(index: int, count: int, function: str, *awaits: tuple[int, int], **more: Any) -> dict[str, Any]:
    """`awaits` are pairs of another group's index and a count."""
    return {
        "kind": "task_group", "dump": "d", "index": index, "count": count,
        "stack": [frame(function, 10 + index)], "names": [f"{function}-{n}" for n in range(min(count, 5))],
        "states": {"waiting": count}, "waits_for": "gather" if awaits else "Future",
        "awaits": [{"group": other, "count": times} for other, times in awaits],
        "oldest": None, "newest": None, "origin": [], "trace": None, "span": None, "at": 0,
        **more,
    }  # fmt: skip


def answer(*groups: Any, **more: Any) -> Answer:
    summary = {
        "kind": "task_dump", "id": "d", "reason": "request", "request": 1, "start": 1_000_000, "end": 13_400_000,
        "tasks": sum(one["count"] for one in groups), "groups": len(groups), "omitted": 0, "same_as": None,
        "counts": [], "cycles": [], "finished": [], **more,
    }  # fmt: skip
    return Answer(summary, list(groups))  # type: ignore[arg-type]


class Terminal(io.TextIOWrapper):
    """A standard output that is one."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self) -> bool:
        return True

    def shown(self) -> list[str]:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding).splitlines()  # type: ignore[attr-defined]


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """The lines that a pipe gets."""

    def call(shown: Answer, *, tree: bool = False) -> list[str]:
        command.show(7, shown, as_tree=tree)
        return capsys.readouterr().out.splitlines()

    return call


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The lines that a terminal of some width gets."""

    def call(shown: Answer, *, tree: bool = False, width: int = 80, encoding: str = "utf-8") -> list[str]:
        for name, value in (("COLUMNS", str(width)), ("TERM", "xterm"), ("NO_COLOR", "1")):
            monkeypatch.setenv(name, value)
        screen = Terminal(encoding)
        monkeypatch.setattr(sys, "stdout", screen)
        command.show(7, shown, as_tree=tree)
        return screen.shown()

    return call


# --- the groups ------------------------------------------------------------------------------------


def test_a_group_is_told_in_full(show: Callable[..., list[str]], tmp_path: Path) -> None:
    source = tmp_path / "shop.py"
    source.write_text("async def handle():\n    await read()\n")
    handlers = group(
        0, 8, "handle",
        stack=[frame("App.handle", 2, str(source)), frame("Queue.get", 158, QUEUES)],
        states={"waiting": 6, "ready": 2}, oldest=200.0, newest=2.0,
        origin=[frame("main", 30), frame("main.<locals>.<listcomp>", 30), frame("spawn", 3)],
        trace="4bf92f3577b34da6a3ce929d0e0e4736", span="00f067aa0ba902b7",
    )  # fmt: skip
    parents = group(1, 2, "parent", (0, 6), (57, 1), names=["p", "q"])
    finished = [
        {"function": "work", "outcome": "raised KeyError", "message": "'x'", "count": 2},
        {"function": "fetch", "outcome": "returned int", "message": "", "count": 1},
    ]

    assert show(answer(handlers, parents, finished=finished)) == [
        "process 7: 10 tasks in 2 groups, taken in 12 ms (request)",
        "",
        "#0  8 x App.handle",
        "    handle-0, handle-1, handle-2, handle-3, handle-4, ...",
        "    waiting for Future (6 waiting, 2 ready), 2.0s to 3m 20s old",
        "    awaited by #1 2 x parent (6 times)",
        "    trace 4bf92f3577b34da6a3ce929d0e0e4736, span 00f067aa0ba902b7",
        f'    File "{source}", line 2, in App.handle',
        "      await read()",
        '    File "/usr/lib/python3.11/asyncio/queues.py", line 158, in Queue.get',
        "    created at",
        '      File "/nowhere/shop.py", line 30, in main',
        '      File "/nowhere/shop.py", line 3, in spawn',
        "",
        "#1  2 x parent",
        "    p, q",
        "    waiting for gather",
        "    awaits #0 8 x App.handle (6 times), #57 (not shown)",
        '    File "/nowhere/shop.py", line 11, in parent',
        "",
        "finished lately",
        "    2 x work raised KeyError: 'x'",
        "    1 x fetch returned int",
    ]


@pytest.mark.parametrize(
    ("count", "states", "waits_for", "says"),
    [
        (3, {"waiting": 3}, "gather", "waiting for gather"),
        (1, {"waiting": 1}, "task stock", "waiting for task stock"),
        (2, {"waiting": 2}, "task stock", "waiting for tasks [stock, ...]"),
        (1, {"running": 1}, "its turn", "running"),
        (4, {"ready": 4}, "its turn", "ready"),
    ],
)
def test_what_tasks_are_doing(
    show: Callable[..., list[str]], count: int, states: dict[str, int], waits_for: str, says: str
) -> None:
    assert show(answer(group(0, count, "work", states=states, waits_for=waits_for)))[4] == f"    {says}"


def test_deadlocks_come_first(show: Callable[..., list[str]]) -> None:
    cycles = [["a", "b"], ["alone"], [f"t{number}" for number in range(20)]]

    assert show(answer(cycles=cycles))[1:] == [
        "deadlock: a -> b -> a",
        "deadlock: alone -> alone",
        "deadlock: " + " -> ".join(f"t{number}" for number in range(20)) + " -> ... -> t0",
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
def test_what_is_not_shown_is_counted(
    show: Callable[..., list[str]], groups: int, tasks: int, says: str, tree: bool
) -> None:
    assert show(answer(group(0, 1, "work"), groups=groups, tasks=tasks), tree=tree)[-2:] == ["", says]


def test_many_relations_are_limited(show: Callable[..., list[str]]) -> None:
    children = [group(index, 1, "work") for index in range(1, 13)]
    lines = show(answer(group(0, 1, "main", *((index, 1) for index in range(1, 13))), *children))

    (awaits,) = (line for line in lines if "awaits" in line)
    assert awaits.endswith("#10 1 x work, and 2 more")


def test_colours_dim_the_inner_frames_of_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stack = [frame("Runner.run", 1, "/usr/lib/python3.11/asyncio/runners.py"), frame("handle", 2),
             frame("Redis.get", 3, "/venv/redis/asyncio/client.py"), frame("Queue.get", 158, QUEUES)]  # fmt: skip
    command.show(7, answer(group(0, 1, "x", stack=stack), cycles=[["a"]]), as_tree=False)

    lines = screen.shown()
    assert lines[1] == "\x1b[1;31mdeadlock: a -> a\x1b[0m"
    dim = [line.split('"')[1] for line in lines if line.startswith("\x1b[2m    File")]
    assert dim == [QUEUES]


def test_a_group_that_is_all_of_asyncio_is_not_dimmed(show: Callable[..., list[str]]) -> None:
    lines = show(answer(group(0, 1, "x", stack=[frame("Queue.get", 158, QUEUES)])), tree=True)

    assert lines[-1] == "#0 1 x Queue.get [x-0]  waiting for Future  queues.py:158"


def test_long_lines_are_folded_but_paths_are_whole(terminal: Callable[..., list[str]]) -> None:
    names = [f"connection number {number} of many" for number in range(5)]
    lines = terminal(answer(group(0, 5, "handle", names=names)), width=40)

    assert lines[3:6] == [
        "    connection number 0 of many, ",
        "    connection number 1 of many, ",
        "    connection number 2 of many, ",
    ]
    assert lines[-1] == '    File "/nowhere/shop.py", line 10, in handle'


# --- the tree --------------------------------------------------------------------------------------


def test_the_tree_shows_who_waits_for_whom(terminal: Callable[..., list[str]]) -> None:
    groups = [
        group(0, 6, "work", stack=[frame("work", 4), frame("fetch", 9), frame("Queue.get", 158, QUEUES)]),
        group(1, 3, "parent", (0, 6)),
        group(2, 1, "main", (1, 3), (3, 1), (0, 2)),
        group(3, 1, "audit", (4, 1)),
        group(4, 2, "log"),
        group(5, 1, "stray"),
    ]

    lines = terminal(answer(*groups), tree=True)
    assert lines == [
        "process 7: 15 tasks in 6 groups, taken in 12 ms (request)",
        "",
        "#2 1 x main [main-0]  waiting for gather  shop.py:12",
        "├─ #0 6 x work [work-0, ...]  waiting for Future, awaited twice  fetch shop.py:9",
        "├─ #1 3 x parent [parent-0, ...]  waiting for gather  shop.py:11",
        "│  └─ ... #0 6 x work, above",
        "└─ #3 1 x audit [audit-0]  waiting for gather  shop.py:13",
        "   └─ #4 2 x log [log-0, log-1]  waiting for Future, awaited once  shop.py:14",
        "#5 1 x stray [stray-0]  waiting for Future  shop.py:15",
    ]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_other_terminals_get_ascii_guides(terminal: Callable[..., list[str]], encoding: str) -> None:
    groups = (group(0, 1, "main", (1, 1), (2, 1)), group(1, 1, "left", (2, 1)), group(2, 1, "right"))

    assert terminal(answer(*groups), tree=True, encoding=encoding)[2:] == [
        "#0 1 x main [main-0]  waiting for gather  shop.py:10",
        "|- #1 1 x left [left-0]  waiting for gather  shop.py:11",
        "|  `- #2 1 x right [right-0]  waiting for Future  shop.py:12",
        "`- ... #2 1 x right, above",
    ]


def test_a_ring_is_cut_and_named(show: Callable[..., list[str]]) -> None:
    groups = [group(0, 1, "a", (1, 1)), group(1, 1, "b", (0, 1)), group(2, 1, "outside", (1, 1))]

    assert show(answer(*groups, cycles=[["b-0", "a-0"]]), tree=True)[3:] == [
        "#2 1 x outside [outside-0]  waiting for gather  shop.py:12",
        "`- #1 1 x b [b-0]  waiting for gather  shop.py:11",
        "   `- #0 1 x a [a-0]  waiting for gather  shop.py:10",
        "      `- ... #1 1 x b, deadlock",
    ]
    assert show(answer(*groups[:2], cycles=[["b-0", "a-0"]]), tree=True)[3:] == [
        "#0 1 x a [a-0]  waiting for gather  shop.py:10",
        "`- #1 1 x b [b-0]  waiting for gather  shop.py:11",
        "   `- ... #0 1 x a, deadlock",
    ]


def test_recursion_is_no_deadlock(show: Callable[..., list[str]]) -> None:
    groups = (group(0, 3, "walk", (0, 2), (1, 1)), group(1, 1, "walk"))

    assert show(answer(*groups, cycles=[["other", "tasks"]]), tree=True)[3:] == [
        "#0 3 x walk [walk-0, ...]  waiting for gather  shop.py:10",
        "|- ... #0 3 x walk, above",
        "`- #1 1 x walk [walk-0]  waiting for Future  shop.py:11",
    ]


def test_what_hangs_too_deep_goes_on_at_the_margin(show: Callable[..., list[str]]) -> None:
    chain = [group(index, 1, "link", (index + 1, 1)) for index in range(49)]
    lines = show(answer(*chain, group(49, 1, "end")), tree=True)[2:]

    assert lines[16].strip() == "`- ... #16 1 x link, below"
    assert lines[17] == "#16 1 x link [link-0]  waiting for gather  shop.py:26"
    assert max(map(len, lines)) < 120
    assert len(lines) == 50 + 3


def test_lines_of_the_tree_are_cut_at_the_edge(terminal: Callable[..., list[str]]) -> None:
    lines = terminal(answer(group(0, 1, "work", names=["東京" * 30])), tree=True, width=30)

    assert lines[-1] == "#0 1 x work [東京東京東京東..."  # 30 columns, two for each of these


# --- whatever the records say ----------------------------------------------------------------------

EVIL = ["", "\x1b[2J\u202eevil", "a\r\nb", "東京" * 200, "x" * 5000, "\x9b31m", "task ", "<locals>.", "/etc/secret.py\0",
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


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("tree", [False, True])
def test_hostile_records_are_shown_harmlessly(terminal: Callable[..., list[str]], seed: int, tree: bool) -> None:
    lines = terminal(hostile(random.Random(seed)), tree=tree, width=random.Random(seed).choice([1, 20, 80]))

    assert lines[0].startswith("process 7")
    assert all(line.isprintable() and len(line) < 600 for line in lines)


def test_only_one_form_at_a_time(cli: Callable) -> None:
    code, _, err = cli("dump", "--tree", "--json")

    assert code == 3
    assert "--json: not allowed with argument --tree" in err
