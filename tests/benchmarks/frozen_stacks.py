"""Is it safe to ask a frozen process for its stacks? Does it thousands of times on every Python, and counts.

    python -m benchmarks.frozen_stacks [--seconds 60] [--ways held,asked,stop,run,none] [PYTHON ...]

The victims use signals, `set_wakeup_fd` and faulthandler themselves, run all kinds of bytecode in three threads, and
wait in C code that takes EINTR for an error. In each of these ways, for so many seconds:

held   the signal is sent while a C call holds the GIL, as fast as it is answered
asked  by the code that the sidecar has, in freezes that are only a little longer than it waits
stop   as `asked`, of processes that are stopped and continued at any moment
run    at running bytecode, which no code of ours does: what is seen before is for
none   as `stop`, and nobody asks: what crashes here is not of its doing

A process that ends by a signal has crashed; one whose loop does not turn for thirty seconds hangs. `EINTR` counts
system calls of the victim's that were interrupted.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Callable

from lifesign.judge.gil.ask import Asking
from lifesign.judge.rundir import RunDirectory
from lifesign.wire.folder import PulseError
from lifesign.wire.reader import PulseReader
from lifesign.wire.stacks.offer import read_offer
from support.paths import SIDECAR

VICTIM = Path(__file__).parent / "victims" / "frozen_stacks.py"
VICTIMS_AT_ONCE = 5
HANGS_SECONDS = 30.0
TIMEOUT = 0.15  # without a beat, in seconds: then it is asked
_ANSWER = re.compile(rb"^Current thread ", re.MULTILINE)  # the watchdog's, once in each
LIFE_SECONDS = 12.0  # of a victim: the next one begins elsewhere
# How long a C call holds the GIL, and how long it is until the next, in seconds at most.
WAYS = {"held": (4.0, 0.05), "asked": (0.6, 0.1), "stop": (0.6, 0.1), "run": (0.0, 0.05), "none": (0.6, 0.1)}


class Victim:
    """One process, and what became of it."""

    def __init__(self, python: str, way: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lifesign-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
        self._progress = self.folder / "progress"
        self._progress.write_bytes(bytes(32))
        (self.folder / "run").mkdir()
        inject = SIDECAR / "lifesign" / "agent" / "inject"
        environ = {"LIFESIGN_DIR": str(self.folder / "run"), "LIFESIGN_HEARTBEAT_INTERVAL": "0.02"}
        self.process = subprocess.Popen(
            [python, str(VICTIM), str(self._progress), *map(str, WAYS[way])],
            env={**environ, "PYTHONPATH": str(inject), "PATH": os.environ["PATH"]},
            stderr=subprocess.DEVNULL,
        )
        self._turns, self._since = 0, time.monotonic()
        self.answers, self._read = 0, 0
        self._opened = contextlib.ExitStack()
        self._run = RunDirectory(str(self.folder / "run"))
        self._opened.callback(self._run.close)

    def progress(self) -> tuple[int, int, int, int]:
        """Turns, since when the GIL is held, interrupted calls, and signals that were handled."""
        turns, held, interrupted, handled = struct.unpack("=4Q", self._progress.read_bytes())
        return turns, held, interrupted, handled

    def begin(self) -> None:
        """Waits until it answers the signal."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            for key in self._run.names():
                with contextlib.suppress(OSError, PulseError):
                    folder = self._run.open(key)
                    self._opened.callback(folder.close)
                    offer = read_offer(folder.descriptor)
                    if offer is not None and offer.signal:
                        self.opened, self.offer = folder, offer
                        self._pulse = PulseReader(folder.descriptor)
                        self._opened.callback(self._pulse.close)
                        self.asking = Asking(folder, self.process.pid, lambda: self.signs()[0])
                        return
            time.sleep(0.05)
        raise RuntimeError("the victim does not begin")

    def signs(self) -> tuple[int, int]:
        """How often the watchdog has beaten, and when it did last."""
        signs = self._pulse.vitals().watchdog
        return (signs.beats, signs.mono_ns) if signs is not None else (0, 0)

    def pending(self) -> bool:
        """Whether a signal that was sent is not yet delivered."""
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{self.process.pid}/task/{self.offer.thread}/status").read_text()
            pending = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigPnd:"))
            return bool(pending >> (self.offer.signal - 1) & 1)
        return False

    def read_answers(self) -> None:
        """Counts the stacks that were written since the last time; the process empties a long file."""
        with contextlib.suppress(OSError):
            written = (self.folder / "run" / self._run.names()[0] / "stacks").read_bytes()
            if len(written) < self._read:
                self._read = 0
            self.answers += len(_ANSWER.findall(written, self._read))
            self._read = len(written)

    def ended(self) -> str | None:
        """How it ended by itself, or "hang"; None while it goes on."""
        if self.process.poll() is not None:
            code = self.process.returncode
            return signal.Signals(-code).name if code < 0 else f"exit {code}"
        turns = self.progress()[0]
        if turns != self._turns:
            self._turns, self._since = turns, time.monotonic()
        return "hang" if time.monotonic() - self._since > HANGS_SECONDS else None

    def close(self) -> None:
        self._opened.close()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)


