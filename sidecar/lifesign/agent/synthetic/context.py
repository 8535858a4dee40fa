"""Synthetic work: everything that happens inside is tagged, across awaits, tasks and ``to_thread``."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any, Iterator

from lifesign import semconv
from lifesign.agent.harmless import complain
from lifesign.agent.synthetic import app_otel
from lifesign.agent.synthetic.app_otel import SyntheticSpan


class Entered:
    """What `leave` needs to undo an `enter`."""

    def __init__(self, synthetic: Token[bool], span: Token[SyntheticSpan | None] | None, context: Any) -> None:
        self.synthetic = synthetic
        self.span = span
        self.context = context


_synthetic: ContextVar[bool] = ContextVar("lifesign_synthetic", default=False)
_span: ContextVar[SyntheticSpan | None] = ContextVar("lifesign_synthetic_span", default=None)
tagged = _synthetic.get  # `is_synthetic` for the hot path of `lifesign.event`: a call in C alone


def is_synthetic() -> bool:
    """Whether this code runs inside `synthetic` or a dry run; use it to keep a test order from the real exchange.

    Returns:
        True for synthetic traffic, also in tasks that it started and in ``asyncio.to_thread``; False for real
        work. It works without a sidecar too.
    """
    return tagged()


def enter(span: SyntheticSpan | None = None) -> Entered:
    """All that this task does from now on is synthetic, the work of `span` where one is given."""
    return Entered(_synthetic.set(True), None if span is None else _span.set(span), app_otel.attach(span))


def leave(entered: Entered) -> None:
    """Undoes `enter`."""
    app_otel.detach(entered.context)
    try:
        if entered.span is not None:
            _span.reset(entered.span)
        _synthetic.reset(entered.synthetic)
    except ValueError as error:
        complain("synthetic() was left in another context than it was entered in", error)


@contextmanager
def synthetic() -> Iterator[None]:
    """Tags all that happens inside, in this task and those it starts, as synthetic traffic.

    ``with lifesign.synthetic(): ...``: events count as synthetic ones, which keep no promise; checkpoints and
    post-conditions are exported with ``user_agent.synthetic.type=test``, the attribute of the OpenTelemetry
    semantic conventions. If the app has its own OpenTelemetry SDK, the tag is in its baggage too.

    Returns:
        A context manager for ``with``; it has no value.
    """
    entered = enter()
    try:
        yield
    finally:
        leave(entered)


def synthetic_headers() -> dict[str, str]:
    """Headers for a call to another service, which carry the tag of synthetic traffic along.

    An app with its own OpenTelemetry SDK does not need this: its propagators send the same.

    Returns:
        ``baggage`` (W3C Baggage) with ``user_agent.synthetic.type=test`` and, inside a dry run, ``traceparent``
        (W3C Trace Context) of the current event. Empty outside synthetic work.
    """
    if not is_synthetic():
        return {}
    headers = {"baggage": f"{semconv.SYNTHETIC_TYPE}={semconv.SYNTHETIC_TEST}"}
    span = _span.get()
    if span is not None:
        headers["traceparent"] = f"00-{span.trace}-{span.span}-{'01' if span.stands_for else '00'}"
    return headers
