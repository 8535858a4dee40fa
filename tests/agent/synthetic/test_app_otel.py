"""The tag in the app's own OpenTelemetry: there while the work lasts, gone afterwards, no trouble without one."""

from __future__ import annotations

import contextvars
import sys
from typing import Any, Callable

import pytest
from opentelemetry import baggage, propagate, trace

import lifesign
from lifesign.agent.dryrun import reporter
from lifesign.agent.synthetic import app_otel

KEY = "user_agent.synthetic.type"


async def test_the_event_is_the_current_span_and_the_tag_is_baggage(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "TOTALS_SECONDS", 3600.0)  # two events in one second, however slow this machine is
    pulse = started()
    seen: list[tuple[Any, Any]] = []
    carried: list[dict[str, str]] = []

    def handler(event: Any) -> None:
        seen.append((trace.get_current_span().get_span_context(), baggage.get_baggage(KEY)))
        carried.append({})
        propagate.inject(carried[-1])
        assert carried[-1] == lifesign.synthetic_headers()  # the app's propagators and we say the same

    async with lifesign.DryRun(handler, rate=200, limit=2, force=True) as run:  # one in two is exported
        await run.wait()
    assert run.failed == 0
    (reported,) = pulse.ring("dry_run")
    first, second = seen
    assert (f"{first[0].trace_id:032x}", f"{first[0].span_id:016x}") == (reported["trace"], reported["id"])
    assert (first[0].trace_flags.sampled, second[0].trace_flags.sampled) == (True, False)
    assert first[0].is_remote
    assert (first[1], second[1]) == ("test", "test")
    assert first[0].trace_id != second[0].trace_id
    assert not trace.get_current_span().get_span_context().is_valid
    assert baggage.get_baggage(KEY) is None


async def test_without_a_sidecar_there_is_no_span_to_be_the_child_of() -> None:
    async with lifesign.DryRun(lambda _: seen.append(trace.get_current_span()), limit=1, force=True) as run:
        seen: list[Any] = []
        await run.wait()
    assert not seen[0].get_span_context().is_valid


def test_what_the_app_carries_already_stays() -> None:
    contexts = sys.modules["opentelemetry.context"]
    token = contexts.attach(baggage.set_baggage("customer", "a"))
    try:
        with lifesign.synthetic():
            assert dict(baggage.get_all()) == {"customer": "a", KEY: "test"}
        assert dict(baggage.get_all()) == {"customer": "a"}
    finally:
        contexts.detach(token)


def test_an_app_without_opentelemetry_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.context")
    assert app_otel.attach(None) is None
    assert "opentelemetry.context" not in sys.modules
    app_otel.detach(None)


def test_an_opentelemetry_that_we_do_not_know_is_no_trouble(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.context", object())  # type: ignore[arg-type]
    with lifesign.synthetic():
        assert lifesign.is_synthetic()
    assert "did not take the tag" in caplog.text


def test_one_that_does_not_give_it_up_is_no_trouble_either(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def leaves() -> None:
        with lifesign.synthetic():
            monkeypatch.setitem(sys.modules, "opentelemetry.context", object())  # type: ignore[arg-type]
        assert not lifesign.is_synthetic()

    contextvars.copy_context().run(leaves)  # what stays behind in it goes with it
    assert "did not give up the tag" in caplog.text


def test_a_context_without_baggage_is_attached_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.baggage")
    token = app_otel.attach(None)
    assert token is not None
    assert baggage.get_baggage(KEY) is None
    app_otel.detach(token)
