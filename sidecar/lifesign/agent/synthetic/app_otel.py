"""The tag of synthetic work in the app's own OpenTelemetry, if there is one.

Its spans become children of ours, and its propagators send the tag as W3C baggage with every call it
makes. Nothing is imported: an app without OpenTelemetry has no context to put this into.
"""

from __future__ import annotations

import sys
from typing import Any

from lifesign import semconv
from lifesign.agent.harmless import complain


class SyntheticSpan:
    """The span that synthetic work belongs to, ids in hex; `stands_for` so many events, 0 where it is not sampled."""

    def __init__(self, trace: str, span: str, stands_for: int) -> None:
        self.trace = trace
        self.span = span
        self.stands_for = stands_for


def attach(span: SyntheticSpan | None) -> Any:
    """Makes a context with the tag the current one, under `span`; returns what `detach` wants."""
    contexts = sys.modules.get("opentelemetry.context")
    if contexts is None:
        return None
    try:
        context = contexts.get_current()
        baggage = sys.modules.get("opentelemetry.baggage")
        if baggage is not None:
            context = baggage.set_baggage(semconv.SYNTHETIC_TYPE, semconv.SYNTHETIC_TEST, context)
        trace = sys.modules.get("opentelemetry.trace")
        if trace is not None and span is not None:
            # Not sampled: then the app's own sampler leaves its spans out too, unless it is configured otherwise.
            flags = trace.TraceFlags(1 if span.stands_for else 0)
            # Remote, since the app's SDK did not make it.
            parent = trace.SpanContext(int(span.trace, 16), int(span.span, 16), is_remote=True, trace_flags=flags)
            context = trace.set_span_in_context(trace.NonRecordingSpan(parent), context)
        return contexts.attach(context)
    except Exception as error:  # noqa: BLE001 - somebody else's library, of any version
        complain("the app's OpenTelemetry did not take the tag of synthetic work", error)
        return None


def detach(token: Any) -> None:
    """Undoes `attach`."""
    if token is None:
        return
    try:
        sys.modules["opentelemetry.context"].detach(token)
    except Exception as error:  # noqa: BLE001 - as above
        complain("the app's OpenTelemetry did not give up the tag of synthetic work", error)
