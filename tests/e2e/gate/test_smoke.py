"""The gate with real services, a real Collector for what they log and a real Jaeger for their boots."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Callable, NamedTuple

import pytest

from support.backends.collector import Collector
from support.backends.jaeger import Jaeger, Trace
from support.backends.ports import free_addresses
from support.paths import VICTIMS
from support.supervised import environment, supervised
from support.waiting import eventually

PATIENCE = 60.0
BOOTING = [sys.executable, str(VICTIMS / "booting.py")]
BUILT_IN = ["started", "timeout configured", "booting", "waiting for first event", "first event received"]
DESK_TRACE = "0af7651916cd43dd8448eb211c80319c"
LONG = "30"  # seconds, where it is not the timeout that decides


class Gate(NamedTuple):
    """A finished `lifesign smoke` and the trace of the boot that it saw."""

    code: int
    said: str
    report: dict
    trace: Trace


@pytest.fixture
def environ(collector: Collector, jaeger: Jaeger, tmp_path: Path) -> dict[str, str]:
    return environment(
        **collector.environment("http/protobuf"),
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"http://{jaeger.http}/v1/traces",
        OTEL_SERVICE_NAME="shop",
        LIFESIGN_SPOOL_DIR=str(tmp_path / "spool"),
    )


@pytest.fixture
def smoke(environ: dict[str, str], jaeger: Jaeger, tmp_path: Path) -> Callable[..., Gate]:
    """Passes `booting.py` with these arguments through the gate."""

    def run(*argv: str, timeout: str = LONG, options: tuple[str, ...] = (), **more: str) -> Gate:
        report = tmp_path / "report.json"
        line = [sys.executable, "-m", "lifesign", "smoke", "--timeout", timeout, "--report", str(report), *options]
        ended = subprocess.run(
            [*line, "--", *BOOTING, *argv], env={**environ, **more}, capture_output=True, text=True, timeout=PATIENCE
        )
        content = json.loads(report.read_text())
        trace = eventually(lambda: jaeger.trace(content["trace"]), PATIENCE, 0.05)
        return Gate(ended.returncode, ended.stderr, content, trace)

    return run


def names(trace: Trace) -> list[str]:
    (root,) = trace.roots
    return [span.tags["lifesign.checkpoint.name"] for span in trace.children(root)]


def test_a_good_boot(smoke: Callable[..., Gate]) -> None:
    gate = smoke("well", LIFESIGN_CHECKPOINTS="config loaded,broker connected")

    assert gate.code == 0
    assert "alive: booted in" in gate.said
    assert "2 of 2 post-conditions hold" in gate.said
    (root,) = gate.trace.roots
    assert (root.name, root.error, root.tags["lifesign.boot.outcome"]) == ("boot", None, "complete")
    numbered = {
        span.tags["lifesign.checkpoint.name"]: f"{span.tags['lifesign.checkpoint.number']}/"
        f"{span.tags['lifesign.checkpoint.total']}"
        for span in gate.trace.children(root)
    }
    assert numbered == {
        "started": "1/8",
        "timeout configured": "2/8",
        "booting": "3/8",
        "waiting for first event": "4/8",
        "first event received": "5/8",
        "post-conditions": "7/8",
        "complete": "8/8",
        "config loaded": "1/2",
        "broker connected": "2/2",
    }


class Failure(NamedTuple):
    """A row: what becomes of a boot, and what the gate says of it; `event` is the log record, if there is one."""

    argv: tuple[str, ...]
    code: int
    stopped_at: str
    why: str
    outcome: str
    timeout: str = LONG


FAILURES = {
    "an exception": Failure(
        ("raise", "config loaded"), 1, "config loaded",
        "it died before it was alive: uncaught ValueError: no such rule", "died",
    ),
    "sys.exit": Failure(
        ("exit", "config loaded"), 1, "config loaded",
        "it died before it was alive: exit code 3, which nobody asked for", "died",
    ),
    "SIGKILL": Failure(
        ("kill", "config loaded"), 1, "config loaded", "it died before it was alive: killed by SIGKILL", "died",
    ),
    "post-conditions": Failure(
        ("unwell",), 1, "post-conditions",
        "Post-conditions failed: database connected: refused by 10.0.0.7 | rules loaded: timed out after 0.2 s",
        "failed",
    ),
    "no first event": Failure(
        ("silent",), 2, "broker connected",
        "timed out after 4 s waiting for the first event; the event loop turns", "timed_out", "4",
    ),
    "a blocked loop": Failure(
        ("hang", "broker connected"), 2, "broker connected",
        "timed out after 5 s in checkpoint 'broker connected'; the event loop has not turned for", "timed_out", "5",
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", FAILURES.values(), ids=FAILURES)
def test_each_way_to_fail(row: Failure, smoke: Callable[..., Gate], collector: Collector) -> None:
    gate = smoke(*row.argv, timeout=row.timeout)

    assert (gate.code, gate.report["stopped_at"]) == (row.code, row.stopped_at)
    # Whether a loop that does not turn is blocked by then depends on how long the start took.
    why, said = (text.replace("blocked: ", "") for text in (gate.report["why"], gate.said))
    assert why.startswith(row.why)
    assert row.why in said
    (root,) = gate.trace.roots
    assert (root.tags["lifesign.boot.outcome"], root.error is not None) == (row.outcome, True)
    (failed,) = [log for log in collector.logs() if log.event == "lifesign.boot.failed"]
    assert (failed.trace, failed.span) == (gate.trace.id, root.id)
    if row.code == 2:
        assert "1 x main" in gate.said
        assert any(group["stack"][0]["function"] == "main" for group in gate.report["task_groups"])
    if row.argv[0] == "hang":
        assert "the loop's thread is" in why
        assert "asyncio.to_thread" in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("stage", "reached"),
    [
        ("timeout configured", BUILT_IN[:2]),
        ("booting", BUILT_IN[:3]),
        ("config loaded", [*BUILT_IN[:3], "config loaded"]),
        ("waiting for first event", [*BUILT_IN[:3], "config loaded", BUILT_IN[3]]),
        ("broker connected", [*BUILT_IN[:3], "config loaded", BUILT_IN[3], "broker connected"]),
        ("first event received", [*BUILT_IN[:3], "config loaded", BUILT_IN[3], "broker connected", BUILT_IN[4]]),
    ],
)
def test_a_boot_killed_at_each_of_its_checkpoints(stage: str, reached: list[str], smoke: Callable[..., Gate]) -> None:
    gate = smoke("kill", stage)

    assert gate.code == 1
    assert names(gate.trace) == reached
    (root,) = gate.trace.roots
    assert root.error == f"the boot stopped after checkpoint {reached[-1]!r}: killed by SIGKILL"
    unfinished = [span.name for span in gate.trace.children(root) if span.error]
    assert unfinished == (["checkpoint broker connected"] if stage == "broker connected" else [])


def test_a_death_after_the_boot_leaves_the_boot_as_it_was(smoke: Callable[..., Gate]) -> None:
    gate = smoke("kill", "complete")

    (root,) = gate.trace.roots
    assert (root.error, names(gate.trace)[-1]) == (None, "complete")


def test_missing_checkpoints_are_named(smoke: Callable[..., Gate]) -> None:
    gate = smoke("kill", "config loaded", LIFESIGN_CHECKPOINTS="config loaded,broker connected")

    assert gate.report["missing"] == ["broker connected"]
    (root,) = gate.trace.roots
    assert root.error is not None
    assert root.error.endswith("; missing checkpoints: broker connected")
    assert json.loads(root.tags["lifesign.boot.missing"]) == ["broker connected"]


def test_the_boot_joins_the_trace_of_the_deployment(smoke: Callable[..., Gate]) -> None:
    gate = smoke("well", TRACEPARENT=f"00-{DESK_TRACE}-b7ad6b7169203331-01")

    assert gate.trace.id == DESK_TRACE
    assert gate.trace.span("boot").parent in ("b7ad6b7169203331", "")  # a parent that Jaeger never saw


def test_a_sidecar_killed_in_the_middle_of_a_boot(environ: dict[str, str], jaeger: Jaeger, tmp_path: Path) -> None:
    settings = {"LIFESIGN_BOOT_TIMEOUT": "60", "LIFESIGN_UNTIL": "event"}
    with supervised([*BOOTING, "wait", "config loaded"], env={**environ, **settings}, stdin=subprocess.PIPE) as running:
        running.line_with("reached config loaded")
        first = running.sidecar()
        os.kill(first, signal.SIGKILL)
        eventually(lambda: running.sidecar() != first, PATIENCE)
        assert running.process.stdin is not None
        running.process.stdin.write(b"\n")
        running.process.stdin.flush()
        (trace,) = eventually(lambda: jaeger.traces("shop", "boot"), PATIENCE, 0.05)
        running.process.terminate()
        running.end()
    traces = jaeger.traces("shop", "boot")
    assert [one.id for one in traces] == [trace.id]
    (root,) = traces[0].roots
    assert root.error is None
    assert names(traces[0])[-1] == "complete"
    assert len(names(traces[0])) == len(set(names(traces[0])))


def test_a_check_from_outside_proves_a_life_without_a_line_of_ours(
    environ: dict[str, str], jaeger: Jaeger, tmp_path: Path
) -> None:
    (address,) = free_addresses(1)
    host, port = address.split(":")
    program = (
        "import asyncio\n"
        "async def main():\n"
        f"    server = await asyncio.start_server(lambda r, w: w.close(), {host!r}, {port})\n"
        "    await server.serve_forever()\n"
        "asyncio.run(main())\n"
    )
    line = [sys.executable, "-m", "lifesign", "smoke", "--timeout", LONG, "--until", f"tcp:{address}"]
    ended = subprocess.run(
        [*line, "--", sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (ended.returncode, "first event received" in ended.stderr) == (0, True), ended.stderr
    (trace,) = eventually(lambda: jaeger.traces("shop", "boot"), PATIENCE, 0.05)
    assert names(trace)[-1] == "complete"


def without_a_collector(timeout: str, *argv: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "lifesign", "smoke", "--timeout", timeout, *argv]
    return subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=PATIENCE)


def test_a_gate_without_a_collector_needs_none() -> None:
    ended = without_a_collector(LONG, "--", *BOOTING, "well")
    assert (ended.returncode, ended.stderr.splitlines()[-1][:6]) == (0, "alive:"), ended.stderr


def test_a_stall_without_a_collector_is_shown_with_its_tasks(tmp_path: Path) -> None:
    ended = without_a_collector("4", "--report", str(tmp_path / "r.json"), "--", *BOOTING, "silent")
    assert (ended.returncode, "1 x main" in ended.stderr) == (2, True), ended.stderr
    assert "timed out after 4 s waiting for the first event; the event loop turns" in ended.stderr
    [group] = json.loads((tmp_path / "r.json").read_text())["task_groups"]
    assert group["stack"][0]["function"] == "main"
