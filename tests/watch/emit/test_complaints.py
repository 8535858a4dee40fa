"""Complaints of asyncio's and tasks that died are log records, and what a cause is found in."""

from __future__ import annotations

from typing import Any

from lifesign.judge.causes.cause import causes
from lifesign.judge.causes.findings import Findings
from lifesign.watch.emit.complaints import Losses
from lifesign.watch.emit.translate import translate
from lifesign.watch.telemetry import Log

SECOND = 1_000_000_000
PLACE: Any = {"function": "Desk.consume", "file": "/srv/shop/service.py", "line": 95}


def died(**changes: Any) -> Any:
    error = {"type": "ValueError", "message": "no price", "stack": "File ..."}
    return {
        "kind": "task_died", "task": "consumer", "function": "Desk.consume", "referenced": False, "place": PLACE,
        "error": error, "count": 1, "at": 50, **changes,
    }  # fmt: skip


def complaint(text: str, **changes: Any) -> Any:
    return {
        "kind": "asyncio_complaint", "text": text, "task": "", "function": "", "place": None, "error": None,
        "count": 1, "at": 50, **changes,
    }  # fmt: skip


def log_of(record: Any) -> Log:
    (log,) = translate(record, "key", "uid", 60)
    assert isinstance(log, Log)
    return log


def test_a_task_that_died() -> None:
    log = log_of(died())
    assert (log.event, log.severity, log.time) == ("lifesign.task.died", 17, 50)
    assert log.body == "consumer (Desk.consume) ended with ValueError: no price, at service.py:95"
    assert log.attributes == {
        "lifesign.task.died.count": 1,
        "lifesign.task.referenced": False,
        "lifesign.task.name": "consumer",
        "lifesign.task.coroutine": "Desk.consume",
        "code.function.name": "Desk.consume",
        "code.file.path": "/srv/shop/service.py",
        "code.line.number": 95,
        "exception.type": "ValueError",
        "exception.message": "no price",
        "exception.stacktrace": "File ...",
    }


def test_one_whose_exception_may_still_be_asked_for_is_a_warning() -> None:
    log = log_of(died(referenced=True, task="Task-7", count=3))
    assert (log.severity, log.body) == (
        13, "Desk.consume ended with ValueError: no price, at service.py:95; 3 times so far",
    )  # fmt: skip


def test_a_complaint() -> None:
    log = log_of(complaint("Task was destroyed but it is pending!", function="Desk.consume", place=PLACE))
    assert (log.event, log.severity) == ("lifesign.asyncio.complaint", 13)
    assert log.body == "Task was destroyed but it is pending! (Desk.consume)"
    assert log.attributes["lifesign.asyncio.complaint.count"] == 1
    assert log.attributes["code.line.number"] == 95
    assert "lifesign.task.name" not in log.attributes


def sentences(state: str, *records: Any) -> dict[str, str]:
    losses = Losses()
    for record in records:
        losses.add(record)
    found = Findings(state, None, (), None, losses.deaths(), losses.complaints(), 50 + 130 * SECOND)
    return {cause.word: cause.sentence for cause in causes(found)}


def test_a_death_is_said_of_a_healthy_process_too() -> None:
    assert sentences("healthy", died()) == {
        "task-died": "consumer (Desk.consume) ended with ValueError: no price, at service.py:95, 2 min ago"
    }
    assert sentences("stopped", died()) == {}


def test_lost_tasks_are_causes_of_an_illness_only() -> None:
    records = (
        complaint("Task was destroyed but it is pending!", task="poller", function="Desk.poll", place=PLACE),
        complaint("coroutine 'Desk.save' was never awaited", function="Desk.save", place=PLACE),
        complaint("socket.send() raised exception."),
    )
    assert sentences("healthy", *records) == {}
    assert sentences("silent", *records) == {
        "task-destroyed": "Task was destroyed but it is pending (poller: Desk.poll) at service.py:95, 2 min ago",
        "never-awaited": "coroutine 'Desk.save' was never awaited at service.py:95, 2 min ago",
    }


def test_the_newest_come_first_and_only_so_many() -> None:
    losses = Losses()
    for line in range(30):
        losses.add(died(place={**PLACE, "line": line}))
    losses.add(died(place={**PLACE, "line": 15}, count=2))
    first, second, *others = losses.deaths()
    assert first["place"] is not None
    assert second["place"] is not None
    assert (first["place"]["line"], first["count"], second["place"]["line"], len(others)) == (15, 2, 29, 18)
