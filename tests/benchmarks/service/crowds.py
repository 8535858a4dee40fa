"""A service with many tasks that is dumped, seen from outside: victims/crowd.py and the traffic it serves."""

from __future__ import annotations

import array
import bisect
import json
import os
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks import bench
from lifesign.wire import layout
from lifesign.wire.reader import PulseReader

CONNECTIONS = 4
PATIENCE = 120.0  # seconds that a dump may take


class Series(NamedTuple):
    """Lengths in nanoseconds, each with the wall clock when it ended."""

    stamps: array.array[int]
    lengths: array.array[int]

    def within(self, start: int, end: int) -> array.array[int]:
        """Those whose stamps, which only grow, are from `start` up to `end`."""
        return self.lengths[bisect.bisect_left(self.stamps, start) : bisect.bisect_left(self.stamps, end)]


class Dump(NamedTuple):
    """Start and end on the wall clock and the processor time of a dump, in nanoseconds."""

    start: int
    end: int
    used: int


class Crowd:
    """A victim with `tasks` tasks under traffic, whose dumps `method` takes."""

    def __init__(self, python: str, tasks: int, method: str) -> None:
        self._processes = bench.Processes()
        self._folder = self._processes.folder()
        self._run = self._folder / "run"
        self._run.mkdir()
        self._method = method
        files = {name: str(self._folder / name) for name in ("pauses", "trips")}
        arguments = [str(bench.VICTIMS / "crowd.py"), str(tasks), method, files["pauses"]]
        environ = bench.environment(self._run if method == "lifesign" else None)
        self._victim = self._processes.start([python, *arguments], environ, talking=True)
        port = bench.line(self._victim).split()[1]
        arguments = [str(bench.VICTIMS / "echo_client.py"), port, str(CONNECTIONS), files["trips"]]
        self._client = self._processes.start([python, "-S", *arguments], bench.environment(), talking=True)
        if method == "lifesign":
            folder = next(path for path in self._run.iterdir() if (path / "pulse").exists())
            self._reader = PulseReader(os.open(folder, os.O_RDONLY))

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.close()

    def _ask(self, command: str) -> str:
        bench.say(self._victim, command)
        return bench.line(self._victim)

    def measure(self) -> int:
        """Resident memory in bytes, when what is not needed has been given back."""
        return int(self._ask("measure"))

    def pauses(self) -> Series:
        """Of the loop, at every tick so far."""
        self._ask("pauses")
        return _series(self._folder / "pauses")

    def trips(self) -> Series:
        """Ends the traffic: all the round trips."""
        self._client.communicate()
        return _series(self._folder / "trips")

    def dump(self) -> Dump:
        """Takes one dump and waits for its end."""
        if self._method != "lifesign":
            return Dump(*map(int, self._ask("dump").split()))
        place = self._reader.ring()
        used, start = self._used_beside_the_loop(), time.time_ns()
        request = self._reader.request(layout.REQUEST_DUMP)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            time.sleep(0.02)
            place = self._reader.ring(place.position, place.sequence)
            for record in map(json.loads, (found.payload for found in place.records)):
                if record["kind"] == "task_dump" and record["request"] == request:
                    return Dump(start, record["end"], self._used_beside_the_loop() - used)
        raise AssertionError(f"no dump within {PATIENCE:g} s")

    def _used_beside_the_loop(self) -> int:
        return int(bench.processor_seconds(self._victim.pid, self._victim.pid) * 1e9)


def _series(path: Path) -> Series:
    """What a victim wrote: as many words of wall clock as of lengths."""
    words = array.array("q", path.read_bytes())
    half = len(words) // 2
    return Series(words[:half], words[half:])
