"""`lifesign inject` leaves a whole agent behind, or nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import lifesign
from lifesign.cli import inject as verb

PYTHON = f"cpython-{sys.version_info.major}{sys.version_info.minor}"


def test_the_copy_brings_the_agent_into_a_bare_python(tmp_path: Path, cli: Callable) -> None:
    directory, run_directory = tmp_path / "injected", tmp_path / "run"
    run_directory.mkdir()

    code, out, _ = cli("inject", str(directory))

    assert (code, out) == (0, f"PYTHONPATH={directory}/lifesign/agent/inject\n")
    script = "import asyncio, lifesign; asyncio.run(asyncio.sleep(0)); print(lifesign.__file__)"
    environ = {"PYTHONPATH": out.strip().partition("=")[2], "LIFESIGN_DIR": str(run_directory)}
    ended = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert ended.stdout == f"{directory}/lifesign/__init__.py\n"
    assert [entry.name.partition("-")[0].isdigit() for entry in run_directory.iterdir()] == [True]


def test_it_holds_only_what_the_main_process_needs(tmp_path: Path) -> None:
    verb.inject(str(tmp_path))

    assert {entry.name for entry in (tmp_path / "lifesign").iterdir()} == {
        "__init__.py", "errors.py", "py.typed", "semconv.py", "settings.py", "agent", "wire", "__pycache__",
    }  # fmt: skip
    assert os.listdir(tmp_path) == ["lifesign"]


def test_compiled_modules_hold_on_a_read_only_mount_with_other_times(tmp_path: Path) -> None:
    verb.inject(str(tmp_path))

    for source in (tmp_path / "lifesign").rglob("*.py"):
        compiled = source.parent / "__pycache__" / f"{source.stem}.{PYTHON}.pyc"
        assert int.from_bytes(compiled.read_bytes()[4:8], "little") == 0b01  # by hash, unchecked


def test_everybody_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        verb.inject(str(tmp_path))
    finally:
        os.umask(before)

    for path in [tmp_path / "lifesign", *(tmp_path / "lifesign").rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)


def test_a_second_call_replaces_the_first(tmp_path: Path) -> None:
    verb.inject(str(tmp_path))
    (tmp_path / "lifesign" / "agent" / "stale.py").touch()

    verb.inject(str(tmp_path))

    assert not (tmp_path / "lifesign" / "agent" / "stale.py").exists()
    assert os.listdir(tmp_path) == ["lifesign"]


def test_a_failure_leaves_the_first_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable) -> None:
    verb.inject(str(tmp_path))
    (tmp_path / "lifesign" / "mark").touch()
    rename = os.rename

    def failing(source: str, target: str) -> None:
        if source.endswith("new"):
            raise OSError(28, "No space left on device", source)
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    code, _, err = cli("inject", str(tmp_path))

    assert code == 3
    assert "cannot be written: No space left on device" in err
    assert (tmp_path / "lifesign" / "mark").exists()
    assert os.listdir(tmp_path) == ["lifesign"]


@pytest.mark.parametrize(
    ("directory", "what"),
    [
        ("/tmp/a:b", "cannot stand on a PYTHONPATH"),
        ("/proc/no", "/proc/no cannot be written: No such file or directory"),
        (str(Path(lifesign.__file__).parents[1]), "is a full lifesign"),
    ],
)
def test_where_it_cannot_go(cli: Callable, directory: str, what: str) -> None:
    code, out, err = cli("inject", directory)

    assert (code, out) == (3, "")
    assert what in err
