"""How much is installed: the files of a package and of all that it needs, in a virtual environment without pip."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks import bench
from benchmarks.results import Table
from support.paths import SIDECAR

TITLE = "Size"
# By interpreter: ours has lifesign[sidecar] installed, the other the peers. Markers decide what is needed.
COUNT = """
import json, re, sys
from importlib.metadata import PackageNotFoundError, distribution, requires
from packaging.requirements import Requirement

def needed(name, extras, found):
    key = re.sub("[-_.]+", "-", name).lower()
    try:
        requirements = requires(key) or []
    except PackageNotFoundError:
        return
    if (key, tuple(extras)) in found:
        return
    found.add((key, tuple(extras)))
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in (*extras, "")):
            needed(requirement.name, sorted(requirement.extras), found)

for wanted in map(Requirement, sys.argv[1:]):
    found = set()
    needed(wanted.name, sorted(wanted.extras), found)
    names = {name for name, _ in found}
    files = [path.locate() for name in names for path in distribution(name).files or ()]
    size = sum(path.stat().st_size for path in files if path.is_file() and path.suffix != ".pyc")
    print(json.dumps([str(wanted), size, len(names)]))
"""
OURS = ("lifesign", "lifesign[sidecar]")
PEERS = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "opentelemetry-distro", "aiomonitor")


def count(python: str, packages: tuple[str, ...]) -> list[tuple[str, int, int]]:
    """Bytes and packages, of each with what it needs."""
    finished = subprocess.run([python, "-c", COUNT, *packages], stdout=subprocess.PIPE, text=True, check=True)
    return [tuple(json.loads(line)) for line in finished.stdout.splitlines()]


def measure(effort: bench.Effort) -> list[Table]:
    table = Table("installed", "installed", ("MB",), 1)
    # Installed to be edited, it has no files of its own there.
    files = [path for path in (SIDECAR / "lifesign").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    own = sum(path.stat().st_size for path in files)
    for name, size, packages in count(sys.executable, OURS):
        table.add(f"{name}: {packages} packages", "MB", (size + own) / 1e6)
    for name, size, packages in count(next(iter(effort.pythons().values())), PEERS):
        table.add(f"{name}: {packages} packages", "MB", size / 1e6)
    return [table]
