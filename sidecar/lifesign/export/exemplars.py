"""Exemplars of the delay histogram: from how late a loop was to the span of what kept it.

That is the span of the illness where the loop was called blocked or the process frozen; of a short stall it is the
program's own, under which the stalled task ran.
"""

from __future__ import annotations

import re

from opentelemetry.sdk.metrics import Exemplar

from lifesign import semconv
from lifesign.watch.telemetry import Log, Span, Telemetry

AT_ONCE_MAX = 10  # of one process between two collections; the newest are kept
_TRACE, _SPAN = re.compile("[0-9a-f]{32}"), re.compile("[0-9a-f]{16}")


def exemplar(record: Telemetry) -> Exemplar | None:
    """The exemplar that a record gives; None for nearly all of them."""
    if isinstance(record, Span):
        if record.name in (semconv.SPAN_BLOCKED, semconv.SPAN_FROZEN):
            return _of((record.end - record.start) / 1e9, record.end, record.trace, record.id)
    elif isinstance(record, Log) and record.event == semconv.LOG_STALL and record.trace and record.span:
        worst = record.attributes.get(semconv.STALL_WORST)
        return _of(worst, record.time, record.trace, record.span) if isinstance(worst, float) else None
    return None


def _of(seconds: float, at: int, trace: str, span: str) -> Exemplar | None:
    if not (_TRACE.fullmatch(trace) and _SPAN.fullmatch(span)):  # what the main process says may be anything
        return None
    return Exemplar({}, seconds, at, int(span, 16), int(trace, 16))
