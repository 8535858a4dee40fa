"""A dry run as the sidecar sees it: exact counts, and synthetic outcomes beside the real ones."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from lifesign.watch.emit import ring


def totals(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "dry_run_totals",
        "at": 1,
        "types": [{"type": "order", "handled": 7, "failed": 1}],
        "skipped": 4,
        "lag": 0.5,
        **changes,
    }


def report(passed: bool, synthetic: bool) -> dict[str, Any]:
    result = {
        "id": "1" * 16, "name": "db", "critical": True, "passed": passed, "reason": "" if passed else "refused",
        "error": None, "start": 1, "end": 2,
    }  # fmt: skip
    return {
        "kind": "postconditions", "trace": "a" * 32, "id": "b" * 16, "start": 1, "end": 2, "passed": passed,
        "diagnostic": "", "results": [result], "synthetic": synthetic, "request": 0,
    }  # fmt: skip


async def test_the_newest_totals_are_what_counts_and_no_news(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    await watching.poll()
    assert watching.snapshots[0].dry_run is None
    service.pulse.ring.append(totals())
    service.pulse.ring.append(totals(types=[{"type": "order", "handled": 9, "failed": 1}], skipped=5, lag=0))
    assert await watching.poll() == []
    seen = watching.snapshots[0].dry_run
    assert (seen.types, seen.skipped, seen.lag) == ({"order": (9, 1)}, 5, 0)
    await watching.poll()
    assert watching.snapshots[0].dry_run == seen


async def test_a_synthetic_check_does_not_take_the_place_of_the_real_one(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    service.pulse.ring.append(report(passed=True, synthetic=False))
    service.pulse.ring.append(report(passed=False, synthetic=True))
    await watching.poll()
    (snapshot,) = watching.snapshots
    assert [check.passed for check in snapshot.postconditions] == [True]
    assert [(check.name, check.passed) for check in snapshot.synthetic_postconditions] == [("db", False)]


async def test_totals_of_somebody_hostile_are_bounded(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service, watching = main(), sidecar()
    many = [{"type": f"type-{number}", "handled": 1, "failed": 0} for number in range(500)]
    service.pulse.ring.append(totals(types=many))
    await watching.poll()
    assert len(watching.snapshots[0].dry_run.types) == 100


async def test_more_checks_than_are_remembered_are_not_shown(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, watching = main(), sidecar()
    service.pulse.ring.append(report(passed=True, synthetic=False))
    await watching.poll()
    monkeypatch.setattr(ring, "_POSTCONDITIONS_MAX", 1)
    other = report(passed=True, synthetic=False)
    other["results"][0]["name"] = "cache"
    service.pulse.ring.append(report(passed=False, synthetic=False))
    service.pulse.ring.append(other)
    await watching.poll()
    (snapshot,) = watching.snapshots
    assert [(check.name, check.passed) for check in snapshot.postconditions] == [("db", False)]
