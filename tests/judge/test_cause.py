"""Each cause by a dump that has it, and beside it one that looks like it and has it not."""

from __future__ import annotations

from typing import Any

import pytest

from lifesign.judge.causes.cause import causes
from lifesign.judge.causes.findings import Cause, Dump, Findings
from lifesign.judge.causes.phrases import own_frame
from support.rows import rows

SHOP = "/srv/shop/service.py"
LIBRARY = "/usr/lib/python3.11/asyncio/locks.py"


def at(function: str, line: int, file: str = SHOP) -> dict[str, Any]:
    return {"function": function, "file": file, "line": line}


def group(index: int, count: int, *stack: dict[str, Any]) -> dict[str, Any]:
    return {
        "index": index,
        "count": count,
        "waited_most": None,
        "time_left": None,
        "keeps_the_loop": False,
        "waited_least": None,
        "stack": [*stack, at("Lock.acquire", 114, LIBRARY)],
    }


def primitive(index: int, type_: str, name: str, state: str, how: str, line: int, **more: Any) -> dict[str, Any]:
    found = {"index": index, "type": type_, "name": name, "state": state, "how": how, "place": at("work", line)}
    return {**found, "waiting": [], "holders": [], "held": None, **more}


def holder(task: str | None, function: str, line: int, waits_at: int) -> dict[str, Any]:
    return {"task": task, "place": at(function, line), "at": at(function, waits_at)}


def step(task: str, primitive: int | None, function: str, line: int) -> dict[str, Any]:
    return {"task": task, "primitive": primitive, "at": at(function, line)}


def findings(
    state: str = "silent",
    *,
    groups: Any = (),
    primitives: Any = (),
    rings: Any = (),
    finished: Any = (),
    stalls: Any = (),
    still: float | None = None,
    earlier: Any = (),
) -> Findings:
    summary: Any = {"rings": list(rings), "finished": list(finished), "still": still, "end": 100_000_000_000}
    return Findings(state, Dump(summary, tuple(groups), tuple(primitives)), tuple(stalls), earlier=earlier)


def found(findings: Findings) -> dict[str, Cause]:
    return {cause.word: cause for cause in causes(findings)}


def test_a_deadlock_over_two_locks_with_those_that_queue_behind() -> None:
    seen = findings(
        groups=[group(0, 3, at("OrderDesk._work", 135)), group(1, 2, at("OrderDesk._settle", 160))],
        primitives=[
            primitive(0, "Lock", "OrderDesk._ledger", "locked", "acquire", 158, waiting=[
                {"group": 0, "count": 3}, {"group": 1, "count": 1},
            ]),
            primitive(1, "Lock", "OrderDesk._prices", "locked", "acquire", 164, waiting=[{"group": 1, "count": 1}]),
        ],
        rings=[[step("settlement", 1, "OrderDesk._settle", 160), step("audit", 0, "OrderDesk._audit", 166)]],
    )  # fmt: skip
    cause = found(seen)["deadlock"]
    assert cause.sentence == (
        "deadlock: settlement holds the Lock OrderDesk._ledger and waits for "
        "the Lock OrderDesk._prices at service.py:160, which audit holds"
    )
    other, behind = cause.evidence
    assert other == (
        "audit holds the Lock OrderDesk._prices and waits for "
        "the Lock OrderDesk._ledger at service.py:166, which settlement holds"
    )
    assert behind == "3 x OrderDesk._work wait (service.py:135)"
    assert cause.place == at("OrderDesk._settle", 160)


def test_a_deadlock_of_tasks_alone() -> None:
    assert causes(findings("stopped", rings=[[step("a", None, "first", 3), step("a", None, "first", 3)]])) == []
    seen = findings(rings=[[step("a", None, "first", 3), step("b", None, "second", 7)]])
    cause = found(seen)["deadlock"]
    assert cause.sentence == "deadlock: a waits for b at service.py:3"
    assert cause.evidence == ("b waits for a at service.py:7",)
    turned = findings(rings=[[step("b", None, "second", 7), step("a", None, "first", 3)]])
    assert found(turned)["deadlock"] == cause  # which one a dump begins with is chance


def test_a_task_that_acquires_what_it_holds() -> None:
    seen = findings(
        primitives=[primitive(0, "Semaphore", "Desk.seats", "0 of 1 free", "acquire", 9)],
        rings=[[step("Task-7", 0, "Desk.nested", 9)]],
    )
    assert found(seen)["nested-acquire"].sentence == (
        "deadlock: Desk.nested [Task-7] holds the Semaphore Desk.seats and waits for it once more at service.py:9"
    )


def stall(busy: bool | None, *stack: dict[str, Any]) -> dict[str, Any]:
    return {"busy": busy, "stack": list(stack)}


