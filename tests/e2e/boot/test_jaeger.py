"""What people find in Jaeger: traces of real services, read back through its query API."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Callable

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from support.backends.components import status_of
from support.backends.jaeger import Jaeger, Trace
from support.backends.ports import free_addresses
from support.paths import VICTIMS
from support.supervised import environment, supervised
from support.waiting import eventually

PATIENCE = 60.0
PATIENT = [sys.executable, str(VICTIMS / "patient.py")]
BUILT_IN = {"started", "timeout configured", "booting", "waiting for first event", "post-conditions"}


@pytest.fixture
def environ(jaeger: Jaeger, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """The environment of a service whose traces go to Jaeger."""

    def make(service: str, **more: str) -> dict[str, str]:
        return environment(
            **jaeger.environment,
            OTEL_SERVICE_NAME=service,
            LIFESIGN_SPOOL_DIR=str(tmp_path / service),
            LIFESIGN_POLL_INTERVAL="0.1",
            **more,
        )

    return make


@contextmanager
def desk(environ: dict[str, str]) -> Iterator[None]:
    """A service that boots, has a post-condition that fails, and makes three synthetic events."""
    with supervised([sys.executable, str(VICTIMS / "desk.py")], env=environ) as running:
        running.line_with("ready")
        yield


def only(jaeger: Jaeger, service: str, name: str) -> Trace:
    """The one trace that has a span of this name, once it has come."""
    (found,) = eventually(lambda: jaeger.traces(service, name), PATIENCE, 0.05)
    return found


def test_a_boot_is_a_tree_of_its_checkpoints_in_order(jaeger: Jaeger, environ: Callable) -> None:
    with desk(environ("shop", LIFESIGN_EVENTS="order=60s")):
        trace = only(jaeger, "shop", "boot")

    assert "shop" in jaeger.services()
    (root,) = trace.roots
    assert (root.name, root.tags["lifesign.boot.outcome"]) == ("boot", "failed")  # a post-condition does not hold
    assert root.error
    marks = trace.children(root)
    names = [mark.tags["lifesign.checkpoint.name"] for mark in marks]
    assert [mark.name for mark in marks] == [f"checkpoint {name}" for name in names]
    assert set(names) == BUILT_IN | {"config loaded", "broker connected", "first event received"}  # it is not complete
    assert names.index("config loaded") < names.index("broker connected") < names.index("first event received")
    assert all(root.start <= mark.start for mark in marks)
    assert all(mark.start + mark.duration <= root.start + root.duration + 1 for mark in marks)  # whole microseconds
    assert [span.warnings for span in trace.spans if span.warnings] == []
    assert root.process["telemetry.distro.name"] == "lifesign"


def test_a_failed_post_condition_is_an_error_with_its_reason(jaeger: Jaeger, environ: Callable) -> None:
    with desk(environ("shop")):
        trace = only(jaeger, "shop", "postconditions")

    (root,) = trace.roots
    assert root.error == "Post-conditions failed: database connected: refused by 10.0.0.7"
    failed, held = trace.span("postcondition database connected"), trace.span("postcondition rules loaded")
    assert failed.parent == held.parent == root.id
    assert (failed.error, held.error) == ("refused by 10.0.0.7", None)
    assert failed.tags["error.type"]
    assert [one.id for one in jaeger.traces("shop", **{"lifesign.postcondition.name": "rules loaded"})] == [trace.id]


def test_a_stall_is_a_span_of_its_length(jaeger: Jaeger, environ: Callable) -> None:
    (health,) = free_addresses(1)
    environ_of_patient = environ("ward", LIFESIGN_HEARTBEAT_TIMEOUT="1", LIFESIGN_HEALTH_ADDR=health)
    with supervised(PATIENT, env=environ_of_patient, stdin=subprocess.PIPE) as patient:
        victim = patient.victim()
        eventually(lambda: status_of(health, "/app/livez") == 200, PATIENCE, 0.05)
        patient.process.stdin.write(b"sleep\n")
        patient.process.stdin.flush()
        began = microseconds(patient.line_with("ill "))
        eventually(lambda: status_of(health, "/app/livez") == 503, PATIENCE, 0.05)
        os.kill(victim, signal.SIGUSR1)  # which ends the call that blocks
        ended = microseconds(patient.line_with("well "))
        trace = only(jaeger, "ward", "eventloop blocked")

    (stall,) = trace.spans
    assert stall.parent == ""
    assert stall.error
    assert stall.tags["lifesign.state"] == "blocked"
    assert stall.start < ended
    assert began < stall.start + stall.duration
    assert stall.duration > 1_000_000  # longer than the timeout that it is reported by


def microseconds(line: str) -> int:
    """The time that a line of the patient ends with."""
    return int(line.split()[1]) // 1000


def test_dry_runs_are_found_by_their_tag_and_nothing_else_is(jaeger: Jaeger, environ: Callable) -> None:
    synthetic = {"user_agent.synthetic.type": "test"}
    with desk(environ("shop", DRY_RUN="1")):
        only(jaeger, "shop", "boot")
        only(jaeger, "shop", "postconditions")
        eventually(lambda: len(jaeger.traces("shop", **synthetic)) == 3, PATIENCE, 0.05)
        found = jaeger.traces("shop", **synthetic)

    spans = [span for trace in found for span in trace.spans]
    assert [span.name.split()[0] for span in spans] == ["dry_run"] * 3
    assert {span.tags["lifesign.dry_run.index"] for span in spans} == {0, 1, 2}
    tagged = {span.id for span in spans}
    everything = [span for trace in jaeger.traces("shop") for span in trace.spans]
    assert {span.id for span in everything if "user_agent.synthetic.type" in span.tags} == tagged


def test_a_boot_joins_the_trace_that_started_the_service(jaeger: Jaeger, environ: Callable) -> None:
    provider = TracerProvider(resource=Resource({"service.name": "deployer"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"http://{jaeger.http}/v1/traces")))
    with provider.get_tracer("deploy").start_as_current_span("deploy") as deploy:
        context = deploy.get_span_context()
        parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-01"
        with desk(environ("shop", TRACEPARENT=parent)):
            only(jaeger, "shop", "boot")
    provider.shutdown()

    trace = jaeger.trace(f"{context.trace_id:032x}")

    assert trace is not None
    (root,) = trace.roots
    assert (root.name, root.service) == ("deploy", "deployer")
    (boot,) = trace.children(root)
    assert (boot.name, boot.service) == ("boot", "shop")
    assert trace.children(boot)
