"""Task dumps of real programs, on every Python at hand: edges, deadlocks, the app's own spans, no secrets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import opentelemetry.sdk
import pytest

from lifesign.wire.reader import PulseReader
from support import victims
from support.backends.collector import Collector
from support.built import PYTHONS
from support.paths import VICTIMS
from support.waiting import eventually

NEW_ENOUGH = [version for version in PYTHONS if tuple(map(int, version.split("."))) >= (3, 12)]
SITE_PACKAGES = Path(opentelemetry.sdk.__path__[0]).parents[1]  # pure Python: any version can import it


def dumped(run_directory: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Asks the one process there for a dump; returns its summary, and its groups by outermost function."""
    folder = os.open(eventually(lambda: victims.folders(run_directory))[0], os.O_RDONLY)
    reader = PulseReader(folder)
    try:
        count = reader.request(0)
        eventually(lambda: reader.vitals().watchdog.dumps == count)  # type: ignore[union-attr]
        records = [json.loads(record.payload) for record in reader.ring().records]
    finally:
        reader.close()
        os.close(folder)
    summary = next(record for record in records if record["kind"] == "task_dump" and record["request"] == count)
    groups = [record for record in records if record["kind"] == "task_group" and record["dump"] == summary["id"]]
    return summary, {group["stack"][0]["function"]: group for group in groups}


@pytest.mark.parametrize("version", PYTHONS)
def test_who_waits_for_whom(version: str, tmp_path: Path) -> None:
    process = victims.start([PYTHONS[version], str(VICTIMS / "awaiting.py")], tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    summary, groups = dumped(tmp_path)
    process.communicate(timeout=20)

    assert [sorted(cycle) for cycle in summary["cycles"]] == [["left", "right"]]
    leaf = groups["leaf"]["index"]
    assert groups["gathers"]["awaits"] == [{"group": leaf, "count": 4}]
    ring = groups["wait_for"]
    assert ring["awaits"] == [{"group": ring["index"], "count": 2}]
    if version == "3.14":  # from here on Python itself knows who waits for a TaskGroup
        assert groups["groups"]["awaits"] == [{"group": leaf, "count": 3}]


@pytest.mark.skipif(
    not NEW_ENOUGH, reason="no Python 3.12 or newer here: the context of a task can be read from there on"
)
@pytest.mark.parametrize("version", NEW_ENOUGH)
def test_a_task_of_an_instrumented_app_is_told_with_its_span(version: str, tmp_path: Path) -> None:
    path = os.pathsep.join((str(victims.INJECT), str(SITE_PACKAGES)))
    process = victims.start([PYTHONS[version], str(VICTIMS / "traced.py")], tmp_path, {"PYTHONPATH": path})
    assert process.stdout is not None
    trace, span = process.stdout.readline().decode().split()
    _, groups = dumped(tmp_path)
    process.communicate(timeout=20)
    assert (groups["handle"]["trace"], groups["handle"]["span"]) == (trace, span)
    assert groups["main"]["trace"] is None


def test_nothing_secret_leaves_the_process(collector: Collector, tmp_path: Path) -> None:
    environ = {
        **os.environ,
        **collector.environment("http/protobuf"),
        "LIFESIGN_HEARTBEAT_INTERVAL": "0.05",
        "LIFESIGN_HEARTBEAT_TIMEOUT": "1.5",  # by then there is a stack on a busy machine, too
        "LIFESIGN_POLL_INTERVAL": "0.1",
        "LIFESIGN_METRIC_INTERVAL": "0.2",
        "LIFESIGN_TASK_ORIGIN": "1",
        "LIFESIGN_SPOOL_DIR": str(tmp_path / "spool"),
        "PYTHONPATH": "",
    }
    run = tmp_path / "run"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "lifesign",
            "run",
            "--dir",
            str(run),
            "--",
            sys.executable,
            str(VICTIMS / "secretive.py"),
        ],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    eventually(collector.points, seconds=30)  # the sidecar is there
    process.stdin.write(b"\n")
    process.stdin.flush()
    eventually(lambda: any(log.event == "lifesign.eventloop.blocked" for log in collector.logs()), seconds=60)
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"blocked\n"
    summary, _ = dumped(run)
    reported = "".join(f"{one['function']} {one['outcome']} {one['message']}\n" for one in summary["finished"])
    assert "raises_it raised LookupError no such account" in reported
    kept = b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file())
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGABRT
    eventually(lambda: any(log.event == "lifesign.process.died" for log in collector.logs()), seconds=60)

    events = {log.event for log in collector.logs()}
    assert {"lifesign.task_group", "lifesign.eventloop.blocked", "lifesign.process.died"} <= events
    blocked = next(log for log in collector.logs() if log.event == "lifesign.eventloop.blocked")
    assert "in blocks_with_it" in blocked.attributes["code.stacktrace"]
    exported = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (b"hunter2", b"correct-horse", b"DATABASE_PASSWORD"):
        assert secret not in kept
        assert secret not in exported


