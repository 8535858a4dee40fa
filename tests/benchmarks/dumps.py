"""What a task dump costs the service that is dumped, beside a dump in the loop and aiomonitor's formatter."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from typing import NamedTuple

from benchmarks import bench
from benchmarks.crowds import Crowd

METHODS = {"lifesign": "lifesign", "naive": "get_stack in the loop", "aiomonitor": "aiomonitor, its thread"}
DUMPS = {1_000: 5, 10_000: 3, 100_000: 1}  # of one victim; short ones are measured more often
LEAD = 1.0  # seconds of undisturbed traffic before and after each dump, to compare with
AFTERMATH_NS = 50_000_000  # what began during a dump may end this much later


class Measured(NamedTuple):
    """Dumps of one kind; each list has one value a dump unless it says otherwise."""

    took: list[float]  # seconds
    used: list[float]  # seconds of processor
    pauses: list[float]  # milliseconds, of every tick
    longest: list[float]
    at_rest: list[float]  # the longest pause in the seconds around the dump
    lost: list[float]  # per cent of the round trips
    trips_lost: list[float]
    noise: list[float]  # by how many per cent the seconds before and after differ
    slowest: list[float]  # round trip, in milliseconds
    added: list[float]  # MB, one a victim


def measure(python: str, tasks: int, method: str, dumps: int) -> Measured:
    """One victim."""
    found = Measured(*([] for _ in Measured._fields))
    with Crowd(python, tasks, method) as crowd:
        time.sleep(1.0)
        before = crowd.measure()
        windows = []
        for _ in range(dumps):
            time.sleep(LEAD)
            windows.append(crowd.dump())
        time.sleep(LEAD)
        found.added.append((crowd.measure() - before) / 1e6)
        pauses, trips = crowd.pauses(), crowd.trips()
    lead = int(LEAD * 1e9)
    for start, end, used in windows:
        length = (end - start) / 1e9
        rates = [len(trips.within(*around)) / LEAD for around in ((start - lead, start), (end, end + lead))]
        expected = statistics.mean(rates) * length
        missing = expected - len(trips.within(start, end))
        during = [value / 1e6 for value in pauses.within(start, end + AFTERMATH_NS)]
        around = [*pauses.within(start - lead, start), *pauses.within(end + AFTERMATH_NS, end + lead)]
        found.took.append(length)
        found.used.append(used / 1e9)
        found.pauses.extend(during)
        found.longest.append(max(during))
        found.at_rest.append(max(around) / 1e6)
        found.lost.append(100 * missing / expected)
        found.trips_lost.append(missing)
        found.noise.append(100 * abs(rates[0] - rates[1]) / statistics.mean(rates))
        found.slowest.append(max(trips.within(start, end + AFTERMATH_NS)) / 1e6)
    return found


def together(several: list[Measured]) -> Measured:
    return Measured(*([value for one in column for value in one] for column in zip(*several)))


def row(name: str, found: Measured, naive: Measured) -> list[str]:
    return [
        name,
        bench.spread(found.took),
        bench.spread(found.used),
        *(f"{bench.quantile(found.pauses, share):.2f}" for share in (0.5, 0.99)),
        bench.spread(found.longest, 1),
        f"{statistics.median(found.at_rest):.1f}",
        bench.ratio(found.longest, naive.longest),
        bench.spread(found.slowest, 1),
        bench.spread(found.trips_lost, 0),
        bench.spread(found.lost, 1),
        f"{statistics.median(found.noise):.0f}",
        bench.spread(found.added, 1),
    ]


HEADINGS = [
    *("", "took s", "CPU s", "pause p50 ms", "p99", "longest", "at rest", "than naive", "slowest trip ms"),
    *("trips lost", "lost %", "noise %", "added MB"),
]


def aims(found: Measured) -> dict[str, bool]:
    pause, lost, added, took = map(statistics.median, (found.longest, found.lost, found.added, found.took))
    return {
        f"longest pause at most 3 ms: {pause:.1f} ms": pause <= 3,
        f"at most 10 % of round trips lost: {lost:.1f} %": lost <= 10,
        f"at most 5 MB added for good: {added:.1f} MB": added <= 5,
        f"done within 10 s: {took:.2f} s": took < 10,
    }


def main() -> None:
    parser = bench.arguments(__doc__, rounds=1)
    parser.add_argument("--tasks", type=int, action="append", choices=list(DUMPS), help="this size (default: all)")
    options = parser.parse_args()
    rounds = 1 if options.short else options.rounds
    pythons = bench.pythons()
    bench.header("task dumps")
    print(
        "An echo server in the victim's loop is kept busy. `took` counts from the request; a pause is how late a 1 ms\n"
        "ticker in the loop runs, `at rest` the longest without a dump; lost is against the seconds before and after,\n"
        "which differ by `noise`; added is RSS after gc and malloc_trim, before the first dump and after the last.\n"
    )
    for tasks in [1_000] if options.short else options.tasks or DUMPS:
        dumps = 1 if options.short else DUMPS[tasks]
        several: dict[tuple[str, str], list[Measured]] = defaultdict(list)
        for _ in range(rounds):
            for version, python in pythons.items():
                for method in METHODS:
                    several[version, method].append(measure(python, tasks, method, dumps))
        found = {key: together(measured) for key, measured in several.items()}
        print(f"{tasks:,} tasks; dumps a row: {dumps * rounds}")
        bench.table(
            HEADINGS,
            [row(f"{v} {METHODS[m]}", measured, found[v, "naive"]) for (v, m), measured in found.items()],
        )
        if tasks == max(DUMPS):
            for version in pythons:
                kept = aims(found[version, "lifesign"])
                bench.aims({f"{version}  {aim}": passed for aim, passed in kept.items()})


if __name__ == "__main__":
    main()