@pytest.mark.parametrize(
    ("samples", "in_place", "computing", "said"),
    [
        (30, 30, 29, "the loop's thread is busy in render (service.py:12); 30 of 30 samples in render"),
        (30, 24, 3, "the loop's thread is waiting in render (service.py:12); 24 of 30 samples in render"),
        (30, 24, 20, "the loop's thread is busy in render (service.py:12); 24 of 30 samples in render"),
        (2, 2, 0, "the loop's thread is busy in render (service.py:12)"),
    ],
)
def test_samples_say_more_of_a_blocking_call_than_one_stack(
    samples: int, in_place: int, computing: int, said: str
) -> None:
    seen = stall(computing == 29 or samples < 3, at("render", 12)) | {
        "samples": samples,
        "in_place": in_place,
        "computing": computing,
    }
    assert found(findings("blocked", stalls=[seen]))["blocking-call"].sentence == said


@pytest.mark.parametrize(
    ("stack", "busy", "sentence"),
    [
        (
            [at("main", 5), at("render", 12)],
            True,
            "the loop's thread is busy in render (service.py:12), called from main (service.py:5)",
        ),
        (
            [at("on_message", 14), at("SocketIO.readinto", 705, "/usr/lib/python3.11/socket.py")],
            False,
            "the loop's thread is waiting in on_message (service.py:14), in SocketIO.readinto (socket.py:705)",
        ),
        (
            [at("Handle._run", 80, LIBRARY)],
            None,
            "the loop's thread is in Handle._run (locks.py:80)",
        ),
    ],
)
def test_a_call_that_blocks(stack: Any, busy: bool | None, sentence: str) -> None:
    seen = found(findings("blocked", stalls=[stall(busy, *stack)]))
    assert seen["blocking-call"].sentence == sentence
    assert "blocking-call" not in found(findings("healthy", stalls=[stall(busy, *stack)]))


def test_a_pool_that_is_used_up() -> None:
    pool = primitive(0, "asyncpg pool", "Shop.pool", "10 of 10 connections in use", "get", 9)
    pool.update(how="_acquire", waiting=[{"group": 0, "count": 30}], holders=[holder("Task-3", "handle", 9, 11)])
    seen = found(findings(groups=[group(0, 30, at("handle", 9))], primitives=[pool]))
    assert seen["pool-exhausted"].sentence == (
        "the asyncpg pool Shop.pool is used up (10 of 10 connections in use): 30 x handle wait (service.py:9)"
    )
    assert seen["pool-exhausted"].evidence == (
        "Task-3 holds the asyncpg pool Shop.pool in handle (service.py:9) and is at service.py:11",
    )
    pool["state"] = "9 of 10 connections in use"
    assert "pool-exhausted" not in found(findings(groups=[group(0, 30, at("handle", 9))], primitives=[pool]))


def test_a_lock_whose_holder_does_not_let_go() -> None:
    lock = primitive(0, "Lock", "Desk.ledger", "locked", "acquire", 20, waiting=[{"group": 0, "count": 2}])
    lock["holders"] = [holder("writer", "Desk.write", 30, 31)]
    seen = found(findings(groups=[group(0, 2, at("Desk.read", 20))], primitives=[lock]))
    assert seen["lock-held"].sentence == (
        "writer holds the Lock Desk.ledger in Desk.write (service.py:30) and is at service.py:31; "
        "2 x Desk.read wait (service.py:20) for it"
    )
    lock["holders"] = []
    assert "lock-held" not in found(findings(groups=[group(0, 2, at("Desk.read", 20))], primitives=[lock]))


def test_a_lock_that_was_never_released() -> None:
    lock = primitive(0, "Lock", "Desk.ledger", "locked", "acquire", 20, waiting=[{"group": 0, "count": 2}])
    lock["held"] = 1
    seen = found(findings(groups=[group(0, 2, at("Desk.read", 20))], primitives=[lock]))
    assert seen["lock-held"].sentence == (
        "the Lock Desk.ledger was taken by acquire(), and not released: 2 x Desk.read wait (service.py:20) for it"
    )
    assert seen["lock-held"].evidence == ("no task holds it by an async with",)


@rows(
    ("holders", "held", "more"),
    [
        (0, None, ("no task holds it by a with block: taken by acquire(), and not released yet",)),
        (1, 3, ("2 more were taken by acquire(), without a with block, and not released yet",)),
        (3, 3, ()),
        (2, None, ()),
        (10, 12, ()),  # no more are named, whoever they are
    ],
)
def test_places_that_were_taken_by_acquire(holders: int, held: int | None, more: tuple[str, ...]) -> None:
    seats = primitive(0, "Semaphore", "Desk.seats", "0 of 3 free", "acquire", 20, waiting=[{"group": 0, "count": 2}])
    seats.update(held=held, holders=[holder(f"Task-{number}", "Desk.sit", 9, 11) for number in range(holders)])
    seen = found(findings(groups=[group(0, 2, at("Desk.read", 20))], primitives=[seats]))
    assert seen["pool-exhausted"].evidence[holders:] == more


