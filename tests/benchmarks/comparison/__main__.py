"""Asks lifesign and what people use today of the same illnesses: ``make comparison``.

Writes what all of them have answered to docs/comparison.json, and the tables of docs/comparison.md out of it.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from benchmarks import bench
from benchmarks.comparison import asked, rest
from benchmarks.comparison.page import ILLNESSES, measured
from support.built import PYTHONS
from support.paths import DOCS

AT_ONCE = 9
NEWEST = "3.14"  # the first with `asyncio pstree`
BEGIN, END = "<!-- measured: made by `make comparison` -->", "<!-- end of measured -->"
WAYS = {
    "**lifesign**": asked.lifesign,
    "liveness probe": asked.probe,
    "`py-spy dump`": asked.by_command("{bin}/py-spy", "dump", "--pid", "{pid}"),
    "`python -m asyncio pstree`": asked.by_command("{python}", "-m", "asyncio", "pstree", "{pid}"),
    "aiomonitor": asked.aiomonitor,
    "asyncio's debug mode": asked.by_itself(PYTHONASYNCIODEBUG="1"),
    "Sentry": asked.by_itself("sentry"),
    "OpenTelemetry in the process": asked.instrumented,
}
PACKAGES = ("py-spy", "aiomonitor", "sentry-sdk", "opentelemetry-distro")


def main() -> int:
    parser = argparse.ArgumentParser(prog="comparison", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="those with this in their name; the answers of the others stay")
    only = parser.parse_args().only
    if NEWEST not in PYTHONS:
        parser.error(f"there is no Python {NEWEST} at hand: tests/tools/pythons.sh says why")
    python = bench.tool(
        bench.HERE / "comparison.sh", PYTHON=PYTHONS[NEWEST], PIP=str(Path(sys.executable).with_name("pip"))
    )
    console, load = Console(highlight=False), os.getloadavg()[0]
    file, page = DOCS / "comparison.json", DOCS / "comparison.md"
    report = json.loads(file.read_text()) if only else {"answers": {illness: {} for illness in ILLNESSES}}
    if not only:
        console.print("what each costs at rest ...")
        report["rest"] = rest.at_rest(python)
    chosen = [way for way in WAYS if only in way]
    console.print(f"{len(ILLNESSES)} illnesses, {len(chosen)} ways to ask ...")
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        asking = {(illness, way): pool.submit(WAYS[way], python, illness) for illness in ILLNESSES for way in chosen}
    for (illness, way), answer in asking.items():
        report["answers"][illness][way] = answer.result().without_places(python)._asdict()
    report["when"] = time.strftime("%Y-%m-%d %H:%M")
    report["machine"] = f"{os.cpu_count()} cores, Linux {platform.release()}"
    report["load"] = load, os.getloadavg()[0]
    version = _output(python, "import platform; print(platform.python_version())")
    report["versions"] = {"Python": version, **_versions(python)}
    file.write_text(json.dumps(report, indent=1) + "\n")
    before, _, after = page.read_text().partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n\n{measured(report)}\n\n{END}{after.partition(END)[2]}")
    console.print(str(page))
    return 0


def _versions(python: str) -> dict[str, str]:
    return {
        name: _output(python, f"from importlib.metadata import version; print(version('{name}'))") for name in PACKAGES
    }


def _output(python: str, program: str) -> str:
    return subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
