"""How the kernel says that a process ended, for real children of this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

from lifesign.judge import exit_status
from lifesign.judge.exit_status import Exit, ExitStatus
from support.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked in Linux's way")
KEEPS = "import fcntl, sys; file = open(sys.argv[1], 'r+'); fcntl.lockf(file, fcntl.LOCK_EX); print(flush=True); "


class Child:
    def __init__(self, life: Path, then: str) -> None:
        life.touch()
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", KEEPS + then, str(life)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        self.process.stdout.readline()
        self._life = os.open(life, os.O_RDONLY)
        self.status = ExitStatus(self._life, self.process.pid)
        self.status.hold()

    def ends(self) -> None:
        """Lets it go on to its end, as a child that nobody has waited for yet."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        eventually(lambda: self.status.lives() is not True)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.status.close()
        os.close(self._life)


@pytest.fixture
def child(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Child]:
    child = Child(tmp_path / "life", f"sys.stdin.read(); {request.param}")
    yield child
    child.close()


HOW = pytest.mark.parametrize(
    ("child", "how"),
    [
        ("sys.exit(0)", Exit(0, None)),
        ("import os; os._exit(3)", Exit(3, None)),
        ("import os; os.kill(os.getpid(), 15)", Exit(None, "SIGTERM")),
        ("import os; os.kill(os.getpid(), 9)", Exit(None, "SIGKILL")),
    ],
    indirect=["child"],
)


@HOW
def test_of_one_whose_parent_has_not_reaped_it(child: Child, how: Exit) -> None:
    assert child.status.lives()
    assert child.status.read() is None
    child.ends()
    assert child.status.read() == how


@HOW
def test_of_one_that_was_reaped_if_the_kernel_is_new_enough(child: Child, how: Exit) -> None:
    child.ends()
    child.process.wait()
    new = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= (6, 15)
    assert child.status.read() == (how if new else None)


@pytest.mark.parametrize("child", ["sys.exit(3)"], indirect=True)
def test_a_stranger_is_shown_nothing_by_an_old_kernel(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exit_status, "_GET_INFO", 0)
    child.ends()
    assert child.status.read() == Exit(3, None)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert child.status.read() is None


@pytest.mark.parametrize(
    ("holders", "own"),
    [([0], os.getpid()), ([os.getpid(), 0], os.getpid()), ([os.getpid()] * 2, 1 << 30)],
    ids=["in another namespace", "gone meanwhile", "somebody else's token"],
)
def test_who_cannot_be_held_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holders: list[int], own: int
) -> None:
    (tmp_path / "life").touch()
    life = os.open(tmp_path / "life", os.O_RDONLY)
    left = list(holders)
    monkeypatch.setattr(exit_status, "holder", lambda _: left.pop(0))
    status = ExitStatus(life, own)
    status.hold()
    status.hold()
    os.close(life)
    assert (status.lives(), status.read()) == (None, None)


def test_a_signal_without_a_name(tmp_path: Path) -> None:
    child = Child(tmp_path / "life", f"import os; sys.stdin.read(); os.kill(os.getpid(), {signal.SIGRTMIN + 1})")
    child.ends()
    assert child.status.read() == Exit(None, f"SIG{signal.SIGRTMIN + 1}")
    child.close()
