"""The same seed makes the same events, in every worker and on every Python."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.built import PYTHONS
from support.paths import ROOT, SIDECAR

GOLDEN = ROOT / "tests" / "agent" / "dryrun" / "dry_run_events.json"
MAKER = GOLDEN.with_name("make_dry_run_events.py")


@pytest.mark.parametrize("version", PYTHONS)
def test_the_same_seed_makes_the_same_events_on_every_python(version: str) -> None:
    made = subprocess.run(
        [PYTHONS[version], "-S", str(MAKER)],
        env={"PYTHONPATH": str(SIDECAR), "PYTHONHASHSEED": "random"},
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    assert json.loads(made.stdout) == json.loads(GOLDEN.read_text())


WORKERS = """
import asyncio, os, sys
import lifesign

made = []

@lifesign.dry_run_handler
def handle(event): made.append((event["id"], event["price"]))

async def main():
    lifesign.start()
    while len(made) < 3: await asyncio.sleep(0.003)

def work(number):
    made.clear()
    asyncio.run(main())
    print(number, made[:3], flush=True)

turn, go = os.pipe()
if (child := os.fork()) == 0:
    os.close(go)  # so that it ends with its parent
    os.read(turn, 1)  # the first of them is number 0
    work("second")
    os._exit(0)
work("first")
os.write(go, b".")
os.waitpid(child, 0)
"""


def test_two_workers_make_different_events_and_the_same_ones_every_time(tmp_path: Path) -> None:
    environ = {"LIFESIGN_DIR": str(tmp_path), "DRY_RUN": "1", "DRY_RUN_RATE": "500", "PYTHONPATH": ":".join(sys.path)}
    line = [sys.executable, "-c", WORKERS]
    ended = subprocess.run(line, env=environ, capture_output=True, text=True, timeout=60, check=True)
    made = dict(line.split(" ", 1) for line in ended.stdout.splitlines())
    # As `random.Random(42)` and `random.Random(43)` draw them.
    assert made["first"] == "[('trade-0', 173.76), ('order-1', 451.48), ('position-2', 277.41)]"
    assert made["second"] == "[('trade-1-0', 114.77), ('order-1-1', 253.94), ('position-1-2', 433.53)]"
