"""`lifesign inject` leaves a whole agent behind, or nothing."""

from __future__ import annotations

import compileall
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lifesign
from lifesign.cli import inject as verb

COMPILED = "wire"  # of all its folders, the one that is compiled here: it takes long
PYTHON = f"cpython-{sys.version_info.major}{sys.version_info.minor}"


@pytest.fixture(scope="module")
def injected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy that was made under the strictest umask."""
    path = tmp_path_factory.mktemp("injected")
    before, compile_dir = os.umask(0o077), compileall.compile_dir

    def compile_few(directory: str, **options: Any) -> Any:
        return compile_dir(os.path.join(directory, COMPILED), **options)

    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(compileall, "compile_dir", compile_few)
            verb.inject(str(path))
    finally:
        os.umask(before)
    return path


def test_it_holds_no_room_of_the_sidecar_and_no_command(injected: Path) -> None:
    entries = set((injected / "lifesign").iterdir())
    assert {entry.name for entry in entries if entry.is_dir()} == {"agent", "judge", "wire"}
    names = {entry.name for entry in entries}
    assert {"__init__.py", "probe.py", "py.typed", "settings.py"} <= names
    assert "__main__.py" not in names
    assert os.listdir(injected) == ["lifesign"]


def test_compiled_modules_hold_on_a_read_only_mount_with_other_times(injected: Path) -> None:
    sources = list((injected / "lifesign" / COMPILED).rglob("*.py"))
    assert sources
    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.{PYTHON}.pyc"
        assert int.from_bytes(compiled.read_bytes()[4:8], "little") == 0b01  # by hash, unchecked


def test_everybody_may_read_it_whatever_the_umask(injected: Path) -> None:
    for path in [injected / "lifesign", *(injected / "lifesign").rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)


@pytest.fixture
def directory(injected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own with an earlier copy; what is copied there anew is not compiled, which takes long."""
    monkeypatch.setattr(compileall, "compile_dir", lambda *args, **options: None)
    return Path(shutil.copytree(injected, tmp_path / "injected"))


def test_a_second_call_replaces_the_first(directory: Path, cli: Callable) -> None:
    (directory / "lifesign" / "agent" / "stale.py").touch()

    code, out, _ = cli("inject", str(directory))

    assert (code, out) == (0, f"PYTHONPATH={directory}/lifesign/agent/inject\n")
    assert (directory / "lifesign" / "agent" / "inject" / "sitecustomize.py").exists()
    assert not (directory / "lifesign" / "agent" / "stale.py").exists()
    assert os.listdir(directory) == ["lifesign"]


def test_a_failure_leaves_the_first_in_place(directory: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable) -> None:
    (directory / "lifesign" / "mark").touch()
    rename = os.rename

    def failing(source: str, target: str) -> None:
        if source.endswith("new"):
            raise OSError(28, "No space left on device", source)
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    code, _, err = cli("inject", str(directory))

    assert code == 3
    assert "cannot be written: No space left on device" in err
    assert (directory / "lifesign" / "mark").exists()
    assert os.listdir(directory) == ["lifesign"]


@pytest.mark.parametrize(
    ("directory", "what"),
    [
        ("/tmp/a:b", "cannot be on a PYTHONPATH"),
        ("/proc/no", "/proc/no cannot be written: No such file or directory"),
        (__file__, f"{__file__} is a file"),
        (f"{__file__}/below", f"{__file__} is a file"),
        (str(Path(lifesign.__file__).parents[1]), "is a full lifesign"),
    ],
)
def test_where_it_cannot_go(cli: Callable, directory: str, what: str) -> None:
    code, out, err = cli("inject", directory)

    assert (code, out) == (3, "")
    assert what in err
