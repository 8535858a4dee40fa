"""docs/performance.md, made of a report: what is shown first, then every benchmark with all its tables."""

from __future__ import annotations

import statistics
from typing import Iterator, NamedTuple, Sequence

from benchmarks.baseline import TOLERANCE
from benchmarks.results import ADDED, RATIO, Report, Table, compare

PYTHONS = ("3.11", "3.13")

HEAD = """# What lifesign costs

Made by `make bench` out of [performance.json](performance.json), which has every single measurement. Do not edit it:
change `tests/benchmarks/page.py`, or measure again.

Each figure has a peer beside it that was measured in the same run, in turn, so that both had the same machine. Where
there are several measurements a cell has their median and, in brackets, from where to where they go: that is the
noise. A comparison is made pair by pair, of measurements that followed each other. Trust processor time and
instructions more than times on the wall, and ratios more than either. Each section ends with the load of the machine;
where it says *busy*, others used it too: instructions, processor times and their ratios still mean something, times on
the wall and what follows from them (pauses, round trips, requests a second) little.
"""

MISSED = """\
Aims that cannot be reached are kept in the table, as they are what one would wish for. An **idle service**: ten
timers a second that do nothing take more of a core than the SDK, which has nothing to do between two exports; with
`LIFESIGN_HEARTBEAT_INTERVAL=1` it takes less. A **beat** is such a timer, too: the row that says "beyond" has what it
adds. The **start** of an asyncio program loads all that reads tasks and stacks, for the evidence must be had where the
very first step of a loop blocks it.
"""

REPEAT = f"""## How to repeat it

```sh
make bench                                # everything, for about half an hour; makes this page
make bench ARGS='--only idle,load'        # some of it; the rest of the page stays
make bench ARGS=--short                   # only shows that it runs, in a minute or two; `make test` does this too
make bench ARGS='--only instructions --accept' # makes the instructions that were counted the baseline
```

It needs the Collector and Prometheus, which are built once, valgrind and wrk from Debian, and Python 3.11 and 3.13.
What cannot be had is named and left out. A run that counts over {100 * TOLERANCE:g} % more instructions for a call than
the baseline of the same interpreters ends with status 1. Times are never judged.
"""

_MORE = 100  # from which on a ratio is one of noise
BUSY = ", busy"

NOT_MEASURED = """## Not measured

Fluent Bit and Vector, which some run in the place of a sidecar: PyPI, npm, crates.io, Maven Central, the Go proxy and
Debian 12 do not have them (packages of these names are something else). Other machines than the one above, ARM in
particular.
"""


class Shown(NamedTuple):
    """A line of the first table.

    Args:
        row: of the table; `{python}` stands for each interpreter's version.
        ours, theirs: its columns; or, where `theirs_row` is given, its rows in the column `ours`.
        beyond: a column that neither would be without: only what comes on top of it counts.
        form: how a value is written.
        rate: more is better.
    """

    what: str
    benchmark: str
    table: str
    row: str
    ours: str
    theirs: str = ""
    theirs_row: str = ""
    beyond: str = ""
    form: str = "{:,.0f}"
    peer: str = ""
    aim: str = ""
    rate: bool = False


def line(shown: Shown, report: Report) -> list[str] | None:
    """What, ours, theirs, who that is, ours against theirs, the aim; None where it was not measured."""
    result = report.results.get(shown.benchmark)
    ours, theirs, ratios = [], [], []
    for python in PYTHONS if "{python}" in shown.row + shown.table else ("",):
        names = {table.name: table for table in result.tables} if result else {}
        table = names.get(shown.table.format(python=python))
        mine = table.values(shown.row.format(python=python), shown.ours) if table else []
        if table is None or not mine:
            continue
        their_row = (shown.theirs_row or shown.row).format(python=python)
        peer = table.values(their_row, shown.theirs or shown.ours) if shown.theirs or shown.theirs_row else []
        if shown.beyond:
            base = table.values(shown.row.format(python=python), shown.beyond)
            mine, peer = compare(mine, base, ADDED), compare(peer, base, ADDED)
        ours.append(shown.form.format(statistics.median(mine)))
        if peer:
            theirs.append(shown.form.format(statistics.median(peer)))
            times = compare(peer, mine, RATIO) if shown.rate else compare(mine, peer, RATIO)
            ratios.append(_times(statistics.median(times)) if times else "-")
    if not ours:
        return None
    return [shown.what, " / ".join(ours), " / ".join(theirs), shown.peer, " / ".join(ratios), shown.aim]


def _times(ratio: float) -> str:
    return f"{ratio:.1f}x" if ratio < _MORE else f"over {_MORE}x"


def page(report: Report, first: Sequence[Shown]) -> str:
    """The whole of it."""
    parts = [HEAD, *_glance(report, first), "## The machine\n"]
    parts += [markdown(["", ""], [[name, value] for name, value in report.machine.items()]), REPEAT]
    for name, result in report.results.items():
        parts += [f"## {result.title}\n", result.about.strip() + "\n"]
        for table in result.tables:
            parts.append(_table(name, table))
        before, after = result.load
        cores = int(report.machine["processor"].split()[0])
        parts.append(
            f"`--only {name}`: {result.when}, at {result.commit}, in {result.seconds:,.0f} s; load {before:.1f} before "
            f"and {after:.1f} after{BUSY if max(result.load) > 2 * cores else ''}.\n"
        )
    return "\n".join([*parts, NOT_MEASURED])


def _glance(report: Report, first: Sequence[Shown]) -> Iterator[str]:
    lines = [found for one in first if (found := line(one, report))]
    if not lines:
        return
    yield "## At a glance\n"
    yield f"Python {' / '.join(PYTHONS)}. The last column but one: how many times cheaper than the peer.\n"
    yield markdown(["", "lifesign", "peer", "which", "cheaper", "aim"], lines)
    yield MISSED


def _table(benchmark: str, table: Table) -> str:
    if table.drawn:
        picture = f"![{table.title}]({table.picture(benchmark)})\n"
        return "\n".join([picture, markdown([f"{table.drawn}: {table.title}", *table.headings[1:]], table.cells())])
    return markdown([table.title, *table.headings[1:]], table.cells())


def markdown(headings: Sequence[str], rows: object) -> str:
    """A table of Markdown whose columns but the first are numbers."""
    lines = [f"| {' | '.join(cells)} |" for cells in [headings, *rows]]  # type: ignore[misc]
    lines.insert(1, "|---|" + "---:|" * (len(headings) - 1))
    return "\n".join([*lines, ""])
