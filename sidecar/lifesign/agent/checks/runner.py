"""One run of one check: in the loop or in a thread of its own, and cut at its timeout.

What was cut may go on: a thread cannot be stopped, a coroutine may refuse to be cancelled. Until it comes
back the check is not run again, so that one that hangs costs one thread, not one a period.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import threading
import time
from typing import TYPE_CHECKING, Any, Awaitable, Callable, NamedTuple, Union

from lifesign.agent.harmless import failure
from lifesign.agent.identity import new_span_id

if TYPE_CHECKING:
    from lifesign.wire.records import Failure, PostconditionResult

Outcome = Union[None, bool, "tuple[bool, str]"]
Check = Callable[[], Union[Outcome, Awaitable[Outcome]]]

_TEXT_CHARACTERS = 500
_STACK_CHARACTERS = 2000


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


class _Work:
    """What a check is doing; `check` is held so that nothing else can have its id."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self.thread: threading.Thread | None = None
        self.task: asyncio.Task[Outcome] | None = None

    def goes_on(self) -> bool:
        if self.thread is not None and self.thread.is_alive():
            return True
        return self.task is not None and not self.task.done() and not self.task.get_loop().is_closed()


_cut: dict[int, _Work] = {}  # what was cut and may go on, by the id of its check


async def run_one(check: Postcondition) -> PostconditionResult | None:
    """Runs a check; whatever it does is its result. None where what it waited for was cancelled: it says nothing."""
    start = time.time_ns()
    error: Failure | None
    if _goes_on(check.check):
        passed, reason = False, "it was cut at its timeout and has not come back yet"
        error = {"type": "TimeoutError", "message": reason, "stack": ""}
    else:
        answer = await _answer(check)
        if answer is None:
            return None
        passed, reason, error = answer
    if error is not None:
        error["stack"] = error["stack"][-_STACK_CHARACTERS:]
        error["message"] = error["message"][:_TEXT_CHARACTERS]
    return {
        "id": new_span_id(),
        "name": check.name[:200],
        "critical": check.critical,
        "passed": passed,
        "reason": " ".join(reason.split("\n"))[:_TEXT_CHARACTERS],
        "error": error,
        "start": start,
        "end": time.time_ns(),
    }


def _goes_on(check: Check) -> bool:
    for key, work in list(_cut.items()):
        if not work.goes_on():
            _cut.pop(key, None)
    return id(check) in _cut


async def _answer(check: Postcondition) -> tuple[bool, str, Failure | None] | None:
    work = _Work(check.check)
    task = work.task = asyncio.ensure_future(_call(check, work))
    try:
        # Not wait_for: it would wait for a check that will not be cancelled.
        done, _ = await asyncio.wait({task}, timeout=check.timeout)
        if task.cancelled():
            return None
        if done:
            return (*_verdict(task.result()), None)
        late = f"timed out after {check.timeout:g} s"
        return False, late, {"type": "TimeoutError", "message": late, "stack": ""}
    except Exception as raised:  # noqa: BLE001 - whatever a check raises is its answer
        error = failure(raised)
        return False, f"{error['type']}: {error['message']}", error
    finally:
        if not task.done():
            _cut[id(check.check)] = work
            task.add_done_callback(_look_at)
            task.cancel()


def _look_at(task: asyncio.Task[Outcome]) -> None:
    """Nobody waits for it any more; asyncio would complain of an exception that nobody looked at."""
    if not task.cancelled():
        task.exception()


async def _call(check: Postcondition, work: _Work) -> Outcome:
    try:
        if inspect.iscoroutinefunction(check.check):
            outcome: Any = check.check()
        else:
            outcome = await _in_thread(check, work)
        # A plain function may hand back an awaitable too: a partial, a lambda around a coroutine function.
        answer: Outcome = await outcome if inspect.isawaitable(outcome) else outcome
    except SystemExit as error:  # it would end the service's loop
        raise RuntimeError(f"SystemExit: {error}") from error
    return answer


async def _in_thread(check: Postcondition, work: _Work) -> Any:
    """Runs a sync check in a daemon thread: a pool's threads would be waited for at exit."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def resolve(method: Callable[[Any], None], value: Any) -> None:
        if not answer.done():
            method(value)

    def run() -> None:
        method: Callable[[Any], None] = answer.set_result
        try:
            value: Any = context.run(check.check)
        except BaseException as error:  # noqa: BLE001 - raised again where the check is awaited
            method = answer.set_exception
            # No future takes a StopIteration.
            value = RuntimeError(f"StopIteration: {error}") if isinstance(error, StopIteration) else error
        with contextlib.suppress(RuntimeError):  # the loop closed while we worked: nobody waits any more
            loop.call_soon_threadsafe(resolve, method, value)

    work.thread = threading.Thread(target=run, name=f"lifesign-check-{check.name[:40]}", daemon=True)
    work.thread.start()
    return await answer


def _verdict(outcome: Outcome) -> tuple[bool, str]:
    if outcome is None or outcome is True:
        return True, ""
    if isinstance(outcome, tuple) and len(outcome) == 2:
        return bool(outcome[0]), str(outcome[1])
    return bool(outcome), "" if outcome else "it does not hold"