def test_a_shutdown_that_hangs_is_looked_at(collector: Collector, tmp_path: Path) -> None:
    program = (
        "import asyncio, signal\n"
        "async def refuses_to_end():\n"
        "    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)\n"
        "    print('ready', flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(refuses_to_end())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "lifesign", "run", "--", sys.executable, "-c", program],
        env={**os.environ, **collector.environment("http/protobuf"), "LIFESIGN_POLL_INTERVAL": "0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    # The sidecar must have seen it before the signal, or the end is all that it sees.
    eventually(lambda: collector.points(), seconds=60)
    process.send_signal(signal.SIGTERM)
    reasons = eventually(
        lambda: [
            log.attributes["lifesign.task_dump.reason"] for log in collector.logs() if log.event == "lifesign.task_dump"
        ],
        seconds=30,
    )
    assert reasons == ["shutdown"]
    stacks = [
        log.attributes.get("code.stacktrace", "") for log in collector.logs() if log.event == "lifesign.task_group"
    ]
    assert any("in refuses_to_end" in stack for stack in stacks)
    subprocess.run(["pkill", "-KILL", "-P", str(process.pid), "-f", "refuses_to_end"], check=True)
    process.communicate(timeout=30)


def test_a_task_leak_is_looked_at_as_it_grows(collector: Collector, tmp_path: Path) -> None:
    program = (
        "import asyncio\n"
        "async def leaks(): await asyncio.sleep(600)\n"
        "async def main():\n"
        "    kept = []\n"
        "    while True:\n"
        "        kept += [asyncio.ensure_future(leaks()) for _ in range(100)]\n"
        "        await asyncio.sleep(0.2 if len(kept) < 3000 else 600)\n"
        "asyncio.run(main())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "lifesign", "run", "--", sys.executable, "-c", program],
        env={**os.environ, **collector.environment("http/protobuf"), "LIFESIGN_POLL_INTERVAL": "0.1"},
        stderr=subprocess.DEVNULL,
    )

    def biggest() -> list[tuple[int, str]]:
        return [
            (log.attributes["lifesign.task_group.count"], log.attributes["code.function.name"])
            for log in collector.logs()
            if log.event == "lifesign.task_group" and log.attributes["lifesign.task_group.index"] == 0
        ]

    try:
        eventually(lambda: any(log.event == "lifesign.task_dump" for log in collector.logs()), seconds=60)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    summaries = [log for log in collector.logs() if log.event == "lifesign.task_dump"]
    assert {log.attributes["lifesign.task_dump.reason"] for log in summaries} == {"leak"}
    assert len(summaries) <= 2  # at 1,000 and, if it came to that, at the doubling
    count, name = biggest()[0]
    assert (count >= 1000, name) == (True, "leaks")
