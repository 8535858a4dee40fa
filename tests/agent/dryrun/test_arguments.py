"""What a dry run is given, however impossible: said at once, or a run like any other."""

from __future__ import annotations

from typing import Any, Callable

import pytest

import lifesign
from support.rows import rows


@rows(
    ("options", "why"),
    [
        ({"pattern": "waves"}, "'waves' is not one of: sequential, random, burst"),
        ({"rate": 0}, "above 0"),
        ({"rate": float("nan")}, "above 0"),
        ({"burst": (0, 3)}, "from 1 event to a million"),
        ({"burst": (5, 3)}, "the fewest first"),
        ({"events": ()}, "no factory"),
        ({"events": 5}, "no factory"),
        ({"events": [5]}, "no factory"),
        ({"rate": "many"}, "above 0"),
        ({"rate": float("inf")}, "above 0"),
        ({"rate": None}, "above 0"),
        ({"pattern": ["burst"]}, "is not one of"),
        ({"pattern": None}, "is not one of"),
        ({"burst": 3}, "from how many to how many"),
        ({"burst": ("a", "b")}, "from 1 event to a million"),
        ({"burst": (1, 10**400)}, "from 1 event to a million"),
        ({"burst": (1.5, 2)}, "from 1 event to a million"),
        ({"seed": [1]}, "whole number"),
        ({"seed": None}, "whole number"),
        ({"limit": "x"}, "from 0 up"),
        ({"duration": -1}, "from 0 up"),
        ({"handler": 5}, "is called with each event"),
    ],
)
def test_what_cannot_be_is_said_at_once(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        lifesign.DryRun(**{"handler": print, "pattern": "burst", **options})


async def test_what_is_no_exception_is_an_events_error_too(started: Callable[..., Any]) -> None:
    class TimedOut(BaseException):
        """As func_timeout has it."""

    def handler(event: Any) -> None:
        raise TimedOut("too late")

    pulse = started()
    async with lifesign.DryRun(handler, rate=500, limit=3, force=True) as run:
        await run.wait()
    assert (run.count, run.failed) == (3, 3)
    assert pulse.ring("dry_run")[0]["error"]["message"] == "too late"


@pytest.mark.parametrize(("rate", "stands_for"), [(1e300, 10_000_000), (1e-300, 1)])
async def test_a_rate_beyond_all_reason_is_a_run_like_any_other(
    started: Callable[..., Any], rate: float, stands_for: int
) -> None:
    pulse = started()
    async with lifesign.DryRun(lambda event: None, rate=rate, limit=1, force=True) as run:
        await run.wait()
    (record,) = pulse.ring("dry_run")
    assert record["adjusted_count"] == stands_for
