"""Task dumps as the page shows them: whose code, who holds what, what changed; and none hides another."""

from __future__ import annotations

import msgspec

from lifesign.serve.shown.tasks import GROUPS, Dumps, TaskDumpView, dump_view
from lifesign.watch.sources import no_source
from support.made.dumps import dumped as made
from support.made.dumps import frame, group

LIBRARY = "/usr/lib/python3.12/asyncio/locks.py"


def shown(dumps: Dumps) -> TaskDumpView:
    view = dumps.view(no_source)
    assert view is not None
    return view


def test_a_group_has_the_user_s_own_place_and_says_whose_each_frame_is() -> None:
    stack = [frame("main", 3), frame("Desk.work", 135), frame("Lock.acquire", 114, LIBRARY)]
    one = group(0, 3, "work", stack=stack, waits_for="Lock Desk._ledger", waited_most=51.0, looked=2, trace="t1")
    view = dump_view(made(one, group(1, 1, "main", (0, 3))), None, lambda file, line: f"line {line}")
    work, main = view.groups
    assert (work.count, work.function, work.place, work.line) == (3, "Desk.work", "shop.py:135", 135)
    assert [(one.own, one.text) for one in work.stack] == [(True, "line 3"), (True, "line 135"), (False, "")]
    assert (work.waits_for, work.waited, work.looked, work.before) == ("Lock Desk._ledger", 51.0, 2, -1)
    assert main.awaits == [(0, 3)]
    assert (view.tasks, view.groups_total, view.reason, view.at, view.same) == (4, 2, "request", 13, False)
    assert view.took == 0.0124


def test_deadlocks_holders_threads_and_finished_tasks_are_named() -> None:
    held = {
        "kind": "task_primitive", "dump": "d", "index": 7, "type": "Lock", "name": "Desk._ledger", "state": "locked",
        "how": "acquire", "place": None, "waiting": [{"group": 0, "count": 3}], "held": 1,
        "holders": [{"task": "audit", "place": frame("audit", 164), "at": None}],
    }  # fmt: skip
    wait = {"type": "queue.Queue", "name": "jobs"}
    thread = {"index": 0, "count": 2, "names": ["a", "b"], "loop": False, "stack": [frame("run", 9)], "wait": wait}
    ring = [{"task": "settlement", "primitive": 7, "at": None}, {"task": "audit", "primitive": None, "at": None}]
    finished = [{"function": "job", "outcome": "raised ValueError", "message": "no", "count": 2}]
    dump = made(group(0, 3, "work"), rings=[ring], finished=finished)
    view = dump_view(dump._replace(primitives=(held,), threads=(thread,)), None, no_source)  # type: ignore[arg-type]
    assert view.rings == [[("settlement", "Lock Desk._ledger"), ("audit", "")]]
    (primitive,) = view.primitives
    assert (primitive.name, primitive.waiting, primitive.holders) == (
        "Desk._ledger",
        [(0, 3)],
        [("audit", "shop.py:164")],
    )
    assert (primitive.index, primitive.stuck, primitive.held_by) == (7, True, [])
    assert (view.threads[0].function, view.threads[0].waits_for) == ("run", "queue.Queue jobs")
    assert view.finished == ["2 x job raised ValueError: no"]


def test_who_holds_and_who_is_stuck_is_found_by_name_or_by_place() -> None:
    held = {
        "kind": "task_primitive", "dump": "d", "index": 0, "type": "Lock", "name": "", "state": "locked",
        "how": "acquire", "place": None, "waiting": [{"group": 1, "count": 1}], "held": 1,
    }  # fmt: skip
    groups = [group(0, 9, "many", names=["a", "b"]), group(1, 1, "one", names=["c"]), group(2, 1, "two", names=["c"])]
    by: list[tuple[str | None, int | None, list[int]]] = [
        ("b", None, [0]),
        ("one of nine whose name is not there", 10, [0]),
        ("c", None, []),  # two have this name
        ("c", 12, [2]),
        ("nobody", 99, []),
        (None, 10, []),  # a generator
    ]
    for task, line, expected in by:
        at = None if line is None else frame("f", line)
        lock = {**held, "holders": [{"task": task, "place": frame("f", 1), "at": at}]}
        ring = [[{"task": task or "", "primitive": None, "at": at}]]
        dump = made(*groups, rings=ring)._replace(primitives=(lock,))  # type: ignore[arg-type]
        view = dump_view(dump, None, no_source)
        assert view.primitives[0].held_by == expected, task
        assert task is None or [one.index for one in view.groups if one.stuck] == expected, task


def test_what_is_new_grown_or_gone_since_the_dump_before() -> None:
    dumps = Dumps()
    assert dumps.view(no_source) is None
    dumps.take(made(group(0, 3, "work"), group(1, 1, "audit"), id="d1"))
    first = dumps.version
    again = made(group(0, 5, "work"), group(2, 1, "fresh"), id="d2", same_as="d1")
    dumps.take(again)
    dumps.take(again)
    assert dumps.version == first + 1
    view = shown(dumps)
    assert [(one.function, one.count, one.before) for one in view.groups] == [("work", 5, 3), ("fresh", 1, 0)]
    assert [(one.function, one.place, one.count) for one in view.gone] == [("audit", "shop.py:11", 1)]
    assert view.same


def test_a_dump_whose_groups_nobody_could_read_hides_no_other() -> None:
    dumps = Dumps()
    dumps.take(made(group(0, 3, "work"), id="d1"))
    dumps.take(made(id="d2", same_as="d0", tasks=3, groups=1))
    dumps.take(None)
    assert (shown(dumps).id, len(shown(dumps).groups)) == ("d1", 1)
    dumps.take(made(id="d3"))
    assert (shown(dumps).id, shown(dumps).groups) == ("d3", []), "a process without tasks has none"


def test_a_hostile_dump_stays_within_bounds() -> None:
    endless = [frame("f" * 9_000, number, "/x" * 3_000) for number in range(200)]
    groups = [group(0, 1, "x", names=["n" * 9_000] * 100, waits_for="w" * 9_000), group(1, 1, "x", stack=endless)]
    view = dump_view(
        made(*groups, *(group(number, 1, "y", stack=[]) for number in range(2, GROUPS + 50))), None, no_source
    )
    assert len(view.groups) == GROUPS
    assert (len(view.groups[0].names), len(view.groups[0].names[0])) == (10, 2_000)
    assert len(view.groups[1].stack) == 60
    assert (view.groups[2].function, view.groups[2].place) == ("", "")
    assert len(msgspec.json.encode(view)) < 1 << 20


def test_who_is_gone_shows_the_same_dump_in_less_memory() -> None:
    dumps = Dumps()
    dumps.take(made(group(0, 3, "work"), group(1, 1, "audit"), id="d1"))
    newest = made(group(0, 5, "work", (1, 2)), id="d2", rings=[[{"task": "a", "primitive": None, "at": None}]])
    dumps.take(newest)
    before, version = dumps.view(no_source), dumps.version
    dumps.pack()
    dumps.take(newest)  # it was looked at again, and gone again
    dumps.pack()
    assert (dumps.dump, dumps.view(no_source), dumps.version) == (None, before, version)
    assert 0 < dumps.packed < 1000
    dumps.drop()
    assert (dumps.view(no_source), dumps.packed) == (None, 0)
