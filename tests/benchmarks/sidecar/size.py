"""How much is installed, and how long a record is on its way.

Installed: the files of a package and of all that it needs, without what Python compiles of them. A record: an event
of a dry run, which becomes a span; in requests of 512 records to the Collector.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from benchmarks import bench
from benchmarks.results import Table
from lifesign.export.otlp import encode
from lifesign.export.queue.segments import decode_line
from lifesign.watch.telemetry import Resource, Span
from lifesign.wire.reader import PulseReader
from support.paths import SIDECAR
from support.waiting import eventually

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


RECORDS = 2000
BATCH = 512


def lengths() -> dict[str, float]:
    """Bytes of one record in each place, of as many as a service has written."""
    with bench.Processes() as processes:
        run, place = processes.folder(), processes.folder(on_disk=True)
        dead = {"OTEL_EXPORTER_OTLP_ENDPOINT": bench.DEAD_ENDPOINT, "LIFESIGN_SPOOL_DIR": str(place)}
        processes.sidecar(run, **dead)
        victim = [sys.executable, str(bench.VICTIMS / "records.py"), str(RECORDS), "1"]
        bench.line(processes.start(victim, bench.environment(run, LIFESIGN_RING_SIZE="4MiB"), talking=True))
        folder = next(path for path in run.iterdir() if (path / "pulse").exists())
        pulse = PulseReader(os.open(folder, os.O_RDONLY)).heads()[1]

        def lines() -> list[bytes]:
            return [line for file in sorted(place.rglob("traces/0*.jsonl")) for line in file.read_bytes().splitlines()]

        eventually(lambda: sum(b'"dry_run ' in line for line in lines()) >= RECORDS, seconds=60.0)
        spooled = [line for line in lines() if b'"dry_run ' in line]
        decoded = [decode_line(line) for line in lines()]
    resource = encode.resource(next(one for one in decoded if isinstance(one, Resource)))
    spans = [encode.span(one, resource) for one in decoded if isinstance(one, Span)]
    requests = [encode_spans(spans[at : at + BATCH]).SerializeToString() for at in range(0, len(spans), BATCH)]
    return {
        "in the pulse": pulse / RECORDS,
        "in the spool": sum(map(len, spooled)) / len(spooled) + 1,
        "OTLP": sum(map(len, requests)) / len(spans),
        "OTLP, gzip": sum(len(gzip.compress(one)) for one in requests) / len(spans),
    }


def measure(effort: bench.Effort) -> list[Table]:
    table = Table("installed", "installed", ("MB",), 1)
    # Installed to be edited, it has no files of its own there.
    files = [path for path in (SIDECAR / "lifesign").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    own = sum(path.stat().st_size for path in files)
    for name, size, packages in count(sys.executable, OURS):
        table.add(f"{name}: {packages} packages", "MB", (size + own) / 1e6)
    for name, size, packages in count(next(iter(effort.pythons().values())), PEERS):
        table.add(f"{name}: {packages} packages", "MB", size / 1e6)
    found = lengths()
    record = Table("record", "bytes", list(found), 0)
    for where, length in found.items():
        record.add("an event of a dry run", where, length)
    return [table, record]
