"""What is wrong with threads, named with the user's own line, on every Python at hand; what only looks so is not."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.built import PYTHONS
from support.illnesses import explained
from support.illnesses.explained import why
from support.paths import VICTIMS
from support.waiting import eventually

PROGRAM = VICTIMS / "threads.py"
line_of = partial(explained.line_of, PROGRAM)
PROMISE = {"LIFESIGN_EVENTS": "order=1s", "LIFESIGN_HEARTBEAT_TIMEOUT": "1s"}
NEWEST, *OLDER = reversed(PYTHONS)

# The name of the victim, the state and the cause, where it stands, and what the sentence must say.
ILL = [
    ("lock-of-another", "blocked", "thread-lock", "the loop waits", "DESK.stock, which thread clerk probably holds"),
    ("rlock-of-another", "blocked", "thread-lock", "the loop waits for an RLock", "which thread clerk holds"),
    ("imported-elsewhere", "blocked", "thread-lock", "what a thread imports", "slow_to_import, which thread loader"),
    ("tries-first", "blocked", "thread-lock", "the second time", "DESK.stock, which thread clerk probably holds"),
    ("held-by-a-task", "blocked", "self-wait", "that its own task holds", "which task holding of the same event loop"),
    ("own-result", "blocked", "self-wait", "of its own loop", "which only its own event loop can bring"),
    ("job-that-asks-the-loop", "blocked", "deadlock", "the job", "which thread rows_0 runs; that one is in"),
    ("slow-job", "blocked", "blocking-call", "a slow job", "which thread rows_0 runs; that one is in Desk.load"),
    ("empty-queue", "blocked", "blocking-call", "an order", "an item of the queue.Queue DESK.orders (empty)"),
    ("two-orders", "silent", "deadlock", "one after the other", "the threading.RLock Desk."),
    ("nested-jobs", "silent", "executor-full", "behind itself", "the executor rows: 2 of 2 threads busy"),
    ("full", "silent", "executor-full", "loads", "the default executor: 3 of 3 threads busy, 5 jobs wait"),
    ("stopped-loop", "silent", "loop-ended", "nobody runs it", "a coroutine handed to an event loop that has stopped"),
    ("full-of-c", "silent", "executor-full", None, "3 of 3 threads busy, 5 jobs wait: 3 in time.sleep; 8 x "),
]
# How a call and a block look in bytecode, and where the interpreter says that it is, changes with nearly every version.
_SHAPES = ("lock-of-another", "job-that-asks-the-loop", "imported-elsewhere", "tries-first", "full-of-c")
SHAPES = [one for one in ILL if one[0] in _SHAPES]


@pytest.mark.parametrize(
    ("name", "state", "word", "comment", "said", "version"),
    [(*one, NEWEST) for one in ILL] + [(*one, version) for one in SHAPES for version in OLDER],
)
def test_what_a_thread_waits_for_is_named_with_who_keeps_it(
    name: str, state: str, word: str, comment: str | None, said: str, version: str, tmp_path: Path
) -> None:
    with explained.ready([PYTHONS[version], str(PROGRAM), name], tmp_path, PROMISE):
        seen: dict[str, Any] = {}

        def there() -> bool:
            seen.update(why(tmp_path))
            return seen["state"] == state and bool(seen["causes"])

        eventually(there, 30.0)
    first = seen["causes"][0]
    at = (str(PROGRAM), line_of(comment)) if comment is not None else ("", 0)
    assert (first["word"], first["file"] or "", first["line"] or 0) == (word, *at)
    assert said in first["sentence"]


@pytest.mark.parametrize(
    ("name", "version"),
    [(name, NEWEST) for name in ("lock-for-a-moment", "one-order", "busy", "other-loop")]
    # Threads and tasks that wait for one lock all the time: what is read of them one by one is not true at once.
    + [("contended", version) for version in PYTHONS],
)
def test_threads_that_get_on_have_no_cause_of_anything(name: str, version: str, tmp_path: Path) -> None:
    with explained.ready([PYTHONS[version], str(PROGRAM), name], tmp_path, PROMISE):
        for seen in explained.looks(tmp_path, 5):
            assert (seen["state"], seen["causes"]) == ("healthy", [])
