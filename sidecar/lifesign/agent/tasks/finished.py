"""How tasks ended: the result's type, the exception, or the cancellation, without touching what asyncio
watches (an exception that is asked for counts as retrieved, and its warning would never come)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Callable

from lifesign.agent.tasks import odd
from lifesign.redact import redacted

if TYPE_CHECKING:
    from lifesign.wire.records import FinishedTasks

KINDS_MAX = 20
_KINDS_COUNTED = 1000  # endless new kinds must not grow our memory

_was_cancelled: Callable[[Any], bool] = asyncio.Task.cancelled


class TaskOutcome:
    """How one task ended; it holds nothing of the task."""

    def __init__(self, function: str, outcome: str, message: str) -> None:
        self.function = function
        self.outcome = outcome
        self.message = message


class Finished:
    """Finished tasks by function and outcome."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], FinishedTasks] = {}

    def add(self, ended: TaskOutcome) -> None:
        """One more."""
        key = ended.function, ended.outcome
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= _KINDS_COUNTED:
                return
            kind = {"function": ended.function, "outcome": ended.outcome, "message": "", "count": 0}
            self._kinds[key] = kind
        kind["count"] += 1
        kind["message"] = ended.message

    def most(self) -> list[FinishedTasks]:
        """The most frequent kinds, the most frequent first."""
        return sorted(self._kinds.values(), key=lambda kind: -kind["count"])[:KINDS_MAX]


def outcome_of(task: Any) -> TaskOutcome:
    """How this task ended."""
    coroutine = odd.coroutine(task)
    function = odd.text(odd.read(coroutine, "__qualname__") or odd.type_name(task))
    if _cancelled(task):
        return TaskOutcome(function, "cancelled", "")
    error = odd.read(task, "_exception")
    if error is None:
        result = odd.read(task, "_result")
        return TaskOutcome(function, f"returned {'None' if result is None else odd.type_name(result)}", "")
    return TaskOutcome(function, f"raised {odd.type_name(error)}", _message(error))


def _message(error: Any) -> str:
    try:
        return redacted(str(error)[: 10 * odd.TEXT_CHARACTERS])[: odd.TEXT_CHARACTERS]
    except BaseException:  # noqa: BLE001 - the user's __str__
        return ""


def _cancelled(task: Any) -> bool:
    try:
        return _was_cancelled(task)
    except BaseException:  # noqa: BLE001 - it is none of asyncio's
        return odd.call(task, "cancelled") is True
