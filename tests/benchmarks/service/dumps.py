"""What a task dump costs the service that is dumped, beside a dump in the loop and aiomonitor's formatter.

An echo server in the victim's loop is kept busy. `took` counts from the request; a pause is how late a 1 ms ticker in
the loop runs, `at rest` the longest without a dump; round trips lost are against the seconds before and after, which
differ by `noise`; added is resident memory after gc and malloc_trim, before the first dump and after the last.
"""

from __future__ import annotations

import statistics
import time
from typing import NamedTuple

from benchmarks import bench
from benchmarks.results import Compared, Table, quantile
from benchmarks.service.crowds import Crowd

TITLE = "Task dumps"
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
    noise: list[float]  # by how many per cent the seconds before and after differ
    slowest: list[float]  # round trip, in milliseconds
    added: list[float]  # MB, one a victim


def one_victim(python: str, tasks: int, method: str, dumps: int) -> Measured:
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
        found.noise.append(100 * abs(rates[0] - rates[1]) / statistics.mean(rates))
        found.slowest.append(max(trips.within(start, end + AFTERMATH_NS)) / 1e6)
    return found


QUANTITIES = (
    ("longest", "the longest pause of the loop, ms", 1),
    ("at rest", "the longest pause without a dump, ms", 1),
    ("half", "half of the pauses are below, ms", 2),
    ("p99", "99 % of the pauses are below, ms", 2),
    ("took", "seconds that a dump takes", 2),
    ("used", "seconds of processor time", 2),
    ("lost", "per cent of the round trips lost", 1),
    ("noise", "noise of the round trips, per cent", 1),
    ("slowest", "the slowest round trip, ms", 1),
    ("added", "MB added for good", 1),
)
DRAWN = ("longest", "took")


def figures(found: Measured) -> dict[str, list[float]]:
    return {
        **{name: getattr(found, name) for name in ("longest", "took", "used", "lost", "noise", "slowest", "added")},
        "at rest": found.at_rest,
        "half": [quantile(found.pauses, 0.5)],
        "p99": [quantile(found.pauses, 0.99)],
    }


def measure(effort: bench.Effort) -> list[Table]:
    pythons = effort.pythons()
    tables: dict[str, Table] = {}
    cheaper = [Compared(f"than {name}", "lifesign", name) for name in list(METHODS.values())[1:]]
    for version in pythons:
        for name, title, digits in QUANTITIES:
            compared = cheaper if name == "longest" else ()
            drawn = "tasks" if name in DRAWN else ""
            table = Table(f"{version} {name}", f"Python {version}: {title}", list(METHODS.values()), digits, compared)
            table.drawn = drawn
            tables[table.name] = table
    for tasks in effort.take(list(DUMPS), [1_000]):
        for version, python in pythons.items():
            for method, side in METHODS.items():
                found = one_victim(python, tasks, method, effort.take(DUMPS[tasks], 1))
                for name, values in figures(found).items():
                    tables[f"{version} {name}"].add(f"{tasks:,}", side, *values)
    return list(tables.values())
