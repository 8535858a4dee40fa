"""One run of one check: in the loop or in its own thread, up to its timeout.

After that it may still run: a thread cannot be stopped, a coroutine may refuse to be cancelled. Until it returns the
check is not run again, so that a hanging check costs one thread, not one per period.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import threading
import time
from typing import TYPE_CHECKING, Any, Awaitable, Callable, NamedTuple, Union

from lifesign.agent.exceptions import failure
from lifesign.agent.harmless import name_of, seconds, text, truth
from lifesign.agent.identity import new_span_id
from lifesign.agent.tasks import own as own_tasks
from lifesign.redact import redacted

if TYPE_CHECKING:
    from lifesign.wire.records import Failure, PostconditionResult

Outcome = Union[None, bool, "tuple[bool, str]"]
Check = Callable[[], Union[Outcome, Awaitable[Outcome]]]

TIMEOUT_SECONDS = 5.0
_TEXT_CHARACTERS = 500
_STACK_CHARACTERS = 2000


class Postcondition(NamedTuple):
    """A named check; `timeout` and `every` in seconds, `every` None for "only when asked".

    `awaited`: nothing in the code says when it should hold, so the boot gives it time.
    """

    name: str
    check: Check
    timeout: float = TIMEOUT_SECONDS
    every: float | None = None
    critical: bool = True
    awaited: bool = False

    @classmethod
    def of(cls, name: object, check: Check, timeout: object, every: object, critical: object) -> Postcondition:
        """One from the user's arguments, whatever they are; what cannot be used is complained of, and left out."""
        return cls(
            text(name) or name_of(check) or "check",
            check,
            seconds("timeout", timeout, TIMEOUT_SECONDS),
            None if every is None else seconds("every", every, None),
            truth("critical", critical),
        )


class _Answer(NamedTuple):
    """What a check said; `error` is what it raised."""

    passed: bool
    reason: str
    error: Failure | None


_CANCELLED = object()  # in place of what a check hands back from its thread


class _Work:
    """What a check is doing; `check` is held so that nothing else can have its id."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self.thread: threading.Thread | None = None
        self.task: asyncio.Task[_Answer] | None = None

    def goes_on(self) -> bool:
        if self.thread is not None and self.thread.is_alive():
            return True
        return self.task is not None and not self.task.done() and not self.task.get_loop().is_closed()


_cut: dict[int, _Work] = {}  # what timed out and may still run, by the id of its check


async def run_one(check: Postcondition) -> PostconditionResult | None:
    """Runs a check; whatever it does is its result. None where what it waited for was cancelled: it says nothing."""
    start = time.time_ns()
    error: Failure | None
    if _goes_on(check.check):
        passed, reason = False, "it timed out in an earlier run and has not returned yet"
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


async def _answer(check: Postcondition) -> _Answer | None:
    work = _Work(check.check)
    task = work.task = own_tasks.create(asyncio.get_running_loop(), _call(check, work), "lifesign-check")
    try:
        # Not wait_for: it would wait for a check that will not be cancelled.
        done, _ = await asyncio.wait({task}, timeout=check.timeout)
        if task.cancelled():
            return None
        if done:
            return task.result()
        late = f"timed out after {check.timeout:g} s"
        return _Answer(False, late, {"type": "TimeoutError", "message": late, "stack": ""})
    finally:
        if not task.done():
            _cut[id(check.check)] = work
            task.cancel()


async def _call(check: Postcondition, work: _Work) -> _Answer:
    try:
        if inspect.iscoroutinefunction(check.check):
            outcome: Any = check.check()
        else:
            outcome = await _in_thread(check, work)
            if isinstance(outcome, _Answer):
                return outcome
        # A plain function may hand back an awaitable too: a partial, a lambda around a coroutine function.
        return _judged(await outcome if inspect.isawaitable(outcome) else outcome)
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise  # not of the check's own: its loop ends, or somebody pressed Ctrl-C while it ran
    except BaseException as error:  # noqa: BLE001 - whatever a check raises is its answer; SystemExit would end the loop
        return _raised(error)


async def _in_thread(check: Postcondition, work: _Work) -> Any:
    """Runs a sync check in a daemon thread: Python would wait for the threads of a pool at exit.

    Returns:
        What it returns; an `_Answer` if it raised.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def resolve(value: Any) -> None:
        if answer.done():
            return
        if value is _CANCELLED:
            answer.cancel()
        else:
            answer.set_result(value)

    def run() -> None:
        try:
            value: Any = context.run(check.check)
        except asyncio.CancelledError:
            value = _CANCELLED
        except BaseException as error:  # noqa: BLE001 - no signal comes to this thread: it is the check's answer
            value = _raised(error)
        with contextlib.suppress(RuntimeError):  # the loop closed while we worked: nobody waits any more
            loop.call_soon_threadsafe(resolve, value)

    work.thread = threading.Thread(target=run, name=f"lifesign-check-{check.name[:40]}", daemon=True)
    work.thread.start()
    return await answer


def _judged(outcome: object) -> _Answer:
    if outcome is None or outcome is True:
        return _Answer(True, "", None)
    if isinstance(outcome, tuple) and len(outcome) == 2:
        holds = bool(outcome[0])
        return _Answer(holds, "" if holds and outcome[1] is None else redacted(str(outcome[1])), None)
    return _Answer(bool(outcome), "" if outcome else "it does not hold", None)


def _raised(error: BaseException) -> _Answer:
    found = failure(error)
    return _Answer(False, f"{found['type']}: {found['message']}", found)
