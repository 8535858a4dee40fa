"""`lifesign check`: the answer to this very request, as lines or as JSON, and its exit code.

A real service answers in `e2e/commands/test_check_command.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lifesign.wire import layout
from support.commands import processes
from support.made.answers import answering
from support.mainprocess import Main, report


def reports(**result: Any) -> Callable[[int], list[dict[str, Any]]]:
    """An earlier report, and one for the request."""
    return lambda asked: [report(), {**report(end=1_500_001, **result), "request": asked}]


@pytest.mark.parametrize(
    ("result", "code", "lines"),
    [
        ({"passed": True, "reason": ""}, 0, ["desk.py 4242: all passed (1 check)", "  ok      db (1.5 ms)"]),
        ({}, 1, ["desk.py 4242: Post-conditions failed: db: gone", "  failed  db (1.5 ms): gone"]),
        ({"critical": False}, 1, ["desk.py 4242: Post-conditions failed: db: gone", "  warning db (1.5 ms): gone"]),
    ],
)
def test_each_check_is_a_line(
    cli: Callable[..., Any], main: Callable[..., Main], run: Path, result: dict[str, Any], code: int, lines: list[str]
) -> None:
    with answering(main(), layout.REQUEST_CHECKS, reports(**result)):
        ended = cli("check", "--dir", str(run))
    assert (ended.code, ended.out.splitlines(), ended.err) == (code, lines, "")


def test_as_json(cli: Callable[..., Any], main: Callable[..., Main], run: Path) -> None:
    with answering(main(), layout.REQUEST_CHECKS, reports()):
        code, out, _ = cli("check", "--json", "4242", "--dir", str(run))
    (shown,) = processes(out)
    assert (code, shown["pid"], shown["report"]["request"], shown["report"]["passed"]) == (1, 4242, 1, False)


def test_who_does_not_answer(cli: Callable[..., Any], main: Callable[..., Main], run: Path) -> None:
    main()
    code, out, err = cli("check", "--timeout", "0.01", "--dir", str(run))
    assert (code, out) == (2, "")
    assert "process 4242 did not answer within 0.01 s" in err
