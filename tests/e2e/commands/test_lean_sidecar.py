"""A sidecar loads what it uses: of export, page and health endpoints nothing before it is asked for."""

from __future__ import annotations

import subprocess
import sys

from support.paths import SIDECAR

PROGRAM = "import sys, lifesign.cli.sidecar.observer; print(*sys.modules)"


def test_nothing_is_loaded_of_what_is_not_asked_for() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"PYTHONPATH": str(SIDECAR)}, stdout=subprocess.PIPE, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert loaded & {"lifesign", "msgspec"} == {"lifesign", "msgspec"}
    assert loaded & {"google", "grpc", "opentelemetry", "requests", "rich", "starlette", "urllib3", "uvicorn"} == set()
