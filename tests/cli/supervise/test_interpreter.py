"""What a program customizes in its interpreter is not for the supervisor and the sidecar."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import lifesign
from lifesign.cli.supervise import interpreter


@pytest.fixture
def custom(tmp_path: Path) -> Path:
    """A folder for ``PYTHONPATH`` that would change every Python."""
    (tmp_path / "sitecustomize.py").write_text("print('customized')\n")
    (tmp_path / "json.py").write_text("raise ImportError('not the one of the standard library')\n")
    return tmp_path


def test_a_python_that_needs_its_environment_to_find_itself_keeps_it() -> None:
    assert "-E" not in interpreter.command({"PYTHONHOME": "/opt/python"})


def loaded(monkeypatch: pytest.MonkeyPatch, file: Path) -> list[list[str]]:
    """What the process is replaced by where this file is the ``sitecustomize`` that was run."""
    module = ModuleType("sitecustomize")
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, "sitecustomize", module)
    replaced: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda _program, argv, _environ: replaced.append(argv))
    return replaced


def test_a_supervisor_that_was_customized_begins_anew(custom: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced = loaded(monkeypatch, custom / "sitecustomize.py")
    interpreter.begin_anew(["run", "--", "true"], {"PYTHONPATH": str(custom)})

    main = os.path.join(os.path.dirname(lifesign.__file__), "__main__.py")
    assert replaced == [[sys.executable, "-S", "-E", main, "run", "--", "true"]]


def test_a_supervisor_that_would_be_inspected_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    replaced = loaded(monkeypatch, Path("/usr/lib/python3/sitecustomize.py"))
    monkeypatch.setattr(sys, "flags", SimpleNamespace(inspect=1))
    interpreter.begin_anew(["run"], {"PYTHONINSPECT": "1"})
    interpreter.begin_anew(["run"], {"PYTHONINSPECT": "1", "PYTHONHOME": "/opt/python"})  # else for ever
    assert [line[-1] for line in replaced] == ["run"]


def test_what_the_python_brings_itself_is_no_reason(custom: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced = loaded(monkeypatch, Path("/usr/lib/python3/sitecustomize.py"))
    interpreter.begin_anew(["run", "--", "true"], {"PYTHONPATH": str(custom)})
    assert replaced == []


def test_what_cannot_begin_anew_goes_on(
    custom: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    loaded(monkeypatch, custom / "sitecustomize.py")
    monkeypatch.setattr(os, "execve", refused)
    interpreter.begin_anew(["run"], {"PYTHONPATH": str(custom)})
    assert "counts in the supervisor too: Operation not permitted" in capfd.readouterr().err
