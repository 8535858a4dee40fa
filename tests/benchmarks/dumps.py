"""What a task dump costs the service that is dumped, beside a dump in the loop and aiomonitor's formatter."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import bench

from lifesign.wire import layout
from lifesign.wire.reader import PulseReader

METHODS = {"lifesign": "lifesign", "naive": "get_stack in the loop", "aiomonitor": "aiomonitor, its thread"}
DUMPS = {1_000: 10, 10_000: 3, 100_000: 1}  # of one victim; short ones are measured more often
CONNECTIONS = 4
LEAD = 1.0  # seconds of undisturbed traffic before each dump, to compare with
PATIENCE = 120.0  # seconds that a dump may take


class Measured(NamedTuple):
    """All the dumps of one victim; times in seconds, pauses in milliseconds."""

    took: list[float]
    pauses: list[float]
    longest: list[float]  # one a dump
    pauses_at_rest: list[float]
    lost: list[float]  # per cent of the round trips of the time before
    trips_lost: list[float]  # how many those were
    slowest: list[float]  # round trip of each dump, in milliseconds
    added: list[float]  # MB


class Victim:
    """A crowd, its echo client, and where its dumps end up."""

    def __init__(self, python: str, tasks: int, method: str) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=bench.memory())
        self._run = Path(self._folder.name)
        self._method = method
        self._process = subprocess.Popen(
            [python, str(bench.VICTIMS / "crowd.py"), str(tasks), method],
            env=bench.environment(self._run if method == "lifesign" else None),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        port = self._read().split()[1]
        self._client = subprocess.Popen(
            [python, "-S", str(bench.VICTIMS / "echo_client.py"), port, str(CONNECTIONS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if method == "lifesign":
            folder = next(path for path in self._run.iterdir() if (path / "pulse").exists())
            self._reader = PulseReader(os.open(folder, os.O_RDONLY))

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the victim has died"
        return line

    def ask(self, command: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self._read()

    def dump(self) -> tuple[int, int]:
        """Start and end on the wall clock."""
        if self._method != "lifesign":
            started, ended = self.ask("dump").split()
            return int(started), int(ended)
        place = self._reader.ring()
        asked_at = time.time_ns()
        request = self._reader.request(layout.REQUEST_DUMP)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            time.sleep(0.02)
            place = self._reader.ring(place.position, place.sequence)
            for record in map(json.loads, (found.payload for found in place.records)):
                if record["kind"] == "task_dump" and record["request"] == request:
                    return asked_at, record["end"]
        raise AssertionError(f"no dump within {PATIENCE:g} s")

    def trips(self) -> list[list[int]]:
        """Ends the traffic; every round trip."""
        found: list[list[int]] = json.loads(self._client.communicate()[0])
        return found

    def close(self) -> None:
        for process in (self._client, self._process):
            process.kill()
            process.communicate()
        self._folder.cleanup()


def measure(python: str, tasks: int, method: str) -> Measured:
    victim = Victim(python, tasks, method)
    try:
        time.sleep(1.0)
        before = int(victim.ask("settle"))
        windows = []
        for _ in range(DUMPS[tasks]):
            time.sleep(LEAD + 0.2)
            windows.append(victim.dump())
        time.sleep(0.2)
        pauses = json.loads(victim.ask("pauses"))
        trips = victim.trips()
        added = int(victim.ask("settle")) - before
    finally:
        victim.close()
    took, felt, longest, rest, lost, trips_lost, slowest = [], [], [], [], [], [], []
    for start, end in windows:
        quiet = (start - int(LEAD * 1e9), start)
        length = (end - start) / 1e9
        expected = len(_within(trips, *quiet)) / LEAD * length
        missing = expected - len(_within(trips, start, end))
        took.append(length)
        # What began during the dump may end a moment after it.
        during = [value / 1e6 for value in _within(pauses, start, end + 50_000_000)]
        felt += during
        longest.append(max(during))
        rest += [value / 1e6 for value in _within(pauses, *quiet)]
        lost.append(100 * missing / expected)
        trips_lost.append(missing)
        slowest.append(max(_within(trips, start, end + 50_000_000)) / 1e6)
    return Measured(took, felt, longest, rest, lost, trips_lost, slowest, [added / 1e6])


def _within(series: list[list[int]], start: int, end: int) -> list[int]:
    return [value for stamp, value in series if start <= stamp < end]


def together(several: list[Measured]) -> Measured:
    return Measured(*([value for one in column for value in one] for column in zip(*several)))


def row(name: str, found: Measured, naive: Measured) -> list[str]:
    pauses = [f"{bench.quantile(found.pauses, share):.2f}" for share in (0.5, 0.99)]
    return [
        name,
        bench.spread(found.took),
        *pauses,
        bench.spread(found.longest, 1),
        f"{bench.quantile(found.pauses_at_rest, 1):.1f}",
        bench.ratio(found.longest, naive.longest),
        bench.spread(found.lost, 1),
        bench.spread(found.trips_lost, 0),
        bench.spread(found.slowest, 1),
        bench.spread(found.added, 1),
    ]


def aims(found: Measured, naive: Measured) -> dict[str, bool]:
    pause, by_naive = statistics.median(found.longest), statistics.median(naive.longest)
    lost, added, took = (statistics.median(values) for values in (found.lost, found.added, found.took))
    return {
        f"longest pause under 1/100 of naive: {pause:.1f} ms against {by_naive:.0f} ms": pause < by_naive / 100,
        f"under 10 % of round trips lost: {lost:.1f} %": lost < 10,
        f"under 5 MB added for good: {added:.1f} MB": added < 5,
        f"done within 5 s: {took:.2f} s": took < 5,
    }


def main() -> None:
    options = bench.arguments(__doc__, rounds=1)
    pythons = bench.pythons()
    bench.header("task dumps")
    print(
        f"{CONNECTIONS} connections keep an echo server in the victim's loop busy; `took` counts from the request. A "
        "pause is\nhow late a 1 ms ticker in the loop runs; lost is what the second before the dump had more; added "
        "is RSS after gc\nand malloc_trim, before the first dump and after the last.\n"
    )
    sizes = [1_000] if options.short else list(DUMPS)
    if options.short:
        DUMPS[1_000] = 1
    for tasks in sizes:
        found: dict[tuple[str, str], list[Measured]] = defaultdict(list)
        for _ in range(1 if options.short else options.rounds):
            for version, python in pythons.items():
                for method in METHODS:
                    found[version, method].append(measure(python, tasks, method))
        rows: list[list[Any]] = []
        for version in pythons:
            naive = together(found[version, "naive"])
            rows += [row(f"{version} {METHODS[m]}", together(found[version, m]), naive) for m in METHODS]
        print(f"{tasks:,} tasks, {DUMPS[tasks]} dumps a victim, {len(found[version, 'naive'])} victims a row")
        pause = ["pause p50 ms", "p99", "longest", "at rest", "than naive"]
        bench.table(["", "took s", *pause, "lost %", "trips lost", "slowest trip ms", "added MB"], rows)
        if tasks == max(DUMPS):
            for version in pythons:
                kept = aims(together(found[version, "lifesign"]), together(found[version, "naive"]))
                bench.aims({f"{version}  {aim}": passed for aim, passed in kept.items()})


if __name__ == "__main__":
    main()
