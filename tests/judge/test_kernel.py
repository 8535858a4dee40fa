"""How the kernel sees a process, found by the lock that it holds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator

import pytest

from lifesign.judge import kernel
from lifesign.judge.kernel import Kernel, Outside
from support.faults.mounts import V2 as TWO
from support.faults.mounts import Mounts, write
from support.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

HOLDER = """
import fcntl, os, sys
life = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.lockf(life, fcntl.LOCK_EX)
print("held", flush=True)
for line in sys.stdin:
    while line == "compute\\n": pass
"""


@pytest.fixture
def life(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "life").touch()
    descriptor = os.open(tmp_path / "life", os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def holder(tmp_path: Path, life: int) -> Iterator[subprocess.Popen[str]]:
    """A process with the token; it computes on request."""
    command = [sys.executable, "-ISc", HOLDER, str(tmp_path / "life")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_process_that_waits_is_stopped_computes(life: int, holder: subprocess.Popen[str]) -> None:
    process = Kernel(life)

    def state(now: int = 5) -> str:
        seen = process.look(now)
        return seen.state if seen else ""

    eventually(lambda: state() == "S")
    holder.send_signal(signal.SIGSTOP)
    eventually(lambda: state() == "T")
    holder.send_signal(signal.SIGCONT)
    assert holder.stdin is not None
    holder.stdin.write("compute\n")
    holder.stdin.flush()
    eventually(lambda: (process.look(9) or Outside("")).cpu > 0)
    seen = process.look(9)
    assert seen is not None
    assert seen.over == 4
    process.forget()
    seen = process.look(11)
    assert seen is not None
    assert (seen.cpu, seen.over) == (0, 0)


def test_where_nobody_holds_the_token_there_is_nothing_to_see(life: int) -> None:
    assert Kernel(life).look(1) is None


def test_where_the_process_cannot_be_seen_nothing_is_said(
    life: int, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hidden(path: str) -> bytes:
        raise FileNotFoundError(path)

    monkeypatch.setattr(kernel, "read_kernel_file", hidden)
    assert Kernel(life).look(1) is None
    monkeypatch.setattr(kernel, "holder", lambda _: 0)  # it is in another namespace
    assert Kernel(life).look(1) is None


STAT = b"7 (a) R 1) S 1 7 7 0 -1 4194560 1 0 0 0 %d 50 0 0 20 0 1 0 1 1 1 1"


STATS = "nr_periods 9\nnr_throttled %d\n"
ONE: Mounts = {"cpu": ("/", "cpu,cpuacct"), "unified": ("/", "")}


@pytest.mark.parametrize(
    ("groups", "mounts", "there", "throttled"),
    [
        ("0::/pod/main\n", TWO, {"pod": 3, "pod/main": 4}, 7),
        ("3:cpu,cpuacct:/pod\n1:memory:/other\n0::/\n", ONE, {"unified": 99, "cpu/pod": 5}, 104),
        ("0::/../other\n", TWO, {"": 3, "other": 3}, None),
        ("0::/\n", TWO, {}, None),
        ("nonsense\n", TWO, {"": 3}, None),
    ],
    ids=["v2 and above it", "v1 beside v2", "another namespace", "the root", "nonsense"],
)
def test_quotas_are_read_from_the_group_and_those_above_it(
    groups: str, mounts: Mounts, there: dict[str, int], throttled: int | None, tmp_path: Path
) -> None:
    stats = {f"{folder}/cpu.stat".lstrip("/"): STATS % count for folder, count in there.items()}
    assert kernel._throttled(*write(tmp_path, groups, stats, mounts)) == throttled


def test_without_the_kernels_files_no_quota_is_known() -> None:
    assert kernel._throttled("/nowhere/cgroup") is None


def test_what_has_grown_since_the_first_late_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"/proc/7/stat": STAT % 100, "/pod/cpu.stat": b"nr_throttled 3"}

    def read(path: str) -> bytes:
        if path not in there:
            raise FileNotFoundError(path)
        return there[path]

    monkeypatch.setattr(kernel, "read_kernel_file", read)
    monkeypatch.setattr(kernel, "holder", lambda _: 7)
    monkeypatch.setattr(os, "listdir", lambda _: ["7", "9"])
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    monkeypatch.setattr(kernel, "folders", lambda *_: ["", "/pod"])
    there["/cpu.stat"] = b""
    process = Kernel(0)
    assert process.look(10) == Outside("S", 0, 0, False)
    there["/pod/cpu.stat"] = b"nr_throttled 4"
    there["/proc/7/stat"] = STAT % 125
    assert process.look(30) == Outside("S", 250_000_000, 20, True)
    there["/proc/7/stat"] = b"7 (gone"
    assert process.look(40) is None


def test_how_long_threads_have_run_and_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"/proc/7/stat": STAT % 100}

    def threads(main: bytes, late: bytes, other: bytes) -> None:
        for task, counts in ((7, main), (8, late), (9, other)):
            state, schedstat = counts.split(b" ", 1)
            there[f"/proc/7/task/{task}/stat"] = b"%d (x) %s 1" % (task, state)
            there[f"/proc/7/task/{task}/schedstat"] = schedstat

    monkeypatch.setattr(kernel, "read_kernel_file", lambda path: there[path])
    monkeypatch.setattr(kernel, "_throttled", lambda _: None)
    monkeypatch.setattr(kernel, "holder", lambda _: 7)
    monkeypatch.setattr(os, "listdir", lambda _: ["7", "8", "9"])
    process = Kernel(0)
    threads(b"S 5 6 1", b"R 100 200 3", b"R 1 2 3")
    assert process.look(10, 8) == Outside("R", 0, 0, None, 0, 0, 0)
    threads(b"S 5 16 1", b"S 130 240 3", b"S 1 7 3")
    assert process.look(30, 8) == Outside("S", 0, 20, None, 30, 40, 10)
    threads(b"S 5 16 1", b"R 130 240 3", b"R 1 7 3")
    assert process.look(50, 8) == Outside("R", 0, 40, None, 30, 40, 10)
    assert process.look(110, 8) == Outside("R", 0, 100, None, 30, 100, 65), "a wait that goes on is not counted yet"
    threads(b"S 5 16 1", b"R 131 310 4", b"S 2 77 3")  # a wait that was cut short is over, and the next one begins
    assert process.look(120, 8) == Outside("R", 0, 110, None, 31, 110, 75)
    assert process.look(220, 8) == Outside("R", 0, 210, None, 31, 210, 75)
    process.forget()
    assert process.look(230, 8) == Outside("R", 0, 0, None, 0, 0, 0)


def test_each_loop_is_looked_at_since_its_own_last_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"/proc/7/stat": STAT % 100}
    ran = {7: 0, 8: 0}

    def poll(now: int, slot: int, **beats: int) -> tuple[int, int | None]:
        for task, nanoseconds in ran.items():
            there[f"/proc/7/task/{task}/stat"] = b"%d (x) R 1" % task
            there[f"/proc/7/task/{task}/schedstat"] = b"%d 0 3" % nanoseconds
        last = {int(name[1:]): at for name, at in beats.items()}
        seen = process.look(now, {0: 7, 1: 8}.get(slot, 0), slot, last)
        assert seen is not None
        return seen.over, seen.ran

    monkeypatch.setattr(kernel, "read_kernel_file", lambda path: there[path])
    monkeypatch.setattr(kernel, "_throttled", lambda _: None)
    monkeypatch.setattr(kernel, "holder", lambda _: 7)
    monkeypatch.setattr(os, "listdir", lambda _: ["7", "8"])
    process = Kernel(0)
    assert poll(100, 0, _0=10, _1=90) == (0, 0)
    ran = {7: 50, 8: 5}
    assert poll(200, 0, _0=10, _1=150) == (100, 50)
    ran = {7: 60, 8: 7}
    assert poll(300, 1, _0=210, _1=150) == (100, 2), "the other one has beaten, this one is late since it did"
    ran = {7: 61, 8: 7}
    assert poll(400, 0, _0=210, _1=390) == (100, 1), "and what the first one did before it beat is over"


@pytest.mark.parametrize(
    ("pressure", "answer"),
    [
        (b"some avg10=61.30 avg60=1.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", True),
        (b"some avg10=12.00 avg60=99.00 avg300=0.00 total=1\n", False),
        (b"", False),
        (b"some avg10=much\n", False),
    ],
)
def test_a_machine_is_contended_by_the_kernels_measure(
    pressure: bytes, answer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "read_kernel_file", lambda path: {"/proc/pressure/cpu": pressure}[path])
    assert kernel.contended() is answer


def test_when_a_process_began() -> None:
    before = time.monotonic_ns()
    child = subprocess.Popen([sys.executable, "-S", "-E", "-c", "input()"], stdin=subprocess.PIPE)
    try:
        tick = 20_000_000  # the kernel counts in hundredths of a second
        assert before - tick <= kernel.began_at(child.pid) <= time.monotonic_ns() + tick
    finally:
        child.communicate(b"\n")
    assert kernel.began_at(child.pid) == 0


def test_on_another_system_nobody_is_known_to_hold_a_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert kernel.holder(-1) == 0