def shoot_while_held(victim: Victim) -> int:
    """For half of the shortest time that a call lasts, one after the other: none is answered after the call."""
    held, sent = victim.progress()[1], 0
    while held and time.monotonic_ns() - held < WAYS["held"][0] * 0.25e9 and victim.progress()[1] == held:
        sent += _send(victim)
        while victim.pending():
            time.sleep(0.0005)
    time.sleep(0.005)
    return sent


def shoot(victim: Victim) -> int:
    time.sleep(0.002)
    return _send(victim)


def ask(victim: Victim) -> int:
    """Two polls of a sidecar, the second when the process is late enough to be asked."""
    time.sleep(0.05)
    before = victim.asking.answer(victim.signs()[0])
    late = time.monotonic_ns() - victim.signs()[1]
    if late > TIMEOUT * 1e9:
        victim.asking.ask(int(TIMEOUT * 1e9))
    elif late > TIMEOUT * 1e9 / 3:
        victim.asking.look()
    return int(before is None and victim.asking.answer(victim.signs()[0]) is not None)


def stop_and_ask(victim: Victim) -> int:
    asked = sum(ask(victim) for _ in range(random.randrange(1, 6)))
    victim.process.send_signal(signal.SIGSTOP)
    asked += sum(ask(victim) for _ in range(random.randrange(10)))
    victim.process.send_signal(signal.SIGCONT)
    time.sleep(random.uniform(0, 0.1))
    return asked


def stop(victim: Victim) -> int:
    victim.process.send_signal(signal.SIGSTOP)
    time.sleep(random.uniform(0, 0.5))
    victim.process.send_signal(signal.SIGCONT)
    time.sleep(random.uniform(0, 0.3))
    return 0


STEPS: dict[str, Callable[[Victim], int]] = {
    "held": shoot_while_held, "asked": ask, "stop": stop_and_ask, "run": shoot, "none": stop
}  # fmt: skip


def _send(victim: Victim) -> int:
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(victim.offer.thread, os.O_EXCL)
        try:
            signal.pidfd_send_signal(descriptor, victim.offer.signal)
            return 1
        finally:
            os.close(descriptor)
    return 0


def torment(python: str, way: str, until: float, counted: collections.Counter[str], lock: threading.Lock) -> None:
    """Runs victims one after the other until the time is over."""
    while time.monotonic() < until:
        victim = Victim(python, way)
        ended = None
        asked = 0
        try:
            victim.begin()
            end = min(until, time.monotonic() + LIFE_SECONDS)
            while time.monotonic() < end and ended is None:
                asked += STEPS[way](victim)
                ended = victim.ended()
                victim.read_answers()
            time.sleep(0.1)
            victim.read_answers()
            ended = ended or victim.ended()
            with lock:
                counted["asked"] += asked
                counted["answered"] += victim.answers
                counted["EINTR"] += victim.progress()[2]
                counted["handled"] += victim.progress()[3]
                if ended is not None:
                    counted[ended] += 1
        finally:
            victim.close()


def measure(python: str, way: str, seconds: float) -> collections.Counter[str]:
    counted: collections.Counter[str] = collections.Counter()
    lock = threading.Lock()
    until = time.monotonic() + seconds
    threads = [
        threading.Thread(target=torment, args=(python, way, until, counted, lock)) for _ in range(VICTIMS_AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each way and Python")
    parser.add_argument("--ways", default=",".join(WAYS), help="which of them")
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", default=[sys.executable])
    options = parser.parse_args()
    print(f"{'python':10} {'way':6} {'asked':>8} {'answered':>8} {'EINTR':>6} {'handled':>8}  ended")
    for python in options.pythons:
        asked = [python, "-c", "import platform; print(platform.python_version())"]
        version = subprocess.check_output(asked, text=True).strip()
        for way in options.ways.split(","):
            counted = measure(python, way, options.seconds)
            figures = [counted.pop(name, 0) for name in ("asked", "answered", "EINTR", "handled")]
            ended = ", ".join(f"{count} x {how}" for how, count in sorted(counted.items())) or "none"
            print("{:10} {:6} {:8} {:8} {:6} {:8}  {}".format(version, way, *figures, ended), flush=True)


if __name__ == "__main__":
    main()
