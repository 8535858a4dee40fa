"""Where the machine did not let a process run, or a server only has much to do, nobody in it is blamed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import victims
from support.built import PYTHONS
from support.illnesses.stalls import culprits
from support.paths import VICTIMS
from support.waiting import eventually

PROGRAM = VICTIMS / "stalls" / "lookalikes.py"
DEFAULT = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.1", "LIFESIGN_STALL_THRESHOLD": "0.2"}
SPIN = "while True: pass"
QUOTAS = (  # a folder for groups, and what sets a tenth of a processor in one
    ("/sys/fs/cgroup/cpu", {"cpu.cfs_quota_us": "10000"}),
    ("/sys/fs/cgroup", {"cpu.max": "10000 100000"}),
)


def blamed(directory: Path) -> list[Any]:
    return [(one["what"], one["place"]) for one in culprits(directory) if one["place"] is not None]


def ready(process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.parametrize("version", sorted({next(iter(PYTHONS)), next(reversed(PYTHONS))}))
def test_a_process_that_was_stopped(version: str, tmp_path: Path) -> None:
    with victims.start([PYTHONS[version], str(PROGRAM), "quiet"], tmp_path, DEFAULT) as process:
        ready(process)
        for _ in range(2):
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.6)
            process.send_signal(signal.SIGCONT)
            time.sleep(0.4)
        process.communicate(timeout=30)
    stopped = next(one for one in culprits(tmp_path) if one["what"] == "stopped")
    assert stopped["total"] >= 1_000_000_000
    assert blamed(tmp_path) == []


def test_a_process_without_a_processor(tmp_path: Path) -> None:
    processor = min(os.sched_getaffinity(0))
    line = ["nice", "-n", "19", sys.executable, str(PROGRAM), "busy"]
    others: list[subprocess.Popen[bytes]] = []
    with victims.start(line, tmp_path, DEFAULT) as process:
        os.sched_setaffinity(process.pid, {processor})
        ready(process)
        try:
            for _ in range(2):
                others.append(subprocess.Popen([sys.executable, "-c", SPIN]))
                os.sched_setaffinity(others[-1].pid, {processor})
            eventually(lambda: [one for one in culprits(tmp_path) if one["what"] == "starved"], 60.0, 0.2)
        finally:
            for other in others:
                other.kill()
                other.wait()
        process.communicate(timeout=60)
    assert blamed(tmp_path) == []


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Path]:
    """A control group with a tenth of a processor."""
    made = next((made for folder, limits in QUOTAS if (made := limited(Path(folder), limits)) is not None), None)
    if made is None:
        pytest.skip("no control group with a quota can be made here")
    yield made
    eventually(lambda: not (made / "cgroup.procs").read_text())
    made.rmdir()


def limited(folder: Path, limits: dict[str, str]) -> Path | None:
    made = folder / f"lifesign-test-{os.getpid()}"
    try:
        made.mkdir()
        for name, value in limits.items():
            (made / name).write_text(value)
    except OSError:
        if made.is_dir():
            made.rmdir()
        return None
    return made


def test_a_quota(group: Path, tmp_path: Path) -> None:
    with victims.start([sys.executable, str(PROGRAM), "quiet"], tmp_path, DEFAULT) as process:
        ready(process)
        (group / "cgroup.procs").write_text(str(process.pid))
        time.sleep(2.5)
        process.communicate(timeout=60)
    assert blamed(tmp_path) == []
    assert {one["what"] for one in culprits(tmp_path)} <= {"quota", "starved"}


def test_a_server_with_much_to_do(tmp_path: Path) -> None:
    with victims.start([sys.executable, str(PROGRAM), "busy"], tmp_path, DEFAULT) as process:
        ready(process)
        time.sleep(3)
        process.communicate(timeout=30)
    assert blamed(tmp_path) == []
