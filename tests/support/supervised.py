"""Real `lifesign run` processes for the tests: started, read line by line, and always ended."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from support.paths import VICTIMS
from support.waiting import eventually

COUNTER = [sys.executable, str(VICTIMS / "counter.py")]
PATIENCE = 60.0  # seconds for what takes one or two on a machine with nothing else to do
GRACE = 5.0  # for what ends when all below it has ended
MARK = "STARTED_BY_TEST"  # a variable that all below a process inherit, whoever adopts them


def environment(**more: str) -> dict[str, str]:
    """Ours without any setting, so that nothing but the test decides; the page takes any free port."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LIFESIGN_", "OTEL_"))}
    return {**clean, "LIFESIGN_PAGE_ADDR": "127.0.0.1:0", **more}


def run_line(command: Sequence[str], *options: str) -> list[str]:
    """The command line that runs `command` under lifesign."""
    return [sys.executable, "-m", "lifesign", "run", *options, "--", *command]


class Supervised:
    """A running `lifesign run`."""

    def __init__(self, process: subprocess.Popen[bytes], output: int) -> None:
        self.process = process
        self.pid = process.pid
        self._output = output
        self._buffer = b""

    def line(self) -> str:
        """The next line of output."""
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._output], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"no line within {PATIENCE} s; so far {self._buffer!r}"
            more = os.read(self._output, 65536)
            assert more, f"the output ended; so far {self._buffer!r}"
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode().rstrip("\r")

    def line_with(self, text: str) -> str:
        """The next line that has `text` in it."""
        while True:
            line = self.line()
            if text in line:
                return line

    def victim(self) -> int:
        """The process id that a victim says when it is ready."""
        return int(self.line_with("ready ").partition("ready ")[2])

    def sidecar(self) -> int:
        """The process id of the sidecar, once there is one."""
        return eventually(lambda: next((pid for pid in children(self.pid) if "watch" in cmdline(pid)), None), PATIENCE)

    def end(self) -> int:
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def supervised(
    command: Sequence[str], *options: str, env: dict[str, str] | None = None, **popen: Any
) -> Iterator[Supervised]:
    """`lifesign run` of `command` with its output read by the test; put down at the end."""
    popen.setdefault("stdin", subprocess.DEVNULL)
    with started(run_line(command, *options), env, stdout=subprocess.PIPE, **popen) as process:
        assert process.stdout is not None
        yield Supervised(process, process.stdout.fileno())


@contextlib.contextmanager
def started(
    command: Sequence[str], env: dict[str, str] | None = None, **popen: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is put down at the end, with everything that it started and left behind."""
    mark = uuid.uuid4().hex
    process = subprocess.Popen(command, env={**(env or environment()), MARK: mark}, **popen)
    try:
        yield process
    finally:
        put_down(process, mark)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def put_down(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kills all below a process, which then ends by itself and takes its run directory along; or else it too."""
    directories: set[str] = set()
    kill_marked(mark, directories, spared=process.pid)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    process.kill()
    process.wait()
    while kill_marked(mark, directories):
        time.sleep(0.01)
    for directory in directories:
        if directory.startswith("/dev/shm/lifesign-"):  # root's run directories are below that
            shutil.rmtree(os.sep.join(directory.split(os.sep)[:4]), ignore_errors=True)


def kill_marked(mark: str, directories: set[str], spared: int = 0) -> bool:
    """Kills every process with this mark, notes their run directories, and tells whether there was any."""
    found = False
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != spared:
            environ = environment_of(int(entry.name))
            if environ.get(MARK) == mark:
                found = True
                directories.add(environ.get("LIFESIGN_DIR", ""))
                kill(int(entry.name))
    return found


def children(pid: int) -> list[int]:
    """Direct children, zombies too."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def cmdline(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    except OSError:
        return []


def environment_of(pid: int) -> dict[str, str]:
    """What a process was started with; empty when it is gone or a zombie."""
    try:
        content = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return {}
    return dict(line.partition("=")[::2] for line in content.split("\0"))


def state(pid: int) -> str:
    """The letter of /proc: R, S, T (stopped), Z; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def ticks(pid: int) -> int:
    """The processor time that it has used, in hundredths of a second; 0 when the process is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
