"""`make stack`: the whole chain as local processes, data in each part, and nothing left when it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from support.backends.stacks import PATIENCE, STACK, Stack, get, stacked
from support.supervised import cmdline, environment, environment_of
from support.waiting import eventually

Programs = tuple[str, str, Path, Path]


@pytest.fixture
def programs(otelcol: str, jaeger_binary: str, prometheus_binaries: Path, alertmanager_binaries: Path) -> Programs:
    return otelcol, jaeger_binary, prometheus_binaries, alertmanager_binaries


def below(stack: Stack) -> dict[int, list[str]]:
    """All processes of a stack, its own too, by the folder that it was given."""
    folder = environment_of(stack.process.pid)["TMPDIR"]
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return {pid: cmdline(pid) for pid in pids if environment_of(pid).get("TMPDIR") == folder}


def test_the_demo_is_seen_in_every_part_and_ctrl_c_ends_them_all(programs: Programs, tmp_path: Path) -> None:
    with stacked(*programs, tmp_path) as stack:
        everyone = below(stack)
        stack.type("f")

        eventually(lambda: {"boot", "postconditions"} <= stack.spans("lifesign-demo"), PATIENCE, 0.1)
        eventually(lambda: stack.metrics('lifesign_heartbeat_expected_ratio{job="lifesign-demo"} == 1'), PATIENCE, 0.1)
        eventually(lambda: stack.metrics("lifesign_postcondition_passed_ratio == 0"), PATIENCE, 0.1)
        eventually(lambda: stack.metrics("otelcol_process_uptime > 0"), PATIENCE, 0.1)
        eventually(
            lambda: stack.logs.exists() and "lifesign.postcondition.failed" in stack.logs.read_text(), PATIENCE, 0.1
        )
        rules = get(f"{stack.prometheus}/api/v1/rules")["data"]["groups"]
        assert "HeartbeatMissed" in {rule["name"] for group in rules for rule in group["rules"]}
        reported = eventually(
            lambda: get(f"{stack.prometheus}/api/v1/alertmanagers")["data"]["activeAlertmanagers"], PATIENCE, 0.1
        )
        assert [one["url"] for one in reported] == [f"{stack.alertmanager}/api/v2/alerts"]
        with urllib.request.urlopen(stack.page, timeout=PATIENCE) as page:
            assert page.status == 200

        os.killpg(stack.process.pid, signal.SIGINT)  # as a terminal does it
        assert stack.process.wait(PATIENCE) == 0, stack.said

        assert len(everyone) >= 7, everyone  # the stack, four servers, the demo and its sidecar
        assert [pid for pid in everyone if cmdline(pid)] == []
    assert stack.said.rstrip().endswith("stack: all ended")
    assert "Traceback" not in stack.said
    assert not stack.logs.parent.exists()


def test_the_end_of_a_server_ends_the_stack_and_says_which(programs: Programs, tmp_path: Path) -> None:
    with stacked(*programs, tmp_path) as stack:
        everyone = below(stack)
        (collector,) = (pid for pid, line in everyone.items() if line[:1] == [programs[0]])
        os.kill(collector, signal.SIGKILL)

        assert stack.process.wait(PATIENCE) == 1
        assert "stack: Collector ended with status -9" in stack.said
        assert [pid for pid in everyone if cmdline(pid)] == []


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(STACK.parent)
        import stack

        port = taken.getsockname()[1]
        patch.setattr(stack, "PORTS", {"page": port})
        with pytest.raises(stack.StackError, match=rf"127.0.0.1:{port} \(page\) cannot be had: .*\n.*--free-ports"):
            stack.addresses(free=False)
        assert stack.addresses(free=True)["page"] != f"127.0.0.1:{port}"


def test_what_does_not_start_is_said(programs: Programs) -> None:
    collector, _, prometheus, alertmanager = programs
    files = [f"--otelcol={collector}", f"--prometheus={prometheus}", f"--alertmanager={alertmanager}"]

    ended = subprocess.run(
        [sys.executable, str(STACK), "--free-ports", *files, "--jaeger=/bin/false"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert ended.returncode == 1
    assert "stack: starting Jaeger\nstack: all ended\nstack: Jaeger ended with status 1" in ended.stderr
