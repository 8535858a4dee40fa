"""The span of the app's own OpenTelemetry that a task runs under, where there is one (3.12 and newer)."""

from __future__ import annotations

import sys
from typing import Any

from lifesign.agent.tasks import odd


def app_span(task: Any) -> tuple[str, str] | None:
    """Trace and span id in hex, or None. Imports nothing: an app without OpenTelemetry has no spans."""
    api = sys.modules.get("opentelemetry.trace")
    contexts = sys.modules.get("opentelemetry.context")
    get_context = odd.read(task, "get_context")
    if api is None or contexts is None or get_context is None:
        return None
    try:
        # The API reads only the context that runs now; another task's has to be looked into by its variable.
        variable = contexts._RUNTIME_CONTEXT._current_context
        context = get_context().get(variable)
        found = api.get_current_span(context).get_span_context() if context is not None else None
        if found is None or not found.is_valid:
            return None
        return f"{found.trace_id:032x}", f"{found.span_id:016x}"
    except BaseException:  # noqa: BLE001 - somebody else's library, of any version
        return None
