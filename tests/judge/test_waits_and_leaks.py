"""Causes outside of the process, no progress without a promise, and leaks; each beside one that only looks like it."""

from __future__ import annotations

from typing import Any

from lifesign.judge.causes.cause import causes
from lifesign.judge.causes.findings import Cause, Dump, Findings, TasksSeen
from support.rows import rows

SHOP = "/srv/shop/service.py"
ASYNCIO = "/usr/lib/python3.11/asyncio/streams.py"
PACKAGE = "/srv/.venv/lib/python3.11/site-packages/redis/client.py"
SERVER = PACKAGE.replace("redis", "uvicorn")


def at(function: str, line: int, file: str = SHOP) -> dict[str, Any]:
    return {"function": function, "file": file, "line": line}


def group(index: int, count: int, *stack: dict[str, Any], **more: Any) -> dict[str, Any]:
    waited = {"waited_most": 51.0, "waited_least": 51.0, "time_left": None, "keeps_the_loop": False}
    return {"index": index, "count": count, "awaits": [], "origin": [], "stack": list(stack), **waited, **more}


def primitive(type_: str, name: str, state: str, how: str, *waiting: tuple[int, int]) -> dict[str, Any]:
    edges = [{"group": index, "count": count} for index, count in waiting]
    place = at("work", 9)
    known = {"index": 0, "type": type_, "name": name, "state": state, "how": how, "place": place}
    return {**known, "waiting": edges, "holders": [], "held": None}


def found(state: str, groups: Any, *primitives: Any, **summary: Any) -> dict[str, Cause]:
    record: Any = {"rings": [], "finished": [], "still": None, "end": 100_000_000_000, **summary}
    return {one.word: one for one in causes(Findings(state, Dump(record, tuple(groups), primitives)))}


ASKS = [at("Shop.ask", 9), at("StreamReader.readline", 5, ASYNCIO)]
CASES = [
    (
        "lost-future",
        primitive("Future", "", "nothing else refers to it", "await", (0, 1)),
        "1 x Shop.ask waits (service.py:9, for 51 s) for a Future that nothing else refers to",
    ),
    (
        "future-pending",
        primitive("Future", "Shop.pending[...]", "", "await", (0, 1)),
        "probably nobody resolves the Future Shop.pending[...]: 1 x Shop.ask waits (service.py:9, for 51 s) for it",
    ),
    (
        "barrier",
        primitive("Barrier", "Shop.start", "2 of 3 there", "wait", (0, 1)),
        "1 x Shop.ask waits (service.py:9, for 51 s) at the Barrier Shop.start for more to come: 2 of 3 there",
    ),
    (
        "child-process",
        primitive("subprocess", "", "ffmpeg, pid 7, alive", "wait", (0, 1)),
        "1 x Shop.ask waits (service.py:9, for 51 s) for a child process: ffmpeg, pid 7, alive, without a timeout",
    ),
    (
        "child-process",
        primitive("StreamReader", "", "a pipe of ffmpeg, pid 7, alive", "readline", (0, 1)),
        "1 x Shop.ask waits (service.py:9, for 51 s) for a child process: ffmpeg, pid 7, alive, without a timeout",
    ),
    (
        "dns",
        primitive("DNS lookup", "", "", "getaddrinfo", (0, 1)),
        "1 x Shop.ask waits (service.py:9, for 51 s) for an answer of DNS (getaddrinfo), without a timeout",
    ),
    (
        "peer-silent",
        primitive("StreamReader", "", "server at port 6379", "readline", (0, 1)),
        (
            "probably the server at port 6379 sends nothing: 1 x Shop.ask waits (service.py:9, for 51 s) for it, "
            "without a timeout"
        ),
    ),
    (
        "event-not-set",
        primitive("Event", "Shop.ready", "not set", "wait", (0, 1)),
        "probably nobody sets the Event Shop.ready: 1 x Shop.ask waits (service.py:9, for 51 s)",
    ),
]


@rows(("word", "waited", "sentence"), CASES)
def test_a_wait_that_something_else_has_to_end(word: str, waited: Any, sentence: str) -> None:
    main = group(2, 1, at("main", 3), awaits=[{"group": 1, "count": 1}], keeps_the_loop=True)
    order = group(1, 1, at("order", 5), awaits=[{"group": 0, "count": 1}])
    asks = group(0, 1, *ASKS)
    seen = found("silent", [asks, order, main], waited)
    assert {word: cause.sentence for word, cause in seen.items()} == {word: sentence}
    assert seen[word].place == at("work", 9)
    assert seen[word].evidence == ("behind it: 1 x order waits (service.py:5)",)
    assert found("healthy", [asks, main], waited) == {}
    assert found("blocked", [asks, main], waited) == {}


