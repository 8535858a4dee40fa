"""Asking for the post-conditions from the service's own code."""

from __future__ import annotations

from lifesign.agent import process
from lifesign.agent.checks.registry import registry
from lifesign.agent.checks.results import Report
from lifesign.agent.checks.runner import Check, Postcondition
from lifesign.errors import PostconditionError


async def check_postconditions(*more: Check) -> Report:
    """Runs every registered post-condition, and `more` under their function names; stops at none.

    The checks run whether or not a sidecar is there; with one, the report is exported too.

    Returns:
        A `Report`: `passed`, `diagnostic` (``"all passed (2 checks)"`` or ``"Post-conditions failed:
        a: why | b: why"``) and `results`, one a check.
    """
    extra = [Postcondition(getattr(check, "__name__", "check"), check) for check in more]
    agent = process.running()
    return await registry.run([*registry.registered(), *extra], agent.pulse.ring if agent is not None else None)


async def assert_postconditions(*more: Check) -> None:
    """`check_postconditions`, but raises.

    Raises:
        PostconditionError: with the diagnostic, where a critical one does not hold.
    """
    report = await check_postconditions(*more)
    if not report.passed:
        raise PostconditionError(report.diagnostic)
