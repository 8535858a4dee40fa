"""Post-conditions: named checks that must hold once the service has booted.

All of them run, side by side, whatever becomes of the others. A sync check runs in a thread of its
own, so that it cannot block the loop; a check that hangs is left behind at its timeout.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import threading
import time
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Iterable, NamedTuple, TypeVar, Union

from lifesign.agent.harmless import failure
from lifesign.agent.identity import new_span_id, new_trace_id
from lifesign.agent.synthetic import is_synthetic
from lifesign.wire.writer import LaneWriter

if TYPE_CHECKING:
    from lifesign.wire.records import Failure, PostconditionReport, PostconditionResult

Outcome = Union[None, bool, "tuple[bool, str]"]
Check = Callable[[], Union[Outcome, Awaitable[Outcome]]]
CheckT = TypeVar("CheckT", bound=Check)

_TEXT_CHARACTERS = 500
_STACK_CHARACTERS = 2000


class Postcondition(NamedTuple):
    """A named check; `timeout` and `every` in seconds, `every` None for "only when asked"."""

    name: str
    check: Check
    timeout: float = 5.0
    every: float | None = None
    critical: bool = True


class Result(NamedTuple):
    """What one check said; `error` is the type of the exception that it raised, "" for none."""

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
    """The checks whose period is over; each is due again one period later."""
    now = time.monotonic()
    found = [check for check in _registry.values() if check.every is not None and _due[check.name] <= now]
    for check in found:
        _due[check.name] = now + (check.every or 0.0)
    return tuple(found)


async def run(checks: Iterable[Postcondition], ring: LaneWriter | None) -> Report:
    """Runs the checks side by side and writes the report to `ring` where there is one."""
    start = time.time_ns()
    checks = tuple(checks)
    rows = await asyncio.gather(*(_run_one(check) for check in checks))
    failed = [row for row in rows if not row["passed"] and row["critical"]]
    if failed:
        joined = " | ".join(f"{row['name']}: {row['reason']}" for row in failed)
        diagnostic = f"Post-conditions failed: {joined}"
    else:
        diagnostic = f"all passed ({len(rows)} checks)"
    if ring is not None and checks:
        record: PostconditionReport = {
            "kind": "postconditions",
            "trace": new_trace_id(),
            "id": new_span_id(),
            "start": start,
            "end": time.time_ns(),
            "passed": not failed,
            "diagnostic": diagnostic[:2000],
            "results": list(rows),
            "synthetic": is_synthetic(),
        }
        ring.append(record)
    results = tuple(
        Result(row["name"], row["passed"], row["reason"], row["error"]["type"] if row["error"] else "", row["critical"])
        for row in rows
    )
    return Report(not failed, diagnostic, results)


async def _run_one(check: Postcondition) -> PostconditionResult:
    start = time.time_ns()
    error: Failure | None = None
    task = asyncio.ensure_future(_call(check))
    try:
        # Not wait_for: it would wait for a check that will not be cancelled.
        done, _ = await asyncio.wait({task}, timeout=check.timeout)
        if task.cancelled():
            passed, reason = False, "cancelled"
        elif done:
            passed, reason = _verdict(task.result())
        else:
            passed, reason = False, f"timed out after {check.timeout:g} s"
            error = {"type": "TimeoutError", "message": reason, "stack": ""}
    except Exception as raised:  # noqa: BLE001 - whatever a check raises is its answer
        passed, error = False, failure(raised)
        reason = f"{error['type']}: {error['message']}"
    finally:
        task.cancel()
    if error is not None:
        error["stack"] = error["stack"][-_STACK_CHARACTERS:]
        error["message"] = error["message"][:_TEXT_CHARACTERS]
    return {
        "id": new_span_id(),
        "name": check.name[:200],
        "critical": check.critical,
        "passed": passed,
        "reason": reason[:_TEXT_CHARACTERS],
        "error": error,
        "start": start,
        "end": time.time_ns(),
    }


async def _call(check: Postcondition) -> Outcome:
    if inspect.iscoroutinefunction(check.check):
        outcome: Any = check.check()
    else:
        outcome = await _in_thread(check)
    # A plain function may hand back an awaitable too: a partial, a lambda around a coroutine function.
    answer: Outcome = await outcome if inspect.isawaitable(outcome) else outcome
    return answer


async def _in_thread(check: Postcondition) -> Any:
    """Runs a sync check in a daemon thread: a pool's threads would be waited for at exit."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def settle(method: Callable[[Any], None], value: Any) -> None:
        if not answer.done():
            method(value)

    def work() -> None:
        method: Callable[[Any], None] = answer.set_result
        try:
            value: Any = context.run(check.check)
        except BaseException as error:  # noqa: BLE001 - raised again where the check is awaited
            method = answer.set_exception
            # No future takes a StopIteration.
            value = RuntimeError(f"StopIteration: {error}") if isinstance(error, StopIteration) else error
        with contextlib.suppress(RuntimeError):  # the loop closed while we worked: nobody waits any more
            loop.call_soon_threadsafe(settle, method, value)

    threading.Thread(target=work, name=f"lifesign-check-{check.name[:40]}", daemon=True).start()
    return await answer


def _verdict(outcome: Outcome) -> tuple[bool, str]:
    if outcome is None or outcome is True:
        return True, ""
    if isinstance(outcome, tuple) and len(outcome) == 2:
        return bool(outcome[0]), str(outcome[1])
    return bool(outcome), "" if outcome else "it does not hold"
