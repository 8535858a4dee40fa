"""lifesign in the service's environment and ``LIFESIGN_DIR`` is enough, whatever stands first on ``PYTHONPATH``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipapp
from pathlib import Path
from typing import Mapping

import pytest

import lifesign
from support import victims
from support.built import PYTHONS
from support.paths import ROOT

SERVICE = "import asyncio, lifesign; asyncio.run(asyncio.sleep(0.1)); print(lifesign.__version__)"
LEAVES = (
    "import sys, asyncio; asyncio.run(asyncio.sleep(0)); print(*(name for name in sys.modules if 'lifesign' in name))"
)


PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which Python has what builds, and a pip that installs for every version."""
    folder = tmp_path_factory.mktemp("tools")
    line = [sys.executable, *PIP, "install", "--target", str(folder), "hatchling==1.33.0", "pip==25.3"]
    subprocess.run(line, check=True, timeout=300)
    return {**os.environ, "PYTHONPATH": str(folder)}


@pytest.fixture(scope="module")
def wheel(tools: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source distribution, so that both have all that belongs to it."""
    here = tmp_path_factory.mktemp("wheel")
    line = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(here)]
    subprocess.run(line, cwd=ROOT, env=tools, capture_output=True, check=True, timeout=60)
    (sources,) = here.glob("*.tar.gz")
    line = [sys.executable, *PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", str(here), str(sources)]
    subprocess.run(line, env=tools, check=True, timeout=300)
    (found,) = here.glob("*.whl")
    return found


def environment_of(python: str, folder: Path) -> Path:
    """A virtual environment without pip, which not every Python has."""
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    return folder / "bin" / "python"


def pip(tools: dict[str, str], python: Path, *arguments: str) -> None:
    line = [sys.executable, *PIP, "--python", str(python), *arguments]
    subprocess.run(line, env=tools, check=True, timeout=300, capture_output=True)


def run(python: Path, program: str, environ: Mapping[str, str], *flags: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LIFESIGN_", "PYTHON"))}
    line = [str(python), *flags, "-c", program]
    done = subprocess.run(line, env={**kept, **environ}, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return done.stdout.strip()


# Which .pth files are read at a start, and how, changed in 3.13 and 3.15.
SHAPES = [version for version in PYTHONS if version not in ("3.10", "3.11", "3.12", "3.14")]


@pytest.mark.parametrize("version", SHAPES)
def test_installed_it_watches_and_uninstalled_it_leaves_nothing(
    version: str, tools: dict[str, str], wheel: Path, tmp_path: Path
) -> None:
    python = environment_of(PYTHONS[version], tmp_path / "venv")
    before = sorted((tmp_path / "venv").rglob("*.pth"))
    pip(tools, python, "install", "--no-deps", str(wheel))
    for flags in ((), ("-I",), ("-E",)):
        directory = tmp_path / f"run{''.join(flags)}"
        directory.mkdir()
        assert run(python, SERVICE, {"LIFESIGN_DIR": str(directory)}, *flags) == lifesign.__version__
        (folder,) = victims.folders(directory)
        assert b'"how":"clean"' in (folder / "pulse").read_bytes()[8192:12288]
    assert run(python, LEAVES, {}) == ""
    pip(tools, python, "uninstall", "-y", "lifesign")
    assert sorted((tmp_path / "venv").rglob("*.pth")) == before
    assert list((tmp_path / "venv").rglob("lifesign*")) == []


def test_an_editable_install_watches_too(tmp_path: Path) -> None:
    """As this one is."""
    run(Path(sys.executable), SERVICE, {"LIFESIGN_DIR": str(tmp_path)})
    assert len(victims.folders(tmp_path)) == 1


def test_another_sitecustomize_that_stands_first_does_not_keep_it_out(tmp_path: Path) -> None:
    first, directory = tmp_path / "first", tmp_path / "run"
    first.mkdir()
    directory.mkdir()
    (first / "sitecustomize.py").write_text("own = True\n")
    environ = {"LIFESIGN_DIR": str(directory), "PYTHONPATH": os.pathsep.join((str(first), str(victims.INJECT)))}
    assert run(Path(sys.executable), f"{SERVICE}; import sitecustomize; print(sitecustomize.own)", environ) == (
        f"{lifesign.__version__}\nTrue"
    )
    assert len(victims.folders(directory)) == 1


def test_in_a_folder_on_pythonpath_it_needs_its_entry_there(tools: dict[str, str], wheel: Path, tmp_path: Path) -> None:
    python = environment_of(sys.executable, tmp_path / "venv")
    pip(tools, python, "install", "--no-deps", "--target", str(tmp_path / "folder"), str(wheel))
    entries = [str(tmp_path / "folder"), str(tmp_path / "folder" / "lifesign" / "agent" / "inject")]
    for number, path in enumerate((entries[:1], entries[::-1])):
        directory = tmp_path / f"run{number}"
        directory.mkdir()
        run(python, SERVICE, {"LIFESIGN_DIR": str(directory), "PYTHONPATH": os.pathsep.join(path)})
        assert len(victims.folders(directory)) == number


def test_a_zipapp_is_watched_by_what_is_on_pythonpath(tmp_path: Path) -> None:
    source, directory = tmp_path / "source", tmp_path / "run"
    source.mkdir()
    directory.mkdir()
    (source / "__main__.py").write_text("import asyncio; asyncio.run(asyncio.sleep(0.1))")
    zipapp.create_archive(source, tmp_path / "shop.pyz")
    environ = {**os.environ, "LIFESIGN_DIR": str(directory), "PYTHONPATH": str(victims.INJECT)}
    subprocess.run([sys.executable, str(tmp_path / "shop.pyz")], env=environ, check=True, timeout=60)
    assert len(victims.folders(directory)) == 1


def test_the_injected_agent_is_taken_whatever_is_installed(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    injected = subprocess.run(
        [sys.executable, "-m", "lifesign", "inject", str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout.strip()
    names = tmp_path / "lifesign" / "semconv.py"
    names.write_text(names.read_text().replace(f'VERSION = "{lifesign.__version__}"', 'VERSION = "0.0.7"'))
    shutil.rmtree(tmp_path / "lifesign" / "__pycache__")
    environ = {"LIFESIGN_DIR": str(directory), "PYTHONPATH": injected.partition("=")[2]}
    assert run(Path(sys.executable), SERVICE, environ) == "0.0.7"
    (folder,) = victims.folders(directory)
    assert b'"0.0.7"' in (folder / "pulse").read_bytes()


def test_our_own_commands_are_not_watched(tmp_path: Path) -> None:
    program = "import sys; sys.argv[1:] = ['inject', sys.argv[1]]; from lifesign.cli.main import main; main()"
    loop = "import asyncio; asyncio.run(asyncio.sleep(0.1))"
    directory = tmp_path / "run"
    directory.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    line = [sys.executable, "-c", f"{program}; {loop}", str(tmp_path)]
    subprocess.run(line, env={**kept, "LIFESIGN_DIR": str(directory)}, check=True, timeout=60)
    assert victims.folders(directory) == []