def test_what_is_left_of_a_timeout_is_said() -> None:
    waited = primitive("DNS lookup", "", "", "getaddrinfo", (0, 1))
    seen = found("silent", [group(0, 1, *ASKS, time_left=77.4)], waited)
    assert "for 51 s, 77 s left" in seen["dns"].sentence
    assert "without a timeout" not in seen["dns"].sentence


def test_a_child_is_waited_for_by_the_user_and_not_by_the_reader_of_its_pipe() -> None:
    reads = group(1, 1, at("Process._read_stream", 5, ASYNCIO))
    child = primitive("subprocess", "", "sh, pid 7, alive", "_read_stream", (1, 1), (0, 1))
    assert found("silent", [group(0, 1, *ASKS), reads], child)["child-process"].sentence == (
        "1 x Shop.ask waits (service.py:9, for 51 s) for a child process: sh, pid 7, alive, without a timeout"
    )


def test_a_long_sleep_and_a_short_one() -> None:
    sleep = primitive("sleep", "", "", "sleep", (0, 1))
    seen = found("silent", [group(0, 1, at("poll", 7), at("sleep", 6, ASYNCIO), time_left=3540.0)], sleep)
    assert seen["long-sleep"].sentence == (
        "probably a sleep that is too long: 1 x poll waits (service.py:7, for 51 s, 3540 s left)"
    )
    assert found("silent", [group(0, 1, at("poll", 7), at("sleep", 6, ASYNCIO), time_left=0.4)], sleep) == {}


def test_waits_that_any_service_has_are_no_cause() -> None:
    other = group(1, 1, at("Shop.work", 3))
    stop = primitive("Event", "stop", "not set", "wait", (0, 1))
    assert found("silent", [group(0, 1, *ASKS, keeps_the_loop=True), other], stop) == {}  # the end of the program
    inside = [at("Shop.ask", 9), at("Pool.get", 5, PACKAGE), at("Event.wait", 5, ASYNCIO)]
    assert [*found("silent", [group(0, 1, *inside), other], stop)] == ["package-call"]  # its event is the package's own
    assert found("silent", [group(0, 1, *inside[1:]), other], stop) == {}  # a task of the package's own
    client = primitive("StreamReader", "", "a client", "readline", (0, 1))
    assert found("silent", [group(0, 1, *ASKS), other], client) == {}
    lifespan = [at("app", 9), at("LifespanOn.receive", 5, SERVER), at("Queue.get", 5, ASYNCIO)]
    queue = primitive("Queue", "", "empty", "get", (0, 1))
    assert found("silent", [group(0, 1, *lifespan), other], queue) == {}
    assert found("silent", [group(0, 1, *lifespan[2:]), other], queue) == {}


def test_the_task_that_wait_for_makes_before_3_12_is_the_users_own() -> None:
    queue = primitive("Queue", "", "empty", "get", (0, 1))
    inner = group(0, 1, at("Queue.get", 5, ASYNCIO))
    outer = group(1, 1, at("Shop.work", 3), at("wait_for", 5, ASYNCIO), awaits=[{"group": 0, "count": 1}])
    assert list(found("silent", [inner, outer], queue)) == ["queue-empty"]


LOCK = {
    **primitive("Lock", "Shop.ledger", "locked", "acquire", (0, 2)),
    "holders": [{"task": "writer", "place": at("Shop.write", 30), "at": at("Shop.write", 31)}],
}


