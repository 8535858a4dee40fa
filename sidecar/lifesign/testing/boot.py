"""The deployment gate as a test: ``lifesign smoke`` boots the service for real."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

_ALIVE = 0
_SAID_LINES = 40  # of what it wrote that are shown
_NAME = "lifesign-boot"


class BootFailedError(Exception):
    """The service is not alive; the message says why."""


class BootTest(pytest.Item):
    """Boots the service.

    Args:
        command: to be started, with options of `lifesign smoke` before ``--``.
    """

    def __init__(self, *, command: list[str], **more: Any) -> None:
        super().__init__(**more)
        self._command = command

    def runtest(self) -> None:
        with tempfile.TemporaryDirectory(prefix="lifesign-boot-") as folder:
            report = Path(folder, "report.json")
            line = [sys.executable, "-m", "lifesign", "smoke", "--report", str(report), *self._command]
            done = subprocess.run(line, capture_output=True, text=True, errors="replace", check=False, cwd=self.path)
            if done.returncode != _ALIVE:
                raise BootFailedError(_why(report, done))
            sys.stdout.write(done.stdout)
            sys.stderr.write(done.stderr)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, BootFailedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"boot of {shlex.join(self._command)}"


class BootFirst:
    """Puts the boot before the tests of a run.

    Args:
        given: the option's value.
    """

    def __init__(self, given: str) -> None:
        self._given = given

    # After -k and -m, which select among the tests of the suite: the boot was asked for by its own option. Before --lf,
    # --ff and --nf, which know it as any other test.
    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        items.insert(0, boot_test(session, self._given))


def boot_test(session: pytest.Session, given: str) -> pytest.Item:
    """The test for the option's value.

    Raises:
        pytest.UsageError: there is no command in it.
    """
    try:
        command = shlex.split(given)
    except ValueError as error:
        raise pytest.UsageError(f"--lifesign-boot={given!r}: {error}") from None
    if "--" not in command:
        command = ["--", *command]
    if command[-1] == "--":
        raise pytest.UsageError(f'--lifesign-boot={given!r} has no command: --lifesign-boot="python -m shop"')
    made: pytest.Item = BootTest.from_parent(session, name=_NAME, nodeid=_NAME, command=command)
    return made


def _why(report: Path, done: subprocess.CompletedProcess[str]) -> str:
    """The gate's verdict, and what the service and the gate have written."""
    try:
        verdict = json.loads(report.read_text())
        said = f"{verdict['verdict']}: {verdict['why']}"
        if verdict.get("hint"):
            said += f"\n{verdict['hint']}"
    except (OSError, ValueError, KeyError):
        said = f"lifesign smoke ended with exit code {done.returncode}"
    for name, text in (("standard output", done.stdout), ("standard error", done.stderr)):
        lines = text.strip().splitlines()
        if lines:
            said += "\n" + "\n".join((f"--- {name} of the boot", *lines[-_SAID_LINES:]))
    return said
