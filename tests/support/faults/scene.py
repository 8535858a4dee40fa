"""A fault, staged: main processes that write numbered records, sidecars, a Collector, and their books."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from lifesign.wire.reader import PulseReader
from support import victims
from support.faults.books import Account, Books
from support.paths import VICTIMS
from support.supervised import environment
from support.waiting import eventually

FULL = os.environ.get("LIFESIGN_TEST_FAULTS") == "full"
KILLS = 50 if FULL else 4
OUTAGE = 120.0 if FULL else 2.0  # seconds
RATE = 1000 if FULL else 400  # records a second
SOME = 20_000 if FULL else 800  # records of a row that is not about their number
PATIENCE = 300.0 if FULL else 60.0  # seconds until the books must balance
NUMBERED = VICTIMS / "numbered.py"


class Scene:
    """One fault.

    Args:
        name: of the service; the books are kept under it.
        folder: for everything that it makes.
        environ: of the sidecars: where the Collector is, and settings.
    """

    def __init__(self, name: str, folder: Path, books: Books, environ: dict[str, str]) -> None:
        self.name = name
        self.run = folder / "run"
        self.ledger = folder / "ledger"
        self.spool = folder / "spool"
        for made in (self.run, self.ledger):
            made.mkdir()
        self.said = folder / "said"
        self.environ = {"LIFESIGN_METRIC_INTERVAL": "0.5", "LIFESIGN_LOG_LEVEL": "info", **environ}
        self.injected = str(victims.INJECT)
        self.main_environ = {"LIFESIGN_RING_SIZE": "16MiB", "OTEL_SERVICE_NAME": name}
        self._books = books
        self._processes: list[subprocess.Popen[bytes]] = []
        self._before = 0  # sidecars that said where they export to, before the last one was started
        self._mains: list[subprocess.Popen[bytes]] = []

    def main(self, limit: int | None, rate: int = RATE) -> subprocess.Popen[bytes]:
        """Starts a main process that writes `limit` records, or until it is killed."""
        name = f"{self.name}-{len(self._mains)}"
        command = [sys.executable, str(NUMBERED), str(self.ledger), name, str(rate)]
        command += [] if limit is None else [str(limit)]
        with open(self.said, "ab") as said:
            environ = victims.environment(self.run, self.main_environ)
            process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=said)
        self._processes.append(process)
        self._mains.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", self.said.read_text()
        return process

    def sidecar(
        self, run: Path | None = None, *, under: Sequence[str] = (), program: Sequence[str] = ("-m", "lifesign")
    ) -> subprocess.Popen[bytes]:
        """Starts a sidecar over the run directory; its spool is the same in each of its lives.

        Args:
            under: a command that starts it, such as a tracer; it must be the sidecar's own process in the end.
            program: what Python is to run.
        """
        environ = environment(LIFESIGN_SPOOL_DIR=str(self.spool), **self.environ)
        del environ["LIFESIGN_PAGE_ADDR"]
        environ = {name: value for name, value in environ.items() if value}
        self._before = self._introductions()
        with open(self.said, "ab") as said:
            command = [*under, sys.executable, *program, "watch", "--dir", str(run or self.run)]
            process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        self._processes.append(process)
        return process

    def exports(self) -> None:
        """Waits until the sidecar that was started last is at work."""
        self.until(self.introduced)

    def introduced(self) -> bool:
        """Whether the sidecar that was started last is at work."""
        return self._introductions() > self._before

    def _introductions(self) -> int:
        return self.said.read_text(errors="replace").count("exporting to") if self.said.exists() else 0

    @staticmethod
    def until(holds: Callable[[], bool]) -> None:
        """Waits as long as it takes on a busy machine."""
        eventually(holds, PATIENCE, 0.02)

    def hears(self, text: str) -> None:
        """Waits until somebody has said so."""
        self.until(lambda: text in self.said.read_text(errors="replace"))

    def written(self, count: int) -> None:
        """Waits until the ledgers hold that many records."""
        self.until(lambda: sum(int(file.read_text() or 0) for file in self.ledger.iterdir()) >= count)

    def spooled(self, count: int) -> None:
        """Waits until the spool holds that many spans."""
        self.until(
            lambda: sum(file.read_bytes().count(b'{"type":"span"') for file in self.spool.glob("traces/0*")) >= count
        )

    def locked_by(self, pid: int) -> bool:
        """Whether that process holds the lock of the run directory."""
        inode = (self.run / "sidecar.lock").stat().st_ino
        locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        return any(line[1] == "POSIX" and line[4] == str(pid) and line[5].endswith(f":{inode}") for line in locks)

    def ends(self, main: subprocess.Popen[bytes]) -> None:
        """Ends a main process as Ctrl-C does."""
        main.send_signal(signal.SIGINT)
        main.wait(PATIENCE)

    def account(self) -> Account:
        return self._books.account(self.name, self.ledger)

    def beats(self) -> int:
        """The newest count of heartbeats that arrived."""
        self.account()
        return self._books.beats[self.name]

    def beats_in_pulse(self) -> int:
        """What the tombstones of the main processes say, all together."""
        found = 0
        for folder in victims.folders(self.run):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            reader = PulseReader(descriptor)
            found += json.loads(reader.tombstone() or b"")["beats"]
            reader.close()
            os.close(descriptor)
        return found

    def balances(self) -> Account:
        """Waits for the main processes to end, and until nothing is missing but what was counted; closes the books."""
        for main in self._mains:
            main.wait(PATIENCE)
        with contextlib.suppress(AssertionError):  # the account says more than that it did not hold
            eventually(lambda: self.account().lost == 0, PATIENCE, 0.1)
        self.close(signal.SIGTERM)
        account = self.account()
        print(f"\n{self.name:<42}{account}", flush=True)
        return account

    def close(self, number: signal.Signals = signal.SIGKILL) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)
            try:
                process.wait(30)
            finally:
                process.kill()
                process.wait()
                if process.stdout is not None:
                    process.stdout.close()
        self._processes.clear()


Stage = Callable[..., Scene]


def kills(
    victim: Callable[[], subprocess.Popen[bytes]], works: Callable[[], None], times: int
) -> subprocess.Popen[bytes]:
    """Starts a process, SIGKILLs it and starts it again; returns the last one.

    Every second time it gets to work before that, else the kill may come while it still starts.
    """
    chance = random.Random(17)
    process = victim()
    for number in range(times):
        if number % 2:
            works()
        time.sleep(chance.uniform(0.05, 1.0))
        process.kill()
        process.wait()
        process = victim()
    return process


@contextlib.contextmanager
def volume(path: Path, size: str) -> Iterator[Path]:
    """A file system in memory of its own; skips the test where none can be mounted."""
    path.mkdir(exist_ok=True)
    with mounted(["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], path):
        yield path


@contextlib.contextmanager
def mounted(arguments: list[str], path: Path) -> Iterator[None]:
    """A mount that lasts as long as the context."""
    try:
        made = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if made.returncode:
        pytest.skip(f"nothing can be mounted here: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(path: Path) -> None:
    """Writes a file until its volume is full."""
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