def test_without_a_promise_a_service_in_which_nothing_moves_is_probably_stuck() -> None:
    groups = [group(0, 2, at("Shop.read", 9), at("Lock.acquire", 5, ASYNCIO), waited_most=75.3, waited_least=75.3)]
    seen = found("healthy", groups, LOCK, still=75.3)
    assert seen["no-progress"].sentence == (
        "probably stuck: nothing that waits has moved for 75 s; "
        "writer holds the Lock Shop.ledger in Shop.write (service.py:30) and is at service.py:31; "
        "2 x Shop.read wait (service.py:9, for 75 s) for it"
    )
    assert seen["no-progress"].place == at("Shop.write", 31)
    assert found("healthy", groups, LOCK, still=None) == {}
    come_and_go = [group(0, 2, at("Shop.read", 9), waited_most=29.0, waited_least=3.0, time_left=1.0)]
    assert found("healthy", come_and_go, LOCK, still=75.3) == {}
    leads = group(1, 1, at("Shop.write", 31), at("sleep", 6, ASYNCIO), waited_most=3.0, waited_least=3.0, time_left=2.0)
    assert found("healthy", [*groups, leads], LOCK, still=75.3) == {}
    idle = primitive("Queue", "Shop.orders", "empty", "get", (0, 2))
    assert found("healthy", groups, idle, still=75.3) == {}
    assert "no-progress" not in found("silent", groups, LOCK, still=75.3)


def test_a_queue_that_serves_as_a_pool_and_one_that_is_only_empty() -> None:
    handle = [group(0, 30, at("handle", 9), waited_most=75.0), group(1, 10, at("handle", 11))]
    pool = primitive("Queue", "Pool.q", "empty", "get", (0, 30), (1, 10))
    seen = found("healthy", handle, pool, still=75.0)
    assert "the Queue Pool.q is a pool that is used up" in seen["no-progress"].sentence
    assert seen["no-progress"].place == at("handle", 11)
    assert list(found("silent", handle, pool)) == ["pool-exhausted"]
    workers = [group(0, 30, at("work", 9)), group(1, 10, at("other", 11))]
    assert found("healthy", workers, pool, still=75.0) == {}
    assert list(found("silent", workers, pool)) == ["queue-empty"]


END_OF_ALL = "5 taken and not marked by task_done(), 0 in it, 3 wait for an item"


@rows(
    ("state", "said"),
    [
        (
            END_OF_ALL,
            (
                "5 items of the Queue Shop.q were taken and not marked by task_done(), and whoever takes from it waits "
                "for the next one: 1 x close waits (service.py:20, for 51 s) in join()"
            ),
        ),
        (
            "1 taken and not marked by task_done(), 7 in it, 0 wait for an item",
            (
                "1 item of the Queue Shop.q was taken and not marked by task_done(), 7 are still in it: "
                "1 x close waits (service.py:20, for 51 s) in join()"
            ),
        ),
        (
            "0 taken and not marked by task_done(), 1 in it, 0 wait for an item",
            "nobody takes the 1 item in the Queue Shop.q: 1 x close waits (service.py:20, for 51 s) in join()",
        ),
        ("", ""),
    ],
)
def test_who_waits_for_the_end_of_a_queue_waits_for_no_item(state: str, said: str) -> None:
    groups = [group(0, 1, at("close", 20), at("Queue.join", 5, ASYNCIO)), group(1, 3, at("work", 9))]
    join = primitive("Queue", "Shop.q", state, "join", (0, 1))
    items = primitive("Queue", "Shop.q", "empty", "get", (1, 3))
    seen = found("silent", groups, items, join)
    assert {word: cause.sentence for word, cause in seen.items()} == ({"queue-join": said} if said else {})
    assert found("healthy", groups, items, join) == {}


def test_connections_to_one_server_are_one_cause() -> None:
    asked = [primitive("HTTP connection", "", "server at port 80", "start", (0, 1)) for _ in range(3)]
    other = primitive("HTTP connection", "", "server at port 81", "start", (0, 1))
    record: Any = {"rings": [], "finished": [], "still": None, "end": 1}
    seen = causes(Findings("silent", Dump(record, (group(0, 4, *ASKS),), (*asked, other))))  # type: ignore[arg-type]
    silent = "probably the server at port {} sends nothing: {} (service.py:9, for 51 s) for it, without a timeout"
    assert [one.sentence for one in seen] == [
        silent.format(80, "3 x Shop.ask wait"),
        silent.format(81, "1 x Shop.ask waits"),
    ]


