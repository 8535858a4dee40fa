"""A command line run in this process, and a real watched service to look at."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import lifesign
from lifesign.cli.main import main

INJECT = Path(lifesign.__file__).parent / "agent" / "inject"


class Ended(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


class Service(NamedTuple):
    """A watched process and its run directory."""

    pid: int
    directory: str


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the test sets a setting."""
    for name in list(os.environ):
        if name.startswith(("LIFESIGN_", "OTEL_", "BOOT_TIMEOUT_S")):
            monkeypatch.delenv(name)


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Calls `lifesign` with the given arguments, in this process."""

    def call(*argv: str) -> Ended:
        capfd.readouterr()
        code = main(argv)
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return call


@contextlib.contextmanager
def watched(directory: Path) -> Iterator[Service]:
    """The victim service with the agent in it, and no sidecar at all."""
    environ = {**os.environ, "LIFESIGN_DIR": str(directory), "PYTHONPATH": str(INJECT)}
    command = [sys.executable, str(Path(__file__).parent / "victims" / "service.py")]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield Service(process.pid, str(directory))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One watched service for all tests that only look."""
    with watched(tmp_path_factory.mktemp("run")) as running:
        yield running
