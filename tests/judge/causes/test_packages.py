"""Calls of packages that do not end, said only where nothing else is known."""

from __future__ import annotations

from typing import Any

from lifesign.judge.causes.cause import causes, suspects
from lifesign.judge.causes.findings import Cause, Dump, Findings
from support.rows import rows

PACKAGES = "/srv/.venv/lib/python3.12/site-packages"
OWN = {"function": "consume", "file": "/srv/shop/service.py", "line": 9}
WAITS = {"function": "Queue.get", "file": "/usr/lib/python3.12/asyncio/queues.py", "line": 158}
SENTENCE = "1 x consume waits (service.py:9, for 51 s) in a call of aiokafka: getone (consumer.py:40)"


def frame(function: str, file: str) -> dict[str, Any]:
    return {"function": function, "file": f"{PACKAGES}/{file}", "line": 40}


def group(*stack: Any, **more: Any) -> Any:
    waited = {"waited_most": 51.0, "waited_least": 51.0, "time_left": None, "keeps_the_loop": False}
    known = {"index": 0, "count": 1, "awaits": [], "states": {"waiting": 1}, "waits_for": "Queue"}
    return {**known, "stack": list(stack), **waited, **more}


def dump(*groups: Any, primitives: Any = ()) -> Dump:
    summary: Any = {"rings": [], "finished": [], "still": None, "end": 100_000_000_000}
    return Dump(summary, groups, primitives)


GETS = group(OWN, frame("getone", "aiokafka/consumer.py"), WAITS)


def test_the_call_that_the_users_own_code_waits_in() -> None:
    assert causes(Findings("silent", dump(GETS))) == [Cause("package-call", SENTENCE, OWN)]
    module = group(OWN, frame("fetch", "fetcher.py"))
    assert causes(Findings("silent", dump(module)))[0].sentence.endswith("in a call of fetcher: fetch (fetcher.py:40)")


def test_those_that_wait_longest_come_first_and_the_task_of_the_loop_last() -> None:
    main = group({**OWN, "line": 1}, frame("wait_for_work", "worker/app.py"), keeps_the_loop=True, waited_most=500.0)
    younger = group({**OWN, "line": 2}, frame("get", "janus/queue.py"), waited_most=6.0)
    found = causes(Findings("silent", dump(main, younger, GETS)))
    assert [cause.place["line"] for cause in found if cause.place is not None] == [9, 2, 1]


LOCK: Any = {
    "index": 0, "type": "Lock", "name": "", "state": "locked", "how": "acquire", "place": OWN,
    "waiting": [{"group": 0, "count": 1}], "holders": [], "held": 1,
}  # fmt: skip
OTHERS = {
    "another cause": Findings("silent", dump(GETS, primitives=(LOCK,))),
    "healthy": Findings("healthy", dump(GETS)),
    "no dump": Findings("silent"),
    "a server": Findings("silent", dump(group(OWN, frame("Server.serve", "uvicorn/server.py"), WAITS))),
    "asyncio itself": Findings("silent", dump(group(OWN, WAITS))),
    "plumbing": Findings("silent", dump(group(OWN, frame("sleep", "anyio/tasks.py")))),
    "a package alone": Findings("silent", dump(group(frame("poll", "aiokafka/client.py"), WAITS))),
    "its own line": Findings("silent", dump(group(frame("run", "worker/app.py"), OWN))),
    "it runs": Findings("silent", dump(group(OWN, frame("get", "janus/queue.py"), states={"running": 1}))),
}


@rows("seen", OTHERS.values(), OTHERS)
def test_nothing_is_said_where_another_cause_is_or_where_one_is_meant_to_wait(seen: Findings) -> None:
    assert "package-call" not in {cause.word for cause in causes(seen)}


def test_of_a_healthy_process_it_may_be_why() -> None:
    assert [cause.word for cause in suspects(dump(GETS))] == ["package-call"]
    assert suspects(dump({**GETS, "waited_most": 4.0})) == []  # it has begun not long ago