@rows(
    ("fresh", "overdue", "is_said"),
    [
        ({"waited_most": 0.0}, 60, False),
        ({"waited_most": 13.0}, 60, False),
        ({"waited_most": 0.0}, 15, True),  # it may be the wait that made the event overdue
        ({"waited_most": 40.0}, 60, True),
        ({"waited_most": 0.0, "time_left": 3.0}, 60, True),  # it is tried again and again
        ({"waited_most": None}, 60, True),
        ({"waited_most": 0.0}, 0, True),
    ],
)
def test_what_goes_on_since_an_event_is_overdue_is_no_cause(fresh: Any, overdue: int, is_said: bool) -> None:
    groups = [
        group(0, 2, at("feed", 9), **{"waited_least": 0.0, **fresh}),
        group(1, 1, at("main", 3), waited_most=14.0, waited_least=14.0),
    ]
    groups += [group(2, 1, at("poll", 4), waited_most=30.0, waited_least=28.0)]
    queue = primitive("Queue", "Shop.q", "full, 5 of 5", "put", (0, 2))
    record: Any = {"rings": [], "finished": [], "still": None, "end": 100_000_000_000}
    since = overdue and 100_000_000_000 - overdue * 1_000_000_000
    seen = causes(Findings("silent", Dump(record, tuple(groups), (queue,)), overdue=since))  # type: ignore[arg-type]
    assert [one.word for one in seen] == (["queue-full"] if is_said else [])


def test_ten_queues_of_one_line_are_one_sentence() -> None:
    queues = [primitive("Queue", "", "empty", "get", (n, 1)) for n in range(10)]
    groups = [group(n, 1, at("write", 6), waited_most=50.0 + n) for n in range(10)]
    record: Any = {"rings": [], "finished": [], "still": None, "end": 1}
    (one,) = causes(Findings("silent", Dump(record, tuple(groups), tuple(queues))))  # type: ignore[arg-type]
    assert one.evidence == ("and 9 more like this",)


def seen_at(seconds: int, unfinished: int, finished: int, fewest: int | None = None) -> TasksSeen:
    return TasksSeen(seconds * 1_000_000_000, {"Hub.push": unfinished}, {"Hub.push": finished}, fewest)


def leak(*earlier: TasksSeen, unfinished: int, finished: int, fewest: int | None = None) -> list[Cause]:
    kinds = [{"function": "Hub.push", "outcome": "returned dict", "message": "", "count": finished}]
    record: Any = {"rings": [], "finished": kinds, "still": None, "end": 100_000_000_000, "fewest": fewest}
    groups: Any = (group(0, unfinished, at("Hub.push", 5)),)
    return causes(Findings("healthy", Dump(record, groups), earlier=earlier))


def test_finished_tasks_that_are_kept() -> None:
    (cause,) = leak(seen_at(10, 3, 1000), seen_at(40, 3, 2000), unfinished=3, finished=4400)
    assert cause.word == "finished-retained"
    assert cause.sentence == (
        "probably a leak: something keeps 4400 finished tasks of Hub.push; 1003 of them 90 s ago, and never fewer since"
    )
    assert leak(seen_at(10, 3000, 1000), seen_at(40, 2000, 2000), unfinished=1000, finished=3000) == []  # it moves on
    assert leak(seen_at(10, 3, 1000), unfinished=3, finished=4400) == []  # two dumps may show anything


def test_tasks_that_become_more_and_more() -> None:
    (cause,) = leak(seen_at(10, 1000, 0), seen_at(40, 2000, 0), unfinished=4000, finished=0)
    assert (cause.word, cause.place) == ("task-leak", at("Hub.push", 5))
    assert cause.sentence == (
        "probably a task leak: 4000 tasks of Hub.push, most at service.py:5; 1000 of them 90 s ago, "
        "and never fewer since"
    )
    assert leak(seen_at(10, 5000, 0), seen_at(40, 2000, 0), unfinished=4000, finished=0) == []
    assert leak(seen_at(10, 1000, 0), seen_at(40, 5000, 0), unfinished=4000, finished=0) == []  # they became fewer
    assert leak(seen_at(10, 100, 0), seen_at(40, 200, 0), unfinished=400, finished=0) == []


def test_tasks_that_were_fewer_in_between_or_come_all_at_once_are_no_leak() -> None:
    assert leak(seen_at(10, 1000, 0), seen_at(40, 2000, 0, 1000), unfinished=4000, finished=0, fewest=2000)
    assert leak(seen_at(10, 1000, 0), seen_at(40, 2000, 0, 1000), unfinished=4000, finished=0, fewest=1999) == []
    assert leak(seen_at(10, 1000, 0), seen_at(40, 2000, 0, 999), unfinished=4000, finished=0, fewest=2000) == []
    assert leak(seen_at(91, 1000, 0), seen_at(95, 2000, 0), unfinished=4000, finished=0) == []  # a batch is given out
