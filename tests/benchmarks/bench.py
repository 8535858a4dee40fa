"""What the benchmarks share: their arguments, the machine, other interpreters, statistics and tables.

A benchmark sets lifesign against a peer in the same run. It asserts no timing: what it prints is for a
reader, who sees next to each figure what it is to be compared with.
"""

from __future__ import annotations

import argparse
import array
import bisect
import os
import platform
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

from support.paths import SIDECAR

HERE = Path(__file__).resolve().parent
VICTIMS = HERE / "victims"
INJECT = SIDECAR / "lifesign" / "agent" / "inject"

DEAD_ENDPOINT = "http://127.0.0.1:9"  # nobody listens there
_WANTED = ("3.11", "3.13")


def arguments(about: str | None, rounds: int) -> argparse.ArgumentParser:
    """The command line: how often each side is measured, or a run as short as can be."""
    parser = argparse.ArgumentParser(
        description=about, epilog="Without LIFESIGN_TEST_PYTHONS=3.N=PATH:... this interpreter alone is measured."
    )
    parser.add_argument("--rounds", type=int, default=rounds, help="how often each side is measured (%(default)s)")
    parser.add_argument("--short", action="store_true", help="only show that it runs: the figures mean little")
    return parser


def header(title: str) -> None:
    """A headline, and the machine that the figures are from."""
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"\n== {title}\n{os.cpu_count()} cores ({_processor()}), Linux {platform.release()}, load {load}")
    if os.getloadavg()[0] > (os.cpu_count() or 1) / 2:
        print("Others keep this machine busy: processor times and ratios still mean something, times little.")
    print(flush=True)


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else platform.machine()


def pythons() -> dict[str, str]:
    """Two interpreters by version, each with the peers installed; one, where no more are named."""
    at_hand = dict(entry.split("=", 1) for entry in os.environ.get("LIFESIGN_TEST_PYTHONS", "").split(":") if entry)
    mine = "{}.{}".format(*sys.version_info)
    chosen = {version: at_hand[version] for version in _WANTED if version in at_hand} or {mine: sys.executable}
    return {version: _with_peers(python) for version, python in chosen.items()}


def _with_peers(python: str) -> str:
    made = subprocess.run([HERE / "peers.sh"], env={**os.environ, "PYTHON": python}, stdout=subprocess.PIPE, check=True)
    return made.stdout.decode().strip()


def environment(run_directory: Path | None = None, **more: str) -> dict[str, str]:
    """The environment of a measured process, with the agent inside where there is a run directory."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LIFESIGN_", "OTEL_", "PYTHON")) and name != "VIRTUAL_ENV"
    }
    if run_directory is not None:
        clean.update({"LIFESIGN_DIR": str(run_directory), "PYTHONPATH": str(INJECT)})
    return {**clean, **more}


def memory() -> str | None:
    """A folder in memory for run directories, as `lifesign run` takes one; None where there is none."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def processor_seconds(pid: int, *without: int) -> float:
    """What the threads of a process, but for some, have used of the processor; exact to the nanosecond."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    used = (int((at / "schedstat").read_text().split()[0]) for at in threads if int(at.name) not in without)
    return sum(used) / 1e9


def resident_mib(pid: int) -> float:
    """The resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def within(stamps: array.array[int], values: array.array[int], start: int, end: int) -> array.array[int]:
    """The values whose stamps, which only grow, are from `start` up to `end`."""
    return values[bisect.bisect_left(stamps, start) : bisect.bisect_left(stamps, end)]


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie; the largest for 1."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else float("nan")


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median, and from where to where they go."""
    if not values:
        return "-"
    middle = f"{statistics.median(values):,.{digits}f}"
    return middle if len(values) == 1 else f"{middle} [{min(values):,.{digits}f}..{max(values):,.{digits}f}]"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """How many times ours the peer's median is."""
    if not ours or not theirs or statistics.median(ours) <= 0:
        return "-"
    return f"{statistics.median(theirs) / statistics.median(ours):,.1f}x"


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Aligned columns, the first to the left; text or whatever can be made into it."""
    lines = [list(map(str, headings)), *(list(map(str, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        rest = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))
        print("  ".join([line[0].ljust(widths[0]), *rest]).rstrip())
    print(flush=True)


def aims(kept: Mapping[str, bool]) -> None:
    """What we wanted, and whether this run had it: never a test."""
    for aim, passed in kept.items():
        print(f"{'PASS' if passed else 'MISS'}  {aim}")
    print(flush=True)
