"""What a process was stuck in when it was killed, by a verdict's readings and as a cause."""

from __future__ import annotations

from typing import Any

from lifesign.judge.causes.cause import causes
from lifesign.judge.causes.findings import Cause, Findings

RENDER = {"function": "render", "file": "/srv/shop/service.py", "line": 4}
STALL: Any = {"busy": False, "stack": [RENDER], "samples": 30, "in_place": 30, "computing": 0}
ERROR: Any = {"type": "ValueError", "message": "no price", "stack": ""}


def test_a_process_that_was_killed_while_its_loop_was_blocked() -> None:
    sentence = (
        "it was killed while blocked: the loop's thread is waiting in render (service.py:4); 30 of 30 samples in render"
    )
    assert causes(Findings("dead", stalls=(STALL,))) == [Cause("blocking-call", sentence, RENDER)]


def test_one_that_ended_by_itself_was_not() -> None:
    assert causes(Findings("dead")) == []
    assert [cause.word for cause in causes(Findings("dead", stalls=(STALL,), error=ERROR))] == ["uncaught-exception"]


def test_what_a_blocked_thread_has_asked_the_kernel_for() -> None:
    stuck: Any = {**STALL, "call": "writes to stdout, a pipe"}
    (cause,) = causes(Findings("blocked", stalls=(stuck,)))
    assert cause.sentence == (
        "the loop's thread is waiting in render (service.py:4): it writes to stdout, a pipe; 30 of 30 samples in render"
    )
    computes: Any = {**stuck, "busy": True}
    (cause,) = causes(Findings("blocked", stalls=(computes,)))
    assert "stdout" not in cause.sentence
