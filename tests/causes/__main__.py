"""The search for false causes: ``python -m causes`` from `tests`, or ``make causes``.

Every victim, what looks like one, the demo and services of other people run for a while, with a task dump every second.
A deadlock that is said of a program that has none is false. It fails where there is one, or where a real one is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from causes.programs import Asked, of_others, of_ours
from lifesign.wire import layout
from lifesign.wire.folder import PulseError
from lifesign.wire.reader import PulseReader
from support import victims
from support.built import PYTHONS, built

UNTIL_STUCK = 3.0  # seconds until what gets into a deadlock is in it


class Watched:
    """One program, and what its dumps have said so far."""

    def __init__(self, asked: Asked, run: Path, home: Path) -> None:
        self.asked = asked
        self.dumps = self.said = 0
        self.example = ""
        self.late = 0  # dumps when it was in its deadlock, if it has one
        self._began = time.monotonic()
        self._run = run
        self._readers: dict[str, PulseReader] = {}
        self._places: dict[str, tuple[int, int]] = {}
        bins = f"{Path(asked.command[0]).parent}{os.pathsep}{os.environ['PATH']}"
        more = {"PATH": bins, "HOME": str(home), "XDG_STATE_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
        more["LIFESIGN_HEARTBEAT_INTERVAL"] = "0.1"
        self.process = subprocess.Popen(
            ["nice", *asked.command],
            env=victims.environment(run, more),
            cwd=asked.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def ask(self) -> None:
        """For a dump of each of its processes."""
        for folder in victims.folders(self._run):
            with contextlib.suppress(OSError, PulseError):
                if folder.name not in self._readers:
                    self._readers[folder.name] = PulseReader(os.open(folder, os.O_RDONLY))
                self._readers[folder.name].request(layout.REQUEST_DUMP)

    def read(self) -> None:
        """What was dumped since."""
        for name, reader in self._readers.items():
            with contextlib.suppress(OSError, PulseError):
                place = reader.ring(*self._places.get(name, (0, 0)))
                self._places[name] = place.position, place.sequence
                for record in map(json.loads, (found.payload for found in place.records)):
                    if record["kind"] == "task_dump":
                        self._count(record["rings"])

    def _count(self, rings: list[list[dict[str, object]]]) -> None:
        self.dumps += 1
        self.late += time.monotonic() - self._began > UNTIL_STUCK
        if rings:
            self.said += 1
            self.example = " -> ".join(f"{step['task']} at {_place(step['at'])}" for step in rings[0])

    def end(self) -> None:
        """Ends it and whatever it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.communicate()
        for reader in self._readers.values():
            reader.close()

    @property
    def missed(self) -> bool:
        return self.asked.ill and bool(self.late) and not self.said


def _place(at: object) -> str:
    return f"{Path(str(at['file'])).name}:{at['line']}" if isinstance(at, dict) else "?"


def batches(asked: list[Asked], jobs: int) -> Iterator[list[Asked]]:
    for start in range(0, len(asked), jobs):
        yield asked[start : start + jobs]


def run(asked: list[Asked], seconds: float) -> list[Watched]:
    """All of these at once, with a dump a second of each."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        running = []
        try:
            for number, one in enumerate(asked):
                (run_directory := Path(folder) / f"{number}").mkdir()
                (home := Path(folder) / f"home{number}").mkdir()
                running.append(Watched(one, run_directory, home))
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                started = time.monotonic()
                for one in running:
                    one.read()
                    one.ask()
                time.sleep(max(0.0, 1.0 - (time.monotonic() - started)))
            for one in running:
                one.read()
        finally:
            for one in running:
                one.end()
    return running


def main() -> int:
    """Returns 0 when there was no false deadlock, and no real one was missed."""
    parser = argparse.ArgumentParser(prog="causes")
    parser.add_argument("--seconds", type=float, default=60.0, help="that each program runs; default a minute")
    parser.add_argument("--jobs", type=int, default=20, help="programs at a time; default 20, as most of them wait")
    parser.add_argument("--only", default="", help="programs with this in their name")
    parser.add_argument("--python", action="append", choices=list(PYTHONS), help="these versions; default all at hand")
    parser.add_argument("--ours", action="store_true", help="no services of other people")
    options = parser.parse_args()
    asked = [one for version in options.python or PYTHONS for one in of_ours(version, PYTHONS[version])]
    if not options.ours:
        apps = Path(built("apps")) / "bin"
        asked += of_others("{}.{}".format(*sys.version_info), apps)
    asked = [one for one in asked if options.only in one.name]
    counts: Counter[str] = Counter()
    print(f"{len(asked)} programs, {options.seconds:g} s each, {options.jobs} at a time", flush=True)
    for batch in batches(asked, options.jobs):
        for one in run(batch, options.seconds):
            word = "deadlock" if one.asked.ill else "FALSE" if one.said else "none"
            word = "MISSED" if one.missed else "no dump" if not one.dumps else word
            counts[word] += 1
            counts["dumps"] += one.dumps
            example = f"  {one.example}" if one.said else ""
            print(f"{one.asked.version:<5} {one.asked.name:<45} {one.dumps:>4} dumps {one.said:>4} x {word}{example}")
            if not one.dumps:
                print(f"      {shlex.join(one.asked.command)}: it watched nothing, or ended")
        sys.stdout.flush()
    print(
        f"{counts['dumps']} dumps: false deadlocks of {counts['FALSE']} programs, {counts['MISSED']} missed, "
        f"{counts['deadlock']} found, {counts['none']} programs without one, {counts['no dump']} without a dump"
    )
    return 1 if counts["FALSE"] or counts["MISSED"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
