"""What the plugin costs those who do not ask for it, and the gate as a test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import lifesign
from support.suites.pytest_run import run_pytest

LOADED = """
import sys

def test_loaded():
    ours = sorted(name for name in sys.modules if name.startswith("lifesign"))
    assert ours == [
        "lifesign", "lifesign.loading", "lifesign.semconv", "lifesign.testing", "lifesign.testing.plugin",
        "lifesign.testing.words",
    ]
    assert "asyncio" not in sys.modules
"""
SERVICE = """
import asyncio
import lifesign

async def main():
    with lifesign.checkpoint("config loaded"):
        await asyncio.sleep(0.1)
    {event}
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_suite_that_does_not_ask_for_it_loads_next_to_nothing(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, LOADED, "-p", "no:anyio", "-p", "no:asyncio")
    assert run.tests["test_loaded"].outcome == "passed", run.output


def test_pytest_does_not_mind_that_lifesign_is_loaded_before_it() -> None:
    """It warns of packages that have a plugin and come too early, unless they say this; not in editable mode."""
    assert "PYTEST_DONT_REWRITE" in (lifesign.__doc__ or "")


def test_the_gate_is_the_first_test(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(SERVICE.format(event='lifesign.event("order")'))
    run = run_pytest(tmp_path, "def test_more(): pass", f"--lifesign-boot={sys.executable} service.py", "-v")
    assert [became.outcome for became in run.tests.values()] == ["passed", "passed"], run.output
    assert list(run.tests) == ["lifesign-boot", "test_more"]


def test_a_boot_that_stalls_fails_with_the_verdict_and_what_the_service_waits_for(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(SERVICE.format(event="print('no event')"))
    boot = f"--lifesign-boot=--timeout 1.5 -- {sys.executable} service.py"
    run = run_pytest(tmp_path, "def test_more(): pass", boot, "-k", "boot")
    assert set(run.tests) == {"lifesign-boot"}
    became = run.tests["lifesign-boot"]
    assert became.outcome == "failed", run.output
    assert "stalled: " in became.text
    assert "main, service.py:9, waits for sleep" in became.text  # where its task waits
    assert "no event" in became.text  # what it has printed


def test_no_command_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text("def test_more(): pass")
    line = [sys.executable, "-m", "pytest", "--lifesign-boot=--timeout 3 --"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 4
    assert "has no command" in done.stderr + done.stdout