def test_connections_of_a_pool_that_no_block_holds() -> None:
    pool = primitive(0, "aiohttp connector", "", "2 of 2 connections in use", "connect", 20)
    pool.update(waiting=[{"group": 0, "count": 2}])
    (cause,) = found(findings(groups=[group(0, 2, at("Desk.read", 20))], primitives=[pool])).values()
    assert cause.sentence.startswith("an aiohttp connector is used up (2 of 2 connections in use)")
    assert cause.evidence == (
        "no task holds it by a with block: what was taken has not been returned, as by an unclosed response",
    )


def test_a_full_queue_and_the_consumer_that_died() -> None:
    queue = primitive(0, "Queue", "Shop.orders", "full, 100 of 100", "put", 121, waiting=[{"group": 0, "count": 1}])
    seen = findings(groups=[group(0, 1, at("produce", 121))], primitives=[queue])
    assert found(seen)["queue-full"].sentence == (
        "1 x produce waits (service.py:121) for room in the Queue Shop.orders: full, 100 of 100, nobody takes"
    )
    died = [{"function": "consume", "outcome": "raised ValueError", "message": "order 7", "count": 1}]
    seen = findings(groups=[group(0, 1, at("produce", 121))], primitives=[queue], finished=died)
    assert found(seen)["consumer-died"].sentence.endswith("; probably because consume ended with ValueError: order 7")


def test_an_empty_queue_is_a_cause_only_of_silence() -> None:
    queue = primitive(0, "Queue", "Shop.orders", "empty", "get", 40, waiting=[{"group": 0, "count": 3}])
    groups = [group(0, 3, at("consume", 40))]
    assert found(findings("silent", groups=groups, primitives=[queue]))["queue-empty"].sentence == (
        "probably nobody feeds the Queue Shop.orders: 3 x consume wait (service.py:40) for an item"
    )
    assert causes(findings("healthy", groups=groups, primitives=[queue])) == []


def test_nothing_known_is_no_cause() -> None:
    assert causes(Findings("silent")) == []
    assert causes(findings()) == []


def test_the_users_own_frame() -> None:
    package = at("get", 1, "/app/.venv/lib/python3.12/site-packages/redis/asyncio/client.py")
    assert own_frame([at("main", 1), at("work", 2), package]) == at("work", 2)  # type: ignore[list-item]
    assert own_frame([package]) == package
    waits = at("wait", 213, "/usr/lib/python3.12/asyncio/locks.py")
    assert own_frame([package, waits]) == package  # type: ignore[list-item]
    assert own_frame([waits]) == waits
    assert own_frame([]) is None


def test_an_exception_that_nobody_caught_is_named_by_its_origin() -> None:
    stack = (
        f'  File "{SHOP}", line 8, in main\n    async with TaskGroup()\n'
        "one of 1: ValueError: invalid literal for int(): 'order-7'\n"
        f'  File "{SHOP}", line 3, in consumer\n    int(text)\n'
        f'  File "{LIBRARY}", line 9, in convert\n'
    )
    error: Any = {"type": "ExceptionGroup", "message": "unhandled errors in a TaskGroup", "stack": stack}
    seen = found(Findings("dead", error=error))["uncaught-exception"]
    assert seen.sentence == (
        "ValueError: invalid literal for int(): 'order-7', raised in consumer (service.py:3); "
        "it came up as ExceptionGroup: unhandled errors in a TaskGroup"
    )
    assert seen.place == at("consumer", 3)
    plain: Any = {"type": "KeyError", "message": "'x'", "stack": f'  File "{SHOP}", line 4, in work\n'}
    assert found(Findings("dead", error=plain))["uncaught-exception"].sentence == (
        "KeyError: 'x', raised in work (service.py:4)"
    )
    assert causes(Findings("stopped", error=plain)) == []


@pytest.mark.parametrize(
    ("message", "origins", "said"),
    [
        ("", [], "TimeoutError, raised in main (service.py:8)"),
        ("too late", ["TimeoutError: ", "asyncio.exceptions.CancelledError: "],
         "TimeoutError: too late, raised in main (service.py:8)"),
        ("too late", ["OSError: no route", "asyncio.exceptions.CancelledError: "],
         "OSError: no route, raised in main (service.py:8); it came up as TimeoutError: too late"),
    ],
)  # fmt: skip
def test_what_a_timeout_is_handed_on_by_is_no_origin(message: str, origins: list[str], said: str) -> None:
    """As `asyncio.timeout` does, which cancels what is in it."""
    stack = f'  File "{SHOP}", line 8, in main\n' + "".join(f"caused by: {one}\n" for one in origins)
    error: Any = {"type": "TimeoutError", "message": message, "stack": stack}
    assert found(Findings("dead", error=error))["uncaught-exception"].sentence == said
