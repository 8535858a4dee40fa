"""Synthetic work: whatever happens inside is tagged, across awaits, tasks and ``to_thread``."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any, Iterator, NamedTuple

from lifesign import semconv
from lifesign.agent.dryrun import app_otel
from lifesign.agent.harmless import complain


class Origin(NamedTuple):
    """The span that synthetic work belongs to, ids in hex; `stands_for` so many events, 0 where it is not sampled."""

    trace: str
    span: str
    stands_for: int


class Entered(NamedTuple):
    """What `leave` needs to undo an `enter`."""

    synthetic: Token[bool]
    origin: Token[Origin | None] | None
    context: Any


_synthetic: ContextVar[bool] = ContextVar("lifesign_synthetic", default=False)
_origin: ContextVar[Origin | None] = ContextVar("lifesign_origin", default=None)

is_synthetic = _synthetic.get


def enter(origin: Origin | None = None) -> Entered:
    """All that this task does from now on is synthetic, the work of `origin` where one is given."""
    return Entered(_synthetic.set(True), None if origin is None else _origin.set(origin), app_otel.attach(origin))


def leave(entered: Entered) -> None:
    """Undoes `enter`."""
    app_otel.detach(entered.context)
    try:
        if entered.origin is not None:
            _origin.reset(entered.origin)
        _synthetic.reset(entered.synthetic)
    except ValueError as error:
        complain("synthetic() was left in another context than it was entered in", error)


@contextmanager
def synthetic() -> Iterator[None]:
    """Tags all that happens inside, in this task and those it starts, as synthetic traffic.

    Where the app has an OpenTelemetry SDK of its own, the tag is in its baggage too.
    """
    entered = enter()
    try:
        yield
    finally:
        leave(entered)


def synthetic_headers() -> dict[str, str]:
    """W3C headers for a call to another service: ``baggage`` and, inside a dry run, ``traceparent``.

    Empty outside of synthetic work. An app with an OpenTelemetry SDK of its own needs none of this: its
    propagators send the same.
    """
    if not is_synthetic():
        return {}
    headers = {"baggage": f"{semconv.SYNTHETIC_TYPE}={semconv.SYNTHETIC_TEST}"}
    origin = _origin.get()
    if origin is not None:
        headers["traceparent"] = f"00-{origin.trace}-{origin.span}-{'01' if origin.stands_for else '00'}"
    return headers
