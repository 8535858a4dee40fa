"""What becomes more and more, as a sentence: items of a queue, and bytes that wait to be sent."""

from __future__ import annotations

from typing import Any

from lifesign.judge.causes.cause import causes
from lifesign.judge.causes.findings import Dump, Findings
from support.rows import rows

PUTS = {"function": "produce", "file": "/srv/shop/feed.py", "line": 8}
TAKES = {"function": "consume", "file": "/srv/shop/feed.py", "line": 12}
ITEMS = {
    "type": "Queue", "name": "Feed.ticks", "size": 48210, "before": 12000, "seconds": 60.0, "takes": TAKES, "puts": PUTS
}  # fmt: skip
BYTES = {**ITEMS, "type": "bytes", "name": "a client", "size": 34_200_000, "before": 12_000_000}
QUEUE = "48210 items in the Queue Feed.ticks, which has no limit, up from 12000 within 60 s, and never fewer in between"
SENT = "34.2 MB wait to be sent"
SINCE = ", up from 12.0 MB within 60 s, and never less in between"


THREADS = {**ITEMS, "type": "thread", "name": "Desk.watch", "size": 446, "before": 54, "takes": None}
EXECUTORS = "probably a leak of executors: 446 executors, each with threads of its own, are not shut down"
LEAK = "probably a leak of threads: 446 threads"


@rows(
    "one, sentence, place",
    [
        (THREADS, f"{LEAK} of Desk.watch (feed.py:8); 54 of them 60 s ago, and never fewer since", PUTS),
        ({**THREADS, "puts": None}, f"{LEAK} of Desk.watch; 54 of them 60 s ago, and never fewer since", None),
        (
            {**THREADS, "type": "executor", "name": "", "puts": None},
            f"{EXECUTORS}; 54 of them 60 s ago, and never fewer since",
            None,
        ),
    ],
)
def test_threads_and_executors_that_only_become_more(one: Any, sentence: str, place: Any) -> None:
    summary: Any = {"rings": [], "finished": [], "still": None, "end": 1, "backlogs": [one]}
    (cause,) = causes(Findings("healthy", Dump(summary)))
    assert (cause.word, cause.sentence, cause.place) == ("thread-leak", sentence, place)


@rows(
    "one, sentence, place",
    [
        (ITEMS, f"{QUEUE}: filled in produce (feed.py:8), emptied in consume (feed.py:12)", TAKES),
        ({**ITEMS, "takes": None}, f"{QUEUE}: filled in produce (feed.py:8)", PUTS),
        ({**ITEMS, "takes": None, "puts": None}, QUEUE, None),
        ({**ITEMS, "name": "", "takes": None, "puts": None}, QUEUE.replace("the Queue Feed.ticks", "a Queue"), None),
        (BYTES, f"{SENT} to a client{SINCE}", None),
        ({**BYTES, "name": "server at port 80"}, f"{SENT} to the server at port 80{SINCE}", None),
        ({**BYTES, "name": ""}, f"{SENT}{SINCE}", None),
    ],
)
def test_what_only_grows_is_said_in_any_state(one: Any, sentence: str, place: Any) -> None:
    summary: Any = {"rings": [], "finished": [], "still": None, "end": 1, "backlogs": [one]}
    for state in ("healthy", "silent"):
        (cause,) = causes(Findings(state, Dump(summary)))
        assert (cause.word, cause.sentence, cause.place) == ("backlog", sentence, place)
    assert causes(Findings("dead", Dump(summary))) == []
