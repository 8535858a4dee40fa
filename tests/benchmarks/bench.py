"""What the benchmarks share: how much they do, other interpreters, and processes that are measured.

A benchmark sets lifesign against a peer in the same run, in turn, so that both have the same machine. It asserts no
timing: what it finds is for a reader, who sees next to each figure what it is to be compared with.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Mapping, NamedTuple, Sequence, TypeVar

from support.paths import SIDECAR

HERE = Path(__file__).resolve().parent
VICTIMS = HERE / "victims"
INJECT = SIDECAR / "lifesign" / "agent" / "inject"

DEAD_ENDPOINT = "http://127.0.0.1:9"  # nobody listens there
_SCHEDULED = 2  # in the kernel's number of the clock of another process
_WANTED = ("3.11", "3.13")
T = TypeVar("T")


class MissingError(Exception):
    """What a benchmark needs cannot be had here; the message says what."""


class Effort(NamedTuple):
    """How much is measured: all, or only so much that one sees that it runs."""

    short: bool = False

    def take(self, full: T, short: T) -> T:
        return short if self.short else full

    def pythons(self) -> dict[str, str]:
        """Interpreters by version, each with the peers installed: two, or this one where no more are named."""
        named = os.environ.get("LIFESIGN_TEST_PYTHONS", "")
        at_hand = dict(entry.split("=", 1) for entry in named.split(":") if entry)
        mine = {"{}.{}".format(*sys.version_info): str(Path(sys.executable).resolve())}  # not that of .venv
        chosen = {version: at_hand[version] for version in _WANTED if version in at_hand and not self.short} or mine
        return {version: with_peers(python) for version, python in chosen.items()}


def with_peers(python: str) -> str:
    return tool(HERE / "peers.sh", PYTHON=python)


def tool(script: Path, *arguments: str, **environ: str) -> str:
    """What a script prints that finds a program or builds it.

    Raises:
        MissingError: it cannot be had here.
    """
    command = [str(script), *arguments]
    made = subprocess.run(command, env={**os.environ, **environ}, stdout=subprocess.PIPE, text=True)
    if made.returncode:
        raise MissingError(f"{script.name} has nothing to offer here")
    return made.stdout.strip()


def given(variable: str) -> str:
    """A program that `make bench` has named.

    Raises:
        MissingError: it has not.
    """
    if not os.environ.get(variable):
        raise MissingError(f"{variable} names none")
    return os.environ[variable]


def environment(run_directory: Path | None = None, **more: str) -> dict[str, str]:
    """The environment of a measured process, with the agent inside where there is a run directory."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LIFESIGN_", "OTEL_", "PYTHON")) and name != "VIRTUAL_ENV"
    }
    if run_directory is not None:
        clean.update({"LIFESIGN_DIR": str(run_directory), "PYTHONPATH": str(INJECT)})
    return {**clean, **more}


def memory() -> str | None:
    """A folder in memory for run directories, as `lifesign run` takes one; None where there is none."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Processes(contextlib.ExitStack):
    """Processes and folders that are gone at the end."""

    def folder(self, *, on_disk: bool = False) -> Path:
        return Path(self.enter_context(tempfile.TemporaryDirectory(dir=None if on_disk else memory())))

    def start(
        self, command: Sequence[str], environ: Mapping[str, str], *, talking: bool = False
    ) -> subprocess.Popen[str]:
        """Starts one; one that is `talking` is written to and read from."""
        ends = subprocess.PIPE if talking else subprocess.DEVNULL
        process = subprocess.Popen(command, env=environ, stdin=ends, stdout=ends, stderr=subprocess.DEVNULL, text=True)
        self.callback(process.communicate)
        self.callback(process.kill)
        return process

    def sidecar(self, run: Path, *flags: str, **environ: str) -> subprocess.Popen[str]:
        """A sidecar of this interpreter, with a spool of its own unless one is named."""
        state = {} if "LIFESIGN_SPOOL_DIR" in environ else {"XDG_STATE_HOME": str(self.folder(on_disk=True))}
        command = [sys.executable, "-m", "lifesign", "watch", "--dir", str(run), *flags]
        return self.start(command, environment(PYTHONPATH=str(SIDECAR), **state, **environ))


def line(process: subprocess.Popen[str]) -> str:
    """The next line of one that talks."""
    assert process.stdout is not None
    found = process.stdout.readline()
    assert found, f"{process.args} has ended"
    return found


def say(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{words}\n")
    process.stdin.flush()


def processor_seconds(pid: int, *without: int) -> float:
    """What a process has used of the processor, also in threads that have ended, but for `without`."""
    used = time.clock_gettime_ns(~pid << 3 | _SCHEDULED)
    return (used - sum(int(Path(f"/proc/{pid}/task/{one}/schedstat").read_text().split()[0]) for one in without)) / 1e9


def resident_mib(pid: int) -> float:
    """The resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
