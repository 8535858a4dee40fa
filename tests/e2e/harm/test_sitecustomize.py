"""What Python imports at its start says nothing and harms nothing, in every version that may find it on its path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.victims import INJECT

# Whatever is installed here that lifesign does not run on.
INSTALLED = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
PYTHONS = [path for old in ("2.*", "3.[5-8].*") for path in INSTALLED.glob(f"versions/{old}/bin/python")]


@pytest.mark.parametrize("python", [Path(sys.executable), *PYTHONS], ids=lambda path: path.parent.parent.name)
def test_it_says_nothing_and_the_programs_own_is_run(python: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("own = True\n")
    environ = {**os.environ, "PYTHONPATH": f"{INJECT}:{tmp_path}", "LIFESIGN_DIR": str(tmp_path / "none")}
    environ["PYTHONDONTWRITEBYTECODE"] = "1"
    line = [str(python), "-W", "error", "-c", "import sitecustomize; print(sitecustomize.own)"]
    done = subprocess.run(line, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_without_one_of_its_own_nothing_is_missing(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(INJECT), "LIFESIGN_DIR": str(tmp_path)}
    line = [sys.executable, "-c", "import asyncio; asyncio.run(asyncio.sleep(0))"]
    assert subprocess.run(line, env=environ, capture_output=True, timeout=60, check=True).stderr == b""
    assert len(list(tmp_path.iterdir())) == 1
