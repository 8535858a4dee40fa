"""What soaks: the demo with the agent, its twin without, one that keeps crashing, a sidecar, a real Collector."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from itertools import cycle
from pathlib import Path
from typing import BinaryIO, Iterator, NamedTuple

from support import victims
from support.backends.ports import free_port
from support.paths import CONFIGS

CONFIG = CONFIGS / "local.yaml"
# Each illness of the demo, and the way back; every letter is one STEP.
_ILLNESSES = "b-r-g-r-l-r-d-r-p-r-x-r-c-r-f-r-s-r-"
STEP = 12.0  # seconds
_CRASH_STEPS = 5  # between two crashes
_OUTAGE_STEPS = 40  # between two outages of the Collector, each two steps long


class Sample(NamedTuple):
    """What one process costs at one moment: resident bytes, seconds of processor time, open files."""

    memory: int
    cpu: float
    files: int


class Stage:
    """Everything running; `step` plays the next illness."""

    def __init__(self, folder: Path, run: Path, log: BinaryIO, stack: contextlib.ExitStack) -> None:
        self._run, self._log, self._stack = run, log, stack
        self.spool = folder / "spool"
        self._ports = [free_port() for _ in range(3)]
        endpoint = f"http://127.0.0.1:{self._ports[1]}"
        self._collector: subprocess.Popen[bytes] | None = None
        self._turn_collector(on=True)
        self.main = self._demo(victims.environment(run, _PROMISE))
        self.twin = self._demo({**os.environ, "LIFESIGN_DIR": ""})
        self._crasher = self._demo(victims.environment(run, _PROMISE))
        environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "LIFESIGN_SPOOL_DIR": str(self.spool)}
        self.sidecar = self._start([sys.executable, "-m", "lifesign", "watch", "--dir", str(run)], environ)
        self._letters = cycle(_ILLNESSES)
        self._steps = 0
        self.crashes = self.outages = 0

    def step(self) -> None:
        """The next illness of the demo and its twin; now and then a crash of the other, or a Collector that is away."""
        self._steps += 1
        letter = next(self._letters)
        if letter != "-":
            for demo in (self.main, self.twin):
                self._tell(demo, letter)
        if self._steps % _CRASH_STEPS == 0:
            self._tell(self._crasher, "k")
            self._crasher.wait(60)
            self._crasher = self._demo(victims.environment(self._run, _PROMISE))
            self.crashes += 1
        if self._steps % _OUTAGE_STEPS == 0:
            self._turn_collector(on=False)
            self.outages += 1
        elif self._steps % _OUTAGE_STEPS == 2 and self._collector is None:
            self._turn_collector(on=True)

    def samples(self) -> dict[str, Sample]:
        """By what the processes are."""
        return {name: _sample(getattr(self, name).pid) for name in ("main", "twin", "sidecar")}

    def spooled(self) -> int:
        """Bytes in the files of the spool."""
        total = 0
        for path in self.spool.rglob("*.*"):
            with contextlib.suppress(FileNotFoundError):  # delivered meanwhile
                total += path.stat().st_size
        return total

    def _tell(self, demo: subprocess.Popen[bytes], letter: str) -> None:
        assert demo.stdin is not None
        demo.stdin.write(f"{letter}\n".encode())
        demo.stdin.flush()

    def _demo(self, environ: dict[str, str]) -> subprocess.Popen[bytes]:
        return self._start([sys.executable, "-m", "lifesign.demo"], environ)

    def _start(self, command: list[str], environ: dict[str, str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._log
        )
        self._stack.callback(_end, process)
        return process

    def _turn_collector(self, *, on: bool) -> None:
        if on:
            grpc, http, health = (f"127.0.0.1:{port}" for port in self._ports)
            environ = {
                **os.environ,
                "LIFESIGN_COLLECTOR_GRPC": grpc,
                "LIFESIGN_COLLECTOR_HTTP": http,
                "LIFESIGN_COLLECTOR_HEALTH": health,
                "LIFESIGN_COLLECTOR_FILE": os.devnull,
            }
            self._collector = self._start([os.environ["LIFESIGN_TEST_OTELCOL"], "--config", str(CONFIG)], environ)
        elif self._collector is not None:
            _end(self._collector)
            self._collector = None


_PROMISE = {"LIFESIGN_EVENTS": "order=5s", "LIFESIGN_HEARTBEAT_INTERVAL": "0.1"}


@contextlib.contextmanager
def stage(folder: Path, run: Path) -> Iterator[Stage]:
    """Everything started, and ended when the context does."""
    with open(folder / "log.txt", "ab") as log, contextlib.ExitStack() as stack:
        yield Stage(folder, run, log, stack)


def _sample(pid: int) -> Sample:
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    memory = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return Sample(memory, ticks / os.sysconf("SC_CLK_TCK"), len(os.listdir(f"/proc/{pid}/fd")))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()
