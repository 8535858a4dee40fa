"""What the checks of one run said: to the caller, and as one record in the pulse."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Sequence

from lifesign.agent.checks.runner import Postcondition
from lifesign.agent.identity import new_span_id, new_trace_id
from lifesign.agent.synthetic.context import is_synthetic

if TYPE_CHECKING:
    from lifesign.wire.records import PostconditionReport, PostconditionResult

_DIAGNOSTIC_CHARACTERS = 2000


class Result(NamedTuple):
    """What one check of a `Report` said.

    A check that was cancelled has not passed, for the reason "cancelled", and does not make its report fail.

    Attributes:
        name: the name that the check was registered under.
        passed: whether the condition holds.
        reason: why it does not, one line of at most 500 characters; empty where it holds.
        error: the type of the exception that the check raised, such as ``"ConnectionError"``, or
            ``"TimeoutError"`` for one that took too long; empty for none.
        critical: whether its failure makes the report fail, or is only a warning.
    """

    name: str
    passed: bool
    reason: str = ""
    error: str = ""
    critical: bool = True


class Report(NamedTuple):
    """What all the post-conditions said in one run, as `check_postconditions` returns it.

    Attributes:
        passed: whether every critical check holds; True where there is none.
        diagnostic: one line for a person of at most 2,000 characters, such as ``"all passed (2 checks)"``,
            ``"Post-conditions failed: a: why | b: why"`` or ``"passed, with warnings: c: why"``.
        results: a `Result` for each check, in the order of their registration.
    """

    passed: bool
    diagnostic: str
    results: tuple[Result, ...]


def report(checks: Sequence[Postcondition], rows: Sequence[PostconditionResult | None]) -> Report:
    """The report of one run; `rows` has None for each check that was cancelled."""
    answered = [row for row in rows if row is not None]
    cancelled = [check.name for check, row in zip(checks, rows) if row is None]
    passed = all(row["passed"] or not row["critical"] for row in answered)
    diagnostic = _diagnostic(answered, cancelled)[:_DIAGNOSTIC_CHARACTERS]
    return Report(passed, diagnostic, tuple(_result(check, row) for check, row in zip(checks, rows)))


def record(report: Report, rows: Sequence[PostconditionResult], start: int, request: int) -> PostconditionReport:
    """The report as the pulse has it."""
    return {
        "kind": "postconditions",
        "trace": new_trace_id(),
        "id": new_span_id(),
        "request": request,
        "start": start,
        "end": time.time_ns(),
        "passed": report.passed,
        "diagnostic": report.diagnostic,
        "results": list(rows),
        "synthetic": is_synthetic(),
    }


def _result(check: Postcondition, row: PostconditionResult | None) -> Result:
    if row is None:
        return Result(check.name, False, "cancelled", "", check.critical)
    error = row["error"]["type"] if row["error"] else ""
    return Result(row["name"], row["passed"], row["reason"], error, row["critical"])


def _diagnostic(rows: Sequence[PostconditionResult], cancelled: Sequence[str]) -> str:
    """One line: the critical failures, or else the warnings, or else that all is well."""
    if not rows and not cancelled:
        return "no post-conditions are registered"
    failed = [row for row in rows if not row["passed"]]
    critical = [row for row in failed if row["critical"]]
    if not failed:
        all_passed = f"all passed ({len(rows)} check{'s' * (len(rows) != 1)})"
        return f"{all_passed}; cancelled: {', '.join(cancelled)}" if cancelled else all_passed
    said = "Post-conditions failed" if critical else "passed, with warnings"
    return f"{said}: " + " | ".join(f"{row['name']}: {row['reason']}" for row in critical or failed)
