"""Runs the benchmarks, one after the other: ``make bench``.

Writes what was measured after each of them, so that what is done is kept however it ends; then compares the
instructions with the baseline and makes the page.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import re
import runpy
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table as Shown
from rich.text import Text

from benchmarks import baseline, bench, pictures
from benchmarks.glance import FIRST
from benchmarks.page import page
from benchmarks.results import Report, Result
from support.paths import DOCS, ROOT

# In this order, with how many seconds they take on two quiet cores.
BENCHMARKS = {
    "service.instructions": 60,
    "service.calls": 60,
    "sidecar.idle": 310,
    "service.startup": 60,
    "service.load": 180,
    "service.dumps": 120,
    "service.dryrun": 60,
    "sidecar.delivery": 120,
    "sidecar.backlog": 150,
    "sidecar.processes": 200,
    "sidecar.disk": 85,
    "sidecar.size": 5,
    "sidecar.detection": 120,
    "sidecar.exit": 240,
    "sidecar.probe": 20,
    "sidecar.fleet": 150,
}
console = Console(width=200, highlight=False)


def main() -> int:
    """Returns 1 where a call takes more instructions than the baseline, or a benchmark has failed."""
    names = {path.rpartition(".")[2]: path for path in BENCHMARKS}
    parser = argparse.ArgumentParser(prog="benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="only show that it runs: the figures mean nothing")
    parser.add_argument("--only", default=",".join(names), help="some of %(default)s")
    parser.add_argument("--accept", action="store_true", help="make the counted instructions the baseline")
    parser.add_argument("--output", type=Path, help="folder of page, pictures and figures (docs; short: _build/bench)")
    options = parser.parse_args()
    output = options.output or (ROOT / "_build" / "bench" if options.short else DOCS)
    output.mkdir(parents=True, exist_ok=True)
    chosen = options.only.split(",")
    if unknown := set(chosen) - names.keys():
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(names)}")
    effort = bench.Effort(options.short)
    record = output / "performance.json"
    report = Report.read(record) if record.exists() else Report({})
    report.machine = machine(effort)
    wrong = []
    for number, name in enumerate(chosen, 1):
        left = sum(BENCHMARKS[names[one]] for one in chosen[number - 1 :])
        about = "" if options.short else f", about {left / 60:.0f} min to go on a quiet machine"
        console.print(f"[{number}/{len(chosen)}] {name}{about}", markup=False)
        module = importlib.import_module(f"benchmarks.{names[name]}")
        try:
            report.results[name] = run(module, effort)
        except bench.MissingError as error:
            console.print(f"left out: {error}\n", style="yellow")
            continue
        except Exception:
            console.print_exception()
            wrong.append(f"{name} has failed")
            continue
        show(report.results[name])
        report.results = {one: report.results[one] for one in names if one in report.results}
        report.write(record)
    report = Report.read(record) if record.exists() else report  # as it is rounded there
    (output / "performance.md").write_text(page(report, FIRST))
    if output == DOCS:  # which quotes some lines of it
        runpy.run_path(str(DOCS / "tables.py"), run_name="__main__")
    for name, result in report.results.items():
        for table in result.tables:
            if table.drawn:
                (output / table.picture(name)).write_text(pictures.draw(table))
    console.print(f"{output / 'performance.md'}\n", style="bold")
    if "instructions" in chosen and not options.short:  # a short run has too few calls to say
        wrong += compared(report, options.accept)
    for one in wrong:
        console.print(one, style="red")
    return 1 if wrong else 0


def run(module: ModuleType, effort: bench.Effort) -> Result:
    when, load, started = time.strftime("%Y-%m-%d %H:%M"), os.getloadavg()[0], time.monotonic()
    tables = module.measure(effort)
    return Result(
        module.TITLE,
        module.__doc__ or "",
        when,
        commit(),
        (load, os.getloadavg()[0]),
        time.monotonic() - started,
        tables,
    )


def commit() -> str:
    """The newest that has changed what is measured."""
    command = ["git", "log", "-1", "--abbrev=10", "--format=%h", "--", "sidecar"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip() or "?"


def machine(effort: bench.Effort) -> dict[str, str]:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": f"{os.cpu_count()} cores, {found[1] if found else platform.machine()}",
        "memory": f"{memory:.0f} GiB",
        "system": f"Linux {platform.release()}, {platform.machine()}",
        "services' Python": interpreters(effort),
        "the sidecar's Python": built(sys.executable),
    }


def interpreters(effort: bench.Effort) -> str:
    return ", ".join(built(python) for python in effort.pythons().values())


def built(python: str) -> str:
    """Which Python, and by which compiler."""
    said = "import platform; print(platform.python_version(), platform.python_compiler())"
    return subprocess.run([python, "-c", said], capture_output=True, text=True, check=True).stdout.strip()


def show(result: Result) -> None:
    load = " to ".join(f"{one:.1f}" for one in result.load)
    console.print(f"{result.title}: {result.seconds:.0f} s, load {load}", style="bold")
    for table in result.tables:
        shown = Shown(box=SIMPLE, title=table.title, title_justify="left")
        for number, heading in enumerate(table.headings):
            shown.add_column(heading, justify="right" if number else "left")
        for cells in table.cells():
            shown.add_row(*map(Text, cells))
        console.print(shown)


def compared(report: Report, accept: bool) -> list[str]:
    """Says how the instructions differ from the baseline; returns what is wrong with that."""
    which, found = report.machine["services' Python"], baseline.counts(report)
    if accept:
        baseline.accept(which, found)
        console.print(f"{baseline.FILE} has them now")
        return []
    before = baseline.read(which)
    if not before:
        console.print(f"no baseline for {which}: there is nothing to compare the instructions with")
        return []
    differ = baseline.differences(before, found)
    for one in differ:
        if not one.worse:
            console.print(f"fewer than the baseline, which --accept renews: {one}", style="green")
    return [f"more than the baseline: {one}" for one in differ if one.worse]


if __name__ == "__main__":
    sys.exit(main())
