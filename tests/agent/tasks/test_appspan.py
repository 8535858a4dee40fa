"""The spans of the app's own OpenTelemetry."""

from __future__ import annotations

import contextvars
import sys

import pytest

from lifesign.agent.tasks import appspan

FAST = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.003"}


def test_without_opentelemetry_in_the_app_no_task_has_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    class Task:
        def get_context(self) -> contextvars.Context:
            raise AssertionError("nobody may ask")

    monkeypatch.delitem(sys.modules, "opentelemetry.trace", raising=False)
    assert appspan.app_span(Task()) is None


def test_an_opentelemetry_that_we_do_not_know_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    class Task:
        def get_context(self) -> contextvars.Context:
            return contextvars.Context()

    monkeypatch.setitem(sys.modules, "opentelemetry.trace", object())  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "opentelemetry.context", object())  # type: ignore[arg-type]
    assert appspan.app_span(Task()) is None


def test_the_span_of_a_tasks_context_is_found() -> None:
    trace = pytest.importorskip("opentelemetry.trace")
    context_api = pytest.importorskip("opentelemetry.context")
    span = trace.NonRecordingSpan(trace.SpanContext(0xABC, 0xDEF, is_remote=False))

    def inside() -> contextvars.Context:
        context_api.attach(trace.set_span_in_context(span))
        return contextvars.copy_context()

    class Task:
        context = contextvars.copy_context().run(inside)

        def get_context(self) -> contextvars.Context:
            return self.context

    assert appspan.app_span(Task()) == (f"{0xABC:032x}", f"{0xDEF:016x}")

    class Bare:
        def get_context(self) -> contextvars.Context:
            return contextvars.Context()

    assert appspan.app_span(Bare()) is None
