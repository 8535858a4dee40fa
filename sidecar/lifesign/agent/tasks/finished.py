"""How tasks ended: the result's type, the exception, or the cancellation, without touching what asyncio
watches (an exception that is asked for counts as retrieved, and its warning would never come)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable

from lifesign.agent.tasks.walk import TEXT_CHARACTERS

if TYPE_CHECKING:
    from lifesign.wire.records import FinishedTasks

KINDS_MAX = 20


def ended(tasks: Iterable[Any]) -> list[FinishedTasks]:
    """Finished tasks by function and outcome, the most frequent first."""
    kinds: dict[tuple[str, str], FinishedTasks] = {}
    for task in tasks:
        outcome, message = _outcome(task)
        function = _function(task)
        kind = kinds.setdefault(
            (function, outcome), {"function": function, "outcome": outcome, "message": "", "count": 0}
        )
        kind["count"] += 1
        kind["message"] = message
    return sorted(kinds.values(), key=lambda kind: -kind["count"])[:KINDS_MAX]


def _outcome(task: Any) -> tuple[str, str]:
    if task.cancelled():
        return "cancelled", ""
    error = getattr(task, "_exception", None)
    if error is None:
        return f"returned {type(getattr(task, '_result', None)).__name__}", ""
    try:
        message = str(error)[:TEXT_CHARACTERS]
    except Exception:  # noqa: BLE001 - the user's __str__
        message = ""
    return f"raised {type(error).__name__}", message


def _function(task: Any) -> str:
    coroutine = task.get_coro() if hasattr(task, "get_coro") else None
    return str(getattr(coroutine, "__qualname__", type(task).__name__))[:TEXT_CHARACTERS]
