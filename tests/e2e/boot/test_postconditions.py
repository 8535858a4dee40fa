"""Post-conditions as they arrive at a real Collector: failing, holding again, and without a line of code."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.backends.collector import Collector
from support.paths import VICTIMS
from support.supervised import environment, supervised
from support.waiting import eventually

GATED = [sys.executable, str(VICTIMS / "gated.py")]
ENDLESS = [sys.executable, "-c", "import asyncio; asyncio.run(asyncio.sleep(3600))"]
PATIENCE = 60.0


def settings(collector: Collector) -> dict[str, str]:
    faster = {
        "LIFESIGN_HEARTBEAT_INTERVAL": "0.02",
        "LIFESIGN_METRIC_INTERVAL": "0.2",
        "LIFESIGN_POLL_INTERVAL": "0.05",
    }
    return environment(**collector.environment("http/protobuf"), **faster)


def newest(collector: Collector, name: str) -> float | None:
    """What the gauge of a check says now."""
    values = [
        point.value
        for point in collector.points()
        if point.metric == "lifesign.postcondition.passed" and point.attributes["lifesign.postcondition.name"] == name
    ]
    return values[-1] if values else None


def logs(collector: Collector, event: str) -> list[Any]:
    return [log for log in collector.logs() if log.event == event]


def test_a_check_that_fails_and_holds_again_is_told_both_times(collector: Collector) -> None:
    with supervised(GATED, env=settings(collector), stdin=subprocess.PIPE) as running:
        stdin = running.process.stdin
        assert stdin is not None
        eventually(lambda: newest(collector, "database") == 1.0, seconds=PATIENCE, every=0.05)
        stdin.write(b"break\n")
        stdin.flush()
        eventually(lambda: newest(collector, "database") == 0.0, seconds=PATIENCE, every=0.05)
        failed = eventually(lambda: logs(collector, "lifesign.postcondition.failed"), seconds=PATIENCE, every=0.05)
        assert failed[0].body == "database: refused by 10.0.0.7"
        assert logs(collector, "lifesign.postcondition.recovered") == []
        stdin.write(b"mend\n")
        stdin.flush()
        eventually(lambda: newest(collector, "database") == 1.0, seconds=PATIENCE, every=0.05)
        (log,) = eventually(lambda: logs(collector, "lifesign.postcondition.recovered"), seconds=PATIENCE, every=0.05)
        (span,) = eventually(
            lambda: [span for span in collector.spans() if span.id == log.span], seconds=PATIENCE, every=0.05
        )
    assert (log.body, log.severity) == ("database: it holds again", 9)
    assert (span.trace, span.name, span.error) == (log.trace, "postcondition database", None)


def test_a_variable_alone_checks_what_a_service_depends_on(collector: Collector, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = f"tcp:127.0.0.1:{listener.getsockname()[1]}"
        checks = f"{port},stamp=file:{tmp_path}/no<60s,redis://ann:hunter2@127.0.0.1:1"
        with supervised(ENDLESS, "--checks", checks, env=settings(collector)):
            children = eventually(lambda: _children(collector), seconds=PATIENCE, every=0.05)
            failed = eventually(lambda: _failures(collector), seconds=PATIENCE, every=0.05)
    assert children.keys() == {"postcondition " + name for name in (port, "stamp", "redis://127.0.0.1:1")}
    assert children["postcondition " + port].error is None
    stamp, redis = children["postcondition stamp"], children["postcondition redis://127.0.0.1:1"]
    assert (stamp.attributes["error.type"], redis.attributes["error.type"]) == (
        "FileNotFoundError",
        "ConnectionRefusedError",
    )
    assert failed[redis.id].attributes["exception.type"] == "ConnectionRefusedError"
    assert "in _redis" in failed[redis.id].attributes["exception.stacktrace"]
    assert "hunter2" not in (tmp_path / "telemetry.jsonl").read_text()


def _children(collector: Collector) -> dict[str, Any]:
    spans = collector.spans()
    roots = [span for span in spans if span.name == "postconditions"]
    return {span.name: span for span in spans if roots and span.parent == roots[0].id}


def _failures(collector: Collector) -> dict[str, Any]:
    return {log.span: log for log in logs(collector, "lifesign.postcondition.failed")}
