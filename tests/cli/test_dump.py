"""`lifesign dump`: whom it asks, what it waits for, what it shows.

A real service answers in `e2e/dumps/test_looking.py`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lifesign.cli.query.request import longer
from lifesign.wire import folder, layout, reader
from lifesign.wire.reader import PulseReader
from support.commands import processes
from support.made.answers import answering
from support.mainprocess import Main

MakeMain = Callable[..., Main]


def group(dump: str, index: int, count: int, function: str, names: list[str], waits_for: str = "") -> dict[str, Any]:
    stack = [{"function": function, "file": "/app/desk.py", "line": 7 + index}]
    return {
        "kind": "task_group",
        "dump": dump,
        "index": index,
        "count": count,
        "stack": stack,
        "names": names,
        "states": {"waiting": count},
        "waits_for": waits_for,
        "looked": count,
        "waited_most": None,
        "time_left": None,
        "keeps_the_loop": False,
        "waited_least": None,
        "awaits": [],
        "oldest": None,
        "newest": None,
        "origin": [],
        "trace": None,
        "span": None,
        "at": 0,
    }


def records(request: int) -> list[dict[str, Any]]:
    """The answer to a request: six tasks in two groups, and what else stands in a ring."""
    dump = f"{request:016x}"
    summary = {
        "kind": "task_dump",
        "id": dump,
        "reason": "request",
        "request": request,
        "start": 0,
        "end": 2_000_000,
        "tasks": 6,
        "groups": 2,
        "omitted": 0,
        "same_as": None,
        "counts": [],
        "cycles": [],
        "rings": [],
        "finished": [],
        "still": None,
    }
    return [
        {"kind": "no such kind"},
        group("of another dump", 0, 9, "elsewhere", ["Task-99"]),
        {**summary, "id": "another", "request": 0},
        group(dump, 0, 5, "wait_for_orders", ["order-0", "\x1b[2J\u202eevil"], "Future"),
        group(dump, 1, 1, "main", ["Task-1"]),
        summary,
    ]


def test_groups_are_shown_with_where_they_wait(cli: Callable, main: MakeMain, run: Path) -> None:
    with answering(main(), layout.REQUEST_DUMP, records):
        code, out, err = cli("dump", "--dir", str(run), "4242")

    assert (code, err) == (0, "")
    assert out.startswith("desk.py 4242: 6 tasks in 2 groups, ")
    assert out.index("#0  5 x wait_for_orders") < out.index("#1  1 x main")
    assert "\\x1b[2J\\u202eevil" in out
    assert "elsewhere" not in out


def test_the_tree_has_a_line_a_group(cli: Callable, main: MakeMain, run: Path) -> None:
    with answering(main(), layout.REQUEST_DUMP, records):
        code, out, _ = cli("dump", "--dir", str(run), "--tree")

    assert code == 0
    assert out.splitlines()[2].startswith("#0 5 x wait_for_orders [order-0, ")


def test_the_answer_to_this_very_request_is_taken(cli: Callable, main: MakeMain, run: Path) -> None:
    with answering(main(), layout.REQUEST_DUMP, records):
        first, second = (processes(cli("dump", "--dir", str(run), "--json").out)[0] for _ in range(2))

    assert [answer["dump"]["request"] for answer in (first, second)] == [1, 2]
    assert (second["pid"], second["dump"]["id"]) == (4242, "0000000000000002")
    assert [(group["dump"], group["count"]) for group in second["groups"]] == [
        (second["dump"]["id"], n) for n in (5, 1)
    ]


def test_no_answer_is_waited_for_no_longer_than_said(cli: Callable, main: MakeMain, run: Path) -> None:
    main()

    code, out, err = cli("dump", "--dir", str(run), "--timeout", "0.02")

    assert (code, out) == (2, "")
    assert err.startswith("lifesign: process 4242 did not answer within 0.02 s\n  try: ")


@pytest.mark.parametrize(("tasks", "seconds"), [(0, 0.0), (50_000, 5.0), (2_000_000, 10.0)])
def test_where_there_are_many_tasks_a_dump_is_waited_for_longer(main: MakeMain, tasks: int, seconds: float) -> None:
    made = main()
    made.beat(tasks=tasks)
    with contextlib.closing(PulseReader(os.open(made.folder, os.O_RDONLY))) as reader:
        assert longer(reader) == pytest.approx(seconds)


def test_all_of_several_processes_are_asked_unless_one_is_named(cli: Callable, main: MakeMain, run: Path) -> None:
    one, another = main(), main("4343-00000002")
    with answering(one, layout.REQUEST_DUMP, records), answering(another, layout.REQUEST_DUMP, records):
        for named, pids in (([], [4242, 4343]), (["4343"], [4343]), (["desk.py"], [4242, 4343])):
            code, out, err = cli("dump", "--dir", str(run), *named, "--json")
            assert (code, err, [one["pid"] for one in processes(out)]) == (0, "", pids)
        out = cli("dump", "--dir", str(run)).out
    assert out.startswith("desk.py 4242: ")
    assert out.count("\n\ndesk.py 4343: ") == 1


def test_who_does_not_answer_among_several_is_said_after_those_that_do(
    cli: Callable, main: MakeMain, run: Path
) -> None:
    main()
    with answering(main("4343-00000002"), layout.REQUEST_DUMP, records):
        code, out, err = cli("dump", "--dir", str(run), "--timeout", "0.2")
    assert code == 2
    assert out.startswith("desk.py 4343: 6 tasks")
    assert err.startswith("lifesign: process 4242 did not answer within 0.2 s\n")


def test_a_process_that_ends_meanwhile_is_not_called_frozen(cli: Callable, main: MakeMain, run: Path) -> None:
    service = main()

    def ends(_request: int) -> list[dict[str, Any]]:
        service.die()
        return []

    with answering(service, layout.REQUEST_DUMP, ends):
        code, out, err = cli("dump", "--dir", str(run), "--timeout", "60")  # nobody waits for who is gone
    assert (code, out) == (1, "")
    assert err == "lifesign: process 4242 has ended, or is watched no longer\n  try: lifesign status\n"


def test_only_who_lives_can_be_asked(cli: Callable, main: MakeMain, run: Path) -> None:
    main()
    main("4343-00000002").die()
    (run / "4444-00000003").mkdir()
    (run / "4545-00000004").symlink_to(run / "4242-00000001")

    for pid in ("4343", "4444", "4545"):
        code, _, err = cli("dump", "--dir", str(run), pid)
        assert (code, err) == (
            1,
            f"lifesign: no living process {pid} is watched in {run}\n  try: one of 4242 (desk.py)\n",
        )


def test_nobody_at_all_is_watched(cli: Callable, run: Path) -> None:
    assert cli("dump", "--dir", str(run)) == (
        1,
        "",
        f"lifesign: no living process is watched in {run}\n  try: lifesign run -- CMD\n",
    )


@pytest.mark.parametrize(
    ("raised", "code", "says"),
    [
        (PermissionError(13, "Permission denied"), 3, "you may not write to the pulse"),
        (folder.PulseError("it ends too early"), 1, "cannot be read: it ends too early"),
    ],
)
def test_a_pulse_that_cannot_be_asked(
    cli: Callable,
    main: MakeMain,
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    code: int,
    says: str,
) -> None:
    main()

    def request(_reader: object, _word: int) -> int:
        raise raised

    monkeypatch.setattr(reader.PulseReader, "request", request)

    ended = cli("dump", "--dir", str(run))
    assert ended.code == code
    assert says in ended.err
