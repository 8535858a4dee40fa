"""`lifesign check` of a real service, beside no sidecar at all."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import victims
from support.commands import processes
from support.paths import VICTIMS
from support.waiting import eventually

GATED = VICTIMS / "gated.py"


@pytest.fixture
def service(run: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The victim, booted: its event loop runs and its post-conditions have run once."""
    with victims.start([sys.executable, str(GATED)], run) as process:
        try:
            eventually(lambda: victims.folders(run), seconds=60)
            yield process
        finally:
            process.kill()


def tell(service: subprocess.Popen[bytes], line: str) -> None:
    assert service.stdin is not None
    service.stdin.write(line.encode() + b"\n")
    service.stdin.flush()


def test_it_shows_what_each_check_says_now(service: subprocess.Popen[bytes], run: Path, cli: Callable) -> None:
    code, out, _ = cli("check", "--dir", str(run), "--timeout", "60")
    assert code == 0
    assert (
        re.sub(r"[\d.]+ ms", "T", out) == f"{GATED.name} {service.pid}: all passed (1 check)\n  ok      database (T)\n"
    )

    tell(service, "break")
    broken = eventually(lambda: _failed(cli("check", "--dir", str(run), "--timeout", "60")), seconds=60)
    assert re.sub(r"[\d.]+ ms", "T", broken) == (
        f"{GATED.name} {service.pid}: Post-conditions failed: database: refused by 10.0.0.7\n"
        "  failed  database (T): refused by 10.0.0.7\n"
    )

    code, out, _ = cli("check", "--dir", str(run), "--json", "--timeout", "60", str(service.pid))
    report = processes(out)[0]["report"]
    assert (code, report["passed"], [one["name"] for one in report["results"]]) == (1, False, ["database"])


def _failed(ended: tuple[int, str, str]) -> str:
    return ended[1] if ended[0] == 1 else ""


def test_a_blocked_loop_does_not_answer(service: subprocess.Popen[bytes], run: Path, cli: Callable) -> None:
    assert cli("check", "--dir", str(run), "--timeout", "60").code == 0
    tell(service, "block")
    eventually(lambda: cli("check", "--dir", str(run), "--timeout", "0.3").code == 2, seconds=60)
    assert (
        f"process {service.pid} did not answer within 0.3 s" in cli("check", "--dir", str(run), "--timeout", "0.3").err
    )


def test_it_wants_a_process_and_some_time(run: Path, cli: Callable) -> None:
    assert cli("check", "--dir", str(run)).code == 1
    code, _, err = cli("check", "--dir", str(run), "--timeout", "0")
    assert (code, "--timeout wants a number of seconds above 0" in err) == (3, True)
