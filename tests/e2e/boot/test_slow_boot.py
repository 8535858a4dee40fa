"""What takes far longer in a boot than in those before is named, after restarts of service and sidecar."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.supervised import environment, run_line
from support.waiting import eventually

PROGRAM = """
import asyncio, sys, lifesign

async def main():
    with lifesign.checkpoint("database"):
        await asyncio.sleep(float(sys.argv[1]))
    await asyncio.sleep(float(sys.argv[2]))

asyncio.run(main())
"""


def command(database: float, then: float) -> list[str]:
    return [sys.executable, "-c", PROGRAM, str(database), str(then)]


def test_a_slow_database_is_late_in_the_fourth_boot_and_not_before(tmp_path: Path) -> None:
    environ = environment(XDG_STATE_HOME=str(tmp_path / "state"), OTEL_SERVICE_NAME="shop")
    for _ in range(3):
        subprocess.run(run_line(command(0.05, 0.5)), env=environ, stderr=subprocess.DEVNULL, check=True, timeout=60)
    (kept,) = json.loads((tmp_path / "state" / "lifesign" / "boots.json").read_bytes()).values()
    assert len(kept) == 3
    assert all(0.04 < boot["checkpoints"]["database"] < 5 for boot in kept)
    usual = sorted(boot["checkpoints"]["database"] for boot in kept)
    with subprocess.Popen(run_line(command(3 * usual[-1] + 1, 60)), env=environ, stderr=subprocess.DEVNULL) as run:
        try:
            found: dict[str, Any] = {}

            def late() -> bool:
                asked = ["status", "--json"]
                answer = subprocess.run(
                    [sys.executable, "-m", "lifesign", *asked], env=environ, capture_output=True, text=True, timeout=60
                )
                processes = json.loads(answer.stdout)["processes"] if answer.returncode == 0 else []
                found.update({one["name"]: one for process in processes for one in process["checkpoints"]})
                return bool(found.get("database", {}).get("took"))

            eventually(late, 30, 0.3)
            assert found["database"]["late"]
            assert found["database"]["usual"] == usual[1]
            said = subprocess.run(
                [sys.executable, "-m", "lifesign", "why"], env=environ, capture_output=True, text=True, timeout=60
            )
            assert "checkpoint database took" in said.stdout
            assert "usually 0." in said.stdout
        finally:
            run.terminate()
