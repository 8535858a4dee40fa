"""Waits for the other end of a connection, or of a pipe, by what the agent saw of it."""

from __future__ import annotations

from typing import Any

from lifesign.judge.causes.cause import causes
from lifesign.judge.causes.findings import Dump, Findings
from support.rows import rows

ASKS: Any = {
    "index": 0, "count": 1, "awaits": [], "states": {"waiting": 1}, "waited_most": 51.0, "waited_least": 51.0,
    "time_left": None, "keeps_the_loop": False,
    "stack": [{"function": "ask", "file": "/srv/shop/service.py", "line": 9},
              {"function": "wait", "file": "/usr/lib/python3.12/asyncio/streams.py", "line": 5}],
}  # fmt: skip
WHO = "1 x ask waits (service.py:9, for 51 s)"
CLOSES = f"{WHO} for a server to close: 2 connections of it are open"
OUTPUT = f"{WHO} for the end of the output of a child process: pid 7, has ended; another process has it open"
CASES = [
    ("StreamWriter", "a client", "drain", f"probably a client takes nothing: {WHO} for it, without a timeout"),
    ("StreamReader", "a client", "readline", None),  # of a client nobody expects that it speaks
    (
        "socket",
        "",
        "sock_connect",
        f"probably nobody answers who is to be connected to: {WHO} for it, without a timeout",
    ),
    ("socket", "", "sock_recv", None),
    ("Server", "2 connections of it are open", "wait_closed", CLOSES),
    ("Server", "", "wait_closed", None),  # it is not closed: it serves
    (
        "subprocess",
        "pid 7, has ended",
        "wait",
        f"{OUTPUT}, without a timeout",
    ),
]  # fmt: skip


@rows("kind, state, how, sentence", CASES)
def test_what_the_other_end_does_not_do(kind: str, state: str, how: str, sentence: str | None) -> None:
    one: Any = {
        "index": 0, "type": kind, "name": "", "state": state, "how": how, "place": ASKS["stack"][0],
        "waiting": [{"group": 0, "count": 1}], "holders": [], "held": None,
    }  # fmt: skip
    summary: Any = {"rings": [], "finished": [], "still": None, "end": 100_000_000_000}
    found = causes(Findings("silent", Dump(summary, (ASKS,), (one,))))
    assert [cause.sentence for cause in found] == ([] if sentence is None else [sentence])
    assert causes(Findings("healthy", Dump(summary, (ASKS,), (one,)))) == []
