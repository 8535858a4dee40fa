"""Is the dead-man's switch of the last words safe on this Python? Sets it off thousands of times and counts.

    python -m benchmarks.last_words [--seconds 60] [PYTHON ...]

Three ways to set it off, and one that does not; the time is shared among them:

stop   SIGSTOP for longer than the switch waits, then SIGCONT: it goes off as bytecode runs again
gil    a C call holds the GIL for longer than that: what the switch is for
run    it goes off every few milliseconds while bytecode runs, which no real process does
none   as `stop`, without a switch: what crashes here is not of its doing

A process that ends by a signal has crashed; one that does not beat for ten seconds hangs.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from support.paths import SIDECAR

VICTIM = Path(__file__).parent / "victims" / "last_words.py"
VICTIMS_AT_ONCE = 5
HANGS_SECONDS = 10.0
# until it goes off, between two beats, a C call holds the GIL: seconds
WAYS = {
    "stop": (0.12, 0.01, 0.0),
    "gil": (0.12, 0.01, 0.2),
    "run": (0.002, 0.01, 0.0),
    "none": (0.12, 0.01, 0.0),
}


class Victim:
    """One process, and what became of it."""

    def __init__(self, python: str, way: str) -> None:
        self.folder = tempfile.mkdtemp(prefix="lifesign-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self._progress = Path(self.folder, "progress")
        self._progress.write_bytes(bytes(16))
        after, beat, held = WAYS[way]
        self._process = subprocess.Popen(
            [python, str(VICTIM), way, self.folder, str(after), str(beat), str(held)],
            env={"PYTHONPATH": str(SIDECAR), "PATH": os.environ["PATH"]},
            stderr=subprocess.DEVNULL,
        )
        self._beats, self._since = 0, time.monotonic()

    def progress(self) -> tuple[int, int]:
        """Beats, and dumps that were noticed."""
        beats, dumps = struct.unpack("=QQ", self._progress.read_bytes())
        return beats, dumps

    def ended(self) -> str | None:
        """How it ended by itself, or "hang"; None while it goes on."""
        if self._process.poll() is not None:
            code = self._process.returncode
            return signal.Signals(-code).name if code < 0 else f"exit {code}"
        beats = self.progress()[0]
        if beats != self._beats:
            self._beats, self._since = beats, time.monotonic()
        return "hang" if time.monotonic() - self._since > HANGS_SECONDS else None

    def stop_and_continue(self, seconds: float) -> None:
        self._process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.folder)


def torment(python: str, way: str, until: float, counted: collections.Counter[str], lock: threading.Lock) -> None:
    """Runs victims one after the other until the time is over."""
    while time.monotonic() < until:
        victim = Victim(python, way)
        ended = None
        try:
            while time.monotonic() < until and ended is None:
                time.sleep(random.uniform(0.02, 0.2))
                if way in ("stop", "none") and victim.progress()[0]:
                    victim.stop_and_continue(WAYS[way][0] * 1.2)
                ended = victim.ended()
            with lock:
                counted["fired"] += victim.progress()[1]
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
    parser.add_argument("--seconds", type=float, default=60.0, help="for each Python")
    parser.add_argument("--ways", default=",".join(WAYS), help="which of them")
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", default=[sys.executable])
    options = parser.parse_args()
    ways = options.ways.split(",")
    print(f"{'python':10} {'way':5} {'fired':>8}  ended")
    for python in options.pythons:
        asked = [python, "-c", "import platform; print(platform.python_version())"]
        version = subprocess.check_output(asked, text=True)
        for way in ways:
            counted = measure(python, way, options.seconds / len(ways))
            fired = counted.pop("fired", 0)
            ended = ", ".join(f"{count} x {how}" for how, count in sorted(counted.items())) or "none"
            print(f"{version.strip():10} {way:5} {fired:8}  {ended}", flush=True)


if __name__ == "__main__":
    main()
