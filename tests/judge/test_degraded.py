"""What a service requires and does not have, from the records of its boot."""

from __future__ import annotations

from typing import Any

from lifesign import semconv
from lifesign.judge import degraded
from lifesign.judge.degraded import Unmet, unmet


def mark(name: str, end: int | None = 5, error: Any = None) -> dict[str, Any]:
    return {"kind": "checkpoint", "name": name, "end": end, "error": error}


def test_an_expected_checkpoint_is_missing_until_it_ended_without_an_error() -> None:
    marks = [mark("config"), mark("broker", None), mark("cache", 5, {"type": "OSError"})]
    found = unmet(["config", "broker", "cache", "warm"], marks, 0)
    assert found == Unmet(missing=["broker", "cache", "warm"], open=["broker"])


def test_a_boot_waits_until_its_first_event() -> None:
    assert unmet((), [mark("started"), mark("waiting for first event")], 0).waiting is True
    marks = [mark("waiting for first event"), mark("first event received")]
    assert unmet((), marks, 0).waiting is False


def test_the_names_of_the_built_in_checkpoints_are_those_of_the_agent() -> None:
    assert (degraded.WAITING, degraded.ARRIVED) == (semconv.CHECKPOINT_WAITING, semconv.CHECKPOINT_FIRST_EVENT)


def test_what_somebody_else_wrote_into_the_lane_is_no_error() -> None:
    assert unmet([3, None], [{}, {"name": 7, "end": "x"}], 2) == Unmet(2, missing=["3", "None"], open=["None"])
