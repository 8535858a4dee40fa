"""Post-conditions: named checks that must hold once the service has booted.

All of them run, side by side, whatever becomes of the others; how one of them runs is in `agent.checks.runner`.
A cancellation is no failure: a run that is cancelled, as at the end of the service, reports nothing, and a
check that was cancelled in the middle does not count.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Awaitable, Callable, Iterable, NamedTuple, Sequence, TypeVar, Union

from lifesign.agent.checks.runner import run_one
from lifesign.agent.dryrun.synthetic import is_synthetic
from lifesign.agent.harmless import harmless
from lifesign.agent.identity import new_span_id, new_trace_id
from lifesign.wire import layout
from lifesign.wire.writer import LaneWriter, encode

if TYPE_CHECKING:
    from lifesign.wire.records import PostconditionReport, PostconditionResult

Outcome = Union[None, bool, "tuple[bool, str]"]
Check = Callable[[], Union[Outcome, Awaitable[Outcome]]]
CheckT = TypeVar("CheckT", bound=Check)

_DIAGNOSTIC_CHARACTERS = 2000


class Postcondition(NamedTuple):
    """A named check; `timeout` and `every` in seconds, `every` None for "only when asked".

    `awaited`: nothing in the code says when it should hold, so the boot gives it time.
    """

    name: str
    check: Check
    timeout: float = 5.0
    every: float | None = None
    critical: bool = True
    awaited: bool = False


class Result(NamedTuple):
    """What one check said; `error` is the type of the exception that it raised, "" for none.

    One that was cancelled has not passed, for the reason "cancelled", and does not count.
    """

    name: str
    passed: bool
    reason: str = ""
    error: str = ""
    critical: bool = True


class Report(NamedTuple):
    """What all the checks said. Only critical ones make it fail."""

    passed: bool
    diagnostic: str
    results: tuple[Result, ...]


_registry: dict[str, Postcondition] = {}
_due: dict[str, float] = {}  # monotonic time of the next run of those with `every`
_under_way: set[str] = set()
_held: dict[str, bool] = {}  # the newest outcome of each


def postcondition(
    name: str, *, timeout: float = 5.0, every: float | None = None, critical: bool = True
) -> Callable[[CheckT], CheckT]:
    """Registers a check under `name`; one that is registered again takes the place of the first.

    The check takes no arguments and may be async. True or None holds; False, ``(False, "why")`` or
    an exception does not.

    Args:
        timeout: seconds after which a run counts as failed.
        every: seconds between two runs, once the boot is over; None runs it only when asked.
        critical: whether its failure fails the whole report, or is only a warning.
    """

    def decorate(check: CheckT) -> CheckT:
        register(Postcondition(name, check, timeout, every, critical))
        return check

    return decorate


def register(check: Postcondition) -> None:
    """Registers a check in the place of an earlier one of its name."""
    _registry[check.name] = check
    if check.every is not None:
        _due[check.name] = time.monotonic() + check.every


def registered() -> tuple[Postcondition, ...]:
    """All registered checks, in the order of their registration."""
    return tuple(_registry.values())


def due() -> tuple[Postcondition, ...]:
    """The checks whose period is over; each is due again one period later. One under way has its turn after that."""
    now = time.monotonic()
    found = [
        check
        for check in list(_registry.values())
        if check.every is not None and _due[check.name] <= now and check.name not in _under_way
    ]
    for check in found:
        _due[check.name] = now + (check.every or 0.0)
    return tuple(found)


def failing() -> int:
    """How many critical checks did not hold when they ran last."""
    return sum(1 for check in list(_registry.values()) if check.critical and not _held.get(check.name, True))


async def run(checks: Iterable[Postcondition], ring: LaneWriter | None, request: int = 0) -> Report:
    """Runs the checks side by side and writes the report to `ring` where there is one.

    Args:
        request: the count of the sidecar's request that the report answers; 0 for none.
    """
    start = time.time_ns()
    checks = tuple(checks)
    names = {check.name for check in checks}
    _under_way.update(names)
    try:
        answers = await asyncio.gather(*(run_one(check) for check in checks))
    finally:
        _under_way.difference_update(names)
    answered = [(check, row) for check, row in zip(checks, answers) if row is not None]
    rows = [row for _, row in answered]
    _held.update((check.name, row["passed"]) for check, row in answered if check.name in _registry)
    passed = all(row["passed"] or not row["critical"] for row in rows)
    cancelled = [check.name for check, row in zip(checks, answers) if row is None]
    diagnostic = _diagnostic(rows, cancelled)[:_DIAGNOSTIC_CHARACTERS]
    results = tuple(_result(check, row) for check, row in zip(checks, answers))
    if ring is not None and (rows or request):
        record: PostconditionReport = {
            "kind": "postconditions",
            "trace": new_trace_id(),
            "id": new_span_id(),
            "request": request,
            "start": start,
            "end": time.time_ns(),
            "passed": passed,
            "diagnostic": diagnostic,
            "results": rows,
            "synthetic": is_synthetic(),
        }
        with harmless:  # the agent may have been stopped meanwhile
            _cut_to_fit(record)
            ring.append(record)
    return Report(passed, diagnostic, results)


def _result(check: Postcondition, row: PostconditionResult | None) -> Result:
    if row is None:
        return Result(check.name, False, "cancelled", "", check.critical)
    error = row["error"]["type"] if row["error"] else ""
    return Result(row["name"], row["passed"], row["reason"], error, row["critical"])


def _diagnostic(rows: Sequence[PostconditionResult], cancelled: Sequence[str]) -> str:
    """One line: the critical failures, or else the warnings, or else that all is well."""
    failed = [row for row in rows if not row["passed"]]
    critical = [row for row in failed if row["critical"]]
    if not failed:
        all_passed = f"all passed ({len(rows)} check{'s' * (len(rows) != 1)})"
        return f"{all_passed}; cancelled: {', '.join(cancelled)}" if cancelled else all_passed
    said = "Post-conditions failed" if critical else "passed, with warnings"
    return f"{said}: " + " | ".join(f"{row['name']}: {row['reason']}" for row in critical or failed)


def _cut_to_fit(record: PostconditionReport) -> None:
    """Shortens what many checks had to say until it fits a lane: a short reason is better than none."""
    for characters in (500, 100, 20):
        if len(encode(record)) <= layout.RECORD_BYTES_MAX:
            return
        for row in record["results"]:
            row["reason"] = row["reason"][:characters]
            if row["error"] is not None:
                row["error"]["message"] = row["error"]["message"][:characters]
                row["error"]["stack"] = row["error"]["stack"][-characters:]
