"""Task dumps made by hand, and how `lifesign dump` shows them."""

from __future__ import annotations

import contextlib
import io
import os
import re
from typing import Any
from unittest import mock

from lifesign.cli import dump
from lifesign.cli.query.request import Answer
from lifesign.judge.causes.findings import Dump

QUEUES = "/nowhere/lib/python3.11/asyncio/queues.py"
_STYLES = re.compile(r"\x1b\[[0-9;]*m")


def frame(function: str, line: int, file: str = "/nowhere/shop.py") -> dict[str, Any]:
    return {"function": function, "file": file, "line": line}


def group(index: int, count: int, function: str, *awaits: tuple[int, int], **more: Any) -> dict[str, Any]:
    """`awaits` are pairs of another group's index and a count."""
    return {
        "kind": "task_group", "dump": "d", "index": index, "count": count, "looked": count,
        "waited_most": None, "waited_least": None, "time_left": None, "keeps_the_loop": False,
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
        "counts": [], "cycles": [], "rings": [], "finished": [], "still": None, **more,
    }  # fmt: skip
    return Answer(summary, list(groups), Dump(summary, groups))  # type: ignore[arg-type]


def dumped(*groups: Any, **more: Any) -> Dump:
    """The same as the sidecar has it."""
    whole = answer(*groups, **more).whole
    assert whole is not None
    return whole


class _Output(io.TextIOWrapper):
    def __init__(self, encoding: str, *, is_terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def _shown(shown: Answer, tree: bool, output: _Output) -> list[str]:
    with contextlib.redirect_stdout(output):
        dump.show("shop.py 7", shown, as_tree=tree)
    output.flush()
    return output.buffer.getvalue().decode(output.encoding).splitlines()  # type: ignore[attr-defined]


def piped(shown: Answer, *, tree: bool = False) -> list[str]:
    """The lines that a pipe gets."""
    return _shown(shown, tree, _Output("utf-8", is_terminal=False))


def on_terminal(shown: Answer, *, tree: bool = False, width: int = 80, encoding: str = "utf-8") -> list[str]:
    """The lines that a terminal gets, without their styles."""
    return [_STYLES.sub("", line).rstrip() for line in styled(shown, tree=tree, width=width, encoding=encoding)]


def styled(shown: Answer, *, tree: bool = False, width: int = 200, encoding: str = "utf-8") -> list[str]:
    """The lines that a terminal gets, as it gets them."""
    with mock.patch.dict(os.environ, {"COLUMNS": str(width), "TERM": "xterm"}):
        return _shown(shown, tree, _Output(encoding, is_terminal=True))
