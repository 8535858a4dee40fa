"""Every argument of every public call may be nonsense: nothing raises, and what is right beside it counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest

import lifesign


class Hostile:
    """Everything that can be asked of it raises."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("working outside of request context")

    def _raises(self, *_: Any) -> Any:
        raise RuntimeError("no")

    __str__ = __repr__ = __bool__ = __float__ = __int__ = __len__ = __iter__ = __eq__ = __hash__ = _raises  # type: ignore[assignment]
    __lt__ = __gt__ = __fspath__ = _raises


NONSENSE: dict[str, Any] = {
    "none": None,
    "number": 5,
    "negative": -1,
    "huge": 10**400,
    "nan": float("nan"),
    "infinite": float("inf"),
    "text": "30",
    "empty": "",
    "bytes": b"name",
    "list": ["not", "hashable"],
    "half a pair": "\ud800",
    "long": "x" * 1_000_000,
    "NUL": "a\0b",
    "object": object(),
    "hostile": Hostile(),
}
CALLS: dict[str, Callable[[Any], Any]] = {
    "start": lifesign.start,
    "event": lifesign.event,
    "promise name": lambda value: lifesign.promise(value, within=30.0),
    "promise within": lambda value: lifesign.promise("tick", within=value),
    "checkpoint": lambda value: lifesign.checkpoint(value).__enter__(),
    "check": lifesign.check,
    "check name": lambda value: lifesign.check("tcp:1", name=value),
    "check timeout": lambda value: lifesign.check("tcp:1", timeout=value),
    "check every": lambda value: lifesign.check("tcp:1", every=value),
    "check critical": lambda value: lifesign.check("tcp:1", critical=value),
    "postcondition name": lambda value: lifesign.postcondition(value)(lambda: True),
    "postcondition timeout": lambda value: lifesign.postcondition("odd", timeout=value)(lambda: True),
    "postcondition every": lambda value: lifesign.postcondition("odd", every=value)(lambda: True),
    "postcondition critical": lambda value: lifesign.postcondition("odd", critical=value)(lambda: True),
    "postcondition check": lambda value: lifesign.postcondition("odd", critical=False)(value),
    "dry_run_handler": lambda value: lifesign.dry_run_handler(value),
    "dry_run_handler events": lambda value: lifesign.dry_run_handler(events=value)(print),
}


@pytest.mark.parametrize("watched", [True, False])
def test_nothing_raises(watched: bool, started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRY_RUN", "1")
    pulse = started() if watched else None
    for rights, call in enumerate(CALLS, 1):
        for value in NONSENSE.values():
            CALLS[call](value)
            lifesign.dry_run()
            lifesign.dry_run_handler(print)
        lifesign.checkpoint(f"right after {call}")
        lifesign.event("right")
        if pulse is not None:
            assert f"right after {call}" in pulse.checkpoints()
            assert {event.name: event.real for event in pulse.reader.vitals().events}["right"] == rights, call


@pytest.mark.parametrize("kind", NONSENSE)
async def test_a_check_with_nonsense_beside_it_runs(kind: str) -> None:
    value = NONSENSE[kind]
    lifesign.postcondition(value, timeout=value, every=value, critical=value)(lambda: True)
    lifesign.postcondition("right")(lambda: True)
    report = await lifesign.check_postconditions(value)
    assert [result.passed for result in report.results] == [True, True, False]


def test_a_number_as_text_is_that_number() -> None:
    from lifesign.agent.checks.registry import registry

    lifesign.postcondition("a", timeout="2.5", every="30")(lambda: True)  # type: ignore[arg-type]
    (check,) = registry.registered()
    assert (check.timeout, check.every) == (2.5, 30.0)


async def test_without_brackets_a_check_has_the_name_of_its_function() -> None:
    @lifesign.postcondition  # type: ignore[arg-type]
    def database_connected() -> bool:
        return False

    report = await lifesign.check_postconditions()
    assert report.diagnostic == "Post-conditions failed: database_connected: it does not hold"
    assert database_connected() is False


def test_a_run_directory_may_be_a_path_object(tmp_path: Path) -> None:
    assert lifesign.start(tmp_path)  # type: ignore[arg-type]
