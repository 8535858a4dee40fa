"""The record of a silence says why: it waits a moment for the task dump that shows it."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from lifesign.watch.emit import episodes
from lifesign.watch.telemetry import Log
from support.made.dumps import frame, group


def summary(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "task_dump", "id": "d", "reason": "silent", "request": 0, "start": 1 << 61, "end": 1 << 61,
        "tasks": 3, "groups": 1, "omitted": 0, "same_as": None, "counts": [], "cycles": [], "rings": [], "finished": [],
        "still": None,
        **changes,
    }  # fmt: skip


LOCK = {
    "kind": "task_primitive", "dump": "d", "index": 0, "type": "Lock", "name": "Desk.ledger", "state": "locked",
    "how": "acquire", "place": frame("read", 20), "waiting": [{"group": 0, "count": 2}], "held": 1,
    "holders": [{"task": "writer", "place": frame("write", 30), "at": frame("write", 31)}],
}  # fmt: skip


def silent(main: Callable[..., Any]) -> Any:
    service = main()
    service.pulse.events.promise("order", 1)
    return service


def silences(telemetry: Any) -> list[Log]:
    return [one for one in telemetry if isinstance(one, Log) and one.event == "lifesign.silence"]


async def test_a_silence_names_its_cause_and_the_place_in_the_users_code(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = silent(main), sidecar()
    assert silences(await watching.poll()) == []
    assert watching.snapshots[0].state == "silent"  # the state itself waits for nothing
    for record in (group(0, 2, "read"), LOCK, summary()):
        service.pulse.ring.append(record)
    (log,) = silences(await watching.poll())
    assert "; writer holds the Lock Desk.ledger in write (shop.py:30) and is at shop.py:31; " in log.body
    assert log.attributes["lifesign.cause"] == "lock-held"
    assert (log.attributes["code.function.name"], log.attributes["code.line.number"]) == ("write", 31)
    assert watching.snapshots[0].causes[0].word == "lock-held"


async def test_without_an_answer_it_comes_without_a_cause(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(episodes, "EVIDENCE_NS", 0)
    _, watching = silent(main), sidecar()
    (log,) = silences(await watching.poll())
    assert "lifesign.cause" not in log.attributes


async def test_a_deadlock_degrades_and_is_no_longer_said_once_a_dump_shows_none(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    place = frame("work", 7)
    ring = [{"task": "a", "primitive": None, "at": place}, {"task": "b", "primitive": None, "at": place}]
    service.pulse.ring.append(summary(rings=[ring]))
    logs = [one for one in await watching.poll() if one.event == "lifesign.process.degraded"]
    assert [(log.body, log.attributes["lifesign.cause"]) for log in logs] == [
        ("deadlock: a waits for b at shop.py:7", "deadlock")
    ]
    service.pulse.ring.append(summary(id="e"))
    await watching.poll()
    assert (watching.snapshots[0].state, watching.snapshots[0].causes) == ("healthy", ())


async def test_a_dump_of_an_ill_process_has_its_cause_and_one_of_a_healthy_process_has_not(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    dumps = []
    for ill in (False, True):
        if ill:
            service.pulse.events.promise("order", 1)
        await watching.poll()
        for record in (group(0, 2, "read"), LOCK, summary(reason="request")):
            service.pulse.ring.append(record)
        (dump,) = [one for one in await watching.poll() if isinstance(one, Log) and one.event == "lifesign.task_dump"]
        dumps.append(dump)
    well, silent = dumps
    assert (well.severity, well.attributes.get("lifesign.cause")) == (9, None)
    assert (silent.severity, silent.attributes["lifesign.cause"]) == (13, "lock-held")
    assert "; writer holds the Lock Desk.ledger in write (shop.py:30) and is at shop.py:31; " in silent.body
